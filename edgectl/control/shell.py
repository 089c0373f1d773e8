"""What everything outside the core shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edgectl.clock import Clock
from edgectl.control.grid import Grid
from edgectl.control.image import ProcessImage
from edgectl.model.event import Event


@dataclass(frozen=True, slots=True)
class Shell:
    """The process image, the one clock, where events go (``record`` returns at once), and when scans and polls are due."""

    image: ProcessImage
    clock: Clock
    record: Callable[[Event], None]
    grid: Grid = field(default_factory=Grid)

    def tell(self, kind: str, subject: str, before: str, after: str, actor: str, reason: str) -> None:
        """Record a transition that happens at this moment."""
        self.record(Event(self.clock.now(), kind, subject, before, after, actor, reason))
