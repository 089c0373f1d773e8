"""ASCII lines in memory: late, cut, echoed, endless and foreign replies."""

from __future__ import annotations

import asyncio
import random

import pytest

from edgectl.model.fault import BadReply, LinkFault, NoReply, Unheard
from edgectl.model.plan import Protocol
from edgectl.wire.half_duplex import OWED_S
from tests.wire.peer import Replies, memory_line, plan, virtually

ASCII = plan(Protocol.ASCII)


def ended(text: bytes) -> bool:
    return text.endswith(b"\r")


def alicat(frame: bytes) -> bytes:
    return frame[:1] + b" +" + frame[1:-1] + b" Air\r"


def test_a_reply_is_collected_until_it_is_complete() -> None:
    async def main() -> None:
        line, link = memory_line(lambda _: [(0.1, b"7."), (0.15, b"156"), (0.19, b"\r*OK\r")], ASCII)
        await line.open()
        got = await line.ascii("").exchange(b"R\r", lambda text: text.endswith(b"*OK\r"))
        assert got == b"7.156\r*OK\r"
        assert [data for _, data in link.sent] == [b"R\r"]

    virtually(main)


def test_what_was_waiting_is_thrown_away_first() -> None:
    async def main() -> None:
        line, link = memory_line(lambda _: [(0.01, b"new\r")], ASCII)
        await line.open()
        link.arrive(b"*RE\rold\r")
        assert await line.ascii("").exchange(b"R\r", ended) == b"new\r"
        assert line.statistics.late_bytes == 8

    virtually(main)


def test_a_long_reply_that_began_in_time_may_go_on() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda _: [(0.15 + n / 100, b"A M%02d\n" % n) for n in range(30)], ASCII)
        await line.open()
        got = await line.ascii("A").exchange(b"A??M*\r", lambda text: b"M29" in text)
        assert got.count(b"\n") == 30

    virtually(main)


def test_a_timeout_of_the_driver_goes_before_that_of_the_line() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda _: [(0.9, b"7.156\r")], ASCII)
        await line.open()
        assert await line.ascii("").exchange(b"R\r", ended, timeout_s=1.0) == b"7.156\r"

    virtually(main)


def test_silence_names_the_instrument_and_the_request() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda _: [], ASCII)
        await line.open()
        with pytest.raises(NoReply, match=r"instrument B did not answer b'B\\r' within 0.2 s"):
            await line.ascii("B").exchange(b"B\r", ended)
        assert line.statistics.timeouts == 1

    virtually(main)


def test_s02_a_cut_reply_is_no_reply_and_the_next_one_is_good_soon() -> None:
    async def main() -> None:
        whole = b"A +014.62 Air\r"
        keep = [0]
        line, _ = memory_line(lambda _: [(0.01, whole[: keep[0]])], ASCII)
        await line.open()
        port = line.ascii("A")
        for length in range(1, len(whole)):
            keep[0] = length
            begun = asyncio.get_running_loop().time()
            with pytest.raises(NoReply, match="broke off"):
                await port.exchange(b"A\r", ended)
            keep[0] = len(whole)
            assert await port.exchange(b"A\r", ended) == whole
            assert asyncio.get_running_loop().time() - begun < 0.5

    virtually(main)


@pytest.mark.parametrize("addresses", [[""], ["1", "2"], ["A", "B", "C"]])
def test_s05_none_of_1000_late_replies_is_taken_for_another(addresses: list[str]) -> None:
    """Replies carry a serial number of their request, which the line cannot read; letters may stand before it."""
    dice = random.Random(5)
    late = [0]

    def respond(frame: bytes) -> Replies:
        delay_s = 0.02 if dice.random() < 0.3 else dice.uniform(0.2, 2.1)
        late[0] += delay_s > 0.216
        return [(delay_s, (frame[:1] if addresses[0] == "A" else b"*") + frame[1:])]

    async def main() -> None:
        line, _ = memory_line(respond, ASCII)
        await line.open()
        serial = 0
        while late[0] < 1000:
            serial += 1
            address = dice.choice(addresses)
            asked = b"%s#%d\r" % (address.encode() or b"0", serial)
            try:
                got = await line.ascii(address).exchange(asked, ended)
            except NoReply:
                continue
            assert got[1:] == asked[1:]
            assert got[:1] in (b"*", address.encode())

    virtually(main)


def test_cancelled_requests_leave_nothing_for_the_next() -> None:
    dice = random.Random(6)

    async def main() -> None:
        line, _ = memory_line(lambda f: [(dice.uniform(0.005, 0.19), b">" + f)], ASCII)
        await line.open()
        port = line.ascii("")
        for n in range(100):
            task = asyncio.create_task(port.exchange(b"c%d\r" % n, ended))
            await asyncio.sleep(dice.uniform(0.0, 0.05))
            finished = task.done()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                assert not finished
            assert await port.exchange(b"n%d\r" % n, ended) == b">n%d\r" % n

    virtually(main)


def test_a_mute_letter_does_not_hold_up_the_others_on_its_bus() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda f: [] if f[:1] == b"C" else [(0.02, alicat(f))], ASCII)
        await line.open()
        loop = asyncio.get_running_loop()
        with pytest.raises(NoReply):
            await line.ascii("C").exchange(b"C\r", ended)
        begun = loop.time()
        for _ in range(20):
            await line.ascii("A").exchange(b"A\r", ended)
            await line.ascii("B").exchange(b"B\r", ended)
        assert loop.time() - begun < 1.0
        assert begun + 1.9 < line.owed_until("C") < begun + OWED_S
        assert line.owed_until("A") == 0.0

    virtually(main)


def test_a_mute_number_holds_up_its_line_since_replies_have_no_name() -> None:
    async def main() -> None:
        line, link = memory_line(lambda f: [] if f[:1] == b"1" else [(0.02, b"*")], ASCII)
        await line.open()
        with pytest.raises(NoReply):
            await line.ascii("1").exchange(b"1E\r", lambda t: t == b"*")
        assert line.owed_until("2") > asyncio.get_running_loop().time() + 1.9
        await line.ascii("2").exchange(b"2E\r", lambda t: t == b"*")
        assert link.sent[1][0] - link.sent[0][0] > OWED_S

    virtually(main)


def test_waiting_for_a_late_reply_ends_when_it_has_come() -> None:
    async def main() -> None:
        delays = iter([0.5, 0.02])
        line, link = memory_line(lambda f: [(next(delays), b">" + f)], ASCII)
        await line.open()
        with pytest.raises(NoReply):
            await line.ascii("").exchange(b"a\r", ended)
        assert await line.ascii("").exchange(b"b\r", ended) == b">b\r"
        assert 0.5 < link.sent[1][0] < 0.7

    virtually(main)


def test_s11_an_echo_is_removed_and_is_never_the_reply() -> None:
    async def main() -> None:
        alive = [True]

        def respond(frame: bytes) -> Replies:
            yield 0.0, frame[:1]
            yield 0.001, frame[1:]
            if alive[0]:
                yield 0.03, b"A +1.0\r"

        line, _ = memory_line(respond, ASCII)
        await line.open()
        for _ in range(10):
            assert await line.ascii("A").exchange(b"A\r", ended) == b"A +1.0\r"
        assert line.statistics.echoes == 10
        alive[0] = False
        with pytest.raises(NoReply):
            await line.ascii("A").exchange(b"A\r", ended)

    virtually(main)


def test_a_reply_that_begins_like_its_request_is_not_cut() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda _: [(0.01, b"A"), (0.02, b" +1.0\r")], ASCII)
        await line.open()
        for _ in range(3):
            assert await line.ascii("A").exchange(b"A\r", ended) == b"A +1.0\r"
        assert line.statistics.echoes == 0

    virtually(main)


def test_a_reply_that_is_the_beginning_of_its_request_waits_once_and_is_then_known() -> None:
    async def main() -> None:
        line, _ = memory_line(lambda _: [(0.01, b"1")], ASCII)
        await line.open()
        loop = asyncio.get_running_loop()
        for _ in range(2):
            begun = loop.time()
            assert await line.ascii("1").exchange(b"1~\r", lambda t: t == b"1") == b"1"
        assert loop.time() - begun < 0.05

    virtually(main)


def test_s09_an_endless_line_costs_bounded_memory_and_few_wake_ups() -> None:
    async def main() -> None:
        line, link = memory_line(lambda _: [], plan(Protocol.ASCII, baud=115200))
        await line.open()
        loop = asyncio.get_running_loop()
        longest = reads = 0
        read = link.read

        async def counted(timeout_s: float) -> bytes:
            nonlocal reads
            reads += 1
            return await read(timeout_s)

        link.read = counted  # type: ignore[method-assign]

        async def stuck() -> None:
            while True:
                link.arrive(b"\0")
                await asyncio.sleep(10 / 115200)

        def complete(text: bytes) -> bool:
            nonlocal longest
            longest = max(longest, len(text))
            return ended(text)

        breaking: list[asyncio.Task[None]] = []

        def respond(_: bytes) -> Replies:
            breaking.append(asyncio.create_task(stuck()))
            return []

        link.respond = respond
        for what in ("sends without end", "never falls silent", "never falls silent"):
            with pytest.raises(BadReply, match=what):
                await line.ascii("A").exchange(b"A\r", complete)
        assert longest < 4096 + 100
        assert reads < 600 * loop.time()
        heard = await line.ascii("A").settle(b"\r", 1.0)
        assert len(heard) == 4096
        assert loop.time() < 5
        for task in breaking:
            task.cancel()

    virtually(main)


def test_settling_returns_all_that_came_and_accepts_silence() -> None:
    async def main() -> None:
        line, link = memory_line(lambda _: [(0.1, b"*RS\r"), (0.4, b"*RE\r"), (0.7, b"late\r")], ASCII)
        await line.open()
        link.arrive(b"chatter")
        assert await line.ascii("").settle(b"C,0\r", 0.5) == b"*RS\r*RE\r"
        assert 0.49 < asyncio.get_running_loop().time() < 0.52
        link.respond = lambda _: []
        assert await line.ascii("").settle(b"\r", 0.5) == b"late\r"

    virtually(main)


def test_a_lost_link_is_told_and_closes_the_line() -> None:
    async def main() -> None:
        line, link = memory_line(lambda _: [], ASCII)
        await line.open()
        asyncio.get_running_loop().call_later(0.05, link.lose, "unplugged")
        with pytest.raises(LinkFault, match="unplugged"):
            await line.ascii("").exchange(b"R\r", ended)
        assert not line.opened

    virtually(main)


def test_a_line_gives_only_the_ports_of_its_protocol() -> None:
    ascii_line, _ = memory_line(lambda _: [], ASCII)
    rtu_line, _ = memory_line(lambda _: [])
    with pytest.raises(ValueError, match="line l1 does not speak Modbus"):
        ascii_line.modbus("1")
    with pytest.raises(ValueError, match="line l1 does not speak ASCII"):
        rtu_line.ascii("A")


def test_a10_in_haste_a_request_does_not_wait_and_a_late_reply_is_not_its_own() -> None:
    async def main() -> None:
        delays = iter([0.5, 0.02, 0.02])
        line, link = memory_line(lambda f: [(next(delays), b">" + f)], ASCII)
        await line.open()
        loop = asyncio.get_running_loop()
        with pytest.raises(NoReply):
            await line.ascii("").exchange(b"a\r", ended)
        failed = loop.time()
        with line.in_haste(hasty=True), pytest.raises(Unheard):
            await line.ascii("").exchange(b"stop\r", ended)
        assert link.sent[1][0] - failed < 0.05
        assert line.owed_until("") > loop.time() + 1.9
        assert await line.ascii("").exchange(b"b\r", ended) == b">b\r"

    virtually(main)
