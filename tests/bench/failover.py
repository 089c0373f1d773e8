"""G15: how long nobody scans after ``kill -9`` of control under its supervisor, beside a bare start of the interpreter with the same imports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from edgectl.app.supervisor import Supervisor
from edgectl.model.codec import to_plain
from edgectl.store.reader import Reader
from edgectl.store.record import ScanInput
from edgectl.store.run import steps
from tests.bench.stage import loops_plan, loops_rig, served, wait_for
from tests.bench.verdict import Verdict

LOOPS, PERIOD_S, KILLS = 10, 0.1, 5
LEAN = "import asyncio, sqlite3, json"


async def _kill(plan_file: Path, folder: Path) -> list[int]:
    """Kill control so many times under a running supervisor; the moments of it, monotonic."""
    supervisor = Supervisor(plan_file, folder, uplink=False, log=folder / "log", say=lambda _: None)
    stop = asyncio.Event()
    running = asyncio.create_task(supervisor.run(stop))
    marks = []
    for _ in range(KILLS):
        await asyncio.sleep(6.0)  # a process that lived for less is followed by the last will first
        assert supervisor.control.process is not None
        marks.append(time.monotonic_ns())
        os.kill(supervisor.control.process.pid, signal.SIGKILL)
    await asyncio.sleep(3.0)
    stop.set()
    await running
    return marks


def gaps_s() -> list[float]:
    """From each kill to the first scan of the next process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "loops.toml").write_text(loops_rig(LOOPS))
        with served("serve", str(folder / "loops.toml"), "--dir", str(folder / "lines")) as rig:
            plan = loops_plan(LOOPS, PERIOD_S, rig["lines"]["tcp"])
            plan_file = folder / "plan.json"
            plan_file.write_text(json.dumps(to_plain(plan)))
            marks = asyncio.run(_kill(plan_file, folder))
        wait_for(folder / "journal.db")
        with Reader(folder / "journal.db") as reader:
            scans = [
                s.now.mono_ns for run in reader.runs() for s in steps(reader, run) if isinstance(s, ScanInput)
            ]
    return [(min(at for at in scans if at > mark) - mark) / 1e9 for mark in marks]


def _lean_s() -> float:
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", LEAN], check=True)
    return time.monotonic() - begun


def judge() -> list[Verdict]:
    """G15."""
    gaps = gaps_s()
    lean_s = statistics.median(_lean_s() for _ in range(5))
    worst_s, median_s = max(gaps), statistics.median(gaps)
    why = "a start is python, imports, the journal and the snapshot; there is no standby. The instruments' watchdogs and the next start's safe values cover the gap"
    return [
        Verdict(
            "G15", "kill -9 of control to the next scan <= 250 ms by restart",
            f"median {median_s * 1e3:.0f}, worst of {KILLS} {worst_s * 1e3:.0f} ms; {median_s / lean_s:.1f}x lean", f"{LEAN}: {lean_s * 1e3:.0f} ms",
            worst_s <= 0.25, "" if worst_s <= 0.25 else why,
        )
    ]  # fmt: skip
