"""The states of one alarm: every row of the table of ISA-18.2, and what lies between its rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgectl.model.event import Event
from edgectl.model.quality import DeviceStatus
from edgectl.model.safety import AlarmCode, Cause, Relation, Watch
from edgectl.model.state import AlarmState
from tests.core.siren import OFF_S, ON_S, PAH, Siren, plan_of, siren

# Each row: what is done, and how the alarm stands after it. Together they are the whole table of transitions.
PLAIN = {
    "A limit exceeded: B": [("almost", "NORM"), ("scan", "UNACK")],
    "A comes back within the on-delay: A": [("almost", "NORM"), ("back", "NORM"), ("almost", "NORM")],
    "B acknowledge: C": [("high", "UNACK"), ("ack", "ACKED")],
    "B back: D": [("high", "UNACK"), ("almost back", "UNACK"), ("scan", "RTNUN")],
    "B leaves and comes again within the off-delay: B": [
        ("high", "UNACK"),
        ("almost back", "UNACK"),
        ("almost", "UNACK"),
        ("almost back", "UNACK"),
    ],
    "C back: A": [("high, ack", "ACKED"), ("almost back", "ACKED"), ("scan", "NORM")],
    "C leaves and comes again within the off-delay: C": [
        ("high, ack, almost back, almost", "ACKED"),
        ("almost back", "ACKED"),
    ],
    "C without a re-alarm time: C": [("high, ack", "ACKED"), ("100 s", "ACKED")],
    "D acknowledge: A": [("high, back", "RTNUN"), ("ack", "NORM")],
    "D abnormal again: B": [("high, back", "RTNUN"), ("almost", "RTNUN"), ("scan", "UNACK")],
    "A shelve: G, its time over: A": [("shelve", "SHLVD over NORM"), ("50 s", "NORM")],
    "B shelve: G, its time over: B": [("high, shelve", "SHLVD over UNACK"), ("50 s", "UNACK")],
    "C shelve: G, unshelve: B": [("high, ack, shelve", "SHLVD over ACKED"), ("unshelve", "UNACK")],
    "D shelve: G, unshelve: A": [("high, back, shelve", "SHLVD over RTNUN"), ("unshelve", "NORM")],
    "G evaluated, normal again: A": [
        ("shelve, high", "SHLVD over UNACK"),
        ("back", "SHLVD over RTNUN"),
        ("unshelve", "NORM"),
    ],
    "G one-shot, condition cleared: A": [("high, once", "SHLVD over UNACK"), ("back", "NORM")],
    "G one-shot before the condition": [
        ("once", "SHLVD over NORM"),
        ("50 s", "SHLVD over NORM"),
        ("high", "SHLVD over UNACK"),
        ("back", "NORM"),
        ("high", "UNACK"),
    ],
    "G one-shot that never clears ends with the longest time": [
        ("high, once", "SHLVD over UNACK"),
        ("50 s", "SHLVD over UNACK"),
        ("50 s", "UNACK"),
    ],
    "G timed does not end when the condition clears": [("high, shelve, back", "SHLVD over RTNUN")],
    "A suppressed: H, released: A": [("suppress", "DSUPR over NORM"), ("stir, scan", "NORM")],
    "B suppressed: H, released: B": [("high, suppress", "DSUPR over UNACK"), ("stir, scan", "UNACK")],
    "C suppressed: H, released: B": [("high, ack, suppress", "DSUPR over ACKED"), ("stir, scan", "UNACK")],
    "D suppressed: H, released: A": [("high, back, suppress", "DSUPR over RTNUN"), ("stir, scan", "NORM")],
    "H evaluated: B": [("suppress, high", "DSUPR over UNACK"), ("stir, scan", "UNACK")],
    "A retired: I, returned: A": [("retire", "OOSRV over NORM"), ("return", "NORM")],
    "B retired: I, returned: B": [("high, retire", "OOSRV over UNACK"), ("return", "UNACK")],
    "C retired: I, returned: B": [("high, ack, retire", "OOSRV over ACKED"), ("return", "UNACK")],
    "D retired: I, returned: A": [("high, back, retire", "OOSRV over RTNUN"), ("return", "NORM")],
    "I stays however long": [("high, retire, 100 s, 100 s", "OOSRV over UNACK")],
    "I over H over G": [
        ("high, shelve", "SHLVD over UNACK"),
        ("suppress", "DSUPR over UNACK"),
        ("retire", "OOSRV over UNACK"),
        ("return", "DSUPR over UNACK"),
        ("stir, scan", "SHLVD over UNACK"),
        ("unshelve", "UNACK"),
    ],
    "G ends beneath H": [("high, shelve, suppress, unshelve", "DSUPR over UNACK"), ("stir, scan", "UNACK")],
}
LATCHING = {
    "B back, latching: E": [("high", "UNACK"), ("almost back", "UNACK"), ("scan", "LTUNK")],
    "C back, latching: F": [("high, ack", "ACKED"), ("back", "LTACK"), ("100 s", "LTACK")],
    "E acknowledge: F": [("high, back", "LTUNK"), ("ack", "LTACK")],
    "E abnormal again: B": [("high, back", "LTUNK"), ("almost", "LTUNK"), ("scan", "UNACK")],
    "F abnormal again: B": [("high, ack, back", "LTACK"), ("almost", "LTACK"), ("scan", "UNACK")],
    "F reset: A": [("high, ack, back", "LTACK"), ("reset", "NORM")],
    "E shelve: G, and the latch stays": [("high, back, shelve", "SHLVD over LTUNK"), ("unshelve", "LTUNK")],
    "F suppressed: H, and the latch stays": [
        ("high, ack, back, suppress", "DSUPR over LTACK"),
        ("stir, scan", "LTACK"),
    ],
    "E retired: I, and the latch stays": [("high, back, retire", "OOSRV over LTUNK"), ("return", "LTUNK")],
}
RE_ALARM = {
    "C leaves and comes again within the off-delay": [
        ("high, ack", "ACKED"),
        ("almost back, almost", "ACKED"),
        ("almost back", "ACKED"),
        ("scan", "NORM"),
    ],
    "C re-alarm time elapsed: B": [
        ("high, ack", "ACKED"),
        *[("scan", "ACKED")] * 19,
        ("scan", "UNACK"),
    ],
    "C re-alarm counts anew after each acknowledgement": [
        ("high, ack", "ACKED"),
        *[("scan", "ACKED")] * 19,
        ("ack", "ACKED"),
        *[("scan", "ACKED")] * 19,
        ("scan", "UNACK"),
    ],
    "C re-alarm counts anew after a return to normal": [
        ("high, ack", "ACKED"),
        *[("scan", "ACKED")] * 10,
        ("back", "NORM"),
        ("high, ack", "ACKED"),
        *[("scan", "ACKED")] * 19,
        ("scan", "UNACK"),
    ],
    "C re-alarm counts anew after a shelve": [
        ("high, ack", "ACKED"),
        *[("scan", "ACKED")] * 10,
        ("shelve, unshelve", "UNACK"),
        ("ack", "ACKED"),
        *[("scan", "ACKED")] * 19,
        ("scan", "UNACK"),
    ],
}


def follow(bench: Siren, row: list[tuple[str, str]]) -> None:
    for i, (words, expected) in enumerate(row):
        assert bench.say(words) == expected, f"step {i + 1}: {words}"


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted before every scan"])
@pytest.mark.parametrize("row", PLAIN.values(), ids=PLAIN)
def test_a_row_of_the_table(row: list[tuple[str, str]], restart: bool) -> None:
    follow(siren(restart=restart), row)


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted before every scan"])
@pytest.mark.parametrize("row", LATCHING.values(), ids=LATCHING)
def test_a_row_of_the_table_for_an_alarm_that_latches(row: list[tuple[str, str]], restart: bool) -> None:
    follow(siren(latching=True, restart=restart), row)


@pytest.mark.parametrize("row", RE_ALARM.values(), ids=RE_ALARM)
def test_an_acknowledged_alarm_calls_again_after_its_time(row: list[tuple[str, str]]) -> None:
    follow(siren(re_alarm_s=20.0), row)


def test_the_dead_band_counts_on_the_way_back_alone() -> None:
    """Above 50 mbar by up to nothing is abnormal; back is 40 mbar and less; between them the alarm stays as it is."""
    bench = siren()
    bench.press(50.0, 20)
    assert bench.label() == "NORM"
    bench.press(50.001, ON_S - 1)
    bench.press(45.0, 20)
    assert bench.label() == "NORM"
    bench.press(50.001, ON_S)
    assert bench.label() == "UNACK"
    bench.press(40.001, 20)
    assert bench.label() == "UNACK"
    bench.press(40.0, OFF_S)
    assert bench.label() == "RTNUN"


def test_without_delays_one_scan_is_enough_each_way() -> None:
    bench = siren(on_delay_s=0.0, off_delay_s=0.0)
    bench.press(60.0)
    assert bench.label() == "UNACK"
    bench.press(5.0)
    assert bench.label() == "RTNUN"


def test_a_late_scan_counts_all_of_its_time() -> None:
    bench = siren()
    bench.values["PT-101"] = 60.0
    bench.scan(dt_s=float(ON_S))
    assert bench.label() == "UNACK"


def test_every_transition_is_told_with_who_and_why() -> None:
    bench = siren(latching=True)
    bench.say("high, ack, back, reset, shelve, 50 s, suppress, stir, scan, retire, return")
    told = [(e.before, e.after, e.actor, e.reason) for e in bench.alarm_events()]
    assert told == [
        ("NORM", "UNACK", "alarm", "PT-101 60 mbar is above 50 mbar; first out"),
        ("UNACK", "ACKED", "anna", "trial"),
        ("ACKED", "LTACK", "alarm", "PT-101 5 mbar is within 50 mbar"),
        ("LTACK", "NORM", "anna", "trial"),
        ("NORM", "SHLVD over NORM", "anna", "trial"),
        ("SHLVD over NORM", "NORM", "alarm", "shelving is over; PT-101 5 mbar is within 50 mbar"),
        ("NORM", "DSUPR over NORM", "alarm", "stop acts; PT-101 5 mbar is within 50 mbar"),
        ("DSUPR over NORM", "NORM", "alarm", "stop is over; PT-101 5 mbar is within 50 mbar"),
        ("NORM", "OOSRV over NORM", "anna", "trial"),
        ("OOSRV over NORM", "NORM", "anna", "trial"),
    ]
    assert {e.subject for e in bench.alarm_events()} == {"PAH"}


def test_an_alarm_knows_since_when_and_why_it_stands() -> None:
    bench = siren()
    assert (bench.alarm().since, bench.alarm().reason) == (None, "")
    bench.say("high")
    raised = bench.now
    bench.say("50 s")
    assert (bench.alarm().since, bench.alarm().reason) == (raised, "PT-101 60 mbar is above 50 mbar")
    bench.say("ack")
    assert (bench.alarm().since, bench.alarm().reason) == (bench.now, "PT-101 60 mbar is above 50 mbar")
    assert bench.events[-1] == Event(bench.now, "alarm", "PAH", "UNACK", "ACKED", "anna", "trial")


def test_an_unknown_value_is_abnormal_where_nobody_else_tells_of_it() -> None:
    bench = siren()
    bench.press(None, ON_S)
    assert bench.label() == "UNACK"
    assert bench.alarm().reason.startswith("PT-101 is not known")


@pytest.mark.parametrize("words", ["scan", "high", "high, ack", "high, back", "almost", "high, almost back"])
def test_alarms_about_limits_wait_while_another_tells_that_the_tag_is_lost(words: str) -> None:
    """A dead probe calls once, for itself, and every alarm about its limits goes on from where it stood."""
    lost = replace(PAH, name="BAD", cause=Cause(Watch.BAD, "PT-101"), on_delay_s=0.0, off_delay_s=0.0)
    bench = siren(PAH, lost)
    bench.say(words)
    before = bench.alarm()
    bench.status["PT-101"] = DeviceStatus.FAILURE
    bench.run(20)
    assert bench.label("BAD") == "UNACK"
    assert bench.alarm() == before
    bench.status["PT-101"] = DeviceStatus.GOOD
    bench.press(60.0, ON_S)
    assert bench.label("BAD") == "RTNUN"
    assert bench.label() in ("UNACK", "ACKED")


def test_another_tag_that_is_watched_does_not_make_an_alarm_wait() -> None:
    lost = replace(PAH, name="BAD", cause=Cause(Watch.BAD, "TT-101"))
    bench = siren(PAH, lost)
    bench.press(None, ON_S)
    assert bench.label() == "UNACK"


def test_an_alarm_without_a_suppressor_is_never_suppressed() -> None:
    bench = siren(suppressed_by="")
    assert bench.say("suppress, high") == "UNACK"


def test_a_hazard_suppresses_while_it_acts() -> None:
    """Seen through the table of interlocks and hazards alone."""
    from edgectl.core.annunciator import _suppressed
    from edgectl.core.cause import Facts
    from edgectl.model.state import HazardState, InterlockState

    nothing: dict[str, str] = {}
    facts = Facts({}, {}, {}, {}, {}, {}, {}, {}, nothing, "", "", "")
    plan = replace(PAH, suppressed_by="hot")
    assert not _suppressed(plan, facts)
    assert _suppressed(plan, facts._replace(hazards={"hot": HazardState(active=True)}))
    assert not _suppressed(plan, facts._replace(hazards={"hot": HazardState(active=False)}))
    assert _suppressed(plan, facts._replace(interlocks={"hot": InterlockState(active=True)}))
    assert not _suppressed(plan, facts._replace(interlocks={"hot": InterlockState(active=False)}))


def test_an_alarm_at_rest_costs_nothing() -> None:
    """Normal, acknowledged or returned, an alarm that does not move keeps the very same memory."""
    bench = siren()
    for words in ("scan", "high, scan", "ack, scan", "back, scan", "high, back, scan"):
        bench.say(words)
        before = bench.alarm()
        bench.scan()
        assert bench.alarm() is before, words


def test_a_start_knows_nothing_and_calls_nobody() -> None:
    bench = Siren(
        plan_of(PAH, replace(PAH, name="low", cause=Cause(Watch.TAG, "PT-101", Relation.BELOW, 0.0)))
    )
    assert bench.state.alarms == {"PAH": AlarmState(), "low": AlarmState()}
    assert AlarmState().code is AlarmCode.NORM
    bench.run(3)
    assert bench.calls() == []


def test_a_unit_without_alarms_keeps_no_clock_for_them() -> None:
    bench = Siren(plan_of())
    bench.run(3)
    assert bench.state.annunciator.clock_s == 0.0


def test_the_off_delay_counts_anew_each_time_the_alarm_comes() -> None:
    """What was counted on the way back the last time is no part of the next way back."""
    bench = siren(on_delay_s=0.0)
    follow(bench, [("high, back", "RTNUN")])
    for _ in range(2):
        bench.press(60.0)
        follow(bench, [("almost back", "UNACK"), ("scan", "RTNUN")])


def test_the_on_delay_counts_anew_after_each_return() -> None:
    """Also when the alarm came and went without a scan between: nothing of the time before is left."""
    bench = siren()
    follow(bench, [("high, back", "RTNUN"), *[("almost", "RTNUN"), ("back", "RTNUN")] * 2, ("high", "UNACK")])
