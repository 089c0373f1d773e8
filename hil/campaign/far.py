"""Who commands from far away: orders in readable JSON, a Sparkplug host in a thread of its own, and what each was answered."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

from hil.campaign.row import Stuck
from hil.host.checker import Checker
from hil.host.encode import encode
from hil.host.host import Host
from hil.host.payload import FIELD_OF, Metric, Payload
from hil.host.tap import Tap, now_ms
from hil.subscriber import Subscriber

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from hil.campaign.stage import Stage
    from hil.host.payload import Raw
    from hil.host.session import Settings

T = TypeVar("T")

GROUP, DEVICE = "edgectl", "bioreactor"
ANSWER_S = 10.0  # of the wall
_numbers = itertools.count(1)


def say(port: int, topic: str, payload: bytes, *, retain: bool = False) -> None:
    """One message, confirmed by the broker."""

    async def send() -> None:
        async with Subscriber("127.0.0.1", port, [], client_id=f"hil-desk-{next(_numbers)}") as client:
            await client.publish(topic, payload, qos=1, retain=retain)

    asyncio.run(send())


def moment(late_s: float = 0.0) -> str:
    """The time so many seconds from now, as a command tells it."""
    return datetime.fromtimestamp(time.time() + late_s, UTC).isoformat()


def order(
    ask: str, target: str, value: float | str, *, host: str = "scada-1", late_s: float = 0.0, **more: Any
) -> dict[str, Any]:
    """A command in readable JSON with an id of its own."""
    return {
        "id": f"order-{next(_numbers)}",
        "time": moment(late_s),
        "host": host,
        "actor": "campaign",
        "ask": ask,
        "target": target,
        "reason": "fault campaign",
        "value": value,
        **more,
    }


def give(stage: Stage, command: dict[str, Any], *, retain: bool = False) -> None:
    """Send a command in readable JSON."""
    say(stage.port, f"edgectl/{stage.bed.unit}/command", json.dumps(command).encode(), retain=retain)


def tell(stage: Stage, command: dict[str, Any]) -> dict[str, Any]:
    """Send a command in readable JSON and hand over its answer; Stuck without one."""
    assert stage.ear is not None
    before = len(_answers(stage, command["id"]))
    give(stage, command)
    took = stage.until(lambda: len(_answers(stage, command["id"])) > before, ANSWER_S * stage.bed.clock)
    if math.isinf(took):
        raise Stuck(f"{command['ask']} of {command['target']} is not answered")
    return _answers(stage, command["id"])[-1]


def _answers(stage: Stage, identity: str) -> list[dict[str, Any]]:
    assert stage.ear is not None
    return [heard.body for heard in stage.ear.of("/answer") if heard.body.get("id") == identity]


def dcmd(metric: str, value: Raw, datatype: int, at_ms: int) -> bytes:
    """The payload of a device command."""
    wish = Metric(metric, timestamp=at_ms, datatype=datatype, at=FIELD_OF[datatype], raw=value)
    return encode(Payload(at_ms, (wish,)))


class Far:
    """A Sparkplug host beside a row; use as a context. With `judged` the unit must connect to `port`, where a judge watches the wire."""

    def __init__(
        self, stage: Stage, host_id: str | None = None, *, asks: bool = True, judged: Settings | None = None
    ) -> None:
        self._stage = stage
        self.host = Host(host_id, [("127.0.0.1", stage.port)], group=GROUP, asks=asks)
        self.checker = None if judged is None else Checker(judged)
        self.port = stage.port
        self.tap: Tap | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self.host.__aenter__())
        if self.checker is not None:
            self.tap = Tap("a", ("127.0.0.1", self._stage.port), self.checker.feed)
            self.port = self.call(self.tap.start())
        self._stage.until(lambda: self.host.connected, 10.0 * self._stage.bed.clock)
        return self

    def __exit__(self, *exc: object) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            if self.tap is not None:
                self.call(self.tap.stop())
            self.call(self.host.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)
        self._loop.close()

    def call(self, what: Coroutine[Any, Any, T]) -> T:
        """Have the host's own loop do something, and wait for it."""
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(30.0)

    @property
    def births(self) -> list[int]:
        """When each NBIRTH was made, ms UTC."""
        values = list(self.host.values)
        return [value.timestamp for value in values if value.birth and value.metric == "bdSeq"]

    @property
    def gaps(self) -> int:
        """How often a sequence number was not the next one."""
        return self.host.node(self._stage.bed.unit).gaps

    def await_birth(self, after: int = 0) -> float:
        """Seconds of the wall until there were more than `after` births and the device is there; Stuck if it never is."""
        took = self._stage.until(
            lambda: len(self.births) > after and self._born(), 90.0 * self._stage.bed.clock
        )
        if math.isinf(took):
            raise Stuck(f"{len(self.births)} births, none after {after} with its device")
        return took / self._stage.bed.clock

    def _born(self) -> bool:
        return DEVICE in self.host.node(self._stage.bed.unit).devices

    def answers(self) -> list[dict[str, Any]]:
        """What became of every command to the device, in the order of the answers."""
        values = [v for v in list(self.host.values) if v.metric == "Commands/Answer" and not v.birth]
        return [answer for value in values for answer in json.loads(str(value.value))]

    def send(self, payload: bytes, *, retain: bool = False) -> None:
        """A command to the device as it stands."""
        where = f"DCMD/{self._stage.bed.unit}/{DEVICE}"
        self.call(self.host.send(where, payload, qos=1, retain=retain))

    def write(self, metric: str, value: Raw, datatype: int, late_s: float = 0.0) -> dict[str, Any]:
        """Write a metric and hand over the answer; Stuck without one."""
        return self.ask(dcmd(metric, value, datatype, now_ms() + round(1000 * late_s)))

    def ask(self, payload: bytes) -> dict[str, Any]:
        """Send a command to the device and hand over the answer; Stuck without one."""
        before = len(self.answers())
        self.send(payload)
        if math.isinf(
            self._stage.until(lambda: len(self.answers()) > before, ANSWER_S * self._stage.bed.clock)
        ):
            raise Stuck("a command to the device is not answered")
        return self.answers()[before]
