"""From the record of an experiment to settings that a person may accept: the model, what is unknown of it, and how robust the loop would be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgectl.analysis.fit import Fit, identify
from edgectl.analysis.series import Series, Unidentified
from edgectl.analysis.simc import MOST_MS, Margin, Settings, choose, margin
from edgectl.model.experiment import Experiment
from edgectl.model.loop_plan import LoopPlan

ROBUSTNESS = 1.0  # closed-loop time constant over dead time: Skogestad's own choice

_LEAST_EXPLAINED = 0.6
_MOST_APART = 1.6  # two standard deviations of how fast the plant answers, as a factor
_MOST_DRIFT = 2.5  # of the movement that the output made
_NOISE_SHARE = 0.25  # of the amplitude: so far noise may move the output


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a person may accept. ``least`` is the margin of the worst plant that the record allows just as well, ``present`` that of the settings now.

    ``overrides`` are the settings as ``path=value`` of the unit folder, ``values`` the same by key.
    """

    loop: LoopPlan
    fit: Fit
    before: Settings
    settings: Settings
    margin: Margin
    least: Margin
    present: Margin
    values: dict[str, str]

    @property
    def overrides(self) -> list[str]:
        """For ``compile_folder``: settings that are not proposed are taken out by values that do nothing."""
        return [f"loops.{self.loop.name}.{key}={value}" for key, value in self.values.items()]


def series_of(experiment: Experiment) -> Series:
    """The record of an experiment in even steps.

    Raises:
        Unidentified: it did not run to its end, or kept too little.
    """
    if not experiment.complete:
        raise Unidentified(f"the experiment did not run to its end: {experiment.ended or 'it still runs'}")
    points = experiment.points
    if len(points) < 2:
        raise Unidentified("the experiment kept no points")
    times = np.array([point.t_s for point in points])
    step_s = float(np.median(np.diff(times)))
    even = np.arange(times[0], times[-1] + step_s / 2.0, step_s)
    output = np.interp(even, times, [point.output for point in points])
    value = np.interp(even, times, [point.value for point in points])
    quiet = int(np.searchsorted(even, experiment.began_s))
    return Series(step_s, output, value, quiet, step_s / experiment.every, experiment.noise)


def propose(
    series: Series,
    loop: LoopPlan,
    robustness: float = ROBUSTNESS,
    most_ms: float = MOST_MS,
    fit: Fit | None = None,
) -> Proposal:
    """Settings for the plant that a record shows; ``fit`` is its model, if that is known already.

    Raises:
        Unidentified: it shows too little, or something that these settings could not be trusted with; the text says what.
    """
    fit = fit or identify(series)
    if reason := _doubt(loop, fit, series.period_s):
        raise Unidentified(reason)
    tune = loop.tune
    most_move = _NOISE_SHARE * (tune.amplitude if tune else (loop.out_high - loop.out_low) / 10.0)
    settings, own, least = choose(
        fit,
        robustness=robustness,
        most_ms=most_ms,
        period_s=series.period_s,
        noise=series.noise,
        most_move=most_move,
    )
    before = Settings(loop.gain, loop.integral_s, loop.derivative_s, loop.filter_s)
    present = margin(fit.plant, before, series.period_s)
    return Proposal(loop, fit, before, settings, own, least, present, _values(loop, settings))


def _doubt(loop: LoopPlan, fit: Fit, period_s: float) -> str:
    """Why the model is not believed; empty if it is."""
    if fit.explained < _LEAST_EXPLAINED:
        return (
            f"the output explains only {fit.explained:.0%} of what {loop.tag} did; too little response or too much noise: "
            "check that the actuator moves, or allow a larger amplitude"
        )
    if fit.plant.gain * loop.gain < 0.0:
        words = "falls" if fit.plant.gain < 0.0 else "rises"
        return f"{loop.tag} {words} when the output rises, and the gain of {loop.name} has the sign of the opposite"
    if (apart := fit.answer_apart(period_s)) > _MOST_APART:
        return f"how strongly {loop.tag} answers is known to a factor of {apart:.2g} only; allowed: {_MOST_APART:g}"
    if fit.wander > _MOST_DRIFT * fit.swing:
        return f"{loop.tag} drifts by itself {fit.wander / fit.swing:.1f} times as far as the output moved it; wait until it is steady"
    return ""


def _values(loop: LoopPlan, settings: Settings) -> dict[str, str]:
    """The settings as they are written in a unit folder."""
    out = loop.tune.unit if loop.tune else ""
    tag = "K" if loop.unit == "degC" else loop.unit
    found = {"gain": f"{_figure(settings.gain)} {out}/{tag}"}
    if settings.integral_s:
        found["integral"] = f"{_figure(settings.integral_s)} s"
    if settings.derivative_s:
        found["derivative"] = f"{_figure(settings.derivative_s)} s"
        found["filter"] = f"{_figure(settings.filter_s)} s"
    return found


def _figure(value: float) -> str:
    """Four digits that count, without an exponent."""
    return np.format_float_positional(float(f"{value:.4g}"), trim="-")
