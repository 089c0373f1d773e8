"""What speaks against an experiment on a loop: asked before it begins, and in every scan while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from edgectl.core.alarm import ABNORMAL, hidden
from edgectl.core.dose import in_hour
from edgectl.core.guard import Guarded
from edgectl.core.interlock import HIGH_LIMIT, LOW_LIMIT, RATE_LIMIT, locked_by
from edgectl.core.lease import MINIMUM_OFF, MINIMUM_ON
from edgectl.core.loop import REGULATING, TUNING, Loop
from edgectl.core.text import figure
from edgectl.core.unit import Unit
from edgectl.model.experiment import Experiment
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.request import Authority
from edgectl.model.safety import AlarmPlan, Priority, Watch
from edgectl.model.state import ActuatorState, DoseState, InterlockState

_PLAY = frozenset({LOW_LIMIT, HIGH_LIMIT, RATE_LIMIT, MINIMUM_ON, MINIMUM_OFF})
_NEAR = 0.8  # of a dosing limit: nearer than that nothing is tried with it


class Scene(NamedTuple):
    """What an experiment is judged by."""

    unit: Unit
    guarded: Guarded
    measured: Mapping[str, Measurement]
    interlocks: Mapping[str, InterlockState]
    loops: Mapping[str, LoopState]
    actuators: Mapping[str, ActuatorState]


def driven(unit: Unit, loop: Loop) -> tuple[Loop, ...]:
    """The loop and those below it in cascade, down to the one that drives actuators."""
    chain = [loop]
    while chain[-1].slave:
        chain.append(unit.loops[chain[-1].slave])
    return tuple(chain)


def outputs_of(unit: Unit, loop: Loop) -> tuple[str, ...]:
    """Every actuator that an experiment on the loop moves."""
    return tuple(share.actuator for below in driven(unit, loop) for share in below.shares)


def objection(scene: Scene, loop: Loop, running: Experiment | None) -> str:
    """Why there must be no experiment on this loop; empty if nothing speaks against it."""
    return next((reason for reason in _objections(scene, loop, running) if reason), "")


def _objections(scene: Scene, loop: Loop, running: Experiment | None) -> Iterator[str]:
    yield _unit(scene, loop)
    yield _loop(loop, scene.loops[loop.name], running)
    yield _value(loop, scene, running)
    for below in driven(scene.unit, loop)[1:]:
        yield _slave(below, scene.loops[below.name], scene.measured[below.tag])
    for name in outputs_of(scene.unit, loop):
        yield _actuator(scene, name)
        if running is None and (dose := scene.guarded.doses.get(name)) is not None:
            yield _dose(scene.unit, name, dose)
    yield _alarms(scene, loop, running)


def _unit(scene: Scene, loop: Loop) -> str:
    unit = scene.guarded.unit
    if unit.held:
        return f"the unit is held: {unit.held}"
    if scene.guarded.facts.journal:
        return f"it cannot be recorded, because the journal fails ({scene.guarded.facts.journal})"
    if unit.authority is Authority.REMOTE:
        return "authority is remote, and an experiment needs somebody beside the unit"
    return f"another set point is in force for {loop.name}" if loop.name in unit.setpoints else ""


def _loop(loop: Loop, state: LoopState, running: Experiment | None) -> str:
    if state.mode is not Mode.AUTO:
        return f"{loop.name} is in {state.mode.value}, and must be in AUTO"
    if state.condition != REGULATING and (running is None or state.condition != TUNING):
        return f"{loop.name} is {state.condition}, and must be regulating"
    wanted = state.setpoint if running is None else running.setpoint
    return "" if state.target == wanted else f"the set point of {loop.name} is on its way to another"


def _value(loop: Loop, scene: Scene, running: Experiment | None) -> str:
    measured, plan = scene.measured[loop.tag], loop.plan.tune
    assert plan is not None
    if measured.quality is not Quality.GOOD or measured.value is None:
        return f"{loop.tag} is {measured.quality.name}: {measured.reason}"
    setpoint = scene.loops[loop.name].setpoint if running is None else running.setpoint
    apart, most = abs(measured.value - setpoint), plan.within
    if running is None:
        most /= 2.0
    if apart <= most:
        return ""
    unit = loop.plan.unit
    return f"{loop.tag} is {figure(apart, unit)} from the set point; allowed: {figure(most, unit)}"


def _slave(loop: Loop, state: LoopState, measured: Measurement) -> str:
    if state.mode is not Mode.CAS:
        return f"{loop.name} below it is in {state.mode.value}, and must be in CAS"
    if state.condition != REGULATING:
        return f"{loop.name} below it is {state.condition}"
    if measured.quality is not Quality.GOOD:
        return f"{loop.tag} is {measured.quality.name}: {measured.reason}"
    return ""


def _actuator(scene: Scene, name: str) -> str:
    if (order := scene.guarded.orders.get(name)) is not None:
        return f"{name} is not free: {', '.join(order.names)}"
    if locks := locked_by(scene.unit.outputs[name], scene.interlocks):
        return f"{name} is held by interlock {', '.join(locks)}"
    limits = [word for word in scene.actuators[name].restricted_by if word not in _PLAY]
    return f"{name} is restricted: {', '.join(limits)}" if limits else ""


def _dose(unit: Unit, name: str, state: DoseState) -> str:
    plan = unit.doses[name]
    passed = (("hour", in_hour(state), plan.per_hour), ("batch", state.batch - state.granted, plan.per_batch))
    for word, amount, most in passed:
        if most and amount > _NEAR * most:
            return f"{name} has given {figure(amount, plan.unit)} of the {figure(most, plan.unit)} allowed per {word}"
    return ""


def standing(scene: Scene) -> tuple[str, ...]:
    """The alarms that are abnormal and not hidden."""
    states = scene.guarded.alarms
    return tuple(
        name for name, state in sorted(states.items()) if state.code in ABNORMAL and not hidden(state)
    )


def _alarms(scene: Scene, loop: Loop, running: Experiment | None) -> str:
    """Before: an alarm of at least medium priority on the loop or what it drives. While it runs: any new one there, and one of that priority anywhere."""
    names = _names(scene, loop)
    for name in standing(scene):
        plan = scene.unit.alarms[name]
        weighty, related = plan.priority is not Priority.LOW, _concerns(plan, names)
        if running is None and weighty and related:
            return f"alarm {name} stands: {scene.guarded.alarms[name].reason}"
        if running is not None and name not in running.alarms and (weighty or related):
            return f"alarm {name}: {scene.guarded.alarms[name].reason}"
    return ""


def _names(scene: Scene, loop: Loop) -> frozenset[str]:
    """Everything whose alarms are the loop's: its tags, actuators, loops below it, and what guards them."""
    chain, actuators = driven(scene.unit, loop), set(outputs_of(scene.unit, loop))
    tags = {below.tag for below in chain}
    locks = {
        lock.name for lock in scene.unit.interlocks if lock.tag in tags or actuators & set(lock.actuators)
    }
    hazards = {row.name for row in scene.unit.hazards if not row.actuators or actuators & set(row.actuators)}
    return frozenset({*tags, *actuators, *locks, *hazards, *(below.name for below in chain)})


def _concerns(plan: AlarmPlan, names: frozenset[str]) -> bool:
    """Whether an alarm is about one of ``names``; of a plausibility check nobody knows here, so it is."""
    return plan.cause.watch is Watch.CHECK or plan.cause.subject in names
