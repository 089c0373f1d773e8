"""The deadlines of one line: what is due again and again, on a grid that never drifts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgectl.control.instrument import Instrument

_FAILURES = 3
_RETRY_S = 0.1
_BUSY_S = 0.05
_BUSY_TRIES = 3


@dataclass(slots=True, eq=False)
class Turn:
    """One poll group of an instrument, or (``poll`` empty) making contact with it.

    ``due`` is when it runs next, in seconds of the loop; infinite while it may not or does run. ``grid`` is the latest point of its
    period. ``missed`` counts points of the grid that nobody had time for, ``failures`` those that failed in a row.
    """

    instrument: Instrument
    poll: str
    channels: tuple[str, ...]
    period_s: float
    due: float = math.inf
    grid: float = math.inf
    missed: int = 0
    failures: int = 0
    busy: int = 0
    refused: bool = False

    def begin(self, now_s: float) -> None:
        """Due at once; the grid starts here."""
        self.due = self.grid = now_s
        self.failures = self.busy = 0
        self.refused = False

    def overdue(self, now_s: float) -> bool:
        """Whether it has been waiting for more than a period."""
        return self.due + self.period_s < now_s

    def stop(self) -> None:
        """Not due until begun again."""
        self.due = math.inf

    def succeed(self, now_s: float) -> None:
        """Done; due at the next point of the grid."""
        self.failures = 0
        self.advance(now_s)

    def advance(self, now_s: float) -> None:
        """Take the next point of the grid. Points gone by for more than a period are missed, never caught up."""
        self.busy = 0
        self.grid += self.period_s
        behind = now_s - self.grid
        if behind >= self.period_s:
            passed = int(behind / self.period_s)
            self.missed += passed
            self.grid += passed * self.period_s
        self.due = self.grid

    def fail(self, now_s: float, *, retry: bool) -> bool:
        """Nothing came. With ``retry``, the first failure after a success is tried again within the period; true for the third in a row."""
        self.failures += 1
        if retry and self.failures == 1 and now_s + _RETRY_S < self.grid + self.period_s:
            self.due = now_s + _RETRY_S
        else:
            self.advance(now_s)
        return self.failures == _FAILURES

    def retry_busy(self, now_s: float) -> bool:
        """The instrument asked for a moment: whether the period still has one to give."""
        self.busy += 1
        if self.busy >= _BUSY_TRIES:
            return False
        self.due = now_s + _BUSY_S
        return True
