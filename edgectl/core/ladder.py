"""The uplink's ladder: what changes, and when, while nobody outside can see the unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.owner import passed
from edgectl.core.text import figure, span
from edgectl.model.image import UPLINK_CHANNEL, Image
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState
from edgectl.model.request import Authority
from edgectl.model.safety import LadderPlan
from edgectl.model.state import UnitState

CONNECTED, LOST, FALLBACK_SET = 0, 1, 2
RUNGS = ("connected", "lost", "fallback set")

_NS = 1_000_000_000


def climb(
    plan: LadderPlan, state: UnitState, image: Image, now: Instant, dt_s: float, *, configured: bool
) -> UnitState:
    """The unit's memory after ``dt_s`` more.

    The uplink counts as lost from the moment it was last heard of until it has been connected for ``return_s`` on end, but no rung is
    climbed while it is connected. Without a word of it, it is lost where one is ``configured``. Losing it ends remote authority; its return gives none back.
    """
    sample = image.samples.get(UPLINK_CHANNEL)
    if sample is None and not configured:
        return state
    connected = sample is not None and sample.value == 1.0
    back_s = min(state.uplink_back_s + dt_s, plan.return_s) if connected else 0.0
    if connected and back_s >= plan.return_s:
        return _moved(state, 0.0, back_s, CONNECTED)
    lost_s = state.uplink_lost_s + dt_s
    if sample is not None and not connected:
        lost_s = max(lost_s, (now.mono_ns - sample.at.mono_ns) / _NS)
    rung = state.rung if connected else max(state.rung, _rung(plan, lost_s))
    return _moved(state, lost_s, back_s, rung)


def _rung(plan: LadderPlan, lost_s: float) -> int:
    if lost_s >= plan.local_hold_s:
        return FALLBACK_SET
    return LOST if lost_s >= plan.alarm_s else CONNECTED


def _moved(state: UnitState, lost_s: float, back_s: float, rung: int) -> UnitState:
    if (lost_s, back_s, rung) == (state.uplink_lost_s, state.uplink_back_s, state.rung):
        return state
    ends = rung > CONNECTED and state.authority is Authority.REMOTE
    own = passed(state, Authority.LOCAL) if ends else state
    return replace(own, uplink_lost_s=lost_s, uplink_back_s=back_s, rung=rung)


def trouble(state: UnitState) -> str:
    """What is wrong with the uplink, in words; empty if nothing is."""
    return f"the uplink has been lost for {span(state.uplink_lost_s)}" if state.rung > CONNECTED else ""


def effect(plan: LadderPlan, state: UnitState, units: Mapping[str, str]) -> str:
    """Why the unit stands on its rung, and what that does. ``units`` are those of the loops."""
    if state.rung == CONNECTED:
        return f"connected for {span(plan.return_s)}"
    if state.rung == LOST:
        return f"{trouble(state)}: remote authority and remote manual outputs end"
    moves = ", ".join(f"{name} to {figure(to, units[name])}" for name, to in plan.setpoints)
    stops = ", ".join(plan.stop)
    return f"{trouble(state)}: set points {moves or 'stay'}; held safe: {stops or 'nothing'}"


def stopped(plan: LadderPlan, state: UnitState) -> tuple[str, ...]:
    """The actuators that are held at their safe values on this rung."""
    return plan.stop if state.rung == FALLBACK_SET else ()


def steer(plan: LadderPlan, state: UnitState, loops: Mapping[str, LoopState], step_s: float) -> UnitState:
    """The set points that are in force instead of the loops' own, ``step_s`` later.

    On the last rung they move from what was in force to the fallback set; afterwards back to the target of each loop, where they end.
    """
    fallen = state.rung == FALLBACK_SET
    if not fallen and not state.setpoints:
        return state
    ramps = dict(plan.ramps)
    found: dict[str, float] = {}
    for name, fallback in plan.setpoints:
        before = state.setpoints.get(name)
        if before is None and not fallen:
            continue
        goal = fallback if fallen else loops[name].target
        origin = loops[name].setpoint if before is None else before
        reach = ramps.get(name, 0.0) * step_s
        value = min(max(goal, origin - reach), origin + reach) if reach else goal
        if fallen or value != goal:
            found[name] = value
    return state if found == state.setpoints else replace(state, setpoints=found)
