"""One connection to a broker, over aiomqtt: MQTT 3.1.1, clean session, at most ``WINDOW`` messages on the way.

aiomqtt hides why a connection fails behind one exception; ``explain`` finds it out again and says what to look at. MQTT 5 would have to leave
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
from aiomqtt.exceptions import MqttConnectError

from edgectl.model.plan import UplinkPlan
from edgectl.uplink.session import BrokerFault, Message

Server = tuple[str, int]  # name or address, and port

WINDOW = 100
CONNECT_S = 10.0
MOST_HEARD = 100  # messages that wait to be looked at; more are dropped
LONGEST_HEARD = 65_536  # bytes; of longer ones only the beginning comes into memory
_GOODBYE_S = 2.0
# aiomqtt and paho tell each fault several times and in their own words; ``explain`` tells it once.
_QUIET = logging.getLogger("edgectl.uplink.mqtt")
# CONNACK 2, 4 and 5 (MQTT 3.1.1, section 3.2.2.3) as paho numbers them.
_DENIED = 0x80  # SUBACK (MQTT 3.1.1, section 3.9.3)
_BAD_IDENTIFIER, _BAD_LOGIN, _NOT_AUTHORIZED = 133, 134, 135


Hear = Callable[[str, bytes, bool], None]  # topic, payload, whether it was retained


def _deaf(_: str, __: bytes, ___: bool) -> None:
    """For a connection that subscribes to nothing."""


class Broker:
    """An established connection."""

    def __init__(self, client: aiomqtt.Client, place: str, patience_s: float) -> None:
        self._client = client
        self._place = place
        self._patience_s = patience_s

    async def deliver(self, messages: Iterable[Message]) -> None:
        """Send in order; returns when all are confirmed (PUBACK).

        Raises:
            BrokerFault: the connection is lost, or a confirmation did not come within the patience of this connection.
        """
        rest = iter(messages)
        while window := list(itertools.islice(rest, WINDOW)):
            await self._deliver(window)

    async def _deliver(self, window: Sequence[Message]) -> None:
        """All at once, so that they leave in few packets and are confirmed in few: one by one each would wake both sides."""
        tasks = [asyncio.create_task(self._publish(message)) for message in window]
        try:
            _, waiting = await asyncio.wait(
                tasks, timeout=self._patience_s, return_when=asyncio.FIRST_EXCEPTION
            )
            for task in tasks:
                if task not in waiting:
                    task.result()
        except aiomqtt.MqttError as error:
            raise explain(error, self._place, connected=True) from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if waiting:
            raise BrokerFault(f"{self._place}: does not confirm what it is sent")

    async def _publish(self, message: Message) -> None:
        # Without a timeout of its own: the window has one, and aiomqtt would spend a task and a timer on each.
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
            raise BrokerFault(f"{self._place}: takes nothing any more") from None
        except aiomqtt.MqttError as error:
            raise explain(error, self._place, connected=True) from error

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Hear these topics at QoS 1.

        Raises:
            BrokerFault: the connection is lost, or the broker does not grant one of them.
        """
        try:
            granted = await self._client.subscribe([(topic, 1) for topic in topics])
        except aiomqtt.MqttError as error:
            raise explain(error, self._place, connected=True) from error
        for topic, code in zip(topics, granted, strict=True):
            if cast("int", getattr(code, "value", code)) >= _DENIED:
                text = f"{self._place}: the broker does not let this user read {topic}; check its access list"
                raise BrokerFault(text, refused=True)

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
            raise explain(error, self._place, connected=True) from error
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
    _bound(client)
    _before_connect(client, greet)
    try:
        async with client:
            try:
                yield Broker(client, place, float(plan.keepalive_s))
            except BrokerFault:
                _hang_up(client)
                raise
    except aiomqtt.MqttError as error:
        raise explain(error, place, connected=False) from error
    finally:
        _hang_up(client)


def _client(plan: UplinkPlan, server: Server, identifier: str, will: Message, place: str) -> aiomqtt.Client:
    try:
        password = Path(plan.password_file).read_text().strip() if plan.password_file else None
    except OSError as error:
        raise BrokerFault(f"uplink.password_file {plan.password_file}: {error.strerror}") from None
    _QUIET.disabled = True
    client = aiomqtt.Client(
        *server,
        username=plan.username or None,
        password=password,
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
    )
    client.pending_calls_threshold = WINDOW + 1
    return client


def _tls(plan: UplinkPlan, place: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=plan.ca_file or None)
        if plan.cert_file:
            context.load_cert_chain(plan.cert_file, plan.key_file or None)
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


def _bound(client: aiomqtt.Client) -> None:
    """Keep only the beginning of a packet that is too long: MQTT 3.1.1 cannot tell the broker a limit, and a packet may have 256 MB."""
    raw: Any = client._client  # noqa: SLF001 - there is no public way
    receive = raw._sock_recv  # noqa: SLF001

    def bounded(size: int) -> bytes:
        packet = raw._in_packet  # noqa: SLF001
        if packet["remaining_length"] > LONGEST_HEARD:
            del packet["packet"][LONGEST_HEARD:]
        data: bytes = receive(min(size, LONGEST_HEARD))
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


def explain(error: aiomqtt.MqttError, place: str, *, connected: bool) -> BrokerFault:
    """What happened, in words for the person who has to mend it."""
    if isinstance(error, MqttConnectError):
        return _refusal(error.rc if isinstance(error.rc, int) else getattr(error.rc, "value", 0), place)
    cause = error.__cause__ or error.__context__
    if connected:
        return BrokerFault(f"{place}: connection lost ({cause or error})")
    if "Operation timed out" in str(error):
        text = "something listens there and does not answer; frozen, no MQTT broker, or TLS on one side only?"
    else:
        text = _cause_text(cause)
    return BrokerFault(f"{place}: {text}")


def _cause_text(cause: BaseException | None) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message}); check uplink.ca_file, the name and the clock"
    if isinstance(cause, ssl.SSLError):
        return f"no TLS connection ({cause.reason}); check uplink.tls and the port"
    if isinstance(cause, socket.gaierror):
        return f"the name does not resolve ({cause.strerror}); check uplink.host and DNS"
    if isinstance(cause, ConnectionRefusedError):
        return "nothing listens there; is the broker running, is the port right?"
    if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
        return f"{cause.strerror or cause}; check the network"
    return "no answer; check the network and firewalls"


def _refusal(code: int, place: str) -> BrokerFault:
    if code in (_BAD_LOGIN, _NOT_AUTHORIZED):
        return BrokerFault(
            f"{place}: the broker refuses this user; check uplink.username and uplink.password_file",
            refused=True,
        )
    if code == _BAD_IDENTIFIER:
        return BrokerFault(f"{place}: the broker refuses the name; check uplink.client_id", refused=True)
    return BrokerFault(f"{place}: the broker refuses the connection (code {code})")
