"""Interlocks, and the chain that is the only way from a demand to a command.

The order is fixed: somebody's demand, a finite number, the actuator's range, its rate limit, its minimum times, whether it follows, the supervisor's
orders, interlocks, its dosing limits (nothing may make it give more), lease. An interlock that acts is not overruled by an order: its value (usually the
safe one) was chosen for that very cause. Each link that changes a demand leaves its name in the command; the safe state has the last word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from edgectl.core.lease import kept, stood
from edgectl.core.output import NOT_FOLLOWING, Following, Output
from edgectl.core.supervisor import Order
from edgectl.core.text import figure
from edgectl.model.command import Command, Demand
from edgectl.model.measurement import Measurement
from edgectl.model.plan import ActuatorPlan
from edgectl.model.quality import Quality
from edgectl.model.safety import Action, InterlockPlan, Relation
from edgectl.model.state import ActuatorState, InterlockState

NOT_A_NUMBER = "not a number"
LOW_LIMIT = "low limit"
HIGH_LIMIT = "high limit"
RATE_LIMIT = "rate limit"

FREE = (math.inf, "")  # no dosing limit

_CLEAR = InterlockState()


def watch(plan: InterlockPlan, state: InterlockState, measured: Measurement, dt_s: float) -> InterlockState:
    """One interlock after ``dt_s`` more.

    A tag that is not known counts as beyond the limit, with a patience of its own. UNCERTAIN may make an interlock active, only GOOD releases one.
    """
    value = None if measured.quality is Quality.BAD else measured.value
    if value is None or _beyond(plan, value, plan.limit):
        beyond_s = state.beyond_s + dt_s
        patience_s = plan.delay_s if value is not None or plan.unknown_s is None else plan.unknown_s
        active = state.active or beyond_s >= patience_s
        blind = value is None and active and (state.unknown or not state.active)
        return InterlockState(active, beyond_s, blind)
    if not state.active:
        return _CLEAR if state.beyond_s else state
    back = -plan.hysteresis if plan.relation is Relation.ABOVE else plan.hysteresis
    free = state.unknown or not _beyond(plan, value, plan.limit + back)
    if free and measured.quality is Quality.GOOD:
        return _CLEAR
    return InterlockState(active=True, unknown=state.unknown) if state.beyond_s else state


def _beyond(plan: InterlockPlan, value: float, limit: float) -> bool:
    return value > limit if plan.relation is Relation.ABOVE else value < limit


def label(state: InterlockState) -> str:
    """One word for people: clear, active, or unknown (active for want of a known value)."""
    if not state.active:
        return "clear"
    return "unknown" if state.unknown else "active"


def cause(plan: InterlockPlan, state: InterlockState, measured: Measurement, unit: str) -> str:
    """Why an interlock stands as it does."""
    if state.unknown or measured.value is None:
        return f"{plan.tag} is not known: {measured.reason}"
    side = plan.relation.value if state.active else "within"
    return f"{plan.tag} {figure(measured.value, unit)} is {side} its limit of {figure(plan.limit, unit)}"


def locked_by(output: Output, interlocks: Mapping[str, InterlockState]) -> tuple[str, ...]:
    """The interlocks that are active on an actuator, in plan order."""
    guards = output.guards
    return tuple([name for name, _ in guards if interlocks[name].active]) if guards else ()


def held_at(output: Output, locks: tuple[str, ...]) -> float:
    """Where active interlocks hold an actuator: the value nearest to its safe one wins."""
    forced = (value for name, value in output.guards if name in locks)
    return min(forced, key=lambda value: abs(value - output.plan.safe))


def demand_of(output: Output, state: ActuatorState, asked: Demand | None) -> Demand:
    """Whose demand counts: the loop's, an operator's, the normal value, or nobody's, which is the safe value."""
    if asked is not None and asked.value is not None:
        return asked
    if state.manual is not None:
        return Demand(output.name, state.manual, "manual")
    if output.plan.normal is not None:
        return Demand(output.name, output.plan.normal, "normal")
    return Demand(output.name, None, "safe", protective=True)


def permit(
    output: Output,
    state: ActuatorState,
    demand: Demand,
    following: Following,
    interlocks: Mapping[str, InterlockState],
    now_ns: int,
    step_s: float,
    dt_s: float = 0.0,
    order: Order | None = None,
    dose: tuple[float, str] = FREE,
) -> tuple[ActuatorState, Command]:
    """Pass one demand through the chain. What comes out is inside the actuator's range whatever went in.

    A manual demand that an interlock, an order or a dosing limit (``dose``: the most that may go, and its name) overrides is left where that
    put it, so that its release moves nothing.
    """
    plan = output.plan
    value, names = _in_range(plan, demand.value)
    if plan.rate_per_s and value != state.value:
        slowed = _slowed(plan, state.value, value, demand.protective, step_s)
        if slowed != value:
            value, names = slowed, (*names, RATE_LIMIT)
    value, minimum = kept(plan, state, value, dt_s, protective=demand.protective)
    names = (*names, minimum) if minimum else names
    if following.reason:
        names = (*names, NOT_FOLLOWING)
    manual, held_s = state.manual, 0.0
    if order is not None:
        value, held_s = _ordered(plan, state, order.action, dt_s)
    locks = locked_by(output, interlocks)
    if locks:
        value = held_at(output, locks)
    if locks or order is not None:
        names = (*names, *locks, *(order.names if order else ()))
        if locks or not (order and order.passing):
            manual = None if manual is None else value
    if value > dose[0] or not dose[0]:
        value, names = min(value, dose[0]), (*names, dose[1])
        manual = None if manual is None else value
    demanded = None if names and names[0] == NOT_A_NUMBER else demand.value
    command = Command(output.name, value, now_ns + output.lease_ns, demanded, names, demand.source)
    return _remember(state, value, manual, names, following, held_s, stood(plan, state, value, dt_s)), command


def _ordered(plan: ActuatorPlan, state: ActuatorState, action: Action, dt_s: float) -> tuple[float, float]:
    """Where an order puts an actuator, and for how long it has been under orders. Protective moves know no rate limit."""
    held_s = state.held_s + dt_s
    if action >= Action.SAFE:
        return plan.safe, held_s
    if action is Action.HOLD and held_s <= plan.hold_max_s:
        return state.value, held_s
    return plan.safe if plan.fallback is None else plan.fallback, held_s


def _in_range(plan: ActuatorPlan, demanded: float | None) -> tuple[float, tuple[str, ...]]:
    """A finite value inside the range; nobody's demand and what is no number become the safe value."""
    if demanded is None:
        return plan.safe, ()
    if not math.isfinite(demanded):
        return plan.safe, (NOT_A_NUMBER,)
    if demanded > plan.high:
        return plan.high, (HIGH_LIMIT,)
    return (plan.low, (LOW_LIMIT,)) if demanded < plan.low else (demanded, ())


def _slowed(plan: ActuatorPlan, last: float, value: float, protective: bool, step_s: float) -> float:
    """The value one rate-limited move from ``last``. A protective demand moves towards the safe value at once."""
    if protective and abs(value - plan.safe) <= abs(last - plan.safe):
        return value
    reach = plan.rate_per_s * step_s
    return min(max(value, last - reach), last + reach)


def _remember(
    state: ActuatorState,
    value: float,
    manual: float | None,
    names: tuple[str, ...],
    following: Following,
    held_s: float,
    stood_s: float,
) -> ActuatorState:
    astray_s, confirmed, stuck, _, _ = following
    if (
        value == state.value
        and names == state.restricted_by
        and astray_s == state.astray_s
        and confirmed == state.confirmed
        and manual == state.manual
        and held_s == state.held_s
        and stood_s == state.stood_s
    ):
        return state
    return ActuatorState(
        value,
        manual,
        names,
        astray_s,
        confirmed,
        stuck,
        manual_left_s=state.manual_left_s,
        remote=state.remote,
        held_s=held_s,
        stood_s=stood_s,
    )
