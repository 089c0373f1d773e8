"""Stands between an edge node and a broker, passes every byte on unchanged, and says what went by."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from hil import mqtt
from hil.host.seen import Connack, Connect, Delivered, Disconnect, Door, Ended, Seen, Sent, Subscribe
from hil.mqtt import Cursor, MalformedError, Message, Packet

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Callable, Iterator

    from hil.host.seen import What

_CHUNK = 65536
_FIRST_WORDS_S = 1.0  # how long a node may take to say what is lost, when there is no broker behind the tap


def now_ms() -> int:
    """UTC in ms."""
    return time.time_ns() // 1_000_000


class Packets:
    """Cuts a stream of bytes into MQTT packets (2.2); MalformedError for a length of more than four bytes."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Each packet that is complete now."""
        self._held += data
        while (size := self._size()) is not None:
            start, length = size
            if len(self._held) < start + length:
                return
            head = self._held[0]
            body = bytes(self._held[start : start + length])
            del self._held[: start + length]
            yield Packet(head >> 4, head & 0x0F, body)

    def _size(self) -> tuple[int, int] | None:
        """Where the body begins and how long it is, once that has arrived."""
        length = 0
        for index, digit in enumerate(self._held[1:5]):
            length |= (digit & 0x7F) << 7 * index
            if not digit & 0x80:
                return index + 2, length
        if len(self._held) >= 5:
            raise MalformedError("remaining length of more than four bytes")
        return None


def from_node(packet: Packet) -> What | None:
    """What a packet of the edge node says; None for what no rule is about."""
    cursor = Cursor(packet.body)
    if packet.kind == mqtt.CONNECT:
        return _connect(cursor)
    if packet.kind == mqtt.SUBSCRIBE:
        cursor.number()
        filters = []
        while cursor.left:
            filters.append((_text(cursor), cursor.byte()))
        return Subscribe(tuple(filters))
    if packet.kind == mqtt.PUBLISH:
        return Sent(_message(packet))
    return Disconnect() if packet.kind == mqtt.DISCONNECT else None


def from_broker(packet: Packet) -> What | None:
    """What a packet of the broker says; None for what no rule is about."""
    if packet.kind == mqtt.CONNACK:
        return Connack(packet.body[1] if len(packet.body) > 1 else 0xFF)
    return Delivered(_message(packet)) if packet.kind == mqtt.PUBLISH else None


def _text(cursor: Cursor) -> str:
    """A string as it is; what is not UTF-8 stays visible for the judge."""
    return cursor.binary().decode(errors="surrogateescape")


def _connect(cursor: Cursor) -> Connect:
    """A CONNECT packet; of another level than 4 only the head is read."""
    cursor.binary()
    level, flags, keep_alive_s = cursor.byte(), cursor.byte(), cursor.number()
    clean = bool(flags & 0x02)
    if level != 4:
        return Connect("", clean, keep_alive_s, None, level)
    client_id, will = _text(cursor), None
    if flags & 0x04:
        topic, payload = _text(cursor), cursor.binary()
        will = Message(topic, payload, flags >> 3 & 3, bool(flags & 0x20))
    return Connect(client_id, clean, keep_alive_s, will, level)


def _message(packet: Packet) -> Message:
    """A message with any QoS and any topic: what is wrong with it is for the judge to say."""
    cursor = Cursor(packet.body)
    qos = packet.flags >> 1 & 3
    topic = _text(cursor)
    if qos:
        cursor.number()
    return Message(topic, cursor.take(cursor.left), qos, bool(packet.flags & 1))


class Tap:
    """One broker as an edge node finds it; `see` is told everything in order, before it is passed on.

    Start with `await start()`, which returns the port; end with `await stop()`. `shut` and `open` say whether the node can
    reach the server at all, `cut` ends every connection as a network would. Bytes that are no MQTT are passed on
    too, and named in `faults`.
    """

    def __init__(
        self,
        name: str,
        broker: tuple[str, int],
        see: Callable[[Seen], None],
        *,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.name = name
        self.faults: list[str] = []
        self._broker = broker
        self._see = see
        self._clock = clock
        self._address = ("127.0.0.1", 0)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; port 0 takes a free one."""
        self._server = await asyncio.start_server(self._serve, host, port)
        self._address = self._server.sockets[0].getsockname()[:2]
        return self._address[1]

    async def stop(self) -> None:
        """Listen no more and end every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """End every connection as a network would."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def shut(self) -> None:
        """The server cannot be reached from now on."""
        self._tell(0, Door(open=False))
        await self.stop()

    async def open(self) -> None:
        """It can be reached again, at the same port."""
        await self.start(*self._address)
        self._tell(0, Door(open=True))

    def _tell(self, connection: int, what: What) -> None:
        self._see(Seen(self._clock(), self.name, connection, what))

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        number = self._connections
        try:
            await self._carry(number, reader, writer)
        except asyncio.CancelledError:
            pass  # cut() and stop() end this task and nothing else awaits it
        finally:
            self._tasks.discard(task)
            self._tell(number, Ended())
            writer.close()

    async def _carry(self, number: int, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass bytes both ways until one side is done."""
        try:
            up_reader, up_writer = await asyncio.open_connection(*self._broker)
        except OSError:
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(_FIRST_WORDS_S):
                    await self._pump(number, reader, None, from_node)
            return
        ways = [
            asyncio.create_task(self._pump(number, reader, up_writer, from_node)),
            asyncio.create_task(self._pump(number, up_reader, writer, from_broker)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            up_writer.close()

    async def _pump(
        self,
        number: int,
        source: StreamReader,
        sink: StreamWriter | None,
        read: Callable[[Packet], What | None],
    ) -> None:
        """One direction, until its end: first say what the bytes mean, then pass them on."""
        packets: Packets | None = Packets()
        with contextlib.suppress(OSError):
            while data := await source.read(_CHUNK):
                try:
                    for packet in packets.feed(data) if packets is not None else ():
                        what = read(packet)
                        if what is not None:
                            self._tell(number, what)
                except MalformedError as error:
                    self.faults.append(f"{self.name} #{number}: {error}")
                    packets = None
                if sink is not None:
                    sink.write(data)
                    await sink.drain()
