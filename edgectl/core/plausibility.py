"""Plausibility: what ought to follow from what, by physics. A check that fails is a cause for hazards and alarms; it moves nothing itself.

A check keeps its window as eight whole slots of a tenth of it each, so that it has seen enough after nine tenths, wherever in a slot the fault
began. It judges when a slot is full. A tag that is not GOOD suspends it: nothing is counted or concluded, what failed stays failed, and after
a slot's worth of blindness the window begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.core.evidence import verdict
from edgectl.core.unit import Unit
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.safety import CheckPlan
from edgectl.model.state import ActuatorState, CheckState, Slot

SLOTS = 8
SHARE = 0.1  # of the window, one slot
PLAUSIBLE, FAILED = "plausible", "failed"

_BLANK = Slot()
_GOOD = Quality.GOOD


def examine_all(
    plans: tuple[CheckPlan, ...],
    states: Mapping[str, CheckState],
    measured: Mapping[str, Measurement],
    actuators: Mapping[str, ActuatorState],
    unit: Unit,
    now: Instant,
    dt_s: float,
    events: list[Event],
) -> dict[str, CheckState]:
    """Every check after ``dt_s`` more; one that begins or ceases to fail is told."""
    found: dict[str, CheckState] = {}
    for plan in plans:
        before = states[plan.name]
        after = found[plan.name] = examine(plan, before, measured, actuators, unit.units[plan.tag], dt_s)
        if after.failed != before.failed:
            words = (PLAUSIBLE, FAILED) if after.failed else (FAILED, PLAUSIBLE)
            events.append(Event(now, "check", plan.name, *words, "plausibility", after.reason))
    return found


def examine(
    plan: CheckPlan,
    state: CheckState,
    measured: Mapping[str, Measurement],
    actuators: Mapping[str, ActuatorState],
    unit: str,
    dt_s: float,
) -> CheckState:
    """One check after ``dt_s`` more; ``unit`` is that of its tag."""
    if blind := _blind(plan, measured, actuators):
        return _suspended(plan, state, blind, dt_s)
    sample = measured[plan.tag]
    value, at_ns = sample.value, sample.at.mono_ns
    assert value is not None  # a GOOD tag has one
    slot = _driven(plan, state.slot, measured, actuators, dt_s) if plan.actuator else state.slot
    if at_ns != state.last_ns:
        slot = _seen(plan, slot, value, state.last if state.last_ns else value, measured)
    slot_s = state.slot_s + dt_s
    if slot_s < SHARE * plan.window_s:
        return CheckState(state.failed, state.reason, "", state.slots, slot, slot_s, value, at_ns)
    slots = (*state.slots, slot)[-SLOTS:] if slot.samples else state.slots
    failed, reason = verdict(plan, slots, SLOTS, state.failed, unit) or (state.failed, state.reason)
    return CheckState(failed, reason, "", slots, _BLANK, 0.0, value, at_ns)


def _blind(
    plan: CheckPlan, measured: Mapping[str, Measurement], actuators: Mapping[str, ActuatorState]
) -> str:
    """Why nothing can be concluded now; empty if it can."""
    for tag in (plan.tag, plan.other, *dict(plan.mix)):
        if tag and measured[tag].quality is not _GOOD:
            return f"{tag} is {measured[tag].quality.name}"
    for actuator in (plan.actuator, plan.enabled_by):
        if actuator and actuators[actuator].confirmed is None:
            return f"nothing is known of {actuator} yet"
    return ""


def _suspended(plan: CheckPlan, state: CheckState, blind: str, dt_s: float) -> CheckState:
    blind_s = state.blind_s + dt_s
    if blind_s < SHARE * plan.window_s:
        return state._replace(suspended=blind, blind_s=blind_s)
    return CheckState(state.failed, state.reason, blind, blind_s=SHARE * plan.window_s)


def _driven(
    plan: CheckPlan,
    slot: Slot,
    measured: Mapping[str, Measurement],
    actuators: Mapping[str, ActuatorState],
    dt_s: float,
) -> Slot:
    """The slot with ``dt_s`` more of the actuator in it."""
    value = actuators[plan.actuator].confirmed
    assert value is not None  # else the check is suspended
    drive = value
    if plan.other and (origin := measured[plan.other].value) is not None:
        drive = value - origin if plan.rising else origin - value
    if plan.enabled_by and not actuators[plan.enabled_by].confirmed:
        drive = 0.0
    samples, total, low, high, squares, others, ceiling, scans, driven, least, most = slot
    if scans:
        least, most = min(least, value), max(most, value)
    else:
        least = most = value
    driven += max(0.0, drive) * dt_s
    return Slot(samples, total, low, high, squares, others, ceiling, scans + 1, driven, least, most)


def _seen(
    plan: CheckPlan, slot: Slot, value: float, last: float, measured: Mapping[str, Measurement]
) -> Slot:
    """The slot with one more sample of the tag in it."""
    samples, total, low, high, squares, others, ceiling, scans, drive, least, most = slot
    if samples:
        low, high = min(low, value), max(high, value)
    else:
        low = high = value
    if plan.other:
        others += measured[plan.other].value or 0.0
    squares += (value - last) ** 2
    ceiling = max(ceiling, _ceiling(plan, measured))
    total += value
    return Slot(samples + 1, total, low, high, squares, others, ceiling, scans, drive, least, most)


def _ceiling(plan: CheckPlan, measured: Mapping[str, Measurement]) -> float:
    """What the tag can be at most: a fixed value, or what the gases that flow now would give with nobody using them."""
    flows = [(max(0.0, measured[tag].value or 0.0), value) for tag, value in plan.mix]
    total = sum(flow for flow, _ in flows)
    return sum(flow * value for flow, value in flows) / total if total else plan.value
