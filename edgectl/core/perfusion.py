"""Perfusion: feed by vessel volumes per day or by cells, permeate that follows what really enters and leaves, bleed by cell density.

Permeate is feed and base less bleed as the pumps really stand, trimmed by the weight (PI, SIMC rule for an integrating process: 1 mL/min moves 1/60 g each second) with
limited authority. The two interlocks around the weight have the last word. No more is bled than enters, and no more is fed than can leave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from edgectl.core.output import NOT_FOLLOWING
from edgectl.core.profile import good, growth, value_at
from edgectl.model.feed import PerfusionState, Stage
from edgectl.model.feed_plan import BleedPlan, PerfusionPlan, PumpPlan
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.state import ActuatorState

_MINUTES = 1440.0  # of a day
_ML_PER_PL = 1e-9
_KG_S = 60_000.0  # mL/min that make 1 kg/s
_INTEGRAL = 4.0  # integral time per response time: SIMC for an integrating process, critically damped
_SMOOTH = 0.05  # of the response time: filter of weight and density

Measured = Mapping[str, Measurement]
Runs = Callable[[PumpPlan], float]


class _Flows(NamedTuple):
    """mL/min as the pumps stand now. ``entering``: feed and the others."""

    feed: float
    entering: float
    bleed: float


def stands(actuator: ActuatorState) -> float:
    """Where an actuator really is: as commanded, or as confirmed where it does not follow; not known counts as standing still."""
    if NOT_FOLLOWING not in actuator.restricted_by:
        return actuator.value
    return 0.0 if actuator.confirmed is None else actuator.confirmed


def asking(
    plan: PerfusionPlan,
    state: PerfusionState,
    measured: Measured,
    actuators: Mapping[str, ActuatorState],
    step_s: float,
) -> PerfusionState:
    """The perfusion with what it asks for until the next scan: nothing unless it runs."""
    state = _weighed(plan, state, measured, step_s)
    if state.stage is not Stage.RUNNING:
        return replace(state, feed=0.0, permeate=0.0, bleed=0.0, unsure_s=0.0)
    found = [max(0.0, stands(actuators[pump.actuator])) * pump.scale for pump in plan.pumps]
    entering = sum(found[: 1 + len(plan.others)])
    flows = _Flows(found[0], entering, found[-1] if plan.bleed else 0.0)
    rate = exchange(plan, state, measured, step_s)
    wanted = min(rate * plan.volume_ml / _MINUTES, plan.feed.most)
    if plan.bleed is not None:
        state = _bleeding(plan, plan.bleed, state, measured, flows, step_s)
    most = _passable(plan, state, measured)
    room = most / (1.0 + plan.balance.authority)  # so that permeate can still be trimmed upwards
    feed = min(wanted, max(0.0, room + flows.bleed - (entering - flows.feed)))
    return _trimmed(plan, replace(state, rate=rate, feed=feed), measured, flows, wanted, most, step_s)


def _weighed(plan: PerfusionPlan, state: PerfusionState, measured: Measured, step_s: float) -> PerfusionState:
    value = good(plan.balance.tag, measured)
    if value is None:
        return state
    balance = plan.balance
    return replace(state, weight=_smoothed(state.weight, value * balance.scale, balance.response_s, step_s))


def _smoothed(before: float | None, value: float, response_s: float, step_s: float) -> float:
    """A value filtered well within the time in which a deviation of it is met."""
    if before is None:
        return value
    return before + (value - before) * step_s / (_SMOOTH * response_s + step_s)


def exchange(plan: PerfusionPlan, state: PerfusionState, measured: Measured, step_s: float) -> float:
    """Vessel volumes per day now. By cells it is bounded, and stays where it is while nobody knows how many there are."""
    this = plan.exchange
    before = state.rate
    if not this.specific:
        target = value_at(this.table, state.clock_s, linear=this.linear)
    elif (density := good(plan.density, measured)) is not None:
        wanted = this.specific * _ML_PER_PL * density * plan.density_scale
        target = min(max(this.low, wanted), this.high)
    else:
        target = this.low if before is None else before
    if not this.ramp_per_s:
        return target
    origin, reach = before or 0.0, this.ramp_per_s * step_s
    return min(max(target, origin - reach), origin + reach)


def _bleeding(
    plan: PerfusionPlan,
    bleed: BleedPlan,
    state: PerfusionState,
    measured: Measured,
    flows: _Flows,
    step_s: float,
) -> PerfusionState:
    """What leaves with its cells, so that those that grow leave. The law is in dilution, per second."""
    most = min(bleed.pump.most, flows.entering) / 60.0 / plan.volume_ml
    density = good(plan.density, measured)
    if density is None:
        state = replace(state, density=None)
        unsure_s = state.unsure_s + step_s
        holds = measured[plan.density].quality is Quality.UNCERTAIN and unsure_s <= bleed.hold_max_s
        flow = min(state.bleed, most * 60.0 * plan.volume_ml) if holds else 0.0
        return replace(state, bleed=flow, unsure_s=unsure_s)
    smoothed = _smoothed(state.density, density * plan.density_scale, bleed.response_s, step_s)
    error = smoothed / bleed.target - 1.0
    ahead = growth(bleed.growth, measured)
    wanted = ahead + state.dilution + error / bleed.response_s
    dilution = state.dilution
    pushes = (wanted <= 0.0 and error < 0.0) or (wanted >= most and error > 0.0)
    if not pushes:
        dilution += error / bleed.response_s * step_s / (_INTEGRAL * bleed.response_s)
    share = min(max(0.0, wanted), most)
    return replace(
        state,
        bleed=share * 60.0 * plan.volume_ml,
        dilution=max(-ahead, dilution),
        unsure_s=0.0,
        density=smoothed,
    )


def _passable(plan: PerfusionPlan, state: PerfusionState, measured: Measured) -> float:
    """The most that the filter may pass now: nothing while something holds its pump, less with a rising pressure."""
    if state.shut:
        return 0.0
    limit = plan.pressure
    if limit is None:
        return plan.permeate.most
    found = measured[limit.tag]
    if found.value is None or found.quality is Quality.BAD:
        return 0.0
    share = (limit.high - found.value) / (limit.high - limit.low)
    return plan.permeate.most * min(max(0.0, share), 1.0)


def _trimmed(
    plan: PerfusionPlan,
    state: PerfusionState,
    measured: Measured,
    flows: _Flows,
    wanted: float,
    most: float,
    step_s: float,
) -> PerfusionState:
    """Permeate: what enters less what is bled, a little more while the vessel is heavy and a little less while it is light."""
    balance = plan.balance
    reach = balance.authority * wanted
    trim = min(max(-reach, state.trim), reach)
    nominal = flows.entering - max(flows.bleed, state.bleed)  # what is asked leaves as surely as what stands
    if state.weight is None or good(balance.tag, measured) is None:
        return replace(state, trim=trim, permeate=min(max(0.0, nominal + trim), most))
    error, gain = state.weight - balance.weight, _KG_S / balance.response_s
    moved = min(max(-reach, gain * error + trim), reach)
    permeate = min(max(0.0, nominal + moved), most)
    pushes = moved >= reach or permeate >= most if error > 0.0 else moved <= -reach or permeate <= 0.0
    if not pushes and not state.blocked and not state.shut:
        trim += gain * error * step_s / (_INTEGRAL * balance.response_s)
    return replace(state, trim=trim, permeate=permeate)
