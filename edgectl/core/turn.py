"""What every stage of one scan shares."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.core.unit import Unit
from edgectl.model.event import Event
from edgectl.model.image import Image
from edgectl.model.instant import Instant


@dataclass(frozen=True, slots=True)
class Turn:
    """What every stage of one scan shares. ``events`` grows."""

    unit: Unit
    image: Image
    at: Instant
    dt_s: float
    step_s: float
    events: list[Event]

    def tell(self, kind: str, subject: str, before: str, after: str, actor: str, reason: str) -> None:
        """Record a transition."""
        self.events.append(Event(self.at, kind, subject, before, after, actor, reason))
