"""The scan at a fixed rate: everything known goes in, everything decided goes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from edgectl.control.intake import Intake
from edgectl.control.outputs import Outputs
from edgectl.control.shell import Shell
from edgectl.control.wall_clock import WallClock
from edgectl.core.correction import settings
from edgectl.core.scan import scan
from edgectl.model.journal import Journal, ScanEntry
from edgectl.model.plan import Plan
from edgectl.model.state import Result, State

_LATE = 0.1
_SAY_EVERY_S = 10.0


class Punctuality:
    """Counts late scans (by more than a tenth of a period) and skipped ones (whole periods), and says so.

    The first is recorded at once, the next together after ten seconds: nothing is silent and nothing floods.
    """

    def __init__(self, shell: Shell, period_s: float) -> None:
        self.late = 0
        self.skipped = 0
        self._shell, self._period_s = shell, period_s
        self._unsaid_late = self._unsaid_skipped = 0
        self._worst_s = 0.0
        self._say_at = 0.0

    def note(self, now_s: float, late_s: float, skipped: int) -> None:
        """One scan began ``late_s`` after its time, and ``skipped`` before it never did."""
        if late_s > self._period_s * _LATE:
            self.late += 1
            self.skipped += skipped
            self._unsaid_late += 1
            self._unsaid_skipped += skipped
            self._worst_s = max(self._worst_s, late_s)
        if self._unsaid_late and now_s >= self._say_at:
            reason = (
                f"{self._unsaid_late} scans late, {self._unsaid_skipped} skipped, worst {self._worst_s:.3g} s late"
                f" (period {self._period_s:g} s)"
            )
            self._shell.tell("scan", "executive", "on time", "late", "executive", reason)
            self._unsaid_late = self._unsaid_skipped = 0
            self._worst_s = 0.0
            self._say_at = now_s + _SAY_EVERY_S


class Executive:
    """Runs ``core.scan`` on an absolute grid of the plan's period.

    ``dt`` is the whole number of periods since the scan before, times the period, so a scan that comes late is neither lost nor
    integrated wrongly. The initial ``state`` together with the entries handed to the journal replays every decision.
    """

    def __init__(
        self,
        plan: Plan,
        state: State,
        shell: Shell,
        intake: Intake,
        outputs: Outputs,
        journal: Journal,
        *,
        after_scan: Callable[[float, float], None],
    ) -> None:
        self.state = state
        self.result: Result | None = None
        self.punctuality = Punctuality(shell, plan.period_s)
        self._wall_clock = WallClock(shell)
        self.plan, self._shell, self._intake = plan, shell, intake
        self._actuators = {actuator.name: actuator for actuator in plan.actuators}
        self._outputs, self._journal, self._after_scan = outputs, journal, after_scan
        self._grid = shell.grid
        self._loop = asyncio.get_running_loop()
        self._index = 0
        self._anew = False
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Scan at once and then every period until cancelled; ends only by an exception in a scan."""
        self._grid.origin_s = self._loop.time()
        self._tick()
        try:
            await self._ended
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def adopt(self, plan: Plan, state: State) -> None:
        """Go on under another plan with this memory from the next scan on.

        That scan hands the whole image to the journal, so that its run can be replayed from nothing.
        """
        self.plan, self.state, self._anew = plan, state, True
        self._actuators = {actuator.name: actuator for actuator in plan.actuators}

    def _tick(self) -> None:
        # A callback and not a task: one turn of the loop less between the timer and the scan.
        try:
            self._scan_on_grid()
        except Exception as bug:  # noqa: BLE001 - handed to whoever awaits run()
            if not self._ended.done():
                self._ended.set_exception(bug)

    def _scan_on_grid(self) -> None:
        period, begun = self.plan.period_s, self._loop.time()
        late = begun - (self._grid.origin_s + self._index * period)
        skipped = int(late / period)
        self._index += skipped + 1
        self._scan((skipped + 1) * period)
        self.punctuality.note(begun, late, skipped)
        due = self._grid.origin_s + self._index * period
        self._timer = self._loop.call_at(due, self._tick)
        now = self._loop.time()
        self._after_scan(now, due - now)

    def _scan(self, dt_s: float) -> None:
        now = self._shell.clock.now()
        self._wall_clock.look(now)
        image, samples, achieved = self._shell.image.freeze()
        if self._anew:
            samples, achieved = tuple(image.samples.values()), tuple(image.achieved.values())
            self._anew = False
        requests = self._intake.take()
        result = scan(self.plan, self.state, image, requests, now, dt_s)
        told = result.state.calibrations
        self._outputs.apply(settings(result.commands, told, self._actuators) if told else result.commands)
        self._journal.scan(
            ScanEntry(
                result.state.scan,
                now,
                dt_s,
                samples,
                achieved,
                requests,
                result.measurements,
                result.commands,
                result.events,
                result.replies,
                image,
                result.state,
            )
        )
        self.state, self.result = result.state, result
        self._intake.answer(result.replies)
