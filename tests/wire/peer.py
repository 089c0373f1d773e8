"""Instruments for tests of the wire: their own checksum, their own bytes, in memory, on pseudo-terminals and sockets."""

from __future__ import annotations

import asyncio
import os
import pty
import struct
import tty
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

from edgectl.clock import PreciseLoop, virtual_run
from edgectl.model.fault import LinkFault
from edgectl.model.plan import LinePlan, Medium, Protocol
from edgectl.wire.line import Line, open_line
from edgectl.wire.rtu import Rtu

T = TypeVar("T")
Replies = Iterable[tuple[float, bytes]]
Respond = Callable[[bytes], Replies]


def crc16(data: bytes) -> bytes:
    """Modbus RTU checksum, bit by bit."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def rtu(*body: int | bytes) -> bytes:
    """An RTU frame of these bytes."""
    data = b"".join(bytes((part,)) if isinstance(part, int) else part for part in body)
    return data + crc16(data)


def register(unit: int, address: int) -> int:
    """What stands in a register, different everywhere."""
    return (unit * 2731 + address * 17 + 5) & 0xFFFF


def words(unit: int, address: int, count: int) -> bytes:
    """So many registers, as they travel."""
    return struct.pack(f">{count}H", *(register(unit, address + n) for n in range(count)))


def pdu(unit: int, request: bytes) -> bytes:
    """A healthy instrument's answer to a request PDU."""
    function, address, count = struct.unpack_from(">BHH", request)
    if function in (3, 4):
        return bytes((function, 2 * count)) + words(unit, address, count)
    if function in (1, 2):
        return bytes((function, (count + 7) // 8)) + bytes(
            register(unit, address + n) & 0xFF for n in range((count + 7) // 8)
        )
    return request[:5]


def answer(frame: bytes) -> bytes:
    """A healthy RTU instrument's frame for a request frame."""
    assert crc16(frame[:-2]) == frame[-2:], "the request has a wrong checksum"
    return rtu(frame[:1] + pdu(frame[0], frame[1:-2]))


def mbap(number: int, unit: int, body: bytes) -> bytes:
    """A Modbus TCP frame."""
    return struct.pack(">HHHB", number, 0, len(body) + 1, unit) + body


def tcp_answer(frame: bytes) -> bytes:
    """A healthy Modbus TCP instrument's frame for a request frame."""
    number, protocol, length, unit = struct.unpack_from(">HHHB", frame)
    assert protocol == 0
    assert length == len(frame) - 6
    return mbap(number, unit, pdu(unit, frame[7:]))


class MemoryLink:
    """A link to whatever ``respond`` makes of each write: pieces, each so long after the write."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.opened = False
        self.opens = 0
        self.sent: list[tuple[float, bytes]] = []
        self.lost = ""
        self._arrived = bytearray()
        self._waiter: asyncio.Future[None] | None = None

    async def open(self) -> None:
        self.opens += not self.opened
        self.opened = True

    def close(self) -> None:
        self.opened = False
        self._arrived.clear()

    async def write(self, data: bytes) -> None:
        self._check()
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), data))
        for delay_s, piece in self.respond(data):
            if delay_s > 0:
                loop.call_later(delay_s, self.arrive, piece)
            else:
                self.arrive(piece)

    async def read(self, timeout_s: float) -> bytes:
        self._check()
        if not self._arrived and timeout_s > 0:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(timeout_s, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
            self._check()
        data = bytes(self._arrived)
        self._arrived.clear()
        return data

    def discard(self) -> int:
        count = len(self._arrived)
        self._arrived.clear()
        return count

    def arrive(self, data: bytes) -> None:
        """Bytes come in."""
        self._arrived += data
        self._wake()

    def lose(self, why: str) -> None:
        """The line breaks."""
        self.lost = why
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _check(self) -> None:
        if self.lost or not self.opened:
            raise LinkFault(self.lost or "not open")


def plan(protocol: Protocol = Protocol.MODBUS_RTU, **fields: Any) -> LinePlan:
    """A line; 19200 baud and 0.2 s unless said otherwise."""
    medium = Medium.TCP if protocol is Protocol.MODBUS_TCP else Medium.SERIAL
    settings: dict[str, Any] = {"baud": 19200, "stop_bits": 2, "timeout_s": 0.2}
    return LinePlan("l1", fields.pop("medium", medium), protocol, **settings | fields)


def memory_line(respond: Respond, line_plan: LinePlan | None = None) -> tuple[Line, MemoryLink]:
    """A line and the memory behind it."""
    link = MemoryLink(respond)
    return open_line(line_plan or plan(), link), link


def without_echo(line: Line) -> None:
    """Spare a line the probe for echoes where echoes are not the subject."""
    assert isinstance(line._wire, Rtu)
    line._wire.echo = False


def virtually(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run on virtual time."""
    result: T = virtual_run(main())
    return result


def really(main: Callable[[], Awaitable[T]]) -> T:
    """Run on the production loop, in real time."""
    with asyncio.Runner(loop_factory=PreciseLoop) as runner:

        async def body() -> T:
            return await main()

        return runner.run(body())


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Terminal:
    """The instrument's end of a pseudo-terminal, served on the running loop."""

    def __init__(self, respond: Respond) -> None:
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)
        self.respond = respond
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.master, self._serve)

    def _serve(self) -> None:
        for delay_s, piece in self.respond(os.read(self.master, 4096)):
            self._loop.call_later(delay_s, self.say, piece)

    def say(self, data: bytes) -> None:
        """Send to the controller."""
        if self.master >= 0:
            os.write(self.master, data)

    def unplug(self) -> None:
        """Pull the adapter: both ends vanish."""
        if self.master >= 0:
            self._loop.remove_reader(self.master)
            os.close(self.master)
            os.close(self._slave)
            self.master = -1


class Server:
    """A Modbus TCP instrument on the running loop; ``sessions`` counts connections open at this moment."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.sessions = self.most = self.accepted = 0
        self.port = 0
        self._server: asyncio.Server
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> None:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, *, reset: bool = False) -> None:
        """Stop listening and drop every session, with RST if ``reset``."""
        self._server.close()
        await self.drop(reset=reset)

    async def drop(self, *, reset: bool = False) -> None:
        """Drop every session."""
        for writer in list(self._writers):
            if reset:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(1, 13, linger)  # SOL_SOCKET, SO_LINGER
            writer.transport.abort() if reset else writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        self.accepted += 1
        self.most = max(self.most, self.sessions)
        self._writers.add(writer)
        try:
            while head := await reader.readexactly(6):
                frame = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                for delay_s, piece in self.respond(frame):
                    asyncio.get_running_loop().call_later(delay_s, writer.write, piece)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.sessions -= 1
            self._writers.discard(writer)
            writer.close()
