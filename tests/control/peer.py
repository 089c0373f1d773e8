"""Instruments in memory for tests of control: bytes in, bytes out, with a CRC and codecs of their own."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from edgectl.model.fault import LinkFault

Registers = dict[int, int]


def crc16(data: bytes) -> bytes:
    """Modbus RTU checksum, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


@dataclass
class Unit:
    """One Modbus unit: its tables, and what is wrong with it (``unheard``: it does what it is told, but its answers get lost). ``served`` and ``written`` count and keep what it was asked."""

    holding: Registers = field(default_factory=dict)
    inputs: Registers = field(default_factory=dict)
    coils: Registers = field(default_factory=dict)
    mute: bool = False
    unheard: bool = False
    refuse: dict[int, int] = field(default_factory=dict)
    delay_s: float = 0.002
    served: list[float] = field(default_factory=list)
    written: list[tuple[float, int, int]] = field(default_factory=list)

    def answer(self, now_s: float, pdu: bytes) -> bytes:
        """The reply PDU to a request PDU."""
        self.served.append(now_s)
        function = pdu[0]
        if code := self.refuse.get(function, 0):
            return bytes((function | 0x80, code))
        first = int.from_bytes(pdu[1:3], "big")
        second = int.from_bytes(pdu[3:5], "big")
        if function in (3, 4):
            return self._read(self.holding if function == 3 else self.inputs, function, first, second)
        if function == 1:
            bits = sum(bool(self.coils.get(first + n)) << n for n in range(second))
            return bytes((1, (second + 7) // 8)) + bits.to_bytes((second + 7) // 8, "little")
        return self._write(now_s, pdu, first, second)

    def _read(self, table: Registers, function: int, first: int, count: int) -> bytes:
        if any(address not in table for address in range(first, first + count)):
            return bytes((function | 0x80, 2))
        words = b"".join(table[first + n].to_bytes(2, "big") for n in range(count))
        return bytes((function, len(words))) + words

    def _write(self, now_s: float, pdu: bytes, first: int, second: int) -> bytes:
        if pdu[0] == 16:
            for n in range(second):
                word = int.from_bytes(pdu[6 + 2 * n : 8 + 2 * n], "big")
                self.holding[first + n] = word
                self.written.append((now_s, first + n, word))
            return pdu[:5]
        table = self.coils if pdu[0] == 5 else self.holding
        table[first] = second
        self.written.append((now_s, first, second))
        return pdu[:5]


@dataclass
class Request:
    """One frame that was sent, when, and to whom."""

    at_s: float
    unit: int
    pdu: bytes


class MemoryLink:
    """``edgectl.wire.link.Link`` to instruments in memory: ``respond`` gives delays and bytes for what was written."""

    def __init__(self, respond: Callable[[float, bytes], list[tuple[float, bytes]]]) -> None:
        self._respond = respond
        self._arrived = b""
        self._waiter: asyncio.Future[None] | None = None
        self.opened = False
        self.plugged = True
        self.blocked = False
        self.opens = 0

    async def open(self) -> None:
        if not self.plugged:
            raise LinkFault("port t1 is not there; plug its adapter in")
        if not self.opened:
            self.opened = True
            self.opens += 1

    def close(self) -> None:
        self.opened = False
        self._arrived = b""

    def unplug(self) -> None:
        """Pull the adapter."""
        self.plugged = False
        self._tell()

    async def write(self, data: bytes) -> None:
        self._check()
        if self.blocked:
            raise LinkFault("port t1 takes nothing")
        loop = asyncio.get_running_loop()
        for delay_s, answer in self._respond(loop.time(), data):
            loop.call_later(delay_s, self._arrive, answer)

    async def read(self, timeout_s: float) -> bytes:
        self._check()
        if not self._arrived and timeout_s > 0:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(timeout_s, self._tell)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
            self._check()
        data, self._arrived = self._arrived, b""
        return data

    def discard(self) -> int:
        count, self._arrived = len(self._arrived), b""
        return count

    def _arrive(self, data: bytes) -> None:
        if self.opened:
            self._arrived += data
            self._tell()

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _check(self) -> None:
        if not self.plugged or not self.opened:
            raise LinkFault("port t1 is gone; plug its adapter in")


class Bus:
    """A Modbus RTU bus in memory. Answers take the time of their characters at ``baud``."""

    def __init__(self, units: dict[int, Unit], baud: int = 19200) -> None:
        self.units = units
        self.requests: list[Request] = []
        self._char_s = 11 / baud
        self.link = MemoryLink(self._respond)

    def _respond(self, now_s: float, data: bytes) -> list[tuple[float, bytes]]:
        assert crc16(data[:-2]) == data[-2:], "a request with a wrong checksum"
        self.requests.append(Request(now_s, data[0], data[1:-2]))
        unit = self.units.get(data[0])
        if unit is None or unit.mute:
            return []
        body = data[:1] + unit.answer(now_s, data[1:-2])
        if unit.unheard:
            return []
        reply = body + crc16(body)
        return [((len(data) + len(reply)) * self._char_s + unit.delay_s, reply)]


class Gateway:
    """The same units behind Modbus TCP; every request is answered by itself, after the unit's delay."""

    def __init__(self, units: dict[int, Unit]) -> None:
        self.units = units
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._open = 0
        self.link = MemoryLink(self._respond)

    def _respond(self, now_s: float, data: bytes) -> list[tuple[float, bytes]]:
        answers = []
        while data:
            size = 6 + int.from_bytes(data[4:6], "big")
            frame, data = data[:size], data[size:]
            self.requests.append(Request(now_s, frame[6], frame[7:]))
            unit = self.units.get(frame[6])
            if unit is None or unit.mute:
                continue
            body = frame[6:7] + unit.answer(now_s, frame[7:])
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
            asyncio.get_running_loop().call_later(unit.delay_s, self._closed)
            answers.append((unit.delay_s, frame[:4] + len(body).to_bytes(2, "big") + body))
        return answers

    def _closed(self) -> None:
        self._open -= 1


class Thermometer:
    """An Atlas EZO-RTD circuit on a line of its own: 21.5 degC, 0.6 s a reading; ``restarting`` makes its next answer the banner of a restart."""

    ANSWERS: ClassVar[dict[bytes, bytes]] = {
        b"i": b"?i,RTD,2.01\r*OK\r",
        b"C,?": b"?C,0\r*OK\r",
        b"*OK,?": b"?*OK,1\r*OK\r",
        b"S,?": b"?S,c\r*OK\r",
        b"C,0": b"*OK\r",
        b"": b"*ER\r",
    }

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.restarting = False
        self.link = MemoryLink(self._respond)

    def _respond(self, now_s: float, data: bytes) -> list[tuple[float, bytes]]:
        command = data.removesuffix(b"\r")
        self.asked.append(command)
        if self.restarting:
            self.restarting = False
            return [(0.1, b"*RS\r*RE\r")]
        if command == b"R" and b"R" not in self.ANSWERS:
            return [(0.6, b"21.500\r*OK\r")]
        return [(0.1, self.ANSWERS.get(command, b"*ER\r"))]


def hamilton(serial_number: str, ph: float) -> Unit:
    """The registers of a Hamilton pH Arc, low word first, without its temperature."""
    raw = int.from_bytes(struct.pack(">f", ph), "big")
    block = [0x1000, 0, raw & 0xFFFF, raw >> 16, 0, 0, 0, 0, 0, 0x4160]
    tables = {1031: _text("EPHUM011"), 1311: _text(serial_number), 1279: _text("242098"), 2089: block}
    return Unit(holding={first + n: word for first, words in tables.items() for n, word in enumerate(words)})


def _text(text: str) -> list[int]:
    raw = text.encode().ljust(16, b"\0")
    return [int.from_bytes(raw[n : n + 2], "big") for n in range(0, 16, 2)]
