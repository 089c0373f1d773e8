"""A bus with its instruments, and a controller's end of it: bytes in, bytes out, time as an argument."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hil.fault.wire import Echo
    from hil.station import Chunk, Framing, Station, Talker

_FRAME_BREAK_S = 0.05  # RTU bytes this far apart belong to different frames, even behind a USB adapter


@dataclass(slots=True, eq=False)
class Bus:
    """What all connections to one line share: stations, faults of the line itself, counts."""

    stations: list[Station]
    sync: Callable[[float], None]
    talkers: list[Talker] = field(default_factory=list)
    echo: Echo | None = None
    plugged: bool = True
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Pace:
    """The wire's own time on a serial line.

    `char_s` is one character with start, parity and stop bits. A frame that begins less than `silence_s` after the
    last one ended is a short gap; a strict bus does not hear it (Modbus over Serial Line V1.02 section 2.5.1.1).
    Bytes reach the controller in pieces of 1 ms or one character, whichever is longer.
    """

    char_s: float
    silence_s: float
    strict: bool = False
    last_end_s: float = -1.0

    @classmethod
    def of(cls, baud: int, bits: int, silence_chars: float, *, strict: bool = False) -> Pace:
        """The pace of a line; above 19200 baud the RTU silence is a fixed 1.75 ms."""
        char_s = bits / baud
        silence_s = silence_chars * char_s
        if silence_chars and baud > 19200:
            silence_s = 1.75e-3
        return cls(char_s, silence_s, strict)

    def spread(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The same bytes as pieces, each at the time its last character has ended."""
        size = max(1, int(1e-3 / self.char_s))
        pieces: list[Chunk] = []
        cursor_s = 0.0
        for at_s, data in chunks:
            cursor_s = max(cursor_s, at_s)
            for start in range(0, len(data), size):
                piece = data[start : start + size]
                cursor_s += len(piece) * self.char_s
                pieces.append((cursor_s, piece))
        return pieces


class Line:
    """The controller's end of a bus.

    `write` gives the instruments what the controller sent at t_s; `next_at` says when something will arrive;
    `read` hands over what has arrived by t_s. Times never decrease. Without a pace, replies arrive whole after the
    instrument's own turnaround.
    """

    def __init__(self, name: str, bus: Bus, framing: Framing, pace: Pace | None = None) -> None:
        self.name = name
        self.bus = bus
        self._framing = framing
        self._pace = pace
        self._pending: list[tuple[float, int, bytes]] = []
        self._sent = 0
        self._heard_s = 0.0

    @property
    def counts(self) -> Counter[str]:
        """Requests, replies, bad frames and short gaps since the start."""
        return self.bus.counts

    def take_pace(self, baud: int, bits: int, *, strict: bool) -> None:
        """From here on bytes take their time on the wire."""
        self._pace = Pace.of(baud, bits, self._framing.silence_chars, strict=strict)

    def session(self) -> Line:
        """Another connection to the same bus, as a TCP server gives to each client."""
        return Line(self.name, self.bus, type(self._framing)(), self._pace)

    def write(self, t_s: float, data: bytes) -> None:
        """Take bytes the controller sent at t_s; instruments that are addressed act at once."""
        bus = self.bus
        bus.sync(t_s)
        if not bus.plugged:
            return
        heard_s = t_s if self._pace is None else self._hear(t_s, data, self._pace)
        if bus.echo is not None:
            self._send(bus.echo.repeat(t_s, data))
        if heard_s is None:
            return
        if heard_s > t_s:
            bus.sync(heard_s)
        framing, bad_before = self._framing, self._framing.bad_frames
        if not framing.idle and framing.silence_chars and t_s - self._heard_s > _FRAME_BREAK_S:
            framing.reset()
        self._heard_s = t_s
        for request in framing.feed(data):
            bus.counts["requests"] += 1
            for station in bus.stations:
                chunks = station.answer(heard_s, request, framing)
                if chunks:
                    bus.counts["replies"] += 1
                    self._send(chunks)
        bus.counts["bad_frames"] += framing.bad_frames - bad_before

    def _hear(self, t_s: float, data: bytes, pace: Pace) -> float | None:
        """When the last character has been heard; None if a strict bus missed the start of it."""
        end_s = t_s + len(data) * pace.char_s
        missed = False
        if self._framing.idle and pace.silence_s:
            for at_s, _, _ in self._pending:
                if at_s <= end_s:
                    pace.last_end_s = max(pace.last_end_s, at_s)
            if t_s - pace.last_end_s < pace.silence_s - 1e-9:
                self.bus.counts["short_gaps"] += 1
                missed = pace.strict
        pace.last_end_s = max(pace.last_end_s, end_s)
        return None if missed else end_s + pace.silence_s

    def _send(self, chunks: Sequence[Chunk]) -> None:
        for at_s, data in chunks if self._pace is None else self._pace.spread(chunks):
            if data:
                self._sent += 1
                heapq.heappush(self._pending, (at_s, self._sent, data))

    def next_at(self) -> float | None:
        """When the controller will next receive something, None if nothing is on its way."""
        at_s = self._pending[0][0] if self._pending else None
        for talker in self.bus.talkers:
            due_s = talker.due_s()
            if due_s is not None and (at_s is None or due_s < at_s):
                at_s = due_s
        return at_s if self.bus.plugged else None

    def read(self, t_s: float) -> bytes:
        """Everything that has arrived at the controller by t_s and was not read before."""
        if self.bus.talkers:
            self._listen(t_s)
        pending = self._pending
        if not self.bus.plugged:
            pending.clear()
        if not pending or pending[0][0] > t_s:
            return b""
        arrived = []
        while pending and pending[0][0] <= t_s:
            at_s, _, data = heapq.heappop(pending)
            arrived.append(data)
            if self._pace is not None:
                self._pace.last_end_s = max(self._pace.last_end_s, at_s)
        return b"".join(arrived)

    def _listen(self, t_s: float) -> None:
        """Collect what instruments said unasked up to t_s."""
        for talker in self.bus.talkers:
            while (due_s := talker.due_s()) is not None and due_s <= t_s:
                self.bus.sync(due_s)
                self._send(talker.emit(due_s))

    def drop(self) -> None:
        """Forget everything on its way: the cable was pulled or the connection closed."""
        self._pending.clear()
        self._framing.reset()
