"""What control hands to the journal, and how: never waiting."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edgectl.model.command import Command
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved, Measurement, Sample
from edgectl.model.request import Reply, Request


class ScanEntry(NamedTuple):
    """One scan as it was: all inputs that changed since the scan before, and all that was decided.

    With the plan and the initial state of the run, the inputs of all entries are enough to replay every decision.
    """

    scan: int
    now: Instant
    dt_s: float
    samples: tuple[Sample, ...]
    achieved: tuple[Achieved, ...]
    requests: tuple[Request, ...]
    measurements: tuple[Measurement, ...]
    commands: tuple[Command, ...]
    events: tuple[Event, ...]
    replies: tuple[Reply, ...]


class Journal(Protocol):
    """The writer control is given. Both calls return at once and never raise; what cannot be kept is counted and recorded as a gap."""

    def scan(self, entry: ScanEntry) -> None:
        """Keep one scan."""
        ...

    def event(self, event: Event) -> None:
        """Keep something that happened outside the core: a line lost, an instrument identified, a late scan."""
        ...
