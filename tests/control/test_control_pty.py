"""The same process on a real terminal device and real time."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edgectl.clock import PreciseLoop
from edgectl.model.quality import Quality
from tests.control.peer import Unit, crc16
from tests.control.plant import Memory, Scene, box, operate, plan, rtu, tag, valve


@contextmanager
def instrument(unit: Unit) -> Iterator[str]:
    """A unit at address 1 behind a pseudo-terminal, served by a thread."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def serve() -> None:
        buffer = b""
        while True:
            try:
                buffer += os.read(master, 256)
            except OSError:
                return
            for size in range(8, len(buffer) + 1):
                if crc16(buffer[: size - 2]) == buffer[size - 2 : size]:
                    body = b"\x01" + unit.answer(0.0, buffer[1 : size - 2])
                    if buffer[0] == 1:
                        os.write(master, body + crc16(body))
                    buffer = buffer[size:]
                    break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)
    thread.join(2)


@pytest.mark.slow
def test_a_value_comes_in_and_a_command_goes_out_over_a_real_terminal() -> None:
    unit = Unit(inputs={0: 372}, holding={0: 777})
    with instrument(unit) as port:
        line = dataclasses.replace(rtu(baud=115200), port=port)
        made = plan(
            (line,),
            (box("box1", 1, poll_s=0.1, outputs=1),),
            (tag("T-1", "box1.value0"),),
            (valve("V-1", "box1.out0", renew_s=0.3),),
            period_s=0.1,
        )

        async def body(scene: Scene) -> None:
            await asyncio.sleep(1.0)
            assert unit.holding[0] == 400

        async def run() -> tuple[Memory, object]:
            return await operate(made, {}, body)

        with asyncio.Runner(loop_factory=PreciseLoop) as runner:
            journal, _ = runner.run(run())
    (last,) = journal.entries[-1].measurements
    assert last.value == pytest.approx(37.2)
    assert last.quality is Quality.GOOD
    assert len([e for e in journal.entries if e.samples]) >= 5
    assert unit.holding[0] == 50
