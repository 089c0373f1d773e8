"""Modbus TCP: several requests in flight on one connection, told apart by number (Modbus messaging on TCP/IP V1.0b)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU

from edgectl.model.fault import BadReply, LinkFault, NoReply
from edgectl.wire.half_duplex import OWED_S
from edgectl.wire.link import Link
from edgectl.wire.modbus import Question, refusal
from edgectl.wire.statistic import LineStatistics

_HEADER = 7
_LONGEST = 254  # unit and PDU
_IDLE_S = 3600.0

_framer = FramerSocket(DecodePDU(is_server=False))


@dataclass(slots=True, eq=False)
class _Pending:
    """A request under way until ``until_s``; ``late`` when its caller has stopped waiting."""

    unit: int
    answer: asyncio.Future[bytes]
    sent_s: float
    until_s: float
    late: bool = False


class ModbusTcp:
    """The wire of a Modbus TCP line.

    An answer belongs to the request with its transaction number, or to nobody. A request that was given up keeps its place until its answer comes or ``OWED_S``
    have passed, so that a slow instrument is never asked more than ``in_flight`` things at once; other units are not held up. A
    connection on which nothing at all came meanwhile is abandoned. When it drops, everyone who waits knows at once.
    """

    def __init__(self, link: Link, timeout_s: float, in_flight: int, statistics: LineStatistics) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._in_flight = in_flight
        self._statistics = statistics
        self._pending: dict[int, _Pending] = {}
        self._number = 0
        self._heard_s = 0.0
        self._busy_from = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._freed = asyncio.Event()
        self._sending = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """The connection is new."""
        self._reader = asyncio.get_running_loop().create_task(self._listen(), name="modbus tcp")

    def end(self) -> None:
        """The connection is closed: nothing that was asked on it will be answered."""
        self._drop("the connection was closed")

    def owed_until(self, unit: int, *, writing: bool) -> float:  # noqa: ARG002 - numbers tell reads from writes
        """The loop's time until which ``unit`` takes no further request."""
        given_up = [p for p in self._pending.values() if p.late and p.unit == unit]
        if len(given_up) < self._in_flight:
            return 0.0
        return min(p.sent_s for p in given_up) + self._timeout_s + OWED_S

    async def ask(self, unit: int, question: Question) -> bytes:
        """One exchange: the PDU of the good answer.

        Raises:
            InstrumentFault: there was none.
        """
        while not self._admits(unit):
            self._freed.clear()
            await self._freed.wait()
        if self._reader is None:
            raise LinkFault("the connection was closed")
        pdu = await self._exchange(unit, question)
        if pdu.startswith(question.head) and len(pdu) == question.size:
            self._statistics.replies += 1
            return pdu
        if len(pdu) == 2 and pdu[0] == question.function | 0x80:
            self._statistics.refusals += 1
            raise refusal(unit, question, pdu[1])
        self._statistics.bad_frames += 1
        raise BadReply(f"unit {unit} answered {question} with something else; look for a wrong device or map")

    async def _exchange(self, unit: int, question: Question) -> bytes:
        loop = asyncio.get_running_loop()
        number = self._next_number()
        now = loop.time()
        pending = _Pending(unit, loop.create_future(), now, now + self._timeout_s)
        if not self._pending:
            self._busy_from = now
        self._pending[number] = pending
        self._statistics.requests += 1
        self._watch(pending.until_s)
        try:
            await self._send(_framer.encode(question.pdu, unit, number))
            return await pending.answer
        finally:
            _close(pending.answer)
            if self._pending.get(number) is pending:
                self._give_up(pending)

    async def _send(self, frame: bytes) -> None:
        async with self._sending:
            try:
                await self._link.write(frame)
            except asyncio.CancelledError:
                self._drop("a request was cancelled half-way")
                self._link.close()
                raise

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        buffer = bytearray()
        try:
            while True:
                if data := await self._link.read(_IDLE_S):
                    self._heard_s = loop.time()
                    buffer += data
                    self._deal_out(buffer)
        except LinkFault as fault:
            self._drop(str(fault))
            self._link.close()

    def _deal_out(self, buffer: bytearray) -> None:
        """Give each whole answer to who waits for it.

        Raises:
            LinkFault: this is not Modbus TCP, and no later byte can be trusted either.
        """
        while len(buffer) >= _HEADER:
            size = int.from_bytes(buffer[4:6], "big")
            if buffer[2:4] != b"\0\0" or not 3 <= size <= _LONGEST:
                self._statistics.bad_frames += 1
                raise LinkFault("what comes back is not Modbus TCP; check host and port")
            if len(buffer) < 6 + size:
                return
            _, unit, number, pdu = _framer.decode(bytes(buffer[: 6 + size]))
            del buffer[: 6 + size]
            self._settle(number, unit, pdu, 6 + size)

    def _settle(self, number: int, unit: int, pdu: bytes, size: int) -> None:
        pending = self._pending.get(number)
        if pending is None or pending.unit != unit:
            self._statistics.foreign += 1
            return
        self._forget(number)
        if pending.late:
            self._statistics.late_bytes += size
        elif not pending.answer.done():
            pending.answer.set_result(pdu)

    def _watch(self, until_s: float) -> None:
        """Look again at that time at the latest. One timer serves all requests: nearly none of them ever needs it."""
        if self._timer is None or self._timer.when() > until_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(until_s, self._look)

    def _look(self) -> None:
        """Whose time is over?"""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for number, pending in list(self._pending.items()):
            if pending.until_s > now or number not in self._pending:
                continue
            if pending.late:
                self._write_off(number, pending)
            else:
                self._time_out(pending)
        if self._pending:
            self._watch(min(pending.until_s for pending in self._pending.values()))

    def _time_out(self, pending: _Pending) -> None:
        self._give_up(pending)
        if not pending.answer.done():
            self._statistics.timeouts += 1
            pending.answer.set_exception(
                NoReply(f"unit {pending.unit} did not answer within {self._timeout_s:g} s")
            )

    def _give_up(self, pending: _Pending) -> None:
        """Nobody waits any more; the answer is still owed."""
        pending.late = True
        pending.until_s = pending.sent_s + self._timeout_s + OWED_S
        self._watch(pending.until_s)

    def _write_off(self, number: int, pending: _Pending) -> None:
        """The answer will not come. If nothing else did either, nobody is there."""
        self._forget(number)
        if self._heard_s <= pending.sent_s:
            self._drop("nothing was heard for too long; the connection is made anew")
            self._link.close()

    def _drop(self, why: str) -> None:
        """The connection is gone."""
        if self._reader is not None:
            if self._reader is not asyncio.current_task():
                self._reader.cancel()
            self._reader = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for number, pending in list(self._pending.items()):
            self._forget(number)
            if not pending.answer.done():
                pending.answer.set_exception(LinkFault(why))
        self._freed.set()

    def _forget(self, number: int) -> None:
        del self._pending[number]
        if not self._pending:
            self._statistics.busy_s += asyncio.get_running_loop().time() - self._busy_from
        self._freed.set()

    def _admits(self, unit: int) -> bool:
        """Whether one more request may be under way, on the line and at the unit."""
        active = late_here = 0
        for pending in self._pending.values():
            if pending.late:
                late_here += pending.unit == unit
            else:
                active += 1
        return active + late_here < self._in_flight

    def _next_number(self) -> int:
        while True:
            self._number = (self._number + 1) & 0xFFFF
            if self._number not in self._pending:
                return self._number


def _close(answer: asyncio.Future[bytes]) -> None:
    """Nobody waits for this answer any more, nor wants to know that it failed."""
    if answer.done() and not answer.cancelled():
        answer.exception()
    answer.cancel()
