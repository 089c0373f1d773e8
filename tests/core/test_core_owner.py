"""B13, B17, B19: remote authority has one owner, everybody else is refused and seen, and the uplink takes it all with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgectl.core.owner import CONFLICT_S, claimed, disputed, faded, label, objection, passed
from edgectl.core.scan import scan
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.event import Event
from edgectl.model.image import UPLINK_CHANNEL, Image
from edgectl.model.loop import Mode
from edgectl.model.measurement import Sample
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Authority, Origin, Reply, Request
from edgectl.model.safety import (
    Action,
    AlarmCode,
    AlarmPlan,
    Cause,
    HazardPlan,
    LadderPlan,
    Priority,
    Relation,
    Watch,
)
from edgectl.model.state import State, UnitState
from edgectl.model.uplink_plan import UplinkPlan
from tests.core.rig import Bench, demo, request

UNIT = "BR-DEMO"
CALLS = AlarmPlan("UA-102", Cause(Watch.CONFLICT), Priority.LOW)
TRIP = HazardPlan("overheated", Cause(Watch.TAG, "TT-101", Relation.ABOVE, 39.0, 0.5), Action.TRIP)
LADDER = LadderPlan(alarm_s=5.0, local_hold_s=600.0, return_s=3.0)
LET_GO = (
    "scada-1 has remote authority: ask it to give authority back, or give it away anew beside the unit:"
    " edgectl authority local, then remote"
)
OWNED = UnitState(authority=Authority.REMOTE, owner="scada-1")


def unit(authority: str = "remote") -> Bench:
    """The demo unit with an uplink that is connected, and authority given away."""
    bench = Bench(demo(uplink=UplinkPlan(host="broker"), ladder=LADDER, alarms=(CALLS,), hazards=(TRIP,)))
    word(bench, up=True)
    bench.run(10)
    if authority != "local":
        assert bench.ask(Ask.AUTHORITY, UNIT, authority).accepted
    bench.events.clear()
    return bench


def word(bench: Bench, *, up: bool) -> None:
    bench.samples[UPLINK_CHANNEL] = Sample(UPLINK_CHANNEL, float(up), DeviceStatus.GOOD, "", bench.now)


def wish(host: str, ask: Ask = Ask.SETPOINT, target: str = "TIC-101", value: float | str = 36.5) -> Request:
    return request(ask, target, value)._replace(origin=Origin.REMOTE, host=host)


def far(bench: Bench, host: str, *what: Any) -> Reply:
    return bench.scan(wish(host, *what)).replies[0]


def code(bench: Bench) -> AlarmCode:
    return bench.state.alarms["UA-102"].code


def target(bench: Bench) -> float:
    return bench.loop("TIC-101").target


# B13: who is not heard, applies nothing.


def test_a_host_without_authority_moves_nothing_and_owns_nothing() -> None:
    for authority in ("local", "maintenance"):
        bench = unit(authority)
        reply = far(bench, "scada-1")
        assert (reply.accepted, target(bench), bench.state.unit.owner) == (False, 37.0, "")
        assert reply.reason.startswith(f"authority is {authority}: ")
        event = Event(
            bench.now, "request", "TIC-101", "setpoint 36.5", "refused", "scada-1/anna", reply.reason
        )
        assert bench.events == [event]
        assert bench.state.unit.conflict == "", "nobody has what it wanted"


def test_a_host_moves_nothing_in_a_unit_held_by_a_trip_and_does_not_become_its_owner() -> None:
    bench = unit()
    bench.values["TT-101"] = 40.0
    bench.run(2)
    reply = far(bench, "scada-1")
    assert (reply.accepted, target(bench), bench.state.unit.owner) == (False, 37.0, "")
    assert reply.reason == "the unit is held by trip overheated: somebody beside it has to release it first"


def test_a_host_without_a_name_is_not_heard_whatever_it_asks() -> None:
    for ask in (Ask.SETPOINT, Ask.HOLD, Ask.ACKNOWLEDGE):
        bench = unit()
        reply = far(bench, "", ask)
        assert (reply.accepted, reply.reason) == (False, "it does not say which host asks")
        assert bench.state.unit.owner == ""


# B17: one owner at a time.


def test_the_first_host_that_is_granted_something_is_the_owner() -> None:
    bench = unit()
    assert far(bench, "scada-1").accepted
    assert (target(bench), bench.state.unit.owner) == (36.5, "scada-1")
    change, ownership = bench.events
    assert change[1:] == ("setpoint", "TIC-101", "37 degC", "36.5 degC", "scada-1/anna", "trial")
    why = "the first host that was granted something while authority is remote"
    assert ownership[1:] == ("authority", UNIT, "remote", "remote of scada-1", "scada-1/anna", why)
    bench.events.clear()
    assert far(bench, "scada-1", Ask.SETPOINT, "TIC-101", 36.0).accepted
    assert bench.told("authority", UNIT) == [], "told once"


@pytest.mark.parametrize(
    "what",
    [
        (Ask.MODE, "TIC-101", "AUTO"),  # granted, though it changes nothing
        (Ask.OUTPUT, "P-102", 1.0),
        (Ask.HOLD, UNIT, "x"),
        (Ask.SHELVE, "UA-102", 60.0),
        (Ask.RESET, "all", "x"),
    ],
)
def test_every_kind_of_request_that_is_granted_makes_the_owner(what: tuple[Ask, str, float | str]) -> None:
    bench = unit()
    assert far(bench, "scada-1", *what).accepted
    assert bench.state.unit.owner == "scada-1"


def test_what_a_host_holds_or_hides_bears_its_name() -> None:
    bench = unit()
    far(bench, "scada-1", Ask.HOLD, UNIT, "x")
    far(bench, "scada-1", Ask.SHELVE, "UA-102", 60.0)
    assert bench.state.unit.held == "scada-1/anna: trial"
    assert bench.state.alarms["UA-102"].shelved == "scada-1/anna: trial"


def test_a_host_that_is_refused_owns_nothing() -> None:
    bench = unit()
    assert not far(bench, "scada-1", Ask.SETPOINT, "TIC-101", 99.0).accepted
    assert bench.state.unit.owner == ""
    assert far(bench, "scada-2").accepted
    assert bench.state.unit.owner == "scada-2"


@pytest.mark.parametrize(
    "what",
    [
        (Ask.SETPOINT, "TIC-101", 36.0),
        (Ask.MODE, "TIC-101", "MAN"),
        (Ask.OUTPUT, "P-102", 1.0),
        (Ask.HOLD, UNIT, "x"),
        (Ask.RESUME, UNIT, "x"),
        (Ask.RESET, "all", "x"),
        (Ask.SHELVE, "UA-102", 60.0),
        (Ask.AUTHORITY, UNIT, "local"),
        (Ask.BATCH, UNIT, "B-1"),
    ],
)
def test_nothing_another_host_asks_is_done(what: tuple[Ask, str, float | str]) -> None:
    bench, alone = unit(), unit()
    for each in (bench, alone):
        far(each, "scada-1")
    reply = far(bench, "scada-2", *what)
    assert (reply.accepted, reply.reason) == (False, LET_GO)
    decided = alone.scan()
    assert bench.result is not None
    assert bench.result.commands == decided.commands
    clean = replace(bench.state.unit, conflict="", conflict_s=0.0)
    assert replace(bench.state, unit=clean) == alone.state


def test_requests_of_two_hosts_in_one_scan_are_heard_in_their_order() -> None:
    bench = unit()
    result = bench.scan(wish("scada-2"), wish("scada-1")._replace(value=36.0))
    assert [reply.accepted for reply in result.replies] == [True, False]
    assert (target(bench), bench.state.unit.owner) == (36.5, "scada-2")


def test_whoever_sees_an_alarm_may_acknowledge_it_and_owns_nothing_by_it() -> None:
    bench = unit()
    far(bench, "scada-1")
    far(bench, "scada-2")
    bench.run(1)
    assert code(bench) is AlarmCode.UNACK
    calling = bench.state
    for owner in ("scada-1", ""):
        bench.state = replace(calling, unit=replace(calling.unit, owner=owner))
        assert far(bench, "scada-3", Ask.ACKNOWLEDGE, "UA-102", "x").accepted
        assert code(bench) is AlarmCode.ACKED
        assert bench.state.unit.owner == owner
        assert bench.events[-1].actor == "scada-3/anna"


def test_a_refused_acknowledgement_is_no_conflict() -> None:
    bench = unit()
    far(bench, "scada-1")
    reply = far(bench, "scada-2", Ask.ACKNOWLEDGE, "UA-102", "x")
    assert (reply.accepted, bench.state.unit.conflict) == (False, "")


def test_a_refusal_of_the_owner_is_no_conflict() -> None:
    bench = unit()
    far(bench, "scada-1")
    assert not far(bench, "scada-1", Ask.SETPOINT, "TIC-101", 99.0).accepted
    assert bench.state.unit.conflict == ""


def test_a_conflict_calls_and_is_over_a_minute_after_the_last_one() -> None:
    bench = unit()
    far(bench, "scada-1")
    far(bench, "scada-2")
    assert code(bench) is AlarmCode.NORM
    bench.run(30)
    state = bench.state.alarms["UA-102"]
    conflict = "scada-2/anna asks for setpoint of TIC-101, but scada-1 has remote authority"
    assert (state.code, state.reason) == (AlarmCode.UNACK, conflict)
    far(bench, "scada-2")
    bench.run(60)
    assert code(bench) is AlarmCode.UNACK, "a minute after the last one, not after the first"
    bench.run(1)
    assert code(bench) is AlarmCode.RTNUN
    assert (bench.state.unit.conflict, bench.state.unit.conflict_s) == ("", 0.0)
    assert bench.state.unit.owner == "scada-1"


def test_a_late_scan_does_not_swallow_a_conflict() -> None:
    bench = unit()
    far(bench, "scada-1")
    far(bench, "scada-2")
    bench.scan(dt_s=2 * CONFLICT_S)
    assert code(bench) is AlarmCode.UNACK
    bench.scan()
    assert code(bench) is AlarmCode.RTNUN


def test_ownership_and_conflict_go_through_a_record_and_decide_the_same() -> None:
    """They are state like any other: a replay that begins in the middle goes the same way."""
    bench = unit()
    far(bench, "scada-1")
    far(bench, "scada-2")
    bench.run(5)
    state = from_plain(State, to_plain(bench.state))
    assert state == bench.state
    asked = (wish("scada-2"), wish("scada-1")._replace(value=36.0))
    live = bench.scan(*asked)
    image = Image(dict(bench.samples), dict(bench.achieved))
    assert [reply.accepted for reply in live.replies] == [False, True]
    again = scan(bench.plan, state, image, asked, bench.now, 1.0)
    assert (again.replies, again.state.unit) == (live.replies, live.state.unit)


# The end of ownership.


def test_given_back_authority_has_no_owner_and_goes_to_whoever_is_next() -> None:
    bench = unit()
    far(bench, "scada-1")
    assert far(bench, "scada-1", Ask.AUTHORITY, UNIT, "local").accepted
    assert (bench.state.unit.authority, bench.state.unit.owner) == (Authority.LOCAL, "")
    assert bench.told("authority", UNIT)[-1] == ("remote of scada-1", "local")
    assert not far(bench, "scada-1").accepted
    bench.ask(Ask.AUTHORITY, UNIT, "remote")
    assert far(bench, "scada-2").accepted
    assert bench.state.unit.owner == "scada-2"


@pytest.mark.parametrize("whose", ["local", "maintenance"])
def test_taken_beside_the_unit_authority_has_no_owner(whose: str) -> None:
    bench = unit()
    far(bench, "scada-1")
    assert bench.ask(Ask.AUTHORITY, UNIT, whose).reason == f"BR-DEMO goes from remote of scada-1 to {whose}"
    assert bench.state.unit.owner == ""


def test_given_away_while_it_is_away_it_stays_where_it_is() -> None:
    """A second person who gives it away must not take it from the host that works with it."""
    bench = unit()
    far(bench, "scada-1")
    assert bench.ask(Ask.AUTHORITY, UNIT, "remote").reason == "BR-DEMO already is at remote of scada-1"
    assert bench.state.unit.owner == "scada-1"


def test_with_the_uplink_go_the_owner_and_what_it_holds_by_hand() -> None:
    """B19: within Tu and a second, recorded; back again, the old owner is a host like any other."""
    bench = unit()
    assert far(bench, "scada-1", Ask.OUTPUT, "P-102", 2.0).accepted
    assert far(bench, "scada-1", Ask.MODE, "TIC-101", "MAN").accepted
    word(bench, up=False)
    bench.run(LADDER.alarm_s - 1)
    assert (bench.output("P-102"), bench.state.unit.owner) == (2.0, "scada-1")
    bench.events.clear()
    bench.run(1)
    assert (bench.output("P-102"), bench.loop("TIC-101").mode) == (0.0, Mode.AUTO)
    assert (bench.state.unit.authority, bench.state.unit.owner) == (Authority.LOCAL, "")
    assert bench.told("authority", UNIT) == [("remote of scada-1", "local")]
    assert bench.told("mode", "P-102") == [("MAN", "AUTO")]
    word(bench, up=True)
    bench.run(5)
    assert not far(bench, "scada-1").accepted
    bench.ask(Ask.AUTHORITY, UNIT, "remote")
    assert far(bench, "scada-2").accepted
    assert far(bench, "scada-1").reason.startswith("scada-2 has remote authority")


# Its parts.


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (UnitState(), "local"),
        (UnitState(authority=Authority.REMOTE), "remote"),
        (OWNED, "remote of scada-1"),
    ],
)
def test_it_says_whose_it_is(state: UnitState, words: str) -> None:
    assert label(state) == words


def test_nothing_changes_where_nothing_is_to_be_done() -> None:
    local = UnitState()
    assert claimed(local, wish("scada-1")) is local
    assert claimed(OWNED, wish("scada-2")) is OWNED
    assert claimed(replace(OWNED, owner=""), request(Ask.AUTHORITY, UNIT, "remote")).owner == ""
    assert disputed(OWNED, request(Ask.SETPOINT, "TIC-101", 36.0)) is OWNED
    assert objection(OWNED, request(Ask.HOLD, UNIT, "x")) == ""
    assert faded(OWNED, 1.0) is OWNED
    assert passed(OWNED, Authority.REMOTE) is OWNED


def test_a_conflict_takes_no_more_room_than_a_line() -> None:
    state = disputed(OWNED, wish("scada-2", Ask.SETPOINT, "x" * 500))
    assert f"setpoint of {'x' * 40}, but" in state.conflict
    assert state.conflict_s == CONFLICT_S
    assert faded(state, CONFLICT_S - 1.0).conflict == state.conflict
    assert faded(state, CONFLICT_S) == OWNED
