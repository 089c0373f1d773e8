"""ASCII lines: one request at a time, and no late reply taken for the next one's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from edgectl.model.fault import BadReply, InstrumentFault, NoReply, Unheard
from edgectl.wire.half_duplex import ADAPTER_S, OWED_S, HalfDuplex, Pace
from edgectl.wire.link import Link
from edgectl.wire.statistic import LineStatistics

_LONGEST = 4096
_FREE_PIECES = 32
_PACE_S = 0.002
_SHOWN = 40

Complete = Callable[[bytes], bool]
"""Whether the bytes so far are a whole reply."""


class Ascii:
    """The wire of an ASCII line.

    A reply carries no number and often no address. After a request that got none, or was cancelled, the line stays quiet until the owed reply has come or can be
    excluded (``OWED_S``). Only where addresses are letters, and so begin the replies, may others be asked meanwhile; then their
    replies must begin with their own letter. While ``hasty``, a request goes out all the same, but nothing that comes is taken for its reply.

    ``echo`` is whether the adapter repeats what is sent; None while not known. A repeated request is removed, so an instrument cannot answer with it.
    """

    def __init__(self, link: Link, pace: Pace, timeout_s: float, statistics: LineStatistics) -> None:
        self.echo: bool | None = None
        self.hasty = False
        self._link = link
        self._line = HalfDuplex(link, pace, statistics)
        self._timeout_s = timeout_s
        self._statistics = statistics
        self._lock = asyncio.Lock()
        self._owed: dict[str, float] = {}

    def begin(self) -> None:
        """The link has been opened anew: whether this adapter echoes is not known."""
        self._line.begin()
        self.echo = None

    def end(self) -> None:
        """The link is closed; what was owed is owed until its time is over."""

    def owed_until(self, address: str) -> float:
        """The loop's time until which a request to ``address`` has to wait for a reply that is owed."""
        return max((self._owed[other] for other in self._owed if _alike(other, address)), default=0.0)

    async def exchange(
        self, address: str, request: bytes, complete: Complete, timeout_s: float | None = None
    ) -> bytes:
        """One exchange: the whole reply.

        Raises:
            InstrumentFault: there was none.
        """
        async with self._lock:
            limit_s = self._timeout_s if timeout_s is None else timeout_s
            if self._owed:
                if self.hasty and self.owed_until(address) > self._line.now():
                    await self._send_in_haste(address, request, limit_s)
                await self._wait_for_owed(address)
            begun = self._line.now()
            try:
                return await self._exchange(address, request, complete, limit_s)
            finally:
                self._statistics.busy_s += self._line.now() - begun

    async def settle(
        self, request: bytes, quiet_s: float, gap_s: float | None = None, more_s: float = 0.0
    ) -> bytes:
        """Send, listen for ``quiet_s``, and return what came without the echo: at most the first 4096 bytes.

        With ``gap_s`` it ends as soon as something has come and then nothing for so long; what has begun may take ``more_s`` longer.
        """
        async with self._lock:
            self._statistics.late_bytes += self._link.discard()
            until = await self._line.send(request) + quiet_s
            heard = bytearray()
            by = until
            while self._line.silent_from < until and (data := await self._line.read(by)):
                until, more_s = until + more_s, 0.0
                by = until if gap_s is None else min(until, self._line.silent_from + gap_s)
                heard += data[: _LONGEST - len(heard)]
                await asyncio.sleep(_PACE_S)
            return bytes(heard).removeprefix(request)

    async def _send_in_haste(self, address: str, request: bytes, limit_s: float) -> NoReturn:
        """Send, and keep the line for as long as an answer may take.

        Raises:
            Unheard: always.
        """
        await self._line.quiet()
        self._statistics.requests += 1
        until = await self._line.send(request) + limit_s
        self._owed[address] = until + OWED_S
        await self._line.ignore(until, _PACE_S)
        raise Unheard(
            f"{request!r} was sent while an earlier reply was owed, so no reply tells what became of it"
        )

    async def _exchange(self, address: str, request: bytes, complete: Complete, limit_s: float) -> bytes:
        await self._line.quiet()
        now = self._line.now()
        if self._owed:
            self._owed = {other: until for other, until in self._owed.items() if until > now}
        reply = _Reply(address if self._owed else "", request, complete, self.echo)
        self._owed[address] = now + limit_s + OWED_S
        self._statistics.requests += 1
        sent = await self._line.send(request)
        text = await self._collect(reply, sent + limit_s)
        self._statistics.echoes += reply.stripped
        self.echo = reply.echo
        if not text:
            raise self._failure(address, reply, limit_s)
        del self._owed[address]
        self._statistics.replies += 1
        return text

    async def _collect(self, reply: _Reply, deadline: float) -> bytes:
        """The reply, or empty when it is not complete at the deadline and nothing follows."""
        line = self._line
        end_by = deadline + ADAPTER_S + _LONGEST * line.pace.char_s
        by = deadline + ADAPTER_S
        pieces = 0
        while data := await line.read(by):
            reply.buffer += data
            if text := reply.take(self._statistics):
                return text
            if len(reply.buffer) > _LONGEST or line.silent_from > end_by:
                break
            by = max(by, min(line.silent_from + line.pace.gap_s, end_by))
            pieces += 1
            if pieces > _FREE_PIECES:
                await asyncio.sleep(_PACE_S)
        return reply.take(self._statistics, final=True)

    async def _wait_for_owed(self, address: str) -> None:
        """Listen until the replies that this one's could be taken for have come, or can come no more."""
        while (until := self.owed_until(address)) > self._line.now():
            data = await self._line.read(until)
            if data:
                await asyncio.sleep(self._line.pace.gap_s)
                data += await self._line.read(0.0)
                self._statistics.late_bytes += len(data)
                self._settle_debt(address, data)

    def _settle_debt(self, address: str, late: bytes) -> None:
        """A late reply has come: the one whose letter it begins with, or else whoever it could be from, owes no more."""
        named = chr(late[0])
        alike = [named] if named in self._owed else [other for other in self._owed if _alike(other, address)]
        for other in alike:
            del self._owed[other]

    def _failure(self, address: str, reply: _Reply, limit_s: float) -> InstrumentFault:
        """What went wrong. A reply of which something came is not waited for any longer."""
        who = f"instrument {address}" if address else "the instrument"
        shown = bytes(reply.buffer[:_SHOWN])
        if shown:
            self._owed[address] = self._line.now()
        if len(reply.buffer) > _LONGEST:
            self._statistics.bad_frames += 1
            return BadReply(
                f"{who} sends without end, beginning with {shown!r}; look for a break or a wrong baud rate"
            )
        self._statistics.timeouts += 1
        if shown:
            return NoReply(f"the reply of {who} to {reply.request!r} broke off after {shown!r}")
        return NoReply(f"{who} did not answer {reply.request!r} within {limit_s:g} s")


class _Reply:
    """The bytes since a request went out. With a ``letter`` only what begins with it is the reply."""

    def __init__(self, letter: str, request: bytes, complete: Complete, echo: bool | None) -> None:
        self.letter = letter.encode("ascii")
        self.request = request
        self.echo = echo
        self.stripped = False
        self.buffer = bytearray()
        self._complete = complete

    def take(self, statistics: LineStatistics, *, final: bool = False) -> bytes:
        """The reply if it is whole, else empty. ``final``: nothing more will come."""
        if not self._strip_echo(final=final):
            return b""
        text = bytes(self.buffer)
        if not text or not self._complete(text):
            return b""
        if not text.startswith(self.letter):
            statistics.foreign += 1
            self.buffer.clear()
            return b""
        if not self.stripped:
            self.echo = False
        return text

    def _strip_echo(self, *, final: bool) -> bool:
        """Remove the echo; false while it may still be coming."""
        if self.stripped:
            return True
        if self.request and self.buffer.startswith(self.request):
            del self.buffer[: len(self.request)]
            self.stripped = self.echo = True
            return True
        if self.echo is False or not self.request.startswith(bytes(self.buffer)):
            return True
        return final and self.echo is None


def _alike(one: str, other: str) -> bool:
    """Whether a reply of one could be taken for a reply of the other: only different letters tell."""
    return one == other or not (one.isalpha() and other.isalpha())
