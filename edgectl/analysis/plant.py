"""Models of a plant around one operating point, and how they answer an output.

``gain`` is units of the tag per unit of output; for an integrating plant (``lag_s`` infinite) per second. Two lags and a dead time are enough for what
a PID loop can use of a plant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Plant:
    """``gain * exp(-dead_s s) / ((lag_s s + 1)(second_s s + 1))``, or ``gain * exp(-dead_s s) / (s (second_s s + 1))``."""

    gain: float
    lag_s: float
    second_s: float
    dead_s: float

    @property
    def integrating(self) -> bool:
        """Whether it never settles by itself."""
        return math.isinf(self.lag_s)

    @property
    def slope(self) -> float:
        """How fast the tag leaves after a step of one unit of output."""
        return self.gain if self.integrating else self.gain / self.lag_s

    def response(self, omega: Floats) -> Complex:
        """The frequency response at ``omega`` (rad/s)."""
        s = 1j * omega
        pole = s if self.integrating else self.lag_s * s + 1.0
        answer: Complex = self.gain * np.exp(-self.dead_s * s) / (pole * (self.second_s * s + 1.0))
        return answer


def answer(unit: Plant, output: Floats, step_s: float) -> Floats:
    """What the tag does, from rest at 0, when ``output`` stands in each step of ``step_s``: sample k comes before output k."""
    moved = _delayed(output, unit.dead_s / step_s)
    if unit.second_s > 0.0:
        moved = _lagged(moved, step_s / unit.second_s)
    if unit.integrating:
        return unit.gain * step_s * np.concatenate(([0.0], np.cumsum(moved[:-1])))
    return unit.gain * _lagged(moved, step_s / unit.lag_s, late=True)


def _delayed(signal: Floats, steps: float) -> Floats:
    """``signal`` so many steps later, a part of a step included."""
    whole = min(int(steps), len(signal) - 1)
    part = min(steps - whole, 1.0)
    padded = np.concatenate((np.full(whole + 1, signal[0]), signal))
    late, later = padded[1 : len(signal) + 1], padded[: len(signal)]
    return (1.0 - part) * late + part * later


def _lagged(signal: Floats, ratio: float, *, late: bool = False) -> Floats:
    """``signal`` behind a first-order lag, from rest at 0; ``late``: each sample is taken before the step that it stands with."""
    keep = math.exp(-ratio)
    take, value, found = 1.0 - keep, 0.0, []
    for sample in signal.tolist():
        if late:
            found.append(value)
        value = keep * value + take * sample
        if not late:
            found.append(value)
    return np.array(found)
