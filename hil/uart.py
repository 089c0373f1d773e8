"""What a receiver hears of bytes that were sent at another baud rate or framing: the bits of the line, sampled at its own rate.

As a 16550 does it: a falling edge begins a character, each bit is looked at in its middle, of the stop bits only the first. A character with a
wrong stop or parity bit is dropped, or with `keep` is taken all the same, which is the worst that can reach an instrument.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.line import Line


@dataclass(frozen=True, slots=True)
class Uart:
    """The setting of one end: bits a second, data bits, parity N, E or O, stop bits."""

    baud: int
    data: int = 8
    parity: str = "N"
    stop: int = 1

    @classmethod
    def of(cls, baud: int, framing: str) -> Uart:
        """From words such as 9600 and 8N2."""
        return cls(baud, int(framing[0]), framing[1], int(framing[2]))

    @property
    def bits(self) -> int:
        """Bits of one character."""
        return 1 + self.data + (self.parity != "N") + self.stop

    def levels(self, byte: int) -> list[int]:
        """The line while one character passes, bit by bit."""
        bits = [byte >> n & 1 for n in range(self.data)]
        parity = [] if self.parity == "N" else [(sum(bits) + (self.parity == "O")) & 1]
        return [0, *bits, *parity, *[1] * self.stop]


@functools.lru_cache(65536)
def heard(data: bytes, sender: Uart, receiver: Uart, *, keep: bool = False) -> bytes:
    """What `receiver` makes of `data` on a line that was quiet before and is afterwards."""
    alike = (sender.baud, sender.data, sender.parity) == (receiver.baud, receiver.data, receiver.parity)
    if alike:
        return bytes(byte & (1 << sender.data) - 1 for byte in data)
    line = [level for byte in data for level in sender.levels(byte)]
    step = sender.baud / receiver.baud  # bits of the sender in one bit of the receiver
    found = bytearray()
    at = 0.0
    while (edge := _falling(line, at)) is not None:
        bits = [_level(line, edge + (n + 1.5) * step) for n in range(receiver.data)]
        has_parity = receiver.parity != "N"
        at = edge + (receiver.data + has_parity + 1.5) * step
        parity = _level(line, at - step) if has_parity else 0
        right = not has_parity or parity == (sum(bits) + (receiver.parity == "O")) & 1
        if keep or (right and _level(line, at)):
            found.append(sum(bit << n for n, bit in enumerate(bits)))
    return bytes(found)


def _level(line: list[int], at: float) -> int:
    return line[int(at)] if at < len(line) else 1


def _falling(line: list[int], at: float) -> int | None:
    """The next bit from `at` on where the line goes down; a line that is low already has to rise first."""
    before = _level(line, at) if at else 1
    for n in range(int(at) + bool(at), len(line)):
        if before and not line[n]:
            return n
        before = line[n]
    return None


class Wiring:
    """One pair of wires with several buses on it, each of its own setting; a controller's end of it, set as `mine`.

    It does for a controller what a `Line` does; `sent` keeps what the controller has said.
    """

    def __init__(
        self, buses: list[tuple[Uart, Line]], mine: Uart, sent: list[bytes], *, keep: bool = False
    ) -> None:
        self._keep = keep
        self._buses = buses
        self._mine = mine
        self._sent = sent

    def write(self, t_s: float, data: bytes) -> None:
        """Each bus hears what it can make of it."""
        self._sent.append(data)
        for uart, line in self._buses:
            if received := heard(data, self._mine, uart, keep=self._keep):
                line.write(t_s, received)

    def next_at(self) -> float | None:
        """When anything will come next."""
        times = [at_s for _, line in self._buses if (at_s := line.next_at()) is not None]
        return min(times, default=None)

    def read(self, t_s: float) -> bytes:
        """What has come, as the controller's setting makes it out."""
        return b"".join(
            heard(line.read(t_s), uart, self._mine, keep=self._keep) for uart, line in self._buses
        )
