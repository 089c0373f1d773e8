"""Settings of a loop from a model of what it moves: the SIMC rules of Skogestad (J. Process Control 13, 2003, 291-309).

With slope k' (initial slope of the step response per unit of output), lag T1, second lag T2 and dead time L: gain 1 / (k' (tc + L)), integral time
min(T1, 4 (tc + L)), derivative time T2 (series form). Smaller lags are added to the dead time, half of the largest of them also to T1 ("half rule").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_FILTER = 5.0  # derivative times per filter time: what a probe's noise allows


@dataclass(frozen=True, slots=True)
class Process:
    """What one loop moves. ``slope`` is in units of the tag per second and unit of output; ``lag_s`` infinite means it integrates."""

    slope: float
    lag_s: float
    dead_s: float
    second_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """A loop's settings in standard (ideal) form, and ``response_s``, the time constant of the closed loop they were made for."""

    gain: float
    integral_s: float
    derivative_s: float
    filter_s: float
    response_s: float


def simc(process: Process, tight: float = 1.0, calm: float = 1.0, *, derivative: bool = True) -> Settings:
    """The settings for a closed loop with the time constant ``calm`` dead times (with derivative part: second lags, if that is more), divided by ``tight``.

    The derivative part is used for a second lag longer than the dead time, and only where it is wanted (the noise of some probes forbids it).
    """
    dead_s, lag_s, second_s = process.dead_s, process.lag_s, process.second_s
    if not derivative or second_s <= dead_s:
        dead_s, lag_s, second_s = dead_s + second_s / 2, lag_s + second_s / 2, 0.0
        response_s = calm * dead_s / tight
    else:
        response_s = max(dead_s, calm * second_s) / tight
    slope = process.slope if math.isinf(lag_s) else process.slope * process.lag_s / lag_s
    gain = 1.0 / (slope * (response_s + dead_s))
    integral_s = min(lag_s, 4.0 * (response_s + dead_s))
    # from series to ideal form
    factor = 1.0 + second_s / integral_s
    derivative_s = second_s / factor
    return Settings(gain * factor, integral_s * factor, derivative_s, derivative_s / _FILTER, response_s)
