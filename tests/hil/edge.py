"""An edge node played by hand: correct, but for what a test changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hil.host.checker import Checker
from hil.host.encode import encode
from hil.host.payload import (
    BOOLEAN,
    DOUBLE,
    INT32,
    INT64,
    STRING,
    Metric,
    Payload,
    Properties,
    Property,
    make,
)
from hil.host.seen import (
    Connack,
    Connect,
    Delivered,
    DeviceLost,
    Disconnect,
    Ended,
    Seen,
    Sent,
    Subscribe,
    What,
)
from hil.host.session import REBIRTH, Settings
from hil.mqtt import Message

T0 = 1_767_225_600_000
QUALITY = Property(INT32, 10, 192)


Thing = TypeVar("Thing")


def changed(changes: dict[str, Callable[[Thing], Thing]], name: str, thing: Thing) -> Thing:
    """A thing after the change that a test has put down for it; the next of its name is as ever."""
    change = changes.pop(name, None)
    return thing if change is None else change(thing)


class Play:
    """A node that does everything right, but for what a test changes: one message, or a whole step."""

    def __init__(self, settings: Settings) -> None:
        self.checker = Checker(settings)
        self.settings = settings
        self.now = T0
        self.server = "a"
        self.connection = 0
        self.bdseq = 253
        self.seq = 0
        self.value = 20.0
        self.aliases = False
        self.payload: dict[str, Callable[[Payload], Payload]] = {}
        self.message: dict[str, Callable[[Message], Message]] = {}
        self.connect_as: Callable[[Connect], Connect] = lambda packet: packet
        self.filters: tuple[tuple[str, int], ...] = (
            ("spBv1.0/g/NCMD/n", 1),
            ("spBv1.0/g/DCMD/n/#", 1),
            ("spBv1.0/STATE/scada", 1),
        )

    def see(self, what: What, after_ms: int = 10) -> None:
        self.now += after_ms
        self.checker.feed(Seen(self.now, self.server, self.connection, what))

    def send(self, message: Message) -> None:
        self.see(Sent(message))

    def state(self, online: bool, timestamp: int | None = None, host: str = "scada") -> None:
        word = {"online": online, "timestamp": self.now if timestamp is None else timestamp}
        self.see(Delivered(Message(f"spBv1.0/STATE/{host}", json.dumps(word).encode(), 1)))

    def publish(self, verb: str, metrics: tuple[Metric, ...], device: str | None = None) -> None:
        """A message with the next seq, changed as the test wants, once."""
        content = Payload(timestamp=self.now, metrics=metrics, seq=self.seq)
        self.seq = (self.seq + 1) % 256
        content = changed(self.payload, verb, content)
        topic = "/".join(("spBv1.0", "g", verb, "n", *((device,) if device else ())))
        self.send(changed(self.message, verb, Message(topic, encode(content))))

    def death(self) -> Payload:
        return Payload(timestamp=self.now, metrics=(make("bdSeq", self.bdseq, INT64, self.now),))

    def connect(self) -> None:
        self.connection += 1
        self.bdseq = (self.bdseq + 1) % 256
        content = changed(self.payload, "will", self.death())
        will = Message("spBv1.0/g/NDEATH/n", encode(content), 1)
        self.see(self.connect_as(Connect("edge", True, 30, will)))

    def open(self) -> None:
        self.connect()
        self.see(Connack(0))
        self.see(Subscribe(self.filters))

    def nbirth(self) -> None:
        self.seq = 0
        metrics = (
            make("bdSeq", self.bdseq, INT64, self.now),
            make(REBIRTH, False, BOOLEAN, self.now),
            make("Info", "1.0", STRING, self.now, alias=1 if self.aliases else None),
        )
        self.publish("NBIRTH", metrics)

    def dbirth(self, device: str = "d") -> None:
        properties = Properties(("Quality", "engUnit"), (QUALITY, Property(STRING, 15, "C")))
        metrics = (
            make("T", self.value, DOUBLE, self.now, properties=properties, alias=2 if self.aliases else None),
            make("Mode", "AUTO", STRING, self.now),
            make("Word", None, STRING, self.now),
        )
        self.publish("DBIRTH", metrics, device)

    def ndata(self, device: None = None) -> None:
        name, alias = (None, 1) if self.aliases else ("Info", None)
        self.value += 1
        metric = make(name, f"{self.value}", STRING, self.now, alias=alias)
        self.publish("NDATA", (replace(metric, datatype=None),))

    def ddata(self, *, historical: bool = False, device: str = "d", count: int = 1) -> None:
        name, alias = (None, 2) if self.aliases else ("T", None)
        self.value += 0.5
        stamp = self.now - 60_000 if historical else self.now
        metrics = tuple(
            replace(
                make(name, self.value + n, DOUBLE, stamp + n, alias=alias, historical=historical),
                datatype=None,
            )
            for n in range(count)
        )
        self.value += count - 1
        self.publish("DDATA", metrics, device)

    def births(self) -> None:
        self.nbirth()
        self.dbirth()

    def ask_rebirth(self, after_ms: int = 10_000, metric: Metric | None = None) -> None:
        metric = metric or make(REBIRTH, True, BOOLEAN, self.now)
        content = Payload(timestamp=self.now, metrics=(metric,))
        self.see(Delivered(Message("spBv1.0/g/NCMD/n", encode(content))), after_ms)

    def ndeath(self) -> None:
        content = changed(self.payload, "NDEATH", self.death())
        message = Message("spBv1.0/g/NDEATH/n", encode(content))
        self.send(changed(self.message, "NDEATH", message))

    def stop(self) -> None:
        self.ndeath()
        self.see(Disconnect())
        self.see(Ended())

    def start(self) -> None:
        self.open()
        self.state(True)
        self.births()

    def work(self) -> None:
        self.ddata(historical=True)
        self.ddata()
        self.ndata()

    def whole(self) -> None:
        """All that a test with one changed message needs."""
        self.start()
        self.work()
        self.ask_rebirth()
        self.births()
        self.ddata()
        self.publish("DDEATH", (), "d")
        self.dbirth()
        self.stop()

    def red(self) -> set[str]:
        self.checker.finish(self.now + 120_000)
        return set(self.checker.red())


def settings(**changes: object) -> Settings:
    base = Settings(
        group="g", node="n", primary_host="scada", servers=("a", "b"), devices=("d",), writable=("d",)
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def a_good_life(play: Play) -> None:
    """From the first CONNECT over the wrap of seq, rebirth and two brokers to the wrap of bdSeq."""
    play.start()
    play.send(Message("edgectl/BR-101/marker", b"1", 1))
    for _ in range(300):
        play.ddata(count=2)
    play.work()
    play.ask_rebirth()
    play.births()
    play.work()
    play.see(DeviceLost("d"))
    play.publish("DDEATH", (), "d")
    play.ndata()
    play.dbirth()
    play.state(False, T0 - 1000)  # older: ignored
    play.now += 2000
    play.ddata()
    play.state(False)
    play.stop()
    play.server = "b"
    play.open()
    play.state(False, T0)
    play.state(True, T0 - 5, "scada-2")
    play.state(True, T0)
    play.births()
    play.see(Ended())  # the broker has gone
    play.connect()
    play.see(Connack(3))
    play.see(Ended())
    play.start()
    play.work()
    play.stop()
