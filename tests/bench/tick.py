"""G1-G5: how punctual the scan is, beside cyclictest in the same seconds."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.stage import (
    edgectl,
    lateness_us,
    loops_plan,
    loops_rig,
    process,
    python,
    quantile,
    scans,
    served,
    wait_for,
)
from tests.bench.verdict import Verdict

LOOPS = 10


class Late(NamedTuple):
    """Lateness in microseconds."""

    p50: float
    p999: float
    most: float

    def __str__(self) -> str:
        return f"p50 {self.p50:.0f}, p99.9 {self.p999:.0f}, max {self.most:.0f} us"


class Run(NamedTuple):
    """One run of control beside cyclictest."""

    late: Late
    anchor: Late | None
    drift_ms_per_min: float
    skipped: int


def may_be_real_time() -> bool:
    """Whether this user may have SCHED_FIFO."""
    return subprocess.run(["chrt", "-f", "50", "true"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def cyclictest(period_s: float, seconds: float, *, fifo: bool, into: Path) -> Iterator[None]:
    """The kernel's own lateness for a C program of the same period, while the block runs; nothing where it is not installed."""
    if shutil.which("cyclictest") is None or os.geteuid() != 0:
        yield
        return
    policy = ["-p", "80", "-m"] if fifo else ["--policy=other"]
    command = [
        "cyclictest",
        "-q",
        "-t1",
        *policy,
        f"-i{int(period_s * 1e6)}",
        f"-D{max(1, int(seconds))}",
        "-h",
        "200000",
    ]
    with into.open("w") as out, process(command, stdout=out) as child:
        yield
        child.wait(seconds + 30)


def read_cyclictest(path: Path) -> Late | None:
    """Its histogram; None if there is none."""
    lines = path.read_text().splitlines() if path.exists() else []
    counts = [(int(a), int(b)) for a, b, *_ in (line.split() for line in lines if line[:1].isdigit())]
    values = [float(value) for value, count in counts for _ in range(count)]
    if not values:
        return None
    said = [float(line.split()[-1]) for line in lines if line.startswith("# Max Latencies")]
    return Late(quantile(values, 0.5), quantile(values, 0.999), max([values[-1], *said]))


def run(
    period_s: float, seconds: float, *, fifo: bool = True, busy: bool = True, stress: tuple[str, ...] = ()
) -> Run:
    """Ten loops scanned every ``period_s``; ``busy`` adds the uplink, its broker and the chores; ``stress`` is for stress-ng."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        rig_file = folder / "loops.toml"
        rig_file.write_text(loops_rig(LOOPS))
        rig = stack.enter_context(served("serve", str(rig_file), "--dir", str(folder / "lines")))
        mqtt = stack.enter_context(served("broker"))["port"] if busy else 0
        plan = loops_plan(LOOPS, period_s, rig["lines"]["tcp"], mqtt, poll_s=max(period_s, 0.1))
        state = folder / "state"
        prefix = () if fifo else ("setpriv", "--bounding-set=-sys_nice,-ipc_lock", "--inh-caps=-all")
        stack.enter_context(edgectl("control", plan, state, prefix=prefix))
        wait_for(state / "control.sock")
        if busy:
            stack.enter_context(edgectl("uplink", plan, state))
            stack.enter_context(process(python("tests.bench.chores")))
        if stress and shutil.which("stress-ng"):
            stack.enter_context(
                process(["stress-ng", "--quiet", *stress, "--timeout", str(int(seconds) + 10)])
            )
        time.sleep(1.5)
        histogram = folder / "cyclictest"
        with cyclictest(period_s, seconds, fifo=fifo, into=histogram):
            time.sleep(seconds)
        anchor = read_cyclictest(histogram)
        stack.close()
        times = [scan.now.mono_ns for scan in scans(state / "journal.db")]
        late = lateness_us(state / "journal.db", period_s, skip_s=2.0)
        count = round((times[-1] - times[0]) / 1e9 / period_s)
        first, last = (
            min((t - times[0]) / 1e6 % (period_s * 1e3) for t in part) for part in (times[:50], times[-50:])
        )
        minutes = (times[-1] - times[0]) / 60e9
        figures = Late(quantile(late, 0.5), quantile(late, 0.999), late[-1])
        return Run(figures, anchor, (last - first) / minutes, count - (len(times) - 1))


def judge(seconds: float) -> list[Verdict]:
    """G1 to G5."""
    if not may_be_real_time():
        why = "SCHED_FIFO is not granted here; run as root or with CAP_SYS_NICE"
        return [Verdict(f"G{n}", "punctual scans", "-", "-", None, why) for n in range(1, 6)]
    verdicts = []
    for period_s in (0.01, 0.1):
        verdicts.append(_beside("G1", f"{period_s * 1e3:.0f} ms, all chores", run(period_s, seconds)))
    quiet = run(0.01, seconds, busy=False)
    loud = run(0.01, seconds)
    verdicts.append(_beside("G1", "10 ms, stress-ng cpu", run(0.01, seconds, stress=("--cpu", "4"))))
    verdicts.append(
        _beside("G1", "10 ms, stress-ng io", run(0.01, seconds, stress=("--io", "2", "--hdd", "1")))
    )
    plain = run(0.01, seconds, fifo=False)
    if plain.anchor:
        good = plain.late.p50 <= 1.2 * plain.anchor.p50 and plain.late.p999 <= 1.5 * plain.anchor.p999
        claim = "without privileges: p50 <= 1.2x, p99.9 <= 1.5x cyclictest OTHER"
        verdicts.append(Verdict("G2", claim, str(plain.late), str(plain.anchor), good))
    drift = max((quiet, loud), key=lambda r: abs(r.drift_ms_per_min))
    claim = "drift <= 1 ms a minute, no scan skipped in silence"
    said = f"{drift.drift_ms_per_min:+.2f} ms/min, {drift.skipped} of the grid skipped"
    verdicts.append(Verdict("G3", claim, said, "monotonic clock", abs(drift.drift_ms_per_min) <= 1.0))
    ratio = loud.late.p999 / quiet.late.p999
    verdicts.append(
        Verdict(
            "G4",
            "chores cost: p99.9 <= 2x that without",
            f"{ratio:.2f}x ({loud.late})",
            f"without: {quiet.late}",
            ratio <= 2.0,
        )
    )
    moved = loud.late.most - quiet.late.most
    claim = "20 ms C calls, queries, collections in the uplink move no tick by > 0.3 ms"
    verdicts.append(
        Verdict("G5", claim, f"{moved:+.0f} us at the worst tick", "the run without", moved <= 300.0)
    )
    return verdicts


def _beside(target: str, what: str, result: Run) -> Verdict:
    claim = f"{what}: p99.9 <= cyclictest + 0.3 ms, max <= + 0.5 ms"
    if result.anchor is None:
        return Verdict(target, claim, str(result.late), "cyclictest is not installed (rt-tests)", None)
    good = result.late.p999 <= result.anchor.p999 + 300 and result.late.most <= result.anchor.most + 500
    return Verdict(target, claim, str(result.late), str(result.anchor), good)
