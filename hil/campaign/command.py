"""Commands from afar that must not be obeyed, or not for ever: B11, B12, B13, B17, B19."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

from hil.campaign.bed import STILL, WALL
from hil.campaign.far import Far, dcmd, give, order, tell
from hil.campaign.look import acts, calls, loop
from hil.campaign.row import Finding, Row, Stuck
from hil.campaign.uplink import mosquitto
from hil.host.payload import DOUBLE, STRING
from hil.host.tap import now_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.campaign.stage import Stage

_PH, _PH_METRIC, _PH_NOW = "AIC-101", "Loops/AIC-101/Setpoint", 7.2
_OXYGEN, _OXYGEN_METRIC = "AIC-102", "Loops/AIC-102/Setpoint"


def _begin(stage: Stage, far: Far, settings: Mapping[str, str] | None = None) -> None:
    """A healthy unit whose Sparkplug host knows it, under remote authority."""
    stage.start_unit(settings)
    stage.await_health()
    far.await_birth()
    give_away(stage)


def give_away(stage: Stage) -> None:
    """Remote authority; Stuck if that is refused."""
    stage.until(lambda: stage.status()["unit_state"]["uplink_lost_s"] == 0.0, 120.0)
    answer = stage.request("authority", stage.bed.unit, "remote")
    if not answer["accepted"]:
        raise Stuck(f"no remote authority: {answer['reason']}")


def uplink_anew(stage: Stage, births: int, far: Far) -> None:
    """Kill the uplink and wait for the births of the next one."""
    os.kill(stage.process("uplink"), signal.SIGKILL)
    far.await_birth(births)


def _targets(stage: Stage) -> dict[str, float]:
    return {name: found["target"] for name, found in stage.status()["loops"].items()}


def _refusals(stage: Stage, after: int) -> list[str]:
    """The reasons of every refused command that the journal has since a record."""
    events = stage.journal.events(after, kind="request", after="refused")
    return [str(event.body["reason"]) for event in events]


def _retained(stage: Stage) -> Finding:
    """A fresh, valid order of each dialect is kept by the broker while the uplink is away, so that its subscription brings it."""
    stage.start_bench()
    mosquitto(stage)
    with Far(stage) as far:
        _begin(stage, far)
        before, last, births = _targets(stage), stage.journal.last(), len(far.births)
        os.kill(stage.process("uplink"), signal.SIGKILL)
        give(stage, order("setpoint", _PH, 7.3, late_s=5.0), retain=True)
        far.send(dcmd(_OXYGEN_METRIC, 45.0, DOUBLE, now_ms() + 5000), retain=True)
        far.await_birth(births)
        stage.until(lambda: len(_refusals(stage, last)) >= 2, 20.0 * stage.bed.clock)
        named = [reason for reason in _refusals(stage, last) if "retained" in reason]
        same = _targets(stage) == before
        obeyed = (
            tell(stage, order("setpoint", _PH, 7.25, host="sparkplug"))["accepted"],
            far.write(_OXYGEN_METRIC, 41.0, DOUBLE)["accepted"],
        )
    return Finding(
        f"set points {'unchanged' if same else 'CHANGED'}, {len(named)} refusals on record name it; the same unretained: obeyed {obeyed}",
        same and len(named) == 2 and all(obeyed),
    )


def _wrong_age(stage: Stage, far: Far) -> list[tuple[str, dict[str, Any], str]]:
    """What was answered to orders that come at the wrong time, in each dialect: what it is, the answer, and what its reason must say."""
    found = []
    for what, late_s, words in (("stale", -30.0, "old"), ("of the future", 30.0, "future")):
        found.append((what, tell(stage, order("setpoint", _PH, 7.3, host="sparkplug", late_s=late_s)), words))
        found.append((what, far.write(_OXYGEN_METRIC, 45.0, DOUBLE, late_s), words))
    first = order("setpoint", _PH, 7.22, host="sparkplug")
    fresh = now_ms()
    good = [tell(stage, first), far.ask(dcmd(_OXYGEN_METRIC, 41.0, DOUBLE, fresh))]
    found += [("good", answer, "") for answer in good]
    tell(stage, order("setpoint", _PH, _PH_NOW, host="sparkplug"))
    found.append(("repeated", tell(stage, first), "newer"))
    found.append(("repeated", far.ask(dcmd(_OXYGEN_METRIC, 41.0, DOUBLE, fresh)), "repetition"))
    older = order("setpoint", _PH, 7.3, host="sparkplug", late_s=-2.0)
    found.append(("older", tell(stage, older), "newer"))
    found.append(("older", far.ask(dcmd(_OXYGEN_METRIC, 45.0, DOUBLE, fresh - 1000)), "newer"))
    uplink_anew(stage, len(far.births), far)
    found.append(
        ("repeated to another process", far.ask(dcmd(_OXYGEN_METRIC, 41.0, DOUBLE, fresh)), "repetition")
    )
    return found


def _stale(stage: Stage) -> Finding:
    with Far(stage) as far:
        far.call(far.host.rebirth(stage.bed.unit))
        far.await_birth()
        give_away(stage)
        last = stage.journal.last()
        answers = _wrong_age(stage, far)
        after = _targets(stage)
        far.write(_OXYGEN_METRIC, 40.0, DOUBLE)
        stage.request("authority", stage.bed.unit, "local")
    applied = [what for what, answer, words in answers if words and answer["accepted"]]
    mute = [f"{what}: {a['reason']}" for what, a, words in answers if words and words not in a["reason"]]
    good = [answer["accepted"] for what, answer, _ in answers if what == "good"]
    kept, wanted = (after[_PH], after[_OXYGEN]), (_PH_NOW, 41.0)
    wrong = sum(bool(words) for _, _, words in answers)
    time.sleep(0.5)
    audited = len(_refusals(stage, last))
    return Finding(
        f"{wrong} orders out of time: applied {applied or 'none'}, answered without the reason {mute or 'none'}, "
        f"{audited} on record; set points {kept}",
        not applied and not mute and all(good) and kept == wanted and audited >= wrong,
        "the set points are where the orders in time put them",
    )


def _both(stage: Stage, far: Far, host: str = "scada-1") -> list[dict[str, Any]]:
    """A good order in each dialect, and what was answered."""
    return [
        tell(stage, order("setpoint", _PH, 7.3, host=host)),
        far.write(_OXYGEN_METRIC, 45.0, DOUBLE),
    ]


def _without_right(stage: Stage, far: Far) -> list[dict[str, Any]]:
    """What no host may ask for."""
    unit = stage.bed.unit
    wishes = (
        *(("authority", unit, "maintenance"), ("authority", unit, "remote")),
        *(("batch", unit, "B-1"), ("shelve", "UA-101", 60.0)),
    )
    found = [tell(stage, order(ask, target, value)) for ask, target, value in wishes]
    return [
        *found,
        far.write("Unit/Authority", "maintenance", STRING),
        far.write("Unit/Batch", "B-1", STRING),
    ]


def _offline(stage: Stage, far: Far) -> int:
    """The primary host says that it is offline; what is written to the device all the same, and how many refusals are on record then."""
    last = stage.journal.last()
    far.call(far.host.say(online=False))
    for _ in range(60):
        far.send(dcmd(_OXYGEN_METRIC, 45.0, DOUBLE, now_ms()))
        time.sleep(0.25)
    refused = sum("offline" in reason for reason in _refusals(stage, last))
    births = len(far.births)
    far.call(far.host.say(online=True))
    far.await_birth(births)
    return refused


def _trip(stage: Stage) -> None:
    """The vessel is too hot for long enough; Stuck if nothing trips."""
    stage.order("still", readings={**(stage.bed.still or {}), "temperature": 41.0})
    if stage.until(lambda: acts(stage, "overheated"), 150.0) > 150.0:
        raise Stuck("overheated does not trip")


def _unheard(stage: Stage) -> Finding:
    stage.start_bench()
    mosquitto(stage)
    with Far(stage, "scada-1") as far:
        stage.start_unit({"uplink.sparkplug.primary_host": "scada-1", "uplink_loss.alarm_after": "10 min"})
        stage.await_health()
        far.await_birth()
        before, last = _targets(stage), stage.journal.last()
        answers = {"local": _both(stage, far)}
        give_away(stage)
        answers["no right"] = _without_right(stage, far)
        offline = _offline(stage, far)
        kept = _targets(stage) == before
        obeyed = far.write(_OXYGEN_METRIC, 41.0, DOUBLE)["accepted"]
        before = _targets(stage)
        _trip(stage)
        answers["trip"] = _both(stage, far)
        kept = kept and _targets(stage) == before
        time.sleep(0.5)
        audited = len(_refusals(stage, last))
    applied = [name for name, given in answers.items() for answer in given if answer["accepted"]]
    mute = [name for name, given in answers.items() for answer in given if not answer["reason"]]
    asked = sum(map(len, answers.values()))
    return Finding(
        f"{asked} orders ({', '.join(answers)}): applied {applied or 'none'}, without a reason {mute or 'none'}; host offline: {offline} refused; "
        f"{audited} refusals on record; set points {'unchanged' if kept else 'CHANGED'}; the host online again: obeyed {obeyed}",
        not applied and not mute and kept and obeyed and offline > 0 and audited >= asked + 1,
    )


def _second(stage: Stage) -> Finding:
    """Three supervisors in turn: the first is the owner, another speaks JSON too, one speaks Sparkplug."""
    stage.start_bench()
    mosquitto(stage)
    with Far(stage) as far:
        _begin(stage, far)
        last, wrong, refused = stage.journal.last(), [], []
        for turn in range(10):
            wanted = 7.21 + 0.01 * turn
            if not tell(stage, order("setpoint", _PH, wanted, host="scada-1"))["accepted"]:
                wrong.append(f"the owner was refused in turn {turn}")
            refused.append(tell(stage, order("setpoint", _PH, 7.0, host="scada-2")))
            refused.append(far.write(_PH_METRIC, 7.05, DOUBLE))
            if abs(loop(stage, _PH)["target"] - wanted) > 1e-9:
                wrong.append(f"{loop(stage, _PH)['target']} for {wanted} in turn {turn}")
        unit = stage.status()["unit_state"]
        called = stage.until(lambda: calls(stage, "UA-102"), 20.0)
        time.sleep(0.5)
        actors = {str(event.body["actor"]) for event in stage.journal.events(last, kind="setpoint")}
    granted = [answer for answer in refused if answer["accepted"] or "scada-1" not in answer["reason"]]
    return Finding(
        f"owner {unit['owner']}; set point moved by {sorted(actors)} only; {len(refused)} orders of two others: {len(granted)} granted or without the "
        f"owner's name; UA-102 after {called:.1f} s: {unit['conflict'][:60]}; {wrong or 'every turn as the owner said'}",
        unit["owner"] == "scada-1" and actors == {"scada-1/campaign"} and not granted and not wrong
        and called < 20.0 and bool(unit["conflict"]),
    )  # fmt: skip


_TU_S, _WORD_S = 20.0, 5.0  # the uplink gives word of itself so often


def _left_alone(stage: Stage) -> Finding:
    """A pump and a loop by hand from afar; then the broker goes, and in a second round the uplink hears nothing of anybody."""
    stage.start_bench()
    mosquitto(stage)
    with Far(stage) as far:
        _begin(stage, far, {"uplink_loss.alarm_after": f"{_TU_S:g} s"})
        last = stage.journal.last()
        _by_hand(stage, far)
        assert stage.broker is not None
        at_s = time.monotonic()
        stage.broker.end(signal.SIGKILL)
        took = [_ends(stage, at_s)]
        mosquitto(stage)
        far.await_birth(len(far.births))
        give_away(stage)
        _by_hand(stage, far)
        uplink, at_s = stage.process("uplink"), time.monotonic()
        os.kill(uplink, signal.SIGSTOP)
        took.append(_ends(stage, at_s))
        os.kill(uplink, signal.SIGCONT)
        time.sleep(0.5)
        ended = stage.journal.events(last, kind="mode", before="MAN")
        told = [event.body["subject"] for event in ended if "uplink" in event.body["reason"]]
        authority = stage.journal.events(last, kind="authority", after="local")
    early = min(took[0]) < _TU_S - 1.0 or min(took[1]) < _TU_S - _WORD_S - 1.0
    worst = max(max(pair) for pair in took)
    return Finding(
        f"broker gone: pump {took[0][0]:.1f} s, loop {took[0][1]:.1f} s later; uplink frozen: {took[1][0]:.1f} s and {took[1][1]:.1f} s; "
        f"on record: manual ended of {sorted(told)}, authority {len(authority)} times",
        worst <= _TU_S + 1.0 and not early and told.count("P-102") == told.count(_OXYGEN) == 2 and len(authority) >= 2,
        f"Tu scaled to {_TU_S:g} s",
    )  # fmt: skip


def _by_hand(stage: Stage, far: Far) -> None:
    """The feed pump at 1 mL/min and the oxygen loop in manual, from afar; Stuck if the bench sees no feed."""
    for metric, value, datatype in (
        ("Actuators/P-102/Value", 1.0, DOUBLE),
        (f"Loops/{_OXYGEN}/Mode", "MAN", STRING),
        (f"Loops/{_OXYGEN}/Output", 20.0, DOUBLE),
    ):
        answer = far.write(metric, value, datatype)
        if not answer["accepted"]:
            raise Stuck(f"{metric}: {answer['reason']}")
    if stage.until(lambda: abs(stage.outputs()["feed_ml_min"] - 1.0) < 0.02, 10.0) > 10.0:
        raise Stuck("the feed pump does not run")


def _ends(stage: Stage, since_s: float) -> tuple[float, float]:
    """Seconds of the wall until the bench's pump stands and the loop regulates again."""
    stage.until(lambda: stage.outputs()["feed_ml_min"] == 0.0, 3.0 * _TU_S)
    pump_s = time.monotonic() - since_s
    stage.until(lambda: loop(stage, _OXYGEN)["mode"] == "AUTO", 10.0)
    return pump_s, time.monotonic() - since_s


ROWS = (
    Row("B11", "Retained command delivered at subscribe, in both dialects", "set points unchanged; refused with its reason on record", STILL, _retained, own=True),
    Row("B12", "Command stale, of the future, repeated, older than the last one", "0 applied; reason in the answer and on record", STILL, _stale, fast=True),
    Row("B13", "Command in local mode, without right, of a host that is offline, while held by a trip", "0 applied; refused with reason; on record", STILL, _unheard, own=True),
    Row("B17", "Three supervisors with conflicting set points", "moved by the owner only; conflict alarm", STILL, _second, own=True),
    Row("B19", "Remote manual outputs, uplink lost", "back by themselves within Tu + 1 s; recorded", WALL, _left_alone, own=True),
)  # fmt: skip
