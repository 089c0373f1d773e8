"""One line at work: writes first, then the turn whose deadline is nearest; faults are caught here and nowhere else."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from operator import attrgetter

from edgectl.control.branch import Branch
from edgectl.control.instrument import Instrument
from edgectl.control.outputs import Output
from edgectl.control.rest import Rest
from edgectl.control.safe import drive_line_safe
from edgectl.control.shell import Shell
from edgectl.control.turn import Turn
from edgectl.model.fault import (
    InstrumentFault,
    LinkFault,
    Misconfigured,
    NoReply,
    Refused,
    Restarted,
    Unheard,
    WrongInstrument,
)
from edgectl.model.measurement import Sample
from edgectl.model.plan import Medium

_START_SAFE_S = 20.0
_REOPEN_S = (0.2, 1.0)
_RETRY_S = 0.1
_LONGEST_REST_S = 5.0
_DEVICE_FAILED = 4
_GATEWAY_SILENT = (10, 11)  # the gateway answers for an instrument that does not
_PASSING = (4, 5, 6, 10, 11)  # refusals that say nothing of what was asked for

_due = attrgetter("due")


async def poll(turn: Turn, shell: Shell) -> None:
    """Read one poll group and post a sample of every reading.

    A sample is as old as its request: never younger than the truth, however slowly the instrument answers.

    Raises:
        InstrumentFault: nothing was learnt, and nothing posted.
    """
    at = shell.clock.now()
    post, names = shell.image.post, turn.instrument.full_names
    for channel, value, status, detail in await turn.instrument.driver.read(turn.poll):
        post(Sample(names[channel], value, status, detail, at))


class Poller:
    """Serves one line for ever. Everything it does there is one of four: open it, make contact, write, poll.

    On a Modbus TCP line with ``in_flight`` above one so many jobs run at once, but never one twice. ``check_in`` gets
    the line's name and until when (s) it has nothing to do, at least every 5 s as long as the line is really served.
    """

    def __init__(self, branch: Branch, shell: Shell, check_in: Callable[[str, float], None]) -> None:
        self.branch = branch
        self.name = f"line {branch.plan.name}"
        self.condition = self._told = "closed"
        self.reason = "not opened yet"
        self._line = branch.line
        self._outputs = branch.outputs
        self._turns = [turn for i in branch.instruments for turn in (i.contact, *i.polls)]
        self._shell, self._check_in = shell, check_in
        self._loop = asyncio.get_running_loop()
        self._open_at = self._tried_at = 0.0
        fastest_s = min((t.period_s for i in branch.instruments for t in i.polls), default=_REOPEN_S[1])
        self._reopen_s = min(max(fastest_s, _REOPEN_S[0]), _REOPEN_S[1])
        self._wrote = False
        self._rests = Rest()

    async def run(self) -> None:
        """Make the outputs safe, then serve the line until cancelled."""
        await self._start()
        jobs = len(self._turns) + len(self._outputs)
        workers = min(self.branch.plan.in_flight, jobs) if self.branch.plan.medium is Medium.TCP else 1
        if workers <= 1:
            await self._serve()
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._serve())

    def wake(self) -> None:
        """Something is due that was not when the line went to rest."""
        self._rests.wake()

    async def _start(self) -> None:
        """The first bytes on the line make its outputs safe. Whoever does not answer must not keep the others waiting."""
        outcomes = await drive_line_safe(
            self.branch, _START_SAFE_S, tries=1, progress=lambda: self._check_in(self.name, 0.0)
        )
        for name, value, _, safe, detail in outcomes:
            after, reason = ("safe", f"{value:g} at start") if safe else ("not confirmed", detail)
            self._shell.tell("actuator", name, "unknown", after, self.name, reason)
        if self._line.opened:
            self._opened()

    async def _serve(self) -> None:
        now_s = self._loop.time
        while True:
            self._check_in(self.name, 0.0)
            now = now_s()
            if self.condition != "open":
                await (self._open() if self._open_at <= now else self._rest(self._open_at))
                continue
            output, turn = self._next_output(), min(self._turns, key=_due)
            # Writes first; but more of them than the line can carry must not blind it.
            if output is not None and output.due <= now and not (self._wrote and turn.overdue(now)):
                self._wrote = True
                await self._attempt(output.instrument, None, self._write(output))
            elif turn.due <= now:
                self._wrote = False
                turn.stop()
                await self._attempt(turn.instrument, turn, self._work(turn))
            else:
                await self._rest(turn.due if output is None else min(turn.due, output.due))

    async def _write(self, output: Output) -> None:
        with self._line.in_haste(output.hasty):
            await output.write()

    async def _work(self, turn: Turn) -> None:
        """Make contact; or poll, and compare what outputs were found at with what they were set to."""
        await (poll(turn, self._shell) if turn.poll else turn.instrument.make_contact())
        for output in self._of(turn.instrument):
            if output.channel in turn.channels:
                output.look()

    def _of(self, instrument: Instrument) -> Iterator[Output]:
        return (output for output in self._outputs if output.instrument is instrument)

    def _next_output(self) -> Output | None:
        nearest = None
        for output in self._outputs:
            if output.writable and (nearest is None or output.due < nearest.due):
                nearest = output
        return nearest

    async def _rest(self, until_s: float) -> None:
        until_s = min(until_s, self._loop.time() + _LONGEST_REST_S)
        self._check_in(self.name, until_s)
        await self._rests.until(until_s)

    async def _attempt(
        self, instrument: Instrument, turn: Turn | None, work: Coroutine[None, None, None]
    ) -> None:
        """Do one job (``turn`` None: a write). This is the one place where a fault stops being an exception."""
        begun = self._loop.time()
        try:
            await work
        except LinkFault as fault:
            self._lose(fault)
        except InstrumentFault as fault:
            if not isinstance(fault, NoReply):
                self._tell()
            self._faulted(instrument, turn, fault, self._loop.time() - begun)
        else:
            self._tell()
            self._succeeded(instrument, turn)

    def _succeeded(self, instrument: Instrument, turn: Turn | None) -> None:
        if turn is instrument.contact:
            instrument.admit(self._loop.time())
            for output in self._of(instrument):
                output.begin()
            self.wake()
        elif instrument.ready:
            instrument.answer(turn)
            if turn is not None:
                turn.succeed(self._loop.time())

    def _faulted(
        self, instrument: Instrument, turn: Turn | None, fault: InstrumentFault, cost_s: float
    ) -> None:
        contact = turn is instrument.contact
        if isinstance(fault, Unheard) or not (instrument.ready or contact):
            # Nothing is learnt of it, or it is a stop to an instrument that was given up, or another job in flight found out first.
            self._hold_off(instrument)
            return
        match fault:
            case WrongInstrument():
                self._give_up(instrument, "wrong", fault, cost_s)
            case Misconfigured():
                self._give_up(instrument, "misconfigured", fault, cost_s)
            case Refused() if contact and fault.code not in _PASSING:
                self._give_up(instrument, "refusing", fault, cost_s)
            case Refused() if not contact:
                self._refused(instrument, turn, fault, cost_s)
            case Restarted() if not contact and not instrument.breaker.fail():
                self._shut_out(instrument, "restarted", fault)
                instrument.contact.due = self._loop.time()
            case _:
                self._failed(instrument, turn, fault, cost_s)
        self._hold_off(instrument)

    def _hold_off(self, instrument: Instrument) -> None:
        """While a late answer may still come the line would not ask again, and everybody on it would wait: ask others instead."""
        address = instrument.plan.address
        owed_s = self._line.owed_until(address, writing=False)
        for turn in (instrument.contact, *instrument.polls):
            turn.due = max(turn.due, owed_s)
        owed_s = max(owed_s, self._line.owed_until(address, writing=True))  # a write reads back
        for output in self._of(instrument):
            output.postpone(owed_s)

    def _refused(self, instrument: Instrument, turn: Turn | None, fault: Refused, cost_s: float) -> None:
        """The instrument, or a gateway before it, has answered: no.

        A refused write is in the image as such and comes again by itself; a refused poll has failed, and asking faster does not help.
        """
        now = self._loop.time()
        if fault.busy and (turn is None or turn.retry_busy(now)):
            return
        if fault.busy or fault.code in _GATEWAY_SILENT:
            self._failed(instrument, turn, fault, cost_s)
            return
        if turn is not None:
            instrument.refuse(turn, fault)
            turn.advance(now)
        if fault.code != _DEVICE_FAILED:
            instrument.breaker.close()
        elif instrument.breaker.fail():
            self._give_up(instrument, "failed", fault, cost_s)

    def _failed(
        self, instrument: Instrument, turn: Turn | None, fault: InstrumentFault, cost_s: float
    ) -> None:
        now = self._loop.time()
        if instrument.breaker.fail():
            self._give_up(instrument, "failed", fault, cost_s)
        elif turn is instrument.contact:
            turn.due = now + _RETRY_S
        elif turn is not None and turn.fail(now, retry=not isinstance(fault, Refused)):
            instrument.post_failure(turn, instrument.explain(fault))

    def _give_up(self, instrument: Instrument, condition: str, fault: InstrumentFault, cost_s: float) -> None:
        """Nothing of the instrument counts until a probe makes contact again. Silence on a line that was lost is nothing new to tell."""
        if instrument.condition == "unreachable" and isinstance(fault, NoReply):
            condition = "unreachable"
        instrument.breaker.open()
        wait_s = instrument.breaker.next_probe_s(cost_s, patient=condition not in ("failed", "unreachable"))
        instrument.contact.due = self._loop.time() + wait_s
        self._shut_out(instrument, condition, fault)

    def _shut_out(self, instrument: Instrument, condition: str, fault: InstrumentFault) -> None:
        reason = instrument.explain(fault)
        instrument.shut_out(condition, reason)
        for output in self._of(instrument):
            output.forget(reason)

    async def _open(self) -> None:
        self._open_at, self._tried_at = math.inf, self._loop.time()
        try:
            await self._line.open()
        except LinkFault as fault:
            self._lose(fault)
        else:
            self._opened()

    def _opened(self) -> None:
        self._become("open", "")
        now = self._loop.time()
        for instrument in self.branch.instruments:
            if instrument.ready:
                instrument.admit(now)
            else:
                instrument.contact.due = now
        self.wake()

    def _lose(self, fault: LinkFault) -> None:
        """The line is gone, and everything behind it at once. Opening again is cheap: it is tried at the rate of the fastest poll."""
        self._line.close()
        self._open_at = self._tried_at + self._reopen_s
        if self.condition == "lost":
            return
        self._become("lost", str(fault))
        for instrument in self.branch.instruments:
            instrument.contact.stop()
            self._shut_out(instrument, "unreachable", fault)

    def _become(self, condition: str, reason: str) -> None:
        """A line that was lost is told to be open once something came back: a port that opens and carries nothing would be told for ever."""
        self.condition, self.reason = condition, reason
        if condition != "open" or self._told != "lost":
            self._tell()

    def _tell(self) -> None:
        before, self._told = self._told, self.condition
        if before != self._told:
            self._shell.tell("line", self.branch.plan.name, before, self._told, self.name, self.reason)
