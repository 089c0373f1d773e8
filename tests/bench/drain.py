"""G17: an outage's backlog drained through a real mosquitto while control scans and its live data follow; beside aiomqtt with ready-made payloads."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import aiomqtt

from edgectl.model.codec import seal
from edgectl.model.plan import Plan
from edgectl.model.uplink_plan import SparkplugPlan
from edgectl.store.file import floor
from edgectl.store.reader import Reader
from edgectl.store.record import ScanInput
from hil.rig import Rig
from tests.bench.ear import UNLIMITED, Heard, Told, listening, told_json, told_sparkplug
from tests.bench.recording import record
from tests.bench.stage import (
    Started,
    edgectl,
    loops_plan,
    loops_rig,
    may_be_real_time,
    offsets_us,
    quantile,
    scans,
    served,
    wait_for,
)
from tests.bench.tick import NO_CYCLICTEST, Late, cyclictest, read_cyclictest
from tests.bench.verdict import Verdict
from tests.uplink.peer import Mosquitto

LOOPS = 10
SCAN_S, PAST_SCAN_S = (
    0.01,
    0.1,
)  # ten times as many scans beside a drain as in what is drained: it is the ticks that are looked at
SETTLE_S, AFTER_S = 3.0, 1.5
PATIENCE_S = 3600.0


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
    """What came of a backlog: all values heard, old and new, how many messages the old ones took, and the uplink's cost (processor s, MiB)."""

    backlog: list[Told]
    live: list[Told]
    messages: int
    cpu_s: float
    pss_mib: float

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
    """Start the uplink on the journal in ``folder``, which control is writing, until all that was in it is gone."""
    with Reader(folder / "journal.db") as reader:
        head, identity = reader.head(), reader.identity
    with listening(port, dialect.topic) as ear, edgectl("uplink", plan, folder) as uplink:
        most = until_read(folder / dialect.cursor, identity, head, uplink)
        cpu_s = uplink.cpu_s()
        time.sleep(AFTER_S)
        told = [list(dialect.read(message)) for message in ear.heard()]
    backlog = [values for values in told if values and values[0].historical]
    live = [value for values in told for value in values if not value.historical]
    return Drained([value for values in backlog for value in values], live, len(backlog), cpu_s, most)


def until_read(cursor: Path, identity: str, head: int, uplink: Started) -> float:
    """The most memory of the uplink (MiB) until its cursor is at ``head``.

    Raises:
        TimeoutError: it does not come there.
    """
    until, most = time.monotonic() + PATIENCE_S, 0.0
    while floor(cursor, identity) < head:
        if time.monotonic() > until or uplink.child.poll() is not None:
            raise TimeoutError(f"{cursor.name} did not come to record {head}")
        most = max(most, uplink.pss_mib())
        time.sleep(0.1)
    return most


class Run(NamedTuple):
    """Scans while nothing is sent and while the backlog drains, each beside cyclictest in the same seconds."""

    drained: Drained
    quiet: Late
    quiet_anchor: Late | None
    draining: Late
    draining_anchor: Late | None


def run(dialect: Dialect, past: Path, where: dict[str, Any], seconds: float) -> Run:
    """Control scans ten loops every 10 ms on a journal that begins with ``past``: first alone, then with the uplink draining it."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        broker = Mosquitto(folder, UNLIMITED)
        broker.start()
        stack.callback(broker.stop)
        state = folder / "state"
        state.mkdir()
        shutil.copy(past, state / "journal.db")
        plan = through(loops_plan(LOOPS, SCAN_S, where), dialect, broker.port)
        stack.enter_context(edgectl("control", plan, state))
        wait_for(state / "control.sock")
        time.sleep(SETTLE_S)
        windows, anchors = [time.monotonic_ns()], []
        with cyclictest(SCAN_S, seconds, fifo=True, into=folder / "quiet"):
            time.sleep(seconds)
        anchors.append(read_cyclictest(folder / "quiet"))
        windows.append(time.monotonic_ns())
        with cyclictest(SCAN_S, seconds, fifo=True, into=folder / "draining"):
            drained = drain(dialect, plan, state, broker.port)
            windows.append(time.monotonic_ns())
        anchors.append(read_cyclictest(folder / "draining"))
        stack.close()
        recorded = scans(state / "journal.db")
    offsets = offsets_us(recorded, SCAN_S)
    late = [offset - min(offsets) for offset in offsets]
    quiet, draining = (_within(recorded[1:], late, *window) for window in itertools.pairwise(windows))
    return Run(drained, quiet, anchors[0], draining, anchors[1])


def _within(recorded: Sequence[ScanInput], late: Sequence[float], begun_ns: int, ended_ns: int) -> Late:
    found = sorted(
        us for scan, us in zip(recorded, late, strict=True) if begun_ns <= scan.now.mono_ns < ended_ns
    )
    return Late(quantile(found, 0.5), quantile(found, 0.999), found[-1])


async def bare_rate(port: int, payload: bytes, seconds: float) -> float:
    """The anchor: aiomqtt with a ready-made payload, QoS 1, a hundred on their way; messages a second."""
    sent, loop = 0, asyncio.get_running_loop()
    async with aiomqtt.Client("127.0.0.1", port, max_inflight_messages=100) as client:
        client.pending_calls_threshold = 101
        begun = loop.time()
        while loop.time() < begun + seconds:
            await asyncio.gather(*(client.publish("bench/bare", payload, qos=1) for _ in range(100)))
            sent += 100
        return sent / (loop.time() - begun)


def anchor(payload: bytes, seconds: float) -> float:
    """``bare_rate`` on a broker of its own."""
    with tempfile.TemporaryDirectory() as name:
        broker = Mosquitto(Path(name), UNLIMITED)
        broker.start()
        try:
            return asyncio.run(bare_rate(broker.port, payload, seconds))
        finally:
            broker.stop()


def judge(seconds: float, past_s: float) -> list[Verdict]:
    """G17: rate, live data and ticks for each dialect."""
    if shutil.which("mosquitto") is None or shutil.which("mosquitto_sub") is None:
        why = "mosquitto or mosquitto_sub is missing: apt-get install mosquitto mosquitto-clients"
        return [Verdict("G17", "replay after an outage", "-", "-", None, why)]
    verdicts = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rig_file, past = folder / "loops.toml", folder / "past.db"
        rig_file.write_text(loops_rig(LOOPS))
        with served("serve", str(rig_file), "--dir", str(folder / "lines")) as rig:
            where = rig["lines"]["tcp"]
            record(past, loops_plan(LOOPS, PAST_SCAN_S, where), Rig.load(rig_file), past_s)
            for dialect, size in ((SPARKPLUG, 10_000), (JSON, 200)):
                verdicts += rows(
                    dialect, run(dialect, past, where, seconds), anchor(bytes(size), seconds / 2), size
                )
    return verdicts


def rows(dialect: Dialect, found: Run, bare: float, size: int) -> list[Verdict]:
    """The three rows of a dialect. Live values wait for a commit of the journal first, up to a second."""
    drained = found.drained
    late_s, messages = drained.late_s(), drained.messages / drained.seconds
    moved_us = found.draining.most - found.quiet.most
    rate = f"{drained.rate:.0f}/s in {messages:.0f} messages/s; {len(drained.backlog)} values, {drained.pss_mib:.0f} MiB"
    held = f"aiomqtt, ready-made {size} B, QoS 1: {bare:.0f} messages/s"
    live = f"p50 {quantile(late_s, 0.5):.2f}, max {late_s[-1]:.2f} s, the wait for the commit included"
    beside = f"before: {found.quiet}; cyclictest {found.quiet_anchor or NO_CYCLICTEST}, then {found.draining_anchor or '-'}"
    fifo = may_be_real_time()
    slow = "it has one point a message, so that one value can be read without the others"
    why = slow if dialect is JSON and drained.rate < 20_000 else ""
    return [
        Verdict("G17", f"{dialect.name}: replay >= 20 000 values/s at QoS 1", rate, held, drained.rate >= 20_000, why),
        Verdict("G17", f"{dialect.name}: live values <= 1 s late behind their commit meanwhile", live, f"{len(late_s)} values; commit every 1 s", late_s[-1] <= 2.0),
        Verdict("G17", f"{dialect.name}: draining moves no tick by > 0.3 ms (10 ms, FIFO)", f"{moved_us:+.0f} us at the worst tick; {found.draining}", beside, moved_us <= 300.0 if fifo else None, "" if fifo else "SCHED_FIFO is not granted here"),
    ]  # fmt: skip
