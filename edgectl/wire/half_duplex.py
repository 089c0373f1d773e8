"""Taking turns on a line where only one may speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from edgectl.model.fault import BadReply
from edgectl.model.plan import LinePlan, Medium, Parity
from edgectl.wire.link import Link, TimedLink
from edgectl.wire.statistic import LineStatistics

OWED_S = 2.0
"""How long after its deadline an answer may still come. Until then nothing is asked whose answer it could be taken for."""

ADAPTER_S = 0.016
"""What an adapter may add between two characters: the default latency timer of FTDI chips."""

_GAP_S = 0.1
_NOISE_KEPT = 512
_PATIENCE_CHARS = 256
_PATIENCE_S = 0.05
_LEAST_PAUSE_S = 0.004
_PAUSED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of a line: one character, and the silence that must come before a request.

    RTU asks for 3.5 characters of 11 bits, or 1.75 ms above 19200 baud (Modbus over serial line V1.02, section 2.5.1.1). Eleven bits count
    even where the line uses ten, as instruments with fixed tables do. Behind TCP a gateway keeps the times, and both are 0.
    """

    char_s: float
    silence_s: float

    @classmethod
    def of(cls, plan: LinePlan) -> Pace:
        """The pace of the line in the plan."""
        if plan.medium is Medium.TCP:
            return cls(0.0, 0.0)
        bits = 1 + plan.data_bits + (plan.parity is not Parity.NONE) + plan.stop_bits
        return cls(bits / plan.baud, 1.75e-3 if plan.baud > 19200 else 38.5 / plan.baud)

    @property
    def gap_s(self) -> float:
        """Silence after which a reply that has begun will not go on: far longer than adapters and busy hosts need."""
        return _GAP_S + 4 * self.char_s


class HalfDuplex:
    """A link on which one side speaks at a time; it knows when the last byte went either way."""

    def __init__(self, link: Link, pace: Pace, statistics: LineStatistics) -> None:
        self.pace = pace
        self.silent_from = 0.0
        self.now: Callable[[], float] = time.monotonic
        self._link = link
        self._timed = link if isinstance(link, TimedLink) else None
        self._statistics = statistics

    def begin(self) -> None:
        """The link has been opened anew: who spoke last, and when, is not known."""
        self.now = asyncio.get_running_loop().time
        self.silent_from = self.now()

    async def quiet(self) -> bytes:
        """Wait until nothing has been on the line for the silence, and return the (latest) bytes that arrived unasked.

        Raises:
            BadReply: the line never falls silent.
            LinkFault: the line is gone.
        """
        since = self.now()
        data = await self.read(self.silent_from + self.pace.silence_s)
        return await self._hush(data, since) if data else b""

    async def _hush(self, data: bytes, since: float) -> bytes:
        """Something was heard: until nothing is."""
        stray = b""
        give_up_at = since + _PATIENCE_S + _PATIENCE_CHARS * self.pace.char_s
        while data:
            self.silent_from = self.now()
            await asyncio.sleep(
                self.pace.silence_s
            )  # a line that babbles is looked at once a silence, not once a byte
            self._statistics.late_bytes += len(data)
            stray = (stray + data)[-_NOISE_KEPT:]
            if self.silent_from > give_up_at:
                raise BadReply(
                    "the line never falls silent; look for a second master, a break or a short circuit"
                )
            data = await self.read(self.silent_from + self.pace.silence_s)
        return stray

    async def send(self, data: bytes) -> float:
        """Send, and return the time when the last character has left."""
        await self._link.write(data)
        self.silent_from = self.now() + len(data) * self.pace.char_s
        return self.silent_from

    async def read(self, until: float) -> bytes:
        """What has arrived or arrives before the loop's time is ``until``; empty if nothing does."""
        wait_s = until - self.now()
        data = await self._link.read(max(0.0, wait_s))
        if data:
            heard_s = self.now() if self._timed is None else self._timed.heard_s
            self.silent_from = max(self.silent_from, heard_s)
        return data

    async def ignore(self, until: float, pace_s: float) -> None:
        """Keep the line until the loop's time is ``until``, and count what comes as late; a line that babbles is looked at once in ``pace_s``."""
        while data := await self.read(until):
            self._statistics.late_bytes += len(data)
            await asyncio.sleep(pace_s)

    async def pause(self, chars: int) -> None:
        """Sleep through most of the time that so many characters need, one of which may be all but here: one wake-up for all."""
        pause_s = _PAUSED_SHARE * (chars - 1) * self.pace.char_s
        if pause_s > _LEAST_PAUSE_S:
            await asyncio.sleep(pause_s)
