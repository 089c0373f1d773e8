"""A small MQTT 3.1.1 broker for a demo on one machine: QoS 0 and 1, retained messages, wildcards, wills, take-over.

Sessions end with their connection. Memory is bounded: so many clients, retained topics and bytes a packet, and a
client that does not read loses QoS 0 messages first and its connection at last.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hil import mqtt
from hil.mqtt import Cursor, MalformedError, Message, Packet

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

MOST_CLIENTS = 100
MOST_RETAINED = 10_000
MOST_FILTERS = 200
MOST_IN_FLIGHT = 50_000
SOFT_BUFFER, HARD_BUFFER = 1 << 20, 4 << 20  # bytes waiting for one client
CONNECT_S = 5.0
PAUSE_S = 0.005  # after a packet that left somebody far behind


@dataclass(slots=True, eq=False)
class Client:
    """One connection."""

    writer: StreamWriter
    client_id: str
    keep_alive_s: float
    will: Message | None
    filters: dict[str, int] = field(default_factory=dict)
    in_flight: set[int] = field(default_factory=set)
    next_id: int = 0
    dropped: int = 0

    def send(self, data: bytes) -> None:
        """Queue bytes for the client."""
        self.writer.write(data)

    def deliver(self, message: Message) -> bool:
        """Queue a message, unless the client is too far behind; True if it is falling behind."""
        waiting = self.writer.transport.get_write_buffer_size()
        if waiting > HARD_BUFFER or len(self.in_flight) >= MOST_IN_FLIGHT:
            self.writer.transport.abort()
        elif message.qos == 0 and waiting > SOFT_BUFFER:
            self.dropped += 1
        else:
            self.send(mqtt.publish_frame(message, self._identifier() if message.qos else 0))
        return waiting > SOFT_BUFFER

    def _identifier(self) -> int:
        self.next_id = self.next_id % 0xFFFF + 1
        while self.next_id in self.in_flight:
            self.next_id = self.next_id % 0xFFFF + 1
        self.in_flight.add(self.next_id)
        return self.next_id


class Broker:
    """Start with `await start(host, port)`, which returns the port; end with `await stop()`."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}
        self._retained: dict[str, Message] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._anonymous = 0
        self._pause_s = 0.0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; port 0 takes a free one."""
        self._server = await asyncio.start_server(self._serve, host, port)
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def stop(self) -> None:
        """Close every connection; no wills are sent."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(
                OSError, TimeoutError, asyncio.IncompleteReadError, MalformedError, struct.error
            ):
                await self._session(reader, writer)
        except asyncio.CancelledError:
            pass  # stop() ends this task and nothing else awaits it
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _session(self, reader: StreamReader, writer: StreamWriter) -> None:
        """From CONNECT to the end; the will is sent unless the client said goodbye."""
        async with asyncio.timeout(CONNECT_S):
            packet = await mqtt.read_packet(reader)
        client = self._admit(packet, writer)
        if client is None:
            return
        patience_s = client.keep_alive_s * 1.5 or None  # 3.1.2.10
        try:
            while True:
                async with asyncio.timeout(patience_s):
                    packet = await mqtt.read_packet(reader)
                if packet.kind == mqtt.DISCONNECT:
                    client.will = None
                    return
                self._obey(client, packet)
                await asyncio.sleep(self._pause_s)  # a flood from one client does not starve the others
        finally:
            if self._clients.get(client.client_id) is client:
                del self._clients[client.client_id]
            if client.will is not None:
                self._route(client.will)

    def _admit(self, packet: Packet, writer: StreamWriter) -> Client | None:
        """A client for a good CONNECT; an older one with its name is cut off (3.1.4-2)."""
        if packet.kind != mqtt.CONNECT:
            raise MalformedError("the first packet is not CONNECT")
        cursor = Cursor(packet.body)
        name, level, flags, keep_alive_s = cursor.text(), cursor.byte(), cursor.byte(), cursor.number()
        client_id = cursor.text()
        will = None
        if flags & 0x04:
            topic, payload = cursor.text(), cursor.binary()
            will = Message(topic, payload, min(flags >> 3 & 3, 1), bool(flags & 0x20))
        if (name, level) != ("MQTT", 4):
            writer.write(mqtt.frame(mqtt.CONNACK, b"\0\1"))
            return None
        if not client_id:
            self._anonymous += 1
            client_id = f"anonymous-{self._anonymous}"
        older = self._clients.pop(client_id, None)
        if older is not None:
            older.writer.transport.abort()
        if len(self._clients) >= MOST_CLIENTS:
            writer.write(mqtt.frame(mqtt.CONNACK, b"\0\3"))
            return None
        client = Client(writer, client_id, keep_alive_s, will)
        self._clients[client_id] = client
        client.send(mqtt.frame(mqtt.CONNACK, b"\0\0"))
        return client

    def _obey(self, client: Client, packet: Packet) -> None:
        if packet.kind == mqtt.PUBLISH:
            message, packet_id = mqtt.parse_publish(packet)
            self._route(message)
            if message.qos:
                client.send(mqtt.frame(mqtt.PUBACK, struct.pack(">H", packet_id)))
        elif packet.kind == mqtt.PUBACK:
            client.in_flight.discard(Cursor(packet.body).number())
        elif packet.kind == mqtt.SUBSCRIBE:
            self._subscribe(client, Cursor(packet.body))
        elif packet.kind == mqtt.UNSUBSCRIBE:
            cursor = Cursor(packet.body)
            identifier = cursor.take(2)
            while cursor.left:
                client.filters.pop(cursor.text(), None)
            client.send(mqtt.frame(mqtt.UNSUBACK, identifier))
        elif packet.kind == mqtt.PINGREQ:
            client.send(mqtt.frame(mqtt.PINGRESP))
        else:
            raise MalformedError(f"packet kind {packet.kind}")

    def _subscribe(self, client: Client, cursor: Cursor) -> None:
        """Grant at most QoS 1, then send what is retained."""
        identifier, granted, fresh = cursor.take(2), bytearray(), []
        while cursor.left:
            pattern, qos = cursor.text(), min(cursor.byte(), 1)
            if not mqtt.valid_filter(pattern) or len(client.filters) >= MOST_FILTERS:
                granted.append(0x80)
                continue
            client.filters[pattern] = qos
            granted.append(qos)
            fresh.append((pattern, qos))
        client.send(mqtt.frame(mqtt.SUBACK, identifier + bytes(granted)))
        for pattern, qos in fresh:
            for message in self._retained.values():
                if mqtt.matches(pattern, message.topic):
                    client.deliver(message._replace(qos=min(qos, message.qos)))

    def _route(self, message: Message) -> None:
        """Keep what is retained, and deliver once to each client whose filters match (3.3.5)."""
        if message.retain:
            if not message.payload:
                self._retained.pop(message.topic, None)
            elif message.topic in self._retained or len(self._retained) < MOST_RETAINED:
                self._retained[message.topic] = message
        crowded = False
        for client in list(self._clients.values()):
            found = [qos for pattern, qos in client.filters.items() if mqtt.matches(pattern, message.topic)]
            if found:
                crowded |= client.deliver(message._replace(qos=min(max(found), message.qos), retain=False))
        self._pause_s = PAUSE_S if crowded else 0.0
