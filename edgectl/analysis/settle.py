"""Whether a probe in a standard has settled: slope and spread of its readings over a window, judged against its own noise."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from edgectl.model.calibration import Kind

_LEAST = 10  # readings without which nothing is said
_WANDER = (
    2.0  # spread about the line over the noise from one reading to the next: more than white noise makes
)
_SURE = 1.5  # standard errors of the slope that are added to it


class Criterion(NamedTuple):
    """When a probe has settled.

    Over ``window_s`` it moves by at most ``tolerance``, its readings spread about that line by at most ``spread`` and no more than its own noise explains,
    and that stays so for ``hold_s``. After ``patience_s`` nobody waits any longer. ``tolerance`` and ``spread`` are in the tag's unit, of scales and flows in spans of it.
    """

    window_s: float
    hold_s: float
    tolerance: float
    spread: float
    patience_s: float


# A first-order probe of time constant T is off by T times its slope: within half a window, half the tolerance.
CRITERIA: Final = {
    Kind.PH: Criterion(120.0, 60.0, 0.01, 0.03, 900.0),
    Kind.OXYGEN: Criterion(120.0, 60.0, 0.2, 1.0, 1200.0),
    Kind.TEMPERATURE: Criterion(120.0, 60.0, 0.03, 0.1, 1800.0),
    Kind.SCALE: Criterion(20.0, 5.0, 2e-4, 1e-3, 180.0),
    Kind.FLOW: Criterion(60.0, 10.0, 2e-3, 2e-2, 300.0),
}


def criterion_of(kind: Kind, span: float) -> Criterion:
    """The criterion of a tag with a range of ``span``."""
    found = CRITERIA[kind]
    if kind not in (Kind.SCALE, Kind.FLOW):
        return found
    return found._replace(tolerance=found.tolerance * span, spread=found.spread * span)


class Verdict(NamedTuple):
    """``value`` is the mean of the later half of the window; ``moves`` how far the line goes in a window; ``trouble`` why it has not settled (empty: it has)."""

    settled: bool
    value: float
    moves: float
    spread: float
    noise: float
    trouble: str


@dataclass(slots=True)
class Settling:
    """Readings of a probe on their way to rest."""

    criterion: Criterion
    _points: deque[tuple[float, float]] = field(default_factory=deque)
    _calm_s: float | None = None

    def add(self, at_s: float, reading: float) -> None:
        """One reading; one that is not newer than the last counts once."""
        if self._points and at_s <= self._points[-1][0]:
            return
        self._points.append((at_s, reading))
        while at_s - self._points[0][0] > self.criterion.window_s:
            self._points.popleft()

    def lose(self) -> None:
        """There was no reading: what was seen before says nothing any more."""
        self._points.clear()
        self._calm_s = None

    def verdict(self) -> Verdict:
        """How it stands after the latest reading."""
        points = tuple(self._points)
        if len(points) < _LEAST or points[-1][0] - points[0][0] < 0.9 * self.criterion.window_s:
            value = points[-1][1] if points else math.nan
            return Verdict(False, value, math.nan, math.nan, math.nan, "watching")
        verdict = _judge(points, self.criterion)
        if verdict.trouble:
            self._calm_s = None
            return verdict
        if self._calm_s is None:
            self._calm_s = points[-1][0]
        if points[-1][0] - self._calm_s < self.criterion.hold_s:
            return verdict._replace(trouble="calm, and has to stay so")
        return verdict._replace(settled=True)


def _judge(points: Sequence[tuple[float, float]], criterion: Criterion) -> Verdict:
    count = len(points)
    mean_s, mean = (sum(column) / count for column in zip(*points, strict=True))
    squares = sum((at_s - mean_s) ** 2 for at_s, _ in points)
    slope = sum((at_s - mean_s) * (reading - mean) for at_s, reading in points) / squares
    rest = sum((reading - mean - slope * (at_s - mean_s)) ** 2 for at_s, reading in points)
    spread = math.sqrt(rest / (count - 2))
    steps = sum((b[1] - a[1]) ** 2 for a, b in pairwise(points))
    noise = math.sqrt(steps / (2.0 * (count - 1)))
    moves = slope * criterion.window_s
    doubt = _SURE * spread / math.sqrt(squares) * criterion.window_s
    later = [reading for _, reading in points[count // 2 :]]
    trouble = ""
    if spread > criterion.spread:
        trouble = f"spreads by {spread:.2g}, at most {criterion.spread:.2g} is calm"
    elif abs(moves) + doubt > criterion.tolerance:
        trouble = (
            f"moves by {moves:+.2g} in {criterion.window_s:.0f} s, at most {criterion.tolerance:.2g} is calm"
        )
    elif spread > max(_WANDER * noise, criterion.tolerance / 2.0):
        trouble = f"wanders by {spread:.2g}, more than its noise of {noise:.2g}"
    return Verdict(False, sum(later) / len(later), moves, spread, noise, trouble)
