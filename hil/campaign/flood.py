"""What pours in from the broker: B10 (damaged commands), B09 (messages of 20 MB), B14 (rebirth requests)."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hil.campaign import oracle
from hil.campaign.bed import STILL
from hil.campaign.command import give_away
from hil.campaign.far import DEVICE, GROUP, Far, dcmd, give, order, say, tell
from hil.campaign.fuzz import HOST, Fuzz
from hil.campaign.row import Finding, Row
from hil.campaign.uplink import mosquitto
from hil.host.encode import encode
from hil.host.payload import BOOLEAN, DOUBLE, Payload, decode, make
from hil.host.tap import now_ms
from hil.subscriber import Subscriber

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

MANY = 10_000
_BRISK = "250 ms"  # an order that is well-formed waits for a scan
_AHEAD = 12  # payloads on their way in each dialect; the uplink lets 20 wait
_PATIENCE_S = 1.0
_MOVES = ("setpoint", "mode", "request", "output", "authority", "unit", "batch", "manual", "hazard")
_FREE = ("feed_ml_min", "stir_rpm", "air_ml_min")  # moved by no loop


class Poured(NamedTuple):
    """What came of a flood: payloads sent and answered in each dialect."""

    sent: int
    answered_json: int
    answered_sparkplug: int


async def _pour(stage: Stage, count: int, seed: int) -> Poured:
    """So many payloads, half in each dialect, never more than the uplink lets wait."""
    unit = stage.bed.unit
    fuzz = Fuzz(seed, {name: found["target"] for name, found in stage.status()["loops"].items()})
    topics = [f"edgectl/{unit}/answer", f"spBv1.0/{GROUP}/DDATA/{unit}/{DEVICE}"]
    async with Subscriber("127.0.0.1", stage.port, topics, client_id="hil-fuzz") as client:
        answered = {"json": 0, "sparkplug": 0}
        heard = asyncio.Event()

        async def listen() -> None:
            async for message in client:
                answered["json"] += message.topic == topics[0]
                if message.topic == topics[1]:
                    answered["sparkplug"] += _has_answer(message.payload)
                heard.set()

        async def pour(dialect: str) -> None:
            allowed = 0
            for number in range(count // 2):
                if dialect == "json":
                    await client.publish(f"edgectl/{unit}/command", fuzz.json())
                else:
                    verb = f"NCMD/{unit}" if number % 7 == 0 else f"DCMD/{unit}/{DEVICE}"
                    await client.publish(f"spBv1.0/{GROUP}/{verb}", fuzz.sparkplug())
                while number + 1 - allowed - answered[dialect] >= _AHEAD:
                    allowed += await _stuck(heard)

        listening = asyncio.create_task(listen())
        await asyncio.gather(pour("json"), pour("sparkplug"))
        await asyncio.sleep(2.0)
        listening.cancel()
    return Poured(count // 2 * 2, answered["json"], answered["sparkplug"])


async def _stuck(heard: asyncio.Event) -> int:
    """Wait for an answer; 1 if none comes, and one more may go."""
    heard.clear()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await heard.wait()
    except TimeoutError:
        return 1
    return 0


def _has_answer(payload: bytes) -> bool:
    return any(metric.name == "Commands/Answer" for metric in decode(payload).metrics)


def _picture(stage: Stage) -> dict[str, object]:
    """What no damaged command may change: set points, modes, whose demand each actuator follows, and outputs that no loop moves."""
    status, outputs = stage.status(), stage.outputs()
    return {
        **{name: (found["target"], found["mode"]) for name, found in status["loops"].items()},
        **{name: found["source"] for name, found in status["actuators"].items()},
        **{name: round(outputs[name], 6) for name in _FREE},
        "unit": (status["held"], status["unit_state"]["authority"]),
    }


def fuzzed(stage: Stage, count: int, seed: int = 1) -> Finding:
    """Damaged commands by the thousand on a healthy unit under remote authority."""
    give_away(stage)
    asyncio.run(_pour(stage, 400, seed + 1))  # what grows once has grown
    before, last = _picture(stage), stage.journal.last()
    held = {name: stage.resources(name) for name in ("control", "uplink")}
    log, begun_s = (stage.folder / "run.log").stat().st_size, time.monotonic()
    poured = asyncio.run(_pour(stage, count, seed))
    took_s = time.monotonic() - begun_s
    changed = {key: (before[key], now) for key, now in _picture(stage).items() if now != before[key]}
    events = [event.body for event in stage.journal.events(last) if event.body["kind"] in _MOVES]
    moved = [event for event in events if event["before"] != event["after"] and event["after"] != "refused"]
    refused = sum(event["after"] == "refused" for event in events)
    grown = {name: stage.resources(name).rss_kb - held[name].rss_kb for name in held}
    said = (stage.folder / "run.log").read_bytes()[log:].decode(errors="replace")
    rest = sum(len(line) + 1 for line in said.splitlines() if 'event="request ' not in line)
    alive = held["uplink"].pid == stage.process("uplink") and held["control"].pid == stage.process("control")
    thrown = said.count("Traceback") + said.count("exception")
    strayed = oracle.moved_without_cause(stage)
    parsed = poured.answered_json + poured.answered_sparkplug
    return Finding(
        f"{poured.sent} payloads in {took_s:.0f} s, {parsed} parsed and answered ({poured.answered_json} JSON, {poured.answered_sparkplug} Sparkplug); "
        f"changed: {changed or 'nothing'}, moves on record: {moved[:2] or 'none'}; {strayed or 'bench as recorded'}; {refused} refusals on record; {thrown} exceptions, {len(said)} bytes of log, "
        f"{rest} of them not on what control decided; {grown} kB more; {'same processes' if alive else 'A PROCESS DIED'}",
        not changed and not moved and not strayed and not thrown and alive and parsed >= 0.95 * poured.sent
        and grown["uplink"] < 8000 and grown["control"] < oracle.GROWTH_KB and rest < oracle.LOG_BYTES_AT_ONCE,
    )  # fmt: skip


def obeys(stage: Stage, far: Far) -> tuple[bool, bool]:
    """Whether a good order of each dialect is carried out."""
    return (
        bool(tell(stage, order("setpoint", "AIC-101", 7.25, host=HOST))["accepted"]),
        bool(far.write("Loops/AIC-102/Setpoint", 41.0, DOUBLE)["accepted"]),
    )


def _damaged(stage: Stage) -> Finding:
    stage.start_bench()
    mosquitto(stage)
    with Far(stage) as far:
        stage.start_unit({"uplink.commands.rate": "100", "period": _BRISK})
        stage.await_health()
        far.await_birth()
        found = fuzzed(stage, MANY)
        good = obeys(stage, far)
        unread = len(far.host.tracker.unreadable)
    return Finding(
        f"{found.measured}; good orders afterwards obeyed: {good}", found.passed and all(good) and not unread
    )


def _storm(stage: Stage) -> Finding:
    """The host asks a hundred times a second."""
    stage.start_bench()
    mosquitto(stage)
    with Far(stage, asks=False) as far:
        stage.start_unit()
        stage.await_health()
        far.await_birth()
        time.sleep(6.0)
        scans, births = stage.status()["skipped_scans"], len(far.births)
        asked = far.call(_ask_rebirths(stage, 20.0))
        time.sleep(6.0)
        times = far.births[births - 1 :]
        skipped = stage.status()["skipped_scans"] - scans
        gaps, ailing = far.gaps, stage.ailing()
        far.call(far.host.rebirth(stage.bed.unit))
        answered = far.await_birth(len(far.births))
    pauses = [(later - one) / 1000 for one, later in itertools.pairwise(times)]
    return Finding(
        f"{asked} requests in 20 s: {len(pauses)} births, at least {min(pauses, default=0.0):.1f} s apart, {gaps} gaps in seq; {skipped} scans skipped, "
        f"{ailing or 'in control'}; asked once afterwards: born {answered:.1f} s later",
        asked >= 1800 and 1 <= len(pauses) <= 6 and min(pauses) >= 4.95 and not skipped and not ailing and not gaps,
    )  # fmt: skip


def _retained(stage: Stage) -> Finding:
    """20 MB on each topic that the uplink subscribes to, while it is connected and again, retained, when it subscribes anew."""
    unit, size = stage.bed.unit, 20_000_000
    spb = f"spBv1.0/{GROUP}"
    topics = [
        *(f"edgectl/{unit}/{name}" for name in ("command", "status")),
        *(f"{spb}/NCMD/{unit}", f"{spb}/NBIRTH/{unit}", f"{spb}/DCMD/{unit}/{DEVICE}", _STATE),
    ]
    stage.start_bench()
    mosquitto(stage, ear=False)
    _state(stage)
    stage.start_unit({"uplink.sparkplug.primary_host": "scada-1"})
    stage.await_health()
    give_away(stage)
    held = {name: stage.resources(name).rss_kb for name in ("control", "uplink")}
    for topic in topics:
        say(stage.port, topic, bytes(size), retain=True)
    peak = {name: _peak_kb(stage, name) - before for name, before in held.items()}
    pid = stage.process("uplink")
    os.kill(pid, signal.SIGKILL)
    stage.until(lambda: stage.process("uplink") != pid, 40.0)
    time.sleep(8.0)
    peak["uplink anew"] = _peak_kb(stage, "uplink") - held["uplink"]
    at_s = time.monotonic()
    _state(stage)  # what it said last was overwritten
    back_s = stage.until(
        lambda: stage.status()["unit_state"]["uplink"] == "connected" and _obeyed(stage), 240.0
    )
    scans, ailing = stage.status()["skipped_scans"], stage.ailing()
    return Finding(
        f"{len(topics)} topics, live and retained: at most {peak} kB more; {scans} scans skipped, {ailing or 'in control'}; "
        f"a good order of each dialect {'obeyed' if back_s < 240.0 else 'NOT obeyed'} within {time.monotonic() - at_s:.0f} s",
        max(peak.values()) < 32_000 and not ailing and not scans and back_s < 240.0,
    )


_STATE = "spBv1.0/STATE/scada-1"


def _state(stage: Stage) -> None:
    """The primary host is online."""
    say(stage.port, _STATE, json.dumps({"online": True, "timestamp": now_ms()}).encode(), retain=True)


def _obeyed(stage: Stage) -> bool:
    """A good order of each dialect, looked for at the unit itself."""
    give(stage, order("setpoint", "AIC-101", 7.25, host="scada-1"))
    payload = dcmd("Loops/AIC-102/Setpoint", 41.0, DOUBLE, now_ms())
    say(stage.port, f"spBv1.0/{GROUP}/DCMD/{stage.bed.unit}/{DEVICE}", payload)
    time.sleep(1.0)
    loops = stage.status()["loops"]
    return (loops["AIC-101"]["target"], loops["AIC-102"]["target"]) == (7.25, 41.0)


def _peak_kb(stage: Stage, name: str) -> int:
    """The most memory a process ever had."""
    status = Path(f"/proc/{stage.process(name)}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


async def _ask_rebirths(stage: Stage, seconds: float) -> int:
    """Ask so often for so long; how many times that was."""
    asked, begun = 0, time.monotonic()
    async with Subscriber("127.0.0.1", stage.port, [], client_id="hil-storm") as client:
        while (now := time.monotonic()) < begun + seconds:
            while asked < 100 * (now - begun):
                wish = make("Node Control/Rebirth", True, BOOLEAN, now_ms())
                await client.publish(
                    f"spBv1.0/{GROUP}/NCMD/{stage.bed.unit}", encode(Payload(now_ms(), (wish,)))
                )
                asked += 1
            await asyncio.sleep(0.01)
    return asked


ROWS = (
    Row("B09", "20 MB on each subscribed topic, live and retained", "< 32 MB more in any process; in control; good orders obeyed afterwards (200 MB scaled to 20 MB)", STILL, _retained, own=True),
    Row("B10", "Damaged, senseless and oversize commands in both dialects", "0 of 10 000 move anything; >= 95 % parsed and answered; 0 exceptions; memory and log bounded; good orders obeyed afterwards", STILL, _damaged, own=True, alone=True),
    Row("B14", "100 rebirth requests a second for 20 s", "<= 1 birth per 5 s; 0 scans skipped; 0 gaps", STILL, _storm, own=True),
)  # fmt: skip
