"""Which registers to read in one request (Modbus application protocol V1.1b3, sections 6.1-6.4)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace


class Table(enum.IntEnum):
    """The four tables of a Modbus instrument, by the function that reads them."""

    COILS = 1
    DISCRETE_INPUTS = 2
    HOLDING = 3
    INPUT = 4


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """``count`` neighbours of one table from wire ``address`` on."""

    table: Table
    address: int
    count: int

    @property
    def end(self) -> int:
        """The address behind the last one."""
        return self.address + self.count

    def holds(self, point: Span) -> bool:
        """Whether all of ``point`` lies in this one."""
        return self.table is point.table and self.address <= point.address and point.end <= self.end


def coalesce(
    points: Iterable[Span], *, max_gap: int = 0, max_registers: int = 125, max_bits: int = 2000
) -> tuple[Span, ...]:
    """The fewest blocks, in order, so that each point lies whole in one block.

    Up to ``max_gap`` addresses that nobody asked for are read to join two points; the limits are those of one request.

    Raises:
        ValueError: a point is empty, or longer than one request may be.
    """
    blocks: list[Span] = []
    for point in sorted(set(points)):
        longest = max_bits if point.table in (Table.COILS, Table.DISCRETE_INPUTS) else max_registers
        if not 1 <= point.count <= longest:
            raise ValueError(
                f"{point.table.name} {point.address}: {point.count} long, one request reads 1..{longest}"
            )
        last = blocks[-1] if blocks else None
        if last is not None and last.table is point.table and point.address <= last.end + max_gap:
            end = max(last.end, point.end)
            if end - last.address <= longest:
                blocks[-1] = replace(last, count=end - last.address)
                continue
        blocks.append(point)
    return tuple(blocks)
