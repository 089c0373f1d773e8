"""The bench's broker and listener, with each other and with mosquitto's clients where those are installed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hil import mqtt
from hil.broker import Broker
from hil.mqtt import Message
from hil.subscriber import Subscriber

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
needs_mosquitto = pytest.mark.skipif(
    shutil.which("mosquitto_sub") is None, reason="mosquitto-clients is not installed (.ci/run installs it)"
)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    broker = Broker()
    yield await broker.start(HOST)
    await broker.stop()


async def first(listener: Subscriber) -> Message:
    async with asyncio.timeout(3.0):
        return await anext(listener)


@pytest.mark.parametrize(
    ("pattern", "topic", "matching"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("+/+", "/finance", True),
        ("+", "/finance", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a//c", "a//c", True),
    ],
)
def test_filters_select_as_section_4_7_says(pattern: str, topic: str, matching: bool) -> None:
    assert mqtt.matches(pattern, topic) is matching


@pytest.mark.parametrize("pattern", ["", "a#", "a/#/b", "a+/b", "+a"])
def test_a_misplaced_wildcard_is_no_filter(pattern: str) -> None:
    assert not mqtt.valid_filter(pattern)


@pytest.mark.parametrize("length", [0, 127, 128, 16383, 16384, 300000])
async def test_the_remaining_length_survives_its_encoding(length: int) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(mqtt.frame(mqtt.PUBLISH, bytes(length), 2))
    assert await mqtt.read_packet(reader) == (mqtt.PUBLISH, 2, bytes(length))


async def test_a_packet_larger_than_agreed_is_refused() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"\x30\xff\xff\xff\x7f")
    with pytest.raises(mqtt.MalformedError):
        await mqtt.read_packet(reader)


@pytest.mark.parametrize("qos", [0, 1])
async def test_a_message_reaches_who_asked_for_it_and_nobody_else(port: int, qos: int) -> None:
    async with (
        Subscriber(HOST, port, ["a/+"], client_id="one") as one,
        Subscriber(HOST, port, ["b/#"], client_id="two") as two,
    ):
        await one.publish("a/x", b"hello", qos=qos)
        await one.publish("b", b"there", qos=qos)
        assert await first(one) == Message("a/x", b"hello", qos)
        assert await first(two) == Message("b", b"there", qos)


async def test_a_retained_message_greets_late_listeners_until_it_is_cleared(port: int) -> None:
    async with Subscriber(HOST, port, [], client_id="writer") as writer:
        await writer.publish("state", b"online", qos=1, retain=True)
        async with Subscriber(HOST, port, ["#"], client_id="late") as late:
            assert await first(late) == Message("state", b"online", 1, retain=True)
            await writer.publish("state", b"live", qos=1, retain=True)
            assert await first(late) == Message("state", b"live", 1, retain=False)
        await writer.publish("state", b"", qos=1, retain=True)
        async with Subscriber(HOST, port, ["#"], client_id="later") as later:
            await writer.publish("mark", b"1", qos=1)
            assert (await first(later)).topic == "mark"


async def connect(port: int, client_id: str, *, will: bool, keep_alive_s: int = 60) -> asyncio.StreamWriter:
    """A client by hand, which can then misbehave."""
    reader, writer = await asyncio.open_connection(HOST, port)
    flags = 0x2E if will else 0x02  # will retained, QoS 1
    body = mqtt.text("MQTT") + struct.pack(">BBH", 4, flags, keep_alive_s) + mqtt.text(client_id)
    if will:
        body += mqtt.text("will") + mqtt.text("gone")
    writer.write(mqtt.frame(mqtt.CONNECT, body))
    assert (await mqtt.read_packet(reader)).body == b"\0\0"
    return writer


async def test_a_client_that_vanishes_leaves_its_will(port: int) -> None:
    async with Subscriber(HOST, port, ["will"]) as listener:
        writer = await connect(port, "doomed", will=True)
        writer.transport.abort()
        assert await first(listener) == Message("will", b"gone", 1)
    async with Subscriber(HOST, port, ["will"]) as listener:
        assert (await first(listener)).retain


async def test_a_client_that_says_goodbye_leaves_none(port: int) -> None:
    async with Subscriber(HOST, port, ["#"]) as listener:
        writer = await connect(port, "polite", will=True)
        writer.write(mqtt.frame(mqtt.DISCONNECT))
        await writer.drain()
        await asyncio.sleep(0.05)
        await listener.publish("mark", b"", qos=1)
        assert (await first(listener)).topic == "mark"
        writer.close()


async def test_a_client_that_falls_silent_is_given_up_after_1_5_keep_alives(port: int) -> None:
    async with Subscriber(HOST, port, ["will"]) as listener:
        writer = await connect(port, "sleepy", will=True, keep_alive_s=1)
        started_s = asyncio.get_running_loop().time()
        assert (await first(listener)).payload == b"gone"
        assert 1.4 < asyncio.get_running_loop().time() - started_s < 2.5
        writer.close()


async def test_a_second_client_of_that_name_takes_over(port: int) -> None:
    async with (
        Subscriber(HOST, port, ["#"], client_id="same") as older,
        Subscriber(HOST, port, ["#"], client_id="same") as newer,
    ):
        with pytest.raises(StopAsyncIteration):
            await first(older)
        await newer.publish("x", b"1", qos=1)
        assert (await first(newer)).topic == "x"


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x10\xff\xff\xff\xff\x7f",
        b"\x30\x02\x00\x05",
        b"\x10\x00",
        b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\xff\xff",
        mqtt.frame(mqtt.CONNECT, mqtt.text("MQTT") + b"\x04\x02\0\x3c\0\0") + b"\x36\x05\0\1a\0\1",
        mqtt.frame(mqtt.CONNECT, mqtt.text("MQTT") + b"\x04\x02\0\x3c\0\0") + b"\x82\x01\0",
    ],
)
async def test_rubbish_ends_that_connection_and_no_other(port: int, rubbish: bytes) -> None:
    async with Subscriber(HOST, port, ["#"]) as listener:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(rubbish)
        writer.write_eof()
        async with asyncio.timeout(3.0):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
        await listener.publish("x", b"1", qos=1)
        assert (await first(listener)).topic == "x"


async def test_a_client_that_does_not_read_costs_bounded_memory() -> None:
    """It loses QoS 0 messages, and at QoS 1 its connection; the others go on."""
    broker = Broker()
    port = await broker.start(HOST)
    async with Subscriber(HOST, port, ["alive"], client_id="alive") as alive:
        for qos in (0, 1):
            _, writer = await asyncio.open_connection(HOST, port, limit=1024)
            body = mqtt.text("MQTT") + struct.pack(">BBH", 4, 2, 0) + mqtt.text("stalled")
            writer.write(mqtt.frame(mqtt.CONNECT, body))
            subscribe = struct.pack(">H", 1) + mqtt.text("load") + bytes((qos,))
            writer.write(mqtt.frame(mqtt.SUBSCRIBE, subscribe, 2))
            for _ in range(120):
                await alive.publish("load", bytes(200_000), qos=1)
            stalled = broker._clients.get("stalled")
            if qos == 0:
                assert stalled is not None
                assert stalled.dropped > 50
                assert stalled.writer.transport.get_write_buffer_size() < 2 << 20
            else:
                assert stalled is None
            writer.transport.abort()
        await alive.publish("alive", b"1", qos=1)
        assert (await first(alive)).topic == "alive"
    await broker.stop()


async def test_five_thousand_messages_at_qos_1_arrive_once_and_in_order(port: int) -> None:
    async with (
        Subscriber(HOST, port, ["load"], client_id="in") as listener,
        Subscriber(HOST, port, [], client_id="out") as writer,
    ):
        for start in range(0, 5000, 50):
            await asyncio.gather(
                *(writer.publish("load", b"%d" % n, qos=1) for n in range(start, start + 50))
            )
        assert [int((await first(listener)).payload) for _ in range(5000)] == list(range(5000))


@needs_mosquitto
async def test_mosquittos_clients_agree_with_the_broker(port: int) -> None:
    where = ["-h", HOST, "-p", str(port)]
    listener = await asyncio.create_subprocess_exec(
        "mosquitto_sub", *where, "-t", "a/#", "-q", "1", "-C", "2", "-W", "5", "-F", "%r %q %t %p",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    publish = ["mosquitto_pub", *where, "-q", "1", "-r", "-t", "a/b", "-m", "hello"]
    assert await (await asyncio.create_subprocess_exec(*publish)).wait() == 0
    publish = ["mosquitto_pub", *where, "-q", "1", "-t", "a/c", "-m", "again"]
    for _ in range(20):
        await (await asyncio.create_subprocess_exec(*publish)).wait()
        if listener.returncode is not None:
            break
    heard, _ = await listener.communicate()
    assert heard.split(b"\n")[0] in (b"1 1 a/b hello", b"0 1 a/b hello")
    assert heard.split(b"\n")[1] == b"0 1 a/c again"


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("mosquitto") is None, reason="mosquitto is not installed (.ci/run installs it)"
)
def test_the_listener_hears_a_broker_nobody_here_wrote() -> None:
    with socket.create_server((HOST, 0)) as free:
        port = str(free.getsockname()[1])
    with subprocess.Popen(["mosquitto", "-p", port], stderr=subprocess.DEVNULL) as broker:
        try:
            publish = ["mosquitto_pub", "-h", HOST, "-p", port, "-q", "1", "-r", "-t", "a/b", "-m", "7.2"]
            while subprocess.run(publish, check=False, stderr=subprocess.DEVNULL).returncode:
                assert broker.poll() is None
            command = [sys.executable, "-m", "hil", "listen", HOST, port, "a/#", "--count", "1", "--for", "5"]
            heard = subprocess.run(command, capture_output=True, cwd=ROOT, check=True)
            message = json.loads(heard.stdout)
            assert (message["topic"], message["payload"], message["qos"]) == ("a/b", "7.2", 1)
        finally:
            broker.terminate()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["signal", "parent"])
def test_the_broker_process_tells_its_port_and_ends_cleanly(how: str) -> None:
    command = [sys.executable, "-m", "hil", "broker", "--with-parent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=ROOT) as broker:
        assert broker.stdout is not None
        assert broker.stdin is not None
        assert json.loads(broker.stdout.readline())["port"] > 0
        if how == "signal":
            broker.send_signal(signal.SIGTERM)
        else:
            broker.stdin.close()
        assert broker.wait(timeout=3) == 0
