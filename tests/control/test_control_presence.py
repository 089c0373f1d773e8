"""Control tells the core what it knows of the uplink and of the journal, as ordinary samples that replay sees too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from edgectl.clock import Clock, virtual_run
from edgectl.control.image import ProcessImage
from edgectl.control.presence import PATIENCE_S, Presence
from edgectl.control.shell import Shell
from edgectl.core.initial import initial_state
from edgectl.core.scan import scan
from edgectl.model.codec import seal
from edgectl.model.event import Event
from edgectl.model.image import JOURNAL_CHANNEL, UPLINK_CHANNEL, Image
from edgectl.model.journal import JournalHealth
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.safety import LadderPlan
from edgectl.model.uplink_plan import UplinkPlan
from tests.control.peer import Bus, Unit
from tests.control.plant import EPOCH_NS, Scene, box, plan, rehearse, rtu, tag, valve

Posted = list[tuple[str, float | None, str, float]]


class Surroundings:
    """A presence on virtual time that looks ten times a second, and what it posted."""

    def __init__(self) -> None:
        self.fault = ""
        self.posted: Posted = []
        self._image = ProcessImage()
        self._loop = asyncio.get_running_loop()
        clock = Clock(self._loop, EPOCH_NS)
        self.presence = Presence(Shell(self._image, clock, lambda _: None), self._health)
        self._begun_ns = clock.now().mono_ns

    def _health(self) -> JournalHealth:
        return JournalHealth(0, 0, self.fault, 0)

    async def passes(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.presence.look()
            for s in self._image.freeze()[1]:
                at_s = round((s.at.mono_ns - self._begun_ns) / 1e9, 3)
                self.posted.append((s.channel, s.value, s.detail, at_s))
            await asyncio.sleep(0.1)


def observed(body: Callable[[Surroundings], Awaitable[None]]) -> Posted:
    async def all_of_it() -> Posted:
        surroundings = Surroundings()
        await body(surroundings)
        return surroundings.posted

    found: Posted = virtual_run(all_of_it())
    return found


def test_the_word_of_the_uplink_is_posted_when_it_changes() -> None:
    async def body(unit: Surroundings) -> None:
        await unit.passes(1)
        for _ in range(3):
            unit.presence.say(connected=True)
            await unit.passes(5)
        unit.presence.say(connected=False, detail="refused")
        await unit.passes(30)

    assert observed(body) == [
        (UPLINK_CHANNEL, 1.0, "", 1.0),
        (UPLINK_CHANNEL, 0.0, "refused", 16.0),
    ]


def test_a_silent_uplink_is_lost_since_its_last_word() -> None:
    async def body(unit: Surroundings) -> None:
        unit.presence.say(connected=True)
        await unit.passes(5)
        unit.presence.say(connected=True)
        await unit.passes(PATIENCE_S)
        assert len(unit.posted) == 1, "not before 15 s"
        await unit.passes(1)
        assert len(unit.posted) == 2
        unit.presence.say(connected=True)
        await unit.passes(1)

    assert observed(body) == [
        (UPLINK_CHANNEL, 1.0, "", 0.0),
        (UPLINK_CHANNEL, 0.0, "no word of it for 15 s", 5.0),
        (UPLINK_CHANNEL, 1.0, "", 21.0),
    ]


def test_a_notice_of_the_uplink_is_an_event_when_it_changes_and_stands_until_then() -> None:
    """Whatever the uplink repeats, and though it falls silent: a certificate ends whether somebody says so or not."""

    async def body() -> list[tuple[str, ...]]:
        events: list[Event] = []
        clock = Clock(asyncio.get_running_loop(), EPOCH_NS)
        presence = Presence(Shell(ProcessImage(), clock, events.append), lambda: None)
        for notice in ("", "ends soon", "ends soon", "ends sooner", "", ""):
            presence.note("U1", notice)
            assert presence.notice == notice
            presence.look()
        return [event[1:] for event in events]

    assert virtual_run(body()) == [
        ("notice", "U1", "none", "stands", "uplink", "ends soon"),
        ("notice", "U1", "stands", "stands", "uplink", "ends sooner"),
        ("notice", "U1", "stands", "none", "uplink", "over: ends sooner"),
    ]


def test_a_lasting_word_needs_no_renewal() -> None:
    async def body(unit: Surroundings) -> None:
        unit.presence.say(connected=True, lasting=True)
        await unit.passes(100)

    assert len(observed(body)) == 1


def test_the_journal_is_told_when_it_fails_and_when_it_writes_again() -> None:
    async def body(unit: Surroundings) -> None:
        await unit.passes(2.5)
        for fault in ("disk full", "disk full", "read-only", ""):
            unit.fault = fault
            await unit.passes(2)

    found = observed(body)
    assert [entry[:3] for entry in found] == [
        (JOURNAL_CHANNEL, 0.0, "disk full"),
        (JOURNAL_CHANNEL, 0.0, "read-only"),
        (JOURNAL_CHANNEL, 1.0, ""),
    ]
    assert [entry[3] for entry in found] == pytest.approx([3.0, 7.0, 9.0], abs=0.5)


def test_rungs_and_journal_faults_replay_from_what_the_journal_was_given() -> None:
    """Connected, silent, lost, the fallback set; a journal that fails: the same decisions again from the recorded samples."""
    bus = Bus({1: Unit(inputs={0: 70}, holding={0: 777})})
    made = plan(
        (rtu(),), (box("box1", 1, outputs=1),), (tag("T-1", "box1.value0"),), (valve("V-1", "box1.out0"),)
    )
    ladder = LadderPlan(alarm_s=20.0, local_hold_s=40.0, return_s=5.0, stop=("V-1",))
    made = seal(replace(made, uplink=UplinkPlan(host="broker"), ladder=ladder))
    fault = [""]

    async def body(scene: Scene) -> None:
        await asyncio.sleep(2)
        scene.control.hear(True, "")
        await asyncio.sleep(60)
        fault[0] = "disk full"
        await asyncio.sleep(5)

    journal, _ = rehearse(
        made, {"bus": bus.link}, body, journal_health=lambda: JournalHealth(0, 0, fault[0], 0)
    )
    state = initial_state(made)
    samples: dict[str, Sample] = {}
    achieved: dict[str, Achieved] = {}
    for entry in journal.entries:
        samples |= {sample.channel: sample for sample in entry.samples}
        achieved |= {one.actuator: one for one in entry.achieved}
        result = scan(
            made, state, Image(dict(samples), dict(achieved)), entry.requests, entry.now, entry.dt_s
        )
        assert (result.commands, result.state, result.events) == (entry.commands, entry.state, entry.events)
        state = result.state
    told = [e.after for entry in journal.entries for e in entry.events if e.kind == "uplink"]
    assert told == ["lost", "fallback set"]
    assert journal.entries[-1].commands[0].restricted_by == ("uplink lost",)
    final = samples[JOURNAL_CHANNEL]
    assert (final.value, final.detail) == (0.0, "disk full")
    assert bus.units[1].holding[0] == 50, "the safe value is on the wire"
