"""A10, U5: a write towards the safe value waits for nothing: no back-off of its instrument, no answer that is owed."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from edgectl.model.plan import Plan
from edgectl.model.request import Ask, Request
from tests.control.peer import Bus, Unit
from tests.control.plant import Scene, box, plan, rehearse, rtu, tag, valve

RAW = 10  # registers hold tenths
SAFE = 5 * RAW


def pair() -> tuple[Plan, Bus, Unit]:
    """An instrument with an output, beside another one on the same pair of wires; so its probes fall to one in 4 s."""
    unit = Unit(inputs={0: 70}, holding={0: 777})
    bus = Bus({1: unit, 2: Unit(inputs={0: 70})})
    boxes = (box("box1", 1, outputs=1), box("box2", 2))
    made = plan(
        (rtu(),),
        boxes,
        (tag("T-1", "box2.value0"),),
        (valve("V-1", "box1.out0", renew_s=600.0, lease_s=600.0),),
    )
    return made, bus, unit


async def move(scene: Scene, value: float) -> float:
    """Ask for an output; when it was accepted."""
    request = Request(f"{value}", Ask.OUTPUT, "V-1", value, "anna", "test")
    assert (await scene.control.intake.ask(request)).accepted
    return asyncio.get_running_loop().time()


def written_at(bus: Bus, begun: int) -> list[float]:
    """When a register was written, from that request on."""
    return [request.at_s for request in bus.requests[begun:] if request.pdu[0] == 6]


def seconds_to_safe(unit: Unit, asked_s: float) -> float:
    """How long it took until the instrument had been told its safe value."""
    return (
        min((at for at, _, value in unit.written if at >= asked_s and value == SAFE), default=1e9) - asked_s
    )


@pytest.mark.parametrize("waited_s", [0.3 * n for n in range(1, 30)])
def test_an_instrument_given_up_is_stopped_at_once(waited_s: float) -> None:
    """It hears, but none of its answers arrives, for however long: the stop is on the wire within a scan and an exchange."""
    made, bus, unit = pair()
    took: list[float] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        unit.unheard = True
        await move(scene, 60.0)
        await asyncio.sleep(waited_s)
        asked_s = await move(scene, 5.0)
        await asyncio.sleep(3.0)
        took.append(seconds_to_safe(unit, asked_s))

    rehearse(made, {"bus": bus.link}, body)
    assert (
        took[0] <= 0.7
    )  # the exchange that is on the line has its timeout, and maybe that of a neighbour's poll


def test_one_that_hears_every_second_request_is_stopped_within_a_second_and_a_half() -> None:
    made, bus, unit = pair()
    took: list[float] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        for _ in range(20):
            await move(scene, 60.0)
            await asyncio.sleep(8.0)
            unit.mute = True  # one request is not heard at all
            asked_s = await move(scene, 5.0)
            await asyncio.sleep(0.25)
            unit.mute = False
            await asyncio.sleep(6.0)
            took.append(seconds_to_safe(unit, asked_s))

    rehearse(made, {"bus": bus.link}, body)
    assert max(took) <= 1.5


def test_a_dead_one_is_not_stopped_so_often_that_the_others_suffer() -> None:
    made, bus, unit = pair()
    writes: list[float] = []
    served: list[float] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        unit.mute = True
        await move(scene, 60.0)
        await asyncio.sleep(5.0)
        await move(scene, 5.0)
        begun, other = len(bus.requests), len(bus.units[2].served)
        await asyncio.sleep(100.0)
        writes.extend(written_at(bus, begun))
        served.append(len(bus.units[2].served) - other)

    rehearse(made, {"bus": bus.link}, body)
    assert served[0] >= 95
    assert 15 <= len(writes) <= 25
    assert all(later - one >= 6.0 for one, later in itertools.pairwise(writes[8:]))


def test_only_a_stop_goes_out_before_contact_is_made() -> None:
    made, bus, unit = pair()

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        unit.mute = True
        await asyncio.sleep(5.0)
        begun = len(bus.requests)
        for value in (60.0, 70.0, 80.0):
            await move(scene, value)
            await asyncio.sleep(2.0)
        assert not written_at(bus, begun)

    rehearse(made, {"bus": bus.link}, body)


def test_nothing_is_written_behind_an_adapter_that_was_away_before_somebody_is_identified() -> None:
    """S08: behind an adapter that was away may be another line."""
    made, bus, unit = pair()

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        bus.link.unplug()
        await asyncio.sleep(2.0)
        unit.mute = True  # who is there now does not answer
        bus.link.plugged = True
        begun = len(bus.requests)
        await move(scene, 5.0)
        await asyncio.sleep(20.0)
        assert not written_at(bus, begun)

    rehearse(made, {"bus": bus.link}, body)


def test_a_stop_that_is_heard_without_an_answer_does_not_count_against_its_instrument() -> None:
    """Three answers lost in haste are one lost answer: the instrument goes on, and confirms once it can be told what its answer means."""
    made, bus, unit = pair()

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        await move(scene, 60.0)
        await asyncio.sleep(2.0)
        unit.unheard = True
        await move(scene, 5.0)
        await asyncio.sleep(0.9)
        unit.unheard = False
        await asyncio.sleep(4.0)
        assert scene.control.shell.image.latest.achieved["V-1"].value == 5.0

    journal, _ = rehearse(made, {"bus": bus.link}, body)
    assert journal.told("instrument", "box1") == [("unknown", "answering")]
