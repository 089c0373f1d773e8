"""Modbus RTU: one request at a time, and no answer taken for another's (Modbus over serial line V1.02)."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from edgectl.model.fault import BadReply, InstrumentFault, NoReply, Unheard
from edgectl.wire.frame import LONGEST, find, framed, seal, whole
from edgectl.wire.half_duplex import ADAPTER_S, OWED_S, HalfDuplex, Pace
from edgectl.wire.link import Link
from edgectl.wire.modbus import WRITES, Question, refusal
from edgectl.wire.reply import Reply
from edgectl.wire.statistic import LineStatistics

_TOO_MUCH = 2 * LONGEST
_CONFLICT_S = 0.05
_LISTEN_S = 0.005
_NOBODY = 248  # 248..255 are reserved addresses (section 2.2)
_ECHO_S = 0.05

Key = tuple[int, int]
"""Unit and function: all that an RTU answer says about what it answers."""


class Rtu:
    """The wire of a Modbus RTU line.

    A reply carries no number, so after a request that got none, or was cancelled, nothing with the same unit and function is asked until the owed reply
    has come or can be excluded (``OWED_S``); other functions and units are not held up. A request is never sent twice.
    While ``hasty``, a write goes out all the same, but nothing that comes is taken for its answer.

    ``echo`` is whether the adapter repeats what is sent; None while not known. Where the answer may equal the request (functions 05, 06) it must be
    known before: a read to an address that nobody has shows it.
    """

    def __init__(self, link: Link, pace: Pace, timeout_s: float, statistics: LineStatistics) -> None:
        self.echo: bool | None = None
        self.hasty = False
        self._line = HalfDuplex(link, pace, statistics)
        self._timeout_s = timeout_s
        self._statistics = statistics
        self._lock = asyncio.Lock()
        self._owed: dict[Key, float] = {}
        self._doubted: set[int] = set()
        self._sent = b""

    def begin(self) -> None:
        """The link has been opened anew: whether this adapter echoes is not known, unless there is none."""
        self._line.begin()
        self.echo = None if self._line.pace.char_s else False

    def end(self) -> None:
        """The link is closed; what was owed is owed until its time is over."""

    def owed_until(self, unit: int, *, writing: bool) -> float:
        """The loop's time until which ``unit`` may still answer a read, or a write, that it was asked."""
        return max(
            (
                until
                for (owing, function), until in self._owed.items()
                if owing == unit and (function in WRITES) is writing
            ),
            default=0.0,
        )

    async def ask(self, unit: int, question: Question) -> bytes:
        """One exchange: the PDU of the good answer.

        Raises:
            InstrumentFault: there was none.
        """
        async with self._lock:
            now = self._line.now
            if self._owed:
                key = unit, question.function
                if self.hasty and question.function in WRITES and self._owed.get(key, 0.0) > now():
                    await self._send_in_haste(key, question)
                await self._wait_for_owed(key)
            begun = now()
            try:
                return await self._exchange(unit, question)
            finally:
                self._statistics.busy_s += now() - begun

    async def _send_in_haste(self, key: Key, question: Question) -> NoReturn:
        """Send, and keep the line for as long as an answer may take.

        Raises:
            Unheard: always.
        """
        self._sift(await self._line.quiet())
        self._statistics.requests += 1
        self._sent, _ = framed(key[0], question)
        until = await self._line.send(self._sent) + self._timeout_s
        self._owed[key] = until + OWED_S
        await self._line.ignore(until, _LISTEN_S)
        raise Unheard(
            f"{question} was sent to unit {key[0]} while an earlier answer was owed, so no answer tells what became of it"
        )

    async def _exchange(self, unit: int, question: Question) -> bytes:
        request, expected = framed(unit, question)
        self._sift(await self._line.quiet())
        if self.echo is None and find(request, expected):
            await self._learn_echo()
            await self._line.quiet()
        reply = Reply(request, expected, echo=self.echo)
        key = unit, question.function
        self._statistics.requests += 1
        self._sent = request
        self._owed[key] = self._line.now() + self._timeout_s + OWED_S
        sent = await self._line.send(request)
        frame = await self._collect(reply, sent)
        self._statistics.echoes += reply.stripped
        self.echo = reply.echo
        if not frame:
            raise self._failure(key, reply, sent)
        self._owed.pop(key, None)
        if reply.buffer or self._doubted:
            await self._confirm(unit, reply)
        if frame[1] != question.function:
            self._statistics.refusals += 1
            raise refusal(unit, question, frame[2])
        self._statistics.replies += 1
        return frame[1:-2]

    async def _collect(self, reply: Reply, sent: float) -> bytes:
        """The answer's frame, or empty when none comes any more.

        It may begin until the timeout is over. Once it has, it may go on for the time its length takes, with what an adapter may add to each
        character, but not after a gap.
        """
        line = self._line
        begin_by = sent + self._timeout_s + ADAPTER_S
        end_by = begin_by + reply.expected.size * (line.pace.char_s + ADAPTER_S)
        by = begin_by
        while data := await line.read(by):
            reply.buffer += data
            if frame := reply.take():
                return frame
            while foreign := reply.drop_foreign():
                self._statistics.foreign += 1
                own = foreign.startswith(reply.expected.good[:2])
                if own or self._owed.pop(_key(foreign), None) is None:
                    reply.foreign = foreign
            if len(reply.buffer) > _TOO_MUCH or line.silent_from > end_by:
                break
            by = min(line.silent_from + line.pace.gap_s, end_by) if reply.buffer else begin_by
            await line.pause(reply.expected.missing(reply.buffer))
        return reply.take(final=True)

    async def _confirm(self, unit: int, reply: Reply) -> None:
        """Look at what came behind the answer, and listen for a second one where that has happened before.

        Raises:
            BadReply: two answers, so neither is believed.
        """
        rest = bytes(reply.buffer)
        if unit in self._doubted:
            rest += await self._line.read(self._line.now() + _CONFLICT_S)
        self._statistics.late_bytes += len(rest)
        if rest == reply.request:
            self.echo = None  # answer and echo look alike: a line that did not echo may have begun to
        elif rest.startswith(reply.expected.good[:2]):
            self._doubted.add(unit)
            if whole(rest):
                self._statistics.bad_frames += 1
                raise BadReply(f"unit {unit} answered twice; look for two instruments with this address")
        else:
            self._doubted.discard(unit)

    async def _wait_for_owed(self, key: Key) -> None:
        """Listen until the answer that is owed has come, or can come no more."""
        heard = b""
        while (until := self._owed.get(key, 0.0)) > self._line.now():
            if data := await self._line.read(until):
                self._statistics.late_bytes += len(data)
                heard = (heard + data)[-_TOO_MUCH:]
                while size := whole(heard):
                    self._owed.pop(_key(heard), None)
                    heard = heard[size:]
                await asyncio.sleep(_LISTEN_S)
        self._owed.pop(key, None)

    async def _learn_echo(self) -> None:
        """Send what nobody answers; what comes back is the adapter's echo.

        Raises:
            BadReply: something else came back.
        """
        probe = seal(_NOBODY, b"\x03\x00\x00\x00\x01")
        sent = await self._line.send(probe)
        heard = b""
        while len(heard) < len(probe) and (data := await self._line.read(sent + _ECHO_S)):
            heard += data
        if heard and heard != probe:
            self._statistics.bad_frames += 1
            raise BadReply("the line is disturbed: it cannot be told whether its adapter echoes")
        self.echo = bool(heard)

    def _sift(self, heard: bytes) -> None:
        """Look through bytes that came unasked: an answer that was owed, or a second one to what was asked before."""
        if heard and heard == self._sent:
            self.echo = None
            return
        while size := whole(heard):
            if self._owed.pop(_key(heard), None) is None:
                self._doubted.add(heard[0])
            heard = heard[size:]

    def _failure(self, key: Key, reply: Reply, sent: float) -> InstrumentFault:
        """What went wrong. An answer of which something came is not waited for any longer than it had.

        But while others owe answers too, the damaged one may have been one of theirs, and this unit's is still to come.
        """
        unit, size, expected = key[0], len(reply.buffer), reply.expected.size
        alone = all(other == key or until <= sent for other, until in self._owed.items())
        answered = alone and (reply.begun or size >= expected)
        self._owed[key] = sent + self._timeout_s + (0.0 if answered else OWED_S)
        if not size and not reply.foreign:
            self._statistics.timeouts += 1
            if not reply.stripped and self.echo is None:
                self.echo = False
            return NoReply(f"unit {unit} did not answer within {self._timeout_s:g} s")
        if reply.begun and size < expected:
            self._statistics.timeouts += 1
            return NoReply(f"the reply of unit {unit} broke off after {size} of {expected} bytes")
        self._statistics.bad_frames += 1
        if size:
            return BadReply(
                f"{size} bytes that are no answer of unit {unit}: noise, or two instruments at once"
            )
        if _key(reply.foreign) == key:
            return BadReply(
                f"unit {unit} answered function {key[1]:02d} otherwise than asked: {reply.foreign.hex(' ')}"
            )
        return BadReply(
            f"unit {reply.foreign[0]} answered with function {reply.foreign[1]:02d} "
            f"when unit {unit} was asked for function {key[1]:02d}; look for a wrong address or a second master"
        )


def _key(frame: bytes) -> Key:
    return frame[0], frame[1] & 0x7F
