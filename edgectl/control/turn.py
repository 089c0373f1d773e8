"""The deadlines of one line: what is due again and again, on a grid that never drifts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgectl.control.grid import Grid, Lead

if TYPE_CHECKING:
    from edgectl.control.instrument import Instrument

_FAILURES = 3
_RETRY_S = 0.1
_BUSY_S = 0.05
_BUSY_TRIES = 3


@dataclass(slots=True, eq=False)
class Turn:
    """One poll group of an instrument, or (``poll`` empty) making contact with it.

    ``due`` is when it runs next, in seconds of the loop; infinite while it may not or does run. ``point`` is the point of the grid that it is
    due for, by ``lead`` earlier; ``planned`` when that was, or infinite where it runs at another time. ``missed`` counts points of
    the grid that nobody had time for, ``failures`` those that failed in a row.
    """

    instrument: Instrument
    poll: str
    channels: tuple[str, ...]
    period_s: float
    grid: Grid
    lead: Lead
    due: float = math.inf
    point: float = math.inf
    planned: float = math.inf
    missed: int = 0
    failures: int = 0
    busy: int = 0
    refused: bool = False

    def begin(self, now_s: float) -> None:
        """Due at once, and then for the points of the grid."""
        self.due, self.planned = now_s, math.inf
        self.point = self.grid.latest(now_s, self.period_s)
        self.failures = self.busy = 0
        self.refused = False

    def overdue(self, now_s: float) -> bool:
        """Whether it has been waiting for more than a period."""
        return self.due + self.period_s < now_s

    def stop(self) -> None:
        """Not due until begun again."""
        self.due = math.inf

    def succeed(self, now_s: float) -> None:
        """Done; due for the next point of the grid."""
        if self.planned < now_s:
            self.lead.note(self.point, now_s - self.planned)
        self.failures = 0
        self.advance(now_s)

    def advance(self, now_s: float) -> None:
        """Take the next point of the grid. Points gone by for more than a period are missed, never caught up."""
        self.busy = 0
        self.point += self.period_s
        behind = now_s - self.point
        if behind >= self.period_s:
            passed = int(behind / self.period_s)
            self.missed += passed
            self.point += passed * self.period_s
        self.due = self.planned = self.point - self.lead.seconds

    def fail(self, now_s: float, *, retry: bool) -> bool:
        """Nothing came. With ``retry``, the first failure after a success is tried again within the period; true for the third in a row."""
        self.failures += 1
        if retry and self.failures == 1 and now_s + _RETRY_S < self.point + self.period_s:
            self.due, self.planned = now_s + _RETRY_S, math.inf
        else:
            self.advance(now_s)
        return self.failures == _FAILURES

    def retry_busy(self, now_s: float) -> bool:
        """The instrument asked for a moment: whether the period still has one to give."""
        self.busy += 1
        if self.busy >= _BUSY_TRIES:
            return False
        self.due, self.planned = now_s + _BUSY_S, math.inf
        return True
