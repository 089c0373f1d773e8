"""Process and host: P01 to P13."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from hil.campaign import oracle
from hil.campaign.bed import BUS, STILL, WALL
from hil.campaign.child import Child, children, lives
from hil.campaign.look import poured
from hil.campaign.row import Absent, Finding, Row
from hil.campaign.service import Service
from hil.campaign.stage import PYTHON

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_DOSING = ("co2_ml_min", "base_ml_min", "o2_ml_min", "feed_ml_min")


def _killed(stage: Stage) -> Finding:
    pid = stage.process("control")
    os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    safe_s = stage.until(lambda: stage.outputs()["heater_enabled"] == 0.0, 40.0) / stage.bed.clock
    stage.await_control()
    back_s = time.monotonic() - begun
    stage.await_health()
    return Finding(
        f"safe values on the wire {safe_s:.1f} s, all loops in control {back_s:.1f} s of the wall after the kill",
        back_s <= 10.0 and safe_s <= 5.0 and stage.process("control") != pid,
    )


def _terminated(stage: Stage) -> Finding:
    """What was delivered is on the ledger of the next run, which finds the pH as it should be."""
    stage.start()
    stage.order("still", readings={"ph": 7.10})
    flowed = poured(stage, "base_ml_min", 90.0)
    assert stage.unit is not None
    begun = time.monotonic()
    stage.unit.process.send_signal(signal.SIGTERM)
    flowed += poured(stage, "base_ml_min", 60.0, lambda: not stage.runs())
    code = stage.stop_unit()
    took_s = time.monotonic() - begun
    outputs = stage.outputs()
    running = [name for name in (*_DOSING, "heater_enabled") if outputs[name] > 0.5]
    ended = stage.journal.events(0, kind="process", after="stopped")
    stage.mend()
    stage.start_unit()
    stage.until(lambda: stage.status()["scan"] > 0, 240.0)
    counted = float(stage.status()["doses"]["P-101"]["batch"])
    return Finding(
        f"exit {code} after {took_s:.1f} s of the wall; still running: {running or 'none'}; {flowed:.3f} mL flowed, {counted:.3f} mL on record",
        flowed > 0.0
        and abs(counted - flowed) <= 0.02 * flowed
        and code == 0
        and took_s <= 10.0
        and not running
        and bool(ended),
    )


def _blocked(stage: Stage) -> Finding:
    stage.start_bench()
    stage.start_broker()
    stage.start_unit({"uplink.port": "1"})
    stage.await_health()
    stage.stop_unit()
    with Service(stage) as service:
        stage.await_health()
        before = stage.outputs()
        os.kill(service.control.pid, signal.SIGSTOP)
        time.sleep(3.0)
        os.kill(service.control.pid, signal.SIGCONT)
        time.sleep(1.5)
        after, skipped = stage.outputs(), stage.status()["skipped_scans"]
        step = abs(after["jacket_setpoint_c"] - before["jacket_setpoint_c"]) / 17.0
        survived = not service.kills
        stage.await_health()
        os.kill(service.control.pid, signal.SIGSTOP)
        stage.until(lambda: service.kills, 15.0)
        killed_at, silent_s = service.kills[-1] if service.kills else (math.inf, math.inf)
        stage.await_control()
        back_s = time.monotonic() - killed_at
        stage.await_health()
    return Finding(
        f"3 s: {skipped} scans told as skipped, step {step:.1%} of span; 10 s: killed after {silent_s:.1f} s of silence, in control {back_s:.1f} s later",
        survived and skipped >= 2 and step < 0.05 and 4.0 <= silent_s <= 6.0 and back_s <= 10.0,
        "the campaign plays systemd",
    )


def _starved(stage: Stage) -> Finding:
    stage.start()
    before = stage.status()
    hogs = [Child((sys.executable, "-c", "while True: pass")) for _ in range(4)]

    def starve() -> None:
        stage.sleep(60.0)
        for hog in hogs:
            hog.end(signal.SIGKILL)

    complaint = oracle.over(stage, starve, "U9")
    after = stage.status()
    scans, skipped = after["scan"] - before["scan"], after["skipped_scans"] - before["skipped_scans"]
    return Finding(
        f"{skipped} of {scans} scans missed, {after['late_scans'] - before['late_scans']} late{'; ' if complaint else ''}{complaint}",
        skipped == 0 and not complaint,
        "memory pressure is not made on a shared machine",
    )


def _fails_at_start(stage: Stage) -> Finding:
    """A folder where the lock file should be: control cannot start, whatever it tries."""
    stage.start()
    lock = stage.home / "control.lock"
    lock.unlink()
    lock.mkdir()
    os.kill(stage.process("control"), signal.SIGKILL)
    stage.until(lambda: stage.outputs()["heater_enabled"] == 0.0, 60.0)
    energised, begun = 0, time.monotonic()
    tries: set[int] = set()
    while time.monotonic() < begun + 40.0:
        outputs = stage.outputs()
        energised += any(outputs[name] > 0.5 for name in (*_DOSING, "heater_enabled"))
        tries |= _pids(stage)
        time.sleep(0.05)
    lock.rmdir()
    back_s = stage.until(lambda: not stage.ailing(), 240.0) / stage.bed.clock
    return Finding(
        f"{len(tries)} starts in 40 s, outputs energised in {energised} looks; in control {back_s:.1f} s after the cause was removed",
        3 <= len(tries) <= 30 and not energised and back_s <= 15.0,
    )


def _pids(stage: Stage) -> set[int]:
    assert stage.unit is not None
    found = children(stage.unit.pid).get("control")
    return set() if found is None else {found}


def _second(stage: Stage) -> Finding:
    """The first one is stopped for a moment, so that every byte on the lines would be the second one's; and who would kill it for that."""
    assert stage.unit is not None
    pid, keeper = stage.process("control"), stage.unit.pid
    for number in (keeper, pid):
        os.kill(number, signal.SIGSTOP)
    try:
        time.sleep(0.3)
        before = stage.order("counts")["counts"]
        words = ("--plan", str(stage.home / "plan" / "current"), "--state", str(stage.home))
        second = Child((*PYTHON, "edgectl", "control", *words), log=stage.folder / "second.log")
        with contextlib.suppress(subprocess.TimeoutExpired):
            second.process.wait(10.0)
        after = stage.order("counts")["counts"]
        code = second.end()
    finally:
        os.kill(pid, signal.SIGCONT)
        time.sleep(1.5)  # until it has given a sign of life
        os.kill(keeper, signal.SIGCONT)
    sent = sum(after[name].get("requests", 0) - counts.get("requests", 0) for name, counts in before.items())
    said = (stage.folder / "second.log").read_text().strip()
    return Finding(f"{sent} requests, exit {code}: {said[-90:]}", sent == 0 and code == 4 and lives(pid))


ROWS: tuple[Row | Absent, ...] = (
    Row("P01", "SIGKILL of control", "loops in control <= 10 s; safe values first (the contactor waits its minimum off time)", STILL, _killed, back_s=45.0, waived={"U4": "scans are missed while it is dead"}, alone=True),
    Row("P02", "SIGTERM while base is dosed", "exit <= 10 s; outputs safe; delivered amount on record within 2 %", STILL, _terminated, own=True),
    Row("P06", "Process blocked 3 s, then 10 s", "3 s: told, step < 5 % of span; 10 s: killed at Tk 5 s +/- 1 s after the last ping, in control <= 10 s", WALL, _blocked, own=True, alone=True),
    Row("P07", "CPU starved by 4 busy processes", "missed periods < 0.1 % (0 of some 300, at a period of 200 ms)", BUS, _starved, own=True, alone=True),
    Absent("P08", "72 h soak", "takes 72 h: not part of this campaign"),
    Row("P09", "Fails at start again and again", "outputs safe throughout; tries with back-off for good; recovers (ten starts scaled to 40 s)", STILL, _fails_at_start, own=True),
    Absent("P11", "Kernel or host hangs", "cannot be injected on this bench: no hardware watchdog; W01 judges the outputs"),
    Row("P12", "Second instance started", "0 requests by it; refused (well again with the contactor's 30 s off)", STILL, _second, back_s=45.0, waived={"U4": "the first one is stopped for a second"}),
)  # fmt: skip
