"""Whether the wall clock goes on as it should: nothing here depends on it, but whoever reads records must know of a step."""

from __future__ import annotations

from datetime import UTC, datetime

from edgectl.control.shell import Shell
from edgectl.model.instant import Instant

STEP_NS = 500_000_000
_NS = 1_000_000_000


class WallClock:
    """Compares both clocks from scan to scan: slewing passes unnoticed, a step is recorded."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._ahead_ns: int | None = None

    def look(self, now: Instant) -> None:
        """Take note of this moment; a step since the last one becomes an event, with the times before and after it."""
        ahead_ns = now.utc_ns - now.mono_ns
        before_ns, self._ahead_ns = self._ahead_ns, ahead_ns
        if before_ns is not None and abs(ahead_ns - before_ns) > STEP_NS:
            before, after = _utc(now.mono_ns + before_ns), _utc(now.utc_ns)
            reason = f"stepped by {(ahead_ns - before_ns) / _NS:+.1f} s; loops and ages do not follow it"
            self._shell.tell("process", "wall clock", before, after, "executive", reason)


def _utc(utc_ns: int) -> str:
    return f"{datetime.fromtimestamp(utc_ns / _NS, UTC):%Y-%m-%dT%H:%M:%SZ}"
