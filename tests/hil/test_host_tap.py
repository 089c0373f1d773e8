"""Host, tap and judge on real sockets, with the bench's broker, with mosquitto, and with an edge node played by hand."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil import mqtt
from hil.broker import Broker
from hil.host.checker import Checker
from hil.host.encode import encode
from hil.host.host import Host
from hil.host.payload import BOOLEAN, DOUBLE, INT64, STRING, Metric, Payload, decode, make
from hil.host.primary import read
from hil.host.seen import Connack, Connect, Delivered, Disconnect, Ended, Seen, Sent, Subscribe
from hil.host.session import REBIRTH, Settings
from hil.host.tap import Packets, Tap, from_broker, from_node, now_ms
from hil.mqtt import MalformedError, Message, Packet
from hil.subscriber import Subscriber

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
FILTERS = ("spBv1.0/g/NCMD/n", "spBv1.0/g/DCMD/n/d", "spBv1.0/STATE/scada")


class Edge:
    """One connection of a correct node, by hand: waits for the host, is born, obeys, sends what it is told to."""

    def __init__(self, port: int, bdseq: int) -> None:
        self.bdseq = bdseq
        self.seq = 0
        self.orders: list[Metric] = []
        self.born = asyncio.Event()
        will = Message("spBv1.0/g/NDEATH/n", encode(self._death()), 1)
        self.link = Subscriber(HOST, port, FILTERS, client_id="edge", will=will)

    def _death(self) -> Payload:
        stamp = now_ms()
        return Payload(stamp, (make("bdSeq", self.bdseq, INT64, stamp),))

    async def run(self) -> None:
        """From CONNECT to an offline STATE or a cut."""
        async with self.link:
            async for message in self.link:
                if message.topic == FILTERS[2]:
                    word = read(message.payload)
                    assert word is not None
                    if not word.online and self.born.is_set():
                        await self.link.publish("spBv1.0/g/NDEATH/n", encode(self._death()))
                        return
                    if word.online and not self.born.is_set():
                        await self.births()
                elif message.topic == FILTERS[0]:
                    await self.births()
                else:
                    self.orders += decode(message.payload).metrics

    async def births(self) -> None:
        self.seq, stamp = 0, now_ms()
        await self.send(
            "NBIRTH/n", make("bdSeq", self.bdseq, INT64, stamp), make(REBIRTH, False, BOOLEAN, stamp)
        )
        await self.send(
            "DBIRTH/n/d",
            make("T", 20.0, DOUBLE, stamp, alias=1),
            make("Word", None, STRING, stamp),
        )
        self.born.set()

    async def value(self, value: float, timestamp: int, *, historical: bool = False) -> None:
        metric = make(None, value, DOUBLE, timestamp, alias=1, historical=historical)
        await self.send("DDATA/n/d", replace(metric, datatype=None))

    async def send(self, where: str, *metrics: Metric) -> None:
        content = Payload(now_ms(), metrics, self.seq)
        self.seq = (self.seq + 1) % 256
        await self.link.publish("spBv1.0/g/" + where, encode(content))


class Stage:
    """Two brokers, each behind a tap, a judge that sees both, and a host on both."""

    def __init__(self, ports: list[int]) -> None:
        self.ports: list[int] = []  # of the taps
        self.seen: list[Seen] = []
        self.checker = Checker(
            Settings(
                group="g",
                node="n",
                primary_host="scada",
                servers=("a", "b"),
                devices=("d",),
                writable=("d",),
                first_bdseq=0,
            )
        )
        self.taps = [Tap(name, (HOST, port), self.see) for name, port in zip("ab", ports, strict=True)]
        self.host = Host("scada", [(HOST, port) for port in ports], group="g")

    def see(self, seen: Seen) -> None:
        self.seen.append(seen)
        self.checker.feed(seen)


@pytest.fixture(params=["hil", "mosquitto"])
async def brokers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[int]]:
    async with contextlib.AsyncExitStack() as stack:
        ports = []
        for _ in range(2):
            if request.param == "hil":
                broker = Broker()
                ports.append(await broker.start(HOST))
                stack.push_async_callback(broker.stop)
            else:
                ports.append(stack.enter_context(mosquitto(tmp_path)))
        yield ports


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    program = shutil.which("mosquitto")
    if program is None:
        pytest.skip("mosquitto is not installed")
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(f"listener {port} {HOST}\nallow_anonymous true\npersistence false\n")
    with subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL) as process:
        try:
            while not answers(port):
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


@pytest.fixture
async def stage(brokers: list[int]) -> AsyncIterator[Stage]:
    stage = Stage(brokers)
    stage.ports = [await tap.start() for tap in stage.taps]
    async with stage.host:
        await stage.host.until(lambda: stage.host.connected == (0, 1))
        yield stage
    for tap in stage.taps:
        await tap.stop()
        assert tap.faults == []


async def test_a_correct_node_walks_through_two_brokers_and_breaks_nothing(stage: Stage) -> None:
    host, now = stage.host, now_ms()
    edge = Edge(stage.ports[0], 0)
    run = asyncio.create_task(edge.run())
    await host.until(lambda: "d" in host.node("n").devices)
    await edge.value(36.5, now - 60_000, historical=True)
    await edge.value(36.5, now - 60_000, historical=True)
    await edge.value(37.0, now_ms())
    await host.until(lambda: host.duplicates == 1 and len(host.data("n", "d")) == 2)
    assert [value.value for value in host.data("n", "d").values()] == [36.5, 37.0]

    await host.write("n", "d", "T", 38.5, by_alias=True)
    await host.write("n", "d", "Word", "go")
    await asyncio.sleep(1.1)  # a request in the moment of a birth is answered by that birth
    await host.rebirth("n")
    await host.until(lambda: host.node("n").births == 2 and "d" in host.node("n").devices)
    assert [(m.name, m.alias, m.value()) for m in edge.orders] == [(None, 1, 38.5), ("Word", None, "go")]

    edge.seq += 1  # a message is lost: the host notices and asks
    await edge.value(39.0, now_ms())
    await host.until(lambda: host.node("n").births == 3 and "d" in host.node("n").devices)
    assert host.node("n").gaps == 1

    await host.say(online=False, broker=0)
    await asyncio.wait_for(run, 5)
    await host.until(lambda: not host.node("n").alive)
    run = asyncio.create_task(Edge(stage.ports[1], 1).run())
    await host.until(lambda: host.node("n").alive and host.node("n").bdseq == 1)
    await stage.taps[1].cut()  # the broker sends the will
    await asyncio.wait_for(run, 5)
    await host.until(lambda: not host.node("n").alive)
    stage.checker.finish(now_ms())
    wrong_seq = {"payloads-sequence-num-incrementing", "topics-ddata-seq-num", "payloads-ddata-seq-inc"}
    assert set(stage.checker.red()) == wrong_seq


async def test_the_tap_tells_everything_in_order(stage: Stage) -> None:
    edge = Edge(stage.ports[0], 0)
    run = asyncio.create_task(edge.run())
    await asyncio.wait_for(edge.born.wait(), 5)
    await stage.host.say(online=False, broker=0)
    await asyncio.wait_for(run, 5)
    await stage.taps[0].stop()
    kinds = [type(seen.what) for seen in stage.seen if seen.server == "a"]
    assert kinds[:3] == [Connect, Connack, Subscribe]
    assert kinds[3:] == [Delivered, Sent, Sent, Delivered, Sent, Disconnect, Ended]
    connect = stage.seen[0].what
    assert isinstance(connect, Connect)
    assert (connect.client_id, connect.clean_session, connect.keep_alive_s) == ("edge", True, 30)
    assert stage.checker.red() == {}


async def test_a_host_that_crashes_is_taken_back_by_its_will_and_a_clean_one_by_itself(
    brokers: list[int],
) -> None:
    async with Subscriber(HOST, brokers[0], ["spBv1.0/STATE/scada"]) as listener:
        async with Host("scada", [(HOST, brokers[0])], group="g") as host:
            await host.until(lambda: host.connected == (0,))
            host.crash(0)
            words = [read((await asyncio.wait_for(anext(listener), 5)).payload) for _ in range(3)]
        words.append(read((await asyncio.wait_for(anext(listener), 5)).payload))
    said = [word for word in words if word is not None]
    assert [word.online for word in said] == [True, False, True, False]
    assert said[0].timestamp == said[1].timestamp  # the will bears the timestamp of the birth
    assert said[1].timestamp < said[2].timestamp <= said[3].timestamp


async def test_a_connect_without_a_broker_behind_the_tap_still_counts() -> None:
    with socket.socket() as nobody:
        nobody.bind((HOST, 0))
        seen: list[Seen] = []
        tap = Tap("a", nobody.getsockname(), seen.append)
        port = await tap.start()
        with pytest.raises((OSError, asyncio.IncompleteReadError, TimeoutError)):
            await Edge(port, 0).link.__aenter__()
        await tap.stop()
    assert [type(one.what) for one in seen] == [Connect, Ended]


async def test_a_shut_door_refuses_and_opens_at_the_same_port(brokers: list[int]) -> None:
    tap = Tap("a", (HOST, brokers[0]), lambda _: None)
    port = await tap.start()
    await tap.shut()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(HOST, port)
    await tap.open()
    async with Subscriber(HOST, port, ["#"]):
        pass
    await tap.stop()


def test_packets_are_found_however_the_bytes_are_cut() -> None:
    stream = mqtt.publish_frame(Message("a", b"x" * 300)) + mqtt.frame(mqtt.DISCONNECT)
    for size in (1, 2, 3, 150, 1000):
        packets = Packets()
        found = [p for at in range(0, len(stream), size) for p in packets.feed(stream[at : at + size])]
        assert [from_node(packet) for packet in found] == [Sent(Message("a", b"x" * 300)), Disconnect()]
    with pytest.raises(MalformedError):
        list(Packets().feed(b"\x10\xff\xff\xff\xff\x01"))


@given(st.integers(1, 14), st.integers(0, 15), st.binary(max_size=60))
def test_no_packet_does_anything_worse_than_be_called_malformed(kind: int, flags: int, body: bytes) -> None:
    for read_packet in (from_node, from_broker):
        with contextlib.suppress(MalformedError):
            read_packet(Packet(kind, flags, body))


@pytest.mark.parametrize("bad", [False, True])
async def test_the_command_prints_the_table_and_says_by_its_code_whether_it_is_clean(
    brokers: list[int], bad: bool
) -> None:
    arguments = (
        "--broker",
        f"{HOST}:{brokers[0]}",
        "--group",
        "g",
        "--node",
        "n",
        "--host-id",
        "scada",
        "--primary",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hil.host", *arguments, cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    edge = Edge(int(line.rpartition(":")[2]), 0)
    run = asyncio.create_task(edge.run())
    await asyncio.wait_for(edge.born.wait(), 10)
    await edge.value(37.0, 5 if bad else now_ms())
    await asyncio.sleep(0.3)
    process.terminate()
    out, _ = await asyncio.wait_for(process.communicate(), 10)
    await asyncio.wait_for(run, 5)
    table = out.decode().splitlines()
    row = next(line for line in table if line.startswith("payloads-metric-timestamp-in-UTC "))
    assert process.returncode == int(bad)
    assert row.split()[1:] == ["MUST", "5", str(int(bad))]


async def test_the_command_is_not_content_with_having_seen_nothing(brokers: list[int]) -> None:
    arguments = ("--broker", f"{HOST}:{brokers[0]}", "--group", "g", "--node", "n", "--for", "0.1", "--red")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hil.host", *arguments, cwd=ROOT, stdout=subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert "nothing was seen of g/n" in out.decode()
