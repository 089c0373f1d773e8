"""What helps punctuality is asked for, told, and never needed; logs are told and never waited for."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from edgectl.control.log import EventLog
from edgectl.control.realtime import Collector
from edgectl.model.event import Event
from edgectl.model.instant import Instant

pytestmark = pytest.mark.slow


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    made.begin()
    yield made
    made.end()


def test_garbage_is_collected_right_after_a_scan_with_time_left_and_never_without(
    collector: Collector,
) -> None:
    assert not gc.isenabled()
    assert gc.get_freeze_count() > 1000
    for _ in range(6000):
        cycle: list[object] = []
        cycle.append(cycle)
    assert gc.get_count()[0] > 5000
    collector(0.0005)
    assert gc.get_count()[0] > 5000
    collector(0.05)
    assert gc.get_count()[0] < 5000


def test_collecting_by_itself_is_back_at_the_end() -> None:
    made = Collector()
    made.begin()
    made.end()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_the_kernel_does_not_grant_is_told_and_nothing_fails() -> None:
    """In a process of its own without privileges, for what is granted stays."""
    program = (
        "import os, resource\n"
        "from edgectl.control.realtime import claim\n"
        "resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))\n"
        "if os.getuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for grant in claim(): print(grant.name, grant.granted, grant.detail)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "SCHED_FIFO False Operation not permitted; CAP_SYS_NICE or LimitRTPRIO= grants it",
        "locked memory False LimitMEMLOCK=infinity or CAP_IPC_LOCK grants it",
        "timer slack True 1 ns",
    ]


def event(subject: str, after: str = "answering") -> Event:
    return Event(Instant(1, 2), "instrument", subject, "unknown", after, "line probes", "because")


def test_events_are_printed_by_a_thread_that_alone_pays_for_structlog() -> None:
    stream = io.StringIO()
    log = EventLog(stream)
    log(event("ph1"))
    assert stream.getvalue() == ""
    log.start()
    log(event("do1", "failed"))
    log.stop()
    first, second = stream.getvalue().splitlines()
    assert 'event="instrument ph1: unknown -> answering" reason=because' in first
    assert "level=info" in first
    assert "level=warning" in second
    assert "log" not in [thread.name for thread in threading.enumerate()]


def test_a_terminal_that_takes_nothing_keeps_nobody_waiting() -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    log = EventLog(stream)
    log.start()
    begun = time.monotonic()
    for n in range(5000):
        log(event(f"i{n}" + "x" * 100))
    assert time.monotonic() - begun < 0.5
    log.stop(0.2)
    assert time.monotonic() - begun < 1.0
    os.close(reading)  # a broken pipe ends the waiting, and nothing else
    log.stop()
    assert "log" not in [thread.name for thread in threading.enumerate()]
    with contextlib.suppress(BrokenPipeError):
        stream.close()


def test_events_that_were_not_printed_are_counted() -> None:
    stream = io.StringIO()
    log = EventLog(stream)
    for n in range(1003):
        log(event(f"i{n}"))
    log.start()
    log.stop()
    assert 'event="events not printed" count=3' in stream.getvalue()
    assert stream.getvalue().count("instrument i") == 1000
