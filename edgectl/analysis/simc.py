"""PID settings from a model, and how far they are from instability.

The rules are SIMC (Skogestad, J. Process Control 13 (2003) 291-309): the closed loop gets the time constant ``closed_s``; a lag shorter than half the dead time
counts half as dead time and half as lag, one longer than the dead time is met by a derivative part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edgectl.analysis.fit import Fit
from edgectl.analysis.plant import Plant
from edgectl.analysis.series import Unidentified

MOST_MS = 1.8  # maximum sensitivity of the model itself
_WORST_MS = 2.6  # of any plant that the record allows just as well
_LEAST_GAIN_MARGIN = 1.7
_OTHERS = 40
_SLOWER = np.geomspace(1.0, 40.0, 24)
_SPEED = 400
_DERIVATIVES = (8.0, 3.0, 0.0)  # derivative time over filter time that is tried
_LONGEST_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Settings:
    """A PID in standard form, as ``edgectl.model.loop_plan`` has it."""

    gain: float
    integral_s: float
    derivative_s: float = 0.0
    filter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Margin:
    """``peak``: the maximum sensitivity Ms (infinite: not stable). ``gain``: by how much the loop gain may rise."""

    peak: float
    gain: float

    @property
    def stable(self) -> bool:
        """Whether the loop is."""
        return math.isfinite(self.peak)


_NONE = Margin(math.inf, 0.0)


def simc(plant: Plant, closed_s: float, *, derivative: float, period_s: float) -> Settings:
    """The settings for a closed loop of time constant ``closed_s``; ``derivative`` is derivative time over filter time (0: no derivative part)."""
    second = plant.second_s
    share = 0.0 if derivative else second / 2.0
    dead_s = plant.dead_s + period_s / 2.0 + share
    lag_s = plant.lag_s + share
    integral_s = min(lag_s, 4.0 * (closed_s + dead_s))
    slope = plant.slope if plant.integrating else plant.gain / lag_s
    gain = 1.0 / (slope * (closed_s + dead_s))
    if not derivative:
        return Settings(gain, integral_s)
    # from the series form of the rules to the standard one
    factor = 1.0 + second / integral_s
    derivative_s = second / factor
    return Settings(
        gain * factor, integral_s * factor, derivative_s, max(derivative_s / derivative, period_s)
    )


def margin(plant: Plant, settings: Settings, period_s: float) -> Margin:
    """How far the loop is from instability, the hold between two scans counted as half a period of dead time."""
    slow = 0.02 / max(settings.integral_s, plant.second_s, plant.dead_s, period_s)
    fast = min(math.pi / period_s, 60.0 / (plant.dead_s + plant.second_s / 10.0 + period_s))
    omega = np.geomspace(slow, max(fast, 100.0 * slow), _SPEED)
    s = 1j * omega
    law = 1.0 + settings.derivative_s * s / (settings.filter_s * s + 1.0)
    if settings.integral_s:
        law = law + 1.0 / (settings.integral_s * s)
    loop = settings.gain * law * plant.response(omega) * np.exp(-s * period_s / 2.0)
    size, phase = np.abs(loop), np.unwrap(np.angle(loop))
    if phase[0] > math.pi / 2.0:
        phase = phase - 2.0 * math.pi
    over = np.flatnonzero(size >= 1.0)
    crossing = int(over[-1]) if over.size else 0
    if over.size and phase[crossing] <= -math.pi:
        return _NONE
    beyond = np.flatnonzero(phase[crossing:] <= -math.pi)
    spare = math.inf
    if beyond.size and crossing + int(beyond[0]) > 0:
        after = crossing + int(beyond[0])
        part = float((phase[after - 1] + math.pi) / (phase[after - 1] - phase[after]))
        spare = 1.0 / float(size[after - 1] + part * (size[after] - size[after - 1]))
    if spare <= 1.0:
        return _NONE
    return Margin(float((1.0 / np.abs(1.0 + loop)).max()), spare)


def worst(plants: Iterable[Plant], settings: Settings, period_s: float) -> Margin:
    """The least margin of any of these plants."""
    found = [margin(plant, settings, period_s) for plant in plants]
    return Margin(max(m.peak for m in found), min(m.gain for m in found))


def choose(
    fit: Fit, *, robustness: float, most_ms: float, period_s: float, noise: float, most_move: float
) -> tuple[Settings, Margin, Margin]:
    """The fastest settings that are robust: not faster than ``robustness`` times the dead time.

    Ms of the model stays below ``most_ms``, every plant that the record allows is stable with a reserve, and noise moves the output by no more than
    ``most_move``. Returns the settings, the margin of the model and the least one of the plants that are allowed.

    Raises:
        Unidentified: nothing is robust, so the record knows too little.
    """
    others = list(fit.others(_OTHERS))
    second = fit.plant.second_s > max(fit.plant.dead_s / 2.0, 2.0 * period_s)
    found = []
    for derivative in _DERIVATIVES if second else (0.0,):
        for settings in _slower(fit.plant, robustness, derivative, period_s, max(2.0 * period_s, fit.step_s)):
            if _move(settings) * noise > most_move or settings.integral_s > _LONGEST_S:
                continue
            own = margin(fit.plant, settings, period_s)
            if own.peak > most_ms or own.gain < _LEAST_GAIN_MARGIN:
                continue
            least = worst(others, settings, period_s)
            if least.peak <= _WORST_MS:
                found.append((settings, own, least))
                break
    if found:
        # a load that comes leaves an error of integral time over gain
        return min(found, key=lambda trial: trial[0].integral_s / abs(trial[0].gain))
    raise Unidentified(
        "what is not known of the plant is too much for any settings to be safe; widen the limits of the experiment, or let it take longer"
    )


def _slower(
    plant: Plant, robustness: float, derivative: float, period_s: float, least_s: float
) -> Iterator[Settings]:
    """Settings from the fastest that are allowed to much slower ones."""
    share = 0.0 if derivative else plant.second_s / 2.0
    fastest_s = robustness * max(plant.dead_s + share + period_s / 2.0, least_s)
    for slower in _SLOWER.tolist():
        yield simc(plant, fastest_s * slower, derivative=derivative, period_s=period_s)


def _move(settings: Settings) -> float:
    """How far the output moves at most per unit of noise."""
    sharp = settings.derivative_s / settings.filter_s if settings.filter_s else 0.0
    return abs(settings.gain) * (1.0 + sharp)
