"""What is asked of a feed or a perfusion: start, pause, resume, stop, its clock, a bolus now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.feed import begun, clocked, due
from edgectl.core.liquid import Liquids
from edgectl.core.refusal import Refusal
from edgectl.core.text import figure, span
from edgectl.core.unit import Unit
from edgectl.model.feed import FeedState, LedgerState, PerfusionState, Stage
from edgectl.model.feed_plan import FeedPlan
from edgectl.model.request import Request
from edgectl.model.state import ActuatorState

Change = tuple[str, str, str]
_KIND = "feed"
_HOUR_S = 3600.0
_LONGEST_H = 10_000.0
_SAY = "start, pause, resume, stop, clock HOURS or bolus AMOUNT"
_FROM: Mapping[str, tuple[Stage, ...]] = {
    "start": (Stage.IDLE, Stage.DONE),
    "pause": (Stage.RUNNING,),
    "resume": (Stage.PAUSED,),
    "stop": (Stage.RUNNING, Stage.PAUSED, Stage.DONE),
    "clock": (Stage.RUNNING, Stage.PAUSED),
    "bolus": (Stage.RUNNING,),
}
_FLOWS = frozenset({"start", "resume", "bolus"})  # what lets something flow
_NUMBERS = frozenset({"clock", "bolus"})


def serve_feed(
    unit: Unit, held: str, liquids: Liquids, actuators: Mapping[str, ActuatorState], request: Request
) -> Change:
    """Start, pause, resume or stop a feed or a perfusion, set its clock, or give a bolus.

    Raises:
        Refusal: no such feed, it is not in a state for that, the unit is held, or its pump is in somebody's hands.
    """
    name = request.target
    verb, number = _read(request.value)
    if name not in liquids.feeds and name not in liquids.perfusions:
        known = ", ".join((*liquids.feeds, *liquids.perfusions))
        raise Refusal(f"there is no feed or perfusion named {name}; known: {known or 'none'}")
    found: FeedState | PerfusionState = liquids.feeds.get(name) or liquids.perfusions[name]
    if found.stage not in _FROM[verb]:
        raise Refusal(f"{name} is {found.stage.value}: {verb} is for one that is {_stages(verb)}")
    if verb in _FLOWS:
        _check_free(unit, name, held, actuators)
    if name in liquids.feeds:
        plan = unit.feeds[name]
        own = liquids.feeds[name]
        liquids.feeds[name] = _fed(plan, own, verb, number)
        return _KIND, _label(plan, own, verb), _label(plan, liquids.feeds[name], verb)
    whole = liquids.perfusions[name]
    after = liquids.perfusions[name] = _perfused(name, whole, verb, number)
    return _KIND, _stood(whole, verb), _stood(after, verb)


def _read(value: float | str) -> tuple[str, float]:
    words = value.split() if isinstance(value, str) else []
    verb = words[0] if words else ""
    if verb not in _FROM or len(words) != 1 + (verb in _NUMBERS):
        raise Refusal(f"feed must be {_SAY}, not {value!r:.40}")
    if verb not in _NUMBERS:
        return verb, 0.0
    try:
        number = float(words[1])
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= _LONGEST_H or (verb == "bolus" and number == 0.0):
        raise Refusal(f"{verb} must be a number above 0, not {words[1]!r:.40}")
    return verb, number


def _stages(verb: str) -> str:
    return " or ".join(stage.value for stage in _FROM[verb])


def _check_free(unit: Unit, name: str, held: str, actuators: Mapping[str, ActuatorState]) -> None:
    if held:
        raise Refusal(f"the unit is held ({held}): resume it first")
    if plan := unit.feeds.get(name):
        pumps = [plan.actuator]
    else:
        whole = unit.perfusions[name]
        pumps = [whole.feed.actuator, whole.permeate.actuator]
    for pump in pumps:
        if actuators[pump].manual is not None:
            raise Refusal(f"{pump} is in MAN: put it in AUTO first")


def _fed(plan: FeedPlan, state: FeedState, verb: str, number: float) -> FeedState:
    if verb == "start":
        return due(plan, begun(state))
    if verb == "clock":
        return clocked(plan, state, number * _HOUR_S)
    if verb == "bolus":
        left = plan.total - state.passed.amount - state.bolus
        if plan.total and number > left:
            raise Refusal(
                f"{figure(number, plan.unit)} is more than the {figure(left, plan.unit)} left of {plan.name}"
            )
        flow = plan.boluses[0].flow if plan.boluses else plan.most
        return replace(state, bolus=state.bolus + number, bolus_flow=state.bolus_flow or flow)
    return _staged(state, verb)


def _staged(state: FeedState, verb: str) -> FeedState:
    """Another stage. A stop forgets what is left of a bolus; a pause keeps it."""
    if verb == "stop":
        return replace(state, stage=Stage.IDLE, bolus=0.0, blocked="")
    return replace(state, stage=Stage.PAUSED if verb == "pause" else Stage.RUNNING, blocked="")


def _perfused(name: str, state: PerfusionState, verb: str, number: float) -> PerfusionState:
    if verb == "bolus":
        raise Refusal(f"{name} is a perfusion and gives no bolus")
    if verb == "clock":
        return replace(state, clock_s=number * _HOUR_S)
    if verb == "start":
        passed = {pump: replace(found, amount=0.0) for pump, found in state.passed.items()}
        return PerfusionState(stage=Stage.RUNNING, weight=state.weight, passed=passed)
    stage = {"pause": Stage.PAUSED, "resume": Stage.RUNNING, "stop": Stage.IDLE}[verb]
    return replace(state, stage=stage, ledger=LedgerState(error=state.ledger.error), blocked="", shut="")


def _label(plan: FeedPlan, state: FeedState, verb: str) -> str:
    if verb == "bolus":
        return f"bolus of {figure(state.bolus, plan.unit)}"
    return _stood(state, verb)


def _stood(state: FeedState | PerfusionState, verb: str) -> str:
    return f"at {span(state.clock_s)}" if verb == "clock" else state.stage.value
