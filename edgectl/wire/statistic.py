"""What a line has been through, as counters that only grow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class LineStatistics:
    """Counters of one line since the process started.

    ``requests`` went out; each ended as one of ``replies`` (accepted), ``refusals`` (the instrument said no), ``timeouts`` (nothing, or not a whole
    reply, in time) or ``bad_frames`` (something that is not the answer), or was cancelled or lost with its line. ``foreign`` are whole frames of
    another address or request that were dropped, ``late_bytes`` what arrived when nothing was expected, ``echoes`` own requests heard and removed,
    ``reopenings`` how often the line was opened after the first time, ``busy_s`` the seconds in which a request was under way.
    """

    requests: int = 0
    replies: int = 0
    refusals: int = 0
    timeouts: int = 0
    bad_frames: int = 0
    foreign: int = 0
    late_bytes: int = 0
    echoes: int = 0
    reopenings: int = 0
    busy_s: float = 0.0
