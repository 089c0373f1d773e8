"""The edge node on a real mosquitto, with a real journal and a control socket beside it: nothing lost, nothing out of turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from edgectl.model.codec import seal
from edgectl.model.plan import Plan
from edgectl.model.uplink_plan import CommandsPlan, JournalPlan, SparkplugPlan, UplinkPlan
from edgectl.store.cursor import Cursor
from edgectl.store.reader import Reader
from edgectl.store.record import Kind, unpack_measurements, words
from edgectl.uplink.announcer import Announcer
from edgectl.uplink.broker import connect
from edgectl.uplink.control_link import ControlLink
from edgectl.uplink.event import EVENTS
from edgectl.uplink.process import run
from edgectl.uplink.session import BrokerFault, Message
from edgectl.uplink.sparkplug.node import EdgeNode
from edgectl.uplink.sparkplug.session import EdgeSession
from edgectl.uplink.told import Told
from hil.host.encode import encode
from hil.host.payload import BOOLEAN, DOUBLE, STRING, Metric, Payload, decode, make
from hil.subscriber import Subscriber
from tests.store.recording import Course, record, unit
from tests.uplink.desk import Desk
from tests.uplink.peer import Mosquitto

pytestmark = pytest.mark.slow

BASE = "spBv1.0/site/{}/BR-1"
DEVICE = BASE + "/bioreactor"


def plan(port: int, primary_host: str = "", **more: Any) -> Plan:
    sparkplug = SparkplugPlan("site", "BR-1", "bioreactor", primary_host)
    uplink = UplinkPlan(
        "127.0.0.1",
        port,
        keepalive_s=5,
        publish_s=0.05,
        client_id="edge",
        readable=False,
        sparkplug=sparkplug,
        commands=CommandsPlan(10.0, 100.0),
        **more,
    )
    return seal(replace(unit(journal=JournalPlan(commit_s=0.05)), uplink=uplink))


class Host:
    """Hears everything of the node, in order, and writes to it."""

    def __init__(self, listener: Subscriber) -> None:
        self._listener = listener
        self.heard: list[tuple[str, Payload]] = []

    async def listen(self) -> None:
        async for message in self._listener:
            if message.topic.startswith("spBv1.0/site/"):
                _, _, verb, *_ = message.topic.split("/")
                if verb not in ("NCMD", "DCMD"):
                    self.heard.append((verb, decode(message.payload)))

    async def write(self, topic: str, *metrics: Metric, retain: bool = False) -> None:
        payload = encode(Payload(timestamp=now_ms(), metrics=metrics))
        await self._listener.publish(topic, payload, retain=retain)

    async def rebirth(self) -> None:
        await self.write(BASE.format("NCMD"), make("Node Control/Rebirth", True, BOOLEAN, now_ms()))

    async def state(self, host: str, online: bool, at: int) -> None:
        body = json.dumps({"online": online, "timestamp": at}).encode()
        await self._listener.publish(f"spBv1.0/STATE/{host}", body, qos=1, retain=True)

    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.heard]

    def values(self, name: str) -> list[tuple[int | None, object]]:
        """All values of a metric by their times, births too, each once."""
        found = {
            (metric.timestamp, metric.value())
            for _, payload in self.heard
            for metric in payload.metrics
            if metric.name == name
        }
        return sorted(found, key=lambda pair: pair[0] or 0)

    def answers(self) -> list[dict[str, Any]]:
        texts = [str(value) for _, value in self.values("Commands/Answer") if value is not None]
        return [answer for text in texts for answer in json.loads(text)]

    def events(self) -> list[int]:
        """The numbers of all events told."""
        texts = [str(value) for _, value in self.values("Journal/Event") if value is not None]
        return sorted(event["seq"] for text in texts for event in json.loads(text))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextlib.asynccontextmanager
async def host(port: int) -> AsyncIterator[Host]:
    async with Subscriber("127.0.0.1", port, ["#"]) as listener:
        found = Host(listener)
        task = asyncio.create_task(found.listen())
        try:
            yield found
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def uplink(site: Plan, folder: Path) -> AsyncIterator[None]:
    announcer = Announcer(folder / "control.sock", 0.1)
    task = asyncio.create_task(run(site, folder / "journal.db", folder / "uplink.db", announcer=announcer))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Any, within_s: float = 20.0) -> None:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within_s, "it did not happen in time"
        await asyncio.sleep(0.02)


def journal_values(folder: Path, site: Plan, tag: str) -> list[tuple[int, float | None]]:
    """What the journal holds of a tag: when it was judged, and the value."""
    found = []
    with Reader(folder / "journal.db") as reader:
        for item in reader.records(0, reader.head(), 10**9, (Kind.MEASUREMENTS,)):
            for row, age_ns in unpack_measurements(item.body, words(site)):
                if row.tag == tag:
                    found.append(((row.at.utc_ns + age_ns) // 1_000_000, row.value))
    return found


def journal_events(folder: Path) -> list[int]:
    """The numbers of all records that are events."""
    with Reader(folder / "journal.db") as reader:
        return [item.seq for item in reader.records(0, reader.head(), 10**9, EVENTS)]


async def test_births_then_data_equal_the_journal_and_numbers_have_no_gap(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = plan(mosquitto.port)
    course = Course(site)
    record(tmp_path / "journal.db", course, 600, commit_scans=50)
    async with Desk(tmp_path / "control.sock"), host(mosquitto.port) as scada:
        async with uplink(site, tmp_path):
            wanted, happened = journal_values(tmp_path, site, "TT-101"), journal_events(tmp_path)
            await until(lambda: len(scada.values("Tags/TT-101")) >= len(wanted))
            await until(lambda: len(scada.events()) >= len(happened))
        await until(lambda: scada.verbs()[-1] == "NDEATH")
    assert scada.verbs()[0] == "NBIRTH"
    assert not {"DDATA", "NDATA"} & set(scada.verbs()[: scada.verbs().index("DBIRTH")])
    assert scada.values("Tags/TT-101") == wanted
    numbers = [payload.seq for verb, payload in scada.heard if verb != "NDEATH"]
    assert numbers == [place % 256 for place in range(len(numbers))]
    assert scada.events() == happened


async def test_a_broker_killed_in_a_backlog_loses_nothing_and_repeats_only_the_unconfirmed_tail(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = plan(mosquitto.port)
    record(tmp_path / "journal.db", Course(site), 3000, commit_scans=50)
    wanted = journal_values(tmp_path, site, "AT-101")
    async with Desk(tmp_path / "control.sock"), uplink(site, tmp_path):
        async with host(mosquitto.port) as before:
            await until(lambda: len(before.values("Tags/AT-101")) > len(wanted) // 4)
            mosquitto.signal(signal.SIGKILL)
        mosquitto.start()
        async with host(mosquitto.port) as after:

            def both() -> set[tuple[int | None, object]]:
                return {*before.values("Tags/AT-101"), *after.values("Tags/AT-101")}

            await until(lambda: len(both()) >= len(wanted))
    assert sorted(both(), key=lambda pair: pair[0] or 0) == wanted
    twice = [
        (metric.timestamp, metric.name)
        for verb, payload in after.heard
        if verb == "DDATA"
        for metric in payload.metrics
        if metric.name == "Tags/AT-101" and (metric.timestamp, metric.value()) in before.values("Tags/AT-101")
    ]
    assert len(twice) <= 200  # one batch
    born = [
        m.value()
        for _, payload in [*before.heard, *after.heard]
        for m in payload.metrics
        if m.name == "bdSeq"
    ]
    assert born == [0, 1]


async def test_rebirths_are_whole_and_at_most_one_in_five_seconds(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = plan(mosquitto.port)
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    async with Desk(tmp_path / "control.sock"), uplink(site, tmp_path), host(mosquitto.port) as scada:
        await until(lambda: scada.verbs().count("DBIRTH") >= 1)
        scada.heard.clear()
        for _ in range(300):
            await scada.rebirth()
            await scada.write(BASE.format("NCMD"), make("Node Control/Rebirth", False, BOOLEAN, now_ms()))
            await asyncio.sleep(0.02)
        await until(lambda: scada.verbs().count("DBIRTH") >= 1)
        verbs = scada.verbs()
        assert verbs.count("NBIRTH") <= 2
        births = [place for place, verb in enumerate(verbs) if verb == "NBIRTH"]
        assert all(verbs[place + 1] == "DBIRTH" for place in births)
        assert all(scada.heard[place][1].seq == 0 for place in births)


async def test_five_seconds_lie_between_two_births_however_long_the_first_took_to_prepare(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = plan(mosquitto.port)
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    async with Desk(tmp_path / "control.sock") as desk, host(mosquitto.port) as scada:
        desk.slow_s = 1.5
        async with uplink(site, tmp_path):
            await until(lambda: scada.verbs().count("DBIRTH") == 1)
            await scada.rebirth()
            await until(lambda: scada.verbs().count("NBIRTH") == 2)
        births = [payload.timestamp or 0 for verb, payload in scada.heard if verb == "NBIRTH"]
        assert births[1] - births[0] >= 5000


async def test_nothing_is_said_before_the_primary_host_is_online_and_all_ends_when_it_goes(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = plan(mosquitto.port, "scada-1")
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    async with Desk(tmp_path / "control.sock") as desk, uplink(site, tmp_path), host(mosquitto.port) as scada:
        await scada.state("scada-2", True, 50)
        await asyncio.sleep(1.0)
        assert scada.heard == []
        assert desk.of("uplink")[-1]["connected"] is False
        assert "scada-1" in desk.of("uplink")[-1]["detail"]
        await scada.state("scada-1", True, 100)
        await until(lambda: scada.verbs()[:2] == ["NBIRTH", "DBIRTH"])
        await until(lambda: desk.of("uplink")[-1]["connected"])
        await scada.state("scada-1", False, 99)
        await asyncio.sleep(0.5)
        assert "NDEATH" not in scada.verbs()
        await scada.state("scada-1", False, 100)
        await until(lambda: scada.verbs()[-1] == "NDEATH")
        await until(lambda: not desk.of("uplink")[-1]["connected"])
        await asyncio.sleep(1.5)
        assert scada.verbs()[-1] == "NDEATH"
        assert scada.verbs().count("NDEATH") == 1
        await scada.state("scada-1", True, 200)
        await until(lambda: scada.verbs().count("NBIRTH") == 2)
        born = [
            m.value()
            for verb, payload in scada.heard
            if verb == "NBIRTH"
            for m in payload.metrics
            if m.name == "bdSeq"
        ]
        assert born[0] != born[1]


async def test_a_control_process_that_goes_is_a_dead_device_and_one_that_comes_back_is_born(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = plan(mosquitto.port)
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    async with uplink(site, tmp_path), host(mosquitto.port) as scada:
        await until(lambda: scada.verbs().count("NBIRTH") == 1)
        await asyncio.sleep(0.5)
        assert "DBIRTH" not in scada.verbs()
        async with Desk(tmp_path / "control.sock"):
            await until(lambda: "DBIRTH" in scada.verbs())
        await until(lambda: scada.verbs()[-1] == "DDEATH")
        async with Desk(tmp_path / "control.sock"):
            await until(lambda: scada.verbs().count("DBIRTH") == 2)
        assert scada.verbs().count("NBIRTH") == 1
        numbers = [payload.seq for _, payload in scada.heard]
        assert numbers == list(range(len(numbers)))


async def test_orders_are_taken_whole_or_not_at_all_and_answered(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    site = plan(mosquitto.port)
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    topic = DEVICE.format("DCMD")
    async with Desk(tmp_path / "control.sock") as desk, uplink(site, tmp_path), host(mosquitto.port) as scada:
        await until(lambda: "DBIRTH" in scada.verbs())
        at = now_ms()
        await scada.write(
            topic,
            make("Loops/temperature/Setpoint", 36.0, DOUBLE, at),
            make("Loops/temperature/Mode", "AUTO", STRING, at),
        )
        await until(lambda: len(scada.answers()) == 2)
        first, second = scada.answers()
        assert (first["metric"], first["accepted"], first["readback"]) == (
            "Loops/temperature/Setpoint",
            True,
            37.0,
        )
        assert (second["metric"], second["readback"]) == ("Loops/temperature/Mode", "AUTO")
        assert [(asked["ask"], asked["target"], asked["value"]) for asked in desk.of("request")] == [
            ("setpoint", "temperature", 36.0),
            ("mode", "temperature", "AUTO"),
        ]
        bad = [
            (
                make("Loops/temperature/Setpoint", 36.0, DOUBLE, at + 1),
                make("Loops/none/Setpoint", 1.0, DOUBLE, at + 1),
            ),
            (make("Loops/temperature/Setpoint", "36", STRING, at + 2),),
            (make("Loops/temperature/Value", 36.0, DOUBLE, at + 3),),
            (make("Unit Control/Hold", False, BOOLEAN, at + 4),),
            (make("Loops/temperature/Setpoint", 36.0, DOUBLE, at - 20_000),),
            (),
        ]
        for metrics in bad:
            await scada.write(topic, *metrics)
        await until(lambda: len(scada.answers()) == 2 + len(bad))
        assert [answer["accepted"] for answer in scada.answers()[2:]] == [False] * len(bad)
        assert len(desk.of("request")) == 2
        assert len(desk.of("refused")) == len(bad)


async def test_a_retained_order_is_refused_at_every_connection(mosquitto: Mosquitto, tmp_path: Path) -> None:
    site = plan(mosquitto.port)
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    async with Desk(tmp_path / "control.sock") as desk, host(mosquitto.port) as scada:
        setpoint = make("Loops/temperature/Setpoint", 36.0, DOUBLE, now_ms())
        await scada.write(DEVICE.format("DCMD"), setpoint, retain=True)
        async with uplink(site, tmp_path):
            await until(lambda: bool(desk.of("refused")))
        assert "retained" in desk.of("refused")[0]["reason"]
        assert desk.of("request") == []


async def test_nobody_commands_in_the_name_of_a_primary_host_that_is_offline(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """B13: a node that waits for its host hears commands already; it must not obey them."""
    site = plan(mosquitto.port, "scada-1")
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    async with Desk(tmp_path / "control.sock") as desk, host(mosquitto.port) as scada:
        await scada.state("scada-1", False, 100)
        async with uplink(site, tmp_path):
            await until(lambda: "scada-1" in str(desk.of("uplink")[-1:]))
            await asyncio.sleep(0.3)
            setpoint = make("Loops/temperature/Setpoint", 36.0, DOUBLE, now_ms())
            await scada.write(DEVICE.format("DCMD"), setpoint)
            await until(lambda: bool(desk.of("refused")))
            assert "primary host scada-1" in desk.of("refused")[0]["reason"]
            assert desk.of("request") == []
            await scada.state("scada-1", True, 200)
            await until(lambda: "DBIRTH" in scada.verbs())
            await scada.write(DEVICE.format("DCMD"), setpoint)
            await until(lambda: len(desk.of("request")) == 1)


async def test_a_birth_that_is_not_its_own_is_no_proof_that_the_broker_passes_it_on(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Somebody may have had the broker keep an older one, while the list no longer lets this node write."""
    (tmp_path / "list.acl").write_text("topic read #\n\nuser somebody\ntopic write #\n")
    deaf = Mosquitto(tmp_path, f"allow_anonymous true\nuser root\nacl_file {tmp_path}/list.acl")
    deaf.start()
    words = [
        "-p",
        str(deaf.port),
        "-u",
        "somebody",
        "-r",
        "-t",
        BASE.format("NBIRTH"),
        "-m",
        "an older birth",
    ]
    await asyncio.to_thread(subprocess.run, ["mosquitto_pub", *words], check=True)
    site = plan(deaf.port)
    record(tmp_path / "journal.db", Course(site), 50, commit_scans=50)
    async with Desk(tmp_path / "control.sock") as desk, uplink(site, tmp_path):
        await until(lambda: any("does not pass it on" in word["detail"] for word in desk.of("uplink")))
        assert not any(word["connected"] for word in desk.of("uplink"))
    deaf.stop()


async def test_records_that_say_nothing_new_are_not_delivered_before_the_broker_confirms_behind_them(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """What they would have said was said in the birth, which nobody has confirmed yet (B15 of the fault catalogue)."""
    site = plan(mosquitto.port)
    will = Message("will", b"")
    async with connect(site.uplink, ("127.0.0.1", mosquitto.port), "quiet", will) as link:
        with ThreadPoolExecutor(1) as disk:
            session = EdgeSession(
                EdgeNode(site.uplink.sparkplug, 0, now_ms),
                link,
                ControlLink(tmp_path / "control.sock"),
                Cursor(tmp_path / "journal.db", tmp_path / "quiet.db", (Kind.EVENT,)),
                disk,
                plan=site,
                marker="marker",
                now_ms=now_ms,
                told=Told(structlog.get_logger(), "journal"),
                facts=dict,
            )
            await session.deliver([])
            mosquitto.signal(signal.SIGSTOP)
            with pytest.raises(BrokerFault, match="does not confirm"):
                await session.deliver([])
            mosquitto.signal(signal.SIGCONT)
