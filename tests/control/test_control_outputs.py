"""Commands reach the wire before any poll, are leases, and end in safe values."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from edgectl.clock import virtual_run
from edgectl.control.safe import Outcome, safe
from edgectl.model.fault import Misconfigured
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.request import Ask, Request
from edgectl.model.state import Result, State
from edgectl.wire.link import Link
from tests.control.peer import Bus, Gateway, Unit
from tests.control.plant import Memory, Scene, box, lasting, plan, rehearse, rtu, tag, tcp, valve

RAW = 10  # registers hold tenths


def one(**more: Any) -> tuple[Plan, Bus, Unit]:
    """One instrument with one value and one output, found energised at 77.7."""
    unit = Unit(inputs={0: 70}, holding={0: 777})
    bus = Bus({1: unit})
    made = plan(
        (rtu(),),
        (box("box1", 1, outputs=1),),
        (tag("T-1", "box1.value0"),),
        (valve("V-1", "box1.out0", **more),),
    )
    return made, bus, unit


def test_the_first_thing_written_is_the_safe_value_and_no_poll_comes_before_it() -> None:
    """A11: an actuator found energised is safe within 3 s of the start, whatever was commanded first."""
    made, bus, unit = one()
    journal, _ = rehearse(made, {"bus": bus.link}, lasting(3))
    at, register, value = unit.written[0]
    assert (register, value) == (0, 5 * RAW)
    assert at < 1.0
    first_write = next(n for n, r in enumerate(bus.requests) if r.pdu[0] in (6, 16))
    assert first_write == 1  # behind the one request that asks who answers
    assert journal.told("actuator", "V-1")[0] == ("unknown", "safe")


@pytest.mark.parametrize("trouble", [{"mute": True}, {"unheard": True}, {"refuse": {6: 4, 16: 4}}])
@pytest.mark.parametrize("lasts_s", [0.5, 3.5, 12.0])
def test_an_output_that_was_not_made_safe_at_the_start_is_before_it_takes_any_command(
    trouble: Mapping[str, Any], lasts_s: float
) -> None:
    """P01, A11: the one try of a start may time out under load; what control resumes with must not be the first thing the output hears."""
    made, bus, unit = one(lease_s=60.0, renew_s=20.0)
    for name, value in trouble.items():
        setattr(unit, name, value)

    async def body(_: Scene) -> None:
        await asyncio.sleep(lasts_s)
        unit.mute, unit.unheard, unit.refuse = False, False, {}
        await asyncio.sleep(8)
        assert unit.holding[0] == 40 * RAW

    journal, _ = rehearse(made, {"bus": bus.link}, body)
    values = [value for at, _, value in unit.written if at >= lasts_s]
    assert values[:2] == [5 * RAW, 40 * RAW]
    assert 40 * RAW not in [value for at, _, value in unit.written if at < lasts_s]
    assert journal.told("actuator", "V-1")[:2] == [("unknown", "not confirmed"), ("not confirmed", "safe")]


def test_an_output_whose_line_is_missing_at_the_start_is_made_safe_when_it_comes() -> None:
    made, bus, unit = one()
    bus.link.plugged = False

    async def body(_: Scene) -> None:
        await asyncio.sleep(10)
        bus.link.plugged = True
        await asyncio.sleep(5)

    rehearse(made, {"bus": bus.link}, body)
    assert [value for _, _, value in unit.written][:2] == [5 * RAW, 40 * RAW]


def test_an_output_that_does_not_take_its_safe_value_gets_no_command_and_is_asked_every_second() -> None:
    class Local(Unit):
        """In local mode: it accepts everything and does nothing."""

        def answer(self, now_s: float, pdu: bytes) -> bytes:
            reply = super().answer(now_s, pdu)
            self.holding[0] = 777
            return reply

    unit = Local(inputs={0: 70}, holding={0: 777})
    made, _, _ = one(renew_s=20.0, lease_s=60.0)
    journal, _ = rehearse(made, {"bus": Bus({1: unit}).link}, lasting(20.5))
    assert {value for _, _, value in unit.written} == {5 * RAW}
    assert 20 <= len([at for at, _, _ in unit.written if at < 20.4]) <= 23
    assert "not following" in [event.after for entry in journal.entries for event in entry.events]


def test_a_command_overtakes_every_poll_that_is_due() -> None:
    units = {n: Unit(inputs={100 * b: 1 for b in range(4)}, holding={0: 0}) for n in range(1, 4)}
    bus = Bus(units, baud=2400)  # about 0.1 s an exchange, 12 polls a second: never idle
    made = plan(
        (rtu(baud=2400),),
        (box("box1", 1, blocks=4, outputs=1), box("box2", 2, blocks=4), box("box3", 3, blocks=4)),
        (tag("T-1", "box1.value0"),),
        (valve("V-1", "box1.out0"),),
    )
    between: list[int] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        for value in (10.0, 20.0, 30.0):
            request = Request(f"r{value}", Ask.OUTPUT, "V-1", value, "anna", "test")
            await asyncio.sleep(3.05)
            assert (await scene.control.intake.ask(request)).accepted
            begun = len(bus.requests)
            await asyncio.sleep(0.9)
            writes = [n for n, r in enumerate(bus.requests[begun:]) if r.pdu[0] == 6]
            between.append(writes[0])

    rehearse(made, {"bus": bus.link}, body)
    assert max(between) <= 1  # at most the exchange that was on the line already


def test_a_command_that_stands_is_renewed_and_not_repeated_more_often() -> None:
    made, bus, unit = one(renew_s=2.0)
    rehearse(made, {"bus": bus.link}, lasting(20.5))
    times = [t for t, _, value in unit.written if value == 40 * RAW and t < 20.4]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps
    assert all(1.9 < gap < 2.2 for gap in gaps)


def test_a_dead_neighbour_never_starves_a_write() -> None:
    units = {n: Unit(inputs={0: 1}, holding={0: 0}) for n in range(1, 6)}
    for n in range(2, 6):
        units[n].mute = True
    bus = Bus(units)
    made = plan(
        (rtu(),),
        tuple(box(f"box{n}", n, outputs=n == 1) for n in range(1, 6)),
        (tag("T-1", "box1.value0"),),
        (valve("V-1", "box1.out0", renew_s=1.0),),
    )
    rehearse(made, {"bus": bus.link}, lasting(60.5))
    times = [t for t, _, _ in units[1].written if 1 < t < 60]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert max(gaps) < 1.0 + 0.3 + 0.2  # renewal, one timeout of a dead one, own exchange


def test_when_the_scan_stops_the_lease_ends_in_the_safe_value() -> None:
    """Nobody has to notice: the line writes it by itself, once the lease is over."""
    made, bus, unit = one(lease_s=3.0, renew_s=1.0)

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5.5)
        assert unit.holding[0] == 40 * RAW
        timer = scene.control.executive._timer
        assert timer is not None
        timer.cancel()
        stopped = asyncio.get_running_loop().time()
        await asyncio.sleep(2.0)
        assert unit.holding[0] == 40 * RAW
        while unit.holding[0] != 5 * RAW:  # noqa: ASYNC110 - the plant tells nobody
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - stopped < 3.2

    journal, _ = rehearse(made, {"bus": bus.link}, body)
    assert ("leased", "lapsed") in journal.told("actuator", "V-1")


def test_a_lease_shorter_than_the_renewal_ends_on_time_as_well() -> None:
    made, bus, unit = one(lease_s=3.0, renew_s=60.0)

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5.5)
        timer = scene.control.executive._timer
        assert timer is not None
        timer.cancel()
        await asyncio.sleep(3.2)
        assert unit.holding[0] == 5 * RAW

    rehearse(made, {"bus": bus.link}, body)


def test_a_move_within_the_resolution_is_not_worth_a_write_but_the_safe_value_is() -> None:
    made, bus, unit = one(normal=5.3, resolution=1.0, renew_s=600.0, lease_s=600.0)
    values: list[int] = []

    async def ask(scene: Scene, value: float) -> None:
        request = Request(f"r{value}", Ask.OUTPUT, "V-1", value, "anna", "test")
        assert (await scene.control.intake.ask(request)).accepted
        await asyncio.sleep(2)
        values.append(unit.written[-1][2])

    async def body(scene: Scene) -> None:
        await asyncio.sleep(2)
        for value in (7.0, 7.9, 5.5, 5.0):
            await ask(scene, value)

    rehearse(made, {"bus": bus.link}, body)
    assert values == [70, 70, 55, 50]


def test_one_lost_confirmation_is_repeated_soon_and_not_only_at_the_next_renewal() -> None:
    made, bus, unit = one(renew_s=600.0, lease_s=600.0)
    took_s = 0.0

    async def body(scene: Scene) -> None:
        nonlocal took_s
        await asyncio.sleep(5)
        unit.mute = True
        request = Request("r", Ask.OUTPUT, "V-1", 60.0, "anna", "test")
        assert (await scene.control.intake.ask(request)).accepted
        await asyncio.sleep(0.2)
        unit.mute = False
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while unit.holding[0] != 600 and loop.time() < begun + 60:  # noqa: ASYNC110 - the plant tells nobody
            await asyncio.sleep(0.05)
        took_s = loop.time() - begun

    journal, _ = rehearse(made, {"bus": bus.link}, body)
    assert 0 < took_s < 3.0
    assert journal.told("instrument", "box1") == [("unknown", "answering")]


def test_an_unconfirmed_write_may_have_been_done_and_going_back_is_written_too() -> None:
    made, bus, unit = one(renew_s=600.0, lease_s=600.0)

    async def ask(scene: Scene, value: float) -> None:
        assert (
            await scene.control.intake.ask(Request(f"{value}", Ask.OUTPUT, "V-1", value, "a", "r"))
        ).accepted

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        unit.unheard = True
        await ask(scene, 60.0)
        await asyncio.sleep(0.5)  # the poll before the scan has to time out first
        unit.unheard = False
        assert unit.holding[0] == 600
        await ask(scene, 40.0)
        await asyncio.sleep(3)
        assert unit.holding[0] == 400

    rehearse(made, {"bus": bus.link}, body)


def test_an_output_behind_a_dead_instrument_is_unknown_and_written_again_when_it_is_back() -> None:
    """Nothing is written while it is dead; it came back from a power cut with its output at 0."""
    made, bus, unit = one(renew_s=600.0, lease_s=600.0)
    achieved: list[tuple[float | None, str]] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        unit.mute = True
        await asyncio.sleep(20)
        achieved.append(scene.control.shell.image.latest.achieved["V-1"][2:4])
        unit.holding[0] = 0
        unit.mute = False
        await asyncio.sleep(6)
        assert unit.holding[0] == 40 * RAW

    rehearse(made, {"bus": bus.link}, body)
    assert achieved[0][0] is None
    assert "no reply from box1" in achieved[0][1]


def test_a_refused_write_is_in_the_image_with_its_reason_and_does_not_stop_the_polls() -> None:
    made, bus, unit = one()
    seen: list[tuple[float | None, str]] = []
    ages: list[float] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        unit.refuse = {6: 3}
        begun = len(bus.requests)
        await asyncio.sleep(20)
        image = scene.control.shell.image.latest
        seen.append(image.achieved["V-1"][2:4])
        ages.append((scene.control.shell.clock.now().mono_ns - image.samples["box1.value0"].at.mono_ns) / 1e9)
        assert sum(r.pdu[0] == 6 for r in bus.requests[begun:]) <= 21

    journal, _ = rehearse(made, {"bus": bus.link}, body)
    assert seen[0][0] is None
    assert "exception 03" in seen[0][1]
    assert ages[0] < 2
    assert journal.told("instrument", "box1") == [("unknown", "answering")]


def test_one_output_is_never_written_twice_at_once() -> None:
    unit = Unit(inputs={0: 70}, holding={0: 0}, delay_s=0.25)
    gateway = Gateway({1: unit})
    made = plan(
        (tcp(in_flight=4),),
        (box("box1", 1, line="net", outputs=1),),
        (tag("T-1", "box1.value0"),),
        (valve("V-1", "box1.out0"),),
        period_s=0.1,
    )

    async def body(scene: Scene) -> None:
        await asyncio.sleep(3)
        for n in range(40):
            request = Request(f"r{n}", Ask.OUTPUT, "V-1", 100.0 + 10 * n, "anna", "test")
            assert (await scene.control.intake.ask(request)).accepted

    rehearse(made, {"net": gateway.link}, body)
    writes = [r.at_s for r in gateway.requests if r.pdu[0] == 6]
    assert min(b - a for a, b in itertools.pairwise(writes)) >= 0.25


def test_a_failed_write_is_in_the_image_and_comes_again_as_soon_as_it_can() -> None:
    made, bus, unit = one()
    achieved: list[float | None] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        unit.mute = True
        await asyncio.sleep(20)
        achieved.append(scene.control.shell.image.latest.achieved["V-1"].value)
        unit.mute = False
        await asyncio.sleep(6)
        achieved.append(scene.control.shell.image.latest.achieved["V-1"].value)

    rehearse(made, {"bus": bus.link}, body)
    assert achieved == [None, 40.0]


def test_what_another_party_changes_is_written_again_and_told_once() -> None:
    """M11: found by the next poll, long before the renewal."""
    unit = Unit(holding={0: 777})
    made = plan(
        (rtu(),), (box("box1", 1, blocks=0, outputs=1),), (), (valve("V-1", "box1.out0", renew_s=10.0),)
    )
    found: list[int] = []

    async def body(_: Scene) -> None:
        for _time in range(2):
            await asyncio.sleep(5.0)
            unit.holding[0] = 123
            await asyncio.sleep(2.0)
            found.append(unit.holding[0])

    journal, _ = rehearse(made, {"bus": Bus({1: unit}).link}, body)
    assert found == [40 * RAW, 40 * RAW]
    assert journal.told("actuator", "V-1").count(("40", "12.3")) == 1


def test_an_instrument_with_another_serial_number_is_never_written_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S08: not at the start, not by a command, not by the last will; the failure names both numbers."""
    unit = Unit(inputs={0: 70}, holding={0: 777})
    bus = Bus({1: unit})
    made = plan(
        (rtu(),),
        (box("box1", 1, outputs=1, serial_number="4711"),),
        (tag("T-1", "box1.value0"),),
        (valve("V-1", "box1.out0"),),
    )
    journal, outcomes = rehearse(made, {"bus": bus.link}, lasting(30))
    assert unit.written == []
    assert not outcomes[0].safe
    assert "4711" in outcomes[0].detail
    assert journal.told("instrument", "box1") == [("unknown", "wrong")]
    sample = journal.entries[-1].image.samples["box1.value0"]
    assert "the plan names serial number 4711" in sample.detail


def test_stopping_leaves_the_safe_value_on_the_wire_and_says_so() -> None:
    made, bus, unit = one()
    journal, outcomes = rehearse(made, {"bus": bus.link}, lasting(5))
    assert [o[:4] for o in outcomes] == [("V-1", 5.0, 5.0, True)]
    assert unit.holding[0] == 5 * RAW
    assert journal.told("actuator", "V-1")[-1] == ("controlled", "safe")


def test_a_bug_in_the_core_ends_the_run_with_safe_values_on_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    made, bus, unit = one()
    from edgectl.core.scan import scan

    def broken(
        plan: Plan, state: State, image: Image, requests: tuple[Request, ...], now: Instant, dt_s: float
    ) -> Result:
        if state.scan == 5:
            raise ZeroDivisionError("a bug")
        return scan(plan, state, image, requests, now, dt_s)

    monkeypatch.setattr("edgectl.control.executive.scan", broken)
    journal = Memory()
    with pytest.raises(ZeroDivisionError, match="a bug"):
        rehearse(made, {"bus": bus.link}, lasting(60), journal)
    assert journal.events[-1][2:] == ("T1", "running", "stopped", "process", "ZeroDivisionError: a bug")
    assert unit.written[-1][2] == 5 * RAW
    assert 4.9 < unit.written[-1][0] < 5.5


def last_will(made: Plan, links: Mapping[str, Link], deadline_s: float) -> tuple[Outcome, ...]:
    outcomes: tuple[Outcome, ...] = virtual_run(safe(made, links, deadline_s))
    return outcomes


def test_the_last_will_needs_no_running_process_and_bears_a_dead_line() -> None:
    units = {1: Unit(inputs={0: 1}, holding={0: 900}), 2: Unit(inputs={0: 1}, holding={0: 900}, mute=True)}
    good, gone = Bus(units), Bus({})
    gone.link.plugged = False
    made = plan(
        (rtu("good"), rtu("gone")),
        (
            box("box1", 1, line="good", outputs=1),
            box("box2", 2, line="good", outputs=1),
            box("box3", 1, line="gone", outputs=1),
        ),
        (),
        (valve("V-1", "box1.out0"), valve("V-2", "box2.out0"), valve("V-3", "box3.out0")),
    )
    outcomes = last_will(made, {"good": good.link, "gone": gone.link}, 4.0)
    assert [o[0] for o in outcomes if o[3]] == ["V-1"]
    assert units[1].holding[0] == 5 * RAW
    assert "no reply from box2" in outcomes[1][4]
    assert "plug its adapter in" in outcomes[2][4]
    assert not good.link.opened


def test_the_last_will_tries_again_while_there_is_time() -> None:
    unit = Unit(inputs={0: 1}, holding={0: 900}, mute=True)
    bus = Bus({1: unit})
    made = plan((rtu(),), (box("box1", 1, outputs=1),), (), (valve("V-1", "box1.out0"),))

    async def main() -> bool:
        asyncio.get_running_loop().call_later(1.0, setattr, unit, "mute", False)
        (outcome,) = await safe(made, {"bus": bus.link}, 5.0)
        return outcome.safe

    assert virtual_run(main())


def test_an_output_that_confirms_another_value_is_not_called_safe() -> None:
    class Clamped(Unit):
        """Takes nothing below 20."""

        def answer(self, now_s: float, pdu: bytes) -> bytes:
            reply = super().answer(now_s, pdu)
            self.holding[0] = max(self.holding[0], 200)
            return reply

    bus = Bus({1: Clamped(inputs={0: 1}, holding={0: 900})})
    made = plan((rtu(),), (box("box1", 1, outputs=1),), (), (valve("V-1", "box1.out0"),))
    (outcome,) = last_will(made, {"bus": bus.link}, 4.0)
    assert outcome[2:4] == (20.0, False)


def test_a_bug_in_one_driver_does_not_keep_the_other_outputs_from_being_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from edgectl.drivers.modbus_map import Driver

    good_write = Driver.write

    async def write(driver: Driver, channel: str, value: float) -> float:
        if channel == "out0":
            raise KeyError("a bug")
        return await good_write(driver, channel, value)

    monkeypatch.setattr(Driver, "write", write)
    unit = Unit(inputs={0: 1}, holding={0: 900, 1: 900})
    made = plan(
        (rtu(),), (box("box1", 1, outputs=2),), (), (valve("V-1", "box1.out0"), valve("V-2", "box1.out1"))
    )
    outcomes = last_will(made, {"bus": Bus({1: unit}).link}, 4.0)
    assert [o[3] for o in outcomes] == [False, True]
    assert unit.holding == {0: 900, 1: 50}


def test_an_instrument_set_otherwise_than_planned_gets_the_safe_value_and_no_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """M10: it stays shut out until a person has put it right; the reason names what is wrong."""
    from edgectl.drivers.modbus_map import Driver

    async def prepare(driver: Driver) -> None:
        raise Misconfigured("watchdog is 0 s, the plan says 10 s")

    monkeypatch.setattr(Driver, "prepare", prepare)
    made, bus, unit = one()
    journal, outcomes = rehearse(made, {"bus": bus.link}, lasting(20))
    assert {value for _, _, value in unit.written} == {5 * RAW}
    assert outcomes[0].safe
    assert journal.told("instrument", "box1") == [("unknown", "misconfigured")]
    sample = journal.entries[-1].image.samples["box1.value0"]
    assert "watchdog is 0 s, the plan says 10 s" in sample.detail


def test_what_is_not_reached_in_time_is_said_and_not_waited_for() -> None:
    unit = Unit(inputs={0: 1}, holding={0: 900}, delay_s=1.0)
    bus = Bus({1: unit})
    made = plan((rtu(timeout_s=2.0),), (box("box1", 1, outputs=1),), (), (valve("V-1", "box1.out0"),))

    async def timed() -> tuple[float, str]:
        loop = asyncio.get_running_loop()
        (outcome,) = await safe(made, {"bus": bus.link}, deadline_s=0.5)
        return loop.time(), outcome.detail

    took_s, detail = virtual_run(timed())
    assert took_s == pytest.approx(0.5)
    assert "not reached in time" in detail
