"""What becomes of feeds and perfusions when control starts again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from edgectl.core.text import figure, span
from edgectl.model.feed import FeedState, LedgerState, PassedState, PerfusionState, Stage
from edgectl.model.feed_plan import FeedPlan, PerfusionPlan
from edgectl.model.plan import Plan
from edgectl.model.state import ActuatorState, State

Tell = Callable[[str, str, str, str, str], None]
S = TypeVar("S", FeedState, PerfusionState)
RESTART = "restart"  # until the first scan has asked for flow again
_MINUTE_S = 60.0


def come_back(
    plan: Plan, start: State, saved: State, blind_s: float, *, held: bool, tell: Tell
) -> tuple[dict[str, FeedState], dict[str, PerfusionState]]:
    """Every feed and perfusion where it was, or paused where the unit comes up ``held``.

    ``blind_s`` is for how long pumps may have gone on as they were told last: that much counts as passed, and is not given again.
    """
    feeds, perfusions = dict(start.feeds), dict(start.perfusions)
    for feed in plan.feeds:
        if (before := saved.feeds.get(feed.name)) is not None:
            after = _fed(feed, before, saved.actuators, blind_s)
            feeds[feed.name] = _paused(feed.name, after, held=held, tell=tell)
            if after.passed.amount != before.passed.amount:
                words = figure(before.passed.amount, feed.unit), figure(after.passed.amount, feed.unit)
                reason = f"at most this much may have passed in {span(blind_s)} without control"
                tell("feed", feed.name, *words, reason)
    for perfusion in plan.perfusions:
        if (whole := saved.perfusions.get(perfusion.name)) is not None:
            back = _perfused(perfusion, whole, saved.actuators, blind_s)
            perfusions[perfusion.name] = _paused(perfusion.name, back, held=held, tell=tell)
    for name in sorted({*saved.feeds, *saved.perfusions} - {*feeds, *perfusions}):
        tell("feed", name, "saved", "dropped", "the plan has no feed or perfusion of this name any more")
    return feeds, perfusions


def _paused(name: str, state: S, *, held: bool, tell: Tell) -> S:
    if not held or state.stage is not Stage.RUNNING:
        return state
    reason = f"the unit comes up HELD; go on with: edgectl feed {name} resume --reason ..."
    tell("feed", name, state.stage.value, Stage.PAUSED.value, reason)
    return replace(state, stage=Stage.PAUSED, blocked="")


def _fed(
    plan: FeedPlan, state: FeedState, actuators: Mapping[str, ActuatorState], blind_s: float
) -> FeedState:
    shot = min(state.bolus, state.shot * blind_s / plan.rate_s)
    return replace(
        state,
        passed=_blind(state.passed, actuators.get(plan.actuator), blind_s / plan.rate_s),
        bolus=state.bolus - shot,
        planned=state.planned + shot,
        flow=0.0,
        extra=0.0,
        shot=0.0,
        blocked=RESTART if state.stage is Stage.RUNNING else "",
    )


def _perfused(
    plan: PerfusionPlan, state: PerfusionState, actuators: Mapping[str, ActuatorState], blind_s: float
) -> PerfusionState:
    passed = {
        pump.actuator: _blind(
            state.passed[pump.actuator], actuators.get(pump.actuator), blind_s * pump.scale / _MINUTE_S
        )
        for pump in plan.pumps
        if pump.actuator in state.passed
    }
    ledger = LedgerState(error=state.ledger.error, told=state.ledger.told)
    return replace(
        state,
        passed=passed,
        ledger=ledger,
        weight=None,
        feed=0.0,
        permeate=0.0,
        bleed=0.0,
        blocked=RESTART if state.stage is Stage.RUNNING else "",
        shut="",
    )


def _blind(passed: PassedState, actuator: ActuatorState | None, times: float) -> PassedState:
    """What passed, and the most that may have while nobody looked."""
    if actuator is None or not times:
        return passed
    last = actuator.value if actuator.confirmed is None else actuator.confirmed
    return replace(passed, amount=passed.amount + max(last, 0.0) * times)
