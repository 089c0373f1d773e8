"""G11-G14: what ten loops at 10 Hz cost, beside the least code that does as much; and how soon it is there."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from edgectl.app.control_socket import Unreachable, ask
from tests.bench.stage import (
    ROOT,
    Started,
    edgectl,
    loops_plan,
    loops_rig,
    process,
    python,
    scans,
    served,
    wait_for,
)
from tests.bench.verdict import Verdict

LOOPS, PERIOD_S = 10, 0.1
LEAN = "import asyncio, sqlite3, json"


class Cost(NamedTuple):
    """Shares of one processor, and memory in MiB."""

    control: float
    uplink: float
    control_mib: float
    uplink_mib: float
    cycle_p50_ms: float
    cycle_p99_ms: float


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
    delays = sorted(cycles_ms(folder / "journal.db"))
    return Cost(shares[0], shares[1], *memory, statistics.median(delays), delays[int(len(delays) * 0.99)])


def cycles_ms(journal: Path) -> list[float]:
    """From asking for a value to the confirmed write that answers it: the poll's start to the scan, the scan to the confirmation."""
    found = []
    for scan, after in zip(recorded := scans(journal)[20:], recorded[1:], strict=False):
        if not scan.samples or not after.achieved:
            continue
        asked = min(sample.at.mono_ns for sample in scan.samples if sample.value is not None)
        written = [a.at.mono_ns for a in after.achieved if a.at.mono_ns > scan.now.mono_ns]
        if written:
            found.append((max(written) - asked) / 1e6)
    return found


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
        Verdict(
            "G12", "read-compute-write: p50 <= 2 ms, p99 <= 5 ms", f"p50 {cost.cycle_p50_ms:.2f}, p99 {cost.cycle_p99_ms:.2f} ms",
            f"floor p50 {anchor['p50_s'] * 1e3:.2f}, p99 {anchor['p99_s'] * 1e3:.2f} ms",
            cost.cycle_p50_ms <= 2.0 and cost.cycle_p99_ms <= 5.0,
        ),
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
            if ask(socket, {"do": "status"})["scan"] > 20:
                return
        except (Unreachable, OSError):
            pass
        time.sleep(0.05)
    raise TimeoutError(f"{socket}: control does not scan")
