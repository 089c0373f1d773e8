"""The wall clock may step; whoever reads the records is told."""

from __future__ import annotations

import asyncio

from edgectl.clock import Clock
from edgectl.control.image import ProcessImage
from edgectl.control.shell import Shell
from edgectl.control.wall_clock import WallClock
from edgectl.model.event import Event
from edgectl.model.instant import Instant

_S = 1_000_000_000


def told(*moments: tuple[float, float]) -> list[Event]:
    """The events after looking at each moment: monotonic and wall seconds."""
    events: list[Event] = []
    loop = asyncio.new_event_loop()
    watch = WallClock(Shell(ProcessImage(), Clock(loop), events.append))
    for mono_s, wall_s in moments:
        watch.look(Instant(int(mono_s * _S), int(wall_s * _S)))
    loop.close()
    return events


def test_a_step_of_an_hour_is_recorded_once_with_both_times() -> None:
    for step_s, after in ((3600, "1970-01-01T01:00:02Z"), (-1, "1970-01-01T00:00:01Z")):
        (event,) = told((1, 1), (2, 2 + step_s), (3, 3 + step_s))
        assert (event.subject, event.before, event.after) == ("wall clock", "1970-01-01T00:00:02Z", after)
        assert f"{step_s:+.1f} s" in event.reason


def test_slewing_and_late_scans_are_no_steps() -> None:
    assert told(*((n, n * 1.0005) for n in range(1000))) == []
    assert told((1, 1), (30, 30), (31, 31)) == []
