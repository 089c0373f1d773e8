"""B13, B17, B19 of the whole process over its real socket: who commands from afar, who does not, and when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgectl.clock import PreciseLoop
from edgectl.control.process import Control, Hooks, run
from edgectl.control.refusals import AT_ONCE
from edgectl.core.initial import initial_state
from edgectl.core.scan import scan
from edgectl.model.codec import seal
from edgectl.model.image import Image
from edgectl.model.plan import Plan
from edgectl.model.safety import Action, AlarmPlan, Cause, HazardPlan, LadderPlan, Priority, Relation, Watch
from edgectl.model.uplink_plan import UplinkPlan
from tests.control.peer import Bus, Unit
from tests.control.plant import Memory, box, plan, rtu, tag, valve

SPEED = 20.0  # of the unit's clock
PERIOD_S, ALARM_S = 1.0, 5.0
NS = 1_000_000_000
LET_GO = "scada-1 has remote authority: ask it to give authority back, or give it away anew beside the unit"


def unit(alarm_s: float) -> tuple[Plan, Bus]:
    """A valve, a value that trips the unit above 50, an alarm of a conflict, and a ladder."""
    made = plan(
        (rtu(),),
        (box("box1", 1, outputs=1),),
        (tag("T-1", "box1.value0"),),
        (valve("V-1", "box1.out0"),),
        period_s=PERIOD_S,
    )
    trip = HazardPlan("too-high", Cause(Watch.TAG, "T-1", Relation.ABOVE, 50.0), Action.TRIP)
    guarded = replace(
        made,
        uplink=UplinkPlan(host="broker"),
        ladder=LadderPlan(alarm_s=alarm_s, local_hold_s=7200.0, return_s=1.0),
        alarms=(AlarmPlan("UA-1", Cause(Watch.CONFLICT), Priority.LOW),),
        hazards=(trip,),
    )
    return seal(guarded), Bus({1: Unit(inputs={0: 70}, holding={0: 0})})


class Desk:
    """Everybody who speaks to the unit over its socket."""

    def __init__(self, path: Path, bus: Bus) -> None:
        self.bus = bus
        self._path = path
        self._asked = 0

    async def say(self, **question: Any) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self._path))
        writer.write(json.dumps(question).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
        writer.close()
        return answer

    async def uplink(self, *, connected: bool) -> None:
        assert (await self.say(do="uplink", connected=connected))["heard"]

    async def ask(self, host: str, what: str, target: str, value: float | str) -> dict[str, Any]:
        """A host's request; without a name, that of a person beside the unit."""
        far = {"origin": "remote", "host": host} if host else {}
        self._asked += 1
        return await self.say(
            do="request",
            id=self._asked,
            ask=what,
            target=target,
            value=value,
            actor="anna",
            reason="trial",
            **far,
        )

    async def whole(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.say(do="status"))["unit_state"]
        return found

    async def value(self) -> tuple[float, str]:
        """Where the valve is told to stand, and by whom."""
        found = (await self.say(do="status"))["actuators"]["V-1"]
        return found["value"], found["source"]

    async def alarm(self) -> str:
        found: str = (await self.say(do="status"))["alarms"]["UA-1"]["state"]
        return found

    async def until(self, condition: Callable[[], Awaitable[bool]], unit_s: float) -> None:
        """Wait, on the unit's clock, which is that of the loop."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while not await condition():
            assert loop.time() - begun < unit_s, "it never came"
            await asyncio.sleep(PERIOD_S / 4)

    async def give_away(self) -> None:
        await self.uplink(connected=True)
        await asyncio.sleep(3.0)
        assert (await self.ask("", "authority", "T1", "remote"))["accepted"]


def operated(
    tmp_path: Path, body: Callable[[Desk], Awaitable[None]], alarm_s: float = 3600.0
) -> tuple[Plan, Memory]:
    """Run the unit while ``body`` speaks to it; a slow machine shall not lose the uplink where a test is about something else."""
    made, bus = unit(alarm_s)
    path, journal = tmp_path / "control.sock", Memory()

    async def main() -> None:
        stop = asyncio.Event()
        ready: asyncio.Future[Control] = asyncio.get_running_loop().create_future()
        hooks = Hooks(ready=ready.set_result)
        running = asyncio.create_task(
            run(made, journal, stop=stop, links={"bus": bus.link}, socket_path=path, hooks=hooks)
        )
        await ready
        try:
            await body(Desk(path, bus))
        finally:
            stop.set()
            await running

    with asyncio.Runner(loop_factory=lambda: PreciseLoop(SPEED)) as runner:
        runner.run(main())
    return made, journal


def events(journal: Memory, kind: str) -> list[tuple[str, ...]]:
    """Of the core and of the process, without their times."""
    everything = [event for entry in journal.entries for event in entry.events] + journal.events
    return [event[2:] for event in everything if event.kind == kind]


def test_what_may_not_be_asked_from_afar_is_refused_and_in_the_record(tmp_path: Path) -> None:
    """B13: in local authority, without a host's name, and while a trip holds the unit."""

    async def body(desk: Desk) -> None:
        await desk.uplink(connected=True)
        await asyncio.sleep(3.0)
        before = await desk.value()
        local = await desk.ask("scada-1", "output", "V-1", 61.0)
        assert (local["accepted"], local["reason"][:19]) == (False, "authority is local:")
        nameless = await desk.say(
            do="request", ask="output", target="V-1", value=61.0, actor="a", reason="r", origin="remote"
        )
        assert "host: expected a text" in nameless["error"]
        await desk.give_away()
        desk.bus.units[1].inputs[0] = 600

        async def tripped() -> bool:
            return bool((await desk.say(do="status"))["hazards"]["too-high"]["condition"] == "acts")

        await desk.until(tripped, 200.0)
        held = await desk.ask("scada-1", "output", "V-1", 61.0)
        assert (held["accepted"], held["reason"][:40]) == (False, "the unit is held by trip too-high: someb")
        assert before[0] == 40.0
        assert (await desk.whole())["owner"] == ""

    _, journal = operated(tmp_path, body)
    refused = events(journal, "request")
    assert [event[:4] for event in refused] == [("V-1", "output 61.0", "refused", "scada-1/anna")] * 2
    commanded = {command.value for entry in journal.entries for command in entry.commands}
    assert 61.0 not in commanded


def test_two_hosts_do_not_command_one_unit(tmp_path: Path) -> None:
    """B17: the valve follows the owner alone; the other is refused, it shows, it calls, and it is over a minute later."""

    async def body(desk: Desk) -> None:
        await desk.give_away()
        assert (await desk.ask("scada-1", "output", "V-1", 61.0))["accepted"]
        other = await desk.ask("scada-2", "output", "V-1", 62.0)
        assert not other["accepted"]
        assert other["reason"].startswith(LET_GO)
        whole = await desk.whole()
        assert (whole["authority"], whole["owner"]) == ("remote", "scada-1")
        assert whole["conflict"] == "scada-2/anna asks for output of V-1, but scada-1 has remote authority"

        async def calls() -> bool:
            return await desk.alarm() == "UNACK"

        async def over() -> bool:
            return await desk.alarm() == "RTNUN" and not (await desk.whole())["conflict"]

        await desk.until(calls, 50.0)
        await desk.until(over, 400.0)
        assert (await desk.ask("scada-2", "acknowledge", "UA-1", "x"))["accepted"]
        assert (await desk.ask("scada-1", "authority", "T1", "local"))["accepted"]
        assert (await desk.whole())["owner"] == ""
        await desk.give_away()
        assert (await desk.ask("scada-2", "output", "V-1", 63.0))["accepted"]
        assert (await desk.whole())["owner"] == "scada-2"

    made, journal = operated(tmp_path, body)
    assert [event[1:3] for event in events(journal, "authority")] == [
        ("local", "remote"),
        ("remote", "remote of scada-1"),
        ("remote of scada-1", "local"),
        ("local", "remote"),
        ("remote", "remote of scada-2"),
    ]
    assert 62.0 not in {command.value for entry in journal.entries for command in entry.commands}
    stood = [entry.dt_s for entry in journal.entries if entry.state.unit.conflict]
    assert 50.0 <= sum(stood[1:]) < 60.0
    replays(made, journal)


def replays(made: Plan, journal: Memory) -> None:
    """The same inputs reach the same commands, owners and conflicts."""
    state, image = initial_state(made), Image()
    for entry in journal.entries:
        image = Image(
            {**image.samples, **{sample.channel: sample for sample in entry.samples}},
            {**image.achieved, **{achieved.actuator: achieved for achieved in entry.achieved}},
        )
        result = scan(made, state, image, entry.requests, entry.now, entry.dt_s)
        assert (result.commands, result.state) == (entry.commands, entry.state)
        state = result.state


def test_with_the_uplink_goes_remote_authority_and_what_it_holds_by_hand(tmp_path: Path) -> None:
    """B19: within Tu and a second of the last word that it was there, and recorded."""

    async def body(desk: Desk) -> None:
        await desk.give_away()
        assert (await desk.ask("scada-1", "output", "V-1", 61.0))["accepted"]
        assert (await desk.value())[0] == 61.0
        await desk.uplink(connected=False)

        async def local() -> bool:
            return bool((await desk.whole())["authority"] == "local")

        await desk.until(local, 200.0)
        assert (await desk.whole())["owner"] == ""
        assert (await desk.value())[0] == 40.0

    _, journal = operated(tmp_path, body, ALARM_S)
    late_s = max(entry.dt_s for entry in journal.entries) - PERIOD_S  # of this machine, not of the unit
    lost = next(
        s.at
        for entry in journal.entries
        for s in entry.samples
        if s.channel.startswith("edgectl") and not s.value
    )
    given_back = next(
        entry.now for entry in journal.entries for e in entry.events if (e.kind, e.after) == ("mode", "AUTO")
    )
    assert -PERIOD_S <= (given_back.mono_ns - lost.mono_ns) / NS - ALARM_S <= 1.0 + late_s
    assert ("T1", "remote of scada-1", "local") in [event[:3] for event in events(journal, "authority")]


def test_what_the_uplink_refused_is_in_the_journal(tmp_path: Path) -> None:
    """B12: a stale command never reaches the core; that it came, whose it was and why it was dropped is a record."""

    async def body(desk: Desk) -> None:
        stale = {
            "host": "scada-1",
            "actor": "anna",
            "wish": "output 61",
            "target": "V-1",
            "reason": "15 s old",
        }
        assert await desk.say(do="refused", id="c1", **stale) == {"id": "c1", "heard": True}
        for _ in range(AT_ONCE + 5):
            assert (await desk.say(do="refused", **stale))["heard"]
        await asyncio.sleep(12.0)

    _, journal = operated(tmp_path, body)
    assert not any(entry.requests for entry in journal.entries)
    told = events(journal, "request")
    assert told[0] == ("V-1", "output 61", "refused", "scada-1/anna", "15 s old")
    assert told[-1][-1].endswith(" more refused, this the last: 15 s old")
    assert len(told) - 1 + int(told[-1][-1].split()[0]) == AT_ONCE + 6
