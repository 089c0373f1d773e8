"""The law of one loop: what goes into a step of its PID, and the step.

That is the measurement as the probe's lag leaves it, the set point as it is weighted, the gain as it is scheduled, and feed-forward.

Start-up: far from the set point an integral only collects what it has to lose again as overshoot. From a start, or a set-point step
beyond ``startup_zone``, it waits at its start value, and proportional, derivative and feed-forward part act alone. Inside the zone it begins from there, so
crossing the border moves nothing. When the error has stopped to shrink outside the zone, the load is larger than those parts cover,
and the integral has to begin there.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from edgectl.core.feedforward import SETPOINT, Forward, contribute, forward_of
from edgectl.core.pid import Tuning, step, tuning_of
from edgectl.core.probe import Probe, probe_of, see
from edgectl.core.schedule import Schedule, factors_at, schedule_of
from edgectl.model.loop import PidState
from edgectl.model.loop_plan import LoopPlan

_PROGRESS = 0.05  # of the start-up zone: an error that shrinks by less has stopped to shrink
_STALL_S = 300.0  # without an integral time


@dataclass(frozen=True, slots=True)
class Law:
    """A loop's law as each scan needs it.

    ``mark`` changes with every parameter that would move the output at once. ``sources`` are what schedule and feed-forward read, the
    schedule's first. ``covered``: feed-forward of the set point is what the output is without any error, so that a first integral is 0.
    ``plain``: PID on set point and measurement alone.
    """

    tuning: Tuning
    mark: int
    sampled: bool
    plain: bool
    probe: Probe
    schedule: Schedule | None
    forwards: tuple[Forward, ...]
    sources: tuple[str, ...]
    weight: float
    lag_s: float
    zone: float
    stall_s: float
    covered: bool


class Given(NamedTuple):
    """One step of a loop: set point in force and the one before, sample, readings of the law's sources, and where the output starts (None: it goes on).

    ``begins``: the loop did not regulate before. ``resumes``: it goes on where it was before a restart. ``eased``: what the start
    makes up for belongs into no integral.
    """

    setpoint: float
    last: float
    value: float
    at_ns: int
    inputs: Sequence[float | None]
    dt_s: float
    step_s: float
    start: float | None
    begins: bool = False
    resumes: bool = False
    eased: bool = False


def law_of(plan: LoopPlan) -> Law:
    """The law of one loop, with everything that depends on the plan alone worked out.

    Raises:
        ValueError: the schedule has no such points.
    """
    schedule = None if plan.schedule is None else schedule_of(plan.schedule)
    sources = [f.source for f in plan.feedforward]
    if plan.schedule is not None:
        sources.insert(0, plan.schedule.source)
    probe = probe_of(plan)
    weighted = plan.weight != 1.0 and plan.integral_s != 0.0
    return Law(
        tuning=tuning_of(plan),
        mark=_mark(plan),
        sampled=bool(plan.derivative_s or probe.filter_s),
        plain=not (weighted or schedule or plan.feedforward or plan.startup_zone),
        probe=probe,
        schedule=schedule,
        forwards=tuple(forward_of(f) for f in plan.feedforward),
        sources=tuple(sources),
        weight=plan.weight if weighted else 1.0,
        lag_s=plan.integral_s,
        zone=plan.startup_zone,
        stall_s=plan.integral_s or _STALL_S,
        covered=any(f.source == SETPOINT and not f.washout_s for f in plan.feedforward),
    )


def _mark(plan: LoopPlan) -> int:
    """A number for all that an output depends on besides its integral; never 0."""
    parts = (
        plan.gain,
        plan.derivative_s,
        plan.filter_s,
        plan.dead_band,
        plan.weight,
        plan.smooth_s,
        plan.probe_lag_s,
        plan.schedule,
        plan.feedforward,
    )
    return zlib.crc32(repr(parts).encode()) or 1


def regulate_plainly(
    law: Law,
    state: PidState,
    setpoint: float,
    value: float,
    at_ns: int,
    step_s: float,
    start: float | None,
    *,
    eased: bool,
) -> tuple[float, PidState]:
    """``regulate`` for a law that is plain."""
    fresh_s = 0.0
    if law.sampled:
        value, state, fresh_s = see(law.probe, state, value, at_ns)
    wanted, state = step(law.tuning, state, setpoint, value, fresh_s, step_s, start, eased=eased)
    return wanted, state if state.law == law.mark else state._replace(law=law.mark)


def regulate(law: Law, state: PidState, given: Given) -> tuple[float, PidState]:
    """The unlimited output of one step, and the memory after it."""
    if state.law != law.mark:
        state = state._replace(law=law.mark)
    value, fresh_s = given.value, 0.0
    if law.sampled:
        value, state, fresh_s = see(law.probe, state, value, given.at_ns)
    inputs = tuple(
        given.setpoint if source == SETPOINT else reading
        for source, reading in zip(law.sources, given.inputs, strict=True)
    )
    tuning = law.tuning
    if law.schedule is not None:
        tuning, state = _scheduled(law.schedule, tuning, state, inputs[0])
        inputs = inputs[1:]
    if law.zone:
        state = _opened(law, state, given, abs(given.setpoint - value))
    reference, state = _weighted(law, state, given, value)
    forward = 0.0
    if law.forwards:
        forward, state = _forwarded(law, state, given, inputs)
    return step(
        tuning, state, reference, value, fresh_s, given.step_s, given.start, forward, eased=given.eased
    )


def _scheduled(
    schedule: Schedule, tuning: Tuning, state: PidState, place: float | None
) -> tuple[Tuning, PidState]:
    factors = (state.factors or schedule.calm) if place is None else factors_at(schedule, place)
    gain, time = factors
    scaled = replace(tuning, gain=tuning.gain * gain, integral_gain=tuning.integral_gain * gain / time)
    return scaled, state if factors == state.factors else state._replace(factors=factors)


def _opened(law: Law, state: PidState, given: Given, error: float) -> PidState:
    """The memory with a start-up begun, gone on with, or ended."""
    if error <= law.zone:
        return state if state.nearest is None else state._replace(nearest=None, stalled_s=0.0)
    if given.begins or abs(given.setpoint - given.last) > law.zone:
        return state._replace(nearest=error, stalled_s=0.0)
    if state.nearest is None:
        return state
    if error < state.nearest - _PROGRESS * law.zone:
        return state._replace(nearest=error, stalled_s=0.0)
    stalled_s = state.stalled_s + given.step_s
    if stalled_s > law.stall_s:
        return state._replace(nearest=None, stalled_s=0.0)
    return state._replace(stalled_s=stalled_s)


def _weighted(law: Law, state: PidState, given: Given, value: float) -> tuple[float, PidState]:
    """The set point behind (b Ti s + 1)/(Ti s + 1), which is b of it and the rest lagged by Ti."""
    if law.weight == 1.0:
        return given.setpoint, state
    lagged = state.reference
    if state.nearest is not None:
        lagged = given.setpoint  # a start-up goes for the whole of it
    elif given.begins and not given.resumes:
        lagged = value
    elif lagged is None:
        lagged = given.setpoint
    else:
        lagged += (given.setpoint - lagged) * given.step_s / (law.lag_s + given.step_s)
    return law.weight * given.setpoint + (1.0 - law.weight) * lagged, state._replace(reference=lagged)


def _forwarded(
    law: Law, state: PidState, given: Given, inputs: Sequence[float | None]
) -> tuple[float, PidState]:
    """The contribution of feed-forward, and the memory with what came back of lost sources taken out of it."""
    anew = given.begins or given.start is not None
    total, found, states = contribute(law.forwards, state.forward, inputs, given.dt_s, anew=anew)
    if anew or not found:
        return total, state._replace(forward=states)
    if state.nearest is not None:
        return total, state._replace(forward=states, offset=state.offset - found)
    return total, state._replace(forward=states, integral=state.integral - found)
