"""One step of the PID law: simple-pid's arithmetic, plain state, and what simple-pid does not have.

simple-pid computes error, dead band, proportional and integral part. Ours are the filtered derivative on the measurement and an
integral that follows the achieved output. simple-pid's own limits stay open: it clamps the integral to them, which would bump
every transfer made at a large error. The loop limits the output, tracking bounds the integral.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from simple_pid import PID

from edgectl.model.loop import PidState
from edgectl.model.loop_plan import LoopPlan

_TRACKING_SHARE = 0.125  # of the integral time: long saturation then overshoots no more than a clean step
_TRACKING_S = 60.0  # without an integral time: how fast a start value fades


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a step needs of a loop's plan. ``integral_gain`` is output per unit and second; ``tracking_s`` is never 0."""

    gain: float
    integral_gain: float
    derivative_s: float
    filter_s: float
    tracking_s: float
    error_map: Callable[[float], float] | None


def tuning_of(plan: LoopPlan) -> Tuning:
    """Standard form to simple-pid's parallel form, and a tracking time where the plan leaves it open."""
    return Tuning(
        gain=plan.gain,
        integral_gain=plan.gain / plan.integral_s if plan.integral_s else 0.0,
        derivative_s=plan.derivative_s,
        filter_s=plan.filter_s,
        tracking_s=plan.tracking_s or _TRACKING_SHARE * plan.integral_s or _TRACKING_S,
        error_map=_dead_band(plan.dead_band) if plan.dead_band else None,
    )


def _dead_band(width: float) -> Callable[[float], float]:
    """Errors within +-``width`` count as 0; beyond it they count from its edge, so that crossing the edge moves nothing."""

    def mapped(error: float) -> float:
        return math.copysign(max(0.0, abs(error) - width), error)

    return mapped


def step(
    tuning: Tuning,
    state: PidState,
    setpoint: float,
    value: float,
    dt_s: float,
    step_s: float,
    start: float | None = None,
) -> tuple[float, PidState]:
    """The unlimited output, in the loop's output unit, and the memory after it.

    ``dt_s`` has passed since the last step; ``step_s`` of it may integrate (less, after a blocked scan). ``start`` takes over
    without a bump: whatever proportional and derivative part are, the output starts from there. Without integral action the
    start fades away with the tracking time.
    """
    law = PID(
        tuning.gain,
        tuning.integral_gain,
        0.0,
        setpoint,
        None,
        error_map=tuning.error_map,
        time_fn=float,  # dt is given, so simple-pid has no use for a clock; float() is 0.0
        starting_output=state.integral,
    )
    law(value, dt=step_s)
    proportional, integral, _ = law.components
    derivative, filtered = _derivative(tuning, state.filtered, value, dt_s)
    if start is not None:
        integral += start - state.integral - proportional - derivative
    elif not tuning.integral_gain:
        integral -= integral * min(1.0, step_s / tuning.tracking_s)
    output = proportional + integral + derivative
    assert math.isfinite(output), f"PID output {output} from set point {setpoint} and value {value}"
    return output, PidState(integral, filtered)


def _derivative(
    tuning: Tuning, filtered: float | None, value: float, dt_s: float
) -> tuple[float, float | None]:
    """The derivative part, on the measurement behind a first-order filter, and the filter's new value."""
    if not tuning.derivative_s:
        return 0.0, None
    if filtered is None:
        return 0.0, value
    change = (value - filtered) * dt_s / (tuning.filter_s + dt_s)
    return -tuning.gain * tuning.derivative_s * change / dt_s, filtered + change


def track(tuning: Tuning, state: PidState, excess: float, step_s: float) -> PidState:
    """The memory after the integral has followed the achieved output.

    ``excess`` is what the law wanted beyond what was achieved. Without integral action there is nothing that winds up.
    """
    if not tuning.integral_gain:
        return state
    return PidState(state.integral - excess * min(1.0, step_s / tuning.tracking_s), state.filtered)
