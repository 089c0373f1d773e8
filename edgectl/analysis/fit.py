"""From what an experiment recorded to a model of the plant, by least squares over the whole series, with what is not known of it.

Gain, where the value stood, its drift and the end of what happened before are linear: they are solved for. The two lags and the dead time are searched
for. The first-order model, the second-order one and the integrating ones compete; a larger one must earn its parameters.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edgectl.analysis.plant import Floats, Plant, answer
from edgectl.analysis.series import Series, Unidentified

_ROUNDS = 40
_FEW = 25  # points: fewer tell nothing
_ALIKE = 0.7  # log ratio of two lags that the same record may show
_BETWEEN = 0.3  # of a step: how well a change between two points of a thinned record is known
_COARSE = 150  # points are enough to find where to look
_LEAST_LAG = 0.05  # steps


@dataclass(frozen=True, slots=True)
class Fit:
    """A model, and how well it is known.

    ``explained`` is the part of the movement that it explains (1: all), ``noise`` the deviation that is left. ``spread`` is the covariance of
    (log gain, log lag, log second lag, dead time in s); what the model does not have is 0 there. ``swing`` is how far the output moved the value, ``wander`` how far it went by itself.
    """

    plant: Plant
    explained: float
    noise: float
    swing: float
    wander: float
    spread: Floats
    fitted: Floats
    step_s: float

    def gain_apart(self) -> float:
        """Two standard deviations of the gain, as a factor: 1.2 means from gain / 1.2 to gain * 1.2."""
        return float(math.exp(2.0 * math.sqrt(self.spread[0, 0])))

    def answer_apart(self, step_s: float) -> float:
        """Two standard deviations, as a factor, of how strongly the plant answers at the speed of a loop that is tuned for it."""
        plant = self.plant
        omega = 1.0 / (plant.dead_s + plant.second_s + 2.0 * step_s)
        first = 0.0 if plant.integrating else 1.0 - 1.0 / (1.0 + (omega * plant.lag_s) ** 2)
        along = np.array([1.0, -first, 1.0 / (1.0 + (omega * plant.second_s) ** 2) - 1.0, 0.0])
        variance = float(along @ self.spread @ along)
        return float(math.exp(2.0 * math.sqrt(max(variance, 0.0))))

    def lag_apart(self) -> float:
        """Two standard deviations of the lag, as a factor."""
        return float(math.exp(2.0 * math.sqrt(self.spread[1, 1])))

    def dead_apart_s(self) -> float:
        """Two standard deviations of the dead time (s)."""
        return float(2.0 * math.sqrt(self.spread[3, 3]))

    def others(self, count: int) -> Iterator[Plant]:
        """Plants that the record allows just as well, always the same ones."""
        draw = np.random.default_rng(1).standard_normal((count, 4))
        values, vectors = np.linalg.eigh(self.spread)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        for gain, lag, second, dead in draw @ root.T:
            yield Plant(
                self.plant.gain * math.exp(min(gain, 5.0)),
                self.plant.lag_s * math.exp(max(-5.0, min(lag, 5.0))),
                self.plant.second_s * math.exp(max(-5.0, min(second, 5.0))),
                max(0.0, self.plant.dead_s + dead),
            )


@dataclass(frozen=True, slots=True)
class _Form:
    """Which of the parameters a model has."""

    integrating: bool
    second: bool

    @property
    def free(self) -> int:
        return 1 + (not self.integrating) + self.second


_FORMS = (_Form(False, False), _Form(True, False), _Form(False, True), _Form(True, True))


def identify(series: Series) -> Fit:
    """The model that the record speaks for.

    Raises:
        Unidentified: it does not speak for any.
    """
    if len(series.value) < _FEW:
        raise Unidentified(f"only {len(series.value)} points were recorded; the experiment was too short")
    if np.ptp(series.output) <= 0.0:
        raise Unidentified("the output never moved")
    found = [_search(series, form) for form in _FORMS]
    best = min(found, key=lambda trial: trial.score)
    return _judged(series, best)


@dataclass(frozen=True, slots=True)
class _Trial:
    form: _Form
    shape: Floats
    squares: float
    score: float


def _plant(form: _Form, shape: Floats, gain: float = 1.0) -> Plant:
    """``shape``: log lag, log second lag, dead time; only those that the form has."""
    parts = iter(shape.tolist())
    lag_s = math.inf if form.integrating else math.exp(next(parts))
    second_s = math.exp(next(parts)) if form.second else 0.0
    return Plant(gain, lag_s, second_s, max(0.0, next(parts)))


def _columns(series: Series, form: _Form, shape: Floats) -> Floats:
    """What the value may be made of: the answer to the output, where it stood, its drift, and the end of what was before."""
    unit = _plant(form, shape)
    count, time_s = len(series.value), series.time_s
    around = series.output - series.output[: max(series.quiet, 1)].mean()
    columns = [answer(unit, around, series.step_s), np.ones(count), time_s / max(float(time_s[-1]), 1e-9)]
    if not unit.integrating:
        columns.append(np.exp(-time_s / unit.lag_s))
    if unit.second_s:
        columns.append(np.exp(-time_s / unit.second_s))
    return np.column_stack(columns)


def _solved(series: Series, form: _Form, shape: Floats) -> tuple[Floats, Floats]:
    """The linear part, and what is left."""
    columns = _columns(series, form, shape)
    found: Floats = np.linalg.lstsq(columns, series.value, rcond=1e-7)[0].astype(np.float64)
    return found, series.value - columns @ found


def _search(series: Series, form: _Form) -> _Trial:
    """The least squares of one form: a coarse look everywhere, then downhill from the best places."""
    span_s, step_s = series.step_s * len(series.value), series.step_s
    lags = np.geomspace(2.0 * step_s, 3.0 * span_s, 9)
    deads = np.concatenate(([0.0], np.geomspace(step_s, span_s / 6.0, 8)))
    rough = _coarser(series)
    starts = []
    for dead in deads.tolist():
        for lag in [0.0] if form.integrating else lags.tolist():
            seconds = (
                np.geomspace(step_s, max(span_s / 8.0, 2 * step_s), 5).tolist() if form.second else [0.0]
            )
            for second in seconds:
                parts = [] if form.integrating else [math.log(lag)]
                parts += [math.log(second)] if form.second else []
                shape = np.array([*parts, dead])
                _, left = _solved(rough, form, shape)
                starts.append((float(left @ left), shape))
    starts.sort(key=lambda start: start[0])
    ends = [_downhill(series, form, shape) for _, shape in itertools.islice(starts, 3)]
    squares, shape = min(ends, key=lambda end: end[0])
    count = len(series.value)
    size = form.free + _columns(series, form, shape).shape[1]
    _, left = _solved(series, form, shape)
    worth = _independent(left)
    score = worth * math.log(max(squares, 1e-300) / count) + size * math.log(worth)
    return _Trial(form, shape, squares, score)


def _coarser(series: Series) -> Series:
    """The same record in fewer, longer steps."""
    size = -(-len(series.value) // _COARSE)
    whole = len(series.value) // size * size
    output, value = (part[:whole].reshape(-1, size).mean(axis=1) for part in (series.output, series.value))
    return replace(
        series, step_s=series.step_s * size, output=output, value=value, quiet=max(1, series.quiet // size)
    )


def _downhill(series: Series, form: _Form, shape: Floats) -> tuple[float, Floats]:
    """Levenberg and Marquardt over the shape."""
    damping = 1e-2
    _, left = _solved(series, form, shape)
    squares = float(left @ left)
    for _ in range(_ROUNDS):
        slope = _slopes(series, form, shape, left)
        normal, pull = slope.T @ slope, slope.T @ left
        move = np.linalg.lstsq(normal + damping * np.diag(np.diag(normal) + 1e-30), pull, rcond=None)[0]
        trial = _bounded(series, form, shape - move)
        _, ahead = _solved(series, form, trial)
        better = float(ahead @ ahead)
        if better < squares:
            done = squares - better < 1e-9 * squares
            shape, left, squares, damping = trial, ahead, better, max(damping / 5.0, 1e-9)
            if done:
                break
        elif (damping := damping * 5.0) > 1e8:
            break
    return squares, shape


def _bounded(series: Series, form: _Form, shape: Floats) -> Floats:
    low, high = math.log(_LEAST_LAG * series.step_s), math.log(30.0 * series.step_s * len(series.value))
    bounded = np.clip(shape, low, high)
    bounded[-1] = min(max(float(shape[-1]), 0.0), series.step_s * len(series.value) / 3.0)
    if form.second and not form.integrating and bounded[1] > bounded[0]:
        bounded[0], bounded[1] = bounded[1], bounded[0]
    return bounded


def _slopes(series: Series, form: _Form, shape: Floats, left: Floats) -> Floats:
    """How what is left changes with each part of the shape."""
    columns = []
    for place in range(len(shape)):
        nudge = 0.2 * series.step_s if place == len(shape) - 1 else 1e-3
        trial = shape.copy()
        trial[place] += nudge
        _, ahead = _solved(series, form, trial)
        columns.append((ahead - left) / nudge)
    return np.column_stack(columns)


def _independent(left: Floats) -> float:
    """How many independent samples the rest is worth: neighbours that err alike count once."""
    around = left - left.mean()
    power = float(around @ around)
    alike = float(around[1:] @ around[:-1]) / power if power else 0.0
    alike = min(max(alike, 0.0), 0.95)
    return max(len(left) * (1.0 - alike) / (1.0 + alike), 8.0)


def _judged(series: Series, trial: _Trial) -> Fit:
    """The fit with its uncertainty."""
    form, shape = trial.form, trial.shape
    found, left = _solved(series, form, shape)
    gain = float(found[0])
    columns = _columns(series, form, shape)
    fixed = np.delete(columns, 0, axis=1)
    moved = columns[:, 0] * gain
    without = moved - fixed @ np.linalg.lstsq(fixed, moved, rcond=1e-7)[0]
    power = float(without @ without)
    explained = power / (power + float(left @ left)) if power else 0.0
    return Fit(
        plant=_plant(form, shape, gain),
        explained=explained,
        noise=math.sqrt(float(left @ left) / len(left)),
        swing=float(np.ptp(without)),
        wander=float(np.ptp(series.value - left - without)),
        spread=_spread(series, form, shape, found, left),
        fitted=series.value - left,
        step_s=series.step_s,
    )


def _spread(series: Series, form: _Form, shape: Floats, found: Floats, left: Floats) -> Floats:
    """The covariance of gain and shape from the curvature at the best place, the rest's own memory counted."""
    columns = _columns(series, form, shape)
    gain = float(found[0])
    slopes = [columns[:, 0] * gain]  # per log gain
    for place in range(len(shape)):
        nudge = 0.2 * series.step_s if place == len(shape) - 1 else 1e-3
        trial = shape.copy()
        trial[place] += nudge
        slopes.append((_columns(series, form, trial)[:, 0] - columns[:, 0]) * gain / nudge)
    whole = np.column_stack([*slopes, columns[:, 1:]])
    size = np.linalg.norm(whole, axis=0)
    size[size == 0.0] = 1.0
    worth = max(_independent(left) - whole.shape[1], 4.0)
    variance = float(left @ left) / worth
    normal = (whole / size).T @ (whole / size)
    if form.second and not form.integrating:
        # Two lags that are nearly equal can be exchanged for each other, which no record tells: not a doubt about the plant.
        apart = np.zeros(len(size))
        apart[1], apart[2] = 1.0 / size[1], -1.0 / size[2]
        normal += variance / _ALIKE**2 * np.outer(apart, apart)
    covariance = variance * np.linalg.pinv(normal, rcond=1e-12) / np.outer(size, size)
    places = [0] + ([] if form.integrating else [1]) + ([2] if form.second else []) + [3]
    spread = np.zeros((4, 4))
    spread[np.ix_(places, places)] = covariance[: len(places), : len(places)]
    spread[3, 3] += (_BETWEEN * series.step_s) ** 2 * (series.step_s > series.period_s)
    return spread
