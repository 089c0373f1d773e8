"""Actuators and dosing: A01 to A14."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.campaign.bed import STILL
from hil.campaign.row import Absent, Finding, Row

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_PLAUSIBILITY = "needs the checks of process response (plausibility)"
_DOSES = "needs doses as such: today pumps have set points of flow, and no amount"


def _never_both(stage: Stage) -> Finding:
    """The culture swings around its set point, further than the dead band each time."""
    stage.untrue |= {"AT-101"}
    longest, acid, base = 0.0, 0, 0
    for place in range(6):
        stage.order("still", readings={"ph": 7.30 if place % 2 else 7.10})
        end = stage.now_s() + 8.0
        apart_s = stage.now_s()
        while stage.now_s() < end:
            outputs = stage.outputs()
            co2, caustic = outputs["co2_ml_min"] > 0.5, outputs["base_ml_min"] > 0.005
            acid, base = acid + co2, base + caustic
            if co2 and caustic:
                longest = max(longest, stage.now_s() - apart_s)
            else:
                apart_s = stage.now_s()
            stage.sleep(0.1)
    return Finding(
        f"CO2 in {acid} looks, base in {base}; flowing together for at most {longest:.1f} s",
        longest <= 1.5 and acid > 0 and base > 0,
    )


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
        f"{len(energised)} of {len(_FOUND)} energised before; each safe at most {slowest:.1f} s of the wall after `edgectl run`; "
        f"all well {back_s:.0f} s later",
        len(energised) == len(_FOUND) == len(times) and slowest <= 3.0 and math.isfinite(back_s),
        "includes compiling the folder and starting both processes; lines at 4x",
    )


ROWS: tuple[Row | Absent, ...] = (
    Absent("A01", "Valve stuck shut or open, no feedback", _PLAUSIBILITY),
    Absent("A02", "Heater commanded, no rise", _PLAUSIBILITY),
    Absent("A03", "Heater relay welded", "needs the supervisor: trips that latch"),
    Absent("A04", "Pump runs dry, line blocked", _PLAUSIBILITY),
    Absent("A05", "Running feedback missing; feedback without command", "needs the supervisor's hazard matrix"),
    Absent("A06", "Output saturated for 10 min", "needs alarms by ISA-18.2"),
    Absent("A07", "Reading oscillates around a switching limit", "needs minimum on and off times"),
    Absent("A08", "Dose limit per hour or batch reached", "needs dose limits"),
    Row("A09", "Acid and base demanded alternately", "never both beyond 1.5 Tc, the way to the wire and the valve (consumption is not judged: no ideal to compare with)", STILL, _never_both),
    Absent("A10", "Acknowledgement of a dose lost", _DOSES),
    Row("A11", "Actuators found energised at start", "all safe <= 3 s after process start", STILL, _found_energised, own=True),
    Absent("A12", "Manual override left on", "needs the dead man's time of manual outputs"),
    Absent("A13", "Feed stops while harvest goes on", "needs a unit with harvest and the flow-balance interlock"),
    Row("A14", "Outlet blocked: pressure rises", "gas in shut on the wire <= 5 s + delay + one poll (vent and trip: see A03)", STILL, _blocked_outlet, fast=True),
)  # fmt: skip
