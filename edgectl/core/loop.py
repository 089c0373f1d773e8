"""A loop: from a judged measurement to demands on its actuators, and back from what they achieved to the loop's memory.

A scan calls ``move`` before the interlock chain and ``settle`` after it. Whenever a loop begins to regulate it starts from the
output its actuators really achieved. Limits, interlocks, manual mode, fallback, hold and restart are bumpless by that one rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from edgectl.core.handover import Gate, gates_of, pass_gates, rest_of
from edgectl.core.law import Given, Law, law_of, regulate, regulate_plainly
from edgectl.core.pid import track
from edgectl.core.reach import in_reach, too_small
from edgectl.core.share import Share, asked, share_of
from edgectl.model.command import Demand
from edgectl.model.loop import LoopState, Mode, PidState
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.measurement import Measurement
from edgectl.model.plan import ActuatorPlan
from edgectl.model.quality import Quality

REGULATING: Final = "regulating"
TRACKING: Final = "tracking"
HOLDING: Final = "holding"
FALLBACK: Final = "fallback"
MANUAL: Final = "manual"
OUT_OF_SERVICE: Final = "out of service"
WAITING: Final = "waiting"
TUNING: Final = "tuning"

_GOING_ON = frozenset({REGULATING, HOLDING})
_AFRESH = frozenset(
    {FALLBACK, MANUAL, OUT_OF_SERVICE, WAITING}
)  # a set-point ramp begins at the process value after these
_LEAD = (
    0.05  # of the output span: how far an output may be ahead of actuators that do not give what was asked
)
_GRAIN = 1e-9  # of the output span: rounding of the way to the actuators and back


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop's plan as each scan needs it. ``slave`` is the loop that takes this one's output as its set point, or empty."""

    plan: LoopPlan
    name: str
    tag: str
    law: Law
    shares: tuple[Share, ...]
    slave: str
    grain: float
    sources: Mapping[str, str]
    gates: tuple[Gate, ...] = ()


class Move(NamedTuple):
    """What a loop decides before the chain. ``wanted`` is the law's own, unlimited output; otherwise the same as ``output``.

    ``waited`` and ``limit`` are the loop's memory of its hand-overs (None: as it was).
    """

    condition: str
    target: float
    setpoint: float
    output: float
    wanted: float
    pid: PidState
    unsure_s: float
    waited: tuple[float, ...] | None = None
    limit: str = ""


def loop_of(plan: LoopPlan, slave: str, actuators: Mapping[str, ActuatorPlan]) -> Loop:
    """One loop with everything that depends on the plan alone worked out."""
    conditions = (TRACKING, HOLDING, FALLBACK, MANUAL, OUT_OF_SERVICE, WAITING, TUNING)
    shares = tuple(share_of(s, actuators[s.actuator].safe) for s in plan.segments)
    words = (actuators[s.actuator].description or s.actuator for s in plan.segments)
    return Loop(
        plan=plan,
        name=plan.name,
        tag=plan.tag,
        law=law_of(plan),
        shares=shares,
        slave=slave,
        grain=_GRAIN * (plan.out_high - plan.out_low),
        sources={REGULATING: plan.name} | {word: f"{plan.name} {word}" for word in conditions},
        gates=gates_of(shares, rest_of(plan.out_low, plan.out_high), words),
    )


def move(
    loop: Loop,
    state: LoopState,
    measured: Measurement,
    master: float | None,
    slave: Mode | None,
    dt_s: float,
    step_s: float,
    forced: float | None = None,
    inputs: Sequence[float | None] = (),
) -> Move:
    """Decide a loop's output. ``master`` is the output of its master loop (None: none in service), ``slave`` its slave's mode.

    ``inputs`` is what the sources of its law say (None: nothing that may be believed).
    ``forced`` is the set point in force instead of the loop's own (None: its own); a loop in cascade keeps its master's.

    GOOD regulates. UNCERTAIN holds for at most ``hold_max_s``, then falls back; BAD falls back at once, or rides through ``ride_s`` with the load
    it had; only GOOD ends a fallback. Before the first GOOD input since the start, the actuators stay at their safe values.
    """
    if state.mode is Mode.OOS:
        return _stand(state, OUT_OF_SERVICE, state.achieved)
    if slave is not None and slave is not Mode.CAS:
        return _stand(state, TRACKING, state.achieved)
    if state.mode is Mode.MAN:
        return _stand(state, MANUAL, state.output)
    if measured.quality is Quality.GOOD and measured.value is not None:
        setpoint = _setpoint(loop.plan, state, measured.value, master, step_s, forced)
        at_ns = measured.at.mono_ns
        return _regulate(loop, state, setpoint, measured.value, at_ns, inputs, dt_s, step_s)
    return _endure(loop, state, measured.quality, dt_s)


def _endure(loop: Loop, state: LoopState, quality: Quality, dt_s: float) -> Move:
    """Get along without a GOOD input: wait, hold or fall back."""
    if state.condition == WAITING:
        return _stand(state, WAITING, state.achieved)
    unsure_s = state.unsure_s + dt_s
    if state.condition != FALLBACK:
        if quality is Quality.UNCERTAIN and unsure_s <= loop.plan.hold_max_s:
            return _stand(state, HOLDING, state.achieved, unsure_s)
        if unsure_s <= loop.plan.ride_s and state.condition in _GOING_ON:
            return _stand(state, HOLDING, _load(loop.plan, state.pid), unsure_s)
    return _stand(state, FALLBACK, loop.plan.fallback, unsure_s)


def _load(plan: LoopPlan, pid: PidState) -> float:
    """The output that held the load when the tag was known last: integral and feed-forward, without the answer to an error nobody sees any more."""
    most = plan.out_high if plan.ride_most is None else plan.ride_most
    return _between(plan.out_low, pid.integral + sum(part.share for part in pid.forward), most)


def _stand(state: LoopState, condition: str, output: float, unsure_s: float = 0.0) -> Move:
    pid = state.pid
    if pid.law and condition != HOLDING:
        pid = pid._replace(law=0)  # what it knows may serve a start, but it does not go on from here
    return Move(condition, state.target, state.setpoint, output, output, pid, unsure_s)


def _setpoint(
    plan: LoopPlan,
    state: LoopState,
    value: float,
    master: float | None,
    step_s: float,
    forced: float | None,
) -> float:
    """The set point in force: the master's, the one forced, or the own one on its ramp."""
    if state.mode is Mode.CAS:
        return _between(plan.setpoint_low, state.setpoint if master is None else master, plan.setpoint_high)
    if forced is not None:
        return forced
    return _ramp(plan, state, value, step_s) if plan.setpoint_rate_per_s else state.target


def _regulate(
    loop: Loop,
    state: LoopState,
    setpoint: float,
    value: float,
    at_ns: int,
    inputs: Sequence[float | None],
    dt_s: float,
    step_s: float,
) -> Move:
    plan, law = loop.plan, loop.law
    memory, start, eased = _origin(loop, state)
    if law.plain:
        wanted, pid = regulate_plainly(law, memory, setpoint, value, at_ns, step_s, start, eased=eased)
    else:
        begins, resumes = state.condition not in _GOING_ON, state.kept is not None
        given = Given(
            setpoint, state.setpoint, value, at_ns, inputs, dt_s, step_s, start, begins, resumes, eased
        )
        wanted, pid = regulate(law, memory, given)
    output = _between(plan.out_low, wanted, plan.out_high)
    waited, limit = state.waited, ""
    if loop.gates:
        output, waited, limit = pass_gates(loop.gates, waited, state.achieved, output, dt_s, loop.grain)
    if not loop.slave and state.condition == REGULATING and abs(state.output - state.achieved) > loop.grain:
        output = in_reach(plan, state.achieved, output)
    if plan.output_step and state.condition == REGULATING and too_small(plan, state.output, output):
        wanted += state.output - output  # what is too small to be made is not missed either
        output = state.output
    if plan.output_rate_per_s:
        origin = state.output if state.condition == REGULATING else state.achieved
        reach = plan.output_rate_per_s * step_s
        output = _between(origin - reach, output, origin + reach)
    target = setpoint if state.mode is Mode.CAS else state.target
    return Move(REGULATING, target, setpoint, output, wanted, pid, 0.0, waited, limit)


def _origin(loop: Loop, state: LoopState) -> tuple[PidState, float | None, bool]:
    """The memory to go on with, the output to start from (None: what follows from the memory), and whether an offset makes up for it.

    A start-up is no transfer: only safe values were in force, and the error acts at once. After a short outage the plant is where it was, and
    so is its load: the loop goes on with the integral it had, instead of finding it again at the culture's expense. So it does when its
    probe comes back while the output was only held.
    """
    law, memory, condition = loop.law, state.pid, state.condition
    going_on = memory.law == law.mark or not memory.law
    if condition == REGULATING:
        return memory, None if going_on else state.achieved, False
    if condition == HOLDING and memory.law and going_on:
        return memory, state.achieved, True
    if condition == WAITING and (state.kept is not None or _at_rest(loop, state.achieved)):
        integral = state.kept
        if integral is None:
            integral = 0.0 if law.covered else state.achieved
        return memory._replace(integral=integral), None, False
    if condition == TRACKING and not law.tuning.integral_gain:
        return memory, None, False
    if law.zone and not memory.gain:
        memory = memory._replace(integral=0.0 if law.covered else state.achieved)
    return memory, state.achieved, False


def _at_rest(loop: Loop, achieved: float) -> bool:
    """Whether every actuator of the loop stands at its safe value."""
    return all(
        abs(asked(share, achieved) - share.safe) <= abs(share.per_out) * loop.grain for share in loop.shares
    )


def _ramp(plan: LoopPlan, state: LoopState, value: float, step_s: float) -> float:
    """The set point one step nearer to its target. After a time without regulation it begins at the process value."""
    origin = state.setpoint
    if state.condition in _AFRESH and state.kept is None:
        origin = _between(plan.setpoint_low, value, plan.setpoint_high)
    reach = plan.setpoint_rate_per_s * step_s
    return _between(origin - reach, state.target, origin + reach)


def _between(low: float, value: float, high: float) -> float:
    return low if value < low else min(value, high)


def demands(loop: Loop, move: Move) -> Iterator[Demand]:
    """What a loop asks of its actuators. Out of service it asks for nothing; waiting, for their safe values."""
    condition = move.condition
    source = loop.sources[condition]
    for share in loop.shares:
        if condition == OUT_OF_SERVICE:
            yield Demand(share.actuator, None, source)
        elif condition == WAITING:
            yield Demand(share.actuator, share.safe, source, protective=True)
        else:
            yield Demand(share.actuator, asked(share, move.output), source, condition == FALLBACK)


def settle(
    loop: Loop, state: LoopState, move: Move, achieved: float, step_s: float, *, forced: bool, locked: bool
) -> LoopState:
    """The loop's memory once the chain has spoken.

    ``forced``: an interlock, an actuator that does not follow or a slave that does not regulate decided instead of the loop, which
    then starts from what was achieved. ``locked``: an interlock did; a manual output then stays where the interlock put it.
    """
    condition, output, pid = move.condition, move.output, move.pid
    if condition == REGULATING:
        if forced and abs(achieved - output) > loop.grain:
            waits = state.condition == WAITING
            condition, pid = (WAITING, state.pid) if waits else (TRACKING, pid._replace(law=0))
        elif abs(achieved - move.wanted) > loop.grain:
            # what gives less than asked, and a slave on its way, say nothing of the load: they only keep the integral from growing
            reach = output if loop.slave else achieved if abs(achieved - output) <= loop.grain else None
            pid = track(loop.law.tuning, pid, move.wanted, achieved, reach, step_s)
    elif condition == MANUAL and locked:
        output = achieved
    kept = state.kept if condition == WAITING else None
    return LoopState(
        state.mode,
        move.target,
        move.setpoint,
        output,
        achieved,
        pid,
        move.unsure_s,
        condition,
        kept,
        prior=state.prior,
        manual_left_s=state.manual_left_s,
        remote=state.remote,
        waited=state.waited if move.waited is None else move.waited,
        limit=move.limit,
    )
