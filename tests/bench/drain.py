"""G17: an outage's backlog drained through a real mosquitto while control scans and its live data follow; beside aiomqtt with ready-made payloads."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from edgectl.model.codec import seal
from edgectl.model.plan import Plan, SparkplugPlan
from edgectl.store.file import floor
from edgectl.store.reader import Reader
from hil.rig import Rig
from tests.bench.ear import UNLIMITED, Heard, Told, listening, told_json, told_sparkplug
from tests.bench.recording import record
from tests.bench.stage import Started, edgectl, loops_plan, loops_rig, served, wait_for
from tests.uplink.peer import Mosquitto

LOOPS = 10
PATIENCE_S = 600.0


class Dialect(NamedTuple):
    """One way to tell: what goes into the plan, where its cursor is, and how what was heard is read."""

    name: str
    cursor: str
    topic: str
    read: Callable[[Heard], Iterator[Told]]


JSON = Dialect("readable JSON", "uplink.db", "edgectl/#", told_json)
SPARKPLUG = Dialect("Sparkplug", "sparkplug.db", "spBv1.0/#", told_sparkplug)


def through(plan: Plan, dialect: Dialect, port: int) -> Plan:
    """The plan with this dialect alone, to the broker at ``port``."""
    spoken = SparkplugPlan("bench", plan.unit, "bioreactor") if dialect is SPARKPLUG else SparkplugPlan()
    uplink = replace(
        plan.uplink, host="127.0.0.1", port=port, also=(), readable=dialect is JSON, sparkplug=spoken
    )
    return seal(replace(plan, uplink=uplink))


class Drained(NamedTuple):
    """What came of a backlog. ``backlog`` and ``live`` are all values heard; times are UTC, s."""

    backlog: list[Told]
    live: list[Told]
    messages: int
    cpu_s: float
    pss_mib: float
    window_s: tuple[float, float]

    @property
    def seconds(self) -> float:
        """From the first value of the backlog to the last."""
        return self.backlog[-1].heard_s - self.backlog[0].heard_s

    @property
    def rate(self) -> float:
        """Values of the backlog a second."""
        return len(self.backlog) / self.seconds

    def late_s(self) -> list[float]:
        """How old live values were when they were heard while the backlog drained, sorted."""
        first, last = self.backlog[0].heard_s, self.backlog[-1].heard_s
        return sorted(told.heard_s - told.true_s for told in self.live if first <= told.heard_s <= last)


def drain(dialect: Dialect, plan: Plan, folder: Path, port: int) -> Drained:
    """Start the uplink on the journal in ``folder``, behind which control is running, until its backlog is gone."""
    with Reader(folder / "journal.db") as reader:
        head, identity = reader.head(), reader.identity
    begun = time.time()
    with listening(port, dialect.topic) as ear, edgectl("uplink", plan, folder) as uplink:
        most = _until_read(folder / dialect.cursor, identity, head, uplink)
        cpu_s = uplink.cpu_s()
        time.sleep(1.5)  # live data behind the backlog
        window = begun, time.time()
        heard = list(ear.heard())
    told = [value for message in heard for value in dialect.read(message)]
    backlog = [value for value in told if value.historical]
    messages = len({id(m) for m in heard})
    return Drained(backlog, [v for v in told if not v.historical], messages, cpu_s, most, window)


def _until_read(cursor: Path, identity: str, head: int, uplink: Started) -> float:
    """The most memory of the uplink (MiB) until its cursor is at ``head``."""
    until, most = time.monotonic() + PATIENCE_S, 0.0
    while floor(cursor, identity) < head:
        if time.monotonic() > until or uplink.child.poll() is not None:
            raise TimeoutError(f"{cursor.name} did not come to record {head}")
        most = max(most, uplink.pss_mib())
        time.sleep(0.1)
    return most
