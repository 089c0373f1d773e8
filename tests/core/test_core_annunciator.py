"""All alarms together: who calls, who is held back, which was first (U7); and that a restart changes none of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.annunciator import annunciate
from edgectl.core.cause import Facts
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.request import Ask
from edgectl.model.safety import AlarmCode, AlarmPlan, Cause, Held, Priority, Relation, Watch
from edgectl.model.state import AlarmState, AnnunciatorState
from tests.core.siren import many, siren

NS = 1_000_000_000
NOWHERE = Facts({}, {}, {}, {}, {}, {}, {}, {}, {}, "", "", "")


class Panel:
    """The annunciator alone, with a tag per alarm that is beyond its limit or not."""

    def __init__(self, *priorities: Priority, first: int = 0, off_delay_s: float = 0.0) -> None:
        self.plans = tuple(
            AlarmPlan(f"A{first + i}", Cause(Watch.TAG, f"T{first + i}", Relation.ABOVE, 0.5), priority, off_delay_s=off_delay_s)
            for i, priority in enumerate(priorities)
        )  # fmt: skip
        self.alarms = {plan.name: AlarmState() for plan in self.plans}
        self.annunciator = AnnunciatorState()
        self.values = dict.fromkeys((plan.cause.subject for plan in self.plans), 0.0)
        self.now_s = 0.0
        self.calls: list[tuple[float, str]] = []
        self.events: list[Event] = []

    def scan(self, dt_s: float = 1.0) -> None:
        self.now_s += dt_s
        now = Instant(round(self.now_s * NS), 0)
        measured = {tag: Measurement(tag, v, Quality.GOOD, "", now) for tag, v in self.values.items()}
        facts = NOWHERE._replace(measured=measured, units=dict.fromkeys(self.values, ""))
        events: list[Event] = []
        before = self.annunciator.called
        self.alarms, self.annunciator = annunciate(
            self.plans, self.alarms, self.annunciator, facts, now, dt_s, events
        )
        told = {e.subject for e in events if e.after == "UNACK"}
        self.calls += [(self.now_s, name) for name in told]
        assert len([t for t in self.annunciator.called if t not in before]) >= bool(told)
        self.events += events

    def set(self, value: float, *numbers: int) -> None:
        for number in numbers:
            self.values[f"T{number}"] = value
        self.scan()

    def called(self) -> list[str]:
        return sorted((name for _, name in self.calls), key=lambda name: int(name[1:]))

    def held(self) -> Counter[Held]:
        return Counter(state.held for state in self.alarms.values() if state.due)

    def floods(self) -> list[tuple[str, str]]:
        return [(e.before, e.after) for e in self.events if e.subject == "flood"]


LOW, MEDIUM, HIGH = Priority.LOW, Priority.MEDIUM, Priority.HIGH


def test_seven_of_low_and_medium_priority_call_and_the_next_are_held_back() -> None:
    """Three of the ten places stay free for HIGH."""
    panel = Panel(*[LOW] * 4, *[MEDIUM] * 4)
    panel.set(1.0, *range(6))
    assert panel.called() == ["A0", "A1", "A2", "A3", "A4", "A5"]
    panel.set(1.0, 6)
    assert panel.called()[-1] == "A6"
    panel.set(1.0, 7)
    assert panel.called()[-1] == "A6"
    assert panel.alarms["A7"].held is Held.ENOUGH
    assert panel.alarms["A7"].code is AlarmCode.UNACK
    assert panel.floods() == []


def test_the_eleventh_wish_in_ten_minutes_begins_a_flood() -> None:
    panel = Panel(*[LOW] * 12)
    panel.set(1.0, *range(10))
    assert (panel.floods(), panel.annunciator.flood) == ([], False)
    panel.set(1.0, 10)
    assert (panel.floods(), panel.annunciator.flood) == ([("over", "flood")], True)
    assert panel.held() == {Held.FLOOD: 4}
    flood = next(e for e in panel.events if e.subject == "flood")
    assert (flood.kind, flood.actor, flood.reason) == ("alarm", "alarm", "11 alarms or more in 10.0 min")


def test_in_a_flood_only_high_priority_calls() -> None:
    panel = Panel(*[LOW] * 11, HIGH, MEDIUM, HIGH)
    panel.set(1.0, *range(11))
    panel.set(1.0, 11, 12, 13)
    assert [name for _, name in panel.calls[-2:]].count("A12") == 0
    assert {"A11", "A13"} <= set(panel.called())
    assert panel.alarms["A12"].held is Held.FLOOD


def test_of_simultaneous_causes_the_most_urgent_call_and_then_the_longest_standing() -> None:
    panel = Panel(*[LOW] * 6, *[MEDIUM] * 5, *[HIGH] * 5)
    panel.plans = (replace(panel.plans[0], on_delay_s=3.0), *panel.plans[1:])
    panel.set(1.0, 0)
    panel.scan()
    panel.set(1.0, *range(16))
    assert panel.called() == ["A6", "A7", "A11", "A12", "A13", "A14", "A15"]
    panel = Panel(*[LOW] * 8)
    panel.plans = (*panel.plans[:7], replace(panel.plans[7], on_delay_s=3.0))
    panel.set(1.0, 7)
    panel.scan()
    panel.set(1.0, *range(8))
    assert "A7" in panel.called()
    assert "A6" not in panel.called()


def test_never_more_than_ten_call_in_ten_minutes() -> None:
    panel = Panel(*[HIGH] * 12)
    panel.set(1.0, *range(9))
    panel.set(1.0, 9)
    assert len(panel.calls) == 10
    panel.set(1.0, 10, 11)
    assert len(panel.calls) == 10
    assert panel.held() == {Held.ENOUGH: 2}


def test_a_flood_ends_below_five_wishes_in_ten_minutes_and_the_rest_may_call() -> None:
    panel = Panel(*[LOW] * 12)
    panel.set(1.0, *range(7))  # at 1 s
    for _ in range(4):
        panel.scan(100.0)
    panel.set(1.0, 7, 8, 9, 10)  # at 402 s, four more: a flood
    panel.set(1.0, 11)  # at 403 s, a fifth
    assert panel.annunciator.flood
    panel.scan(197.0)  # at 600 s all are in the window
    assert (len(panel.calls), panel.annunciator.flood) == (7, True)
    panel.scan()  # at 601 s the first seven are not; five are still
    assert (len(panel.calls), panel.annunciator.flood) == (7, True)
    panel.scan(401.0)  # at 1002 s four of these five are gone
    assert panel.floods() == [("over", "flood"), ("flood", "over")]
    assert [e.reason for e in panel.events if e.subject == "flood"][1] == "fewer alarms"
    assert panel.called() == [f"A{i}" for i in range(12)]
    assert panel.held() == {}


def test_a_call_made_after_a_flood_is_no_new_wish() -> None:
    """Whatever was held back does not begin the next flood."""
    panel = Panel(*[LOW] * 40)
    panel.set(1.0, *range(40))
    floods = 0
    for _ in range(40):
        panel.scan(100.0)
        floods += panel.annunciator.flood
    assert floods < 7
    assert len(panel.calls) == 40
    assert panel.floods() == [("over", "flood"), ("flood", "over")]


def test_an_alarm_that_repeats_calls_three_times_in_ten_minutes() -> None:
    panel = Panel(HIGH)
    for _ in range(5):
        panel.set(1.0, 0)
        panel.set(0.0, 0)
    assert [at for at, _ in panel.calls] == [1.0, 3.0, 5.0]
    panel.set(1.0, 0)
    assert panel.held() == {Held.REPEATING: 1}
    panel.scan(589.0)  # at 600 s
    assert len(panel.calls) == 3
    panel.scan()  # at 601 s the first call is ten minutes old
    assert [at for at, _ in panel.calls] == [1.0, 3.0, 5.0, 601.0]
    assert panel.alarms["A0"].held is Held.NOT


def test_one_that_repeats_makes_no_flood_and_takes_no_more_than_its_places() -> None:
    panel = Panel(LOW, LOW)
    for _ in range(600):
        panel.set(1.0, 0)
        panel.set(0.0, 0)
    assert panel.floods() == []
    panel.set(1.0, 1)
    assert panel.called()[-1] == "A1"


@pytest.mark.parametrize("bounce", [0.5, 15.0], ids=["inside the dead band", "across the dead band"])
@pytest.mark.parametrize(("on_s", "off_s"), [(0.0, 0.0), (5.0, 10.0), (0.0, 10.0)])
def test_a_value_that_bounces_around_its_limit_calls_at_most_three_times(
    bounce: float, on_s: float, off_s: float
) -> None:
    """1 Hz for ten minutes, with and without delays and whether or not somebody acknowledges each time (U7)."""
    for answered in (False, True):
        bench = siren(on_delay_s=on_s, off_delay_s=off_s)
        for i in range(600):
            bench.values["PT-101"] = 50.0 + (bounce if i % 2 else -bounce)
            if answered and bench.alarm().code in (AlarmCode.UNACK, AlarmCode.RTNUN):
                bench.put(Ask.ACKNOWLEDGE)
            else:
                bench.scan()
        calls = len(bench.calls())
        assert calls <= 3
        if on_s == 0.0:
            assert calls >= 1
        if off_s:
            assert calls == (on_s == 0.0)


def test_two_hundred_causes_at_once_make_ten_calls_at_most_and_lose_none() -> None:
    """Every one is evaluated and recorded; HIGH goes first, and one is first-out."""
    alarms = (*many(190), *many(10, Priority.HIGH, "H"))
    bench = siren(*(replace(alarm, cause=replace(alarm.cause, limit=10.0)) for alarm in alarms))
    bench.press(20.0)
    assert {a.code for a in bench.state.alarms.values()} == {AlarmCode.UNACK}
    assert len(bench.calls()) == 10
    assert {e.subject for e in bench.calls()} == {f"H{i}" for i in range(10)}
    assert Counter(a.held for a in bench.state.alarms.values()) == {Held.NOT: 10, Held.FLOOD: 190}
    assert len({e.subject for e in bench.alarm_events()} - {"flood"}) == 200
    assert sum(a.first_out for a in bench.state.alarms.values()) == 1
    bench.run(60)
    assert len(bench.calls()) == 10
    assert bench.put(Ask.ACKNOWLEDGE, "all").reason == "acknowledge of 200 alarms"
    bench.press(5.0, 700)
    assert {a.code for a in bench.state.alarms.values()} == {AlarmCode.NORM}
    assert bench.state.annunciator.flood is False
    assert not any(a.first_out for a in bench.state.alarms.values())


def test_acknowledged_while_held_back_it_never_calls() -> None:
    panel = siren(*many(12))
    panel.press(190.0)
    held = next(name for name, a in panel.state.alarms.items() if a.due)
    assert panel.label(held) == "UNACK held back by flood"
    panel.put(Ask.ACKNOWLEDGE, held)
    assert panel.label(held) == "ACKED"
    panel.run(1300)
    assert panel.calls(held) == []


def test_an_alarm_that_latches_while_held_back_still_calls() -> None:
    panel = Panel(*[LOW] * 8)
    panel.plans = tuple(replace(plan, latching=True) for plan in panel.plans)
    panel.set(1.0, *range(8))
    panel.set(0.0, *range(8))
    assert panel.alarms["A7"].code is AlarmCode.LTUNK
    assert panel.held() == {Held.ENOUGH: 1}
    panel.scan(600.0)
    assert panel.held() == {}
    assert panel.annunciator.called == (602.0,)


def test_normal_again_while_held_back_it_need_not_call() -> None:
    panel = Panel(*[LOW] * 8)
    panel.set(1.0, *range(8))
    panel.set(0.0, *range(8))
    assert (panel.held(), panel.alarms["A7"].code) == ({}, AlarmCode.RTNUN)
    assert panel.alarms["A7"].held is Held.NOT


# First-out


def first_out(panel: Panel) -> list[str]:
    return [name for name, state in panel.alarms.items() if state.first_out]


def test_the_first_of_a_burst_is_marked_until_all_of_it_are_over() -> None:
    panel = Panel(LOW, HIGH, HIGH)
    panel.set(1.0, 0)
    panel.set(1.0, 1, 2)
    assert first_out(panel) == ["A0"]
    for name in ("A0", "A1"):
        panel.alarms[name] = replace(panel.alarms[name], code=AlarmCode.ACKED)
    panel.set(0.0, 0, 1)
    assert panel.alarms["A0"].code is AlarmCode.NORM
    assert first_out(panel) == ["A0"]
    panel.set(0.0, 2)
    assert first_out(panel) == ["A0"]
    panel.alarms["A2"] = replace(panel.alarms["A2"], code=AlarmCode.NORM)
    panel.scan()
    assert first_out(panel) == []
    assert {state.burst for state in panel.alarms.values()} == {0}
    assert [e.reason.endswith("; first out") for e in panel.events if e.after == "UNACK"] == [
        True,
        False,
        False,
    ]


def test_of_those_that_come_in_one_scan_the_longest_standing_was_first() -> None:
    """Whatever their priorities."""
    panel = Panel(HIGH, LOW)
    panel.plans = (panel.plans[0], replace(panel.plans[1], on_delay_s=2.0))
    panel.set(1.0, 1)
    panel.set(1.0, 0)
    assert first_out(panel) == ["A1"]


def test_after_a_burst_is_over_the_next_has_a_first_out_of_its_own() -> None:
    panel = Panel(LOW, LOW)
    panel.set(1.0, 0)
    panel.alarms["A0"] = replace(panel.alarms["A0"], code=AlarmCode.ACKED)
    panel.set(0.0, 0)
    panel.set(1.0, 1)
    assert first_out(panel) == ["A1"]


def test_an_old_alarm_that_stands_does_not_hide_the_first_of_a_new_burst() -> None:
    """Five minutes without a new one end a burst; both firsts stay marked."""
    panel = Panel(LOW, LOW, LOW, LOW)
    panel.set(1.0, 0)
    panel.scan(299.0)
    panel.set(1.0, 1)
    assert first_out(panel) == ["A0"]
    panel.scan(300.0)
    panel.set(1.0, 2)
    assert first_out(panel) == ["A0", "A2"]
    panel.set(1.0, 3)
    assert first_out(panel) == ["A0", "A2"]
    assert [panel.alarms[f"A{i}"].burst for i in range(4)] == [1, 1, 2, 2]


def test_one_that_comes_again_stays_in_its_burst() -> None:
    panel = Panel(LOW, LOW)
    panel.set(1.0, 0, 1)
    panel.set(0.0, 0)
    panel.scan(400.0)
    panel.set(1.0, 0)
    assert first_out(panel) == ["A0"]
    assert panel.alarms["A0"].burst == 1


@pytest.mark.parametrize("words", ["shelve", "retire", "suppress"])
def test_a_hidden_alarm_keeps_no_burst_alive(words: str) -> None:
    bench = siren()
    bench.say("high")
    assert bench.alarm().first_out
    bench.say(f"{words}, scan")
    assert (bench.alarm().first_out, bench.alarm().burst) == (False, 0)


def test_what_comes_out_of_hiding_is_a_wish_to_call() -> None:
    bench = siren(*many(12))
    bench.press(190.0, 2)
    bench.put(Ask.RETIRE, "A0")
    bench.put(Ask.RETURN, "A0")
    assert bench.label("A0") == "UNACK"
    bench.scan()
    assert bench.label("A0") == "UNACK held back by flood"


# Restart


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(siren().words)), max_size=25), st.booleans())
def test_a_restart_in_the_middle_of_anything_changes_nothing(words: list[str], latching: bool) -> None:
    """The state through its plain form before every scan: the same states, events and replies."""
    plain = siren(latching=latching, re_alarm_s=30.0)
    again = siren(latching=latching, re_alarm_s=30.0, restart=True)
    for word in words:
        plain.say(word)
        again.say(word)
        assert again.state.alarms == plain.state.alarms
    assert again.state.annunciator == plain.state.annunciator
    assert again.events == plain.events


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 24), st.booleans(), st.sampled_from([1.0, 7.0, 90.0])), max_size=150)
)
def test_no_ten_minutes_have_more_than_ten_calls_and_no_alarm_more_than_three(
    steps: list[tuple[int, bool, float]],
) -> None:
    """Whatever happens (U7)."""
    panel = Panel(*[HIGH, MEDIUM, LOW, LOW, LOW] * 5)
    for number, beyond, dt_s in steps:
        panel.values[f"T{number}"] = float(beyond)
        panel.scan(dt_s)
    for at, _ in panel.calls:
        recent = [name for then, name in panel.calls if at - 600.0 < then <= at]
        assert len(recent) <= 10
        assert max(Counter(recent).values()) <= 3
