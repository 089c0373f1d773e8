"""G16: what a killed control process had not written, how old what is durable can be, what a sample takes on disk, and which thread waits for it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from edgectl.model.plan import Plan
from edgectl.store.database import read_only
from edgectl.store.reader import Reader
from edgectl.store.record import ScanInput
from edgectl.store.run import steps
from hil.rig import Rig
from tests.bench.recording import record
from tests.bench.stage import edgectl, loops_plan, loops_rig, quantile, scans, served, wait_for
from tests.bench.verdict import Verdict

LOOPS, PERIOD_S = 10, 0.1
KILLS = 3
PAST_S = 120.0
_LOOK_S = 0.01
_SETTLE_S = 2.0


class Kept(NamedTuple):
    """One life of control, ended by kill -9: scans it had not written, the oldest age of what was durable (s), bytes written by the scanning thread and by all."""

    lost_scans: int
    oldest_s: float
    loop_bytes: int
    all_bytes: int


def live_and_die(plan: Plan, folder: Path, seconds: float) -> Kept:
    """Run control for ``seconds``, looking at its journal from outside; then kill it."""
    journal = folder / "journal.db"
    with edgectl("control", plan, folder) as control:
        wait_for(folder / "control.sock")
        time.sleep(_SETTLE_S)
        before = _written(control.pid)
        oldest_s = max(_ages_s(journal, seconds))
        loop_bytes, all_bytes = (now - then for now, then in zip(_written(control.pid), before, strict=True))
        os.kill(control.pid, signal.SIGKILL)
        killed_ns = time.monotonic_ns()
        control.child.wait()
    last = scans(journal)[-1]
    lost = (killed_ns - last.now.mono_ns) // int(PERIOD_S * 1e9)
    return Kept(int(lost), oldest_s, loop_bytes, all_bytes)


def _ages_s(journal: Path, seconds: float) -> Iterator[float]:
    """How old the newest record of a scan is that a reader finds, again and again."""
    until = time.monotonic() + seconds
    with closing(read_only(journal)) as db:
        while time.monotonic() < until:
            (at_ns,) = db.execute("SELECT mono_ns FROM record WHERE kind = 'inputs' ORDER BY seq DESC LIMIT 1").fetchone()  # fmt: skip
            yield (time.monotonic_ns() - at_ns) / 1e9
            time.sleep(_LOOK_S)


def _written(pid: int) -> tuple[int, int]:
    """Bytes sent to storage so far by the thread that scans and by the whole process (/proc/PID/task/TID/io)."""
    by_thread = {
        int(task.name): int((task / "io").read_text().split("write_bytes: ", 1)[1].split("\n", 1)[0])
        for task in Path(f"/proc/{pid}/task").iterdir()
    }
    return by_thread[pid], sum(by_thread.values())


class Size(NamedTuple):
    """Bytes a sample: of the journal, and of the same samples as rows of a table."""

    journal: float
    rows: float
    samples: int


def size(folder: Path, plan: Plan, rig: Rig, seconds: float) -> Size:
    """Of a recording; a sample is a value that an instrument gave, or an output that it confirmed. All else in the file is theirs to bear."""
    journal, table = folder / "past.db", folder / "rows.db"
    record(journal, plan, rig, seconds)
    with Reader(journal) as reader:
        found = [step for step in steps(reader, reader.runs()[-1]) if isinstance(step, ScanInput)]
    rows = [row for scan in found for row in _rows(scan)]
    with closing(sqlite3.connect(table, isolation_level=None)) as db:
        db.execute(
            "CREATE TABLE sample (id INTEGER PRIMARY KEY, t INTEGER, name TEXT, value REAL, quality INTEGER)"
        )
        db.execute("BEGIN")
        db.executemany("INSERT INTO sample (t, name, value, quality) VALUES (?, ?, ?, ?)", rows)
        db.execute("COMMIT")
    return Size(journal.stat().st_size / len(rows), table.stat().st_size / len(rows), len(rows))


def _rows(scan: ScanInput) -> Iterator[tuple[Any, ...]]:
    for sample in scan.samples:
        yield sample.at.utc_ns, sample.channel, sample.value, 192
    for output in scan.achieved:
        yield output.at.utc_ns, output.actuator, output.value, 192


def sync_ms(folder: Path, times: int = 200) -> list[float]:
    """The anchor of durability: a bare fdatasync of 4 KiB on the same disk, sorted."""
    found = []
    file = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY)
    try:
        for _ in range(times):
            os.pwrite(file, b"x" * 4096, 0)
            begun = time.perf_counter()
            os.fdatasync(file)
            found.append((time.perf_counter() - begun) * 1e3)
    finally:
        os.close(file)
    return sorted(found)


def judge(seconds: float) -> list[Verdict]:
    """G16. Each life of control ends at another moment between two commits."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "loops.toml").write_text(loops_rig(LOOPS))
        with served("serve", str(folder / "loops.toml"), "--dir", str(folder / "lines")) as rig:
            plan = loops_plan(LOOPS, PERIOD_S, rig["lines"]["tcp"])
            lives = [
                live_and_die(plan, folder / f"life{n}", seconds + random.uniform(0, 1)) for n in range(KILLS)
            ]
        taken = size(folder, plan, Rig.load(folder / "loops.toml"), PAST_S)
        syncs = sync_ms(folder)
    return verdicts(lives, taken, syncs, plan.journal.commit_s)


def verdicts(lives: Sequence[Kept], taken: Size, syncs: Sequence[float], commit_s: float) -> list[Verdict]:
    """The rows of G16."""
    lost = [life.lost_scans * LOOPS for life in lives]
    oldest_s = max(life.oldest_s for life in lives)
    loop_bytes, all_bytes = sum(life.loop_bytes for life in lives), sum(life.all_bytes for life in lives)
    sync = f"a bare fdatasync here: median {statistics.median(syncs):.1f}, p99 {quantile(syncs, 0.99):.1f} ms"
    waiting = f"what waits for the commit of every {commit_s:g} s is in the memory of control alone"
    return [
        Verdict("G16", "samples lost on kill -9 of control: 0", f"{', '.join(map(str, lost))} in {len(lives)} kills", f"{LOOPS / PERIOD_S:.0f} samples/s", not any(lost), waiting if any(lost) else ""),
        Verdict("G16", "<= 1 s lost on power cut (FULL, one commit a second)", f"the newest durable scan was at most {oldest_s:.2f} s old", sync, oldest_s <= 1.0, "" if oldest_s <= 1.0 else "the commit interval, and the commit itself"),
        Verdict("G16", "<= 30 B a sample, with all that replay needs", f"{taken.journal:.1f} B in {taken.samples} samples", f"a row (time, name, value, quality) of SQLite: {taken.rows:.1f} B", taken.journal <= 30.0),
        Verdict("G16", "no commit on the control loop", f"{loop_bytes} bytes to storage from its thread", f"{all_bytes} bytes from the writer's", loop_bytes == 0 < all_bytes),
    ]  # fmt: skip
