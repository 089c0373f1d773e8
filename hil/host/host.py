"""The host application: says STATE, follows edge nodes, asks for rebirths, writes commands (chapters 4.2, 5.6, 5.14)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Self

from hil.host import payload as sparkplug
from hil.host.encode import encode
from hil.host.payload import Payload, make
from hil.host.session import NAMESPACE, REBIRTH
from hil.host.tap import now_ms
from hil.host.tracker import Node, Tracker
from hil.mqtt import Message
from hil.subscriber import Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hil.host.payload import Raw
    from hil.host.tracker import Value

_AGAIN_S = 0.2  # between two tries to reach a broker


class Host:
    """A host on one or more brokers; use as `async with Host(...) as host`.

    It has a connection to each broker, made again whenever it is lost. While `online` it says so on each broker, retained, as
    soon as it is there; its will takes that back. `asks` is whether it asks for a rebirth by itself when seq has a gap or
    a metric is unknown. A `host_id` of None says nothing and only listens and commands.
    """

    def __init__(
        self,
        host_id: str | None,
        brokers: Sequence[tuple[str, int]],
        *,
        group: str,
        online: bool = True,
        asks: bool = True,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.host_id = host_id
        self.tracker = Tracker(group)
        self.group = group
        self.online = online
        self.asks = asks
        self.rebirths_asked = 0
        self._brokers = tuple(brokers)
        self._clock = clock
        self._links: dict[int, Subscriber] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._serve(index)) for index in range(len(self._brokers))]
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Says on every broker that it is offline, then goodbye."""
        if self.online:
            with contextlib.suppress(OSError, TimeoutError):  # a broker that is gone needs no goodbye
                await self.say(online=False)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def values(self) -> list[Value]:
        """Every metric and timestamp once, in the order of arrival."""
        return self.tracker.values

    @property
    def duplicates(self) -> int:
        """How many values came again with the timestamp of an earlier one."""
        return self.tracker.duplicates

    @property
    def connected(self) -> tuple[int, ...]:
        """The brokers it is connected to, by their place in the list."""
        return tuple(sorted(self._links))

    def node(self, name: str) -> Node:
        """What is known of a node; one that was never heard is not alive."""
        return self.tracker.nodes.get(name, Node())

    def data(self, node: str, device: str | None = None) -> Mapping[tuple[str, int], Value]:
        """All data of a device by metric and timestamp in ms UTC, births left out: what a journal should hold."""
        return {
            (value.metric, value.timestamp): value
            for value in self.values
            if value.node == node and value.device == device and not value.birth
        }

    async def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until something is true, looking after each message; TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._heard.clear()
                await self._heard.wait()

    async def say(
        self,
        *,
        online: bool,
        timestamp: int | None = None,
        broker: int | None = None,
        payload: bytes | None = None,
    ) -> None:
        """Publish STATE now (on one broker, or on all), with another timestamp or as raw bytes if a test wants that."""
        if self.host_id is None:
            return
        if broker is None:
            self.online = online
        stamp = self._clock() if timestamp is None else timestamp
        content = _state(stamp, online=online) if payload is None else payload
        for index, link in list(self._links.items()):
            if broker in (None, index):
                await link.publish(self._state_topic, content, qos=1, retain=True)

    async def rebirth(self, node: str) -> None:
        """Ask a node for all its births."""
        self.rebirths_asked += 1
        stamp = self._clock()
        await self.send(f"NCMD/{node}", Payload(stamp, (make(REBIRTH, True, sparkplug.BOOLEAN, stamp),)))

    async def write(
        self,
        node: str,
        device: str | None,
        metric: str,
        value: Raw | None,
        *,
        datatype: int | None = None,
        timestamp: int | None = None,
        by_alias: bool = False,
    ) -> None:
        """Write a metric with the type of its birth; KeyError without a birth and a type, or without an alias."""
        known = self.node(node)
        kind = datatype
        if kind is None:
            kind = known.devices[device][metric].datatype or sparkplug.STRING
        alias = known.alias(device, metric) if by_alias else None
        if by_alias and alias is None:
            raise KeyError(f"{metric} has no alias")
        stamp = self._clock() if timestamp is None else timestamp
        wish = make(None if by_alias else metric, value, kind, stamp, alias=alias)
        where = f"NCMD/{node}" if device is None else f"DCMD/{node}/{device}"
        await self.send(where, Payload(self._clock(), (wish,)))

    async def send(self, where: str, content: Payload | bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Publish a command as it stands, `where` being verb, node and device; raw bytes for a hostile host."""
        raw = content if isinstance(content, bytes) else encode(content)
        verb, _, rest = where.partition("/")
        for link in list(self._links.values()):
            await link.publish(f"{NAMESPACE}/{self.group}/{verb}/{rest}", raw, qos=qos, retain=retain)

    def crash(self, broker: int) -> None:
        """Lose the connection to a broker without goodbye: the will is sent; it comes back by itself."""
        self._links[broker].abort()

    @property
    def _state_topic(self) -> str:
        return f"{NAMESPACE}/STATE/{self.host_id}"

    async def _serve(self, index: int) -> None:
        """One broker, for ever."""
        while True:
            try:
                await self._listen(index)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                pass  # the broker is away; its return is waited for
            finally:
                self._links.pop(index, None)
                self._heard.set()
            await asyncio.sleep(_AGAIN_S)

    async def _listen(self, index: int) -> None:
        stamp, host_id = self._clock(), self.host_id  # will and birth of a connection bear the same timestamp
        will = None if host_id is None else Message(self._state_topic, _state(stamp, online=False), 1, True)
        topics = [f"{NAMESPACE}/{self.group}/#", *([] if host_id is None else [self._state_topic])]
        host, port = self._brokers[index]
        name = f"hil-host-{host_id or 'listener'}"
        async with Subscriber(host, port, topics, client_id=name, will=will) as link:
            self._links[index] = link
            if self.online and host_id is not None:
                await link.publish(self._state_topic, _state(stamp, online=True), qos=1, retain=True)
            self._heard.set()
            async for message in link:
                node = self.tracker.hear(message, self._clock())
                self._heard.set()
                if node is not None and self.asks:
                    await self.rebirth(node)


def _state(timestamp: int, *, online: bool) -> bytes:
    """A STATE payload (6.4.27)."""
    return json.dumps({"online": online, "timestamp": timestamp}).encode()
