"""Feeds: what should flow by the profile, what did flow, and what is asked for next.

Time is that of the scans, and stands still while a feed is paused, in other hands, or held by an order, an interlock or a dosing limit. So nothing piles up meanwhile, and
a release goes on with the flow at which it stopped. What has passed is counted twice: at most, as dosing limits count, which ends totals and bounds what is made up; and as confirmed, which is what people are told. Only ``make_up`` asks for more than
the profile, and never for what may have passed already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.profile import growth, value_at
from edgectl.core.text import figure, span
from edgectl.model.feed import FeedState, Stage
from edgectl.model.feed_plan import FeedPlan, Profile
from edgectl.model.measurement import Measurement

_FULL = 0.999  # of a total: what is left is less than a pump can be trusted with
_HORIZON = 2.0  # periods that a flow may stand before the next one is in force
_MAKE_UP_S = 60.0  # what is missing is asked for over so long, where make_up allows
_MOST_EXPONENT = 500.0  # beyond it floats end, and ``most`` limits long before
_CALM = 0.5  # of ``tell``: a difference that was told is over below


def elapsed(plan: FeedPlan, state: FeedState, measured: Mapping[str, Measurement], dt_s: float) -> FeedState:
    """The feed's own time ``dt_s`` later, and what should have passed by then."""
    if state.stage is not Stage.RUNNING or state.blocked:
        return state
    clock_s = state.clock_s + dt_s
    grown_s = min(max(0.0, clock_s - plan.begin_s), dt_s)
    shot = min(state.shot * dt_s / plan.rate_s, state.bolus)
    steady = state.flow - state.extra - state.shot
    after = replace(
        state,
        clock_s=clock_s,
        exponent=min(state.exponent + growth(plan.growth, measured) * grown_s, _MOST_EXPONENT),
        planned=state.planned + max(0.0, steady) * dt_s / plan.rate_s + shot,
        made_up=state.made_up + state.extra * dt_s / plan.rate_s,
        bolus=state.bolus - shot,
    )
    return due(plan, after)


def due(plan: FeedPlan, state: FeedState) -> FeedState:
    """Boluses whose time has come join what is left of those before them."""
    for bolus in plan.boluses[state.given :]:
        if bolus.at_s > state.clock_s:
            break
        state = replace(state, given=state.given + 1, bolus=state.bolus + bolus.amount, bolus_flow=bolus.flow)
    return state


def is_over(plan: FeedPlan, state: FeedState) -> str:
    """Why a running feed ends; empty if it goes on."""
    if plan.total and state.passed.amount >= _FULL * plan.total:
        return f"its total of {figure(plan.total, plan.unit)} has passed"
    if plan.stop_s and state.clock_s >= plan.stop_s:
        return f"it has run for {span(plan.stop_s)}: {figure(state.passed.amount, plan.unit)} have passed"
    return ""


def profile_flow(plan: FeedPlan, state: FeedState) -> float:
    """What the profile asks for at the feed's own time."""
    time_s = state.clock_s - plan.begin_s
    if time_s < 0.0 or plan.profile is Profile.NONE:
        return 0.0
    if plan.profile is Profile.TABLE:
        flow = value_at(plan.table, time_s, linear=plan.linear)
    elif plan.profile is Profile.EXPONENTIAL:
        flow = plan.flow * math.exp(state.exponent)
    else:
        flow = plan.flow
    return min(max(0.0, flow), plan.most)


def asking(plan: FeedPlan, state: FeedState, period_s: float) -> FeedState:
    """The feed with what it asks for until the next scan: 0 unless it runs, never above ``most``, never beyond its total."""
    if state.stage is not Stage.RUNNING:
        return replace(state, flow=0.0, extra=0.0, shot=0.0) if state.flow else state
    steady = profile_flow(plan, state)
    shot = min(state.bolus_flow, state.bolus * plan.rate_s / period_s, plan.most - steady)
    extra = min(_make_up(plan, state), plan.most - steady - shot)
    flow = steady + shot + extra
    if plan.total:
        room = max(0.0, plan.total - state.passed.amount) * plan.rate_s / (_HORIZON * period_s)
        if room < flow:
            flow, extra, shot = room, 0.0, min(shot, room)
    return replace(state, flow=flow, extra=extra, shot=shot)


def _make_up(plan: FeedPlan, state: FeedState) -> float:
    """The flow that makes up what is missing; without ``make_up`` none."""
    missing = min(state.planned - state.passed.amount, plan.make_up_most - state.made_up)
    return min(plan.make_up, max(0.0, missing) * plan.rate_s / _MAKE_UP_S)


def judged(plan: FeedPlan, state: FeedState) -> FeedState:
    """The feed, with the difference to its plan noted as worth telling or not."""
    missing = abs(state.planned - state.delivered)
    astray = missing > (_CALM * plan.tell if state.astray else plan.tell)
    return state if astray is state.astray else replace(state, astray=astray)


def difference(plan: FeedPlan, state: FeedState) -> str:
    """How what was confirmed compares with the plan, for people."""
    missing = state.planned - state.delivered
    word = "less" if missing > 0.0 else "more"
    planned, unit = figure(state.planned, plan.unit), plan.unit
    return f"{figure(abs(missing), unit)} {word} than planned: {figure(state.delivered, unit)} instead of {planned}"


def begun(state: FeedState) -> FeedState:
    """A feed at batch time 0. What its pump is known to do stays known."""
    return FeedState(stage=Stage.RUNNING, passed=replace(state.passed, amount=0.0))


def clocked(plan: FeedPlan, state: FeedState, clock_s: float) -> FeedState:
    """The feed at another batch time. Boluses that are skipped are not given, those that were given are not given again."""
    skipped = sum(bolus.at_s <= clock_s for bolus in plan.boluses)
    before_s, after_s = (max(0.0, time_s - plan.begin_s) for time_s in (state.clock_s, clock_s))
    exponent = state.exponent + plan.growth.planned * (after_s - before_s)
    return replace(
        state,
        clock_s=clock_s,
        exponent=min(max(0.0, exponent), _MOST_EXPONENT) if after_s else 0.0,
        given=max(state.given, skipped),
    )
