"""What people may ask of alarms, what they are told, and that none of it moves an output."""

from __future__ import annotations

import math

import pytest

from edgectl.model.event import Event
from edgectl.model.request import Ask, Request
from tests.core.siren import ON_S, many, siren


@pytest.mark.parametrize(
    ("words", "ask", "value", "reason"),
    [
        ("scan", Ask.ACKNOWLEDGE, 0.0, "PAH is normal: there is nothing to acknowledge"),
        ("high, shelve", Ask.ACKNOWLEDGE, 0.0, "PAH is shelved: unshelve it first"),
        ("high, suppress", Ask.ACKNOWLEDGE, 0.0, "PAH is suppressed by design: it calls nobody"),
        ("high, retire", Ask.ACKNOWLEDGE, 0.0, "PAH is out of service: return it to service first"),
        ("shelve", Ask.SHELVE, 10.0, "PAH is shelved: unshelve it first"),
        ("suppress", Ask.SHELVE, 10.0, "PAH is suppressed by design: it calls nobody"),
        ("retire", Ask.SHELVE, 10.0, "PAH is out of service: return it to service first"),
        ("scan", Ask.SHELVE, 100.1, "100.1 s is longer than an alarm may be shelved (100.0 s)"),
        *[
            ("scan", Ask.SHELVE, value, f"shelve for a number of seconds, or 0 for until it is normal again, not {value!r}")
            for value in (-1.0, -0.1, math.nan, math.inf, "30", True, False)
        ],
        ("scan", Ask.UNSHELVE, 0.0, "PAH is not shelved"),
        ("high, suppress", Ask.UNSHELVE, 0.0, "PAH is not shelved"),
        ("retire", Ask.RETIRE, 0.0, "PAH is out of service already (anna: trial)"),
        ("scan", Ask.RETURN, 0.0, "PAH is in service"),
        ("shelve", Ask.RETURN, 0.0, "PAH is in service"),
        ("scan", Ask.RESET, 0.0, "PAH is not latched: there is nothing to reset"),
        ("high", Ask.RESET, 0.0, "the cause of PAH still stands: PT-101 60 mbar is above 50 mbar"),
        ("high, ack", Ask.RESET, 0.0, "the cause of PAH still stands: PT-101 60 mbar is above 50 mbar"),
        ("high, back", Ask.RESET, 0.0, "PAH is not acknowledged: acknowledge it first"),
        ("high, ack, back, shelve", Ask.RESET, 0.0, "PAH is shelved: unshelve it first"),
        ("high, ack, back, retire", Ask.RESET, 0.0, "PAH is out of service: return it to service first"),
    ],
)  # fmt: skip
def test_refused(words: str, ask: Ask, value: float | str, reason: str) -> None:
    """A refusal says why and what to do; it is recorded and changes nothing."""
    bench, quiet = siren(latching=True), siren(latching=True)
    bench.say(words)
    quiet.say(words)
    bench.events.clear()
    reply = bench.put(ask, value=value)
    quiet.scan()
    assert (reply.accepted, reply.reason) == (False, reason)
    assert bench.events[-1:] == [
        Event(bench.now, "request", "PAH", f"{ask.value} {value!s:.40}", "refused", "anna", reason)
    ]
    assert bench.state == quiet.state


@pytest.mark.parametrize("ask", [Ask.ACKNOWLEDGE, Ask.SHELVE, Ask.UNSHELVE, Ask.RETIRE, Ask.RETURN])
def test_an_unknown_alarm_is_named(ask: Ask) -> None:
    assert siren().put(ask, "PAHH").reason == "there is no alarm named PAHH"


def test_all_is_no_name_of_an_alarm_for_what_must_be_done_one_by_one() -> None:
    for ask in (Ask.SHELVE, Ask.UNSHELVE, Ask.RETIRE, Ask.RETURN):
        assert siren().put(ask, "all").reason == "there is no alarm named all"


@pytest.mark.parametrize(
    "ask", [Ask.ACKNOWLEDGE, Ask.RESET, Ask.SHELVE, Ask.UNSHELVE, Ask.RETIRE, Ask.RETURN]
)
def test_nothing_is_done_to_an_alarm_without_a_reason(ask: Ask) -> None:
    bench = siren()
    for reason in ("", "  "):
        assert bench.put(ask, reason=reason).reason == "say why: the reason belongs to the record"


def test_a_reset_of_something_else_is_not_for_the_alarms() -> None:
    reply = siren().put(Ask.RESET, "nothing")
    assert not reply.accepted
    assert "alarm named" not in reply.reason


def test_what_is_so_already_is_granted_without_a_record() -> None:
    bench = siren()
    bench.say("high, ack")
    bench.events.clear()
    reply = bench.put(Ask.ACKNOWLEDGE)
    assert (reply.accepted, reply.reason) == (True, "PAH already is at ACKED")
    assert bench.events == []
    latched = siren(latching=True)
    latched.say("high, ack, back")
    assert latched.put(Ask.ACKNOWLEDGE).reason == "PAH already is at LTACK"


def test_granted_requests_say_what_they_did() -> None:
    bench = siren(latching=True)
    bench.say("high")
    assert bench.put(Ask.ACKNOWLEDGE).reason == "PAH goes from UNACK to ACKED"
    assert bench.put(Ask.SHELVE, value=10.0).reason == "PAH goes from ACKED to SHLVD over ACKED"
    assert bench.put(Ask.RETIRE).reason == "PAH goes from SHLVD over ACKED to OOSRV over ACKED"
    assert bench.put(Ask.UNSHELVE).reason == "PAH goes from OOSRV over ACKED to OOSRV over ACKED"
    reply = bench.put(Ask.RETURN)
    assert (reply.identity, reply.accepted, reply.reason) == (
        "r", True, "PAH goes from OOSRV over ACKED to UNACK",
    )  # fmt: skip
    bench.say("ack, back")
    assert bench.put(Ask.RESET).reason == "PAH goes from LTACK to NORM"


def test_who_hides_an_alarm_and_why_is_remembered_with_it() -> None:
    bench = siren()
    bench.put(Ask.SHELVE, value=100.0, reason="probe is changed")
    assert (bench.alarm().shelved, bench.alarm().shelve_s, bench.alarm().once) == (
        "anna: probe is changed", 100.0, False,
    )  # fmt: skip
    bench.put(Ask.RETIRE, reason="no stirrer")
    assert bench.alarm().retired == "anna: no stirrer"
    bench.say("return, unshelve")
    assert (bench.alarm().shelved, bench.alarm().shelve_s, bench.alarm().retired) == ("", 0.0, "")
    bench.put(Ask.SHELVE, value=0, reason="works")
    assert (bench.alarm().shelve_s, bench.alarm().once) == (100.0, True)
    bench.say("unshelve")
    assert bench.alarm().once is False


def test_a_shelve_counts_down_to_its_end() -> None:
    bench = siren()
    bench.put(Ask.SHELVE, value=2.5)
    bench.run(2)
    assert (bench.label(), bench.alarm().shelve_s) == ("SHLVD over NORM", 0.5)
    bench.scan()
    assert bench.label() == "NORM"


def test_all_that_wait_are_acknowledged_together() -> None:
    """What is normal, acknowledged or hidden is left alone; each has a record of its own."""
    bench = siren(*many(6))
    bench.press(54.5)
    bench.put(Ask.ACKNOWLEDGE, "A1")
    bench.put(Ask.SHELVE, "A2", 50.0)
    bench.events.clear()
    assert bench.put(Ask.ACKNOWLEDGE, "all").reason == "acknowledge of 3 alarms"
    assert [(e.subject, e.before, e.after, e.actor) for e in bench.events] == [
        ("A0", "UNACK", "ACKED", "anna"),
        ("A3", "UNACK", "ACKED", "anna"),
        ("A4", "UNACK", "ACKED", "anna"),
    ]
    reply = bench.put(Ask.ACKNOWLEDGE, "all")
    assert (reply.accepted, reply.reason) == (False, "there is no alarm to acknowledge")
    assert (bench.label("A2"), bench.label("A5")) == ("SHLVD over UNACK", "NORM")


def test_all_that_are_latched_and_acknowledged_are_reset_together() -> None:
    bench = siren(latching=True)
    assert bench.put(Ask.RESET, "all").reason == "all already is at clear"
    bench.say("high, back")
    assert bench.put(Ask.RESET, "all").reason == "all already is at clear"
    bench.say("ack, retire")
    assert bench.put(Ask.RESET, "all").reason == "all already is at clear"
    bench.say("return")
    assert bench.put(Ask.RESET, "all").reason == "1 alarm reset; all already is at clear"
    assert bench.label() == "NORM"


@pytest.mark.parametrize(
    "ask", [Ask.ACKNOWLEDGE, Ask.SHELVE, Ask.UNSHELVE, Ask.RETIRE, Ask.RETURN, Ask.RESET]
)
def test_what_is_asked_of_an_alarm_moves_no_output(ask: Ask) -> None:
    bench, quiet = siren(latching=True), siren(latching=True)
    for unit in (bench, quiet):
        unit.press(60.0, ON_S)
        unit.say("ack, back")
    assert bench.scan(Request("r", ask, "PAH", 0.0, "anna", "trial")).commands == quiet.scan().commands
    for _ in range(20):
        assert bench.scan().commands == quiet.scan().commands


@pytest.mark.parametrize(
    ("mbar", "says"),
    [
        (50.5, "acknowledge of 1 alarm"),
        (51.5, "acknowledge of 2 alarms"),
        (52.5, "acknowledge of 3 alarms"),
    ],
)
def test_how_many_were_acknowledged_is_said_and_each_is_recorded(mbar: float, says: str) -> None:
    bench = siren(*many(4))
    bench.press(mbar)
    bench.events.clear()
    assert bench.put(Ask.ACKNOWLEDGE, "all").reason == says
    assert f"acknowledge of {len(bench.alarm_events())} alarm" in says
    assert {event.reason for event in bench.alarm_events()} == {"trial"}


@pytest.mark.parametrize("words", ["scan", "high", "high, ack", "high, back"])
def test_an_alarm_that_does_not_latch_is_never_reset(words: str) -> None:
    bench = siren()
    bench.say(words)
    before = bench.label()
    assert bench.put(Ask.RESET).reason == "PAH is not latched: there is nothing to reset"
    assert bench.label() == before


@pytest.mark.parametrize(
    ("value", "granted", "shelve_s", "once"),
    [
        (0.0, True, 100.0, True),
        (0.001, True, 0.001, False),
        (99.9, True, 99.9, False),
        (100, True, 100.0, False),
        (100.001, False, 0.0, False),
        (-0.001, False, 0.0, False),
    ],
)
def test_a_shelve_is_as_long_as_asked_and_never_longer_than_the_plan_allows(
    value: float, granted: bool, shelve_s: float, once: bool
) -> None:
    bench = siren()
    assert bench.put(Ask.SHELVE, value=value).accepted is granted
    assert (bench.alarm().shelve_s, bench.alarm().once) == (shelve_s, once)


def test_what_is_hidden_does_not_wish_to_call() -> None:
    """A call that is held back and then shelved or retired is made when it comes out of hiding, and only if it still is abnormal."""
    for hide, show in ((Ask.SHELVE, Ask.UNSHELVE), (Ask.RETIRE, Ask.RETURN)):
        bench = siren(*many(12))
        bench.press(190.0)
        name = next(name for name, alarm in bench.state.alarms.items() if alarm.due)
        bench.put(hide, name, 50.0)
        assert not bench.alarm(name).due
        bench.put(show, name)
        assert bench.alarm(name).due
        bench.put(hide, name, 50.0)
        bench.press(5.0)
        bench.put(show, name)
        assert (bench.alarm(name).due, bench.label(name)) == (False, "NORM")
