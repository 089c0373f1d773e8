"""A long outage of the demo unit, drained: ``python -m tests.bench.outage --days 7``.

The unit runs on virtual time at its full rate, its journal written as control writes it. Then control is started on that journal beside emulated
instruments, and the uplink sends it all as Sparkplug through mosquitto. What the broker passed on is heard by the host of the bench (hil.host), by
which nothing may be missing, come twice or be out of turn, and is held against the journal.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgectl.app.rehearse import open_rig
from edgectl.config.compile import compile_folder
from edgectl.model.plan import Plan
from edgectl.store.reader import Reader
from edgectl.store.record import Kind, unpack_measurements, words
from edgectl.uplink.event import EVENTS
from hil.host.tracker import Tracker
from hil.mqtt import Message
from tests.bench.drain import AFTER_S, until_read
from tests.bench.ear import UNLIMITED, Ear, listening
from tests.bench.recording import record
from tests.bench.stage import edgectl, quantile, served, wait_for
from tests.chain.witness import DEMO
from tests.uplink.peer import Mosquitto

DAY_S = 86_400.0
SETTLE_S = 5.0
_MS = 1_000_000
_EVENT = "Journal/Event"


@dataclass(slots=True)
class Heard:
    """What a host was told. Times are UTC: values and records by ms, arrivals in s."""

    values: dict[tuple[str, int], object] = field(default_factory=dict)
    events: list[int] = field(default_factory=list)
    old: int = 0
    old_s: list[float] = field(default_factory=list)
    late_s: list[tuple[float, float]] = field(default_factory=list)
    twice: int = 0
    gaps: int = 0
    unknown: int = 0


def hear(ear: Ear, group: str, node: str) -> Heard:
    """Feed hil.host's tracker with everything that was passed on, and take from it what it made of that."""
    tracker, heard = Tracker(group), Heard()
    for message in ear.heard():
        tracker.hear(Message(message.topic, message.payload), int(message.at_s * 1e3))
        for value in tracker.values:
            if value.birth or value.device is None:
                continue
            if value.metric == _EVENT:
                heard.events += _numbers(str(value.value))
            heard.values[value.metric, value.timestamp] = value.value
            if value.historical:
                heard.old += 1
                heard.old_s.append(message.at_s)
            else:
                heard.late_s.append((message.at_s, message.at_s - value.timestamp / 1e3))
        tracker.values.clear()
    known = tracker.nodes[node]
    heard.twice, heard.gaps, heard.unknown = tracker.duplicates, known.gaps, known.strangers
    return heard


def _numbers(text: str) -> list[int]:
    return [int(piece.split("}")[0].split(",")[0]) for piece in text.split('"seq": ')[1:]]


def missing(journal: Path, upto: int, heard: Heard) -> tuple[int, int]:
    """How many measurements and events of the journal, up to a record, no host was told as they are."""
    told_events = set(heard.events)
    lost_values = lost_events = 0
    with Reader(journal) as reader:
        runs = {run.number: words(run.plan) for run in reader.runs()}
        after = 0
        while records := reader.records(after, upto, 1000, (Kind.MEASUREMENTS, *EVENTS)):
            after = records[-1].seq
            for item in records:
                if item.kind is not Kind.MEASUREMENTS:
                    lost_events += item.seq not in told_events
                    continue
                for row, age_ns in unpack_measurements(item.body, runs[item.run]):
                    key = f"Tags/{row.tag}", (row.at.utc_ns + age_ns) // _MS
                    lost_values += key not in heard.values or heard.values[key] != row.value
    return lost_values, lost_events


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures of one outage."""

    days: float
    disk_mb: float
    old: int
    seconds: float
    lost: tuple[int, int]
    twice: int
    gaps: int
    unknown: int
    late_s: list[float]
    pss_mib: float
    cpu_s: float

    def text(self) -> str:
        """For people."""
        late = f"p50 {quantile(self.late_s, 0.5):.2f}, max {self.late_s[-1]:.2f} s" if self.late_s else "none"
        return "\n".join(
            (
                f"outage            {self.days:g} days of the demo unit, journal {self.disk_mb:.1f} MB",
                f"drained           {self.old} values in {self.seconds:.1f} s: {self.old / self.seconds:.0f} a second, {self.days * DAY_S / self.seconds:.0f} times as fast as they came",
                f"lost              {self.lost[0]} measurements, {self.lost[1]} events",
                f"twice             {self.twice}; {self.gaps} gaps of seq, {self.unknown} metrics without a birth",
                f"live meanwhile    {len(self.late_s)} values, age when heard {late} (the unit scans every 2 s and commits every 1 s)",
                f"uplink            at most {self.pss_mib:.1f} MiB (PSS), {self.cpu_s:.1f} s of one core",
            )
        )


def outage(days: float, folder: Path, past: Path | None = None) -> Outcome:
    """Record (or take the journal at ``past``), drain, and compare."""
    state = folder / "state"
    state.mkdir(parents=True)
    journal = state / "journal.db"
    if past is None:
        record(journal, _plan([]), open_rig("demo", 1), days * DAY_S)
    else:
        shutil.copy(past, journal)
    size = journal.stat().st_size
    broker = Mosquitto(folder, UNLIMITED)
    with contextlib.ExitStack() as stack:
        broker.start()
        stack.callback(broker.stop)
        rig = stack.enter_context(served("serve", "demo", "--dir", str(folder / "lines")))
        plan = _plan(
            [*_lines(rig), "uplink.host=127.0.0.1", f"uplink.port={broker.port}", "uplink.readable=false"]
        )
        stack.enter_context(edgectl("control", plan, state))
        wait_for(state / "control.sock")
        time.sleep(SETTLE_S)
        with Reader(journal) as reader:
            head, identity = reader.head(), reader.identity
        ear = stack.enter_context(listening(broker.port, "spBv1.0/#"))
        uplink = stack.enter_context(edgectl("uplink", plan, state))
        pss_mib = until_read(state / "sparkplug.db", identity, head, uplink)
        cpu_s = uplink.cpu_s()
        time.sleep(AFTER_S)
        heard = hear(ear, plan.uplink.sparkplug.group, plan.unit)
    first, last = heard.old_s[0], heard.old_s[-1]
    late_s = sorted(late for at, late in heard.late_s if first <= at <= last)
    lost = missing(journal, head, heard)
    return Outcome(days, size / 1e6, heard.old, last - first, lost, heard.twice, heard.gaps, heard.unknown, late_s, pss_mib, cpu_s)  # fmt: skip


def _plan(overrides: list[str]) -> Plan:
    plan = compile_folder(DEMO, overrides).plan
    assert plan is not None
    return plan


def _lines(rig: dict[str, Any]) -> list[str]:
    return [
        f"lines.{name}.{key}={value}" for name, line in rig["lines"].items() for key, value in line.items()
    ]


def main() -> int:
    """0 if nothing was lost, came twice or was out of turn; 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.outage", description=__doc__)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument(
        "--dir", type=Path, help="where the journal is made (default: the folder for temporary files)"
    )
    parser.add_argument(
        "--past", type=Path, metavar="FILE", help="a journal recorded before, instead of recording one"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.dir) as name:
        found = outage(asked.days, Path(name), asked.past)
    print(found.text())
    return int(bool(sum(found.lost) or found.twice or found.gaps or found.unknown))


if __name__ == "__main__":
    sys.exit(main())
