"""The uplink against a real mosquitto and its own subscriber: nothing lost, nothing invented, whatever the broker does."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import multiprocessing
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import aiomqtt
import pytest
import structlog
from structlog.testing import capture_logs

from edgectl.model.codec import seal
from edgectl.model.plan import Plan
from edgectl.model.uplink_plan import JournalPlan, UplinkPlan
from edgectl.store.cursor import Batch
from edgectl.store.journal import FileJournal
from edgectl.store.reader import Reader
from edgectl.uplink.broker import Broker, connect
from edgectl.uplink.process import FIRST_S, MOST_S, REFUSED_S, Pace, run
from edgectl.uplink.readable import ReadableEncoder
from edgectl.uplink.session import BrokerFault, Message
from edgectl.uplink.told import Told
from tests.store.recording import Course, record, unit
from tests.uplink.peer import Gate, Mosquitto, Received, Subscriber, free_port, need

pytestmark = pytest.mark.slow


def plan(port: int, **more: Any) -> Plan:
    uplink = UplinkPlan(**{"host": "127.0.0.1", "port": port, "keepalive_s": 1, "publish_s": 0.05, **more})
    return seal(replace(unit(journal=JournalPlan(commit_s=0.05)), uplink=uplink))


@contextlib.asynccontextmanager
async def uplink(site: Plan, folder: Path) -> AsyncIterator[asyncio.Task[None]]:
    """The uplink process as a task, stopped as a signal would stop it."""
    task = asyncio.create_task(run(site, folder / "journal.db", folder / "uplink.db"))
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool], within_s: float = 20.0, every_s: float = 0.02) -> float:
    """Wait; returns the time it took (s)."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within_s, "it did not happen in time"
        await asyncio.sleep(every_s)
    return time.monotonic() - begun


def key(topic: str, body: dict[str, Any]) -> str:
    """What makes a message the same message, live or historical."""
    return json.dumps(
        [topic, {name: value for name, value in body.items() if name != "historical"}], sort_keys=True
    )


def expected(journal: Path, site: Plan) -> list[str]:
    """Every message the journal holds, in order."""
    dialect = ReadableEncoder(site, lambda: 0, Told(structlog.get_logger(), "journal"))
    with Reader(journal) as reader:
        records = reader.records(0, reader.head(), 10**9, ReadableEncoder.kinds)
    batch = Batch("journal", 0, 0, tuple(records), {record.run: site for record in records}, 0)
    messages = dialect.encode(batch, historical=False)
    return [key(message.topic, json.loads(message.payload)) for message in messages]


def telemetry(received: list[Received]) -> list[Received]:
    return [message for message in received if not message.topic.endswith("/status")]


async def test_what_is_recorded_arrives_and_the_status_tells_of_the_unit(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    site = plan(mosquitto.port)
    record(tmp_path / "journal.db", Course(site), 200)
    wanted = expected(tmp_path / "journal.db", site)
    subscriber = Subscriber(mosquitto.port, "#")
    async with uplink(site, tmp_path):
        await until(lambda: len(telemetry(subscriber.received())) >= len(wanted))
        late = Subscriber(mosquitto.port, "#")
        await until(lambda: bool(late.received()))
        [status] = late.stop()
        assert (status.topic, status.retained, status.body["status"]) == (
            "edgectl/BR-1/status",
            True,
            "online",
        )
    await until(lambda: subscriber.received()[-1].body.get("status") == "offline")
    received = subscriber.stop()
    assert [key(message.topic, message.body) for message in telemetry(received)] == wanted
    assert all(message.body["historical"] for message in telemetry(received))
    assert {message.qos for message in received} == {1}
    assert [message.body["status"] for message in received if message.topic.endswith("/status")] == [
        "online",
        "offline",
    ]
    assert received[-1].body["reason"] == "uplink stopped"


async def test_live_records_go_ahead_of_a_long_backlog(tmp_path: Path, mosquitto: Mosquitto) -> None:
    site = plan(mosquitto.port)
    for _ in range(3):
        record(tmp_path / "journal.db", Course(site), 1500)
    subscriber = Subscriber(mosquitto.port, "#")
    course = Course(site, begun_s=5000.0)
    journal = FileJournal(tmp_path / "journal.db", site, course.initial, course.clock)
    assert journal.flush()
    async with uplink(site, tmp_path):
        await until(lambda: len(telemetry(subscriber.received())) > 20)
        journal.event(course.entry().events[0]._replace(subject="needle"))
        took = await until(lambda: any(m.body.get("subject") == "needle" for m in subscriber.received()))
        at_that_time = telemetry(subscriber.received())
        assert journal.close()
        wanted = expected(tmp_path / "journal.db", site)
        await until(lambda: len(telemetry(subscriber.received())) >= len(wanted))
    received = telemetry(subscriber.stop())
    assert took < 2.0
    assert len(at_that_time) < len(wanted) * 0.9
    needle = next(m for m in received if m.body.get("subject") == "needle")
    assert not needle.body["historical"]
    old = [message.body["seq"] for message in received if message.body["historical"]]
    assert old == sorted(old)
    assert Counter(key(m.topic, m.body) for m in received) == Counter(wanted)


async def test_a_broker_killed_and_frozen_loses_no_record_and_repeats_only_what_it_had_not_confirmed(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """Killed, started again without memory, frozen, thawed: control records on, and afterwards everything is there."""
    gate = Gate(mosquitto.port)
    await gate.open()
    site = plan(gate.port)
    course = Course(site)
    journal = FileJournal(tmp_path / "journal.db", site, course.initial, course.clock)
    stop = asyncio.Event()

    async def control() -> None:
        while not stop.is_set():
            journal.scan(course.entry())
            await asyncio.sleep(0.005)

    controlling = asyncio.create_task(control())
    subscriber = Subscriber(mosquitto.port, "#")
    received: list[Received] = []
    with capture_logs() as logs:
        async with uplink(site, tmp_path):
            await until(lambda: len(subscriber.received()) > 50)
            mosquitto.signal(signal.SIGKILL)
            await gate.shut()
            await asyncio.sleep(0.2)
            received += subscriber.stop()
            mosquitto.start()
            subscriber = Subscriber(mosquitto.port, "#")
            await gate.open()
            await until(lambda: len(subscriber.received()) > 50)
            frozen_at = len(logs)
            mosquitto.signal(signal.SIGSTOP)
            noticed_s = await until(lambda: len(logs) > frozen_at)
            await asyncio.sleep(1.5)
            mosquitto.signal(signal.SIGCONT)
            thawed = len(subscriber.received())
            await until(lambda: len(subscriber.received()) > thawed + 50)
            stop.set()
            await controlling
            assert journal.close()
            wanted = expected(tmp_path / "journal.db", site)
            await until(
                lambda: {key(m.topic, m.body) for m in received + subscriber.received()} >= set(wanted)
            )
            await until(
                lambda: (
                    [m for m in subscriber.received() if m.topic.endswith("/status")][-1].body["status"]
                    == "online"
                )
            )
    received += subscriber.stop()
    await gate.shut()

    arrived = [key(message.topic, message.body) for message in telemetry(received)]
    assert set(arrived) == set(wanted)
    repeated = len(arrived) - len(set(arrived))
    assert repeated <= 300, "more than the batches that were on their way"
    assert noticed_s <= 1.5 * site.uplink.keepalive_s + 0.5
    live = [message.body["seq"] for message in telemetry(received) if not message.body["historical"]]
    first_seen = [seq for place, seq in enumerate(live) if seq not in live[:place]]
    assert first_seen == sorted(first_seen)
    states = [entry["state"] for entry in logs if entry["event"] == "broker"]
    assert all(now != before for before, now in itertools.pairwise(states))
    assert any("does not confirm" in state for state in states)


def uplink_process(site: Plan, folder: Path) -> None:
    """The uplink as a process of its own."""
    asyncio.run(run(site, folder / "journal.db", folder / "uplink.db"))


async def test_an_uplink_killed_again_and_again_delivers_everything_and_its_will(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    site = plan(mosquitto.port)
    for seed in range(3):
        record(tmp_path / "journal.db", Course(site, seed), 1000)
    wanted = expected(tmp_path / "journal.db", site)
    subscriber = Subscriber(mosquitto.port, "#")
    context = multiprocessing.get_context("forkserver")
    kills = 0
    while kills < 8 and len(telemetry(subscriber.received())) < len(wanted) - 500:
        process = context.Process(target=uplink_process, args=(site, tmp_path))
        process.start()
        before = len(subscriber.received())
        await until(lambda before=before: len(subscriber.received()) > before + 60)  # type: ignore[misc]
        process.kill()
        process.join()
        kills += 1
        await until(lambda: subscriber.received()[-1].body.get("status") == "offline")
        assert subscriber.received()[-1].body["reason"] == "connection lost"
    assert kills >= 2
    async with uplink(site, tmp_path):
        await until(lambda: {key(m.topic, m.body) for m in subscriber.received()} >= set(wanted), every_s=0.2)
    arrived = [key(m.topic, m.body) for m in telemetry(subscriber.stop())]
    assert set(arrived) == set(wanted)
    assert list(dict.fromkeys(arrived)) == wanted
    assert len(arrived) - len(wanted) < kills * 500


class _Handed:
    """A message in the hands of paho, confirmed when ``confirmed`` says so."""

    confirmed = False

    def is_published(self) -> bool:
        return self.confirmed


class _Paho:
    """What aiomqtt stands on: takes a message and does not wait."""

    def __init__(self) -> None:
        self.handed: list[_Handed] = []

    def publish(self, *_: Any) -> _Handed:
        self.handed.append(_Handed())
        return self.handed[-1]


class _Confirming:
    """An MQTT client whose confirmations come when ``confirmed`` is set, waited for as aiomqtt does."""

    def __init__(self) -> None:
        self.confirmed = asyncio.Event()
        self._client = _Paho()

    async def publish(self, *_: Any, **options: Any) -> None:
        wait_s = options["timeout"]
        await asyncio.wait_for(self.confirmed.wait(), None if wait_s == math.inf else wait_s)


async def test_a_message_confirmed_behind_the_last_one_is_waited_for() -> None:
    """A broker may confirm in another order than it was sent."""
    client = _Confirming()
    broker = Broker(cast("aiomqtt.Client", client), "place", 10.0)
    delivering = asyncio.create_task(broker.deliver([Message("a", b"1"), Message("a", b"2")]))
    client.confirmed.set()
    await asyncio.sleep(0.05)
    assert not delivering.done()
    client._client.handed[0].confirmed = True
    await asyncio.wait_for(delivering, 1.0)


async def test_a_message_that_is_never_confirmed_is_a_fault_in_time() -> None:
    client = _Confirming()
    broker = Broker(cast("aiomqtt.Client", client), "place", 0.05)
    client.confirmed.set()
    with pytest.raises(BrokerFault, match="does not confirm"):
        await broker.deliver([Message("a", b"1"), Message("a", b"2")])


async def test_a_stop_that_comes_together_with_a_confirmation_is_not_lost() -> None:
    client = _Confirming()
    broker = Broker(cast("aiomqtt.Client", client), "place", 10.0)
    delivering = asyncio.create_task(broker.deliver([Message("a", b"1"), Message("a", b"2")]))
    await asyncio.sleep(0.01)
    client.confirmed.set()
    delivering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivering


async def test_a_marker_behind_a_message_that_nobody_answers_is_sent_at_once(mosquitto: Mosquitto) -> None:
    """Not when the broker's delayed ACK lets Nagle's algorithm go on, 40 ms later each time."""
    site = plan(mosquitto.port)
    async with connect(site.uplink, ("127.0.0.1", mosquitto.port), "edge", Message("will", b"")) as broker:
        begun_s = time.monotonic()
        for _ in range(50):
            await broker.send(Message("data", b"1", qos=0))
            await broker.deliver([Message("marker", b"1")])
    assert time.monotonic() - begun_s < 1.0


async def test_a_frozen_broker_does_not_keep_the_uplink_from_stopping(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    site = plan(mosquitto.port, keepalive_s=30)
    record(tmp_path / "journal.db", Course(site), 50)
    async with uplink(site, tmp_path):
        subscriber = Subscriber(mosquitto.port, "#")
        await until(lambda: bool(subscriber.received()))
        mosquitto.signal(signal.SIGSTOP)
        begun = time.monotonic()
    assert time.monotonic() - begun < 3.0
    mosquitto.signal(signal.SIGCONT)
    await until(lambda: subscriber.received()[-1].body.get("status") == "offline")
    subscriber.stop()


async def test_connections_are_tried_at_most_once_a_second(tmp_path: Path) -> None:
    """A broker that answers at once that it is not available (CONNACK 3)."""
    tried: list[float] = []

    async def unavailable(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tried.append(time.monotonic())
        await reader.read(2)
        writer.write(b"\x20\x02\x00\x03")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(unavailable, "127.0.0.1", 0)
    site = plan(server.sockets[0].getsockname()[1])
    with capture_logs() as logs:
        async with uplink(site, tmp_path):
            await asyncio.sleep(3.5)
    server.close()
    assert 3 <= len(tried) <= 4
    assert all(after - before >= 0.99 for before, after in itertools.pairwise(tried))
    [told] = [entry["state"] for entry in logs]
    assert "the broker refuses the connection" in told


def test_the_pace_doubles_to_ten_seconds_with_jitter_and_begins_again() -> None:
    least, most = Pace(lambda: 0.0), Pace(lambda: 1.0)
    assert [most.wait_s(refused=False) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert [least.wait_s(refused=False) for _ in range(6)] == [1.0, 1.0, 2.0, 4.0, 5.0, 5.0]
    most.succeeded()
    assert most.wait_s(refused=False) == FIRST_S
    assert most.wait_s(refused=True) == REFUSED_S
    assert MOST_S == 10.0


async def reason(site: Plan, folder: Path) -> str:
    """What the log says of a broker that cannot be had."""
    with capture_logs() as logs:
        async with uplink(site, folder):
            await until(lambda: any(entry["event"] == "broker" for entry in logs), 15.0)
    return next(str(entry["state"]) for entry in logs if entry["event"] == "broker")


async def test_an_absent_broker_is_named_as_such(tmp_path: Path) -> None:
    port = free_port()
    assert await reason(plan(port), tmp_path) == (
        f"127.0.0.1:{port}: nothing listens there; is the broker running, is the port right?"
    )


async def test_a_name_that_does_not_resolve_is_named_as_such(tmp_path: Path) -> None:
    text = await reason(plan(1883, host="broker.invalid"), tmp_path)
    assert text.startswith("broker.invalid:1883: the name does not resolve")


def make(*command: str) -> None:
    """Run a program that makes something."""
    need(command[0])
    subprocess.run(command, check=True, capture_output=True)


async def test_a_wrong_password_is_named_as_such_and_tried_rarely(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    make("mosquitto_passwd", "-b", "-c", str(passwords), "unit", "right")
    broker = Mosquitto(tmp_path, f"allow_anonymous false\npassword_file {passwords}\nuser root")
    broker.start()
    gate = Gate(broker.port)
    await gate.open()
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    site = plan(gate.port, username="unit", password_file=str(secret))
    with capture_logs() as logs:
        async with uplink(site, tmp_path):
            await until(lambda: bool(logs))
            await asyncio.sleep(2.5)
    assert len(gate.tried) == 1
    assert [entry["state"] for entry in logs] == [
        f"127.0.0.1:{gate.port}: the broker refuses this user; check uplink.username and uplink.password_file"
    ]
    secret.write_text("right\n")
    with capture_logs() as logs:
        async with uplink(site, tmp_path):
            await until(lambda: bool(logs))
    assert logs[0]["state"].startswith("connected to")
    await gate.shut()
    broker.stop()


async def test_a_missing_password_file_is_named_and_nobody_is_asked_without_it(tmp_path: Path) -> None:
    gate = Gate(free_port())
    await gate.open()
    text = await reason(plan(gate.port, username="unit", password_file="/nowhere/secret"), tmp_path)
    await gate.shut()
    assert text == "uplink.password_file /nowhere/secret: No such file or directory"
    assert gate.tried == []


async def test_a_broker_that_takes_the_connection_and_says_nothing_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgectl.uplink.broker.CONNECT_S", 0.5)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    text = await reason(plan(port), tmp_path)
    server.close()
    assert "something listens there and does not answer" in text


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho drops a socket that failed its handshake
async def test_tls_to_a_plain_port_is_named_as_such(tmp_path: Path, mosquitto: Mosquitto) -> None:
    text = await reason(plan(mosquitto.port, tls=True), tmp_path)
    assert "no TLS connection" in text or "Connection reset" in text


def certificates(folder: Path) -> None:
    """A certificate of localhost that nobody has signed but itself."""
    make(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "400",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"),
    )  # fmt: skip


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # paho drops a socket that failed its handshake
async def test_only_a_broker_with_a_trusted_certificate_is_told_anything(tmp_path: Path) -> None:
    certificates(tmp_path)
    broker = Mosquitto(
        tmp_path,
        f"allow_anonymous true\nuser root\ncertfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem",
    )
    broker.start()
    trusting = plan(broker.port, host="localhost", tls=True, ca_file=str(tmp_path / "cert.pem"))
    assert (await reason(trusting, tmp_path)).startswith("connected to localhost")
    doubting = plan(broker.port, host="localhost", tls=True)
    assert "certificate is not trusted" in await reason(doubting, tmp_path)
    elsewhere = plan(broker.port, host="127.0.0.1", tls=True, ca_file=str(tmp_path / "cert.pem"))
    assert "certificate is not trusted" in await reason(elsewhere, tmp_path)
    missing = plan(broker.port, tls=True, ca_file="/nowhere/ca.pem")
    assert "certificate files (/nowhere/ca.pem) cannot be used" in await reason(missing, tmp_path)
    broker.stop()


async def test_a_journal_that_comes_late_is_waited_for_and_told_once(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    site = plan(mosquitto.port)
    subscriber = Subscriber(mosquitto.port, "#")
    with capture_logs() as logs:
        async with uplink(site, tmp_path):
            await asyncio.sleep(1.5)
            await asyncio.to_thread(record, tmp_path / "journal.db", Course(site), 50)
            wanted = expected(tmp_path / "journal.db", site)
            await until(lambda: len(telemetry(subscriber.received())) >= len(wanted))
    subscriber.stop()
    told = [entry["state"] for entry in logs if entry["event"] == "journal"]
    assert len(told) == 2
    assert "journal.db" in told[0]
    assert told[1] == "readable"


async def test_a_broker_that_does_not_confirm_is_left_without_a_goodbye(tmp_path: Path) -> None:
    """So that it tells the will, should it live."""
    heard, left = bytearray(), asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x20\x02\x00\x00")
        while data := await reader.read(4096):
            heard.extend(data)
            if (at := data.find(b"\x82\x18")) >= 0:  # SUBSCRIBE is granted, nothing else answered
                writer.write(b"\x90\x03" + data[at + 2 : at + 4] + b"\x01")
        left.set()
        writer.close()

    server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    with capture_logs():
        async with uplink(plan(server.sockets[0].getsockname()[1]), tmp_path):
            await asyncio.wait_for(left.wait(), 3.0)
            goodbye = heard.endswith(b"\xe0\x00")
    server.close()
    assert b"online" in heard
    assert not goodbye


async def test_a_connection_that_never_came_about_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgectl.uplink.broker.CONNECT_S", 0.2)
    closed = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        closed.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    site = plan(server.sockets[0].getsockname()[1], keepalive_s=60)
    with capture_logs():
        async with uplink(site, tmp_path):
            await asyncio.wait_for(closed.wait(), 2.0)
    server.close()


async def test_no_descriptor_is_left_behind_by_fifty_lost_connections(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pace, "wait_s", lambda *_, **__: 0.01)
    gate = Gate(mosquitto.port)
    site = plan(gate.port)

    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with capture_logs():
        async with uplink(site, tmp_path):
            counts = []
            for _ in range(50):
                tried = len(gate.tried)
                await gate.open()
                await until(lambda tried=tried: len(gate.tried) > tried)  # type: ignore[misc]
                await asyncio.sleep(0.03)
                await gate.shut()
                counts.append(descriptors())
    assert max(counts[-10:]) <= max(counts[:10]) + 3
