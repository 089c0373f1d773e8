"""Dosing and what people do by hand: A04, A08, A09, A10, A12."""

from __future__ import annotations

import math
import os
import signal
from typing import TYPE_CHECKING

from hil.campaign.bed import STILL, WALL
from hil.campaign.look import acts, calls, condition, loop, poured, told
from hil.campaign.row import Absent, Finding, Row

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_BASE, _FEED = "base_ml_min", "feed_ml_min"
_DOSE_ML = 600.0  # of feed, in one batch


def _runs_dry(stage: Stage) -> Finding:
    """The pump turns and confirms its 5 mL/min, the scale stands still."""
    stage.start({"checks.feed-blocked.window": "28 s", "checks.feed-blocked.lasting": "15 s"})
    stage.request("output", "P-102", 5.0)
    stage.until(lambda: stage.outputs()[_FEED] > 1.0, 10.0)
    begun = stage.now_s()
    sent_ml = poured(stage, _FEED, 60.0, lambda: stage.outputs()[_FEED] < 0.1)
    took_s = stage.now_s() - begun
    called = math.isfinite(stage.until(lambda: calls(stage, "P-102-vain"), 5.0))
    later_ml = poured(stage, _FEED, 20.0)
    latched = acts(stage, "feed-lost")
    return Finding(
        f"stopped after {took_s:.0f} s and {sent_ml:.1f} mL of {_DOSE_ML:g}; {later_ml:.1f} mL in the 20 s after; "
        f"{'latched' if latched else 'NOT latched'}, alarm {'called' if called else 'MISSING'}",
        (took_s <= 30.0 or sent_ml <= 0.1 * _DOSE_ML) and later_ml < 0.1 and latched and called,
        "what was delivered is what WT-101 recorded; the ledger counts what the pump confirmed, never less",
    )


_LIMIT_ML = 1.0


def _limit(stage: Stage) -> Finding:
    """A culture that asks for base for ever, a limit of 1 mL, and a kill of control while the limit stands."""
    stage.start({"doses.P-101.per_hour": f"{_LIMIT_ML} mL"})
    stage.order("still", readings={"ph": 7.0})
    total = poured(stage, _BASE, 150.0, lambda: stage.status()["doses"]["P-101"]["reached"])
    total += poured(stage, _BASE, 20.0)
    called, refused = calls(stage, "P-101-limit"), not stage.reset("P-101")
    os.kill(stage.process("control"), signal.SIGKILL)
    total += poured(stage, _BASE, 40.0)
    kept = bool(stage.status()["doses"]["P-101"]["reached"])
    return Finding(
        f"{total:.3f} mL at a limit of {_LIMIT_ML:g} mL; alarm {'called' if called else 'MISSING'}, reset "
        f"{'refused' if refused else 'GRANTED'} within the hour, {'latched' if kept else 'NOT latched'} after a kill",
        0.9 * _LIMIT_ML <= total <= 1.02 * _LIMIT_ML and called and refused and kept,
    )


_CLOSING_S = 2.2


def _never_both(stage: Stage) -> Finding:
    """The culture swings around its set point, further than the dead band each time."""
    stage.start()
    longest, acid, base, both = 0.0, 0, 0, 0
    for place in range(4):
        stage.order("still", readings={"ph": 7.30 if place % 2 else 7.10})
        end = stage.now_s() + 8.0
        apart_s = stage.now_s()
        while stage.now_s() < end:
            outputs = stage.outputs()
            co2, caustic = outputs["co2_ml_min"] > 0.5, outputs[_BASE] > 0.005
            acid, base = acid + co2, base + caustic
            asked = stage.status()["actuators"]
            both += asked["FV-102"]["value"] > 0.0 and asked["P-101"]["value"] > 0.0
            if co2 and caustic:
                longest = max(longest, stage.now_s() - apart_s)
            else:
                apart_s = stage.now_s()
            stage.sleep(0.1)
    return Finding(
        f"CO2 in {acid} looks, base in {base}; commanded together in {both}; flowing together for at most {longest:.1f} s",
        not both and longest <= _CLOSING_S and acid > 0 and base > 0,
    )


_TRIALS, _DOSE_S, _STOPS = 8, 30.0, 12


def _requested(stage: Stage) -> float:
    """What control asks of the base pump at this moment, mL/min."""
    return float(stage.status()["actuators"]["P-101"]["value"])


def _lost_answers(stage: Stage) -> Finding:
    """First the answers to start and stop of each addition are lost, then every second of all answers while the pump runs."""
    vain = {"checks.base-no-effect.window": "2 h", "checks.base-no-effect.lasting": "1 h"}  # the plant stands
    stage.start({"doses.P-101.per_hour": "200 mL", **vain})
    stage.request("mode", "AIC-101", "MAN")
    additions = [_added(stage) for _ in range(_TRIALS)]
    worst = max(abs(flowed - asked) / asked for asked, flowed, _ in additions)
    lost = sum(struck for _, _, struck in additions)
    stops = [_stopped(stage, 1.0 + 0.7 * place) for place in range(_STOPS)]
    slowest_s, others = max(took_s for took_s, _, _ in stops), sum(struck for _, _, struck in stops)
    flowed_ml = sum(flowed for _, flowed, _ in additions) + sum(flowed for _, flowed, _ in stops)
    counted = stage.status()["doses"]["P-101"]["batch"]
    return Finding(
        f"{_TRIALS} additions of {_DOSE_S:g} s, {lost} answers to start and stop lost: worst {worst:.1%} off what was asked for; "
        f"then {others} of all answers lost (50 %): slowest of {_STOPS} stops {slowest_s:.1f} s; "
        f"{flowed_ml:.2f} mL flowed, {counted:.2f} mL on the ledger",
        worst <= 0.02 and lost == 2 * _TRIALS and slowest_s <= 2.0 and counted >= 0.98 * flowed_ml,
        "there is no addition by amount: what is asked for is the flow commanded, times its duration; what flowed is the bench's",
    )


def _loses(stage: Stage, command: str) -> int:
    """From now on the next answer to a command is lost; how many were lost before."""
    struck = stage.struck("mute")
    stage.clear("pump/1")
    stage.fault("pump/1", "mute", hears=True, to=command, times=1)
    return struck


def _added(stage: Stage) -> tuple[float, float, int]:
    """One addition: mL asked for, by what control commands; mL that flowed; and answers lost."""
    asked, flowed, struck = 0.0, 0.0, -1
    stage.until(lambda: condition(stage, "base") == "answering", 30.0)
    _loses(stage, "1H")
    stage.request("output", "AIC-101", 100.0)
    at = begun = stage.now_s()
    rates = _requested(stage), stage.outputs()[_BASE]
    while at < begun + _DOSE_S + 8.0:
        if struck < 0 and at >= begun + _DOSE_S:
            struck = _loses(stage, "1I")
            stage.request("output", "AIC-101", 0.0)
        now = stage.now_s()
        asked, flowed = (
            total + rate * (now - at) / 60.0 for total, rate in zip((asked, flowed), rates, strict=True)
        )
        at, rates = now, (_requested(stage), stage.outputs()[_BASE])
        stage.sleep(0.02)
    struck += stage.struck("mute")
    stage.clear("pump/1")
    return asked, flowed, struck


def _stopped(stage: Stage, lossy_s: float) -> tuple[float, float, int]:
    """A stop after so long with every second answer lost: seconds until it flows no more, mL that flowed, and answers lost."""
    stage.until(lambda: condition(stage, "base") == "answering", 30.0)
    stage.request("output", "AIC-101", 100.0)
    flowed = poured(stage, _BASE, 10.0, lambda: stage.outputs()[_BASE] > 1.9)
    stage.fault("pump/1", "mute", hears=True, rate=0.5)
    flowed += poured(stage, _BASE, lossy_s)
    running = stage.outputs()[_BASE] > 1.9
    stage.request("output", "AIC-101", 0.0)
    begun = stage.now_s()
    flowed += poured(stage, _BASE, 20.0, lambda: stage.outputs()[_BASE] < 0.01)
    took_s = stage.now_s() - begun if running else math.inf
    struck = stage.struck("mute")
    stage.clear("pump/1")
    return took_s, flowed, struck


def _left_on(stage: Stage) -> Finding:
    """TIC-101 by hand at 33 degC, and nobody comes back."""
    stage.start({"authority.manual_for": "40 s", "authority.warn_before": "15 s"})
    last = stage.journal.last()
    stage.request("mode", "TIC-101", "MAN")
    stage.request("output", "TIC-101", 33.0)
    warned_s = stage.until(lambda: calls(stage, "TIC-101-by-hand"), 60.0)
    back_s = stage.until(lambda: loop(stage, "TIC-101")["mode"] == "AUTO", 60.0)
    stage.sleep(2.0)
    step = abs(stage.outputs()["jacket_setpoint_c"] - 33.0) / 17.0
    asked = [r for r in stage.journal.records("request", last) if r.body["target"] == "TIC-101"]
    ended = told(stage, last, subject="TIC-101", after="AUTO", actor="dead man")
    held_s = (ended[0].mono_ns - asked[-1].mono_ns) / 1e9 if ended and asked else math.inf
    return Finding(
        f"warned after {warned_s:.0f} s, by hand for {held_s:.1f} s of 40, step back {step:.1%} of span, "
        f"{len(asked)} requests and {len(ended)} end on record",
        math.isfinite(warned_s + back_s) and abs(held_s - 40.0) <= 1.0 and step < 0.02 and bool(asked),
    )


ROWS: tuple[Row | Absent, ...] = (
    Row("A04", "Pump runs, nothing arrives on the scale", "stopped after <= 10 % of the dose (600 mL) or 30 s; latched; told (window scaled to 28 s)", STILL, _runs_dry, own=True),
    Row("A08", "Dose limit per hour reached", "delivered <= limit + 2 %; latched, also over a kill (U8); told", STILL, _limit, own=True),
    Row("A09", "Acid and base demanded alternately", "never both commanded; never both flowing longer than the CO2 valve takes to close (lag 0.5 s, 24 to 0.5 mL/min: 1.9 s, and 0.3 s to the wire) (consumption is not judged: no ideal to compare with)", WALL, _never_both, own=True),
    Row("A10", "Acknowledgements of a dosing pump lost", "each addition within 2 % of requested (200 trials scaled to 8); no stop later than Tsafe 2 s at 50 % lost answers; ledger never less than what flowed", STILL, _lost_answers, own=True),
    Row("A12", "Manual override left on", "ends within 1 s of the set time; told before; bumpless; on record (30 min scaled to 40 s)", STILL, _left_on, own=True),
)  # fmt: skip
