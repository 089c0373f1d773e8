"""B12, B13: what the uplink refuses is in the journal with its reason, and no flood of it fills the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from edgectl.clock import Clock, virtual_run
from edgectl.control.image import ProcessImage
from edgectl.control.refusals import AT_ONCE, Refusals, Refused
from edgectl.control.shell import Shell
from edgectl.model.event import Event
from tests.control.peer import Bus, Unit
from tests.control.plant import EPOCH_NS, Scene, box, plan, rehearse, rtu, tag, valve

STALE = Refused("scada-1", "anna", "setpoint 36", "TIC-101", "older than 10 s")


class Desk:
    """Refusals on virtual time, looked at every second as scans do."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        clock = Clock(asyncio.get_running_loop(), EPOCH_NS)
        self.refusals = Refusals(Shell(ProcessImage(), clock, self.events.append), "T1")

    async def passes(self, seconds: int, *, each: int = 0) -> None:
        for second in range(seconds):
            for n in range(each):
                self.refusals.tell(STALE._replace(wish=f"setpoint {second}.{n}"))
                await asyncio.sleep(1.0 / each)
            if not each:
                await asyncio.sleep(1.0)
            self.refusals.look()

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]


def told(body: Callable[[Desk], Awaitable[None]]) -> list[Event]:
    async def all_of_it() -> list[Event]:
        desk = Desk()
        await body(desk)
        return desk.events

    found: list[Event] = virtual_run(all_of_it())
    return found


def test_a_refusal_is_a_record_with_who_what_and_why() -> None:
    async def body(desk: Desk) -> None:
        desk.refusals.tell(STALE)
        desk.refusals.tell(Refused("", "", "", "", "malformed"))
        await desk.passes(30)

    first, bare = told(body)
    assert first[1:] == ("request", "TIC-101", "setpoint 36", "refused", "scada-1/anna", "older than 10 s")
    assert bare[1:] == ("request", "T1", "", "refused", "uplink", "malformed"), (
        "the unit, if nobody knows of what"
    )


def test_as_many_as_a_person_can_cause_are_recorded_one_by_one() -> None:
    async def body(desk: Desk) -> None:
        for _ in range(AT_ONCE):
            desk.refusals.tell(STALE)
        await desk.passes(60)
        await desk.passes(100, each=1)

    events = told(body)
    assert len(events) == AT_ONCE + 100
    assert {event.reason for event in events} == {"older than 10 s"}


def test_a_flood_is_counted_and_told_as_one_and_nothing_is_missing_in_the_sum() -> None:
    """100 a second for 50 s: ten at once, one a second, and one for the rest every ten seconds."""

    async def body(desk: Desk) -> None:
        await desk.passes(50, each=100)
        await desk.passes(20)

    events = told(body)
    single = [event for event in events if event.reason == "older than 10 s"]
    more = [event.reason for event in events if "more refused" in event.reason]
    assert AT_ONCE + 45 <= len(single) <= AT_ONCE + 51
    assert 4 <= len(more) <= 6
    assert all(reason.endswith(" more refused, this the last: older than 10 s") for reason in more)
    assert len(single) + sum(int(reason.split()[0]) for reason in more) == 5000
    assert max(events.index(event) for event in events if "more" in event.reason) == len(events) - 1


def test_credit_grows_back_no_further_than_ten() -> None:
    async def body(desk: Desk) -> None:
        await desk.passes(3600)
        for _ in range(50):
            desk.refusals.tell(STALE)
        await desk.passes(9)
        assert len(desk.events) == AT_ONCE
        await desk.passes(3)
        assert desk.reasons[-1] == "40 more refused, this the last: older than 10 s"

    assert len(told(body)) == AT_ONCE + 1


def test_what_was_counted_is_told_while_control_runs_and_when_it_ends() -> None:
    buses = {"bus": Bus({1: Unit(inputs={0: 70}, holding={0: 777})})}
    made = plan(
        (rtu(),), (box("box1", 1, outputs=1),), (tag("T-1", "box1.value0"),), (valve("V-1", "box1.out0"),)
    )

    async def body(scene: Scene) -> None:
        for _ in range(AT_ONCE + 7):
            scene.control.refusals.tell(STALE)
        await asyncio.sleep(12.0)
        assert scene.journal.events[-1].reason == "7 more refused, this the last: older than 10 s"
        for _ in range(AT_ONCE + 3):
            scene.control.refusals.tell(STALE)

    journal, _ = rehearse(made, {name: bus.link for name, bus in buses.items()}, body)
    reasons = [event.reason for event in journal.events if event.kind == "request"]
    assert (len(reasons), reasons[-1][:14]) == (2 * AT_ONCE + 2, "3 more refused")
    assert journal.events[-1].kind == "process", "the end of the process stays the last word"
