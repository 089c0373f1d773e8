"""A moment, read once per scan."""

from __future__ import annotations

from typing import NamedTuple


class Instant(NamedTuple):
    """A moment on two clocks.

    Ages and leases use ``mono_ns`` only: the monotonic clock of this boot. ``utc_ns`` (Unix nanoseconds) is for people
    and records, and may step.
    """

    mono_ns: int
    utc_ns: int
