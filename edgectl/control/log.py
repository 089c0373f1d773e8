"""Events for people, on standard error, without ever waiting for it."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from typing import Any, TextIO

from edgectl.model.event import Event

_MOST_WAITING = 1000


class EventLog:
    """Prints events from a thread of its own, through structlog.

    The caller never waits: what does not fit is dropped, and how much is said. Events told before ``start`` are kept. The import of
    structlog (65 ms) happens in the thread, so that the first scan does not wait for it.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._waiting: queue.Queue[Event | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._print_all, name="log", daemon=True)
        self._dropped = 0

    def __call__(self, event: Event) -> None:
        """Print ``event`` soon."""
        try:
            self._waiting.put_nowait(event)
        except queue.Full:
            self._dropped += 1

    def start(self) -> None:
        """Begin to print; once."""
        self._thread.start()

    def stop(self, patience_s: float = 2.0) -> None:
        """Print what is waiting, as far as that succeeds in ``patience_s``."""
        if self._thread.ident is None:
            self.start()
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=patience_s)
            self._thread.join(patience_s)

    def _print_all(self) -> None:
        import structlog

        log = structlog.wrap_logger(
            structlog.PrintLogger(self._stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
            ],
        )
        while (event := self._waiting.get()) is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                self._print(log, event)

    def _print(self, log: Any, event: Event) -> None:
        if self._dropped:
            log.warning("events not printed", count=self._dropped)
            self._dropped = 0
        say = log.warning if event.after in _BAD else log.info
        what = f"{event.kind} {event.subject}: {event.before} -> {event.after}"
        say(what, reason=event.reason, by=event.actor)


_BAD = frozenset(
    {
        "failed",
        "lost",
        "late",
        "lapsed",
        "wrong",
        "refusing",
        "restarted",
        "BAD",
        "not confirmed",
        "held",
        "not saved",
        "set aside",
        "dropped",
    }
)
