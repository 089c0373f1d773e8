"""Sensors: N01 to N14."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from hil.campaign.bed import BUS, CULTURE, LIVE, STILL
from hil.campaign.look import calls, highest, instrument, loop, tag, told
from hil.campaign.row import Absent, Finding, Row

if TYPE_CHECKING:
    from hil.campaign.stage import Stage


def _spread(stage: Stage, loop_name: str, seconds: float) -> float:
    """How far a loop's output strays in so many seconds."""
    first = loop(stage, loop_name)["output"]
    widest, end = 0.0, stage.now_s() + seconds
    while stage.now_s() < end:
        widest = max(widest, abs(loop(stage, loop_name)["output"] - first))
        stage.sleep(0.2)
    return widest


def _one_nan(stage: Stage) -> Finding:
    """The output is brought away from where its fallback would put it."""
    stage.request("mode", "AIC-102", "MAN")
    stage.request("output", "AIC-102", 100.0)
    stage.sleep(2.0)
    stage.request("mode", "AIC-102", "AUTO")
    stage.await_health(20.0)
    steps, last = {}, stage.journal.last()
    for value in (math.nan, math.inf):
        stage.fault("probes/2", "value", channel="do", value=value, times=1)
        steps[str(value)] = _spread(stage, "AIC-102", 5.0) / 200.0
        stage.clear("probes/2")
    told_of = [event.body["reason"] for event in told(stage, last, kind="quality", subject="AT-102")]
    seen = sum("is not a number: rejected" in text for text in told_of)
    after = loop(stage, "AIC-102")["output"]
    return Finding(
        f"output steps of span: {_shares(steps)}; {seen} of 2 samples rejected on record; output {after:.2f}",
        max(steps.values()) < 0.01 and seen == 2 and math.isfinite(after),
    )


def _shares(steps: dict[str, float]) -> str:
    return ", ".join(f"{name} {step:.2%}" for name, step in steps.items())


def _one_spike(stage: Stage) -> Finding:
    stage.untrue |= {"TT-101"}
    last = stage.journal.last()
    rate = 1.0
    stage.fault("rtd/1", "value", value=45.0, rate=rate)
    stage.sleep(2.0)  # one poll
    stage.clear("rtd/1")
    step = _spread(stage, "TIC-101", 8.0) / 17.0
    heater = stage.outputs()["heater_enabled"]
    forced = told(stage, last, kind="interlock")
    return Finding(
        f"jacket moved {step:.2%} of span; heater {'on' if heater else 'OFF'}; {len(forced)} interlock events",
        step < 0.02 and heater == 1.0 and not forced,
    )


def _true_excursion(stage: Stage) -> Finding:
    """A jump of 2.5 K stays: two samples of doubt (2 s each), one second of the interlock's delay, Tsafe 2 s."""
    stage.untrue |= {"TT-101"}
    stage.order("still", readings={"temperature": 39.5})
    took_s = stage.until(lambda: stage.outputs()["heater_enabled"] == 0.0, 20.0)
    return Finding(f"heater off on the wire after {took_s:.1f} s", took_s <= 3 * 2.0 + 1.0 + 2.0)


def _is_bad(stage: Stage, name: str) -> bool:
    return bool(tag(stage, name)["quality"] == "BAD")


def _flat(stage: Stage) -> Finding:
    found = {}
    for target, name in (("probes/1", "AT-101"), ("probes/2", "AT-102"), ("rtd/1", "TT-101")):
        stage.fault(target, "freeze")
        took_s = stage.until(partial(_is_bad, stage, name), 120.0)
        found[name] = (took_s, took_s <= 60.0)
        stage.clear(target)
        stage.until(lambda: not stage.ailing(), 120.0)
    return Finding(
        "BAD after " + ", ".join(f"{name} {took_s:.0f} s" for name, (took_s, _) in found.items()),
        all(good for _, good in found.values()),
    )


_CURRENTS = (
    (3.5, "BAD"),
    (3.7, "UNCERTAIN"),
    (3.9, "GOOD"),
    (20.4, "GOOD"),
    (20.7, "UNCERTAIN"),
    (21.2, "BAD"),
)


def _current_loop(stage: Stage) -> Finding:
    wrong, flapped = [], 0
    for current, quality in _CURRENTS:
        stage.order("still", readings={"density": current})
        stage.sleep(1.0)
        seen = set()
        for _ in range(5):
            seen.add(tag(stage, "MA")["quality"])
            stage.sleep(0.2)
        flapped += len(seen) > 1
        if seen != {quality}:
            wrong.append(f"{current} mA: {seen}")
    return Finding(f"wrong: {wrong or 'none of six'}; flapping: {flapped}", not wrong and not flapped)


def _broken_element(stage: Stage) -> Finding:
    """An EZO circuit says what a Pt1000 it cannot read gives: far outside any culture, at either end."""
    stage.untrue |= {"TT-101"}
    times = {}
    for name, value in (("open", 1254.0), ("short", -126.0), ("none", math.nan)):
        stage.fault("rtd/1", "value", value=value)
        off_s = stage.until(lambda: stage.outputs()["heater_enabled"] == 0.0, 20.0)
        quality = tag(stage, "TT-101")["quality"]
        times[name] = (off_s, quality)
        stage.clear("rtd/1")
        stage.await_health(40.0)
    return Finding(
        "heater off after "
        + ", ".join(f"{name} {off_s:.1f} s ({quality})" for name, (off_s, quality) in times.items()),
        all(off_s <= 2.0 + 2.0 + 1.0 + 1.0 and quality == "BAD" for off_s, quality in times.values()),
    )


def _held_at_the_panel(stage: Stage) -> Finding:
    """`C HC` closes the valve at the panel: the frame carries HLD from then on; `C C` cancels (Alicat primer)."""
    stage.order("second", target="gas/C", text="CHP")
    took_s = stage.until(lambda: tag(stage, "FT-103")["quality"] != "GOOD", 10.0)
    why = tag(stage, "FT-103")
    stage.order("second", target="gas/C", text="CC")
    back_s = stage.until(lambda: tag(stage, "FT-103")["quality"] == "GOOD", 20.0)
    return Finding(
        f"{why['quality']} after {took_s:.1f} s: {why['reason'][:60]}; GOOD {back_s:.1f} s after release",
        took_s <= 3.0 and math.isfinite(back_s),
    )


def _drift(stage: Stage) -> Finding:
    """TT-101 starts 0.42 K above TT-103 and drifts; the limit is 0.5 K."""
    stage.start({"checks.temperatures-differ.window": "30 s"})
    last, slope = stage.journal.last(), 0.0025
    stage.fault("rtd/1", "drift", per_hour=slope * 3600.0)
    called_s = stage.until(lambda: calls(stage, "TT-101-differs"), 120.0)
    now = stage.status()["tags"]
    difference = now["TT-101"]["value"] - now["TT-103"]["value"]
    stage.sleep(2.0)
    events = told(stage, last, kind="check", subject="temperatures-differ")
    said = events[0].body["reason"] if events else ""
    return Finding(
        f"told after {called_s:.0f} s at {difference:.3f} K (limit 0.5 K): {said}",
        0.45 <= difference <= 0.55 + 15.0 * slope and "TT-101 is the one in use" in said,
        "the mean of the window lags the drift by 15 s",
    )


def _bubbles(stage: Stage) -> Finding:
    stage.start()
    last = stage.journal.last()
    stage.sleep(300.0)
    low = high = stage.truth()["do_percent"]
    shut, end = 0, stage.now_s() + 300.0
    burst_at = stage.now_s()
    while stage.now_s() < end:
        if stage.now_s() >= burst_at:
            stage.fault("probes/2", "value", channel="do", value=175.0)
            burst_at, clear_at = math.inf, stage.now_s() + 15.0
        elif math.isinf(burst_at) and stage.now_s() >= clear_at:
            stage.clear("probes/2")
            burst_at = stage.now_s() + 45.0
        true = stage.truth()["do_percent"]
        low, high = min(low, true), max(high, true)
        shut += stage.outputs()["o2_ml_min"] < 0.5
        stage.sleep(1.0)
    alarms = [e for e in told(stage, last, kind="alarm") if e.body["after"] == "UNACK"]
    return Finding(
        f"DO of the plant {low:.0f} to {high:.0f} %, O2 shut in {shut} looks, alarms: {[e.body['subject'] for e in alarms]}",
        low >= 25.0 and high <= 55.0 and len(alarms) <= 1,
    )


def _swapped_probe(stage: Stage) -> Finding:
    stage.start_bench()
    stage.start_broker()
    number = "654321"
    stage.rewrite(
        "unit.yaml",
        ("driver: hamilton_ph_arc\n", f"driver: hamilton_ph_arc\n    serial_number: '{number}'\n"),
    )
    stage.start_unit()
    stage.until(lambda: stage.status()["scan"] > 10, 60.0)
    stage.sleep(10.0)
    found = instrument(stage, "ph1")
    other = found["identity"]["serial_number"]
    condition, quality = loop(stage, "AIC-101")["condition"], tag(stage, "AT-101")["quality"]
    dosed = highest(stage, "base_ml_min", 3.0)
    stage.stop_unit()
    stage.rewrite(
        "unit.yaml", ("driver: hamilton_ph_arc\n", f"driver: hamilton_ph_arc\n    serial_number: '{other}'\n")
    )
    stage.start_unit()
    stage.until(lambda: stage.status()["held"], 60.0)
    stage.until(lambda: stage.request("resume", stage.bed.unit, "resume")["accepted"], 60.0)
    back_s = stage.until(lambda: not stage.ailing(), 120.0)
    both = number in found["reason"] and other in found["reason"]
    return Finding(
        f"{found['condition']}: {found['reason'][-80:]}; AT-101 {quality}, AIC-101 {condition}; with the new number in the plan and "
        f"a resume well after {back_s:.0f} s",
        both and quality == "BAD" and condition != "regulating" and dosed < 0.01 and math.isfinite(back_s),
    )


def _bag_change(stage: Stage) -> Finding:
    stage.untrue |= {"WT-101"}
    before = stage.outputs()
    stage.order("still", readings={"weight": 2.53})
    pumps = ("base_ml_min", "feed_ml_min", "co2_ml_min")
    most = {name: highest(stage, name, 4.0) - before[name] for name in pumps}
    return Finding(
        f"0.5 kg more: doses {', '.join(f'{name} {more:+.2f}' for name, more in most.items())} mL/min",
        all(abs(more) < 0.05 for more in most.values()),
    )


ROWS: tuple[Row | Absent, ...] = (
    Row("N01", "One NaN, one Inf", "rejected once; output step < 1 % of span", STILL, _one_nan, fast=True),
    Row("N02", "One-sample spike beyond the rate limit", "output < 2 % of span; no interlock from a single spike", STILL, _one_spike),
    Row("N03", "Genuine excursion beyond the rate limit", "heater off on the wire <= Tsafe + 2 samples + delay (well again with the contactor's 30 s off)", STILL, _true_excursion, back_s=45.0),
    Row("N04", "Slow drift of one of two redundant probes", "told at the configured difference +/- 10 %; chosen source on record (window scaled to 30 s)", STILL, _drift, own=True),
    Row("N05", "Flat line on a noisy signal", "BAD <= T_flat 60 s (flat: 45 s and polls of at most 8 s in the plan of the row, so that the poll after it is in time)", LIVE, _flat),
    Row("N06", "4-20 mA at 3.5, 3.7, 3.9, 20.4, 20.7, 21.2 mA", "quality exact for all six; no flapping", BUS, _current_loop),
    Row("N07", "RTD open, short, without a value", "BAD; heater off <= Tsafe + one poll + delay + one scan", STILL, _broken_element),
    Absent("N08", "Calibration due", "needs calibration records"),
    Absent("N09", "Calibration with implausible slope", "needs calibration records"),
    Row("N10", "Device reports hold while it repeats its value", "not GOOD within one poll", STILL, _held_at_the_panel),
    Absent("N11", "Compensating temperature goes bad", "needs compensation by another tag: probes compensate themselves here"),
    Row("N12", "Air bubbles: bursts of 15 s to 175 % DO", "DO of the plant stays in 40 +/- 15 %; <= 1 alarm (10 min scaled to 5 bursts in 5 min)", CULTURE, _bubbles, own=True),
    Row("N13", "Probe swapped for another serial number", "not believed, loop not resumed before the plan names it; both serials told", STILL, _swapped_probe, own=True),
    Row("N14", "Weight jumps by a bag change", "0 doses triggered (there is no operator step to mark it)", STILL, _bag_change, fast=True),
)  # fmt: skip
