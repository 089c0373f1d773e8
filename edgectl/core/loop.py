"""A loop: from a judged measurement to demands on its actuators, and back from what they achieved to the loop's memory.

A scan calls ``move`` before the interlock chain and ``settle`` after it. Whenever a loop begins to regulate it starts from the
output its actuators really achieved. Limits, interlocks, manual mode, fallback, hold and restart are bumpless by that one rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from edgectl.core.pid import Tuning, step, track, tuning_of
from edgectl.core.share import Share, asked
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

_AFRESH = frozenset(
    {FALLBACK, MANUAL, OUT_OF_SERVICE, WAITING}
)  # a set-point ramp begins at the process value after these
_GRAIN = 1e-9  # of the output span: rounding of the way to the actuators and back
_BLANK = PidState()


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop's plan as each scan needs it. ``slave`` is the loop that takes this one's output as its set point, or empty."""

    plan: LoopPlan
    name: str
    tag: str
    tuning: Tuning
    shares: tuple[Share, ...]
    slave: str
    grain: float
    sources: Mapping[str, str]


class Move(NamedTuple):
    """What a loop decides before the chain. ``wanted`` is the law's own, unlimited output; otherwise the same as ``output``."""

    condition: str
    target: float
    setpoint: float
    output: float
    wanted: float
    pid: PidState
    unsure_s: float


def loop_of(plan: LoopPlan, slave: str, actuators: Mapping[str, ActuatorPlan]) -> Loop:
    """One loop with everything that depends on the plan alone worked out."""
    conditions = (TRACKING, HOLDING, FALLBACK, MANUAL, OUT_OF_SERVICE, WAITING, TUNING)
    return Loop(
        plan=plan,
        name=plan.name,
        tag=plan.tag,
        tuning=tuning_of(plan),
        shares=tuple(
            Share(s, s.actuator, (s.high - s.low) / (s.out_high - s.out_low), actuators[s.actuator].safe)
            for s in plan.segments
        ),
        slave=slave,
        grain=_GRAIN * (plan.out_high - plan.out_low),
        sources={REGULATING: plan.name} | {word: f"{plan.name} {word}" for word in conditions},
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
) -> Move:
    """Decide a loop's output. ``master`` is the output of its master loop (None: none in service), ``slave`` its slave's mode.

    ``forced`` is the set point in force instead of the loop's own (None: its own); a loop in cascade keeps its master's.

    GOOD regulates. UNCERTAIN holds for at most ``hold_max_s``, then falls back; BAD falls back at once, and only GOOD ends a
    fallback. Before the first GOOD input since the start, the actuators stay at their safe values.
    """
    if state.mode is Mode.OOS:
        return _stand(state, OUT_OF_SERVICE, state.achieved)
    if slave is not None and slave is not Mode.CAS:
        return _stand(state, TRACKING, state.achieved)
    if state.mode is Mode.MAN:
        return _stand(state, MANUAL, state.output)
    if measured.quality is Quality.GOOD and measured.value is not None:
        return _regulate(loop, state, measured.value, master, dt_s, step_s, forced)
    return _endure(loop, state, measured.quality, dt_s)


def _endure(loop: Loop, state: LoopState, quality: Quality, dt_s: float) -> Move:
    """Get along without a GOOD input: wait, hold or fall back."""
    if state.condition == WAITING:
        return _stand(state, WAITING, state.achieved)
    unsure_s = state.unsure_s + dt_s
    held = quality is Quality.UNCERTAIN and unsure_s <= loop.plan.hold_max_s
    if held and state.condition != FALLBACK:
        return _stand(state, HOLDING, state.achieved, unsure_s)
    return _stand(state, FALLBACK, loop.plan.fallback, unsure_s)


def _stand(state: LoopState, condition: str, output: float, unsure_s: float = 0.0) -> Move:
    return Move(condition, state.target, state.setpoint, output, output, _BLANK, unsure_s)


def _regulate(
    loop: Loop,
    state: LoopState,
    value: float,
    master: float | None,
    dt_s: float,
    step_s: float,
    forced: float | None,
) -> Move:
    plan, tuning = loop.plan, loop.tuning
    target = state.target
    if state.mode is Mode.CAS:
        setpoint = target = _between(
            plan.setpoint_low, state.setpoint if master is None else master, plan.setpoint_high
        )
    elif forced is not None:
        setpoint = forced
    elif plan.setpoint_rate_per_s:
        setpoint = _ramp(plan, state, value, step_s)
    else:
        setpoint = target
    memory, start = state.pid, None
    if state.condition == WAITING and _at_rest(loop, state.achieved):
        # A start-up is no transfer: only safe values were in force, and the error acts at once. After a short outage the plant is
        # where it was, and so is its load: the loop goes on with the integral it had, instead of finding it again at the culture's expense.
        memory = PidState(integral=state.achieved if state.kept is None else state.kept)
    elif state.condition != REGULATING and (tuning.integral_gain != 0.0 or state.condition != TRACKING):
        start = state.achieved
    wanted, pid = step(tuning, memory, setpoint, value, dt_s, step_s, start)
    output = _between(plan.out_low, wanted, plan.out_high)
    return Move(REGULATING, target, setpoint, output, wanted, pid, 0.0)


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


def accepted_output(loop: Loop, slave: LoopState, wanted: float, measured: Measurement) -> tuple[float, bool]:
    """What a slave made of the output of its master ``loop``, and whether that was forced on the master.

    A slave that regulates in cascade took its set point; if it cannot reach it (``wanted`` is the slave's own, unlimited output),
    its process value is all the master has. Out of cascade the master follows the set point in force, or the process value
    where there is none.
    """
    low, high = loop.plan.out_low, loop.plan.out_high
    value = _between(low, slave.setpoint if measured.value is None else measured.value, high)
    if slave.condition != REGULATING:
        return value, True
    limited = slave.mode is Mode.CAS and abs(slave.achieved - wanted) > _GRAIN
    return (value if limited else _between(low, slave.setpoint, high)), False


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
            condition = WAITING if state.condition == WAITING else TRACKING
        elif abs(achieved - move.wanted) > loop.grain:
            pid = track(loop.tuning, pid, move.wanted - achieved, step_s)
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
    )
