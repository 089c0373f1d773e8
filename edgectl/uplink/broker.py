"""One connection to a broker, over aiomqtt: MQTT 3.1.1, clean session, at most ``WINDOW`` messages on the way.

MQTT 5 would have to leave
with reason 0x04 after a Sparkplug death, and aiomqtt always says 0x00.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import aiomqtt

from edgectl.model.uplink_plan import UplinkPlan
from edgectl.uplink.explain import explain
from edgectl.uplink.session import BrokerFault, Message

Server = tuple[str, int]  # name or address, and port

WINDOW = 100
CONNECT_S = 10.0
MOST_HEARD = 100  # messages that wait to be looked at; more are dropped
LONGEST_HEARD = 65_536  # bytes; of longer ones only the beginning comes into memory
_GOODBYE_S = 2.0
_STRAGGLER_S = 0.01
# aiomqtt and paho tell each fault several times and in their own words; ``explain`` tells it once.
_QUIET = logging.getLogger("edgectl.uplink.mqtt")
_DENIED = 0x80  # SUBACK (MQTT 3.1.1, section 3.9.3)


Hear = Callable[[str, bytes, bool], None]  # topic, payload, whether it was retained


def _deaf(_: str, __: bytes, ___: bool) -> None:
    """For a connection that subscribes to nothing."""


class Broker:
    """An established connection."""

    def __init__(self, client: aiomqtt.Client, place: str, patience_s: float) -> None:
        self._client = client
        self.place = place
        self._patience_s = patience_s

    @property
    def certificate_end_s(self) -> int | None:
        """When the broker's certificate ends (UTC, s); None without TLS."""
        raw = self._client._client.socket()  # noqa: SLF001 - there is no public way
        shown = raw.getpeercert() if isinstance(raw, ssl.SSLSocket) else None
        return ssl.cert_time_to_seconds(str(shown["notAfter"])) if shown else None

    async def deliver(self, messages: Iterable[Message]) -> None:
        """Send in order; returns when all are confirmed (PUBACK).

        Raises:
            BrokerFault: the connection is lost, or a confirmation did not come within the patience of this connection.
        """
        rest = iter(messages)
        while window := list(itertools.islice(rest, WINDOW)):
            await self._deliver(window)

    async def _deliver(self, window: Sequence[Message]) -> None:
        """All at once, so that they leave in few packets and are confirmed in few: one by one each would wake both sides.

        aiomqtt spends a task, a timer and a search on each message that it waits for, more than on sending it. So it waits for the last alone;
        behind that the others are seldom still on their way.
        """
        *rest, last = window
        try:
            async with asyncio.timeout(self._patience_s):
                handed = [self._hand(message) for message in rest]
                await self._publish(last)
                while not all(info.is_published() for info in handed):  # noqa: ASYNC110 - paho wakes threads only
                    await asyncio.sleep(_STRAGGLER_S)
        except TimeoutError:
            raise BrokerFault(f"{self.place}: does not confirm what it is sent") from None
        except aiomqtt.MqttError as error:
            raise explain(error, self.place, connected=True) from error

    def _hand(self, message: Message) -> Any:
        """To paho, which knows by itself when it is confirmed. Without a connection the last of the window fails."""
        raw = self._client._client  # noqa: SLF001 - aiomqtt cannot publish without waiting
        return raw.publish(message.topic, message.payload, message.qos, message.retain)

    async def _publish(self, message: Message) -> None:
        # without a timeout of its own: the window has one
        await self._client.publish(
            message.topic, message.payload, qos=message.qos, retain=message.retain, timeout=math.inf
        )

    async def send(self, message: Message) -> None:
        """Hand one message of QoS 0 to the network: what is sent later arrives later, and nobody confirms.

        Raises:
            BrokerFault: the connection is lost, or takes nothing within its patience.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                await self._publish(message)
        except TimeoutError:
            raise BrokerFault(f"{self.place}: takes nothing any more") from None
        except aiomqtt.MqttError as error:
            raise explain(error, self.place, connected=True) from error

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Hear these topics at QoS 1.

        Raises:
            BrokerFault: the connection is lost, or the broker does not grant one of them.
        """
        try:
            granted = await self._client.subscribe([(topic, 1) for topic in topics])
        except aiomqtt.MqttError as error:
            raise explain(error, self.place, connected=True) from error
        for topic, code in zip(topics, granted, strict=True):
            if cast("int", getattr(code, "value", code)) >= _DENIED:
                text = f"{self.place}: the broker does not let this user read {topic}; check its access list"
                raise BrokerFault(text, refused=True)

    async def await_echo(self, heard: asyncio.Event, what: str) -> None:
        """Wait until what this user said comes back to it: a broker of MQTT 3.1.1 confirms a message even when it drops it for want of rights.

        Raises:
            BrokerFault: it did not come back within the patience of this connection.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                await heard.wait()
        except TimeoutError:
            text = f"the broker confirms what this user says and does not pass it on; its access list must let it write all its topics, and read {what}"
            raise BrokerFault(f"{self.place}: {text}", refused=True) from None

    async def attend(self, work: Coroutine[Any, Any, None], hear: Hear = _deaf) -> None:
        """Run ``work`` to its end, or for as long as the connection stands; ``hear`` is handed what arrives.

        Raises:
            BrokerFault: the connection is lost; ``work`` is cancelled.
        """
        tasks = {asyncio.create_task(work), asyncio.create_task(self._listen(hear))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except aiomqtt.MqttError as error:
            raise explain(error, self.place, connected=True) from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def part(self, messages: Iterable[Message]) -> None:
        """Say the last ``messages`` if the broker takes them in 2 s; the connection can be left at once afterwards in any case."""
        with contextlib.suppress(TimeoutError, BrokerFault):
            async with asyncio.timeout(_GOODBYE_S):
                await self.deliver(messages)

    async def _listen(self, hear: Hear) -> None:
        # The iterator ends with an exception at the moment the connection does, which a publish would only notice late.
        async for message in self._client.messages:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            hear(str(message.topic), payload, message.retain)


@contextlib.asynccontextmanager
async def connect(
    plan: UplinkPlan,
    server: Server,
    identifier: str,
    will: Message,
    greet: Callable[[], None] = lambda: None,
) -> AsyncIterator[Broker]:
    """A connection to ``server`` that announces ``will``. ``greet`` is called, in a thread, right before CONNECT goes out.

    Raises:
        BrokerFault: there is none to be had.
    """
    place = f"{server[0]}:{server[1]}"
    client = _client(plan, server, identifier, will, place)
    alerts: list[ssl.SSLError] = []
    _bound(client, alerts)
    _before_connect(client, greet)
    try:
        async with client:
            try:
                yield Broker(client, place, float(plan.keepalive_s))
            except BrokerFault:
                _hang_up(client)
                raise
    except aiomqtt.MqttError as error:
        raise explain(error, place, connected=False, alerts=alerts) from error
    finally:
        _hang_up(client)


def _client(plan: UplinkPlan, server: Server, identifier: str, will: Message, place: str) -> aiomqtt.Client:
    _QUIET.disabled = True
    client = aiomqtt.Client(
        *server,
        username=plan.username or None,
        password=_password(plan.password_file) if plan.password_file else None,
        identifier=identifier,
        logger=_QUIET,
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=True,
        will=aiomqtt.Will(will.topic, will.payload, qos=will.qos, retain=will.retain),
        timeout=CONNECT_S,
        keepalive=plan.keepalive_s,
        max_inflight_messages=WINDOW,
        max_queued_incoming_messages=MOST_HEARD,
        tls_context=_tls(plan, place) if plan.tls else None,
        # or the marker behind a message that nobody answers would wait for the broker's delayed ACK, 40 ms a batch
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    client.pending_calls_threshold = WINDOW + 1
    return client


def _password(file: str) -> str:
    """What the file holds, read for each connection; without it there is none, never one without a password."""
    try:
        password = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        text = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BrokerFault(f"uplink.password_file {file}: {text}") from None
    if not password:
        raise BrokerFault(f"uplink.password_file {file}: it is empty")
    return password


def _tls(plan: UplinkPlan, place: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=plan.ca_file or None)
        if plan.cert_file:
            # OpenSSL would ask for a passphrase on the terminal, and wait
            context.load_cert_chain(plan.cert_file, plan.key_file or None, password=str)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(file for file in (plan.ca_file, plan.cert_file, plan.key_file) if file)
        raise BrokerFault(f"{place}: certificate files ({files}) cannot be used: {error}") from None
    return context


def _before_connect(client: aiomqtt.Client, greet: Callable[[], None]) -> None:
    """Have ``greet`` called when the transport stands (TCP, and TLS on it): paho writes CONNECT next. aiomqtt does not tell this from a refused port."""
    raw: Any = client._client  # noqa: SLF001 - there is no public way
    opened = raw.on_socket_open

    def greeted(*arguments: Any) -> None:
        greet()
        opened(*arguments)

    raw.on_socket_open = greeted


def _bound(client: aiomqtt.Client, alerts: list[ssl.SSLError]) -> None:
    """Keep only the beginning of a packet that is too long: MQTT 3.1.1 cannot tell the broker a limit, and a packet may have 256 MB.

    ``alerts`` gets what ends TLS. From TLS 1.3 on a broker tells only behind the handshake that it does not want our certificate, and paho keeps that to itself.
    """
    raw: Any = client._client  # noqa: SLF001 - there is no public way
    receive = raw._sock_recv  # noqa: SLF001

    def bounded(size: int) -> bytes:
        packet = raw._in_packet  # noqa: SLF001
        if packet["remaining_length"] > LONGEST_HEARD:
            del packet["packet"][LONGEST_HEARD:]
        try:
            data: bytes = receive(min(size, LONGEST_HEARD))
        except ssl.SSLError as alert:
            alerts.append(alert)
            raise
        return data

    raw._sock_recv = bounded  # noqa: SLF001


def _hang_up(client: aiomqtt.Client) -> None:
    """Cut the socket.

    aiomqtt leaves it open and watched when a connection attempt fails. And a connection that failed is not parted from politely: the broker
    shall tell the will.
    """
    raw = client._client.socket()  # noqa: SLF001 - there is no public way
    if isinstance(raw, socket.socket):
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)
