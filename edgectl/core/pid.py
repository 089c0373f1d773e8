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

_make = (
    PidState._make
)  # every loop makes one a scan; calling PidState with its fields takes half as long again
_TRACKING_SHARE = 0.125  # of the integral time
_FADE_PER_S = 0.005  # of the output span
_TRACKING_S = 60.0  # without an integral time: how fast a start value fades


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a step needs of a loop's plan. ``integral_gain`` is output per unit and second; ``tracking_s`` is never 0.

    ``fade_per_s`` bounds how fast an offset fades, in output per second.
    """

    gain: float
    integral_gain: float
    derivative_s: float
    filter_s: float
    tracking_s: float
    error_map: Callable[[float], float] | None
    fade_per_s: float


def tuning_of(plan: LoopPlan) -> Tuning:
    """Standard form to simple-pid's parallel form, and a tracking time where the plan leaves it open."""
    return Tuning(
        gain=plan.gain,
        integral_gain=plan.gain / plan.integral_s if plan.integral_s else 0.0,
        derivative_s=plan.derivative_s,
        filter_s=plan.filter_s,
        tracking_s=plan.tracking_s or _TRACKING_SHARE * plan.integral_s or _TRACKING_S,
        error_map=_dead_band(plan.dead_band) if plan.dead_band else None,
        fade_per_s=_FADE_PER_S * (plan.out_high - plan.out_low),
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
    fresh_s: float,
    step_s: float,
    start: float | None = None,
    forward: float = 0.0,
    *,
    eased: bool = False,
) -> tuple[float, PidState]:
    """The unlimited output, in the loop's output unit, and the memory after it.

    ``value`` is a sample ``fresh_s`` younger than the one before it (0: it is the same one, and the derivative stands). ``step_s`` may
    integrate (less than has passed, after a blocked scan; not at all in a start-up). ``start`` takes over without a bump: whatever all
    parts are, the output starts from there. The integral makes up for them, or, ``eased`` or in a start-up, an offset that fades;
    so does a changed gain. Without integral action the start fades away with the tracking time. ``forward`` is added.
    """
    opening = state.nearest is not None
    law = PID(
        tuning.gain,
        0.0 if opening else tuning.integral_gain,
        0.0,
        setpoint,
        None,
        error_map=tuning.error_map,
        time_fn=float,  # dt is given, so simple-pid has no use for a clock; float() is 0.0
        starting_output=state.integral,
    )
    law(value, dt=step_s)
    proportional, integral, _ = law.components
    derivative, filtered, slope = _derivative(tuning, state, value, fresh_s)
    offset = _faded(tuning, state.offset, step_s) if state.offset else 0.0
    grown, bump = integral - state.integral, 0.0
    if start is not None:
        bump = start - state.integral - proportional - derivative - forward - offset
    else:
        if state.gain != tuning.gain and state.gain:
            bump = (proportional + derivative) * (state.gain / tuning.gain - 1.0)
        if not tuning.integral_gain:
            integral -= integral * min(1.0, step_s / tuning.tracking_s)
    if eased or opening:
        offset += bump
    else:
        integral += bump
    output = proportional + integral + derivative + forward + offset
    assert math.isfinite(output), f"PID output {output} from set point {setpoint} and value {value}"
    return output, _make((integral, filtered, slope, offset, tuning.gain, grown, *state[6:]))


def _derivative(
    tuning: Tuning, state: PidState, value: float, fresh_s: float
) -> tuple[float, float | None, float]:
    """The derivative part, on the measurement behind a first-order filter; the filter's new value and its slope."""
    if not tuning.derivative_s:
        return 0.0, None, 0.0
    filtered, slope = state.filtered, state.slope
    if filtered is None:
        filtered, slope = value, 0.0
    elif fresh_s:
        slope = (value - filtered) / (tuning.filter_s + fresh_s)
        filtered += slope * fresh_s
    return -tuning.gain * tuning.derivative_s * slope, filtered, slope


def _faded(tuning: Tuning, offset: float, step_s: float) -> float:
    """What a transfer still owes: fading with the tracking time, yet never faster than the output may be seen to move by itself."""
    fade = min(abs(offset) * min(1.0, step_s / tuning.tracking_s), tuning.fade_per_s * step_s)
    return offset - math.copysign(fade, offset)


def track(
    tuning: Tuning, state: PidState, wanted: float, achieved: float, reach: float | None, step_s: float
) -> PidState:
    """The memory after the law wanted ``wanted`` and got ``achieved``.

    What the integral gained in this step towards the output that was not to be had is taken back. Standing on its own (with feed-forward) beyond
    ``reach`` (None: nobody knows) it comes back to there within the tracking time; but a proportional part alone beyond a limit is no reason to unlearn
    a load. Without integral action, and while the integral waits for the end of a start-up, there is nothing that winds up.
    """
    if not tuning.integral_gain or state.nearest is not None:
        return state
    integral, excess = state.integral, wanted - achieved
    if state.grown * excess > 0.0:
        integral -= state.grown
    if reach is None:
        return _make((integral, *state[1:]))
    own = integral + state.offset + sum(part.share for part in state.forward) - reach
    if own * excess > 0.0:
        integral -= math.copysign(min(abs(own), abs(excess)), excess) * min(1.0, step_s / tuning.tracking_s)
    return _make((integral, *state[1:]))
