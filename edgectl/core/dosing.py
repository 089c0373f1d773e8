"""Dosing: small demands become pulses of which the mean is what was asked, and rivals never act together.

It stands before the interlock chain: whatever it makes of a demand passes the chain as any other demand does, and the dosing ledger counts what the pump
really does. What is owed is kept by difference (asked less given), so neither a late scan nor a pulse that ends between two scans is lost. What cannot be given
because somebody forbids it is not owed: at the end of a lock, a lockout or a reached limit at most one least pulse comes at once.

The line: once in each batch, with the first demand, the pump gives the dead volume of its line as well. That is liquid which only fills the line; the ledger counts
it, the loop is told that nothing arrives meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from edgectl.model.command import Command, Demand
from edgectl.model.dosing import DosingState, PulsePlan
from edgectl.model.plan import ActuatorPlan

LOCKOUT: Final = "lockout"
PULSE: Final = "pulse"
FILLING: Final = "filling the line"

_LONG_S: Final = 86_400.0  # no wait is longer, so no clock has to run on
_HALF: Final = 0.5  # of what goes in one scan: what is owed is given to the nearest scan
FRESH: Final = DosingState()


class Dose(NamedTuple):
    """What to give now, the memory up to now, and why it is not what was asked (empty: it is, on the mean)."""

    value: float
    state: DosingState
    reason: str = ""


def passed(plan: PulsePlan | None, state: DosingState, dt_s: float) -> DosingState:
    """The memory ``dt_s`` later: what went meanwhile is booked, and its clocks run."""
    gives = state.given > 0.0
    begun_s = None if state.begun_s is None else min(state.begun_s + dt_s, _LONG_S)
    idle_s = 0.0 if gives else None if state.idle_s is None else min(state.idle_s + dt_s, _LONG_S)
    if plan is None:
        return state._replace(idle_s=idle_s, begun_s=begun_s)
    scale = dt_s / plan.rate_s
    filling = max(0.0, state.filling - state.given * scale) if state.filling else 0.0
    owed = state.owed if state.filling else state.owed + (state.asked - state.given) * scale
    return state._replace(owed=owed, filling=filling, idle_s=idle_s, begun_s=begun_s)


def locked_out(plan: ActuatorPlan, states: Mapping[str, DosingState]) -> bool:
    """Whether a rival gives, or gave less than the lockout ago. Those that were decided in this scan already are in ``states`` with what they give."""
    for name in plan.rivals:
        state = states.get(name, FRESH)
        if state.given > 0.0 or (state.idle_s is not None and state.idle_s < plan.lockout_s):
            return True
    return False


def dose(plan: PulsePlan, state: DosingState, demand: float, batch: str, period_s: float) -> Dose:
    """Give ``demand`` (a mean flow) in pulses or steadily. ``state`` is up to now (``passed``)."""
    if demand <= 0.0:
        return Dose(0.0, state._replace(owed=min(state.owed, plan.least)))
    if batch and state.batch != batch:
        state = state._replace(batch=batch, filling=plan.dead)
    scan = plan.flow * period_s / plan.rate_s
    if state.filling:
        if state.filling >= _HALF * scan:
            return Dose(plan.flow, state, FILLING)
        state = state._replace(filling=0.0)
    steady = demand >= plan.continuous
    if state.given > 0.0:
        goes = steady or state.owed >= _HALF * scan
    else:
        goes = (steady or _due(plan, state, demand, period_s)) and _mixed(plan, state)
    if not goes:
        return Dose(0.0, _capped(plan, state))
    value = demand if steady and state.owed <= plan.least else max(plan.flow, demand)
    if state.given <= 0.0:
        state = state._replace(begun_s=0.0, pulses=state.pulses + 1)
    return Dose(value, _capped(plan, state))


def _due(plan: PulsePlan, state: DosingState, demand: float, period_s: float) -> bool:
    """Whether a whole pulse is owed, and the last one began long enough ago."""
    owed = state.owed + demand * period_s / plan.rate_s
    return owed >= plan.least and (state.begun_s is None or state.begun_s >= plan.cycle_s)


def _mixed(plan: PulsePlan, state: DosingState) -> bool:
    return state.idle_s is None or state.idle_s >= plan.mixing_s


def _capped(plan: PulsePlan, state: DosingState) -> DosingState:
    """No more is owed than the pump could be asked for between two pulses."""
    between_s = max(plan.cycle_s, plan.mixing_s)
    most = plan.least + plan.continuous * between_s / plan.rate_s
    return state._replace(owed=min(state.owed, most))


def settled(
    plan: PulsePlan | None, state: DosingState, asked: float, given: float, *, free: bool
) -> DosingState:
    """The memory once the chain has spoken. ``free``: nobody restricted it; otherwise what was not given is not owed."""
    if plan is None:
        return state._replace(given=given)
    if free:
        return state._replace(asked=max(asked, 0.0), given=given)
    return state._replace(asked=given, given=given, owed=min(state.owed, plan.least))


def advanced(
    plans: Mapping[str, ActuatorPlan], states: Mapping[str, DosingState], dt_s: float
) -> dict[str, DosingState]:
    """The memory of every actuator that doses or has rivals, up to now."""
    return {name: passed(plan.pulse, states.get(name, FRESH), dt_s) for name, plan in plans.items()}


def prepare(
    plan: ActuatorPlan,
    demand: Demand,
    states: Mapping[str, DosingState],
    batch: str,
    period_s: float,
) -> Dose:
    """What becomes of a demand before the chain."""
    state, value = states[plan.name], demand.value
    if value is None or not math.isfinite(value):
        return Dose(0.0, state)
    if value > 0.0 and locked_out(plan, states):
        return Dose(0.0, state, LOCKOUT)
    if plan.pulse is not None:
        return dose(plan.pulse, state, value, batch, period_s)
    return Dose(0.0 if 0.0 < value <= plan.resolution else value, state)


def conclude(
    plan: ActuatorPlan, dosed: Dose, demand: Demand, command: Command
) -> tuple[DosingState, Command, float]:
    """Memory, command and the mean that really goes, once the chain has spoken.

    A pulse is no restriction: on the mean it gives what is asked, and that is what the loop achieves. Where the chain restricts, what really went counts;
    while the line is filled, nothing arrives.
    """
    if demand.value is None or not math.isfinite(demand.value):
        return settled(plan.pulse, dosed.state, 0.0, command.value, free=False), command, command.value
    free = not command.restricted_by and not dosed.reason
    state = settled(plan.pulse, dosed.state, demand.value, command.value, free=free)
    if free and command.value == demand.value:
        return state, command, command.value
    name = dosed.reason or PULSE
    told = command._replace(demanded=demand.value, restricted_by=(name, *command.restricted_by))
    if free:
        return state, told, demand.value
    return state, told, 0.0 if dosed.reason == FILLING else min(demand.value, command.value)
