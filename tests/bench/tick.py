"""G1-G5: how punctual the scan is, beside cyclictest in the same seconds."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.bench.stage import (
    drift_ms_per_min,
    edgectl,
    lateness_us,
    loops_plan,
    loops_rig,
    may_be_real_time,
    offsets_us,
    process,
    python,
    quantile,
    scans,
    served,
    skipped,
    wait_for,
)
from tests.bench.verdict import Verdict

LOOPS = 10
NO_CYCLICTEST = "cyclictest is missing (rt-tests) or may not run (not root)"
STRESSES = {"cpu": ("--cpu", "4"), "io": ("--io", "2", "--hdd", "1")}


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
        recorded = scans(state / "journal.db")
    settled = offsets_us(recorded, period_s)[int(2.0 / period_s) :]
    late = lateness_us(settled)
    figures = Late(quantile(late, 0.5), quantile(late, 0.999), late[-1])
    return Run(figures, anchor, drift_ms_per_min(settled, period_s), skipped(recorded, period_s))


def judge(seconds: float, wanted: Callable[[str], bool]) -> list[Verdict]:
    """G1 to G5. One run serves several targets where it is the same experiment."""
    if not may_be_real_time():
        why = "SCHED_FIFO is not granted here; run as root or with CAP_SYS_NICE"
        fifo = [Verdict(f"G{n}", "punctual scans", "-", "-", None, why) for n in (1, 4, 5) if wanted(f"G{n}")]
        plain = _plain(seconds) if wanted("G2") else []
        return [*fifo, *plain]
    verdicts = []
    loud = run(0.01, seconds)
    if wanted("G1"):
        verdicts.append(_beside("10 ms, all chores", loud))
        verdicts.append(_beside("100 ms, all chores", run(0.1, seconds)))
        for what, stress in STRESSES.items():
            verdicts.append(_beside(f"10 ms, stress-ng {what}", run(0.01, seconds, stress=stress)))
    verdicts += _plain(seconds) if wanted("G2") else []
    if wanted("G3"):
        verdicts.append(_drift(loud))
    if wanted("G4") or wanted("G5"):
        verdicts += _moved(loud, run(0.01, seconds, busy=False))
    return [verdict for verdict in verdicts if wanted(verdict.target)]


def _plain(seconds: float) -> list[Verdict]:
    plain = run(0.01, seconds, fifo=False)
    claim = "without privileges: p50 <= 1.2x, p99.9 <= 1.5x cyclictest OTHER"
    if plain.anchor is None:
        return [Verdict("G2", claim, str(plain.late), NO_CYCLICTEST, None)]
    good = plain.late.p50 <= 1.2 * plain.anchor.p50 and plain.late.p999 <= 1.5 * plain.anchor.p999
    return [Verdict("G2", claim, str(plain.late), str(plain.anchor), good)]


def _drift(loud: Run) -> Verdict:
    said = f"{loud.drift_ms_per_min:+.2f} ms/min, {loud.skipped} of the grid skipped"
    claim = "drift <= 1 ms a minute, what is skipped is in the scan's dt"
    return Verdict("G3", claim, said, "monotonic clock", abs(loud.drift_ms_per_min) <= 1.0)


def _moved(loud: Run, quiet: Run) -> list[Verdict]:
    ratio, moved_us = loud.late.p999 / quiet.late.p999, loud.late.most - quiet.late.most
    without = f"without: {quiet.late}"
    claim = "20 ms C calls, queries, collections in the uplink move no tick by > 0.3 ms"
    said = f"{ratio:.2f}x ({loud.late})"
    return [
        Verdict("G4", "chores cost: p99.9 <= 2x that without", said, without, ratio <= 2.0),
        Verdict("G5", claim, f"{moved_us:+.0f} us at the worst tick", without, moved_us <= 300.0),
    ]


def _beside(what: str, result: Run) -> Verdict:
    claim = f"{what}: p99.9 <= cyclictest + 0.3 ms, max <= + 0.5 ms"
    if result.anchor is None:
        return Verdict("G1", claim, str(result.late), NO_CYCLICTEST, None)
    good = result.late.p999 <= result.anchor.p999 + 300 and result.late.most <= result.anchor.most + 500
    return Verdict("G1", claim, str(result.late), str(result.anchor), good)
