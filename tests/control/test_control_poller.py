"""One line at work: everybody gets their share, whatever one instrument does."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from edgectl.model.plan import InstrumentPlan, LinePlan, Medium, Plan, Protocol
from edgectl.model.quality import DeviceStatus
from tests.control.peer import Bus, Gateway, Thermometer, Unit, hamilton
from tests.control.plant import Scene, box, lasting, plan, rehearse, rtu, tag, tcp, valve


def eight(blocks: int = 1) -> tuple[Plan, Bus]:
    """Eight instruments on one bus, polled every second."""
    units = {n: Unit(inputs={100 * b: 10 * n for b in range(blocks)}) for n in range(1, 9)}
    boxes = tuple(box(f"box{n}", n, blocks=blocks) for n in range(1, 9))
    tags = tuple(tag(f"T-{n}", f"box{n}.value0") for n in range(1, 9))
    return plan((rtu(),), boxes, tags), Bus(units)


async def until_good(scene: Scene, channel: str, within_s: float = 30.0) -> float:
    """How long it takes until a channel is GOOD again."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while loop.time() - begun < within_s:
        if scene.control.shell.image.latest.samples[channel].status is DeviceStatus.GOOD:
            break
        await asyncio.sleep(0.05)
    return loop.time() - begun


def test_one_of_eight_goes_dead_and_the_others_keep_their_rate() -> None:
    """S06: at least 95 % of the rate, under a tenth of the line for the dead one, back within 5 s, said once each way."""
    unit, bus = eight()
    counts: dict[int, int] = {}
    back_after_s = 0.0

    async def body(scene: Scene) -> None:
        nonlocal back_after_s
        await asyncio.sleep(10)
        bus.units[3].mute = True
        await asyncio.sleep(10)
        begun = {n: len(u.served) for n, u in bus.units.items()}
        asked = len([r for r in bus.requests if r.unit == 3])
        await asyncio.sleep(100)
        counts.update({n: len(u.served) - begun[n] for n, u in bus.units.items()})
        counts[3] = len([r for r in bus.requests if r.unit == 3]) - asked
        bus.units[3].mute = False
        back_after_s = await until_good(scene, "box3.value0")

    journal, _ = rehearse(unit, {"bus": bus.link}, body)
    assert min(counts[n] for n in counts if n != 3) >= 95
    assert counts[3] * 0.3 < 10
    assert back_after_s <= 5.0
    assert journal.told("instrument", "box3") == [
        ("unknown", "answering"),
        ("answering", "failed"),
        ("failed", "answering"),
    ]
    (failed,) = [e for e in journal.events if e.after == "failed"]
    assert failed.reason == (
        "no reply from box3 at address 3 on line bus (3 tries); check its power, wiring and address"
    )


def test_a_dead_instrument_has_failed_in_the_image_and_the_others_have_not() -> None:
    unit, bus = eight()
    bus.units[5].mute = True
    seen: dict[str, DeviceStatus] = {}

    async def body(scene: Scene) -> None:
        await asyncio.sleep(12)
        seen.update({k: s.status for k, s in scene.control.shell.image.latest.samples.items()})

    rehearse(unit, {"bus": bus.link}, body)
    assert seen.pop("box5.value0") is DeviceStatus.FAILURE
    assert len(seen) == 7
    assert set(seen.values()) == {DeviceStatus.GOOD}


def test_polls_keep_an_anchored_period() -> None:
    unit, bus = eight()
    rehearse(unit, {"bus": bus.link}, lasting(60))
    times = bus.units[8].served
    assert len(times) >= 60
    settled = times[10:]  # by then the line knows how long before its scan it has to begin
    grid = [t - settled[0] - n for n, t in enumerate(settled)]
    assert max(grid) - min(grid) < 0.05


@pytest.mark.parametrize("code", [1, 2, 3, 4, 11])
def test_a_refused_point_is_asked_once_a_period_and_its_neighbour_goes_on(code: int) -> None:
    """M01: no retry storm; the reason carries code and point."""
    unit = Unit(inputs={0: 70}, holding={0: 123}, refuse={})
    bus = Bus({1: unit})
    unit_plan = plan((rtu(),), (box("box1", 1, outputs=1),), (tag("T-1", "box1.value0"),))
    asked: list[int] = []
    statuses: dict[str, tuple[DeviceStatus, str]] = {}

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5.5)
        unit.refuse = {4: code}
        for _ in range(20):
            begun = len(bus.requests)
            await asyncio.sleep(1.0)
            asked.append(sum(r.pdu[0] == 4 for r in bus.requests[begun:]))
        samples = scene.control.shell.image.latest.samples
        statuses.update({k: (s.status, s.detail) for k, s in samples.items()})

    journal, _ = rehearse(unit_plan, {"bus": bus.link}, body)
    assert max(asked) <= 1
    refusing = [("unknown", "answering"), ("answering", "refusing")]
    assert journal.told("instrument", "box1") == (refusing if code <= 4 else refusing[:1])
    status, detail = statuses["box1.value0"]
    assert status is DeviceStatus.FAILURE
    if code <= 3:
        assert f"exception {code:02d}" in detail
        assert "value0" in detail
        assert statuses["box1.out0"][0] is DeviceStatus.GOOD


@pytest.mark.parametrize("code", [4, 10, 11])
def test_an_instrument_that_reports_its_own_death_or_whose_gateway_does_is_given_up(code: int) -> None:
    """M01: 04 and 0B mark the instrument; what it was asked is not at fault."""
    unit = Unit(inputs={0: 70})
    bus = Bus({1: unit})

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5.5)
        unit.refuse = {4: code}
        await asyncio.sleep(20)
        assert scene.control.shell.image.latest.samples["box1.value0"].status is DeviceStatus.FAILURE
        unit.refuse = {}
        assert await until_good(scene, "box1.value0") < 5

    journal, _ = rehearse(
        plan((rtu(),), (box("box1", 1),), (tag("T-1", "box1.value0"),)), {"bus": bus.link}, body
    )
    assert journal.told("instrument", "box1")[-2:] == [
        ("refusing" if code == 4 else "answering", "failed"),
        ("failed", "answering"),
    ]


def test_a_busy_instrument_is_asked_again_within_the_period() -> None:
    unit = Unit(inputs={0: 70})
    bus = Bus({1: unit})
    ages: list[float] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5.5)
        for _ in range(10):
            unit.refuse = {4: 6}
            await asyncio.sleep(0.52)
            unit.refuse = {}
            await asyncio.sleep(0.48)
            at = scene.control.shell.image.latest.samples["box1.value0"].at
            ages.append((scene.control.shell.clock.now().mono_ns - at.mono_ns) / 1e9)

    journal, _ = rehearse(
        plan((rtu(),), (box("box1", 1),), (tag("T-1", "box1.value0"),)), {"bus": bus.link}, body
    )
    assert max(ages) < 1.6
    assert journal.told("instrument", "box1") == [("unknown", "answering")]


def test_a_slow_instrument_stretches_its_own_period_only_and_ages_honestly() -> None:
    """M05: never two requests at once, its age grows, the others keep theirs."""
    units = {1: Unit(inputs={0: 10}), 2: Unit(inputs={0: 20})}
    slow, fast = Bus({1: units[1]}), Bus({2: units[2]})
    unit = plan(
        (rtu("slow", timeout_s=3.0), rtu("fast")),
        (box("box1", 1, line="slow"), box("box2", 2, line="fast")),
        (tag("T-1", "box1.value0"), tag("T-2", "box2.value0")),
    )
    oldest = 0.0

    async def body(scene: Scene) -> None:
        nonlocal oldest
        await asyncio.sleep(5)
        units[1].delay_s = 2.0
        for _ in range(200):
            await asyncio.sleep(0.1)
            now = scene.control.shell.clock.now().mono_ns
            at = scene.control.shell.image.latest.samples["box1.value0"].at.mono_ns
            oldest = max(oldest, (now - at) / 1e9)

    rehearse(unit, {"slow": slow.link, "fast": fast.link}, body)
    waits = [b - a for a, b in itertools.pairwise(units[1].served[8:])]
    assert min(waits) >= 2.0
    assert (
        4.0 < oldest < 6.5
    )  # two periods of two seconds, seen by a scan: the request's age and not the reply's
    assert len([t for t in units[2].served if 10 <= t < 20]) == 10


def test_an_unplugged_adapter_fails_everything_behind_it_at_once_and_comes_back() -> None:
    """S07: opened again within 5 s of the replug, identified again before values count."""
    unit, bus = eight()
    failed: set[str] = set()
    back_after_s = 0.0

    async def body(scene: Scene) -> None:
        nonlocal back_after_s
        for away_s in (23.0, 25.5, 28.0, 30.5):
            await asyncio.sleep(10.3)
            bus.link.unplug()
            await asyncio.sleep(2)
            samples = scene.control.shell.image.latest.samples
            failed.update(k for k, s in samples.items() if s.status is DeviceStatus.FAILURE)
            await asyncio.sleep(away_s)
            bus.link.plugged = True
            waits = [await until_good(scene, f"box{n}.value0") for n in range(1, 9)]
            back_after_s = max(back_after_s, sum(waits))

    journal, _ = rehearse(unit, {"bus": bus.link}, body)
    assert len(failed) == 8
    assert back_after_s <= 5.0
    assert journal.told("line", "bus") == [("closed", "open"), *[("open", "lost"), ("lost", "open")] * 4]
    assert journal.told("instrument", "box1") == [
        ("unknown", "answering"),
        *[("answering", "unreachable"), ("unreachable", "answering")] * 4,
    ]


def test_a_line_that_is_not_there_at_start_keeps_nobody_waiting() -> None:
    """S16: the message names what to do; the other line is in control at once."""
    units = {1: Unit(inputs={0: 10}), 2: Unit(inputs={0: 20})}
    gone, good = Bus({1: units[1]}), Bus({2: units[2]})
    gone.link.plugged = False
    unit = plan(
        (rtu("gone"), rtu("good")),
        (box("box1", 1, line="gone", outputs=1), box("box2", 2, line="good")),
        (tag("T-1", "box1.value0"), tag("T-2", "box2.value0")),
        (valve("V-1", "box1.out0"),),
    )
    journal, _ = rehearse(unit, {"gone": gone.link, "good": good.link}, lasting(5))
    assert units[2].served[0] < 0.1
    assert len(journal.entries) == 6
    assert journal.told("line", "gone") == [("closed", "lost")]
    (lost,) = [e for e in journal.events if e.after == "lost"]
    assert "plug its adapter in" in lost.reason


def test_requests_on_modbus_tcp_run_side_by_side_as_far_as_the_instrument_bears() -> None:
    units = {1: Unit(inputs={100 * n: n for n in range(8)}, delay_s=0.2)}
    for in_flight, least, most in ((1, 1, 1), (4, 3, 4)):
        gateway = Gateway(units)
        units[1].served.clear()
        unit = plan(
            (tcp(in_flight=in_flight),), (box("box1", 1, line="net", blocks=8),), (tag("T-1", "box1.value0"),)
        )
        rehearse(unit, {"net": gateway.link}, lasting(20))
        assert least <= gateway.most_at_once <= most
    assert len(units[1].served) >= 8 * 19


def test_a_dead_instrument_with_several_requests_in_flight_is_probed_and_no_longer_polled() -> None:
    units = {1: Unit(inputs={100 * n: n for n in range(4)}, delay_s=0.05), 2: Unit(inputs={0: 1})}
    gateway = Gateway(units)
    made = plan(
        (tcp(in_flight=4),),
        (box("box1", 1, line="net", blocks=4), box("box2", 2, line="net")),
        (tag("T-1", "box1.value0"),),
    )
    asked: set[int] = set()

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        units[1].mute = True
        await asyncio.sleep(15)
        begun = len(gateway.requests)
        await asyncio.sleep(60)
        asked.update(int.from_bytes(r.pdu[1:3], "big") for r in gateway.requests[begun:] if r.unit == 1)

    journal, _ = rehearse(made, {"net": gateway.link}, body)
    assert asked == {0}  # the probe asks for the first block and nothing else
    assert journal.told("instrument", "box1") == [("unknown", "answering"), ("answering", "failed")]


def test_a_wrong_instrument_is_looked_at_now_and_then_and_leaves_the_line_to_the_others() -> None:
    bus = Bus({1: Unit(inputs={0: 10}), 2: Unit(inputs={0: 20})})
    made = plan(
        (rtu(),), (box("box1", 1, serial_number="4711"), box("box2", 2)), (tag("T-2", "box2.value0"),)
    )
    rehearse(made, {"bus": bus.link}, lasting(150))
    assert 5 <= len(bus.units[1].served) <= 12


class Mumbler(Unit):
    """Says who it is and gives no value."""

    def answer(self, now_s: float, pdu: bytes) -> bytes:
        self.unheard = pdu[1:3] == b"\x08\x29"
        return super().answer(now_s, pdu)


def test_an_instrument_that_answers_probes_but_gives_no_values_is_not_taken_for_answering() -> None:
    """It neither flaps nor takes the line: the others keep their rate."""
    sensor = hamilton("4711", 7.2)
    units: dict[int, Unit] = {
        1: Mumbler(holding=sensor.holding),
        2: Unit(inputs={0: 20}),
        3: Unit(inputs={0: 30}),
    }
    bus = Bus(units)
    made = plan(
        (rtu(),),
        (InstrumentPlan("ph1", "hamilton_ph_arc", "bus", "1", 1.0), box("box2", 2), box("box3", 3)),
        (tag("T-2", "box2.value0"),),
    )
    journal, _ = rehearse(made, {"bus": bus.link}, lasting(120))
    assert journal.told("instrument", "ph1") == [("unknown", "failed")]
    assert min(len(units[n].served) for n in (2, 3)) >= 0.95 * 120


def test_an_instrument_that_restarts_all_the_time_is_given_up() -> None:
    circuit = Thermometer()
    circuit.ANSWERS = {**circuit.ANSWERS, b"R": b"*RS\r*RE\r"}  # type: ignore[misc]
    line = LinePlan("rtd", Medium.SERIAL, Protocol.ASCII, port="/dev/none", timeout_s=1.0)
    made = plan(
        (line,),
        (InstrumentPlan("rtd1", "atlas_ezo_rtd", "rtd", "", 1.0),),
        (tag("T-1", "rtd1.temperature"),),
    )
    journal, _ = rehearse(made, {"rtd": circuit.link}, lasting(60))
    assert journal.told("instrument", "rtd1") == [("unknown", "restarted"), ("restarted", "failed")]


def test_a_peer_behind_tcp_that_vanishes_is_connected_again_and_back_in_five_seconds() -> None:
    """M06: the connection is given up on silence, without waiting for the kernel."""
    gateway = Gateway({1: Unit(inputs={0: 10})})
    unit = plan((tcp(),), (box("box1", 1, line="net"),), (tag("T-1", "box1.value0"),))
    back_after_s = 0.0

    async def body(scene: Scene) -> None:
        nonlocal back_after_s
        await asyncio.sleep(5)
        gateway.units[1].mute = True
        await asyncio.sleep(60)
        opens = gateway.link.opens
        gateway.units[1].mute = False
        back_after_s = await until_good(scene, "box1.value0")
        assert opens > 1

    rehearse(unit, {"net": gateway.link}, body)
    assert 0 < back_after_s <= 5.0


def test_more_writes_than_the_line_can_carry_do_not_blind_it() -> None:
    unit = Unit(inputs={0: 70}, holding=dict.fromkeys(range(8), 0))
    bus = Bus({1: unit}, baud=1200)  # a write with its read-back takes 0.3 s
    made = plan(
        (rtu(baud=1200),),
        (box("box1", 1, outputs=8),),
        (tag("T-1", "box1.value0"),),
        tuple(valve(f"V-{n}", f"box1.out{n}", renew_s=0.5) for n in range(8)),
    )
    rehearse(made, {"bus": bus.link}, lasting(60))
    polls = [r for r in bus.requests if r.pdu[0] == 4]
    assert len(polls) >= 20


def test_an_instrument_that_restarts_is_prepared_again_before_a_value_of_it_counts() -> None:
    """S13: the banner is no value, and the restart is on record."""
    circuit = Thermometer()
    line = LinePlan("rtd", Medium.SERIAL, Protocol.ASCII, port="/dev/none", timeout_s=1.0)
    made = plan(
        (line,), (InstrumentPlan("rtd1", "atlas_ezo_rtd", "rtd", "", 1.0),), (tag("T-1", "rtd1.temperature"),)
    )
    seen: list[tuple[float | None, DeviceStatus]] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(8)
        circuit.asked.clear()
        circuit.restarting = True
        for _ in range(100):
            await asyncio.sleep(0.1)
            _, value, status, *_ = scene.control.shell.image.latest.samples["rtd1.temperature"]
            seen.append((value, status))

    journal, _ = rehearse(made, {"rtd": circuit.link}, body)
    assert set(seen) == {(21.5, DeviceStatus.GOOD), (None, DeviceStatus.FAILURE)}
    assert seen[-1] == (21.5, DeviceStatus.GOOD)
    again = circuit.asked[circuit.asked.index(b"R") + 1 :]
    assert again.index(b"i") < again.index(b"C,0") < again.index(b"R")
    assert journal.told("instrument", "rtd1")[1:3] == [("answering", "restarted"), ("restarted", "answering")]


def test_a_probe_exchanged_for_another_is_not_believed_and_both_numbers_are_told() -> None:
    """N13."""
    bus = Bus({1: hamilton("4711", 7.2)})
    made = plan(
        (rtu(),),
        (InstrumentPlan("ph1", "hamilton_ph_arc", "bus", "1", 1.0, {}, "4711"),),
        (tag("A-1", "ph1.ph"),),
    )

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5)
        assert scene.control.shell.image.latest.samples["ph1.ph"].value == pytest.approx(7.2)
        bus.units[1].mute = True
        await asyncio.sleep(15)
        bus.units[1] = hamilton("0815", 6.8)
        await asyncio.sleep(15)

    journal, _ = rehearse(made, {"bus": bus.link}, body)
    assert not [e for e in journal.entries if any(s.value == pytest.approx(6.8) for s in e.samples)]
    told = [e for e in journal.events if (e.subject, e.after) == ("ph1", "wrong")]
    assert len(told) == 1
    assert "4711" in told[0].reason
    assert "0815" in told[0].reason


def test_a_port_that_opens_and_carries_nothing_is_told_once() -> None:
    """S15: flow control asserted. Opening succeeds again and again; the line is lost until a request has gone through."""
    units = {1: Unit(inputs={0: 10})}
    bus = Bus(units)

    async def body(_: Scene) -> None:
        await asyncio.sleep(5)
        bus.link.blocked = True
        await asyncio.sleep(20)
        bus.link.blocked = False
        await asyncio.sleep(5)

    journal, _ = rehearse(
        plan((rtu("bus"),), (box("box1", 1),), (tag("T-1", "box1.value0"),), ()), {"bus": bus.link}, body
    )
    assert journal.told("line", "bus") == [("closed", "open"), ("open", "lost"), ("lost", "open")]
