"""Timers are exact, scaled or virtual, and say the same thing each time."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

import pytest

from edgectl.clock import Clock, PreciseLoop, VirtualLoop, virtual_run

pytestmark = pytest.mark.slow


async def lateness_s(count: int, step_s: float) -> list[float]:
    loop = asyncio.get_running_loop()
    due = loop.time()
    late = []
    for _ in range(count):
        due += step_s
        fired = loop.create_future()
        loop.call_at(due, fired.set_result, None)
        await fired
        late.append(loop.time() - due)
    return late


def test_a_timer_is_never_early_and_beats_the_millisecond_grid_of_asyncio() -> None:
    with asyncio.Runner(loop_factory=PreciseLoop) as runner:
        exact = sorted(runner.run(lateness_s(60, 0.0031)))
    with asyncio.Runner() as runner:
        plain = sorted(runner.run(lateness_s(60, 0.0031)))
    assert exact[0] >= 0
    assert exact[30] < plain[30]


def test_a_scaled_loop_passes_thirty_seconds_in_one() -> None:
    begun = time.monotonic()
    with asyncio.Runner(loop_factory=lambda: PreciseLoop(30.0)) as runner:
        runner.run(asyncio.sleep(6.0))
    assert time.monotonic() - begun == pytest.approx(0.2, abs=0.1)


def test_two_weeks_of_sleep_pass_at_once_on_virtual_time() -> None:
    async def fortnight() -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        clock = Clock(loop, epoch_ns=1_000)
        begun = clock.now()
        for _ in range(14):
            await asyncio.sleep(86_400)
        return loop.time(), clock.now().utc_ns - begun.utc_ns

    begun = time.monotonic()
    seconds, utc_ns = virtual_run(fortnight())
    assert time.monotonic() - begun < 5
    assert seconds == 14 * 86_400
    assert utc_ns == 14 * 86_400 * 1_000_000_000


def test_virtual_time_runs_timers_in_order_of_their_time() -> None:
    async def order() -> list[str]:
        said: list[str] = []

        async def say(word: str, after_s: float) -> None:
            await asyncio.sleep(after_s)
            said.append(word)

        await asyncio.gather(say("third", 3), say("first", 1), say("second", 2))
        return said

    assert virtual_run(order()) == ["first", "second", "third"]


def test_an_idle_virtual_loop_still_serves_a_real_descriptor() -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"alive")
        writer.close()

    async def through_a_socket() -> bytes:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        reader, writer = await asyncio.open_connection(host, port)
        word = await reader.readexactly(5)
        writer.close()
        await writer.wait_closed()
        server.close()
        return word

    assert virtual_run(through_a_socket()) == b"alive"


def test_both_loops_let_go_of_their_descriptors() -> None:
    def opened() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    for _ in range(20):
        for kind in (PreciseLoop, VirtualLoop):
            kind().close()
    assert opened() == before
