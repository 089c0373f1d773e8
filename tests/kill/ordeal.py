"""What is done to the unit, and how long its outputs then take to be safe without any help from the process it was done to."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import time
from dataclasses import dataclass, field

from tests.kill.unit import SAFE, Unit


@dataclass
class Ordeal:
    """All runs of one fault: times of each output until it was safe (s), and what else was seen."""

    name: str
    helper: str
    limit_s: dict[str, float]
    times: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def worst(self, output: str) -> float:
        return max((run[output] for run in self.times), default=math.nan)

    @property
    def worst_s(self) -> float:
        return max((self.worst(name) for name in self.limit_s), default=math.nan)

    @property
    def median_s(self) -> float:
        whole = sorted(max(run[name] for name in self.limit_s) for run in self.times)
        return whole[len(whole) // 2] if whole else math.nan

    @property
    def passed(self) -> bool:
        return bool(self.times) and all(self.worst(name) <= limit for name, limit in self.limit_s.items())


ALL = tuple(SAFE)
TW_S = 10.0  # no actuator longer than this without control
GUARDED = {
    "heater_enabled": 31.0,
    "jacket_setpoint_c": 6.0,
}  # behind a relay that opens by itself; SP1 of the jacket


def within(seconds: float) -> dict[str, float]:
    """One limit for every output."""
    return dict.fromkeys(ALL, seconds)


def _settle(
    unit: Unit, fault_s: float, limit_s: dict[str, float], patience_s: float = 3.0
) -> dict[str, float]:
    """Times to safe, once all outputs with a limit have got there or had long enough."""
    end_s = fault_s + max(limit_s.values()) + patience_s
    while time.monotonic() < end_s:
        times = unit.witness.times_to_safe(fault_s)
        if all(times[name] < math.inf for name in limit_s):
            return times
        time.sleep(0.1)
    return unit.witness.times_to_safe(fault_s)


def _drive(unit: Unit, number: int, *, heated: bool = True) -> None:
    """Feed by hand, and ask for more acid or more base in turn, so that every output has been away from its safe value."""
    unit.until_driven(heated=heated)
    with contextlib.suppress(
        Exception
    ):  # control may be dying of the fault before; then it keeps what it had
        unit.asks("output", "P-102", 2.0)
        unit.asks("setpoint", "AIC-101", 7.0 if number % 2 else 7.4)


def kill(unit: Unit, runs: int, chance: random.Random) -> Ordeal:
    """kill -9 at any moment of the life of a control process: 0 to 8 s after its outputs are driven, or (every fifth) while it starts."""
    ordeal = Ordeal("kill -9, random moments", "next start, or last will if it was young", within(TW_S))
    for number in range(runs):
        if number % 5:
            _drive(unit, number, heated=False)
            time.sleep(chance.uniform(0.0, 8.0))
        else:
            time.sleep(chance.uniform(0.0, 0.6))
        unit.witness.seen.clear()
        fault_s = unit.send(signal.SIGKILL)
        ordeal.times.append(_settle(unit, fault_s, ordeal.limit_s))
    return ordeal


def freeze(unit: Unit, runs: int, seconds: float) -> Ordeal:
    """SIGSTOP: every thread stands still, the ports stay open and locked. Killed after Tk, then the last will."""
    ordeal = Ordeal(f"SIGSTOP {seconds:g} s", "supervisor kills after 5 s, last will", within(TW_S))
    for number in range(runs):
        _drive(unit, number)
        time.sleep(2.0)
        unit.witness.seen.clear()
        pid = unit.control()
        fault_s = unit.send(signal.SIGSTOP, pid)
        killed_s = _gone(pid, fault_s + TW_S)
        ordeal.times.append(_settle(unit, fault_s, ordeal.limit_s))
        ordeal.notes.append(f"killed after {killed_s - fault_s:.1f} s")
        time.sleep(max(0.0, fault_s + seconds - time.monotonic()))
        unit.send(signal.SIGCONT, pid)
    return ordeal


def _gone(pid: int, until_s: float) -> float:
    while time.monotonic() < until_s:
        try:
            with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    break
        except OSError:
            break
        time.sleep(0.02)
    return time.monotonic()


def stall(unit: Unit, runs: int) -> Ordeal:
    """SIGSTOP for 3 s, then on: the nearest thing to a blocked event loop that can be done from outside. The same process goes on."""
    ordeal = Ordeal("blocked 3 s", "nobody needs to: leases hold, the step is bounded", {})
    for number in range(runs):
        _drive(unit, number)
        time.sleep(4.0)
        pid = unit.control()
        unit.send(signal.SIGSTOP, pid)
        time.sleep(3.0)
        unit.witness.seen.clear()
        since_s = time.monotonic()
        unit.send(signal.SIGCONT, pid)
        time.sleep(5.0)
        status = unit.status()
        assert status is not None
        assert unit.control() == pid, "3 s are no reason to kill"
        step = unit.witness.worst_step(since_s)
        ordeal.times.append(dict.fromkeys(SAFE, 0.0))
        ordeal.notes.append(
            f"step {100 * step:.1f} % of span, {status['late_scans']} scans late, {status['skipped_scans']} skipped so far"
        )
        assert step < 0.05, ordeal.notes[-1]
    return ordeal


def unplug(unit: Unit, runs: int) -> Ordeal:
    """The adapter of the line with heater, jacket and stirrer is pulled: only the instruments themselves can act."""
    ordeal = Ordeal("adapter unplugged", "instrument watchdogs: relay 30 s, jacket 5 s", GUARDED)
    for number in range(runs):
        _drive(unit, number)
        time.sleep(3.0)
        unit.witness.seen.clear()
        fault_s = time.monotonic()
        unit.bench_says("fault", target="utility", verb="unplug")
        ordeal.times.append(_settle(unit, fault_s, ordeal.limit_s))
        unit.bench_says("clear", target="utility")
    return ordeal


def abandon(unit: Unit, runs: int) -> Ordeal:
    """Supervisor and control both stand still: as if the whole computer did. What has no watchdog keeps its last value."""
    ordeal = Ordeal("computer hangs", "instrument watchdogs: relay 30 s, jacket 5 s", GUARDED)
    for number in range(runs):
        _drive(unit, number)
        time.sleep(3.0)
        unit.witness.seen.clear()
        pid = unit.control()
        assert unit.supervisor is not None
        unit.send(signal.SIGSTOP, unit.supervisor.pid)
        fault_s = unit.send(signal.SIGSTOP, pid)
        ordeal.times.append(_settle(unit, fault_s, ordeal.limit_s))
        still = [name for name, value in unit.witness.now().items() if ordeal.times[-1][name] == math.inf]
        ordeal.notes.append(f"kept their last value: {', '.join(still) or 'none'}")
        unit.send(signal.SIGCONT, unit.supervisor.pid)
    return ordeal


def cuts(unit: Unit, runs: int, chance: random.Random) -> Ordeal:
    """W03: the whole computer goes away three times in 10 s and comes back after 0.2 to 2 s; instruments keep their power."""
    ordeal = Ordeal("three cuts in 10 s", "next start (from when the computer is back)", within(20.0))
    for number in range(runs):
        _drive(unit, number)
        for _ in range(3):
            pid = unit.control()
            assert unit.supervisor is not None
            os.kill(unit.supervisor.pid, signal.SIGKILL)
            unit.send(signal.SIGKILL, pid)
            unit.supervisor.wait()
            time.sleep(chance.uniform(0.2, 2.0))
            unit.witness.seen.clear()
            fault_s = time.monotonic()
            unit.start()
            time.sleep(chance.uniform(0.2, 1.0))
        ordeal.times.append(_settle(unit, fault_s, ordeal.limit_s))
    return ordeal


def table(ordeals: list[Ordeal]) -> str:
    """Time from fault to safe output, measured at the emulated instruments: worst of all runs, each output by itself."""
    lines = [
        "| fault | runs | median | worst | limit | verdict | made safe by |",
        "|---|---|---|---|---|---|---|",
    ]
    for ordeal in ordeals:
        limit = max(ordeal.limit_s.values(), default=math.nan)
        figures = (
            f"{ordeal.median_s:.2f} s | {ordeal.worst_s:.2f} s | {limit:g} s"
            if ordeal.limit_s
            else "- | - | -"
        )
        verdict = "ok" if ordeal.passed else "FAILED"
        lines.append(f"| {ordeal.name} | {len(ordeal.times)} | {figures} | {verdict} | {ordeal.helper} |")
    lines += [
        "",
        "| output | " + " | ".join(o.name for o in ordeals) + " |",
        "|---" * (len(ordeals) + 1) + "|",
    ]
    for name in SAFE:
        cells = (_cell(ordeal, name) for ordeal in ordeals)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [f"{ordeal.name}: {note}" for ordeal in ordeals for note in dict.fromkeys(ordeal.notes)]
    return "\n".join(lines)


def _cell(ordeal: Ordeal, output: str) -> str:
    if not ordeal.limit_s:
        return "-"
    worst = ordeal.worst(output)
    return "never" if worst == math.inf else f"{worst:.2f} s"
