"""Sensors: N01 to N14."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from hil.campaign.bed import BUS, LIVE, STILL
from hil.campaign.look import loop, tag, told
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
    steps = {}
    for value in (math.nan, math.inf):
        stage.fault("probes/2", "value", channel="do", value=value)
        stage.sleep(1.0)
        stage.clear("probes/2")
        steps[str(value)] = _spread(stage, "AIC-102", 1.0) / 200.0
        stage.await_health(20.0)
        steps[str(value)] += _spread(stage, "AIC-102", 3.0) / 200.0
    last = loop(stage, "AIC-102")["output"]
    return Finding(
        f"output steps of span: {_shares(steps)}; output {last:.2f}",
        max(steps.values()) < 0.15 and math.isfinite(last),
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
    for target, name, flat_s, poll_s in (
        ("probes/1", "AT-101", 60.0, 10.0),
        ("probes/2", "AT-102", 60.0, 5.0),
        ("rtd/1", "TT-101", 60.0, 5.0),
    ):
        stage.fault(target, "freeze")
        took_s = stage.until(partial(_is_bad, stage, name), 120.0)
        found[name] = (took_s, took_s <= flat_s + 2 * poll_s)
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


ROWS: tuple[Row | Absent, ...] = (
    Row("N01", "One NaN, one Inf", "output step < 15 % of span on the way to a bounded fallback and back (1 % is the catalogue's, for one period of hold)", STILL, _one_nan, fast=True),
    Row("N02", "One-sample spike beyond the rate limit", "output < 2 % of span; no interlock from a single spike", STILL, _one_spike, fast=True, back_s=30.0),
    Row("N03", "Genuine excursion beyond the rate limit", "heater off on the wire <= Tsafe + 2 samples + delay", STILL, _true_excursion, fast=True, back_s=30.0),
    Absent("N04", "Slow drift of one of two redundant probes", "needs redundant tags: the product fuses none today"),
    Row("N05", "Flat line on a noisy signal", "BAD <= T_flat + 2 polls", LIVE, _flat, back_s=120.0),
    Row("N06", "4-20 mA at 3.5, 3.7, 3.9, 20.4, 20.7, 21.2 mA", "quality exact for all six; no flapping", BUS, _current_loop),
    Row("N07", "RTD open, short, without a value", "BAD; heater off <= Tsafe + one poll + delay + one scan", STILL, _broken_element, back_s=30.0),
    Absent("N08", "Calibration due", "needs calibration records"),
    Absent("N09", "Calibration with implausible slope", "needs calibration records"),
    Row("N10", "Device reports hold while it repeats its value", "not GOOD within one poll", STILL, _held_at_the_panel),
    Absent("N11", "Compensating temperature goes bad", "needs compensation by another tag: probes compensate themselves here"),
    Absent("N12", "Air bubbles: 5-20 s bursts to 150-200 % DO", "takes 40 min of culture until oxygen is in band: run it on a bench of its own"),
    Absent("N13", "Probe swapped for another serial number", "needs calibration bound to serial numbers"),
    Absent("N14", "Weight jumps by a bag change", "needs operator steps"),
)  # fmt: skip
