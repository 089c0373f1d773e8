"""An experiment on the emulated unit, on virtual time: run until the loop holds its set point, experiment, and try the new settings out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from edgectl.app.rehearse import Rig, rehearse
from edgectl.control.process import Control
from edgectl.model.event import Event
from edgectl.model.experiment import Experiment, Stage
from edgectl.model.journal import ScanEntry
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import Plan
from edgectl.model.request import Ask, Reply, Request

SETTLE_S = 4.0 * 3600.0  # a loop that does not hold its set point by then is not tuned
_STEADY_S = 900.0
_LOOK_S = 10.0


class Refused(Exception):
    """The emulated unit does not grant the experiment, or never became steady; the text says why."""


@dataclass(slots=True)
class Follower:
    """A journal in memory that only keeps the latest scan, and for how long each loop has been close to its set point."""

    plan: Plan
    latest: ScanEntry | None = None
    steady_s: dict[str, float] = field(default_factory=dict)
    errors: dict[str, list[float]] = field(default_factory=dict)

    def scan(self, entry: ScanEntry) -> None:
        """See one scan."""
        self.latest = entry
        measured = {m.tag: m.value for m in entry.measurements}
        for loop in self.plan.loops:
            value, state = measured[loop.tag], entry.state.loops[loop.name]
            reach = loop.tune.within / 2.0 if loop.tune else loop.band
            near = (
                value is not None and abs(value - state.target) <= reach and state.condition == "regulating"
            )
            self.steady_s[loop.name] = self.steady_s.get(loop.name, 0.0) + entry.dt_s if near else 0.0
            if value is not None:
                self.errors.setdefault(loop.name, []).append(value - state.target)

    def event(self, event: Event) -> None:
        """Nothing that happens outside the core matters here."""


def run_experiment(
    plan: Plan, rig: Rig, loop: LoopPlan, method: str, say: Callable[[str], None]
) -> Experiment:
    """The experiment on ``loop``, ended one way or the other.

    Raises:
        Refused: it did not begin.
    """
    assert loop.tune is not None
    follower = Follower(plan)
    found: list[Experiment] = []

    async def play(control: Control) -> None:
        found.append(await _play(control, follower, loop, method, say))

    most_s = 2.0 * SETTLE_S + loop.tune.longest_s + 600.0
    rehearse(plan, rig, most_s, follower, lambda _: None, play=play)
    return found[0]


async def _play(
    control: Control, follower: Follower, loop: LoopPlan, method: str, say: Callable[[str], None]
) -> Experiment:
    say(f"bringing {loop.name} to its set point")
    await _steady(follower, loop)
    if loop.master:
        await _ask(control, Ask.MODE, loop.name, Mode.AUTO.value)
        await _steady(follower, loop)
    say(f"experiment on {loop.name}: {method}")
    reply = await _ask(control, Ask.TUNE, loop.name, method)
    if not reply.accepted:
        raise Refused(reply.reason)
    while True:
        await asyncio.sleep(_LOOK_S)
        assert follower.latest is not None
        state = follower.latest.state.experiments[loop.name]
        if state.stage is Stage.OVER:
            say(f"{state.ended}, after {state.elapsed_s / 60.0:.0f} min and {state.swings} swings")
            return state


async def _ask(control: Control, ask: Ask, target: str, value: str) -> Reply:
    request = Request(f"tune {ask.value}", ask, target, value, "rehearsal", "edgectl tune")
    return await control.intake.ask(request)


async def _steady(follower: Follower, loop: LoopPlan) -> None:
    waited_s = 0.0
    while follower.steady_s.get(loop.name, 0.0) < _STEADY_S:
        await asyncio.sleep(_LOOK_S)
        waited_s += _LOOK_S
        if waited_s >= SETTLE_S:
            raise Refused(
                f"{loop.name} did not hold its set point for {_STEADY_S / 60.0:.0f} min within {SETTLE_S / 3600.0:.0f} h"
            )


def worst_error(plan: Plan, rig: Rig, loop: LoopPlan, seconds: float) -> float:
    """The largest deviation of ``loop`` in the second half of a run of ``seconds`` from the start."""
    follower = Follower(plan)
    rehearse(plan, rig, seconds, follower, lambda _: None)
    errors = follower.errors.get(loop.name, [])
    return max((abs(error) for error in errors[len(errors) // 2 :]), default=float("inf"))
