"""The whole control process: on time, evidently alive, alone, and replayable."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from edgectl.clock import Clock, PreciseLoop
from edgectl.control.lock import AlreadyRunning
from edgectl.control.process import Control, Hooks, run
from edgectl.control.watchdog import Stalled
from edgectl.core.initial import initial_state
from edgectl.core.scan import scan
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.plan import Plan
from edgectl.model.request import Ask, Request
from edgectl.model.snapshot import SnapshotHealth
from edgectl.model.state import State
from tests.control.peer import Bus, Unit
from tests.control.plant import Memory, Scene, box, lasting, operate, plan, rehearse, rtu, tag, valve


def unit_of_two(period_s: float = 1.0) -> tuple[Plan, dict[str, Bus]]:
    """Two lines with an instrument each; one has an output."""
    buses = {
        "left": Bus({1: Unit(inputs={0: 70}, holding={0: 777})}),
        "right": Bus({1: Unit(inputs={0: 90})}),
    }
    made = plan(
        (rtu("left"), rtu("right")),
        (box("box1", 1, line="left", outputs=1), box("box2", 1, line="right")),
        (tag("T-1", "box1.value0"), tag("T-2", "box2.value0")),
        (valve("V-1", "box1.out0"),),
        period_s=period_s,
    )
    return made, buses


def links(buses: dict[str, Bus]) -> dict[str, Any]:
    return {name: bus.link for name, bus in buses.items()}


def test_the_first_scan_waits_for_no_line_and_the_rest_keep_the_grid() -> None:
    made, buses = unit_of_two(0.1)
    journal, _ = rehearse(made, links(buses), lasting(10.05))
    times = [e.now.mono_ns / 1e9 for e in journal.entries]
    assert times[0] == 0.0
    assert times == pytest.approx([n * 0.1 for n in range(101)], abs=1e-6)
    assert all(e.dt_s == pytest.approx(0.1) for e in journal.entries)


def test_every_decision_can_be_replayed_from_what_the_journal_was_given() -> None:
    made, buses = unit_of_two()

    async def body(scene: Scene) -> None:
        await asyncio.sleep(5.5)
        await scene.control.intake.ask(Request("1", Ask.OUTPUT, "V-1", 60.0, "anna", "test"))
        buses["right"].units[1].mute = True
        await asyncio.sleep(20)

    journal, _ = rehearse(made, links(buses), body)
    state = initial_state(made)
    samples: dict[str, Sample] = {}
    achieved: dict[str, Achieved] = {}
    for entry in journal.entries:
        samples = {**samples, **{s.channel: s for s in entry.samples}}
        achieved = {**achieved, **{a.actuator: a for a in entry.achieved}}
        assert entry.image == Image(samples, achieved)
        result = scan(made, state, Image(samples, achieved), entry.requests, entry.now, entry.dt_s)
        assert (result.commands, result.measurements) == (entry.commands, entry.measurements)
        assert result.state == entry.state
        state = result.state
    assert any(e.requests for e in journal.entries)


def test_two_rehearsals_are_the_same_to_the_bit() -> None:
    first, second = (rehearse(m, links(b), lasting(60))[0] for m, b in (unit_of_two(), unit_of_two()))
    assert first.entries == second.entries
    assert first.events == second.events


def test_a_late_scan_is_counted_told_and_not_caught_up() -> None:
    """P06: the loop was blocked for 0.35 s at a period of 0.1 s; three scans never ran, and dt says so."""
    made, buses = unit_of_two(0.1)
    status: dict[str, Any] = {}

    async def body(scene: Scene) -> None:
        await asyncio.sleep(0.55)
        time.sleep(0.4)  # noqa: ASYNC251 - the loop is blocked on purpose
        await asyncio.sleep(0.3)
        status.update(scene.control.status())

    with asyncio.Runner(loop_factory=PreciseLoop) as runner:
        journal, _ = runner.run(operate(made, links(buses), body))
    stretched = [e.dt_s for e in journal.entries if e.dt_s > 0.15]
    assert sum(stretched) - 0.1 * len(stretched) == pytest.approx(0.1 * status["skipped_scans"])
    assert status["skipped_scans"] >= 3
    assert status["late_scans"] >= 1
    elapsed_s = (journal.entries[-1].now.mono_ns - journal.entries[0].now.mono_ns) / 1e9
    assert sum(e.dt_s for e in journal.entries[1:]) == pytest.approx(elapsed_s, abs=0.05)
    assert any(e.kind == "scan" and "skipped" in e.reason for e in journal.events)
    grid = [(e.now.mono_ns - journal.entries[0].now.mono_ns) / 1e8 for e in journal.entries]
    assert abs(grid[-1] - round(grid[-1])) < 0.3


def test_systemd_hears_nothing_while_a_line_hangs_and_the_process_ends_itself() -> None:
    """P13: pings are evidence of every line; five seconds of silence of one end the process, with safe outputs."""
    made, buses = unit_of_two()
    told: list[tuple[float, str]] = []

    async def body(scene: Scene) -> None:
        await asyncio.sleep(10.5)

        async def hang(timeout_s: float) -> bytes:
            await asyncio.sleep(1e9)
            return b""

        buses["right"].link.read = hang  # type: ignore[method-assign]
        await asyncio.sleep(60)

    def notify(text: str) -> None:
        told.append((asyncio.get_running_loop().time(), text))

    with pytest.raises(Stalled, match="line right"):
        rehearse(made, links(buses), body, notify=notify)
    assert told[0][1].startswith("READY=1")
    pings = [at for at, text in told if text.startswith("WATCHDOG=1")]
    assert len(pings) >= 9
    assert pings[-1] < 12.5
    assert told[-1][1] == "STOPPING=1"
    assert told[-1][0] < 18.5
    assert buses["left"].units[1].holding[0] == 50


def test_making_many_slow_instruments_safe_takes_its_time_and_is_no_stall() -> None:
    """Seven seconds of one line at start: others poll, systemd hears of progress, every output is made safe before its first command."""
    units = {n: Unit(inputs={0: 1}, holding={0: 777}, delay_s=0.4) for n in range(1, 7)}
    bus = Bus(units)
    made = plan(
        (rtu(timeout_s=1.0),),
        tuple(box(f"box{n}", n, outputs=1) for n in units),
        (tag("T-1", "box1.value0"),),
        tuple(valve(f"V-{n}", f"box{n}.out0") for n in units),
    )
    journal, _ = rehearse(made, {"bus": bus.link}, lasting(30))
    assert [unit.written[0][2] for unit in units.values()] == [50] * 6
    assert max(unit.written[0][0] for unit in units.values()) > 5.5
    assert [e for e in journal.events if e.after == "not confirmed"] == []


def test_status_tells_how_old_a_value_is_and_why_it_is_not_good() -> None:
    made, buses = unit_of_two()
    status: dict[str, Any] = {}

    async def body(scene: Scene) -> None:
        assert scene.control.status()["tags"] != {}
        await asyncio.sleep(5.5)
        buses["right"].units[1].mute = True
        await asyncio.sleep(4)
        status.update(scene.control.status())

    rehearse(made, links(buses), body)
    assert 4.0 < status["tags"]["T-2"]["age_s"] < 5.6
    assert status["tags"]["T-2"]["quality"] != "GOOD"
    assert status["tags"]["T-2"]["reason"]
    assert 0 <= status["tags"]["T-1"]["age_s"] <= 2.1
    assert json.loads(json.dumps(status, allow_nan=False)) == status


def test_the_time_left_before_the_next_scan_is_told_after_each() -> None:
    made, buses = unit_of_two(0.2)
    slack: list[float] = []
    rehearse(made, links(buses), lasting(2.1), slack=slack.append)
    assert slack == pytest.approx([0.2] * 11)


def test_the_state_of_every_scan_is_handed_over_to_be_kept() -> None:
    made, buses = unit_of_two()
    kept: list[tuple[State, Instant]] = []

    journal, _ = rehearse(made, links(buses), lasting(5.5), keep=lambda state, at: kept.append((state, at)))
    assert [state for state, _ in kept] == [entry.state for entry in journal.entries]
    assert [at.mono_ns for _, at in kept] == [entry.now.mono_ns for entry in journal.entries]


def test_a_disk_that_takes_no_state_is_told_once_and_stops_nothing() -> None:
    """D01, D02: an event when it begins and one when it is over; the loops go on."""
    made, buses = unit_of_two()
    health = SnapshotHealth("", 1, 1)

    async def body(scene: Scene) -> None:
        nonlocal health
        await asyncio.sleep(3.5)
        health = SnapshotHealth("OSError: No space left on device", 1, 1)
        await asyncio.sleep(3)
        assert scene.control.status()["snapshot"]["fault"] == health.fault
        health = SnapshotHealth("the disk has not answered for more than 5 s", 1, 1)
        await asyncio.sleep(3)
        health = SnapshotHealth("", 2, 2)
        await asyncio.sleep(3)

    journal, _ = rehearse(made, links(buses), body, snapshot_health=lambda: health)
    assert journal.told("snapshot", "T1") == [("saved", "not saved"), ("not saved", "saved")]
    assert len(journal.entries) == 13


def test_ready_is_said_after_the_first_scan_once() -> None:
    made, buses = unit_of_two()
    told: list[str] = []
    rehearse(made, links(buses), lasting(5), notify=told.append)
    assert sum(text.startswith("READY=1") for text in told) == 1


def test_a_second_instance_is_refused_and_sends_nothing(tmp_path: Path) -> None:
    """P12."""
    made, buses = unit_of_two()
    lock = tmp_path / "lock"

    async def second(scene: Scene) -> None:
        await asyncio.sleep(0.2)
        sent = sum(len(bus.requests) for bus in others.values())
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()} controls this unit"):
            await run(made, Memory(), stop=asyncio.Event(), links=links(others), lock_path=lock)
        assert sent == sum(len(bus.requests) for bus in others.values()) == 0

    _, others = unit_of_two()

    async def first() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(run(made, Memory(), stop=stop, links=links(buses), lock_path=lock))
        await asyncio.sleep(0.2)
        await second(Scene(Memory()))
        stop.set()
        await running
        await run(made, Memory(), stop=stop, links=links(others), lock_path=lock)  # free again

    with asyncio.Runner(loop_factory=PreciseLoop) as runner:
        runner.run(first())


def test_an_error_in_a_task_nobody_waits_for_ends_the_unit_safe() -> None:
    """P05."""
    made, buses = unit_of_two()

    async def body(scene: Scene) -> None:
        await asyncio.sleep(3)
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(60)

    with pytest.raises(ZeroDivisionError):
        rehearse(made, links(buses), body)
    assert buses["left"].units[1].holding[0] == 50


def test_the_socket_shows_the_unit_and_takes_requests_while_it_scans(tmp_path: Path) -> None:
    made, buses = unit_of_two(0.05)
    path = tmp_path / "control.sock"

    async def ask(question: dict[str, Any]) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(json.dumps(question).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
        writer.close()
        return answer

    async def main() -> None:
        stop = asyncio.Event()
        ready: asyncio.Future[Control] = asyncio.get_running_loop().create_future()
        hooks = Hooks(ready=ready.set_result)
        running = asyncio.create_task(
            run(made, Memory(), stop=stop, links=links(buses), socket_path=path, hooks=hooks)
        )
        await ready
        await asyncio.sleep(0.3)
        request = {
            "do": "request",
            "id": 1,
            "ask": "output",
            "target": "V-1",
            "value": 61,
            "actor": "a",
            "reason": "r",
        }
        assert (await ask(request))["accepted"] is True
        await asyncio.sleep(0.3)
        status = await ask({"do": "status"})
        assert status["unit"] == "T1"
        assert status["plan"] == made.digest
        assert status["tags"]["T-1"]["value"] == 7.0
        assert status["tags"]["T-1"]["quality"] == "GOOD"
        assert 0 <= status["tags"]["T-1"]["age_s"] < 2
        assert status["actuators"]["V-1"]["achieved"] == 61.0
        assert status["lines"]["left"]["instruments"]["box1"]["condition"] == "answering"
        assert status["lines"]["left"]["statistics"]["requests"] > 0
        stop.set()
        await running
        assert not path.exists()

    with asyncio.Runner(loop_factory=PreciseLoop) as runner:
        runner.run(main())


def test_the_clock_of_records_runs_from_its_epoch() -> None:
    made, buses = unit_of_two()

    async def main() -> Memory:
        journal, stop = Memory(), asyncio.Event()
        clock = Clock(asyncio.get_running_loop(), 1_000)
        asyncio.get_running_loop().call_later(2.5, stop.set)
        await run(made, journal, stop=stop, clock=clock, links=links(buses))
        return journal

    from edgectl.clock import virtual_run

    journal = virtual_run(main())
    assert [e.now.utc_ns for e in journal.entries] == [1_000, 1_000_001_000, 2_000_001_000]
