"""Faults inside the process: P03 to P05, P10, P13. A saboteur that Python imports at its start breaks one function of the unit."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import time
from typing import TYPE_CHECKING

from hil.campaign import oracle
from hil.campaign.bed import STILL, WALL
from hil.campaign.child import lives
from hil.campaign.look import loop, told
from hil.campaign.row import Finding, Row
from hil.campaign.saboteur import Saboteur

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_LAW, _POLL = "edgectl.core.loop:move", "edgectl.control.poller:poll"
_SCAN = "edgectl.control.executive:Executive._scan"


def _another(stage: Stage, pid: int, seconds: float) -> float:
    """Seconds of the wall until another control process is there."""
    return stage.until(lambda: stage.process("control") != pid, seconds * stage.bed.clock) / stage.bed.clock


def _no_memory(stage: Stage) -> Finding:
    """The process may have no more address space than it has: its next larger wish fails."""
    stage.start()
    pid = stage.process("control")
    size = stage.resources().size_kb * 1024
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
    for _ in range(40):  # large answers are large wishes
        stage.glance()
        time.sleep(0.05)
    gone_s = stage.until(lambda: not lives(pid), 20.0)
    survived = math.isinf(gone_s)
    if survived:
        os.kill(pid, signal.SIGKILL)  # as the kernel does when a group has no memory left
    back_s = stage.await_control()
    stage.await_health()
    return Finding(
        f"{'went on without more memory, then killed' if survived else 'ended by itself'}; in control {back_s:.1f} s of the wall later",
        back_s <= 10.0 and stage.process("control") != pid,
        "no memory control group here: the address space is limited, and what survives that is killed",
    )


def _one_law(stage: Stage) -> Finding:
    saboteur = Saboteur(stage.folder, _LAW)
    stage.start(env=saboteur.env)
    last, pid, took = stage.journal.last(), stage.process("control"), []

    def sabotage() -> None:
        saboteur.order(_LAW, "raise", "AIC-102")
        took.append(stage.until(lambda: loop(stage, "AIC-102")["condition"] == "fallback", 10.0))
        stage.sleep(6.0)
        others = [name for name in ("TIC-101", "AIC-101") if loop(stage, name)["condition"] != "regulating"]
        took.append(math.inf if others else 0.0)
        saboteur.order()
        stage.until(lambda: loop(stage, "AIC-102")["condition"] == "regulating", 30.0)

    complaint = oracle.over(stage, sabotage)
    events = told(stage, last, kind="loop", subject="AIC-102")
    named = [event.body["reason"] for event in events if "sabotage" in event.body["reason"]]
    o2 = stage.outputs()["o2_ml_min"]
    return Finding(
        f"fallback after {took[0]:.1f} s, told as '{named[0][:60] if named else ''}', O2 {o2:.0f} mL/min; back by itself; "
        f"{'the same process' if stage.process('control') == pid else 'ANOTHER process'}{complaint and '; '}{complaint}",
        took[0] <= 3.0 and not took[1] and bool(named) and stage.process("control") == pid and not complaint,
    )


def _background(stage: Stage) -> Finding:
    saboteur = Saboteur(stage.folder, _POLL)
    stage.start(env=saboteur.env)
    pid, last = stage.process("control"), stage.journal.last()
    saboteur.order(_POLL, "raise", "do1")
    ended_s = _another(stage, pid, 20.0)
    saboteur.order()
    back_s = stage.await_control()
    stage.await_health()
    named = [event for event in stage.journal.events(last) if "sabotage" in event.body["reason"]]
    return Finding(
        f"another process after {ended_s:.1f} s of the wall, {len(named)} events name the exception, in control {back_s:.1f} s later",
        ended_s <= 5.0 and bool(named) and back_s <= 10.0,
    )


def _stalled(stage: Stage) -> Finding:
    """First one line's task stands while everything else goes on; then the whole process, in the middle of a scan."""
    saboteur = Saboteur(stage.folder, _POLL, _SCAN)
    stage.start(env=saboteur.env)
    times, backs = [], []
    for target, about in ((_POLL, "do1"), (_SCAN, "")):
        pid = stage.process("control")
        saboteur.order(target, "stand", about)
        times.append(stage.until(lambda pid=pid: not lives(pid), 30.0))  # type: ignore[misc]
        saboteur.order()
        backs.append(stage.await_control())
        stage.await_health()
    return Finding(
        f"one task stands: the process ends after {times[0]:.1f} s; the scan stands: after {times[1]:.1f} s; in control "
        f"{backs[0]:.1f} s and {backs[1]:.1f} s later",
        max(times) <= 5.0 + 1.0 + 1.0 and max(backs) <= 10.0,
        "pings come once a second, so 5 s of silence begin up to 1 s late",
    )


def _other_format(stage: Stage) -> Finding:
    """The same state is read by the next version; then one of a format it does not know."""
    stage.start()
    stage.request("setpoint", "TIC-101", 36.4)
    stage.request("batch", stage.bed.unit, "B-77")
    stage.sleep(2.0)
    stage.stop_unit()
    stage.start_unit()
    stage.await_health()
    same = loop(stage, "TIC-101")["target"], stage.status()["unit_state"]["batch"]
    stage.stop_unit()
    saved = stage.home / "state.json"
    head, _, rest = saved.read_text().partition("\n")
    saved.write_text(json.dumps({**json.loads(head), "format": 999}) + "\n" + rest)
    stage.start_unit()
    stage.until(lambda: stage.status()["scan"] > 10, 60.0)
    stage.sleep(8.0)
    held = stage.status()["held"]
    outputs = stage.outputs()
    running = [n for n in ("heater_enabled", "base_ml_min", "co2_ml_min", "o2_ml_min") if outputs[n] > 0.5]
    return Finding(
        f"the same format: set point {same[0]:g} degC, batch {same[1]}; format 999: held, '{held[:80]}', running: {running or 'none'}",
        same == (36.4, "B-77") and "999" in held and not running,
    )


_NO_REPLAY = {"U10": "the exception is not among the recorded inputs, so replay decides otherwise"}

ROWS = (
    Row("P03", "Memory limit hit", "ends and is started again; in control <= 10 s (P01)", STILL, _no_memory, own=True, alone=True),
    Row("P04", "Exception in one loop", "that loop alone in fallback <= 3 Tc, told; U4; back by itself", STILL, _one_law, own=True, waived=_NO_REPLAY),
    Row("P05", "Exception in a background task", "on record <= 5 s; process replaced, in control <= 10 s", STILL, _background, own=True, alone=True),
    Row("P10", "Upgrade mid-batch: state of the same and of an unknown format", "set points and batch identical; unknown format refused by name, outputs safe", STILL, _other_format, own=True),
    Row("P13", "One task stands, or the whole process, though it lives", "ended <= Tk 5 s + Tc 1 s + one ping; in control <= 10 s", WALL, _stalled, own=True, waived=_NO_REPLAY, alone=True),
)  # fmt: skip
