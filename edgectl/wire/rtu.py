"""Modbus RTU: one request at a time, and no answer taken for another's (Modbus over serial line V1.02)."""

from __future__ import annotations

import asyncio

from edgectl.model.fault import BadReply, InstrumentFault, NoReply
from edgectl.wire.frame import LONGEST, Expected, find, seal, whole
from edgectl.wire.half_duplex import ADAPTER_S, OWED_S, HalfDuplex, Pace
from edgectl.wire.link import Link
from edgectl.wire.modbus import Question, refusal
from edgectl.wire.statistic import LineStatistics

_TOO_MUCH = 2 * LONGEST
_CONFLICT_S = 0.05
_LISTEN_S = 0.005
_NOBODY = 248  # 248..255 are reserved addresses (section 2.2)
_ECHO_S = 0.05


class Rtu:
    """The wire of a Modbus RTU line.

    A reply carries no number, so after a request that got none, or was cancelled, nothing with the same unit and function is asked until the owed reply
    has come or can be excluded (``OWED_S``); other functions and units are not held up. A request is never sent twice.

    ``echo`` is whether the adapter repeats what is sent; None while not known. Where the answer may equal the request (functions 05, 06) it must be
    known before: a read to an address that nobody has shows it.
    """

    def __init__(self, link: Link, pace: Pace, timeout_s: float, statistics: LineStatistics) -> None:
        self.echo: bool | None = None
        self._line = HalfDuplex(link, pace, statistics)
        self._timeout_s = timeout_s
        self._statistics = statistics
        self._lock = asyncio.Lock()
        self._owed: dict[tuple[int, int], float] = {}
        self._doubted: set[int] = set()
        self._sent = b""

    def begin(self) -> None:
        """The link has been opened anew: whether this adapter echoes is not known, unless there is none."""
        self.echo = None if self._line.pace.char_s else False

    def end(self) -> None:
        """The link is closed; what was owed is owed until its time is over."""

    def owed_until(self, unit: int) -> float:
        """The loop's time until which ``unit`` may still answer something it was asked."""
        return max((until for (owing, _), until in self._owed.items() if owing == unit), default=0.0)

    async def ask(self, unit: int, question: Question) -> bytes:
        """One exchange: the PDU of the good answer.

        Raises:
            InstrumentFault: there was none.
        """
        async with self._lock:
            await self._wait_for_owed((unit, question.function))
            begun = asyncio.get_running_loop().time()
            try:
                return await self._exchange(unit, question)
            finally:
                self._statistics.busy_s += asyncio.get_running_loop().time() - begun

    async def _exchange(self, unit: int, question: Question) -> bytes:
        expected = Expected.of(unit, question)
        request = seal(unit, question.pdu)
        if self.echo is None and find(request, expected):
            await self._learn_echo()
        self._sift(await self._line.quiet())
        reply = _Reply(request, expected, self.echo)
        self._statistics.requests += 1
        self._sent = request
        key = unit, question.function
        self._owed[key] = asyncio.get_running_loop().time() + self._timeout_s + OWED_S
        sent = await self._line.send(request)
        frame = await self._collect(reply, sent)
        self.echo = reply.echo
        self._statistics.echoes += reply.stripped
        if not frame:
            raise self._failure(key, reply, sent)
        await self._confirm(unit, reply)
        del self._owed[key]
        if frame[1] != question.function:
            self._statistics.refusals += 1
            raise refusal(unit, question, frame[2])
        self._statistics.replies += 1
        return frame[1:-2]

    async def _collect(self, reply: _Reply, sent: float) -> bytes:
        """The answer's frame, or empty when none comes any more.

        It may begin until the timeout is over. Once it has, it may go on for the time its length takes, with what an adapter may add to each
        character, but not after a gap.
        """
        line = self._line
        size = reply.expected.size
        begin_by = sent + self._timeout_s + ADAPTER_S
        end_by = begin_by + size * (line.pace.char_s + ADAPTER_S)
        by = begin_by
        while data := await line.read(by):
            reply.buffer += data
            if frame := reply.take():
                return frame
            while reply.drop_foreign():
                self._statistics.foreign += 1
                self._sift(reply.foreign, late=False)
            if len(reply.buffer) > _TOO_MUCH:
                break
            by = min(line.silent_from + line.pace.gap_s, end_by) if reply.buffer else begin_by
            await line.pause(reply.expected.missing(reply.buffer))
        return reply.take(final=True)

    async def _confirm(self, unit: int, reply: _Reply) -> None:
        """Listen for a second answer where one is suspected."""
        rest = bytes(reply.buffer)
        if unit in self._doubted:
            rest += await self._line.read(asyncio.get_running_loop().time() + _CONFLICT_S)
        self._statistics.late_bytes += len(rest)
        if rest == reply.request:
            self.echo = None  # one of the two was the echo of an adapter that had none
        elif whole(rest) and rest[0] == unit:
            self._doubted.add(unit)
            self._statistics.bad_frames += 1
            raise BadReply(f"unit {unit} answered twice; look for two instruments with this address")
        else:
            self._doubted.discard(unit)

    async def _wait_for_owed(self, key: tuple[int, int]) -> None:
        """Listen until the answer that is owed has come, or can come no more."""
        loop = asyncio.get_running_loop()
        heard = b""
        while (until := self._owed.get(key, 0.0)) > loop.time():
            data = await self._line.read(until)
            if data:
                self._statistics.late_bytes += len(data)
                heard = (heard + data)[-_TOO_MUCH:]
                self._sift(heard, late=False)
                await asyncio.sleep(_LISTEN_S)
        self._owed.pop(key, None)

    async def _learn_echo(self) -> None:
        """Send what nobody answers; what comes back is the adapter's echo.

        Raises:
            BadReply: something else came back.
        """
        probe = seal(_NOBODY, b"\x03\x00\x00\x00\x01")
        await self._line.quiet()
        sent = await self._line.send(probe)
        heard = b""
        while len(heard) < len(probe) and (data := await self._line.read(sent + _ECHO_S)):
            heard += data
        if heard and heard != probe:
            self._statistics.bad_frames += 1
            raise BadReply("the line is disturbed: it cannot be told whether its adapter echoes")
        self.echo = bool(heard)

    def _sift(self, heard: bytes, *, late: bool = True) -> None:
        """Look through bytes that answer nothing under way: an answer that was owed, or one too many."""
        if late and heard == self._sent:
            self.echo = None
            return
        while size := whole(heard):
            unit, key = heard[0], (heard[0], heard[1] & 0x7F)
            if self._owed.pop(key, None) is None and late:
                self._doubted.add(unit)
            heard = heard[size:]

    def _failure(self, key: tuple[int, int], reply: _Reply, sent: float) -> InstrumentFault:
        """What went wrong; an answer of which something came is not waited for any longer than it had."""
        unit, buffer, expected = key[0], reply.buffer, reply.expected
        begun = bool(buffer) and expected.good.startswith(buffer[: len(expected.good)])
        if begun or len(buffer) >= expected.size:
            self._owed[key] = sent + self._timeout_s
        if reply.foreign and not buffer:
            self._statistics.bad_frames += 1
            return BadReply(f"unit {reply.foreign[0]} answered instead of unit {unit}; check both addresses")
        if begun and len(buffer) < expected.size:
            self._statistics.timeouts += 1
            return NoReply(f"the reply of unit {unit} broke off after {len(buffer)} of {expected.size} bytes")
        if buffer:
            self._statistics.bad_frames += 1
            return BadReply(f"{len(buffer)} bytes that are no answer of unit {unit}: noise, or two instruments at once")
        self._statistics.timeouts += 1
        return NoReply(f"unit {unit} did not answer within {self._timeout_s:g} s")
