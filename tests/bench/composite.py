"""G11-G14: what ten loops at 10 Hz cost, beside the least code that does as much; and how soon it is there."""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edgectl.app.control_socket import Unreachable, ask
from edgectl.store.record import ScanInput
from tests.bench.stage import (
    ROOT,
    Started,
    edgectl,
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

LOOPS, PERIOD_S = 10, 0.1
LEAN = "import asyncio, sqlite3, json"


class Cycle(NamedTuple):
    """One value's way to the output, milliseconds: from asking for it to its scan, and from there to the confirmed write."""

    to_scan: float
    to_output: float


class Cost(NamedTuple):
    """Shares of one processor, and memory in MiB."""

    control: float
    uplink: float
    control_mib: float
    uplink_mib: float
    cycles: tuple[Cycle, ...]


def _share(started: Started, before: tuple[float, float]) -> float:
    at, used = before
    return (started.cpu_s() - used) / (time.monotonic() - at)


def ours(seconds: float, rig: dict[str, dict[str, dict[str, object]]], mqtt: int, folder: Path) -> Cost:
    """Both processes, after they have settled."""
    plan = loops_plan(LOOPS, PERIOD_S, rig["lines"]["tcp"], mqtt)
    with edgectl("control", plan, folder) as control, edgectl("uplink", plan, folder) as uplink:
        wait_for(folder / "control.sock")
        time.sleep(3.0)
        marks = [(time.monotonic(), process.cpu_s()) for process in (control, uplink)]
        time.sleep(seconds)
        shares = [_share(process, mark) for process, mark in zip((control, uplink), marks, strict=True)]
        memory = control.pss_mib(), uplink.pss_mib()
    return Cost(shares[0], shares[1], *memory, tuple(cycles(scans(folder / "journal.db")[20:])))


def cycles(recorded: Sequence[ScanInput]) -> Iterator[Cycle]:
    """From asking for the values a scan used to the last confirmed write that answers it."""
    for scan, after in itertools.pairwise(recorded):
        asked = [sample.at.mono_ns for sample in scan.samples if sample.value is not None]
        written = [
            a.at.mono_ns for a in after.achieved if a.value is not None and a.at.mono_ns > scan.now.mono_ns
        ]
        if asked and written:
            yield Cycle((scan.now.mono_ns - min(asked)) / 1e6, (max(written) - scan.now.mono_ns) / 1e6)


def floor(seconds: float, modbus: int, mqtt: int) -> dict[str, float]:
    """The anchor, against the same servers."""
    command = python("tests.bench.floor", str(modbus), str(mqtt), str(seconds))
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    answer: dict[str, float] = json.loads(out)
    return answer


def judge(seconds: float) -> list[Verdict]:
    """G11, G12, G13, G14."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "loops.toml").write_text(loops_rig(LOOPS))
        with (
            served("serve", str(folder / "loops.toml"), "--dir", str(folder / "lines")) as rig,
            served("broker") as broker,
        ):
            anchor = floor(seconds, rig["lines"]["tcp"]["port"], broker["port"])
            cost = ours(seconds, rig, broker["port"], folder / "state")
            start = [_start(folder / f"start{n}", rig, broker["port"]) for n in range(5)]
    lean = statistics.median(_import_s() for _ in range(5))
    tick_s, birth_s = (statistics.median(column) for column in zip(*start, strict=True))
    total = cost.control + cost.uplink
    return [
        Verdict(
            "G11", "CPU of 10 loops at 10 Hz, both processes: <= 2x the floor",
            f"{total / anchor['cpu']:.2f}x (control {cost.control:.1%}, uplink {cost.uplink:.1%})", f"floor {anchor['cpu']:.1%} of a core",
            total <= 2 * anchor["cpu"],
        ),
        _cycle(cost.cycles, anchor),
        Verdict(
            "G13", "PSS: control <= 20 MiB, both <= 45 MiB", f"control {cost.control_mib:.1f}, both {cost.control_mib + cost.uplink_mib:.1f} MiB",
            "smaps_rollup", cost.control_mib <= 20 and cost.control_mib + cost.uplink_mib <= 45,
        ),
        Verdict(
            "G14", "cold start to the first scan <= 2x lean imports; to the first MQTT message <= 0.4 s",
            f"{tick_s / lean:.2f}x lean ({tick_s * 1e3:.0f} ms), MQTT after {birth_s * 1e3:.0f} ms", f"{LEAN}: {lean * 1e3:.0f} ms",
            tick_s <= 2 * lean and birth_s <= 0.4,
        ),
    ]  # fmt: skip


def _cycle(cycles: Sequence[Cycle], anchor: dict[str, float]) -> Verdict:
    """G12. A scan waits for nobody, so values are asked for before it; the rest of the way is said apart."""
    whole, rest = sorted(sum(cycle) for cycle in cycles), sorted(cycle.to_output for cycle in cycles)
    p50, p99 = quantile(whole, 0.5), quantile(whole, 0.99)
    good = p50 <= 2.0 and p99 <= 5.0
    why = "a line asks so long before the scan that its slowest value is there in time, and a write is read back; the floor does neither"
    return Verdict(
        "G12", "read-compute-write: p50 <= 2 ms, p99 <= 5 ms",
        f"p50 {p50:.2f}, p99 {p99:.2f} ms; scan to confirmed write p50 {quantile(rest, 0.5):.2f}, p99 {quantile(rest, 0.99):.2f} ms",
        f"floor, reading when it scans: p50 {anchor['p50_s'] * 1e3:.2f}, p99 {anchor['p99_s'] * 1e3:.2f} ms", good, "" if good else why,
    )  # fmt: skip


def _import_s() -> float:
    begun = time.monotonic()
    subprocess.run([python("x")[0], "-c", LEAN], check=True)
    return time.monotonic() - begun


def _start(folder: Path, rig: dict[str, dict[str, dict[str, object]]], mqtt: int) -> tuple[float, float]:
    """Seconds from exec to the first scan, and to the broker's first acknowledgement of the uplink, both processes starting at once."""
    plan = loops_plan(LOOPS, PERIOD_S, rig["lines"]["tcp"], mqtt)
    with served_birth(mqtt, plan.uplink.topic) as births:
        begun = time.monotonic()
        with edgectl("control", plan, folder), edgectl("uplink", plan, folder):
            birth_s = births(begun)
            _until_scanned(folder / "control.sock")
    return scans(folder / "journal.db")[0].now.mono_ns / 1e9 - begun, birth_s


@contextlib.contextmanager
def served_birth(mqtt: int, topic: str) -> Iterator[Callable[[float], float]]:
    """A subscriber; yields a function that waits for the first message and says how long after ``begun`` it came."""
    with process(
        python("hil", "listen", "127.0.0.1", str(mqtt), f"{topic}/#"), stdout=subprocess.PIPE
    ) as listener:
        assert listener.stdout is not None
        time.sleep(0.5)
        lines = iter(listener.stdout.readline, "")

        def first(begun: float) -> float:
            for line in lines:
                if not json.loads(line)["retain"]:
                    return time.monotonic() - begun
            raise RuntimeError("the broker went away")

        yield first


def _until_scanned(socket: Path) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if ask(socket, {"do": "status"})["scan"] > 0:
                return
        except (Unreachable, OSError):
            pass
        time.sleep(0.05)
    raise TimeoutError(f"{socket}: control does not scan")
