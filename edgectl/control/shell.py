"""What everything outside the core shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgectl.clock import Clock
from edgectl.control.image import ProcessImage
from edgectl.model.event import Event


@dataclass(frozen=True, slots=True)
class Shell:
    """The process image, the one clock, and where events go (``record`` returns at once)."""

    image: ProcessImage
    clock: Clock
    record: Callable[[Event], None]

    def tell(self, kind: str, subject: str, before: str, after: str, actor: str, reason: str) -> None:
        """Record a transition that happens at this moment."""
        self.record(Event(self.clock.now(), kind, subject, before, after, actor, reason))
