"""What reached an instrument, kept for a judge who trusts no driver's own log."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Log:
    """The last `depth` requests, writes and events with their times, and counts of all since the start.

    Times are seconds on the line's clock. Old entries fall off; counts never do.
    """

    __slots__ = ("counts", "events", "requests", "writes")

    def __init__(self, depth: int = 1000) -> None:
        self.requests: deque[tuple[float, bytes]] = deque(maxlen=depth)
        self.writes: deque[tuple[float, str, Any]] = deque(maxlen=depth)
        self.events: deque[tuple[float, str]] = deque(maxlen=depth)
        self.counts: Counter[str] = Counter()

    def request(self, t_s: float, body: bytes) -> None:
        """Keep one request that was addressed to this instrument."""
        self.requests.append((t_s, body))
        self.counts["requests"] += 1

    def write(self, t_s: float, what: str, value: Any) -> None:
        """Keep one accepted write: register or command, and the value as sent."""
        self.writes.append((t_s, what, value))
        self.counts["writes"] += 1

    def event(self, t_s: float, text: str) -> None:
        """Keep one thing that happened to the instrument, such as a restart."""
        self.events.append((t_s, text))
        self.counts["events"] += 1

    def as_dict(self) -> Mapping[str, Any]:
        """Return everything in JSON types; requests as hexadecimal text."""
        return {
            "counts": dict(self.counts),
            "requests": [(t_s, body.hex(" ")) for t_s, body in self.requests],
            "writes": list(self.writes),
            "events": list(self.events),
        }
