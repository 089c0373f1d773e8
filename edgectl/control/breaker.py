"""When to give an instrument up, and when to try it again."""

from __future__ import annotations

from dataclasses import dataclass

_FAILURES = 3
_FIRST_S = 1.0
_SHARED_S = 4.0
_PATIENT_S = 30.0
_ALONE_S = 1.0
_SHARE = 0.1


@dataclass(slots=True)
class Breaker:
    """Opens after three failures in a row; then allows probes at a falling rate.

    On a shared line probes come at least ten times their own cost apart, so that a dead instrument takes less than a tenth of the line, and at
    most 4 s apart, so that it is back within 5 s of answering again. The second wins: keep the line's timeout at 0.4 s or less. An
    instrument alone on its line (``alone``) is probed every second.
    """

    alone: bool
    failures: int = 0
    wait_s: float = 0.0

    def fail(self) -> bool:
        """Count a failure; true when the instrument is to be given up for the moment."""
        self.failures += 1
        return self.failures >= _FAILURES

    def open(self) -> None:
        """Give up at once."""
        self.failures = max(self.failures, _FAILURES)

    def close(self) -> None:
        """The instrument answered."""
        self.failures = 0
        self.wait_s = 0.0

    def next_probe_s(self, cost_s: float, *, patient: bool = False) -> float:
        """How long to leave the instrument alone after a probe that took ``cost_s``; ``patient`` where only a person can help."""
        if self.alone:
            return _ALONE_S
        self.wait_s = max(2 * self.wait_s, _FIRST_S)
        longest_s = (_PATIENT_S if patient else _SHARED_S) - cost_s
        return max(min(max(self.wait_s, cost_s / _SHARE - cost_s), longest_s), _FIRST_S)
