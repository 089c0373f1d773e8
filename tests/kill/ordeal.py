"""What is done to the unit, and how long its outputs then take to be safe without any help from the process it was done to."""

from __future__ import annotations

import contextlib
import math
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.kill.unit import SAFE, STOOD, Safe, Unit


@dataclass
class Ordeal:
    """All runs of one fault: when each output was safe and by what, and what else was seen."""

    name: str
    limit_s: dict[str, float]
    runs: list[dict[str, Safe]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def moved(self, output: str) -> list[Safe]:
        """The runs in which the output did not stand at its safe value when it happened."""
        return [run[output] for run in self.runs if run[output].by != STOOD]

    def worst(self, output: str) -> float:
        return max((safe.after_s for safe in self.moved(output)), default=0.0)

    @property
    def worst_s(self) -> float:
        return max((self.worst(name) for name in self.limit_s), default=math.nan)

    @property
    def median_s(self) -> float:
        whole = sorted(max(run[name].after_s for name in self.limit_s) for run in self.runs)
        return whole[len(whole) // 2] if whole else math.nan

    @property
    def passed(self) -> bool:
        return bool(self.runs) and all(self.worst(name) <= limit for name, limit in self.limit_s.items())


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
) -> dict[str, Safe]:
    """When outputs were safe, once all with a limit have got there or had long enough."""
    end_s = fault_s + max(limit_s.values()) + patience_s
    wills: list[float] = []
    while True:
        if unit.will_at_work():
            wills.append(time.monotonic())
        found = unit.witness.safe_since(fault_s, wills)
        if time.monotonic() > end_s or all(found[name].after_s < math.inf for name in limit_s):
            return found
        time.sleep(0.2)


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
    ordeal = Ordeal("kill -9 at random moments", within(TW_S))
    for number in range(runs):
        if number % 5:
            _drive(unit, number, heated=False)
            time.sleep(chance.uniform(0.0, 8.0))
        else:
            time.sleep(chance.uniform(0.0, 0.6))
        unit.witness.seen.clear()
        fault_s = unit.send(signal.SIGKILL)
        ordeal.runs.append(_settle(unit, fault_s, ordeal.limit_s))
    return ordeal


def freeze(unit: Unit, runs: int, seconds: float) -> Ordeal:
    """SIGSTOP: every thread stands still, the ports stay open and locked. Killed after Tk, then the last will."""
    ordeal = Ordeal(f"SIGSTOP {seconds:g} s", within(TW_S))
    for number in range(runs):
        _drive(unit, number)
        time.sleep(2.0)
        unit.witness.seen.clear()
        pid = unit.control()
        fault_s = unit.send(signal.SIGSTOP, pid)
        killed_s = _gone(pid, fault_s + TW_S)
        ordeal.runs.append(_settle(unit, fault_s, ordeal.limit_s))
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


def block(unit: Unit, runs: int) -> Ordeal:
    """The event loop blocked for good, while every other thread of the process goes on."""
    ordeal = Ordeal("event loop blocked", within(TW_S))
    for number in range(runs):
        _drive(unit, number)
        time.sleep(2.0)
        unit.witness.seen.clear()
        pid = unit.control()
        fault_s = unit.send(signal.SIGUSR2, pid)
        killed_s = _gone(pid, fault_s + TW_S)
        ordeal.runs.append(_settle(unit, fault_s, ordeal.limit_s))
        ordeal.notes.append(f"killed after {killed_s - fault_s:.1f} s")
    return ordeal


def stall(unit: Unit, runs: int) -> Ordeal:
    """The event loop blocked for 3 s, then on: the same process regulates, and no output steps."""
    ordeal = Ordeal("event loop blocked 3 s", {})
    for number in range(runs):
        _drive(unit, number)
        time.sleep(4.0)
        pid = unit.control()
        unit.witness.seen.clear()
        since_s = unit.send(signal.SIGUSR1, pid) + 3.0
        time.sleep(8.0)
        status = unit.status()
        assert status is not None
        assert unit.control() == pid, "3 s are no reason to kill"
        step = unit.witness.worst_step(since_s)
        ordeal.runs.append(dict.fromkeys(SAFE, Safe(0.0, STOOD)))
        ordeal.notes.append(
            f"step {100 * step:.1f} % of span, {status['late_scans']} scans late, {status['skipped_scans']} skipped so far"
        )
        assert step < 0.05, ordeal.notes[-1]
    return ordeal


def unplug(unit: Unit, runs: int) -> Ordeal:
    """The adapter of the line with heater, jacket and stirrer is pulled: only the instruments themselves can act."""
    ordeal = Ordeal("adapter unplugged", GUARDED)
    for number in range(runs):
        _drive(unit, number)
        time.sleep(3.0)
        unit.witness.seen.clear()
        fault_s = time.monotonic()
        unit.bench_says("fault", target="utility", verb="unplug")
        ordeal.runs.append(_settle(unit, fault_s, ordeal.limit_s))
        unit.bench_says("clear", target="utility")
    return ordeal


def abandon(unit: Unit, runs: int) -> Ordeal:
    """Supervisor and control both stand still: as if the whole computer did. What has no watchdog keeps its last value."""
    ordeal = Ordeal("computer hangs", GUARDED)
    for number in range(runs):
        _drive(unit, number)
        time.sleep(3.0)
        unit.witness.seen.clear()
        pid = unit.control()
        assert unit.supervisor is not None
        unit.send(signal.SIGSTOP, unit.supervisor.pid)
        fault_s = unit.send(signal.SIGSTOP, pid)
        ordeal.runs.append(_settle(unit, fault_s, ordeal.limit_s))
        still = [name for name, safe in ordeal.runs[-1].items() if safe.after_s == math.inf]
        ordeal.notes.append(f"kept their last value: {', '.join(still) or 'none'}")
        unit.send(signal.SIGCONT, unit.supervisor.pid)
    return ordeal


def cuts(unit: Unit, runs: int, chance: random.Random) -> Ordeal:
    """W03: the whole computer goes away three times in 10 s and comes back after 0.2 to 2 s; instruments keep their power."""
    ordeal = Ordeal("three power cuts in 10 s", within(20.0))
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
        ordeal.runs.append(_settle(unit, fault_s, ordeal.limit_s))
    return ordeal


def table(ordeals: list[Ordeal]) -> str:
    """Time from fault to safe output, measured at the emulated instruments: worst of all runs, and what made it safe."""
    lines = ["| fault | runs | median | worst | limit | verdict |", "|---|---|---|---|---|---|"]
    for ordeal in ordeals:
        limit = max(ordeal.limit_s.values(), default=math.nan)
        figures = (
            f"{ordeal.median_s:.2f} s | {ordeal.worst_s:.2f} s | {limit:g} s"
            if ordeal.limit_s
            else "- | - | -"
        )
        verdict = "ok" if ordeal.passed else "FAILED"
        lines.append(f"| {ordeal.name} | {len(ordeal.runs)} | {figures} | {verdict} |")
    if judged := [ordeal for ordeal in ordeals if ordeal.limit_s]:
        names = " | ".join(ordeal.name for ordeal in judged)
        lines += ["", f"| output | {names} |", "|---" * (len(judged) + 1) + "|"]
        lines += [f"| {name} | " + " | ".join(_cell(one, name) for one in judged) + " |" for name in SAFE]
        lines += [
            "",
            "Worst of so many runs in which the output was away from its safe value, and what made it safe.",
            "",
        ]
    lines += [f"{ordeal.name}: {note}" for ordeal in ordeals for note in dict.fromkeys(ordeal.notes)]
    return "\n".join(lines)


def _cell(ordeal: Ordeal, output: str) -> str:
    moved = ordeal.moved(output)
    if not moved:
        return STOOD
    worst = ordeal.worst(output)
    count = Counter(safe.by for safe in moved if safe.after_s < math.inf)
    by = ", ".join(f"{who} {number}" for who, number in count.most_common())
    figure = "keeps its last value" if worst == math.inf else f"{worst:.2f} s"
    return f"{figure} of {len(moved)}" + (f" ({by})" if by else "")
