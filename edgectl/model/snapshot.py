"""The core's memory as it is kept for the next start, and the moments by which an outage is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from edgectl.model.instant import Instant
from edgectl.model.state import State


class Stamp(NamedTuple):
    """A moment that a later process can compare with its own, however fast the loop's clock runs.

    ``mono_ns`` counts within one ``boot`` of the kernel; ``utc_ns`` is the wall clock, and ``doubt`` why it may not be believed (empty: it may).
    """

    boot: str
    mono_ns: int
    utc_ns: int
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of the unit after one scan.

    ``at`` is the instant of that scan on the loop's clock, ``taken`` the same moment for the next process. ``plan`` is the digest of the plan and
    ``setpoints`` what it planned for its loops. ``clean``: the run ended in order, with every output confirmed at its safe value.
    """

    unit: str
    plan: str
    version: str
    at: Instant
    taken: Stamp
    state: State
    setpoints: Mapping[str, float]
    clean: bool = False


class SnapshotHealth(NamedTuple):
    """How the saving of state is: what ails it (empty: nothing), how many were written, and the monotonic time of the last (0: none)."""

    fault: str
    written: int
    written_ns: int
