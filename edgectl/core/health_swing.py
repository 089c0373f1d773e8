"""Whether a loop oscillates: how far, how fast, and in which shape. Memory of twelve half swings, however long it runs.

The error is cut where it crosses its own slow mean, and the area under each half swing is kept. A load disturbance makes one large area; an
oscillation makes areas that exceed a limit again and again (T. Hagglund, "A control-loop performance monitor", Control Engineering Practice 3,
1995, 1543-1551). It is one only if they are regular: lengths and areas of neighbouring half swings of one side are alike (K. Forsman, A. Stattin, "A
new criterion for detecting oscillations in control loops", European Control Conference 1999). Noise has neither the area nor the order.

The shape tells the cause. Too high a gain makes sines of error and output. A valve that sticks makes the output a ramp until it jumps, and the error nearly a
square (T. Hagglund, "A shape-based on-line method for detection of stiction in control valves", Control Engineering Practice 19, 2011, 191-199); where the
output is the square, it goes from end to end as that of a thermostat does. (mean |x|)² / mean x² is 0.75 of a triangle, 0.81 of a sine, 1 of a square.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from edgectl.model.health import Half, Swing
from edgectl.model.health_plan import HealthPlan

HALVES = 12

_QUIET = 0.25  # of the swing that counts: so far beyond the centre is a crossing, less may be noise
_LONGEST = 2.0  # windows: a half swing is no longer
_MEMORY = 0.5  # windows: time constant of the centre
_LENGTHS, _AREAS = 0.6, 0.5  # ratio of the smaller to the larger of two that are alike
_STILL_ALIKE = 7  # of ten neighbours, once an oscillation is known: a disturbance does not end it
_SHORTEST = 3.0  # slots: what is faster is noise
_EASE = 0.8  # of the swing that counts, once it is known
_LEAST = 0.5  # of the swing that counts, each single half
_OVERDUE = 2.5  # mean half swings without a crossing: it has ended
_SINE = 8.0 / math.pi**2  # form factor


class Cycle(NamedTuple):
    """A regular oscillation: amplitude (tag unit), period (s), for how long it is proven (s), the form factors of error and output, and the mean |deviation| of the output."""

    amplitude: float
    period_s: float
    proven_s: float
    form: float
    out_form: float
    out_mean: float


def swung(plan: HealthPlan, swing: Swing, error: float, output: float, length_s: float) -> Swing:
    """The search after one slot of ``length_s`` with these means."""
    centre, out_centre, side, half, halves = swing
    if centre is None:
        return Swing(error, output)
    share = min(1.0, length_s / (_MEMORY * plan.window_s))
    centre += share * (error - centre)
    out_centre += share * (output - out_centre)
    off, out_off = error - centre, output - out_centre
    quiet = _QUIET * plan.swing
    if (off > quiet and side <= 0) or (off < -quiet and side >= 0):
        if side:
            halves = (*halves, half)[-HALVES:]
        side, half = (1 if off > 0.0 else -1), Half()
    elif half.length_s > _LONGEST * plan.window_s:
        return Swing(centre, out_centre)
    grown = Half(
        half.length_s + length_s,
        half.area + abs(off) * length_s,
        half.square + off * off * length_s,
        half.out_area + abs(out_off) * length_s,
        half.out_square + out_off * out_off * length_s,
    )
    return Swing(centre, out_centre, side, grown, halves)


def cycle(plan: HealthPlan, swing: Swing, *, known: bool) -> Cycle | None:
    """The oscillation that is worth a look; None if there is none, or it has ended. One that is ``known`` may be a little smaller and less regular."""
    halves = swing.halves
    if len(halves) < HALVES:
        return None
    length_s = sum(half.length_s for half in halves)
    mean_s = length_s / HALVES
    if not _SHORTEST * plan.slot_s <= mean_s or swing.half.length_s > _OVERDUE * mean_s:
        return None
    if _alike(halves) < (_STILL_ALIKE if known else HALVES - 2):
        return None
    form = sum(_form(half.area, half.square, half.length_s) for half in halves) / HALVES
    # the mean |deviation| of a sine is 2/pi of its amplitude, that of a square all of it
    peak = 1.0 + (math.pi / 2.0 - 1.0) * min(1.0, (1.0 - form) / (1.0 - _SINE))
    sizes = [peak * half.area / half.length_s for half in halves]
    amplitude = sum(sizes) / HALVES
    least = plan.swing * (_EASE if known else 1.0)
    if amplitude < least or (min(sizes) < _LEAST * least and not known):
        return None
    out_form = sum(_form(half.out_area, half.out_square, half.length_s) for half in halves) / HALVES
    out_mean = sum(half.out_area for half in halves) / length_s
    return Cycle(amplitude, 2.0 * mean_s, length_s + swing.half.length_s, form, out_form, out_mean)


def _alike(halves: tuple[Half, ...]) -> int:
    """How many half swings are like the ones before them on the same side."""
    alike = 0
    for before, after in zip(halves, halves[2:], strict=False):
        lengths = _ratio(before.length_s, after.length_s) >= _LENGTHS
        alike += lengths and _ratio(before.area, after.area) >= _AREAS
    return alike


def _ratio(one: float, other: float) -> float:
    low, high = (one, other) if one < other else (other, one)
    return low / high if high > 0.0 else 0.0


def _form(area: float, square: float, length_s: float) -> float:
    return area * area / (square * length_s) if square > 0.0 else 0.0
