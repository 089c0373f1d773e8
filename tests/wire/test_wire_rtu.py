"""Modbus RTU on a line in memory and on virtual time: what is sent, what is believed, and what never is."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import struct
from collections.abc import Awaitable, Callable

import pytest

from edgectl.model.fault import BadReply, InstrumentFault, LinkFault, NoReply, Refused, Unheard
from edgectl.model.plan import Medium
from edgectl.wire.half_duplex import OWED_S
from tests.wire.peer import (
    MemoryLink,
    Replies,
    answer,
    memory_line,
    plan,
    register,
    rtu,
    virtually,
    without_echo,
    words,
)

CHAR_S = 11 / 19200


def healthy(frame: bytes) -> Replies:
    return [(len(frame) * CHAR_S + 0.005, answer(frame))]


def expected(unit: int, address: int, count: int) -> tuple[int, ...]:
    return tuple(register(unit, address + n) for n in range(count))


def test_every_function_is_sent_and_answered_as_the_standard_says() -> None:
    async def main() -> None:
        line, link = memory_line(healthy)
        await line.open()
        unit = line.modbus("17")
        assert await unit.read_holding(0x006B, 3) == expected(17, 0x6B, 3)
        assert await unit.read_input(8, 1) == expected(17, 8, 1)
        byte = register(17, 0x13) & 0xFF
        assert await unit.read_coils(0x13, 7) == tuple(bool(byte >> n & 1) for n in range(7))
        assert len(await unit.read_discrete_inputs(0, 9)) == 9
        await unit.write_register(1, 3)
        await unit.write_coil(0xAC, 0x5500)
        await unit.write_coils(0x13, [True, False, True, True, False, False, True, True, True, False])
        await unit.write_registers(1, [0x000A, 0x0102])
        frames = [frame.hex(" ") for _, frame in link.sent]
        assert frames == [
            rtu(bytes.fromhex(body)).hex(" ")
            for body in (
                "11 03 006B 0003",
                "11 04 0008 0001",
                "11 01 0013 0007",
                "11 02 0000 0009",
                "11 06 0001 0003",
                "11 05 00AC 5500",
                "11 0F 0013 000A 02 CD01",
                "11 10 0001 0002 04 000A0102",
            )
        ]
        assert line.statistics.replies == line.statistics.requests == 8

    virtually(main)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 6, 11])
def test_m01_a_refusal_names_unit_function_address_and_code(code: int) -> None:
    async def main() -> None:
        line, link = memory_line(lambda f: [(0.01, rtu(f[0], f[1] | 0x80, code))])
        await line.open()
        with pytest.raises(
            Refused, match=rf"unit 3 refuses function 04 at 1201: exception {code:02d}"
        ) as refused:
            await line.modbus("3").read_input(1201, 2)
        assert refused.value.code == code
        assert refused.value.busy is (code == 6)
        assert len(link.sent) == 1
        assert line.owed_until("3") == 0.0

    virtually(main)


@pytest.mark.parametrize("baud", [1200, 9600, 19200, 38400, 115200])
def test_a_request_begins_only_after_the_silence(baud: int) -> None:
    """3.5 characters of 11 bits, 1.75 ms above 19200 baud, after the last byte either way, answered or not."""
    silence_s = 1.75e-3 if baud > 19200 else 3.5 * 11 / baud
    char_s = 11 / baud
    ends: list[float] = []

    def respond(frame: bytes) -> Replies:
        now = asyncio.get_running_loop().time()
        reply = answer(frame) if frame[0] == 1 else b""
        at = len(frame) * char_s + 0.003
        ends.append(now + at + (len(reply) - 1) * char_s if reply else now + len(frame) * char_s)
        return [(at + n * char_s, reply[n : n + 1]) for n in range(len(reply))]

    async def main() -> None:
        line, link = memory_line(respond, plan(baud=baud))
        await line.open()
        for n in range(12):
            port = line.modbus("1" if n % 3 else "2")
            if n % 3:
                await port.read_holding(n, 10)
            else:
                with pytest.raises(NoReply):
                    await (port.read_holding(0, 1) if n % 2 else port.read_input(0, 1))
        gaps = [sent - end for end, (sent, _) in zip(ends, link.sent[1:], strict=False)]
        assert min(gaps) >= silence_s - 1e-9
        assert sorted(gaps)[len(gaps) // 2] < silence_s + 1e-4

    virtually(main)


def test_s02_a_reply_cut_at_any_length_gives_no_value_and_the_next_poll_is_good() -> None:
    async def main() -> None:
        keep = [0]
        line, _ = memory_line(lambda f: [(0.01, answer(f)[: keep[0]])] if keep[0] else healthy(f))
        await line.open()
        unit = line.modbus("1")
        for length in range(1, 25):
            keep[0] = length
            begun = asyncio.get_running_loop().time()
            with pytest.raises(NoReply, match=r"broke off after \d+ of 25 bytes"):
                await unit.read_holding(40, 10)
            assert asyncio.get_running_loop().time() - begun < 0.25
            keep[0] = 0
            assert await unit.read_holding(50, 10) == expected(1, 50, 10)
            assert asyncio.get_running_loop().time() - begun < 0.5
        assert line.statistics.timeouts == 24

    virtually(main)


def test_s03_none_of_ten_thousand_flipped_frames_is_accepted() -> None:
    """Every bit of replies to reads, writes and refusals is inverted in turn, until 10 000 are through."""

    async def main() -> int:
        current: list[bytes] = [b""]
        line, _ = memory_line(lambda _: [(0.01, current[0])])
        await line.open()
        unit = line.modbus("1")
        requests: dict[bytes, Callable[[], Awaitable[object]]] = {
            rtu(1, 3, b"\x01\x03\x00\x0a"): lambda: unit.read_holding(0x103, 10),
            rtu(1, 4, b"\x00\x00\x00\x7d"): lambda: unit.read_input(0, 125),
            rtu(1, 1, b"\x00\x05\x00\x0c"): lambda: unit.read_coils(5, 12),
            rtu(1, 6, b"\x00\x01\x12\x34"): lambda: unit.write_register(1, 0x1234),
            rtu(1, 5, b"\x00\x02\xff\x00"): lambda: unit.write_coil(2, 0xFF00),
            rtu(1, 16, b"\x00\x01\x00\x01\x02\x00\x07"): lambda: unit.write_registers(1, [7]),
        }
        good = [(ask, answer(frame)) for frame, ask in requests.items()]
        good += [(ask, rtu(1, frame[1] | 0x80, 2)) for frame, ask in requests.items()]
        without_echo(line)
        done = 0
        while done < 10_000:
            for ask, reply in good:
                for bit in range(8 * len(reply)):
                    wrong = bytearray(reply)
                    wrong[bit // 8] ^= 1 << bit % 8
                    current[0] = bytes(wrong)
                    try:
                        await ask()
                    except (BadReply, NoReply):
                        done += 1
                    else:
                        pytest.fail(f"accepted {wrong.hex(' ')} for {reply.hex(' ')}")
        return done

    assert virtually(main) >= 10_000


def test_s01_noise_before_and_after_a_reply_is_skipped_and_noise_inside_loses_it() -> None:
    dice = random.Random(1)
    where = [0]

    def respond(frame: bytes) -> Replies:
        reply = answer(frame)
        at = (0, dice.randrange(1, len(reply)), len(reply))[where[0]]
        noise = dice.randbytes(dice.randint(1, 20))
        return [(0.01, reply[:at] + noise + reply[at:])]

    async def main() -> None:
        line, link = memory_line(respond)
        await line.open()
        unit = line.modbus("1")
        for where[0], n in itertools.product((0, 1, 2), range(300)):
            try:
                assert await unit.read_holding(n, 8) == expected(1, n, 8)
            except InstrumentFault:
                assert where[0] == 1
            else:
                assert where[0] != 1
        assert link.opens == 1
        assert line.statistics.replies == 600

    virtually(main)


def test_s04_a_reply_of_another_address_is_named_and_not_accepted() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda f: [(0.01, rtu(answer(f)[:-2].replace(b"\x01", b"\x02", 1)))])
        await line.open()
        with pytest.raises(BadReply, match="unit 2 answered with function 03 when unit 1 was asked"):
            await line.modbus("1").read_holding(0, 4)
        assert line.statistics.foreign == 1

    virtually(main)


def test_a_foreign_frame_before_the_answer_is_dropped() -> None:
    async def main() -> None:
        foreign = rtu(9, 3, 8, words(9, 0, 4))
        line, _ = memory_line(lambda f: [(0.01, foreign), (0.15, answer(f))])
        await line.open()
        assert await line.modbus("1").read_holding(0, 4) == expected(1, 0, 4)
        assert line.statistics.foreign == 1

    virtually(main)


@pytest.mark.parametrize("apart_s", [0.0, 0.004])
def test_s04_two_instruments_at_one_address_are_told_within_three_polls(apart_s: float) -> None:
    async def main() -> None:
        other = [(0.01 + apart_s, rtu(1, 3, 2, b"\x12\x34"))]
        line, _ = memory_line(lambda f: [(0.01, answer(f)), *other])
        await line.open()
        faults = []
        for _ in range(3):
            try:
                await line.modbus("1").read_holding(0, 1)
            except BadReply as fault:
                faults.append(str(fault))
            await asyncio.sleep(0.5)
        assert any("two instruments with this address" in fault for fault in faults)

    virtually(main)


def test_s05_none_of_1000_late_replies_is_taken_for_another_registers_value() -> None:
    """The instrument answers each request after its own delay, up to 2 s late; asked for is another register each time."""
    dice = random.Random(5)
    late = [0]

    def respond(frame: bytes) -> Replies:
        delay_s = 0.02 if dice.random() < 0.3 else dice.uniform(0.2, 2.2)
        late[0] += delay_s > 0.22
        return [(delay_s, answer(frame))]

    async def main() -> None:
        line, _ = memory_line(respond)
        await line.open()
        address = 0
        while late[0] < 1000:
            address += 1
            unit = dice.choice((1, 1, 2))
            try:
                got = await line.modbus(str(unit)).read_holding(address, 2)
            except NoReply:
                continue
            assert got == expected(unit, address, 2)

    virtually(main)


def test_a_late_reply_of_a_write_is_not_the_success_of_the_next() -> None:
    async def main() -> None:
        delays = iter([0.3])
        line, link = memory_line(lambda f: [(d, answer(f)) for d in [next(delays, 0.0)] if d])
        await line.open()
        without_echo(line)
        unit = line.modbus("1")
        for _ in range(2):
            with pytest.raises(NoReply):
                await unit.write_register(7, 1)
        assert len(link.sent) == 2

    virtually(main)


def test_an_owed_read_holds_up_neither_a_write_nor_another_unit() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda f: healthy(f) if f[1] == 6 or f[0] == 2 else [])
        await line.open()
        without_echo(line)
        loop = asyncio.get_running_loop()
        with pytest.raises(NoReply):
            await line.modbus("1").read_holding(0, 1)
        failed = loop.time()
        await line.modbus("1").write_register(0, 5)
        await line.modbus("2").read_holding(0, 1)
        assert loop.time() - failed < 0.05
        assert failed + 1.9 < line.owed_until("1") < failed + OWED_S
        assert line.owed_until("1", writing=True) == line.owed_until("2") == 0.0
        with pytest.raises(NoReply):
            await line.modbus("1").read_holding(0, 1)
        assert loop.time() > failed + 1.9

    virtually(main)


def test_m05_latency_grown_to_two_seconds_gives_no_wrong_value_and_one_request_at_a_time() -> None:
    async def main() -> None:
        latency_s = [0.05]
        waiting = most = 0

        def done() -> None:
            nonlocal waiting
            waiting -= 1

        def respond(frame: bytes) -> Replies:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            asyncio.get_running_loop().call_later(latency_s[0], done)
            return [(latency_s[0], answer(frame))]

        line, _ = memory_line(respond, plan(timeout_s=0.5))
        await line.open()
        unit = line.modbus("1")
        good = 0
        for n in range(60):
            latency_s[0] = 2.0 if 20 <= n < 40 else 0.05
            try:
                assert await unit.read_holding(n, 2) == expected(1, n, 2)
                good += 1
            except NoReply:
                assert 20 <= n < 40
            await asyncio.sleep(0.3)
        assert good == 40
        assert most == 1

    virtually(main)


def test_cancelled_requests_give_no_wrong_value_to_the_next() -> None:
    dice = random.Random(8)

    async def main() -> None:
        line, _ = memory_line(lambda f: [(dice.uniform(0.005, 0.19), answer(f))])
        await line.open()
        unit = line.modbus("1")
        for n in range(100):
            task = asyncio.create_task(unit.read_holding(2 * n, 3))
            await asyncio.sleep(dice.uniform(0.0, 0.04))
            finished = task.done()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                assert not finished
            assert await unit.read_holding(2 * n + 1, 3) == expected(1, 2 * n + 1, 3)

    virtually(main)


def test_s06_a_dead_unit_costs_the_others_its_timeout_and_no_more() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda f: healthy(f) if f[0] != 8 else [])
        await line.open()
        loop = asyncio.get_running_loop()
        polls = 0
        while loop.time() < 60:
            for unit in range(1, 8):
                await line.modbus(str(unit)).read_holding(0, 10)
                polls += 1
            if line.owed_until("8") <= loop.time():
                with pytest.raises(NoReply):
                    await line.modbus("8").read_holding(0, 10)
        alone = 60 / (CHAR_S * 33 + 3.5 * CHAR_S + 0.005)
        assert polls > 0.85 * alone

    virtually(main)


def echoing(respond: bool = True) -> MemoryLink:
    def echo(frame: bytes) -> Replies:
        yield 0.0, frame[:3]
        yield len(frame) * CHAR_S, frame[3:]
        if respond and frame[0] == 1:
            yield len(frame) * CHAR_S + 0.01, answer(frame)

    return MemoryLink(echo)


def test_s11_an_echo_is_removed_from_reads_and_writes_alike() -> None:
    async def main() -> None:
        line, link = memory_line(echoing().respond)
        await line.open()
        unit = line.modbus("1")
        for n in range(100):
            assert await unit.read_holding(n, 10) == expected(1, n, 10)
            await unit.write_register(n, n)
            await unit.write_coil(n, 0xFF00)
            await unit.write_registers(n, [n, n])
        assert line.statistics.replies == line.statistics.echoes == len(link.sent) == 400

    virtually(main)


@pytest.mark.parametrize("function", [5, 6])
@pytest.mark.parametrize("read_first", [False, True])
def test_s11_an_echo_is_not_the_success_of_a_write_to_a_dead_instrument(
    function: int, read_first: bool
) -> None:
    """Not even when the write is the first thing on the line: one read to nobody tells an echo from an answer."""

    async def main() -> None:
        line, _ = memory_line(echoing(respond=False).respond)
        await line.open()
        unit = line.modbus("1")
        if read_first:
            with pytest.raises(NoReply):
                await unit.read_holding(0, 1)
        for n in range(3):
            with pytest.raises(NoReply):
                await (unit.write_register(n, 1) if function == 6 else unit.write_coil(n, 0xFF00))
        assert line.statistics.echoes == 3 + read_first

    virtually(main)


@pytest.mark.parametrize("function", [5, 6])
def test_a_first_write_on_a_line_without_echo_is_confirmed(function: int) -> None:
    async def main() -> None:
        line, link = memory_line(lambda f: healthy(f) if f[0] == 1 else [])
        await line.open()
        unit = line.modbus("1")
        for n in range(3):
            await (unit.write_register(n, 1) if function == 6 else unit.write_coil(n, 0))
        assert len(link.sent) == 4
        assert asyncio.get_running_loop().time() < 0.2

    virtually(main)


def test_a_bit_read_whose_request_looks_like_its_own_answer_is_not_answered_by_its_echo() -> None:
    """24 coils at 0x0300 and up: unit, function and byte count of the answer are the first bytes of the request."""

    async def main() -> None:
        line, _ = memory_line(echoing(respond=False).respond)
        await line.open()
        with pytest.raises(NoReply):
            await line.modbus("1").read_coils(0x0300, 24)

    virtually(main)


def test_s11_an_echo_that_comes_and_goes_is_followed() -> None:
    async def main() -> None:
        echo = [False]
        line, _ = memory_line(lambda f: echoing().respond(f) if echo[0] else healthy(f))
        await line.open()
        unit = line.modbus("1")
        bad = 0
        for n in range(60):
            echo[0] = n // 10 % 2 == 1
            try:
                assert await unit.read_holding(n, 4) == expected(1, n, 4)
                await unit.write_register(n, n)
            except InstrumentFault:
                bad += 1
        assert bad == 0

    virtually(main)


def test_noise_before_an_echoed_write_does_not_make_the_echo_an_answer() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda f: [(0.0, b"\x00\xa7" + f if f[0] == 1 else f)])
        await line.open()
        for _ in range(2):
            with pytest.raises(InstrumentFault):
                await line.modbus("1").write_register(3, 1)

    virtually(main)


@pytest.mark.parametrize(("least_s", "most_s"), [(0.005, 0.016), (0.016, 0.016)])
def test_s12_a_frame_that_trickles_in_byte_by_byte_is_accepted(least_s: float, most_s: float) -> None:
    dice = random.Random(12)

    def respond(frame: bytes) -> Replies:
        at = 0.02
        for byte in answer(frame):
            yield at, bytes((byte,))
            at += dice.uniform(least_s, most_s)

    async def main() -> None:
        line, _ = memory_line(respond)
        await line.open()
        without_echo(line)
        for n in range(100):
            assert await line.modbus("1").read_holding(n, 20) == expected(1, n, 20)
            await line.modbus("1").write_register(n, 1)

    virtually(main)


def test_m03_words_that_are_no_number_pass_through_untouched() -> None:
    odd = struct.pack(">ffff", math.nan, math.inf, -0.0, 1e-42) + b"\xff\xff\x80\x00"

    async def main() -> None:
        line, _ = memory_line(lambda f: [(0.01, rtu(1, 3, len(odd), odd))])
        await line.open()
        got = await line.modbus("1").read_holding(0, 10)
        assert struct.pack(">10H", *got) == odd

    virtually(main)


def test_a_write_without_an_answer_is_sent_once() -> None:
    async def main() -> None:
        line, link = memory_line(lambda _: [])
        await line.open()
        without_echo(line)
        with pytest.raises(NoReply):
            await line.modbus("1").write_registers(0, [1])
        await asyncio.sleep(10)
        assert len(link.sent) == 1

    virtually(main)


@pytest.mark.parametrize("position", [0, 3, 9])
def test_a_refusal_inside_the_values_of_a_wreck_is_not_believed(position: int) -> None:
    """Registers may hold anything, even the bytes of an exception answer; in a damaged frame they stay registers."""
    data = bytearray(words(1, 0, 10))
    data[position : position + 5] = rtu(1, 0x83, 2)
    wreck = bytearray(rtu(1, 3, 20, bytes(data)))
    wreck[1] ^= 0x40

    async def main() -> None:
        line, _ = memory_line(lambda _: [(0.01 + n * CHAR_S, bytes((byte,))) for n, byte in enumerate(wreck)])
        await line.open()
        with pytest.raises(BadReply):
            await line.modbus("1").read_holding(0, 10)

    virtually(main)


@pytest.mark.parametrize(("function", "at"), [(5, 2), (5, 4), (15, 3), (15, 5), (16, 3), (16, 5)])
def test_an_answer_about_another_address_or_count_is_no_success_of_a_write(function: int, at: int) -> None:
    def respond(frame: bytes) -> Replies:
        wrong = bytearray(answer(frame)[:-2])
        wrong[at] ^= 1
        return [(0.01, rtu(bytes(wrong)))]

    async def main() -> None:
        line, _ = memory_line(respond)
        await line.open()
        without_echo(line)
        unit = line.modbus("1")
        writes = {5: unit.write_coil(0, 0), 15: unit.write_coils(0, [True]), 16: unit.write_registers(0, [1])}
        for code, write in writes.items():
            if code == function:
                with pytest.raises(BadReply):
                    await write
            else:
                write.close()

    virtually(main)


@pytest.mark.parametrize("together", [False, True])
def test_s11_an_echo_that_begins_among_writes_does_not_confirm_a_dead_instrument(together: bool) -> None:
    """On a line of which only writes are known, a second copy of the first answer raises the question again."""

    async def main() -> None:
        echo, alive = [False], [True]

        def respond(frame: bytes) -> Replies:
            if echo[0]:
                yield 0.02 if together else len(frame) * CHAR_S, frame
            if alive[0]:
                yield 0.02, answer(frame)

        line, _ = memory_line(respond)
        await line.open()
        without_echo(line)
        unit = line.modbus("1")
        await unit.write_register(0, 1)
        echo[0] = True
        await unit.write_register(0, 2)
        await asyncio.sleep(0.1)
        alive[0] = False
        with pytest.raises(NoReply):
            await unit.write_register(0, 3)

    virtually(main)


def test_the_time_to_answer_begins_with_the_last_character_of_the_request() -> None:
    async def main() -> None:
        sent_s = 8 * 11 / 1200
        line, _ = memory_line(lambda f: [(sent_s + 0.19, answer(f))], plan(baud=1200))
        await line.open()
        assert await line.modbus("1").read_holding(0, 1) == expected(1, 0, 1)

    virtually(main)


def test_another_value_echoed_by_a_write_is_no_success() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda f: [(0.01, rtu(f[:4], b"\x00\x63"))])
        await line.open()
        without_echo(line)
        with pytest.raises(
            BadReply, match="unit 1 answered function 06 otherwise than asked: 01 06 00 00 00 63"
        ):
            await line.modbus("1").write_register(0, 100)

    virtually(main)


@pytest.mark.parametrize("babble", [b"\0" * 11, rtu(9, 3, 2, b"\0\0")])
def test_s09_a_stuck_line_gives_no_value_soon_and_is_asked_nothing(babble: bytes) -> None:
    """1000 pieces a second, breaks or even whole frames; each attempt ends by itself."""

    async def main() -> None:
        line, link = memory_line(lambda _: [], plan(baud=115200))
        await line.open()
        loop = asyncio.get_running_loop()

        async def chatter() -> None:
            while True:
                link.arrive(babble)
                await asyncio.sleep(0.001)

        task = asyncio.create_task(chatter())
        for _ in range(5):
            begun = loop.time()
            with pytest.raises(BadReply, match="never falls silent"):
                await line.modbus("1").read_holding(0, 1)
            assert loop.time() - begun < 0.2
        assert link.sent == []
        task.cancel()

    virtually(main)


def test_a_line_that_gets_stuck_during_an_exchange_is_given_up_in_time() -> None:
    async def main() -> None:
        whole = rtu(9, 3, 2, b"\0\0")
        line, _ = memory_line(lambda _: [(n / 1000, whole) for n in range(5000)])
        await line.open()
        with pytest.raises(BadReply):
            await line.modbus("1").read_holding(0, 10)
        assert asyncio.get_running_loop().time() < 1

    virtually(main)


def test_a_lost_link_closes_the_line_and_a_new_opening_starts_afresh() -> None:
    async def main() -> None:
        line, link = memory_line(healthy)
        await line.open()
        unit = line.modbus("1")
        link.lose("unplugged")
        with pytest.raises(LinkFault, match="unplugged"):
            await unit.read_holding(0, 1)
        assert not line.opened
        with pytest.raises(LinkFault, match="line l1 is not open"):
            await unit.read_holding(0, 1)
        link.lost = ""
        await line.open()
        assert await unit.read_holding(0, 1) == expected(1, 0, 1)
        assert line.statistics.reopenings == 1

    virtually(main)


def test_behind_tcp_no_silence_is_kept_since_the_gateway_does() -> None:
    async def main() -> None:
        line, link = memory_line(lambda f: [(0.0, answer(f))], plan(medium=Medium.TCP, host="127.0.0.1"))
        await line.open()
        for _ in range(10):
            await line.modbus("1").write_register(0, 1)
        assert len(link.sent) == 10
        assert asyncio.get_running_loop().time() == 0.0

    virtually(main)


@pytest.mark.parametrize("address", ["0", "256", "-1", "A", ""])
def test_what_is_no_unit_address_is_said_at_once(address: str) -> None:
    line, _ = memory_line(healthy)
    with pytest.raises(ValueError, match="is no unit address"):
        line.modbus(address)


def test_counts_beyond_the_standard_are_errors_of_the_caller() -> None:
    async def main() -> None:
        line, link = memory_line(healthy)
        await line.open()
        unit = line.modbus("1")
        for wrong in (
            unit.read_holding(0, 126),
            unit.read_holding(0, 0),
            unit.read_coils(0, 2001),
            unit.write_registers(0, [0] * 124),
            unit.write_coils(0, []),
            unit.write_coils(0, [True] * 1969),
        ):
            with pytest.raises(ValueError, match=r"count|writes"):
                await wrong
        assert link.sent == []

    virtually(main)


def test_a10_in_haste_a_write_does_not_wait_and_a_late_answer_is_not_its_own() -> None:
    async def main() -> None:
        delays = iter([0.3, 0.0])
        line, link = memory_line(lambda f: [(d, answer(f)) for d in [next(delays, 0.01)] if d])
        await line.open()
        without_echo(line)
        unit, loop = line.modbus("1"), asyncio.get_running_loop()
        with pytest.raises(NoReply):
            await unit.write_register(7, 0)
        failed = loop.time()
        with line.in_haste(hasty=True), pytest.raises(Unheard):
            await unit.write_register(7, 0)
        assert link.sent[1][0] - failed < 0.05
        assert line.owed_until("1", writing=True) > loop.time() + 1.9
        await unit.write_register(7, 0)
        assert link.sent[2][0] - failed > OWED_S

    virtually(main)
