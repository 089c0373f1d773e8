"""The control process, composed: lines, image, scan, outputs, socket, watchdog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgectl.clock import Clock
from edgectl.control.adoption import Adoption, Load, Renew
from edgectl.control.branch import assemble
from edgectl.control.control_socket import ControlSocket
from edgectl.control.executive import Executive
from edgectl.control.grid import Grid
from edgectl.control.image import ProcessImage
from edgectl.control.intake import Intake
from edgectl.control.lock import locked
from edgectl.control.outputs import Outputs
from edgectl.control.poller import Poller
from edgectl.control.presence import Presence
from edgectl.control.refusals import Refusals
from edgectl.control.safe import Outcome, drive_safe
from edgectl.control.shell import Shell
from edgectl.control.status import snapshot
from edgectl.control.watchdog import Watchdog
from edgectl.core.initial import initial_state
from edgectl.model.codec import to_plain
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.journal import Journal, JournalHealth
from edgectl.model.plan import Plan
from edgectl.model.snapshot import SnapshotHealth
from edgectl.model.state import State
from edgectl.wire.link import Link

_STOP_SAFE_S = 8.0


def _nothing(*_: object) -> None:
    """For whoever does not want to be told."""


def _no_plan(digest: str) -> Plan:
    raise ValueError(f"there is no plan {digest[:12]} here")


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who is told what; every function returns at once.

    ``log`` gets every event. ``notify`` gets lines for sd_notify(3). ``slack`` gets, right after a scan, the seconds that are left before the
    next. ``ready`` gets the unit after its first scan. ``keep`` gets the core's memory after each scan. ``journal_health`` and
    ``snapshot_health`` are asked for their part of the status. ``load`` finds an approved plan by its digest, and ``renew`` is told when the unit
    goes on under another one.
    """

    log: Callable[[Event], None] = _nothing
    notify: Callable[[str], None] = _nothing
    slack: Callable[[float], None] = _nothing
    ready: Callable[[Control], None] = _nothing
    journal_health: Callable[[], JournalHealth | None] = _nothing
    keep: Callable[[State, Instant], None] = _nothing
    snapshot_health: Callable[[], SnapshotHealth | None] = _nothing
    load: Load = _no_plan
    renew: Renew = _nothing


class Control:
    """A unit in operation: what the socket, a rehearsal or a test may ask of it."""

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        *,
        state: State,
        clock: Clock,
        links: Mapping[str, Link] | None,
        hooks: Hooks,
    ) -> None:
        self.intake = Intake()
        self.shell = Shell(ProcessImage(), clock, self._record, Grid(plan.period_s))
        self._journal, self._hooks = journal, hooks
        self.presence = Presence(self.shell, hooks.journal_health)
        self.refusals = Refusals(self.shell, plan.unit)
        self._ready = False
        self._unsaved = ""
        self.branches = assemble(plan, links, self.shell)
        members = ("executive", *(f"line {branch.plan.name}" for branch in self.branches))
        self._watchdog = Watchdog(members, hooks.notify)
        self.pollers = tuple(Poller(branch, self.shell, self._watchdog.check_in) for branch in self.branches)
        outputs = Outputs()
        for poller in self.pollers:
            for output in poller.branch.outputs:
                outputs.add(output, poller.wake)
        self.executive = Executive(
            plan, state, self.shell, self.intake, outputs, journal, after_scan=self._after_scan
        )
        self.adoption = Adoption(self.shell, self.executive, hooks.load, hooks.renew, self._unrecorded)

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self.executive.plan

    def _unrecorded(self) -> str:
        health = self._hooks.journal_health()
        return health.fault if health else ""

    def status(self) -> dict[str, Any]:
        """The unit at this moment, as plain data."""
        now = self.shell.clock.now()
        achieved = self.shell.image.latest.achieved
        journal, saved = self._hooks.journal_health(), self._hooks.snapshot_health()
        notice = self.presence.notices
        picture = snapshot(self.plan, now, self.executive, self.pollers, achieved, journal, saved, notice)
        return picture | {"files": self.presence.files}

    def experiment(self, loop: str) -> dict[str, Any] | None:
        """What an experiment on ``loop`` recorded, as plain data; None if there is none."""
        found = self.executive.state.experiments.get(loop)
        return None if found is None else to_plain(found)

    async def operate(self, stop: asyncio.Event, socket: ControlSocket | None) -> tuple[Outcome, ...]:
        """Work until ``stop``; the outputs are driven safe however this ends.

        Raises:
            Exception: whatever ended a line or the scan.
        """
        self.shell.tell(
            "process", self.plan.unit, "stopped", "running", "process", f"plan {self.plan.digest[:12]}"
        )
        reason = "asked to stop"
        try:
            if socket is not None:
                await socket.open()
            await self._work(stop)
        except BaseException as bug:
            reason = f"{type(bug).__name__}: {bug}"
            raise
        finally:
            if socket is not None:
                await socket.close()
            outcomes = await self._end()
            self.refusals.settle()
            self.shell.tell("process", self.plan.unit, "running", "stopped", "process", reason)
        return outcomes

    async def _work(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        broken: asyncio.Future[None] = loop.create_future()
        loop.set_exception_handler(lambda _, context: _break(broken, context))
        works: set[asyncio.Future[Any]] = {
            asyncio.create_task(poller.run(), name=poller.name) for poller in self.pollers
        }
        works.add(asyncio.create_task(self.executive.run(), name="executive"))
        stopper = asyncio.create_task(stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait({*works, stopper, broken}, return_when=asyncio.FIRST_COMPLETED)
            for ended in done - {stopper}:
                ended.result()
                raise RuntimeError(f"{ended} ended by itself")
        finally:
            for work in (*works, stopper):
                work.cancel()
            await asyncio.gather(*works, stopper, return_exceptions=True)
            if not broken.cancel():
                broken.exception()  # told already, or second to what ended the unit
            loop.set_exception_handler(None)

    async def _end(self) -> tuple[Outcome, ...]:
        self._hooks.notify("STOPPING=1")
        outcomes = await drive_safe(self.branches, _STOP_SAFE_S)
        for outcome in outcomes:
            after, reason = (
                ("safe", f"{outcome.value:g}") if outcome.safe else ("not confirmed", outcome.detail)
            )
            self.shell.tell("actuator", outcome.actuator, "controlled", after, "process", reason)
        for branch in self.branches:
            branch.line.close()
        return outcomes

    def _record(self, event: Event) -> None:
        self._journal.event(event)
        self._hooks.log(event)

    def hear(self, connected: bool, detail: str, notice: str = "") -> None:
        """What the uplink says of itself."""
        self.presence.say(connected=connected, detail=detail)
        self.presence.note(self.plan.unit, notice)

    def edited(self, files: str) -> None:
        """How the files of the unit differ from what is approved; empty when they agree."""
        self.presence.edited(self.plan.unit, files)

    def _after_scan(self, now_s: float, slack_s: float) -> None:
        self.presence.look()
        self.refusals.look()
        result = self.executive.result
        if result is not None and result.events:
            for event in result.events:
                self._hooks.log(event)
            self.presence.flag(result.events)
        self._hooks.keep(self.executive.state, self.shell.clock.now())
        self._tell_unsaved()
        self._watchdog.check_in("executive")
        self._watchdog.beat(now_s, self._summary)
        if not self._ready:
            self._ready = True
            self._hooks.notify(f"READY=1\nSTATUS={self._summary()}")
            self._hooks.ready(self)
        self._hooks.slack(slack_s)

    def _tell_unsaved(self) -> None:
        """Tell once when the state can no longer be saved, and once when it can again."""
        health = self._hooks.snapshot_health()
        fault = health.fault if health else ""
        if bool(fault) != bool(self._unsaved):
            words = ("saved", "not saved") if fault else ("not saved", "saved")
            reason = fault or "the state of the unit is on disk again"
            self.shell.tell("snapshot", self.plan.unit, *words, "process", reason)
        self._unsaved = fault

    def _summary(self) -> str:
        failed = [i.name for b in self.branches for i in b.instruments if i.condition != "answering"]
        late = self.executive.punctuality.late
        return f"scan {self.executive.state.scan} every {self.plan.period_s:g} s, {late} late; " + (
            f"not answering: {', '.join(failed)}" if failed else "all instruments answer"
        )


def _break(broken: asyncio.Future[None], context: Mapping[str, Any]) -> None:
    """An error in a task or callback nobody waits for ends the unit like any other."""
    if not broken.done():
        broken.set_exception(context.get("exception") or RuntimeError(str(context.get("message"))))


async def run(
    plan: Plan,
    journal: Journal,
    *,
    stop: asyncio.Event,
    clock: Clock | None = None,
    state: State | None = None,
    links: Mapping[str, Link] | None = None,
    socket_path: Path | None = None,
    lock_path: Path | None = None,
    hooks: Hooks | None = None,
) -> tuple[Outcome, ...]:
    """Operate a unit until ``stop``, and leave its outputs safe however this ends; returns what became of each output.

    ``state`` is the core's memory at the start (default: that of a new run); the journal must hold the same for replay. ``links``
    replaces lines by name. Without ``socket_path`` nobody can ask anything from outside; without ``lock_path`` nothing keeps
    a second process away.

    Raises:
        AlreadyRunning: another process holds the lock; nothing was sent.
        Exception: a bug ended the unit; its outputs were driven safe before this is raised.
    """
    with locked(lock_path):
        control = Control(
            plan,
            journal,
            state=state or initial_state(plan),
            clock=clock or Clock(asyncio.get_running_loop()),
            links=links,
            hooks=hooks or Hooks(),
        )
        socket = (
            ControlSocket(
                socket_path,
                control.intake,
                control.status,
                control.hear,
                control.refusals.tell,
                control.adoption.serve,
                control.experiment,
                control.edited,
            )
            if socket_path
            else None
        )
        return await control.operate(stop, socket)
