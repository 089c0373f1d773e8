"""One scan: everything known goes in, everything decided comes out, including why.

The order is fixed: judge the samples, make one of redundant probes, work out the soft sensors, interlock states, everything that guards the
unit, manual outputs whose time is over, requests, loops with masters before slaves, feeds and perfusions, the interlock chain, what the loops
learn from what the chain allowed and the actuators achieved, and how well each loop does.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.core.calibration import follow_sessions, judge_tag, remind, runs
from edgectl.core.calibration_record import Bench
from edgectl.core.cascade import accepted_output
from edgectl.core.chain import Chain, permit_all
from edgectl.core.containment import decide, learn
from edgectl.core.correction import confirmed, in_force
from edgectl.core.dosing import advanced
from edgectl.core.experiment_request import conduct, record
from edgectl.core.feedforward import readings
from edgectl.core.fuse import fuse_all
from edgectl.core.guard import Guarded, guard
from edgectl.core.health import follow
from edgectl.core.health_finding import Evidence
from edgectl.core.interlock import (
    cause,
    label,
    watch,
)
from edgectl.core.ladder import steer
from edgectl.core.liquid import demand_all, pass_all, settle_all
from edgectl.core.loop import (
    FALLBACK,
    HOLDING,
    OUT_OF_SERVICE,
    REGULATING,
    TUNING,
    WAITING,
    Loop,
    Move,
)
from edgectl.core.manual import lapse
from edgectl.core.request import Desk, serve
from edgectl.core.share import achieved_output
from edgectl.core.soft import estimate
from edgectl.core.turn import Turn
from edgectl.core.unit import unit_of
from edgectl.model.calibration import CalibrationSession
from edgectl.model.fusion import FusionState
from edgectl.model.health import HealthState
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, PidState
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.request import Request
from edgectl.model.state import (
    ActuatorState,
    InterlockState,
    Result,
    State,
    TagState,
)

_STEPS = 2.0  # periods of a late scan that may integrate, ramp and move outputs
_UNASKED = frozenset({HOLDING, FALLBACK, WAITING})  # loop conditions nobody asked for


def scan(
    plan: Plan, state: State, image: Image, requests: tuple[Request, ...], now: Instant, dt_s: float
) -> Result:
    """Decide everything once.

    ``now`` is the instant the image was frozen, ``dt_s`` > 0 the time since the scan before. After missed scans ``dt_s`` spans
    several periods: delays and ages count all of it, control moves by at most two periods' worth.
    """
    unit = unit_of(plan)
    if state.calibrations:
        image = confirmed(image, state.calibrations)
    this = Turn(unit, image, now, dt_s, min(dt_s, _STEPS * plan.period_s), [])
    sessions = follow_sessions(this, state.sessions, state.actuators)
    tags, measured, fusions = _judge(this, state, sessions)
    soft = estimate(this, state.soft, tags, state.tags, measured)
    interlocks = _watch(this, state.interlocks, measured)
    guarded = guard(plan, unit, state, image, measured, interlocks, now, dt_s, this.events, fusions)
    liquids = pass_all(this, state, measured)
    desk = Desk(
        unit,
        now,
        measured,
        interlocks,
        guarded,
        dict(state.loops),
        dict(state.actuators),
        liquids,
        dict(state.experiments),
        Bench(remind(this, state.calibrations), sessions),
    )
    lapse(unit, desk.loops, desk.actuators, lost=bool(guarded.facts.uplink), dt_s=dt_s, tell=this.tell)
    replies = serve(desk, requests, this.events) if requests else ()
    loops, actuators = desk.loops, desk.actuators
    guarded.unit = steer(plan.ladder, guarded.unit, loops, this.step_s)
    tried = desk.experiments
    tuned = conduct(this, desk.scene(), tried, loops, plan.period_s) if tried else {}
    moves, faults = _move(this, loops, measured, actuators, guarded.unit.setpoints, tuned)
    chain = Chain({}, {}, {}, set(), set(), advanced(unit.dosing, state.dosing, dt_s))
    fed = demand_all(this, liquids, measured, actuators, plan.period_s)
    permit_all(
        this, chain, actuators, moves, interlocks, guarded, measured, plan.period_s, fed,
        runs(sessions), desk.bench.calibrations,
    )  # fmt: skip
    settle_all(this, liquids, chain)
    settled = _settle(this, chain, loops, moves, faults, measured)
    return Result(
        state=State(
            scan=state.scan + 1,
            tags=tags,
            actuators=chain.actuators,
            interlocks=interlocks,
            loops=settled,
            checks=guarded.checks,
            hazards=guarded.hazards,
            alarms=guarded.alarms,
            annunciator=guarded.annunciator,
            doses=guarded.doses,
            unit=guarded.unit,
            dosing=chain.dosing,
            soft=soft,
            health=_health(this, state.health, settled, guarded, chain, measured),
            experiments=record(tried, unit.loops, settled, measured) if tried else tried,
            feeds=liquids.feeds,
            perfusions=liquids.perfusions,
            fusions=fusions,
            calibrations=desk.bench.calibrations,
            sessions=sessions,
        ),
        measurements=tuple(measured.values()),
        commands=tuple(chain.commands.values()),
        events=tuple(this.events),
        replies=replies,
    )


def _judge(
    this: Turn, state: State, sessions: Mapping[str, CalibrationSession]
) -> tuple[dict[str, TagState], dict[str, Measurement], dict[str, FusionState]]:
    tags, fused = state.tags, this.unit.fusions
    states: dict[str, TagState] = {fusion.tag.name: tags[fusion.tag.name] for fusion in fused}
    measured: dict[str, Measurement] = {}
    samples = this.image.samples
    for gate in this.unit.gates:
        name = gate.name
        before = state.tags[name]
        calibration = in_force(state.calibrations, name)
        sample = samples.get(gate.channel)
        after, measurement = judge_tag(gate, before, sample, this.at, calibration, sessions.get(name))
        states[name], measured[name] = after, measurement
        if after.quality is not before.quality:
            reason = measurement.reason or "fresh and plausible"
            this.tell("quality", name, before.quality.name, after.quality.name, "judge", reason)
    fusions = fuse_all(fused, state.fusions, states, measured, this.dt_s, this.tell)
    return states, measured, fusions


def _watch(
    this: Turn, interlocks: Mapping[str, InterlockState], measured: Mapping[str, Measurement]
) -> dict[str, InterlockState]:
    states: dict[str, InterlockState] = {}
    for plan in this.unit.interlocks:
        before, measurement = interlocks[plan.name], measured[plan.tag]
        after = states[plan.name] = watch(plan, before, measurement, this.dt_s)
        if after is not before and (was := label(before)) != (becomes := label(after)):
            reason = cause(plan, after, measurement, this.unit.units[plan.tag])
            this.tell("interlock", plan.name, was, becomes, "interlock", reason)
    return states


def _move(
    this: Turn,
    loops: Mapping[str, LoopState],
    measured: Mapping[str, Measurement],
    actuators: Mapping[str, ActuatorState],
    forced: Mapping[str, float],
    tuned: Mapping[str, float],
) -> tuple[dict[str, Move], dict[str, str]]:
    """What each loop decides, and the exceptions of those that could not."""
    moves: dict[str, Move] = {}
    faults: dict[str, str] = {}
    for name, loop in this.unit.loops.items():
        master = moves.get(loop.plan.master)
        setpoint = None if master is None or master.condition == OUT_OF_SERVICE else master.output
        slave = loops[loop.slave].mode if loop.slave else None
        own, value, instead = loops[name], measured[loop.tag], forced.get(name)
        inputs = readings(loop.law.sources, measured, actuators) if loop.law.sources else ()
        planned, faults[name] = decide(
            loop, own, value, setpoint, slave, this.dt_s, this.step_s, instead, inputs
        )
        moves[name] = _tune(planned, tuned[name]) if name in tuned else planned
    return moves, faults


def _tune(planned: Move, output: float) -> Move:
    """The move of a loop whose output an experiment has; one that cannot regulate keeps its own."""
    if planned.condition != REGULATING:
        return planned
    return planned._replace(condition=TUNING, output=output, wanted=output, pid=PidState())


def _settle(
    this: Turn,
    chain: Chain,
    loops: Mapping[str, LoopState],
    moves: Mapping[str, Move],
    faults: Mapping[str, str],
    measured: Mapping[str, Measurement],
) -> dict[str, LoopState]:
    """The loops' memory after the chain, slaves before their masters."""
    settled = dict(loops)
    for name, loop in this.unit.slaves_first:
        planned = moves[name]
        locked = name in chain.locked
        forced = locked or name in chain.astray
        if loop.slave:
            slave, tag = settled[loop.slave], this.unit.loops[loop.slave].tag
            wanted = moves[loop.slave].wanted
            achieved, forced = accepted_output(loop, slave, wanted, measured[tag])
        else:
            achieved = achieved_output(loop.shares, planned.output, chain.actual, loop.grain)
        before = loops[name]
        after, fault = learn(
            loop,
            before,
            planned,
            achieved,
            faults[name],
            this.dt_s,
            this.step_s,
            forced=forced,
            locked=locked,
        )
        settled[name] = after
        if fault:
            this.tell("loop", name, before.condition, after.condition, "loop", fault)
        elif after.condition != before.condition:
            _tell_condition(this, loop, before.condition, after.condition, measured[loop.tag])
    return settled


def _health(
    this: Turn,
    states: Mapping[str, HealthState],
    loops: Mapping[str, LoopState],
    guarded: Guarded,
    chain: Chain,
    measured: Mapping[str, Measurement],
) -> dict[str, HealthState]:
    """How well each loop does, from what this scan made of it."""
    evidence = Evidence(chain.actuators, guarded.checks, guarded.unit.batch)
    return follow(this.unit.ward, states, loops, measured, evidence, this.at, this.dt_s, this.tell)


def _tell_condition(this: Turn, loop: Loop, before: str, after: str, measured: Measurement) -> None:
    """Tell what nobody asked for and its end; modes and restrictions have records of their own."""
    if before in _UNASKED or after in _UNASKED:
        reason = f"{loop.tag} is {measured.quality.name}"
        this.tell(
            "loop", loop.name, before, after, "loop", reason + (measured.reason and f": {measured.reason}")
        )
