"""What the experiments stand on: a served rig, a broker, the two processes, and what can be read of them from outside."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgectl.app.place import Place
from edgectl.model.codec import seal, to_plain
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan, InstrumentPlan, LinePlan, Medium, Plan, Protocol, TagPlan
from edgectl.model.uplink_plan import UplinkPlan
from edgectl.store.reader import Reader
from edgectl.store.record import ScanInput
from edgectl.store.run import steps

ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def python(*arguments: str, prefix: Sequence[str] = ()) -> list[str]:
    """A command of the project's own interpreter."""
    return [*prefix, sys.executable, "-m", *arguments]


@contextlib.contextmanager
def process(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that is gone at the end of the block."""
    child = subprocess.Popen(command, cwd=ROOT, text=True, **options)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(15)
        if child.poll() is None:
            child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()


@contextlib.contextmanager
def served(*arguments: str, prefix: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """A process of the bench that says in its first line where it is."""
    with process(python("hil", *arguments, prefix=prefix), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        answer: dict[str, Any] = json.loads(child.stdout.readline())
        yield answer | {"pid": child.pid}


def may_be_real_time() -> bool:
    """Whether this user may have SCHED_FIFO."""
    return subprocess.run(["chrt", "-f", "50", "true"], capture_output=True, check=False).returncode == 0


def first_in_line() -> tuple[str, ...]:
    """Before a command that plays hardware: a UART waits for no scheduler, so a rig that stands for one does not either, where it may."""
    return ("chrt", "-f", "60") if may_be_real_time() else ()


def loops_rig(count: int) -> str:
    """A rig file: so many Modbus TCP instruments, each with a value to read and an output to write."""
    parts = ['vessel = "demo_2l"\n[[line]]\nname = "tcp"\nframing = "tcp"\n']
    parts += [
        f'[[line.instrument]]\naddress = {unit}\nkind = "modbus-map"\nsources = {{ value = "temperature" }}\n'
        'points = [{ channel = "value", table = "input", address = 0, type = "float32" },'
        ' { channel = "out", table = "holding", address = 0, scale = 0.1 }]\n'
        for unit in range(1, count + 1)
    ]
    return "".join(parts)


def loops_plan(
    count: int, period_s: float, where: dict[str, Any], mqtt_port: int = 0, poll_s: float = 0.1
) -> Plan:
    """Loops from each of these instruments back to it, scanned every ``period_s`` and polled every ``poll_s``."""
    units = range(1, count + 1)
    options = {
        "points": [
            {"name": "value", "table": "input", "address": 0, "type": "float32", "unit": "degC", "low": -50.0, "high": 150.0},
            {"name": "out", "table": "holding", "address": 0, "scale": 0.1, "unit": "%", "low": 0.0, "high": 100.0, "safe": 0.0},
        ]
    }  # fmt: skip
    line = LinePlan(
        "tcp", Medium.TCP, Protocol.MODBUS_TCP, host=where["host"], tcp_port=where["port"], in_flight=8
    )
    return seal(
        Plan(
            unit="BENCH",
            description="",
            period_s=period_s,
            lines=(line,),
            instruments=tuple(InstrumentPlan(f"i{u}", "modbus_map", "tcp", str(u), poll_s, options) for u in units),
            tags=tuple(TagPlan(f"T{u}", f"i{u}.value", "degC", -50.0, 150.0, 0.5, 5.0) for u in units),
            actuators=tuple(ActuatorPlan(f"A{u}", f"i{u}.out", "%", 0.0, 100.0, 0.0, renew_s=5.0) for u in units),
            interlocks=(),
            loops=tuple(
                LoopPlan(
                    f"L{u}", f"T{u}", "degC", (SegmentPlan(f"A{u}", 0.0, 100.0, 0.0, 100.0),),
                    0.0, 100.0, 32.0, 0.0, 100.0, 20.0, 60.0, 0.0,
                )
                for u in units
            ),
            uplink=UplinkPlan(host="127.0.0.1" if mqtt_port else "", port=mqtt_port or 1883),
        )
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Started:
    """A running process of edgectl."""

    child: subprocess.Popen[Any]
    place: Place

    @property
    def pid(self) -> int:
        return self.child.pid

    def cpu_s(self) -> float:
        """Processor time used so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def pss_mib(self) -> float:
        """Proportional set size (smaps_rollup)."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text().split()
        return int(text[text.index("Pss:") + 1]) / 1024


@contextlib.contextmanager
def edgectl(what: str, plan: Plan, folder: Path, *more: str, prefix: Sequence[str] = ()) -> Iterator[Started]:
    """``edgectl control`` or ``edgectl uplink`` on a compiled plan."""
    folder.mkdir(parents=True, exist_ok=True)
    plan_file = folder / "plan.json"
    plan_file.write_text(json.dumps(to_plain(plan)))
    command = python("edgectl", what, "--plan", str(plan_file), "--state", str(folder), *more, prefix=prefix)
    with (folder / f"{what}.log").open("w") as log, process(command, stdout=log, stderr=log) as child:
        yield Started(child, Place(folder))


def wait_for(path: Path, seconds: float = 10.0) -> None:
    """Until a file exists."""
    until = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{path} did not appear")
        time.sleep(0.005)


def scans(journal: Path) -> list[ScanInput]:
    """Every scan of the newest run, as recorded."""
    with Reader(journal) as reader:
        return [step for step in steps(reader, reader.runs()[-1]) if isinstance(step, ScanInput)]


def offsets_us(recorded: Sequence[ScanInput], period_s: float) -> list[float]:
    """How far each scan began from its place on the grid that the first scan set, microseconds, in order.

    A scan knows how many periods it stands for (``dt_s``), so a late one is never taken for an early next one.

    Raises:
        ValueError: the journal has lost scans, and with them their places.
    """
    place, found = 0, []
    for before, scan in itertools.pairwise(recorded):
        if scan.scan != before.scan + 1:
            raise ValueError(f"the journal jumps from scan {before.scan} to {scan.scan}")
        place += round(scan.dt_s / period_s)
        found.append((scan.now.mono_ns - recorded[0].now.mono_ns) / 1e3 - place * period_s * 1e6)
    return found


def lateness_us(offsets: Sequence[float]) -> list[float]:
    """Lateness, sorted. The first scan was late itself, so the earliest of all defines the grid."""
    least = min(offsets)
    return sorted(offset - least for offset in offsets)


def drift_ms_per_min(offsets: Sequence[float], period_s: float) -> float:
    """How fast the scans leave their grid: the earliest of the last quarter beside the earliest of the first."""
    quarter = max(1, len(offsets) // 4)
    minutes = max(1, len(offsets) - quarter) * period_s / 60
    return (min(offsets[-quarter:]) - min(offsets[:quarter])) / 1e3 / minutes


def skipped(recorded: Sequence[ScanInput], period_s: float) -> int:
    """Points of the grid at which nothing was scanned, as the scans themselves say."""
    return sum(round(scan.dt_s / period_s) - 1 for scan in recorded[1:])


def quantile(values: Sequence[float], share: float) -> float:
    """A quantile of sorted values."""
    return values[min(len(values) - 1, int(len(values) * share))]
