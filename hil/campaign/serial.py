"""Serial lines and RS-485, what is on the wire: S01 to S06, S10 to S14."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.campaign.bed import BUS, STILL
from hil.campaign.look import condition, reason
from hil.campaign.row import Absent, Finding, Row

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_WRONG = "0 values beside the true ones (U3)"


def _noise_around(stage: Stage) -> Finding:
    tally = stage.tally("bus")
    stage.fault("bus", "garble", rate=0.1)
    stage.sleep(6.0)
    count, struck = tally.count(), stage.struck("garble")
    passed = count.good >= 0.85 and count.opened == 0 and struck > 0
    return Finding(
        f"{count.good:.1%} of {count.asked} polls good, {struck} garbled, {count.opened} reopenings", passed
    )


def _cut(stage: Stage) -> Finding:
    tally = stage.tally("bus")
    stage.fault("bus", "cut", rate=0.3)
    stage.sleep(4.0)
    struck = stage.struck("cut")
    count = tally.count()
    whole = count.sent - struck
    passed = struck > 0 and whole * 0.95 <= count.taken <= whole + 1
    return Finding(f"{struck} replies cut; {count.taken} taken of {whole} whole ones", passed)


def _flip(stage: Stage) -> Finding:
    tally = stage.tally("bus")
    stage.fault("bus", "flip", rate=0.3)
    stage.sleep(6.0)
    struck = stage.struck("flip")
    count = tally.count()
    whole = count.sent - struck
    passed = struck > 0 and whole * 0.95 <= count.taken <= whole + 1
    return Finding(f"{struck} replies flipped, {count.taken} taken of {whole} whole ones", passed)


def _foreign(stage: Stage) -> Finding:
    told: dict[str, tuple[int, str, bool]] = {}
    for verb, words in (("foreign", {"address": 9}), ("collide", {})):
        stage.fault("bus/3", verb, **words)
        polls = stage.reached("bus/3")["counts"]["requests"]
        known = math.isfinite(stage.until(lambda: condition(stage, "d3") != "answering", 10.0))
        polls = stage.reached("bus/3")["counts"]["requests"] - polls
        told[verb] = (polls, reason(stage, "d3"), known)
        stage.clear("bus/3")
        stage.await_health(20.0)
    (foreign_polls, foreign, one), (collide_polls, collide, two) = told["foreign"], told["collide"]
    apart = "answered with function" in foreign and "two instruments" in collide
    return Finding(
        f"told after {foreign_polls} and {collide_polls} polls: '{foreign[-70:]}' / '{collide[-80:]}'",
        apart and one and two and max(foreign_polls, collide_polls) <= 4,
    )


def _late(stage: Stage) -> Finding:
    stage.fault("bus", "late", delay_s=0.25, rate=0.15)
    stage.sleep(10.0)
    struck = stage.struck("late")
    return Finding(
        f"{struck} late replies, timeout 0.1 s, two registers a device; U3 judges the values", struck >= 20
    )


def _one_dead(stage: Stage) -> Finding:
    names = [f"bus/{number}" for number in range(1, 9)]

    def asked() -> list[int]:
        return [stage.reached(name)["counts"].get("requests", 0) for name in names]

    def over(seconds: float) -> list[int]:
        begun = asked()
        stage.sleep(seconds)
        return [now - then for now, then in zip(asked(), begun, strict=True)]

    usual = over(8.0)
    stage.fault("bus/4", "mute")
    stage.until(lambda: stage.status()["tags"]["P4"]["quality"] == "BAD", 5.0)
    dead = over(16.0)
    rate = min(
        now / 2 / then for place, (now, then) in enumerate(zip(dead, usual, strict=True)) if place != 3
    )
    share = dead[3] * 0.12 / 16.0
    stage.clear("bus/4")
    back_s = stage.until(lambda: stage.status()["tags"]["P4"]["quality"] == "GOOD", 20.0)
    return Finding(
        f"others at {rate:.0%} of their rate, {share:.1%} of the bus for the dead one, back after {back_s:.1f} s",
        rate >= 0.95 and share < 0.10 and back_s <= 5.0,
    )


def _other_baud(stage: Stage) -> Finding:
    last = stage.journal.last()
    stage.fault("bus/2", "baud", ratio=0.5)
    took_s = stage.until(lambda: condition(stage, "d2") == "failed", 10.0)
    stage.sleep(5.0)
    why = reason(stage, "d2")
    events = [
        e for e in stage.journal.events(last, kind="instrument", subject="d2") if e.body["after"] == "failed"
    ]
    named = "d2" in why and "line bus" in why and "baud" in why
    return Finding(
        f"told once in {took_s:.1f} s ({len(events)} events): {why[:110]}", named and len(events) == 1
    )


def _echo(stage: Stage) -> Finding:
    stage.fault("bus", "echo")
    stage.sleep(1.0)
    tally = stage.tally("bus")
    stage.sleep(5.0)
    count, struck = tally.count(), stage.struck("echo")
    return Finding(
        f"{count.good:.1%} of {count.asked} polls good, {struck} echoes", count.good >= 0.99 and struck > 0
    )


def _trickle(stage: Stage) -> Finding:
    tally = stage.tally("bus")
    stage.fault("bus/1", "trickle")
    stage.sleep(16.0)
    struck = stage.struck("trickle")
    count = tally.count()
    return Finding(
        f"{count.good:.1%} of {count.asked} polls good, {struck} in single bytes",
        count.good >= 0.99 and struck > 20,
    )


def _banner(stage: Stage) -> Finding:
    last = stage.journal.last()
    stage.fault("rtd/1", "restart", boot_s=1.0)
    took_s = stage.until(
        lambda: any(e.body["after"] == "restarted" for e in stage.journal.events(last, subject="rtd1")), 15.0
    )
    return Finding(f"restart on record after {took_s:.1f} s", math.isfinite(took_s))


def _one_behind(stage: Stage) -> Finding:
    """The base pump, whose replies to different questions differ."""
    stage.fault("pump/1", "behind")
    took_s = stage.until(lambda: condition(stage, "base") != "answering", 20.0)
    why, polls = reason(stage, "base"), stage.struck("behind")
    stage.sleep(5.0)
    return Finding(
        f"given up after {took_s:.1f} s, {polls} replies behind: {why[-90:]}",
        math.isfinite(took_s) and took_s <= 5.0,
        "where every question is the same, a reply one behind is a value one poll old and cannot be told",
    )


ROWS: tuple[Row | Absent, ...] = (
    Row("S01", "1-20 random bytes in 10 % of the replies", f"{_WRONG}; >= 85 % of polls good; port opened once (10 min scaled to 6 s)", BUS, _noise_around, waived={"U7": "a fault of the whole bus fails instruments again and again"}),
    Row("S02", "Reply cut after n bytes", f"{_WRONG}; every whole reply taken", BUS, _cut, fast=True),
    Row("S03", "One bit flipped in a reply", f"0 flipped frames taken (10 000 scaled to some hundred, all positions); {_WRONG}", BUS, _flip, fast=True),
    Row("S04", "Reply from another address; two devices with one address", "told apart; instrument given up within 3 polls (+1 under way)", BUS, _foreign),
    Row("S05", "Reply after the timeout, while another register is asked", f"{_WRONG}: 1000 late replies scaled to >= 15", BUS, _late, fast=True, waived={"U7": "one reply in seven of every device is late, again and again"}),
    Row("S06", "One of 8 devices on a bus is silent", "others >= 95 % of their rate; < 10 % bus time on the dead one; back <= 5 s", BUS, _one_dead),
    Row("S10", "Device at another baud rate", "0 values; one event that names line and device and the baud rate", BUS, _other_baud, fast=True),
    Row("S11", "Adapter echoes", f">= 99 % of polls good; {_WRONG}", BUS, _echo),
    Row("S12", "Bytes one at a time, 5-16 ms apart", ">= 99 % of polls good", BUS, _trickle),
    Row("S13", "Device restarts with a banner", f"restart on record; {_WRONG} (well again with the contactor's 30 s off)", STILL, _banner, back_s=45.0),
    Row("S14", "ASCII device answers one reply behind", "<= 1 poll wrong by one and GOOD; temperature never stored as flow; well again by itself", STILL, _one_behind),
)  # fmt: skip
