"""Faults of the device itself: it heard well and does something else than it says."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.fault.dice import Seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.fault.wire import Obeying
    from hil.framing import Request
    from hil.station import Chunk, Framing

_WRITES = (5, 6, 15, 16)
_CHARACTER_BITS = 10  # start bit, eight data bits with the lowest first, stop bit


@dataclass(slots=True, eq=False)
class Ignore(Seeded):
    """A Modbus write is acknowledged and not obeyed, as in local mode; reads go on."""

    rate: float = 1.0

    def meet(self, t_s: float, request: Request, station: Obeying) -> Sequence[Chunk]:
        """The acknowledgement of a write that never happened."""
        if request.body[0] in _WRITES and self.hit(self.rate):
            return [(t_s, request.body[:5])]
        return station.obey(t_s, request)


@dataclass(slots=True, eq=False)
class Lock(Seeded):
    """Modbus writes are refused with this code until somebody re-arms the device (`clear`); reads go on."""

    code: int = 4

    def meet(self, t_s: float, request: Request, station: Obeying) -> Sequence[Chunk]:
        """The refusal of a write."""
        if request.body[0] in _WRITES:
            self.count += 1
            return [(t_s, station.refuse(request, self.code))]
        return station.obey(t_s, request)


@dataclass(slots=True, eq=False)
class Behind(Seeded):
    """Each reply is the one that belonged to the request before."""

    kept: list[tuple[float, bytes]] | None = dataclasses.field(default=None, init=False, repr=False)

    def meet(self, t_s: float, request: Request, station: Obeying) -> Sequence[Chunk]:
        """The answer to the last request; the first time its own."""
        chunks = station.obey(t_s, request)
        answer = chunks if self.kept is None else [(t_s + after_s, body) for after_s, body in self.kept]
        self.count += self.kept is not None
        self.kept = [(at_s - t_s, body) for at_s, body in chunks]
        return answer


@dataclass(slots=True, eq=False)
class Baud(Seeded):
    """The device sends at `ratio` times the baud rate of the line: the other side samples its bits at the wrong times."""

    ratio: float = 0.5

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:  # noqa: ARG002
        """What a receiver at its own rate makes of the reply."""
        self.count += bool(chunks)
        return [(at_s, _sampled(data, self.ratio)) for at_s, data in chunks]


def _sampled(data: bytes, ratio: float) -> bytes:
    """Bytes that a receiver takes from the bits of `data`, sent `ratio` times as fast as it listens."""
    bits: list[int] = []
    for byte in data:
        bits += [0, *(byte >> place & 1 for place in range(8)), 1]
    length = len(bits) / ratio

    def level(at: float) -> int:
        return bits[int(at * ratio)] if at < length else 1

    heard, at = bytearray(), 0.0
    while at < length:
        if level(at + 0.5):
            at += 1.0 / 8.0
            continue
        heard.append(sum(level(at + 1.5 + place) << place for place in range(8)))
        at += _CHARACTER_BITS
    return bytes(heard)
