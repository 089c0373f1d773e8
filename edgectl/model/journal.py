"""What control hands to the journal, and how: never waiting."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edgectl.model.command import Command
from edgectl.model.event import Event
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved, Measurement, Sample
from edgectl.model.request import Reply, Request
from edgectl.model.state import State


class ScanEntry(NamedTuple):
    """One scan as it was: all inputs that changed since the scan before, and all that was decided.

    With the plan and the initial state of the run, the inputs of all entries are enough to replay every decision.
    ``image`` is the frozen image this scan saw and ``state`` the core's memory after it (``Result.state``), both by reference and
    never changed afterwards: the store takes loop values from the state, and now and then both whole, so that replay can
    begin again behind a gap or a purge.
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
    image: Image
    state: State


class JournalHealth(NamedTuple):
    """How the journal is: scans and events waiting for the writer, how many were lost so far, what ails it (empty: nothing).

    ``committed_ns`` is the monotonic time of the last durable commit, 0 before the first.
    """

    waiting: int
    lost: int
    fault: str
    committed_ns: int


class Journal(Protocol):
    """The writer control is given. Both calls return at once and never raise; what cannot be kept is counted and recorded as a gap."""

    def scan(self, entry: ScanEntry) -> None:
        """Keep one scan."""
        ...

    def event(self, event: Event) -> None:
        """Keep something that happened outside the core: a line lost, an instrument identified, a late scan."""
        ...
