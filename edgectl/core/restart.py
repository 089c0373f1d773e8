"""What a unit remembers when its control starts again, and whether it goes on or asks first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, NamedTuple, TypeVar

from edgectl.core.calibration import CHECKED, KIND, kept
from edgectl.core.initial import initial_state
from edgectl.core.liquid_restart import come_back
from edgectl.core.loop import REGULATING, TUNING
from edgectl.core.resumption import gone_on, standing
from edgectl.core.text import figure, span
from edgectl.model.event import Event
from edgectl.model.experiment import Stage
from edgectl.model.health import Chart, HealthState
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode, PidState
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import Plan
from edgectl.model.request import Authority
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import ActuatorState, DoseState, State

T = TypeVar("T")

_NS = 1_000_000_000


class Outage(NamedTuple):
    """For how long nobody controlled the unit (None: nobody knows), and how that was measured or why it could not be."""

    seconds: float | None
    reason: str


class Begun(NamedTuple):
    """The state a run begins with, and the events that say what became of the state before."""

    state: State
    events: tuple[Event, ...]


def outage_since(taken: Stamp, now: Stamp, speed: float = 1.0) -> Outage:
    """The time between two stamps, on a clock that runs ``speed`` times as fast.

    Within one boot the monotonic clock tells. Across boots only the wall clock can, and only if it may be believed at both ends.
    """
    if taken.boot and taken.boot == now.boot:
        passed_ns, clock = now.mono_ns - taken.mono_ns, "monotonic clock"
    elif doubt := taken.doubt or now.doubt:
        return Outage(None, f"the computer was started again, and {doubt}")
    else:
        passed_ns, clock = now.utc_ns - taken.utc_ns, "wall clock"
    if passed_ns < 0:
        return Outage(None, f"the {clock} stands before the time of the saved state")
    return Outage(passed_ns * speed / _NS, f"by the {clock}")


def begin(plan: Plan, snapshot: Snapshot | None, trouble: str, outage: Outage, now: Instant) -> Begun:
    """Decide how a run begins.

    ``trouble`` says why there is no snapshot although there ought to be one; without it, none means the first start ever. A short outage
    under the same plan resumes: everything is kept, and each loop goes on with its first GOOD input. Anything else comes up HELD: what protects
    is kept by name (hazards, alarms, dosing ledgers, the batch), and set points where the plan still allows them.
    """
    desk = _Desk(plan, now)
    if snapshot is None:
        return desk.fresh(trouble)
    resumes = (
        snapshot.plan == plan.digest
        and outage.seconds is not None
        and outage.seconds <= plan.restart.resume_within_s
    )
    saved = desk.without_experiments(_moved(snapshot.state, _shift_ns(snapshot, outage, now)))
    return desk.resume(snapshot, saved, outage) if resumes else desk.hold(snapshot, saved, outage)


def _shift_ns(snapshot: Snapshot, outage: Outage, now: Instant) -> int:
    """What to add to instants of the run before, so that their ages count the outage on the clock of this run."""
    return now.mono_ns - snapshot.at.mono_ns - round((outage.seconds or 0.0) * _NS)


def _moved(value: Any, shift_ns: int) -> Any:
    """The same memory with every instant on another monotonic clock."""
    if isinstance(value, Instant):
        return value._replace(mono_ns=value.mono_ns + shift_ns)
    if isinstance(value, Mapping):
        return {key: _moved(item, shift_ns) for key, item in value.items()}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_moved(item, shift_ns) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _moved(getattr(value, f.name), shift_ns) for f in fields(value)})
    return value


@dataclass(slots=True)
class _Desk:
    """One start in the making. ``events`` grows."""

    plan: Plan
    now: Instant
    events: list[Event] = field(default_factory=list)

    def tell(self, kind: str, subject: str, before: str, after: str, reason: str) -> None:
        self.events.append(Event(self.now, kind, subject, before, after, "restart", reason))

    def fresh(self, trouble: str) -> Begun:
        """Nothing is remembered."""
        state = initial_state(self.plan)
        if trouble:
            held = f"the saved state cannot be used: {trouble}"
            state = replace(state, unit=replace(state.unit, held=held))
        after, reason = ("held", trouble) if trouble else ("started", "first start: there is no saved state")
        self.tell("restart", self.plan.unit, "stopped", after, reason)
        return Begun(state, tuple(self.events))

    def resume(self, snapshot: Snapshot, saved: State, outage: Outage) -> Begun:
        """The unit goes on as it was. What it believed of tags and interlocks is judged anew, and actuators count as standing safe."""
        start = initial_state(self.plan)
        reason = f"out of control for {_length(outage)}, {outage.reason}; the plan is the same"
        self.tell("restart", self.plan.unit, "stopped", "resumed", reason)
        blind_s = _blind_s(snapshot, outage)
        feeds, perfusions = come_back(self.plan, start, saved, blind_s, held=False, tell=self.tell)
        state = replace(
            saved,
            scan=0,
            tags=start.tags,
            fusions=start.fusions,
            interlocks=start.interlocks,
            checks={**start.checks, **saved.checks},
            soft={**start.soft, **saved.soft},
            hazards={**start.hazards, **saved.hazards},
            health={**start.health, **saved.health},
            alarms={**start.alarms, **saved.alarms},
            doses=self._doses({**start.doses, **saved.doses}, snapshot, outage),
            loops={**start.loops, **{n: gone_on(start.loops[n], s) for n, s in saved.loops.items()}},
            actuators={
                **start.actuators,
                **{n: standing(start.actuators[n], s) for n, s in saved.actuators.items()},
            },
            feeds=feeds,
            perfusions=perfusions,
        )
        return Begun(state, tuple(self.events))

    def without_experiments(self, saved: State) -> State:
        """Neither experiment nor calibration session outlives control: a loop begins at the output that held before."""
        loops = dict(saved.loops)
        for name, state in saved.experiments.items():
            if state.stage is Stage.OVER:
                continue
            self.tell("experiment", name, state.stage.value, Stage.OVER.value, "aborted: control was stopped")
            if loops[name].condition == TUNING:
                loops[name] = replace(loops[name], condition=REGULATING, pid=PidState(state.base))
        for name, session in saved.sessions.items():
            self.tell(KIND, name, CHECKED, "over", f"control was stopped while {session.who} calibrated")
        return replace(saved, loops=loops, experiments={}, sessions={})

    def hold(self, snapshot: Snapshot, saved: State, outage: Outage) -> Begun:
        """The unit comes up HELD: everything that protects is kept by name."""
        start = initial_state(self.plan)
        held = self._why_held(snapshot, outage)
        self.tell("restart", self.plan.unit, "stopped", "held", held)
        earlier = f"; held before: {saved.unit.held}" if saved.unit.held else ""
        unit = replace(saved.unit, held=f"{held}{earlier}", authority=Authority.LOCAL, owner="")
        blind_s = _blind_s(snapshot, outage)
        feeds, perfusions = come_back(self.plan, start, saved, blind_s, held=True, tell=self.tell)
        state = replace(
            saved,
            scan=0,
            tags=start.tags,
            fusions=start.fusions,
            interlocks=start.interlocks,
            checks=start.checks,
            soft=start.soft,
            health=self._health(start, snapshot, saved),
            hazards=self._by_name("hazard", start.hazards, saved.hazards),
            alarms=self._by_name("alarm", start.alarms, saved.alarms),
            doses=self._doses(self._by_name("dose", start.doses, saved.doses), snapshot, outage),
            loops=self._loops(start, saved, snapshot.setpoints),
            actuators=self._actuators(start, saved),
            unit=unit,
            feeds=feeds,
            perfusions=perfusions,
            calibrations=kept(self.plan, saved.calibrations, self.tell),
        )
        return Begun(state, tuple(self.events))

    def _why_held(self, snapshot: Snapshot, outage: Outage) -> str:
        if outage.seconds is None:
            length = f"out of control for an unknown time: {outage.reason}"
        else:
            length = f"out of control for {_length(outage)}, {outage.reason}"
        if snapshot.plan != self.plan.digest:
            return f"the plan has changed from {snapshot.plan[:12]} to {self.plan.digest[:12]}; {length}"
        return f"{length}; loops go on by themselves after at most {span(self.plan.restart.resume_within_s)}"

    def _health(self, start: State, snapshot: Snapshot, saved: State) -> dict[str, HealthState]:
        """What the errors of a loop used to be is still true after a long outage under the same plan; all else is judged anew."""
        if snapshot.plan != self.plan.digest:
            return dict(start.health)
        return {
            name: HealthState(chart=Chart(history=saved.health.get(name, fresh).chart.history))
            for name, fresh in start.health.items()
        }

    def _by_name(self, kind: str, start: Mapping[str, T], saved: Mapping[str, T]) -> dict[str, T]:
        """The saved memory of everything that still exists; what does not is told."""
        for name in sorted(saved.keys() - start.keys()):
            self.tell(kind, name, "saved", "dropped", f"the plan has no {kind} of this name any more")
        return {name: saved.get(name, fresh) for name, fresh in start.items()}

    def _loops(self, start: State, saved: State, planned: Mapping[str, float]) -> dict[str, LoopState]:
        """Modes and set points survive where the plan allows them; outputs and integrals do not."""
        for name in sorted(saved.loops.keys() - start.loops.keys()):
            self.tell("loop", name, "saved", "dropped", "the plan has no loop of this name any more")
        plans = {loop.name: loop for loop in self.plan.loops}
        return {
            name: self._loop(plans[name], fresh, saved.loops[name], planned.get(name))
            if name in saved.loops
            else fresh
            for name, fresh in start.loops.items()
        }

    def _loop(self, plan: LoopPlan, fresh: LoopState, saved: LoopState, planned: float | None) -> LoopState:
        mode, target = saved.mode, saved.target
        if mode is Mode.CAS and not plan.master:
            self.tell("mode", plan.name, mode.value, plan.mode.value, "the plan has no master loop for it")
            mode = plan.mode
        why = ""
        if not plan.setpoint_low <= target <= plan.setpoint_high:
            why = f"outside {plan.setpoint_low:.6g} to {figure(plan.setpoint_high, plan.unit)}"
        elif planned is not None and planned != plan.setpoint != target:
            why = f"the plan's own set point was changed from {figure(planned, plan.unit)}"
        if why:
            self.tell("setpoint", plan.name, figure(target, plan.unit), figure(plan.setpoint, plan.unit), why)
            target = plan.setpoint
        return replace(fresh, mode=mode, target=target, setpoint=target)

    def _actuators(self, start: State, saved: State) -> dict[str, ActuatorState]:
        """What a person held by hand stays in hand, at its safe value: an old manual output must not come back by itself."""
        plans = {actuator.name: actuator for actuator in self.plan.actuators}
        states = dict(start.actuators)
        for name, before in saved.actuators.items():
            if before.manual is None or name not in states:
                continue
            plan = plans[name]
            states[name] = replace(states[name], manual=plan.safe)
            if before.manual != plan.safe:
                values = figure(before.manual, plan.unit), figure(plan.safe, plan.unit)
                self.tell(
                    "request", name, *values, "in manual mode when control ended; it waits at its safe value"
                )
        return states

    def _doses(
        self, saved: Mapping[str, DoseState], snapshot: Snapshot, outage: Outage
    ) -> dict[str, DoseState]:
        """Ledgers with the most that may have passed while nobody looked: a pump without a watchdog goes on as it was told last."""
        doses = dict(saved)
        if snapshot.clean or not outage.seconds:
            return doses
        for plan in self.plan.doses:
            actuator = snapshot.state.actuators.get(plan.actuator)
            if actuator is None or plan.actuator not in doses:
                continue
            last = actuator.value if actuator.confirmed is None else actuator.confirmed
            before = doses[plan.actuator]
            more = max(last, 0.0) * outage.seconds / plan.rate_s
            after = replace(before, batch=before.batch + more, minute=before.minute + more)
            doses[plan.actuator] = after
            if after.batch != before.batch:
                reason = f"at most this much may have passed in {_length(outage)} without control"
                self.tell("dose", plan.actuator, figure(before.batch, ""), figure(after.batch, ""), reason)
        return doses


def _blind_s(snapshot: Snapshot, outage: Outage) -> float:
    """For how long pumps may have gone on without control; not at all after an end that stopped them."""
    return 0.0 if snapshot.clean else outage.seconds or 0.0


def _length(outage: Outage) -> str:
    return span(outage.seconds or 0.0)
