"""Modbus: M01 to M12."""

from __future__ import annotations

import math
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from hil.campaign.bed import BUS, STILL
from hil.campaign.look import acts, condition, reason, tag, told
from hil.campaign.row import Finding, Row

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_CODES = (1, 2, 3, 4, 6, 11)
_WRITES = ("05", "06", "0f", "10")


def _asked(stage: Stage, target: str) -> int:
    return int(stage.reached(target)["counts"].get("requests", 0))


def _exceptions(stage: Stage) -> Finding:
    """The healthy rate is one request a period and point as well: it is the anchor."""
    begun = _asked(stage, "cell/1")
    stage.sleep(8.0)
    usual = (_asked(stage, "cell/1") - begun) / 8.0
    stormy, mute, slowest_s = [], [], 0.0
    for code in _CODES:
        stage.fault("cell/1", "exception", code=code)
        begun = _asked(stage, "cell/1")
        stage.sleep(6.0)
        rate = (_asked(stage, "cell/1") - begun) / 6.0
        text = reason(stage, "mux")
        if rate > max(2.0 * usual, 3.0):
            stormy.append(f"{code:02d}: {rate:.1f}/s")
        if tag(stage, "WT-101")["quality"] == "GOOD" or not text:
            mute.append(f"{code:02d}: {text}")
        stage.clear("cell/1")
        slowest_s = max(slowest_s, stage.await_health())
    return Finding(
        f"usual {usual:.1f} requests/s; storms: {stormy or 'none'}; not told: {mute or 'none'}; back after at most {slowest_s:.1f} s; "
        f"last said: {text[:80]}",
        not stormy and not mute and slowest_s <= 5.0,
    )


def _cached(stage: Stage) -> Finding:
    stage.fault("cell/1", "cache")
    took_s = stage.until(lambda: tag(stage, "WT-101")["quality"] == "BAD", 90.0)
    why = tag(stage, "WT-101")["reason"]
    return Finding(f"BAD after {took_s:.0f} s: {why}", took_s <= 60.0)


_NO_VALUES = (math.nan, math.inf, -math.inf, 1e-42, -0.0)
_BOUNDS = {
    "jacket_setpoint_c": (25.0, 42.0),
    "co2_ml_min": (0.0, 60.0),
    "o2_ml_min": (0.0, 200.0),
    "base_ml_min": (0.0, 2.0),
}


def _no_number(stage: Stage) -> Finding:
    wild: set[str] = set()
    believed = []
    stage.untrue |= {"AT-101"}
    before = stage.outputs()
    for value in _NO_VALUES:
        stage.fault("probes/1", "value", channel="ph", value=value)
        took_s = stage.until(lambda: tag(stage, "AT-101")["quality"] == "BAD", 8.0)
        if math.isinf(took_s):
            believed.append(f"{value}")
        wild |= _outside(stage)
        stage.clear("probes/1")
        stage.await_health()
    for word in (0xFFFF, 0x8000, 0x7FC0, 0x7F80):
        stage.fault("utility/1", "sentinel", word=word)
        took_s = stage.until(
            lambda: condition(stage, "jacket") != "answering" or tag(stage, "TT-102")["quality"] == "BAD", 8.0
        )
        if math.isinf(took_s):
            believed.append(f"{word:04X}")
        wild |= _outside(stage)
        stage.clear("utility/1")
        stage.await_health()
    after = stage.outputs()
    step = max(abs(after[name] - before[name]) / (high - low) for name, (low, high) in _BOUNDS.items())
    return Finding(
        f"believed: {believed or 'none'}; outputs outside their limits: {sorted(wild) or 'none'}; step afterwards {step:.1%} of span",
        not believed and not wild and step < 0.05,
    )


def _outside(stage: Stage) -> set[str]:
    outputs = stage.outputs()
    return {
        name
        for name, (low, high) in _BOUNDS.items()
        if not (math.isfinite(outputs[name]) and low - 0.01 <= outputs[name] <= high + 0.01)
    }


def _two_halves(stage: Stage) -> Finding:
    """65535 and 131072 differ in both registers: a mixture is neither."""
    stage.order("still", readings={"weight": 65535.0})
    stage.fault("io/1", "value", channel="pair", value=131072.0, rate=0.5)
    begun = _asked(stage, "io/1")
    since_s = time.monotonic() + 1.0
    stage.sleep(12.0)
    requests = [body.split() for _, body in stage.reached("io/1")["requests"][-200:]]
    reads = [body for body in requests if body[0] == "04"]
    split = [body for body in reads if not _whole(int("".join(body[1:3]), 16), int("".join(body[3:5]), 16))]
    heard = [m.body["value"] for m in (stage.ear.of("/tag/PAIR", since_s) if stage.ear else [])]
    mixed = [value for value in heard if value not in (65535.0, 131072.0)]
    return Finding(
        f"{_asked(stage, 'io/1') - begun} requests, {len(heard)} values told, {len(mixed)} mixed, {len(split)} reads of half a value",
        len(heard) >= 10 and not mixed and not split,
    )


def _whole(first: int, count: int) -> bool:
    covered = {2, 3} & set(range(first, first + count))
    return len(covered) in (0, 2)


def _slow(stage: Stage) -> Finding:
    gaps = []
    for delay_s in (0.3, 2.0):
        stage.fault("cell/1", "slow", delay_s=delay_s)
        stage.sleep(3.0)
        begun = stage.reached("cell/1")["requests"][-1][0]
        stage.sleep(12.0)
        times = [at for at, _ in stage.reached("cell/1")["requests"] if at >= begun]
        gaps.append(min(other - one for one, other in pairwise(times)))
        stage.clear("cell/1")
        stage.await_health()
    return Finding(
        f"least time between requests {gaps[0]:.2f} s at 0.3 s of latency, {gaps[1]:.2f} s at 2 s (timeout 0.5 s)",
        gaps[0] >= 0.29 and gaps[1] >= 0.45,
    )


def _vanished(stage: Stage) -> Finding:
    stage.order("hold", target="cell", held=True)
    bad_s = stage.until(lambda: tag(stage, "WT-101")["quality"] == "BAD", 20.0)
    stage.sleep(10.0)
    stage.order("hold", target="cell", held=False)
    back_s = stage.until(lambda: tag(stage, "WT-101")["quality"] == "GOOD", 30.0)
    sessions = stage.order("sessions")["sessions"]["cell"]
    return Finding(
        f"BAD after {bad_s:.1f} s, GOOD {back_s:.1f} s after return, {sessions['now']} session then",
        bad_s <= 6.5 and back_s <= 6.5 and sessions["now"] == 1,
    )


def _cut_often(stage: Stage) -> Finding:
    cuts, failed = 100, 0
    stage.order("sessions")  # from here on
    held = stage.resources().descriptors
    for _ in range(cuts):
        stage.fault("cell", "unplug")
        stage.until(lambda: stage.status()["lines"]["cell"]["condition"] == "lost", 10.0)
        stage.clear("cell")
        failed += math.isinf(stage.until(lambda: condition(stage, "mux") == "answering", 20.0))
    sessions = stage.order("sessions")["sessions"]["cell"]
    tripped = acts(stage, "overpressure")
    if tripped:
        stage.until(lambda: stage.reset("overpressure"), 120.0)
    more = stage.resources().descriptors - held
    return Finding(
        f"{cuts} cuts, {failed} not survived, at most {sessions['most']} session(s) at once, {more} descriptors more; "
        f"trip overpressure {'latched, and reset' if tripped else 'did not act'}",
        not failed and sessions["most"] == 1 and sessions["now"] == 1 and more <= 0,
    )


def _not_following(stage: Stage) -> Finding:
    last, before = stage.journal.last(), stage.status()["loops"]["TIC-101"]["output"]
    stage.fault("utility/1", "ignore")
    stage.request("setpoint", "TIC-101", 37.5)
    took_s = stage.until(lambda: told(stage, last, subject="TY-101", after="not following"), 15.0)
    stage.sleep(10.0)
    stage.request("setpoint", "TIC-101", 37.0)
    stage.clear("utility/1")
    stage.sleep(2.0)
    after = stage.status()["loops"]["TIC-101"]["output"]
    stage.request("setpoint", "TIC-101", 37.5)  # it has to be asked to move, to show that it follows
    stage.until(lambda: not stage.ailing(), 60.0)
    stage.request("setpoint", "TIC-101", 37.0)
    off = abs(after - before) / 17.0
    return Finding(
        f"told after {took_s:.1f} s; output {off:.1%} of span off after release",
        took_s <= 3.5 and off <= 0.05,
    )


def _locked(stage: Stage) -> Finding:
    stage.fault("utility/3", "lock", code=4)
    stage.fault("utility/3", "restart", boot_s=0.0)
    told_s = stage.until(lambda: stage.status()["actuators"]["SC-101"]["detail"], 15.0)
    why = stage.status()["actuators"]["SC-101"]["detail"]
    energised = []
    end = stage.now_s() + 15.0
    while stage.now_s() < end:
        energised.append(stage.outputs()["stir_rpm"])
        stage.sleep(0.5)
    stage.clear("utility/3")
    back_s = stage.until(lambda: abs(stage.outputs()["stir_rpm"] - 150.0) < 1.0, 40.0)
    return Finding(
        f"told after {told_s:.1f} s: {str(why)[:60]}; at most {max(energised):g} rpm before re-arm; 150 rpm {back_s:.1f} s after",
        math.isfinite(told_s) and not max(energised) and math.isfinite(back_s),
    )


_SP1 = "06 00 18 01 2c"
_FALLBACKS = (
    *(
        (f"06 00 18 {raw:04x}", _SP1, f"SP1 is {raw / 10:.1f} degC", "safe_c 30.0 degC")
        for raw in (350, 250, 310, 290, 0)
    ),
    ("06 00 0f 00 01", "06 00 0f 00 00", "SP2 is selected", "safe_c is SP1"),
)


def _wrong_fallback(stage: Stage) -> Finding:
    """Its timeout is fixed, so what can differ is where it falls: to SP1 (24) of another value, or to SP2 (selected by 15)."""
    stage.start()
    named = []
    for pdu, mended, found, expected in _FALLBACKS:
        stage.stop_unit()
        stage.order("second", target="utility/1", pdu=pdu)
        begun_s = stage.reached("utility/1")["writes"][-1][0]
        stage.start_unit()
        stage.until(lambda: condition(stage, "jacket") == "misconfigured", 240.0)
        text = reason(stage, "jacket")
        stage.sleep(10.0)
        commands = [
            value
            for at_s, what, value in stage.reached("utility/1")["writes"]
            if at_s > begun_s and what == "26" and value != 30.0
        ]
        if found in text and expected in text and not commands:
            named.append(pdu)
        stage.order("second", target="utility/1", pdu=mended)
    back_s = stage.until(lambda: condition(stage, "jacket") == "answering", 60.0)
    return Finding(
        f"refused and named in {len(named)} of {len(_FALLBACKS)}: {text[:90]}; accepted {back_s:.0f} s after correction",
        len(named) == len(_FALLBACKS) and math.isfinite(back_s),
        "its safe value is written all the same; no command is",
    )


def _second_master(stage: Stage) -> Finding:
    last = stage.journal.last()
    stage.order("second", target="utility/3", pdu="06 00 00 1f 40")  # 8000 uA on output 1: 100 rpm
    moved = stage.outputs()["stir_rpm"]
    back_s = stage.until(lambda: abs(stage.outputs()["stir_rpm"] - 150.0) < 1.0, 20.0)
    stage.sleep(2.0)
    recorded = told(stage, last, subject="SC-101")
    return Finding(
        f"moved to {moved:g} rpm, back after {back_s:.1f} s, on record: {'yes' if recorded else 'no'}",
        abs(moved - 150.0) > 10.0 and back_s <= 3.5 and bool(recorded),
    )


ROWS = (
    Row("M01", "Exceptions 01, 02, 03, 04, 06, 0B in turn", "no storm: <= 2x the healthy rate; told each time; back <= 5 s each time", STILL, _exceptions, waived={"U7": "six faults of one instrument in a row"}),
    Row("M02", "Gateway serves cached registers, device dead", "BAD <= 60 s (heartbeat 20 s in the plan)", STILL, _cached),
    Row("M03", "NaN, Inf, denormal, -0.0, 0xFFFF, 0x8000 and others", "never GOOD; outputs finite and within limits; normal output afterwards", STILL, _no_number, waived={"U7": "nine faults in a row"}),
    Row("M04", "32-bit value changes between its halves", "0 mixed values (100 000 reads scaled to 12 s); every read covers both halves", BUS, _two_halves),
    Row("M05", "Latency 0.3 s, then 2 s on one device", "one request outstanding at most; U2, U4", STILL, _slow),
    Row("M06", "TCP peer vanishes without FIN or RST", "BAD <= Ts + one poll; GOOD again <= 5 s + one poll after return; one session", STILL, _vanished),
    Row("M07", "Network to the gateway cut again and again", "never more than 1 session; works after the last cut (200 scaled to 100)", STILL, _cut_often, waived={"U7": "a hundred cuts are a hundred events", "U9": "and as many lines of log; the row counts descriptors"}),
    Row("M08", "Write acknowledged and not obeyed", "told <= 2 Tc + one write; output <= 5 % of span off 2 Tc after release", STILL, _not_following),
    Row("M09", "Remote I/O in its own safe mode refuses writes", "0 outputs energised before re-arm; told why", STILL, _locked),
    Row("M10", "The fallback of an instrument's own watchdog differs from the plan", "start of its output refused in 6 of 6; parameter and expected value named", STILL, _wrong_fallback, own=True),
    Row("M11", "A second master changes an output", "back and on record <= 2 Tc + one poll (polls of 1 s; the demo unit as shipped polls every 10 s)", STILL, _second_master),
)  # fmt: skip
