"""An MQTT client of the bench's own, to hear what the product really says."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from typing import TYPE_CHECKING, Self

from hil import mqtt
from hil.mqtt import MalformedError, Message, Packet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

KEEP_ALIVE_S = 30
ANSWER_S = 5.0


class Subscriber:
    """A clean session with a broker: subscribes at once, hands out messages, publishes.

    Use as `async with Subscriber(host, port, ["#"]) as listener` and iterate. The connection's end ends the
    iteration; ConnectionError if the broker refuses or does not answer within 5 s. The will, if there is one, is left
    with the broker for the case that the connection ends in any other way than by leaving the block.
    """

    def __init__(
        self,
        host: str,
        port: int,
        topics: Sequence[str],
        *,
        client_id: str = "hil-listener",
        qos: int = 1,
        will: Message | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._topics = topics
        self._client_id = client_id
        self._qos = qos
        self._will = will
        self._next_id = 1
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._acks: dict[int, asyncio.Future[None]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        try:
            await self._greet()
        except BaseException:
            self._writer.close()
            raise
        self._tasks = [asyncio.create_task(self._receive()), asyncio.create_task(self._ping())]
        return self

    async def _greet(self) -> None:
        """CONNECT and SUBSCRIBE, both accepted."""
        self._writer.write(self._connect())
        answer = await self._expect(mqtt.CONNACK)
        if answer.body[1:2] != b"\0":
            raise ConnectionError(f"broker refused with code {answer.body[1:2].hex()}")
        if self._topics:
            filters = b"".join(mqtt.text(topic) + bytes((self._qos,)) for topic in self._topics)
            self._writer.write(mqtt.frame(mqtt.SUBSCRIBE, self._identifier() + filters, 2))
            granted = await self._expect(mqtt.SUBACK)
            if 0x80 in granted.body[2:]:
                raise ConnectionError(f"broker refused a filter of {', '.join(self._topics)}")

    async def __aexit__(self, *exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(OSError):
            self._writer.write(mqtt.frame(mqtt.DISCONNECT))
            await self._writer.drain()
            self._writer.close()
            await self._writer.wait_closed()

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        message = await self._inbox.get()
        if message is None:
            raise StopAsyncIteration
        return message

    def _connect(self) -> bytes:
        """A CONNECT packet with a clean session (3.1)."""
        will, flags, fields = self._will, 2, mqtt.text(self._client_id)
        if will is not None:
            flags |= 4 | will.qos << 3 | will.retain << 5
            fields += mqtt.text(will.topic) + struct.pack(">H", len(will.payload)) + will.payload
        head = mqtt.text("MQTT") + struct.pack(">BBH", 4, flags, KEEP_ALIVE_S)
        return mqtt.frame(mqtt.CONNECT, head + fields)

    def abort(self) -> None:
        """Drop the connection without goodbye, as a crash would: the broker sends the will."""
        self._writer.transport.abort()

    def _identifier(self) -> bytes:
        self._next_id = self._next_id % 0xFFFF + 1
        return struct.pack(">H", self._next_id)

    async def _expect(self, kind: int) -> Packet:
        """The next packet of a kind; retained messages that overtake it are kept."""
        async with asyncio.timeout(ANSWER_S):
            while True:
                packet = await mqtt.read_packet(self._reader)
                if packet.kind == kind:
                    return packet
                self._sort(packet)

    def _sort(self, packet: Packet) -> None:
        if packet.kind == mqtt.PUBLISH:
            message, packet_id = mqtt.parse_publish(packet)
            if message.qos:
                self._writer.write(mqtt.frame(mqtt.PUBACK, struct.pack(">H", packet_id)))
            self._inbox.put_nowait(message)
        elif packet.kind == mqtt.PUBACK:
            waiting = self._acks.pop(int.from_bytes(packet.body, "big"), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    async def _receive(self) -> None:
        try:
            while True:
                self._sort(await mqtt.read_packet(self._reader))
        except (OSError, asyncio.IncompleteReadError, MalformedError):
            self._inbox.put_nowait(None)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_S / 2)
            self._writer.write(mqtt.frame(mqtt.PINGREQ))

    async def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> None:
        """Send a message; at QoS 1 return when the broker has it."""
        identifier = int.from_bytes(self._identifier(), "big")
        if qos:
            self._acks[identifier] = asyncio.get_running_loop().create_future()
        self._writer.write(mqtt.publish_frame(Message(topic, payload, qos, retain), identifier))
        await self._writer.drain()
        if qos:
            async with asyncio.timeout(ANSWER_S):
                await self._acks[identifier]
