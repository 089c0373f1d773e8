"""Reset, hold, resume and authority: who may ask for what, and what stands in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgectl.model.event import Event
from edgectl.model.image import JOURNAL_CHANNEL, UPLINK_CHANNEL
from edgectl.model.loop import Mode
from edgectl.model.measurement import Sample
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Authority, Origin, Reply, Request
from edgectl.model.safety import Action, Cause, HazardPlan, Relation, Watch
from edgectl.model.state import UnitState
from edgectl.model.uplink_plan import UplinkPlan
from tests.core.rig import GOOD, TIC, Bench, demo, request, with_loop

OVERHEATED = HazardPlan(
    "overheated", Cause(Watch.TAG, "TT-101", Relation.ABOVE, 39.0, 0.5), Action.TRIP, clear_s=5.0
)
PRESSED = HazardPlan("pressed", Cause(Watch.TAG, "PT-101", Relation.ABOVE, 80.0), Action.TRIP)
STOPPED = HazardPlan("stopped", Cause(Watch.TAG, "ST-101", Relation.BELOW, 30.0), Action.SAFE, ("P-102",))
LATCHED = replace(STOPPED, name="latched", latched=True)
MATRIX = (OVERHEATED, PRESSED, STOPPED, LATCHED)
HELD = "BR-DEMO"


def unit() -> Bench:
    """The demo unit with an uplink, in operation."""
    bench = Bench(demo(hazards=MATRIX, uplink=UplinkPlan(host="broker")))
    bench.samples[UPLINK_CHANNEL] = Sample(UPLINK_CHANNEL, 1.0, DeviceStatus.GOOD, "", bench.now)
    bench.run(15)
    bench.events.clear()
    return bench


def asked(bench: Bench, ask: Ask, target: str, value: float | str, origin: Origin = Origin.LOCAL) -> Reply:
    host = "scada-1" if origin is Origin.REMOTE else ""
    return bench.scan(request(ask, target, value)._replace(origin=origin, host=host)).replies[0]


def hot(bench: Bench, seconds: int = 1) -> None:
    bench.values["TT-101"] = 40.0
    bench.run(seconds)


def cool(bench: Bench, seconds: int) -> None:
    bench.values["TT-101"] = 37.0
    bench.run(seconds)


def test_a_trip_is_reset_once_its_cause_has_been_gone_for_its_time() -> None:
    bench = unit()
    hot(bench)
    reply = bench.ask(Ask.RESET, "overheated", "x")
    assert (reply.accepted, reply.reason) == (
        False,
        "overheated cannot be reset: TT-101 40 degC is above 39 degC",
    )
    cool(bench, 3)
    reply = bench.ask(Ask.RESET, "overheated", "x")
    reason = "overheated cannot be reset: its cause has been gone for 4.0 s of 5.0 s (TT-101 37 degC is within 39 degC)"
    assert (reply.accepted, reply.reason) == (False, reason)
    assert bench.state.hazards["overheated"].active
    bench.events.clear()
    reply = bench.ask(Ask.RESET, "overheated", "x")
    assert (reply.accepted, reply.reason) == (True, "overheated goes from trip to clear")
    assert bench.events == [Event(bench.now, "hazard", "overheated", "trip", "clear", "anna", "trial")]
    state = bench.state.hazards["overheated"]
    assert (state.active, state.first_out, state.since) == (False, False, None)
    bench.scan()
    assert bench.ask(Ask.RESET, "overheated", "x").reason == "overheated already is at clear"


def test_a_reset_within_the_hysteresis_is_refused() -> None:
    """Gone is gone by the hysteresis: 38.7 is no answer to a limit of 39 with 0.5."""
    bench = unit()
    hot(bench)
    bench.values["TT-101"] = 38.7
    bench.run(30)
    assert "TT-101 38.7 degC is above 39 degC" in bench.ask(Ask.RESET, "overheated", "x").reason


def test_a_reset_of_what_is_no_longer_known_is_refused() -> None:
    bench = unit()
    hot(bench)
    bench.values["TT-101"] = 37.0
    bench.status["TT-101"] = DeviceStatus.FAILURE
    bench.run(30)
    assert "TT-101 is not known" in bench.ask(Ask.RESET, "all", "x").reason


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nothing", "there is no hazard named nothing; known: overheated, pressed, stopped, latched, or all"),
        ("stopped", "stopped is not latched: it ends by itself when its cause is gone (ST-101 0 rpm is below 30 rpm)"),
        ("latched", "latched cannot be reset: ST-101 0 rpm is below 30 rpm"),
        ("all", "nothing can be reset: latched: ST-101 0 rpm is below 30 rpm"),
    ],
)  # fmt: skip
def test_a_reset_is_refused_with_the_reason(target: str, reason: str) -> None:
    bench = unit()
    bench.values["ST-101"] = 0.0
    bench.run(2)
    before = bench.state.hazards
    reply = bench.ask(Ask.RESET, target, "x")
    assert (reply.accepted, reply.reason) == (False, reason)
    assert {n: h.active for n, h in bench.state.hazards.items()} == {n: h.active for n, h in before.items()}


def test_a_unit_without_a_matrix_says_so() -> None:
    assert Bench(demo()).ask(Ask.RESET, "x", "x").reason == "there is no hazard named x; known: none, or all"


def test_reset_all_resets_those_whose_cause_is_gone_and_names_the_rest() -> None:
    bench = unit()
    hot(bench)
    bench.values |= {"PT-101": 90.0, "ST-101": 0.0}
    bench.scan()
    cool(bench, 9)
    reply = bench.ask(Ask.RESET, "all", "x")
    assert (reply.accepted, reply.reason) == (
        True,
        "all goes from overheated, pressed, latched to pressed, latched",
    )
    acts = [name for name, state in bench.state.hazards.items() if state.active]
    assert acts == ["pressed", "stopped", "latched"]
    assert bench.state.hazards["overheated"].first_out, "until all are over"
    bench.values |= {"PT-101": 5.0, "ST-101": 150.0}
    bench.scan()
    assert bench.ask(Ask.RESET, "all", "x").reason == "all goes from pressed, latched to clear"
    assert not any(state.first_out for state in bench.state.hazards.values())
    assert bench.ask(Ask.RESET, "all", "x").reason == "all already is at clear"


def test_hold_and_resume() -> None:
    bench = unit()
    reply = bench.ask(Ask.HOLD, HELD, "x")
    assert (reply.accepted, reply.reason) == (True, "BR-DEMO goes from running to held")
    bench.state = replace(bench.state, unit=replace(bench.state.unit, held="outage"))
    assert bench.ask(Ask.HOLD, HELD, "x").reason == "BR-DEMO already is at held"
    assert bench.state.unit.held == "outage", "the first reason stays"
    assert bench.ask(Ask.RESUME, HELD, "x").reason == "BR-DEMO goes from held to running"
    assert bench.state.unit.held == ""
    assert bench.ask(Ask.RESUME, HELD, "x").reason == "BR-DEMO already is at running"
    assert bench.told("unit", HELD) == [("running", "held"), ("held", "running")]


def test_resume_is_refused_while_a_trip_is_latched_or_stands() -> None:
    bench = unit()
    bench.ask(Ask.HOLD, HELD, "x")
    bench.values |= {"TT-101": 40.0, "PT-101": 90.0}
    bench.scan()
    assert bench.ask(Ask.RESUME, HELD, "x").reason == "latched: overheated, pressed; reset first"
    assert bench.state.unit.held
    cool(bench, 6)
    bench.values["PT-101"] = 5.0
    bench.scan()
    bench.ask(Ask.RESET, "all", "x")
    assert bench.ask(Ask.RESUME, HELD, "x").accepted


def test_resume_is_refused_while_the_cause_of_a_trip_stands_or_is_not_known_to_be_absent() -> None:
    slow = replace(OVERHEATED, delay_s=30.0)
    bench = Bench(demo(hazards=(slow, STOPPED)))
    bench.state = replace(bench.state, unit=UnitState(held="outage of 2.0 h"))
    bench.silent |= set(GOOD)
    bench.run(3)
    assert (
        bench.ask(Ask.RESUME, HELD, "x").reason
        == "standing: overheated (TT-101 is not known: no value yet: its channel has not been read)"
    )
    bench.silent.clear()
    bench.values |= {"TT-101": 40.0, "ST-101": 0.0}
    bench.scan()
    assert bench.ask(Ask.RESUME, HELD, "x").reason == "standing: overheated (TT-101 40 degC is above 39 degC)"
    bench.values["TT-101"], bench.status["TT-101"] = 37.0, DeviceStatus.OUT_OF_SPECIFICATION
    bench.scan()
    assert "standing: overheated" in bench.ask(Ask.RESUME, HELD, "x").reason, "UNCERTAIN proves nothing"
    bench.status.clear()
    assert bench.ask(Ask.RESUME, HELD, "x").accepted, "what is no trip does not stand in the way"


def test_an_output_under_an_order_is_not_free() -> None:
    bench = unit()
    bench.values["ST-101"] = 0.0
    bench.run(2)
    reply = bench.ask(Ask.OUTPUT, "P-102", 1.0)
    assert reply.reason == "P-102 is not free: safe stopped, safe latched"
    assert bench.ask(Ask.OUTPUT, "P-102", 0.0).accepted, "its safe value may be asked for"
    hold = Bench(demo(hazards=(replace(STOPPED, action=Action.HOLD),)))
    hold.run(3)
    hold.values["ST-101"] = 0.0
    hold.scan()
    assert hold.ask(Ask.OUTPUT, "P-102", 0.0).reason == "P-102 is not free: hold stopped"


def test_a_loop_in_manual_under_an_order_is_not_free_either() -> None:
    bench = unit()
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.ask(Ask.HOLD, HELD, "x")
    assert bench.ask(Ask.OUTPUT, "TIC-101", 35.0).reason == "TY-101 is not free: held"
    assert bench.ask(Ask.OUTPUT, "TIC-101", 30.0).accepted


# Authority. What each origin may ask for under each authority: y granted, n refused.
ASKS: tuple[tuple[Ask, str, float | str], ...] = (
    (Ask.SETPOINT, "TIC-101", 36.5),
    (Ask.MODE, "TIC-101", "MAN"),
    (Ask.OUTPUT, "P-102", 1.0),
    (Ask.RESET, "all", "x"),
    (Ask.HOLD, HELD, "x"),
    (Ask.RESUME, HELD, "x"),
    (Ask.AUTHORITY, HELD, "local"),
    (Ask.AUTHORITY, HELD, "maintenance"),
    (Ask.AUTHORITY, HELD, "remote"),
)


@pytest.mark.parametrize(
    ("authority", "origin", "granted"),
    [
        (Authority.LOCAL, Origin.LOCAL, "yyyyyyyyy"),
        (Authority.MAINTENANCE, Origin.LOCAL, "yyyyyyyyy"),
        (Authority.REMOTE, Origin.LOCAL, "nnnyynyyy"),
        (Authority.LOCAL, Origin.REMOTE, "nnnnnnnnn"),
        (Authority.MAINTENANCE, Origin.REMOTE, "nnnnnnnnn"),
        (Authority.REMOTE, Origin.REMOTE, "yyyyyyynn"),
    ],
)
def test_who_may_ask_for_what(authority: Authority, origin: Origin, granted: str) -> None:
    """B13: 0 applied of what is refused."""
    seen = ""
    for ask, target, value in ASKS:
        bench = unit()
        bench.state = replace(bench.state, unit=replace(bench.state.unit, authority=authority))
        seen += "y" if asked(bench, ask, target, value, origin).accepted else "n"
    assert seen == granted


@pytest.mark.parametrize(
    ("authority", "origin", "ask", "reason"),
    [
        (Authority.REMOTE, Origin.LOCAL, Ask.SETPOINT, "authority is remote: take it first with: edgectl authority local --reason ..."),
        (Authority.LOCAL, Origin.REMOTE, Ask.SETPOINT, "authority is local: somebody beside the unit has to give it away with: edgectl authority remote"),
        (Authority.MAINTENANCE, Origin.REMOTE, Ask.HOLD, "authority is maintenance: somebody beside the unit has to give it away with: edgectl authority remote"),
        (Authority.REMOTE, Origin.REMOTE, Ask.AUTHORITY, "from far away authority can only be given back: ask for local"),
    ],
)  # fmt: skip
def test_a_refusal_says_how_to_get_authority(
    authority: Authority, origin: Origin, ask: Ask, reason: str
) -> None:
    bench = unit()
    bench.state = replace(bench.state, unit=replace(bench.state.unit, authority=authority))
    value: float | str = "remote" if ask is Ask.AUTHORITY else 36.5
    assert asked(bench, ask, "TIC-101", value, origin).reason == reason


def test_acknowledging_is_heard_from_everywhere() -> None:
    """Whatever becomes of it, no question of authority stands in its way."""
    for authority in Authority:
        for origin in Origin:
            bench = unit()
            bench.state = replace(bench.state, unit=replace(bench.state.unit, authority=authority))
            assert "authority" not in asked(bench, Ask.ACKNOWLEDGE, "x", "x", origin).reason


def test_authority_is_one_of_three() -> None:
    bench = unit()
    for value in ("host", 1.0):
        reply = bench.ask(Ask.AUTHORITY, HELD, value)
        assert reply.reason == f"authority must be one of local, remote, maintenance, not {value!r}"
    assert bench.ask(Ask.AUTHORITY, HELD, "maintenance").reason == "BR-DEMO goes from local to maintenance"
    assert bench.told("authority", HELD) == [("local", "maintenance")]


def test_a_host_moves_nothing_in_a_unit_that_is_held() -> None:
    """B13: while held by a trip."""
    bench = unit()
    bench.ask(Ask.AUTHORITY, HELD, "remote")
    hot(bench, 2)
    for ask, target, value in ASKS[:3]:
        reason = asked(bench, ask, target, value, Origin.REMOTE).reason
        assert reason == "the unit is held by trip overheated: somebody beside it has to release it first"
    bench.ask(Ask.AUTHORITY, HELD, "local")
    assert asked(bench, Ask.SETPOINT, "TIC-101", 36.5).accepted, "somebody beside it may prepare"
    partly = unit()
    partly.ask(Ask.AUTHORITY, HELD, "remote")
    partly.values["ST-101"] = 0.0
    partly.run(2)
    assert asked(partly, Ask.SETPOINT, "TIC-101", 36.5, Origin.REMOTE).accepted, "one output is not the unit"


def test_a_unit_that_only_holds_its_last_values_still_hears_its_host() -> None:
    hold = replace(STOPPED, action=Action.HOLD, actuators=())
    bench = Bench(demo(hazards=(hold,), uplink=UplinkPlan(host="broker")))
    bench.run(5)
    bench.state = replace(bench.state, unit=replace(bench.state.unit, authority=Authority.REMOTE))
    bench.values["ST-101"] = 0.0
    bench.scan()
    assert asked(bench, Ask.SETPOINT, "TIC-101", 36.5, Origin.REMOTE).accepted


def failing() -> Bench:
    bench = unit()
    sample = Sample(JOURNAL_CHANNEL, 0.0, DeviceStatus.FAILURE, "disk full", bench.now)
    bench.samples[JOURNAL_CHANNEL] = sample
    bench.scan()
    return bench


@pytest.mark.parametrize(
    ("ask", "target", "value", "granted"),
    [
        (Ask.SETPOINT, "TIC-101", 36.5, False),
        (Ask.MODE, "TIC-101", "MAN", False),
        (Ask.MODE, "P-102", "MAN", False),
        (Ask.OUTPUT, "P-102", 1.0, False),
        (Ask.OUTPUT, "P-102", "0", False),
        (Ask.OUTPUT, "P-102", 0.0, True),
        (Ask.OUTPUT, "SC-101", 80.0, True),
        (Ask.OUTPUT, "SC-101", 79.0, False),
        (Ask.RESET, "all", "x", False),
        (Ask.RESUME, HELD, "x", False),
        (Ask.AUTHORITY, HELD, "maintenance", False),
        (Ask.BATCH, HELD, "B-1", False),
        (Ask.RETIRE, "x", "x", False),
        (Ask.HOLD, HELD, "x", True),
    ],
)
def test_what_cannot_be_recorded_is_refused_except_what_protects(
    ask: Ask, target: str, value: float | str, granted: bool
) -> None:
    """D01: changes that must be audited are refused while the disk is full; moves to safe values are not."""
    reply = failing().ask(ask, target, value)
    assert reply.accepted is granted
    reason = "it cannot be recorded, because the journal fails (disk full); only acknowledging, HOLD and moves to safe values are granted"
    assert granted or reply.reason == reason


def test_acknowledging_and_loop_outputs_at_safe_are_granted_without_a_record() -> None:
    assert "recorded" not in failing().ask(Ask.ACKNOWLEDGE, "x", "x").reason
    bench = Bench(with_loop(replace(TIC, mode=Mode.MAN)))
    bench.run(3)
    bench.samples[JOURNAL_CHANNEL] = Sample(JOURNAL_CHANNEL, 0.0, DeviceStatus.FAILURE, "", bench.now)
    assert "the journal fails (it cannot write)" in bench.ask(Ask.OUTPUT, "TIC-101", 30.1).reason
    assert bench.ask(Ask.OUTPUT, "TIC-101", 30.0).accepted
    bench.samples[JOURNAL_CHANNEL] = Sample(JOURNAL_CHANNEL, 1.0, DeviceStatus.GOOD, "", bench.now)
    assert bench.ask(Ask.OUTPUT, "TIC-101", 31.0).accepted


def test_a_failing_journal_is_a_cause() -> None:
    hazard = HazardPlan("unrecorded", Cause(Watch.JOURNAL), Action.WARN)
    bench = Bench(demo(hazards=(hazard,)))
    bench.run(2)
    bench.samples[JOURNAL_CHANNEL] = Sample(
        JOURNAL_CHANNEL, 0.0, DeviceStatus.FAILURE, "disk full", bench.now
    )
    bench.scan()
    assert bench.state.hazards["unrecorded"].reason == "disk full"


def test_requests_of_one_scan_cannot_open_the_way_for_each_other() -> None:
    """Held, reset and resumed in one scan, every output is still at its safe value in that scan."""
    bench = unit()
    wishes: tuple[Request, ...] = (
        request(Ask.HOLD, HELD, "x"),
        request(Ask.RESUME, HELD, "x"),
        request(Ask.OUTPUT, "P-102", 1.0),
    )
    result = bench.scan(*wishes)
    assert [reply.accepted for reply in result.replies] == [True, True, False]
    assert {c.actuator: c.value for c in result.commands} == {a.name: a.safe for a in bench.plan.actuators}
