"""Counts of one line, from both ends of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hil.campaign.stage import Stage


@dataclass(frozen=True, slots=True)
class Count:
    """What happened on a line: the bench's `heard` and `sent`, and what the product says it asked and took."""

    heard: int
    sent: int
    asked: int
    taken: int
    opened: int

    @property
    def good(self) -> float:
        """The share of the questions that got an answer the product took."""
        return self.taken / max(1, self.asked)


class Tally:
    """Begins to count when made."""

    def __init__(self, stage: Stage, line: str) -> None:
        self._stage, self._line = stage, line
        self._begun = self._now()

    def _now(self) -> dict[str, Any]:
        bench = self._stage.order("counts")["counts"][self._line]
        line = self._stage.status()["lines"][self._line]["statistics"]
        return {**line, "heard": bench.get("requests", 0), "sent": bench.get("replies", 0)}

    def count(self) -> Count:
        """What has come together since."""
        now = self._now()
        grown = {key: now[key] - before for key, before in self._begun.items()}
        return Count(grown["heard"], grown["sent"], grown["requests"], grown["replies"], grown["reopenings"])
