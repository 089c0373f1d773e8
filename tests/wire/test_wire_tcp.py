"""Modbus TCP: numbers, several requests in flight, and connections that drop, hang or lie."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import socket
import struct
from pathlib import Path

import pytest

from edgectl.model.fault import BadReply, LinkFault, NoReply, Refused
from edgectl.model.plan import LinePlan, Protocol
from edgectl.wire.half_duplex import OWED_S
from edgectl.wire.line import Line, open_line
from edgectl.wire.mbtcp import ModbusTcp
from tests.wire.peer import (
    MemoryLink,
    Replies,
    Server,
    descriptors,
    mbap,
    memory_line,
    plan,
    really,
    register,
    tcp_answer,
    virtually,
)


def healthy(frame: bytes) -> Replies:
    return [(0.01, tcp_answer(frame))]


def expected(unit: int, address: int, count: int) -> tuple[int, ...]:
    return tuple(register(unit, address + n) for n in range(count))


def tcp(port: int = 0, in_flight: int = 1, timeout_s: float = 0.2) -> LinePlan:
    return plan(
        Protocol.MODBUS_TCP, host="127.0.0.1", tcp_port=port, in_flight=in_flight, timeout_s=timeout_s
    )


def split(data: bytes) -> list[bytes]:
    frames = []
    while data:
        size = 6 + int.from_bytes(data[4:6], "big")
        frames.append(data[:size])
        data = data[size:]
    return frames


def test_requests_in_flight_get_their_own_answers_in_whatever_order_they_come() -> None:
    dice = random.Random(1)
    waiting = most = 0

    async def main() -> None:
        def leave() -> None:
            nonlocal waiting
            waiting -= 1

        def respond(frame: bytes) -> Replies:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            delay_s = dice.uniform(0.001, 0.15)
            asyncio.get_running_loop().call_later(delay_s, leave)
            return [(delay_s, tcp_answer(frame))]

        line, _ = memory_line(respond, tcp(in_flight=8))
        await line.open()

        async def client(unit: int) -> None:
            port = line.modbus(str(unit))
            for n in range(50):
                assert await port.read_holding(n, 3) == expected(unit, n, 3)
                await port.write_register(n, n)

        await asyncio.gather(*(client(unit) for unit in range(12)))
        assert most == 8
        assert line.statistics.replies == 12 * 100
        line.close()

    virtually(main)


@pytest.mark.parametrize("in_flight", [1, 4])
def test_s05_none_of_1000_late_replies_is_taken_for_another_registers_value(in_flight: int) -> None:
    dice = random.Random(2)
    late = [0]

    def respond(frame: bytes) -> Replies:
        delay_s = 0.02 if dice.random() < 0.3 else dice.uniform(0.19, 2.5)
        late[0] += delay_s > 0.2
        return [(delay_s, tcp_answer(frame))]

    async def main() -> None:
        line, _ = memory_line(respond, tcp(in_flight=in_flight))

        async def client(unit: int) -> None:
            address = 0
            while late[0] < 1000:
                address += 1
                if not line.opened:
                    await line.open()
                try:
                    got = await line.modbus(str(unit)).read_holding(address, 2)
                except (NoReply, LinkFault):
                    continue
                assert got == expected(unit, address, 2)

        await asyncio.gather(*(client(unit) for unit in range(1, 1 + in_flight)))
        assert line.statistics.late_bytes > 0
        line.close()

    virtually(main)


def test_m05_an_instrument_that_is_slow_is_never_asked_more_than_it_bears() -> None:
    waiting = most = 0

    async def main() -> None:
        def leave() -> None:
            nonlocal waiting
            waiting -= 1

        def respond(frame: bytes) -> Replies:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            asyncio.get_running_loop().call_later(1.5, leave)
            return [(1.5, tcp_answer(frame))]

        line, _ = memory_line(respond, tcp())
        await line.open()
        for n in range(10):
            with pytest.raises(NoReply):
                await line.modbus("1").read_holding(n, 2)
            assert line.owed_until("1") > asyncio.get_running_loop().time()
        assert most == 1
        line.close()

    virtually(main)


def test_a_silent_unit_behind_a_gateway_does_not_hold_up_the_others() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda f: healthy(f) if f[6] != 9 else [], tcp())
        await line.open()
        loop = asyncio.get_running_loop()
        with pytest.raises(NoReply):
            await line.modbus("9").read_holding(0, 1)
        begun = loop.time()
        for n in range(100):
            await line.modbus("1").read_holding(n, 1)
        assert loop.time() - begun < 1.01
        await asyncio.sleep(3)
        assert line.opened
        assert line.owed_until("9") == 0.0
        line.close()

    virtually(main)


def test_cancelled_requests_give_no_wrong_value_to_the_next() -> None:
    dice = random.Random(3)

    async def main() -> None:
        line, _ = memory_line(lambda f: [(dice.uniform(0.001, 0.15), tcp_answer(f))], tcp())
        await line.open()
        unit = line.modbus("1")
        for n in range(100):
            task = asyncio.create_task(unit.read_holding(2 * n, 3))
            await asyncio.sleep(dice.uniform(0.0, 0.05))
            finished = task.done()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                assert not finished
            assert await unit.read_holding(2 * n + 1, 3) == expected(1, 2 * n + 1, 3)
        line.close()

    virtually(main)


def test_answers_with_a_foreign_number_or_unit_are_dropped_and_counted() -> None:
    def respond(frame: bytes) -> Replies:
        number, unit = int.from_bytes(frame[:2], "big"), frame[6]
        yield 0.001, mbap(number ^ 0x4000, unit, b"\x03\x02\x00\x00")
        yield 0.002, mbap(number, unit + 1, b"\x03\x02\x00\x00")
        yield 0.003, tcp_answer(frame)

    async def main() -> None:
        line, _ = memory_line(respond, tcp())
        await line.open()
        assert await line.modbus("1").read_holding(7, 1) == expected(1, 7, 1)
        assert line.statistics.foreign == 2
        line.close()

    virtually(main)


@pytest.mark.parametrize(
    "body", [b"\x04\x02\x00\x01", b"\x03\x04\x00\x01\x00\x02", b"\x03\x02\x00", b"\x84\x02", b"\x83\x02\x00"]
)
def test_an_answer_of_another_function_or_length_is_no_value(body: bytes) -> None:
    async def main() -> None:
        line, _ = memory_line(lambda f: [(0.001, mbap(int.from_bytes(f[:2], "big"), f[6], body))], tcp())
        await line.open()
        with pytest.raises(BadReply, match="answered function 03 at 7 with something else"):
            await line.modbus("1").read_holding(7, 1)
        line.close()

    virtually(main)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 11])
def test_m01_a_refusal_has_its_code(code: int) -> None:
    async def main() -> None:
        line, _ = memory_line(
            lambda f: [(0.001, mbap(int.from_bytes(f[:2], "big"), f[6], bytes((f[7] | 0x80, code))))], tcp()
        )
        await line.open()
        with pytest.raises(
            Refused, match=rf"unit 2 refuses function 16 at 5: exception {code:02d}"
        ) as refused:
            await line.modbus("2").write_registers(5, [1])
        assert refused.value.code == code
        line.close()

    virtually(main)


def test_a_stream_that_is_not_modbus_ends_the_connection() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda _: [(0.01, b"HTTP/1.1 400 Bad Request\r\n\r\n")], tcp())
        await line.open()
        with pytest.raises(LinkFault, match="not Modbus TCP"):
            await line.modbus("1").read_holding(0, 1)
        assert not line.opened

    virtually(main)


def test_answers_cut_into_single_bytes_or_glued_together_are_the_same_answers() -> None:
    glued: list[bytes] = []

    def respond(frame: bytes) -> Replies:
        glued.append(tcp_answer(frame))
        if len(glued) % 4 == 0:
            data = b"".join(glued[-4:])
            return [(0.001 * n, data[n : n + 1]) for n in range(len(data))] if len(glued) % 8 else [(0, data)]
        return []

    async def main() -> None:
        line, _ = memory_line(respond, tcp(in_flight=4))
        await line.open()
        for n in range(0, 40, 4):
            got = await asyncio.gather(*(line.modbus("1").read_holding(n + k, 2) for k in range(4)))
            assert got == [expected(1, n + k, 2) for k in range(4)]
        line.close()

    virtually(main)


def test_m06_a_peer_that_vanishes_without_a_word_is_abandoned_and_made_anew() -> None:
    """Nothing heard from the request until the last moment of its answer: the connection is closed by us."""

    async def main() -> None:
        gone = [False]
        line, link = memory_line(lambda f: [] if gone[0] else healthy(f), tcp())
        await line.open()
        unit = line.modbus("1")
        await unit.read_holding(0, 1)
        gone[0] = True
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(NoReply):
            await unit.read_holding(0, 1)
        with pytest.raises(LinkFault):
            await unit.read_holding(1, 1)
        assert not line.opened
        assert loop.time() - begun < 0.2 + OWED_S + 0.01
        gone[0] = False
        await line.open()
        assert await unit.read_holding(2, 1) == expected(1, 2, 1)
        assert link.opens == 2
        line.close()

    virtually(main)


def test_closing_fails_whoever_waits_and_leaves_no_task() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda _: [], tcp(in_flight=2))
        await line.open()
        waiting = [asyncio.create_task(line.modbus("1").read_holding(n, 1)) for n in range(4)]
        await asyncio.sleep(0.01)
        line.close()
        for task in waiting:
            with pytest.raises(LinkFault):
                await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    virtually(main)


def test_a_write_cancelled_while_the_buffer_is_full_ends_the_connection() -> None:
    """Half a request may have gone out; what follows it on the same connection would be nonsense."""

    class Full(MemoryLink):
        async def write(self, data: bytes) -> None:
            await super().write(data[:5])
            await asyncio.sleep(1)

    async def main() -> None:
        line = open_line(tcp(), Full(lambda _: []))
        await line.open()
        task = asyncio.create_task(line.modbus("1").read_holding(0, 1))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not line.opened
        line.close()

    virtually(main)


async def connected(server: Server, **fields: float) -> Line:
    await server.start()
    line = open_line(tcp(server.port, int(fields.get("in_flight", 1)), fields.get("timeout_s", 0.5)))
    await line.open()
    return line


@pytest.mark.parametrize("reset", [False, True])
def test_g9_a_dropped_connection_is_known_within_ten_milliseconds(reset: bool) -> None:
    async def main() -> None:
        server = Server(lambda _: [])
        line = await connected(server, in_flight=4, timeout_s=5.0)
        loop = asyncio.get_running_loop()
        waiting = [asyncio.create_task(line.modbus("1").read_holding(n, 1)) for n in range(4)]
        await asyncio.sleep(0.05)
        begun = loop.time()
        await server.drop(reset=reset)
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert loop.time() - begun < 0.01
        assert all(isinstance(fault, LinkFault) for fault in done)
        assert not line.opened
        await server.stop()

    really(main)


@pytest.mark.parametrize("reset", [False, True])
def test_a_drop_while_nothing_is_asked_is_known_as_well(reset: bool) -> None:
    async def main() -> None:
        server = Server(lambda f: [(0.0, tcp_answer(f))])
        line = await connected(server)
        assert await line.modbus("1").read_holding(3, 2) == expected(1, 3, 2)
        await server.drop(reset=reset)
        await asyncio.sleep(0.01)
        assert not line.opened
        await server.stop()

    really(main)


def test_m07_never_more_than_one_session_and_fifty_cuts_leak_no_descriptor() -> None:
    async def main() -> None:
        server = Server(lambda f: [(0.0, tcp_answer(f))])
        line = await connected(server)
        unit = line.modbus("1")
        counts = []
        for n in range(50):
            assert await unit.read_holding(n, 1) == expected(1, n, 1)
            await server.drop(reset=n % 2 == 0)
            await asyncio.sleep(0.002)
            with pytest.raises(LinkFault):
                await unit.read_holding(n, 1)
            await line.open()
            counts.append(descriptors())
        assert await unit.read_holding(0, 1) == expected(1, 0, 1)
        assert server.most == 1
        assert server.accepted == 51
        assert line.statistics.reopenings == 50
        assert counts[5] == counts[-1]
        line.close()
        await server.stop()

    really(main)


def test_a_refused_connection_says_what_to_look_at() -> None:
    async def main() -> None:
        server = Server(lambda _: [])
        await server.start()
        port = server.port
        await server.stop()
        line = open_line(tcp(port))
        with pytest.raises(LinkFault, match=rf"127\.0\.0\.1:{port} refuses the connection; check the port"):
            await line.open()
        assert not line.opened

    really(main)


def test_an_unknown_host_is_named() -> None:
    async def main() -> None:
        line = open_line(plan(Protocol.MODBUS_TCP, host="no-such-instrument.invalid"))
        with pytest.raises(LinkFault, match=r"no-such-instrument\.invalid"):
            await line.open()

    really(main)


def test_a_silent_address_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose queue is full does not complete the handshake: as a peer without power."""
    monkeypatch.setattr("edgectl.wire.tcp._CONNECT_S", 0.3)

    async def main() -> None:
        full = socket.socket()
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        line = open_line(tcp(port))
        with pytest.raises(LinkFault, match=r"does not answer within 0\.3 s"):
            await line.open()
        assert 0.29 < loop.time() - begun < 0.5
        for held in (full, *fillers):
            held.close()

    really(main)


def test_a_request_is_sent_at_once_and_a_silent_connection_is_not_probed() -> None:
    async def main() -> None:
        server = Server(lambda f: [(0.0, tcp_answer(f))])
        line = await connected(server)
        link = line._link
        held = socket.socket(fileno=os.dup(link._fd))  # type: ignore[attr-defined]
        assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not held.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        held.close()
        line.close()
        await server.stop()

    really(main)


def test_s15_a_peer_that_takes_no_bytes_ends_the_request_and_not_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgectl.wire.stream._WRITE_S", 0.3)

    async def main() -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        line = open_line(tcp(listener.getsockname()[1]))
        await line.open()
        link = line._link
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        with pytest.raises(LinkFault, match=r"has taken no bytes for 0\.3 s"):
            await link.write(b"x" * 50_000_000)
        ticking.cancel()
        assert ticks > 15
        assert not link.opened
        line.close()
        listener.close()

    really(main)


def test_nothing_is_left_behind_for_the_collector() -> None:
    """Failed requests leave no exception that nobody looked at: the loop would complain when it is collected."""

    async def main() -> list[str]:
        said: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
        line, link = memory_line(lambda _: [], tcp(in_flight=4))
        await line.open()
        tasks = [asyncio.create_task(line.modbus("1").read_holding(n, 1)) for n in range(4)]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        link.lose("gone")
        await asyncio.gather(*tasks, return_exceptions=True)
        link.lost = ""
        await line.open()
        link.lose("gone again")
        with pytest.raises(LinkFault):
            await line.modbus("1").read_holding(0, 1)
        line.close()
        del tasks
        gc.collect()
        return said

    assert virtually(main) == []


def test_a_number_that_is_still_waited_for_is_not_given_again() -> None:
    async def main() -> None:
        line, link = memory_line(lambda f: [] if f[6] == 9 else healthy(f), tcp(in_flight=2, timeout_s=5.0))
        await line.open()
        slow = asyncio.create_task(line.modbus("9").read_holding(0, 1))
        await asyncio.sleep(0.01)
        assert isinstance(line._wire, ModbusTcp)
        line._wire._number = 0xFFFE
        for n in range(4):
            assert await line.modbus("1").read_holding(n, 1) == expected(1, n, 1)
        numbers = [int.from_bytes(data[:2], "big") for _, data in link.sent]
        assert numbers == [1, 0xFFFF, 0, 2, 3]
        line.close()
        with pytest.raises(LinkFault):
            await slow

    virtually(main)


def test_frames_of_the_peer_are_not_made_by_the_product() -> None:
    """The tests' own bytes against the standard's example (Modbus messaging V1.0b, section 4.2)."""
    assert mbap(0x1501, 0xFF, b"\x03\x02\x12\x34") == struct.pack(
        ">HHHBBBH", 0x1501, 0, 5, 0xFF, 3, 2, 0x1234
    )
    source = Path(__file__).with_name("peer.py").read_text()
    assert "pymodbus" not in source
