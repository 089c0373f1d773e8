"""How well each loop does, watched from beside it: nothing here moves an output.

A scan only adds to the running slot. When the slot is full, its means go to the search for oscillations (``health_swing``) and to the running bin, a
twelfth of the window. When the bin is full, a look at all of that finds how the loop does (``health_finding``). Two looks in a row must find a loop
worse than what is in force, and half a window of them better, so that it does not chatter. An exception in here costs the loop its health and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from edgectl.core.health_finding import Evidence, find, label
from edgectl.core.health_swing import swung
from edgectl.core.loop import REGULATING, Loop
from edgectl.core.share import asked
from edgectl.model.health import Bin, Chart, Chase, Finding, HealthState, History, Swing, Tick, Word
from edgectl.model.health_plan import HealthPlan
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan

BINS = 12

_SLACK = 0.02  # of the output span: achieved further than this from wanted is held back
_MOVED = 0.25  # of the band: a set point so far away is another one
_GAP = 10.0  # slots without regulation, and what was seen before does not count any more
_MOST = 1e12  # of an error or an output: more is no measurement
_MEMORY_S = 86_400.0  # of the history of the error
_CONFIRM = 1.5  # bins: a worse finding is in force when two looks in a row found one
_RELIEF = 0.5  # windows until a better one is
_RANK = {Word.UNKNOWN: 0, Word.GOOD: 0, Word.WATCH: 1, Word.BAD: 2}
_NEW = HealthState()
_STILL = Swing()
_CALM = Chase()
_WANTED = frozenset({Mode.AUTO, Mode.CAS})

Tell = Callable[[str, str, str, str, str, str], None]


@dataclass(frozen=True, slots=True)
class Patient:
    """A loop whose health is watched, with what follows from the plan.

    ``high`` and ``low`` are the ends of its output, ``slack`` how far the achieved output may be from the wanted one. ``rests_high`` and ``rests_low``: at that end all
    of its actuators stand at their safe values, so it is where a loop with nothing to do belongs. ``checks`` are the plausibility checks about it.
    """

    plan: HealthPlan
    loop: Loop
    high: float
    low: float
    slack: float
    rests_high: bool
    rests_low: bool
    actuators: tuple[str, ...]
    checks: tuple[str, ...]


def ward_of(plan: Plan, loops: Mapping[str, Loop]) -> tuple[Patient, ...]:
    """Every loop of the plan whose health is watched."""
    return tuple(_patient(health, loops[health.loop], plan) for health in plan.health)


def _patient(health: HealthPlan, loop: Loop, plan: Plan) -> Patient:
    low, high = loop.plan.out_low, loop.plan.out_high
    actuators = tuple(share.actuator for share in loop.shares)

    def rests(output: float) -> bool:
        return bool(loop.shares) and all(asked(share, output) == share.safe for share in loop.shares)

    return Patient(
        plan=health,
        loop=loop,
        high=high - loop.grain,
        low=low + loop.grain,
        slack=_SLACK * (high - low),
        rests_high=rests(high),
        rests_low=rests(low),
        actuators=actuators,
        checks=tuple(c.name for c in plan.checks if c.tag == loop.tag or c.actuator in actuators),
    )


def follow(
    ward: tuple[Patient, ...],
    states: Mapping[str, HealthState],
    loops: Mapping[str, LoopState],
    measured: Mapping[str, Measurement],
    evidence: Evidence,
    now: Instant,
    dt_s: float,
    tell: Tell,
) -> dict[str, HealthState]:
    """The health of every loop after ``dt_s`` more; ``loops`` are as this scan leaves them."""
    found: dict[str, HealthState] = {}
    for patient in ward:
        name = patient.loop.name
        before = states.get(name, _NEW)
        try:
            value = measured[patient.loop.tag].value
            after = found[name] = _followed(patient, before, loops[name], value, evidence, now, dt_s)
        except Exception as bug:  # noqa: BLE001 - whatever it is, it must cost nobody his regulation
            line = f"{name}: cannot be judged: {type(bug).__name__}: {bug}"
            after = found[name] = HealthState(chart=Chart(Finding(line=line)))
        was, becomes = before.chart.told, after.chart.told
        if was is not becomes and (was.word, was.ailment) != (becomes.word, becomes.ailment):
            tell("health", name, label(was), label(becomes), "health", becomes.line)
    return found


def _followed(
    patient: Patient,
    state: HealthState,
    loop: LoopState,
    value: float | None,
    evidence: Evidence,
    now: Instant,
    dt_s: float,
) -> HealthState:
    tick = _ticked(patient, state.tick, loop, value, dt_s)
    if tick.passed_s < patient.plan.slot_s:
        return HealthState(tick, state.chart)
    return HealthState(chart=_charted(patient, state.chart, tick, loop, evidence, now))


def _bounded(value: float) -> float:
    """Its squares stay numbers."""
    return min(max(value, -_MOST), _MOST)


def _ticked(patient: Patient, tick: Tick, loop: LoopState, value: float | None, dt_s: float) -> Tick:
    """The running slot with one scan more."""
    passed, regulating, idle, high, low, rest, error, absolute, total = tick
    if loop.condition == REGULATING and value is not None:
        off, output, achieved = _bounded(loop.setpoint - value), _bounded(loop.output), loop.achieved
        regulating += dt_s
        error += off * dt_s
        absolute += abs(off) * dt_s
        total += output * dt_s
        if output >= patient.high or output - achieved > patient.slack:
            if patient.rests_high:
                rest += dt_s
            else:
                high += dt_s
        elif output <= patient.low or achieved - output > patient.slack:
            if patient.rests_low:
                rest += dt_s
            else:
                low += dt_s
    elif loop.mode in _WANTED:
        idle += dt_s
    return Tick(passed + dt_s, regulating, idle, high, low, rest, error, absolute, total)


def _charted(
    patient: Patient, chart: Chart, tick: Tick, loop: LoopState, evidence: Evidence, now: Instant
) -> Chart:
    """What is known after one more slot; a full bin is looked at."""
    told, since_ns, found, found_s, about, settle_s, gap_s, swing, chase, seen, bins, history = chart
    plan, regulating_s = patient.plan, tick.regulating_s
    settled = False
    if 2.0 * regulating_s < tick.passed_s or not math.isfinite(tick.absolute + tick.output):
        gap_s += tick.passed_s
        if gap_s > _GAP * plan.slot_s:
            about, settle_s, swing, chase = None, 0.0, _STILL, _CALM
    else:
        gap_s, setpoint = 0.0, loop.setpoint
        if about is None or (loop.mode is not Mode.CAS and abs(setpoint - about) > _MOVED * plan.band):
            about, settle_s, swing, chase = setpoint, plan.settle_s, _STILL, _CALM
        elif settle_s > tick.passed_s:
            settle_s -= tick.passed_s
        else:
            settled, settle_s = True, 0.0
            error, output = tick.error / regulating_s, tick.output / regulating_s
            swing = swung(plan, swing, error, output, tick.passed_s)
            chase = _chased(plan.band, chase, error, output, tick.passed_s)
    seen = _binned(seen, tick, settled=settled)
    chart = Chart(told, since_ns, found, found_s, about, settle_s, gap_s, swing, chase, seen, bins, history)
    return chart if seen.passed_s < plan.window_s / BINS else _looked(patient, chart, loop, evidence, now)


def _looked(patient: Patient, chart: Chart, loop: LoopState, evidence: Evidence, now: Instant) -> Chart:
    """What is known after one more bin."""
    plan, seen, history = patient.plan, chart.bin, chart.history
    if history.batch != evidence.batch:
        history = History(batch=evidence.batch)
    if chart.told.word is Word.GOOD:
        history = _learned(history, seen)
    chart = chart._replace(bin=Bin(), bins=(*chart.bins, seen)[-BINS:], history=history)
    finding = find(patient.loop, plan, patient.actuators, patient.checks, chart, loop, evidence, now)
    return _in_force(plan, chart, finding, seen.passed_s, now, wanted=loop.mode in _WANTED)


def _chased(band: float, chase: Chase, error: float, output: float, length_s: float) -> Chase:
    side = 1 if error > band else -1 if error < -band else 0
    if not side:
        return _CALM
    if side != chase.side:
        return Chase(side, 0.0, abs(error), error, output)
    return Chase(side, chase.length_s + length_s, max(chase.worst, abs(error)), error, chase.output)


def _binned(before: Bin, tick: Tick, *, settled: bool) -> Bin:
    passed_s, idle_s = before.passed_s + tick.passed_s, before.idle_s + tick.idle_s
    if not settled:
        return Bin(passed_s, idle_s, *before[2:])
    return Bin(
        passed_s,
        idle_s,
        before.settled_s + tick.regulating_s,
        before.high_s + tick.high_s,
        before.low_s + tick.low_s,
        before.rest_s + tick.rest_s,
        before.absolute + tick.absolute,
    )


def _learned(history: History, seen: Bin) -> History:
    """The history with one bin more: a mean over all of it first, then one that forgets with a day."""
    active_s = seen.settled_s - seen.rest_s
    if active_s < 0.5 * seen.passed_s:
        return history
    known_s = history.known_s + seen.settled_s
    share = seen.settled_s / min(known_s, _MEMORY_S)
    usual = history.usual + share * (seen.absolute / seen.settled_s - history.usual)
    return History(usual, min(known_s, _MEMORY_S), history.batch)


def _in_force(
    plan: HealthPlan, chart: Chart, finding: Finding, passed_s: float, now: Instant, *, wanted: bool
) -> Chart:
    """The finding that is in force after a look that finds ``finding``.

    What is worse must be found twice in a row, and what is better for half a window. Where nothing ailed, and where nobody wants the loop to regulate
    (not ``wanted``), the finding is in force at once.
    """
    told = chart.told
    if (finding.word, finding.ailment) == (told.word, told.ailment):
        return chart._replace(told=finding, next=finding, next_s=0.0)
    ill, stands = _RANK[finding.word], _RANK[told.word]
    worse = ill > stands
    next_s = passed_s + (chart.next_s if worse == (_RANK[chart.next.word] > stands) else 0.0)
    if (not ill and not stands) or not wanted:
        wait_s = 0.0
    else:
        wait_s = (_CONFIRM / BINS if worse else _RELIEF) * plan.window_s
    if next_s < wait_s:
        return chart._replace(next=finding, next_s=next_s)
    return chart._replace(told=finding, since_ns=now.utc_ns, next=finding, next_s=0.0)
