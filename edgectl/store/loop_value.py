"""Loops as people want to see them: what a loops record of the journal holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgectl.model.instant import Instant
from edgectl.store.block import pack, unpack


class LoopValue(NamedTuple):
    """What a person wants to see of a loop. ``value`` is None unless GOOD or UNCERTAIN; ``in_band`` is True only for a GOOD value.

    ``health`` is how it does in a word, and ``health_line`` in a line; both are empty where nobody watches that.
    """

    loop: str
    mode: str
    setpoint: float
    value: float | None
    output: float
    condition: str
    in_band: bool
    at: Instant
    health: str = ""
    health_line: str = ""


def pack_loops(rows: Sequence[LoopValue], names: bytes) -> bytes:
    """The body of a loops record."""
    table = [
        (*row[:5], _said(row), row.in_band, row.at.mono_ns, row.at.utc_ns - row.at.mono_ns) for row in rows
    ]
    return pack(("ssfffsbii",), (table,), names)


def unpack_loops(body: bytes, names: bytes) -> list[LoopValue]:
    """The rows of a loops record."""
    (table,) = unpack(("ssfffsbii",), body, names)
    return [
        LoopValue(
            loop,
            mode,
            setpoint,
            value,
            output,
            condition,
            bool(in_band),
            Instant(mono, mono + offset),
            *health,
        )
        for loop, mode, setpoint, value, output, said, in_band, mono, offset in table
        for condition, *health in [said.split("\t", 2)]
    ]


def _said(row: LoopValue) -> str:
    """The condition, and the health behind it where there is one: so blocks from before there was health read as they did."""
    return f"{row.condition}\t{row.health}\t{row.health_line}" if row.health else row.condition
