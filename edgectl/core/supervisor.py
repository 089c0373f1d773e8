"""The supervisor: a pure decision over causes and time. The highest action wins, the first cause is remembered, trips latch.

A hazard acts once its cause has stood for its delay. The time that counts towards it falls at a quarter of the speed it rises with, so that a
cause that comes and goes is late, never ignored; the time that counts towards its end starts again whenever the cause stands, and needs a GOOD value.

At the start of a run nothing is known yet. Until a hazard's cause has once been known to be absent, its outputs are at their safe values, as
interlocks do it. A cause that stands by a known value then counts as always. One that cannot be judged begins to count after ``BOOT_S``: the time
instruments have to come up beside us, in which outputs are safe already and a latched trip would only ask for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from edgectl.core.cause import Facts, Standing, explain, judge_cause
from edgectl.model.instant import Instant
from edgectl.model.quality import Quality
from edgectl.model.safety import Action, Cause, HazardPlan, Watch
from edgectl.model.state import HazardState

BOOT_S = 60.0
HELD = "held"
UPLINK_LOST = "uplink lost"

_RECOVERY = 0.25  # of the time that a delay has counted, per second without the cause


class Order(NamedTuple):
    """What the supervisor wants of one actuator, and the restrictions by name that want it.

    ``passing``: only because nothing is known yet since the start, so that what a person wants of the actuator waits and is not ended.
    """

    action: Action
    names: tuple[str, ...]
    passing: bool = False


def awaken(states: Mapping[str, HazardState]) -> dict[str, HazardState]:
    """The hazards at the start of a run: what acts, acts; of everything else nothing is known yet."""
    return {
        name: replace(state, stood_s=0.0, gone_s=0.0, proven=False, blind_s=0.0)
        for name, state in states.items()
    }


def supervise(
    plans: tuple[HazardPlan, ...],
    states: Mapping[str, HazardState],
    facts: Facts,
    now: Instant,
    dt_s: float,
) -> dict[str, HazardState]:
    """Every hazard after ``dt_s`` more."""
    return mark_first(plans, {plan.name: _watch(plan, states[plan.name], facts, now, dt_s) for plan in plans})


def _watch(plan: HazardPlan, state: HazardState, facts: Facts, now: Instant, dt_s: float) -> HazardState:
    standing = judge_cause(plan.cause, state.beyond, facts)
    if not standing:
        return _gone(plan, state, sure=_is_sure(plan.cause, facts), dt_s=dt_s)
    after = _stands(plan, state, standing, dt_s)
    if after.active and not state.active:
        after = replace(after, since=now, reason=explain(plan.cause, state.beyond, facts))
    return state if after == state else after


def _stands(plan: HazardPlan, state: HazardState, standing: Standing, dt_s: float) -> HazardState:
    blind = standing is Standing.UNKNOWN or plan.cause.watch is Watch.BAD
    stood_s, blind_s = state.stood_s, state.blind_s
    if blind and not state.proven:
        blind_s = min(blind_s + dt_s, plan.delay_s + BOOT_S)
        due = blind_s >= plan.delay_s + BOOT_S
    else:
        stood_s = min(stood_s + dt_s, plan.delay_s)
        due = stood_s >= plan.delay_s
    return replace(
        state,
        stood_s=stood_s,
        blind_s=blind_s,
        gone_s=0.0,
        active=state.active or due,
        beyond=state.beyond or not blind,
    )


def _gone(plan: HazardPlan, state: HazardState, *, sure: bool, dt_s: float) -> HazardState:
    if not sure:
        return replace(state, gone_s=0.0) if state.gone_s else state
    if state.proven and not (state.active or state.beyond or state.stood_s or state.gone_s or state.blind_s):
        return state  # nearly always
    after = replace(
        state,
        stood_s=max(state.stood_s - _RECOVERY * dt_s, 0.0),
        gone_s=state.gone_s + dt_s if state.active else 0.0,
        beyond=False,
        proven=True,
        blind_s=0.0,
    )
    if state.active and not is_latched(plan) and is_gone(plan, after):
        after = ended(after)
    return state if after == state else after


def _is_sure(cause: Cause, facts: Facts) -> bool:
    """Whether an absent cause is known to be absent: an UNCERTAIN value within the limit ends nothing."""
    return cause.watch is not Watch.TAG or facts.measured[cause.subject].quality is Quality.GOOD


def is_latched(plan: HazardPlan) -> bool:
    """Whether it acts until a reset."""
    return plan.latched or plan.action is Action.TRIP


def is_gone(plan: HazardPlan, state: HazardState) -> bool:
    """Whether the cause of a hazard that acts has been gone for long enough."""
    return state.gone_s > 0.0 and state.gone_s >= plan.clear_s


def ended(state: HazardState) -> HazardState:
    """A hazard that acts no more. The first out keeps its mark, and what it was about, until all are over."""
    if state.first_out:
        return replace(state, active=False, gone_s=0.0)
    return replace(state, active=False, gone_s=0.0, since=None, reason="")


def mark_first(plans: tuple[HazardPlan, ...], states: Mapping[str, HazardState]) -> dict[str, HazardState]:
    """The hazards with the first out marked: of those that act on outputs the earliest, in plan order within one scan."""
    marked = dict(states)
    acting = [plan.name for plan in plans if states[plan.name].active and plan.action > Action.WARN]
    first = [name for name, state in states.items() if state.first_out]
    if acting and not first:
        marked[acting[0]] = replace(states[acting[0]], first_out=True)
    if first and not acting:
        for name in first:
            marked[name] = replace(states[name], first_out=False, since=None, reason="")
    return marked


def label(plan: HazardPlan, state: HazardState) -> str:
    """One word for people: what it does, or clear."""
    return plan.action.name.lower() if state.active else "clear"


def condition(plan: HazardPlan, state: HazardState) -> str:
    """One word for people: acts, gone (it still acts, its cause is over), unknown (not judged since the start: safe), clear."""
    if state.active:
        return "gone" if is_gone(plan, state) else "acts"
    return "clear" if state.proven or plan.action <= Action.WARN else "unknown"


def orders(
    plans: tuple[HazardPlan, ...],
    states: Mapping[str, HazardState],
    actuators: tuple[str, ...],
    held: str,
    stopped: tuple[str, ...] = (),
) -> dict[str, Order]:
    """The highest action on each actuator; those without any are left out.

    ``held`` (the unit is held) makes every one safe, ``stopped`` are those the uplink's ladder stops.
    """
    wanted: dict[str, Order] = {}
    if held:
        _want(wanted, actuators, Order(Action.SAFE, (HELD,)))
    _want(wanted, stopped, Order(Action.SAFE, (UPLINK_LOST,)))
    for plan in plans:
        state = states[plan.name]
        if plan.action > Action.WARN and (state.active or not state.proven):
            _want(wanted, targets(plan, actuators), _order(plan, state))
    return wanted


def targets(plan: HazardPlan, actuators: tuple[str, ...]) -> tuple[str, ...]:
    """What a hazard acts on; a trip on all of the unit."""
    return actuators if plan.action is Action.TRIP or not plan.actuators else plan.actuators


def _order(plan: HazardPlan, state: HazardState) -> Order:
    if state.active:
        return Order(plan.action, (f"{label(plan, state)} {plan.name}",))
    return Order(Action.SAFE, (f"unknown {plan.name}",), passing=True)


def _want(wanted: dict[str, Order], actuators: tuple[str, ...], order: Order) -> None:
    for name in actuators:
        before = wanted.get(name)
        if before is None or order.action > before.action:
            wanted[name] = order
        elif order.action is before.action:
            names = (*before.names, *order.names)
            wanted[name] = Order(order.action, names, before.passing and order.passing)


def hold_all(wanted: Mapping[str, Order], actuators: tuple[str, ...]) -> dict[str, Order]:
    """``wanted``, and every actuator at least safe because the unit is held."""
    held = dict(wanted)
    _want(held, actuators, Order(Action.SAFE, (HELD,)))
    return held
