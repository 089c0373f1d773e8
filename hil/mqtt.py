"""MQTT 3.1.1 packets, written from the OASIS standard (29 October 2014); only what QoS 0 and 1 need."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncio

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = 8, 9, 10, 11
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14
LONGEST = 1 << 20  # bytes in a packet body


class MalformedError(Exception):
    """Bytes that no MQTT 3.1.1 peer may send, or more than this side takes."""


class Packet(NamedTuple):
    """Kind and flags of the fixed header (2.2), and everything after it."""

    kind: int
    flags: int
    body: bytes


class Message(NamedTuple):
    """An application message."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


def frame(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    """A whole packet; the remaining length takes seven bits a byte (2.2.3)."""
    head = bytearray((kind << 4 | flags,))
    length = len(body)
    while True:
        length, digit = length >> 7, length & 0x7F
        head.append(digit | 0x80 if length else digit)
        if not length:
            return bytes(head) + body


async def read_packet(reader: asyncio.StreamReader, longest: int = LONGEST) -> Packet:
    """The next packet; IncompleteReadError at the end of the stream."""
    head = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            break
        if shift > 21:
            raise MalformedError("remaining length of more than four bytes")
    if length > longest:
        raise MalformedError(f"a packet of {length} bytes; at most {longest}")
    return Packet(head >> 4, head & 0x0F, await reader.readexactly(length))


def text(value: str) -> bytes:
    """A string with its length before it (1.5.3)."""
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


class Cursor:
    """Takes fields off a packet body, one after another."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not taken yet."""
        return len(self._body) - self._at

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count > self.left:
            raise MalformedError("a packet ends inside a field")
        self._at += count
        return self._body[self._at - count : self._at]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """The next 16 bits."""
        return int.from_bytes(self.take(2), "big")

    def binary(self) -> bytes:
        """The next field with a length before it."""
        return self.take(self.number())

    def text(self) -> str:
        """The next string."""
        try:
            return self.binary().decode()
        except UnicodeDecodeError:
            raise MalformedError("a string is not UTF-8") from None


def publish_frame(message: Message, packet_id: int = 0) -> bytes:
    """A PUBLISH packet; QoS 1 carries the identifier (3.3)."""
    identifier = struct.pack(">H", packet_id) if message.qos else b""
    body = text(message.topic) + identifier + message.payload
    return frame(PUBLISH, body, message.qos << 1 | message.retain)


def parse_publish(packet: Packet) -> tuple[Message, int]:
    """Message and packet identifier (0 at QoS 0)."""
    cursor = Cursor(packet.body)
    qos = packet.flags >> 1 & 3
    if qos > 1:
        raise MalformedError(f"QoS {qos}; this side speaks 0 and 1")
    topic = cursor.text()
    if not topic or "+" in topic or "#" in topic:
        raise MalformedError(f"topic name {topic!r}")
    packet_id = cursor.number() if qos else 0
    return Message(topic, cursor.take(cursor.left), qos, bool(packet.flags & 1)), packet_id


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic filter selects a topic (4.7); wildcards at the start leave $ topics alone."""
    if topic.startswith("$") and pattern[:1] in ("+", "#"):
        return False
    wanted, given = pattern.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


def valid_filter(pattern: str) -> bool:
    """Whether wildcards stand alone in their levels, and # last."""
    levels = pattern.split("/")
    alone = all(level in ("+", "#") or not {"+", "#"} & set(level) for level in levels)
    return bool(pattern) and alone and "#" not in levels[:-1]
