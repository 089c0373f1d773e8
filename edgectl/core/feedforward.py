"""Feed-forward: what is known to disturb the loop acts on its output before the error shows.

Only changes of a source move the output. What a source contributes when the loop takes over, or when it comes back after it was lost, is taken out of
the integral, which has carried that load until then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgectl.model.loop import ForwardState
from edgectl.model.loop_plan import FeedforwardPlan
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.state import ActuatorState

SETPOINT = "setpoint"
_SLOTS = 30  # at most so many samples are under way through a delay
_LEAST_LAG = 0.1  # of the lead: a lead alone would be a derivative without filter


@dataclass(frozen=True, slots=True)
class Forward:
    """A feed-forward with its delay divided into ``slots`` of ``slot_s``."""

    plan: FeedforwardPlan
    lag_s: float
    slots: int
    slot_s: float


def forward_of(plan: FeedforwardPlan) -> Forward:
    """One feed-forward of a loop."""
    slots = min(_SLOTS, max(1, round(plan.delay_s))) if plan.delay_s else 0
    return Forward(
        plan, max(plan.lag_s, _LEAST_LAG * plan.lead_s), slots, plan.delay_s / slots if slots else 0.0
    )


def readings(
    sources: Sequence[str], measured: Mapping[str, Measurement], actuators: Mapping[str, ActuatorState]
) -> tuple[float | None, ...]:
    """What each source says: a GOOD tag, an actuator's last command; None otherwise (also for the set point, which the loop knows itself)."""
    return tuple(_reading(source, measured, actuators) for source in sources)


def _reading(
    source: str, measured: Mapping[str, Measurement], actuators: Mapping[str, ActuatorState]
) -> float | None:
    measurement = measured.get(source)
    if measurement is not None:
        return measurement.value if measurement.quality is Quality.GOOD else None
    actuator = actuators.get(source)
    return None if actuator is None else actuator.value


def contribute(
    forwards: Sequence[Forward],
    states: Sequence[ForwardState],
    values: Sequence[float | None],
    dt_s: float,
    *,
    anew: bool,
) -> tuple[float, float, tuple[ForwardState, ...]]:
    """The sum of all contributions, how much of it came by sources that were lost and found, and the memory after it.

    ``anew``: the loop begins; everything is as if its source had always stood where it stands.
    """
    if len(states) != len(forwards):
        states, anew = (ForwardState(),) * len(forwards), True
    total = found = 0.0
    after = []
    for forward, before, value in zip(forwards, states, values, strict=True):
        if value is None:
            state = before if not before.live else before._replace(live=False)
        elif anew or not before.live:
            state = _settled(forward, value)
            found += state.share - before.share
        else:
            state = _moved(forward, before, value, dt_s)
        total += state.share
        after.append(state)
    return total, found, tuple(after)


def _settled(forward: Forward, value: float) -> ForwardState:
    """The memory after the source has stood at ``value`` for ever."""
    plan, level = forward.plan, value - forward.plan.about
    share = 0.0 if plan.washout_s else plan.gain * level
    return ForwardState(share, True, level, level, (level,) * (forward.slots + 1) if forward.slots else ())


def _moved(forward: Forward, state: ForwardState, value: float, dt_s: float) -> ForwardState:
    plan, level = forward.plan, value - forward.plan.about
    queue, since_s = state.queue, state.since_s
    if forward.slots:
        level, queue, since_s = _delayed(forward, state, level, dt_s)
    change = (level - state.lagged) / (forward.lag_s + dt_s)
    lagged = state.lagged + change * dt_s
    level = lagged + plan.lead_s * change
    standing = state.standing
    if plan.washout_s:
        standing += (level - standing) * dt_s / (plan.washout_s + dt_s)
        level -= standing
    return ForwardState(plan.gain * level, True, lagged, standing, queue, since_s)


def _delayed(
    forward: Forward, state: ForwardState, level: float, dt_s: float
) -> tuple[float, tuple[float, ...], float]:
    """What entered the delay ``delay_s`` ago, on the straight line between the two samples around that time."""
    queue, since_s = state.queue, state.since_s + dt_s
    entries = int(since_s / forward.slot_s)
    if entries:
        queue = (*queue, *(level,) * min(entries, forward.slots + 1))[-forward.slots - 1 :]
        since_s = max(0.0, since_s - entries * forward.slot_s)
    way = min(1.0, since_s / forward.slot_s)
    return queue[0] + way * (queue[1] - queue[0]), queue, since_s
