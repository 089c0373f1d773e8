"""Settings of a loop from a model of what it moves: the SIMC rules of Skogestad (J. Process Control 13, 2003, 291-309).

With slope k' (initial slope of the step response per unit of output), lag T1, second lag T2 and dead time L: gain 1 / (k' (tc + L)), integral time
min(T1, 4 (tc + L)), derivative time T2 (series form). Smaller lags are added to the dead time, half of the largest of them also to T1 ("half rule"). The time
constant tc of the closed loop is the dead time or longer; a probe's noise makes it longer where its way to the output would be too loud otherwise.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace

FILTER = 3.0  # derivative times per filter time
_SMOOTH = 0.2  # of the closed loop's time constant: filter of the measurement
_SLOWER = 1.05  # step of the search for a closed loop that is quiet enough


@dataclass(frozen=True, slots=True)
class Process:
    """What one loop moves. ``slope`` is in units of the tag per second and unit of output; ``lag_s`` infinite means it integrates."""

    slope: float
    lag_s: float
    dead_s: float
    second_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Aim:
    """What the closed loop shall be: ``calm`` dead times long (with derivative part: second lags, if that is more), ``tight`` times faster than that.

    ``loudest`` bounds what is left of a probe's ``noise`` (standard deviation of a sample) in the output (output per unit of the tag), for samples ``sample_s``
    apart. ``derivative``: whether a second lag longer than the dead time may be answered by a derivative part. Moves of the output are
    made from ``worth`` standard deviations of that noise on.
    """

    tight: float = 1.0
    calm: float = 1.0
    loudest: float = math.inf
    sample_s: float = 1.0
    derivative: bool = True
    noise: float = 0.0
    worth: float = 4.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one loop in standard (ideal) form.

    ``response_s`` is the time constant of the closed loop they were made for, ``step`` the move of the output that is worth making: what is
    smaller is only noise.
    """

    gain: float
    integral_s: float
    derivative_s: float
    filter_s: float
    smooth_s: float
    response_s: float
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Derivation:
    """What one loop's settings were made of."""

    process: Process
    aim: Aim
    settings: Settings


_notes: ContextVar[list[Derivation] | None] = ContextVar("notes", default=None)


@contextlib.contextmanager
def noted() -> Iterator[list[Derivation]]:
    """What is derived inside, in order: for people who want to know where numbers come from."""
    found: list[Derivation] = []
    token = _notes.set(found)
    try:
        yield found
    finally:
        _notes.reset(token)


def simc(process: Process, aim: Aim) -> Settings:
    """The settings of one loop."""
    settings = _simc(process, aim)
    if (notes := _notes.get()) is not None:
        notes.append(Derivation(process, aim, settings))
    return settings


def _simc(process: Process, aim: Aim) -> Settings:
    model = process
    if not aim.derivative or process.second_s <= process.dead_s:
        half_s = process.second_s / 2
        slope = process.slope
        if not math.isinf(process.lag_s):
            slope *= process.lag_s / (process.lag_s + half_s)
        model = Process(slope, process.lag_s + half_s, process.dead_s + half_s)
    response_s = max(model.dead_s, aim.calm * (model.second_s or model.dead_s)) / aim.tight
    settings = _settings(model, response_s)
    while _loudness(settings, aim.sample_s) > aim.loudest * aim.tight:
        response_s *= _SLOWER
        settings = _settings(model, response_s)
    return replace(settings, step=aim.worth * aim.noise * _loudness(settings, aim.sample_s))


def _settings(model: Process, response_s: float) -> Settings:
    """The rules, with a filter of the measurement that counts as dead time."""
    smooth_s = _SMOOTH * response_s
    answer_s = response_s + model.dead_s + smooth_s
    gain = 1.0 / (model.slope * answer_s)
    integral_s = min(model.lag_s, 4.0 * answer_s)
    factor = 1.0 + model.second_s / integral_s  # from series to ideal form
    derivative_s = model.second_s / factor
    return Settings(
        gain * factor, integral_s * factor, derivative_s, derivative_s / FILTER, smooth_s, response_s
    )


def _loudness(settings: Settings, sample_s: float) -> float:
    """What is left of white noise behind the filter, in the output."""
    gain = settings.gain * (1.0 + FILTER if settings.derivative_s else 1.0)
    return gain / math.sqrt(1.0 + 2.0 * settings.smooth_s / sample_s)
