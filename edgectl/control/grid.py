"""Where scans and polls stand in time: polls end just before the scan that uses them."""

from __future__ import annotations

import math
from dataclasses import dataclass

_MARGIN_S = 0.0005
_SPARE = 1.25
_UP, _DOWN = 0.5, 0.02


@dataclass(slots=True)
class Grid:
    """The unit's grid: scans at ``origin_s`` (seconds of the loop) and every ``period_s`` from there. Polls are counted from there too."""

    period_s: float = 0.0
    origin_s: float = 0.0

    def latest(self, now_s: float, period_s: float) -> float:
        """The latest point of the grid of this period."""
        return self.origin_s + math.floor((now_s - self.origin_s) / period_s) * period_s


class Lead:
    """How long before a point of the grid a line begins what is due then, so that its values are there in time.

    It follows the longest that a poll of the line took from the moment it was due, of all that were due for one point: half of the way up at once,
    slowly down. It is never more than half of a scan period: a line that needs longer is as late as it would be anyway.
    """

    __slots__ = ("_grid", "_longest_s", "_point_s", "seconds")

    def __init__(self, grid: Grid) -> None:
        self.seconds = 0.0
        self._grid = grid
        self._point_s = self._longest_s = 0.0

    def note(self, point_s: float, took_s: float) -> None:
        """A poll due for ``point_s`` was done so long after it was due."""
        if point_s != self._point_s:
            more_s = min(_SPARE * self._longest_s + _MARGIN_S, self._grid.period_s / 2) - self.seconds
            self.seconds += more_s * (_UP if more_s > 0 else _DOWN)
            self._point_s, self._longest_s = point_s, 0.0
        self._longest_s = max(self._longest_s, took_s)
