"""A Modbus device of no particular maker: every register is described in the rig file.

Addresses are those on the wire. A read that touches an address nobody described is refused whole, and so is a write.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.log import Log
from hil.modbus import (
    ILLEGAL_ADDRESS,
    RefusedError,
    float_words,
    int_word,
    serve,
    signed,
    words_float,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

WIDTHS = {"uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "float32": 2}
TABLES = {
    1: "coil",
    2: "discrete",
    3: "holding",
    4: "input",
    5: "coil",
    6: "holding",
    15: "coil",
    16: "holding",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One quantity in the map: value = raw x scale.

    `channel` names its source or sink; without either it keeps what was written.
    """

    channel: str
    table: str
    address: int
    type: str = "uint16"
    word_order: str = "high"  # which word of a pair comes first
    scale: float = 1.0

    @property
    def width(self) -> int:
        """How many registers (or coils) it takes."""
        return 1 if self.table in ("coil", "discrete") else WIDTHS[self.type]

    def encode(self, value: float) -> Sequence[int]:
        """The registers of a value."""
        if self.table in ("coil", "discrete"):
            return [int(bool(value))]
        raw = value / self.scale
        if self.width == 1:
            return [int_word(raw, signed=self.type == "int16")]
        if self.type == "float32":
            high, low = float_words(raw)
        else:
            high, low = divmod(round(raw) & 0xFFFFFFFF, 0x10000)
        return (high, low) if self.word_order == "high" else (low, high)

    def decode(self, words: Sequence[int]) -> float:
        """The value in its registers."""
        if self.table == "coil":
            return float(words[0] != 0)  # 0xFF00 by function 5, 1 by function 15
        if self.width == 1:
            return (signed(words[0]) if self.type == "int16" else words[0]) * self.scale
        high, low = words if self.word_order == "high" else (words[1], words[0])
        if self.type == "float32":
            return words_float(high, low) * self.scale
        raw = high << 16 | low
        if self.type == "int32" and raw & 0x80000000:
            raw -= 0x100000000
        return raw * self.scale


class ModbusMap:
    """The described device."""

    functions = frozenset({1, 2, 3, 4, 5, 6, 15, 16})

    def __init__(
        self,
        address: int,
        points: Sequence[Point],
        sources: Mapping[str, Source],
        sinks: Mapping[str, Sink],
        turnaround_s: float = 0.002,
    ) -> None:
        self.address = address
        self.sources = sources
        self.sinks = sinks
        self.log = Log()
        self._turnaround_s = turnaround_s
        self._points = points
        self._values = {point.channel: 0.0 for point in points}
        self._owner = {
            (point.table, point.address + offset): (point, offset)
            for point in points
            for offset in range(point.width)
        }

    def addressed(self, request: Request) -> bool:
        """Own address or broadcast."""
        return request.address in (self.address, 0)

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """The reply after the turn-around; none to a broadcast."""
        reply = serve(self, t_s, request.body)
        return [(t_s + self._turnaround_s, reply)] if request.address else ()

    def restart(self, t_s: float) -> None:
        """What was written is forgotten; outputs go to zero."""
        for point in self._points:
            self._put(t_s, point, 0.0)

    def read(self, t_s: float, function: int, address: int, count: int) -> Sequence[int]:
        """Registers or bits; a pair is taken from its value once, however it is asked for."""
        table = TABLES[function]
        words: list[int] = []
        while len(words) < count:
            point, offset = self._find(table, address + len(words))
            words.extend(self._encoded(t_s, point)[offset:])
        return words[:count]

    def _find(self, table: str, address: int) -> tuple[Point, int]:
        try:
            return self._owner[table, address]
        except KeyError:
            raise RefusedError(ILLEGAL_ADDRESS) from None

    def _encoded(self, t_s: float, point: Point) -> Sequence[int]:
        source = self.sources.get(point.channel)
        return point.encode(self._values[point.channel] if source is None else source.read(t_s))

    def write(self, t_s: float, function: int, address: int, values: Sequence[int]) -> None:
        """Take whole points; half of a pair is refused."""
        table, done = TABLES[function], 0
        updates = []
        while done < len(values):
            point, offset = self._find(table, address + done)
            if offset or done + point.width > len(values):
                raise RefusedError(ILLEGAL_ADDRESS)
            updates.append((point, point.decode(values[done : done + point.width])))
            done += point.width
        for point, value in updates:
            self._put(t_s, point, value)

    def _put(self, t_s: float, point: Point, value: float) -> None:
        self._values[point.channel] = value
        sink = self.sinks.get(point.channel)
        if sink is not None:
            sink.write(t_s, value)
