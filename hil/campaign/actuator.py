"""Actuators and dosing: A01 to A14."""

from __future__ import annotations

import math
import os
import signal
from typing import TYPE_CHECKING

from hil.campaign.bed import CULTURE, STILL
from hil.campaign.look import acts, calls, loop, told
from hil.campaign.row import Absent, Finding, Row

if TYPE_CHECKING:
    from hil.campaign.stage import Stage


def _blocked_outlet(stage: Stage) -> Finding:
    stage.untrue |= {"PT-101"}
    stage.order("still", readings={"pressure": 60.0})
    gases = ("air_ml_min", "co2_ml_min", "o2_ml_min")
    took_s = stage.until(lambda: max(stage.outputs()[gas] for gas in gases) < 0.5, 20.0)
    return Finding(f"all gas shut after {took_s:.1f} s", took_s <= 5.0 + 1.0 + 1.0)


_FOUND = (
    ("utility/2", {"pdu": "05 00 00 ff 00"}, "heater_enabled", 0.0),
    ("utility/2", {"pdu": "05 00 01 ff 00"}, "gate.base_ml_min", 0.0),
    ("gas/B", {"text": "BS 40.0"}, "co2_ml_min", 0.0),
    ("gas/C", {"text": "CS 150.0"}, "o2_ml_min", 0.0),
    ("cell/1", {"pdu": "06 00 01 01 f4"}, "feed_ml_min", 0.0),
)


def _found_energised(stage: Stage) -> Finding:
    """Every switch closed, valves open, feed running before the process is there."""
    stage.start_bench()
    stage.start_broker()
    for target, order, _, _ in _FOUND:
        stage.order("second", target=target, **order)
    stage.sleep(8.0)  # the flow controllers take their time
    energised = {sink for _, _, sink, safe in _FOUND if abs(stage.outputs()[sink] - safe) > 0.5}
    stage.start_unit()
    stage.until(lambda: stage.process("control"), 240.0)
    begun = stage.now_s()
    times: dict[str, float] = {}
    while len(times) < len(_FOUND) and stage.now_s() - begun < 240.0:
        outputs = stage.outputs()
        for _, _, sink, safe in _FOUND:
            if abs(outputs[sink] - safe) <= 0.5:
                times.setdefault(sink, (stage.now_s() - begun) / stage.bed.clock)
        stage.sleep(0.05)
    back_s = stage.until(lambda: not stage.ailing(), 240.0) / stage.bed.clock
    slowest = max(times.values(), default=math.inf)
    return Finding(
        f"{len(energised)} of {len(_FOUND)} energised before; each safe at most {slowest:.1f} s of the wall after the start of control; "
        f"all well {back_s:.0f} s later",
        len(energised) == len(_FOUND) == len(times) and slowest <= 3.0 and math.isfinite(back_s),
        "lines at 4x; `edgectl run` compiles the folder before it starts control",
    )


def _no_response(stage: Stage) -> Finding:
    stage.start({"checks.base-no-effect.window": "60 s", "checks.base-no-effect.lasting": "30 s"})
    stage.order("still", readings={"ph": 7.0})
    stage.until(lambda: stage.outputs()["base_ml_min"] > 0.1, 20.0)
    told_s = stage.until(lambda: calls(stage, "P-101-vain"), 120.0)
    stage.sleep(3.0)
    frozen = loop(stage, "AIC-101")["output"]
    stage.sleep(30.0)
    drifted = abs(loop(stage, "AIC-101")["output"] - frozen) / 200.0
    base = stage.outputs()["base_ml_min"]
    stage.order("still", readings={"ph": 7.21})
    stage.until(lambda: stage.reset("base-lost"), 120.0)
    back_s = stage.until(lambda: not stage.ailing(), 60.0)
    return Finding(
        f"told after {told_s:.0f} s of base; then base {base:.2f} mL/min, output drifts {drifted:.2%} of span in 30 s; "
        f"well {back_s:.0f} s after reset",
        told_s <= 60.0 and base < 0.01 and drifted < 0.01 and math.isfinite(back_s),
    )


def _no_heat(stage: Stage) -> Finding:
    stage.start()
    last = stage.journal.last()
    stage.request("output", "P-102", 5.0)
    stage.sleep(200.0)
    stage.request("mode", "P-102", "AUTO")
    false = len(told(stage, last, kind="check", subject="no-heat"))
    stage.fault("utility/2", "block", channel="1")
    jacket = stage.status()["actuators"]["TY-101"]
    stage.until(lambda: _drive(stage) >= 2.0, 900.0)
    told_s = stage.until(lambda: calls(stage, "TY-101-vain"), 1500.0)
    return Finding(
        f"{false} false alarms; heater off at TY-101 {jacket['value']:.1f} degC: told after {told_s / 60.0:.1f} min of drive",
        false == 0 and told_s <= 720.0 + 30.0,
    )


def _drive(stage: Stage) -> float:
    status = stage.status()
    return float(status["actuators"]["TY-101"]["value"] - status["tags"]["TT-102"]["value"])


def _heats(stage: Stage) -> Finding:
    """The thermostat goes to 60 degC whatever its set point is; only the contactor stands between it and the cells."""
    stage.start()
    stage.sleep(60.0)
    begun, top = stage.now_s(), 0.0
    stage.fault("utility/1", "stick", channel="setpoint", at=60.0)
    off_s = math.inf
    while stage.now_s() < begun + 500.0:
        top = max(top, stage.truth()["temperature_c"])
        if stage.outputs()["heater_enabled"] == 0.0:
            off_s = min(off_s, stage.now_s() - begun)
        stage.sleep(1.0)
    tripped, called = acts(stage, "heater-welded"), calls(stage, "YA-heater-welded")
    os.kill(stage.process("control"), signal.SIGKILL)
    stage.until(lambda: stage.status()["scan"] > 0, 600.0)
    kept = acts(stage, "heater-welded")
    stage.clear()
    reset_s = stage.until(lambda: stage.reset("heater-welded"), 3600.0)
    back_s = stage.until(lambda: not stage.ailing(), 1800.0)
    return Finding(
        f"contactor open after {off_s:.0f} s, vessel at most {top:.2f} degC (set point 37); trip "
        f"{'latched' if tripped else 'MISSING'}, {'also' if kept else 'NOT'} over a kill; alarm {'called' if called else 'MISSING'}; "
        f"reset granted {reset_s:.0f} s after the repair, well {back_s:.0f} s later",
        top - 37.0 < 1.5 and tripped and called and kept and math.isfinite(off_s + reset_s + back_s),
    )


_STUCK_TRIPS = (
    "when: {stuck: HS-101}\n    action: safe\n    act_on: [TY-101]\n    delay: 15 s",
    "when: {stuck: HS-101}\n    action: trip\n    delay: 1 s",
)


def _feedback(stage: Stage) -> Finding:
    stage.rewrite("safety.yaml", _STUCK_TRIPS)
    stage.start({"alarms.SA-101.on_delay": "1 s", "interlocks.stirrer-stopped.delay": "1 s"})
    stage.order("still", readings={"stirrer": 0.0})
    missing_s = stage.until(lambda: calls(stage, "SA-101"), 30.0)
    stage.order("still", readings={"stirrer": 150.0})
    stage.await_health()
    stage.fault("utility/2", "ignore")
    stage.request("output", "HS-101", 0.0)
    trip_s = stage.until(lambda: acts(stage, "heater-stuck"), 30.0)
    stage.sleep(5.0)
    running = [n for n in ("base_ml_min", "co2_ml_min", "o2_ml_min") if stage.outputs()[n] > 0.5]
    return Finding(
        f"stirrer stands: alarm after {missing_s:.1f} s; contactor closed without command: trip after {trip_s:.1f} s, "
        f"running 5 s later: {running or 'none'}",
        missing_s <= 5.0 and trip_s <= 5.0 and not running,
    )


def _oscillates(stage: Stage) -> Finding:
    stage.start()
    switches, was, end, hot = 0, 1.0, stage.now_s() + 120.0, False
    turn_at = 0.0
    while stage.now_s() < end:
        if stage.now_s() >= turn_at:
            hot, turn_at = not hot, stage.now_s() + 6.0
            stage.order("still", readings={"temperature": 38.7 if hot else 37.8})
        now = stage.outputs()["heater_enabled"]
        switches, was = switches + (now != was), now
        stage.sleep(0.2)
    return Finding(f"contactor switched {switches} times in 120 s", 2 <= switches <= 2 * (120 / 30 + 1))


ROWS: tuple[Row | Absent, ...] = (
    Row("A01", "Base line blocked: commanded, nothing moves, no feedback", "told <= window; integral frozen meanwhile; latched (window scaled to 60 s)", STILL, _no_response, own=True),
    Row("A02", "Heater commanded, no rise", "told <= 12 min of drive; 0 false alarms in a start with a feed of cold medium (50 warm-ups: tests/chain in virtual time)", CULTURE, _no_heat, own=True),
    Row("A03", "Jacket heats whatever it is told", "contactor opened; vessel < 1.5 degC above its set point; trip latched, also over a kill (U8)", CULTURE, _heats, own=True),
    Row("A05", "Running feedback missing; feedback without command", "alarm <= 5 s; trip <= 5 s (the plan of the row asks for a trip; its delays set to 1 s)", STILL, _feedback, own=True),
    Absent("A06", "Output saturated for 10 min", "two steps take 100 min of culture, too long at a speed whose timing can be trusted; tests/core judges wind-up in virtual time"),
    Row("A07", "Reading oscillates around a switching limit", "switches <= those of 30 s minimum off (an hour scaled to 2 min)", STILL, _oscillates, own=True),
    Row("A11", "Actuators found energised at start", "all safe <= 3 s after process start", STILL, _found_energised, own=True, alone=True),
    Absent("A13", "Feed stops while harvest goes on", "this unit has no harvest to balance its feed against"),
    Row("A14", "Outlet blocked: pressure rises", "gas in shut on the wire <= 5 s + delay + one poll (vent and trip: see A03)", STILL, _blocked_outlet),
)  # fmt: skip
