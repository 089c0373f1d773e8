"""A feed gives what its profile says, counts what really passed, and never makes up by itself what something held back."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.restart import Begun, Outage, begin
from edgectl.model.codec import from_plain, seal, to_plain
from edgectl.model.feed import FeedState, Stage
from edgectl.model.feed_plan import BolusPlan, FeedPlan, Profile, RatePlan
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask
from edgectl.model.safety import (
    Action,
    Cause,
    DosePlan,
    HazardPlan,
    InterlockPlan,
    LadderPlan,
    Relation,
    Watch,
)
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import State
from tests.core import rig
from tests.core.rig import NS, Bench

FEED = FeedPlan("F-1", "P-102", "mL", 60.0, Profile.CONSTANT, most=10.0, flow=6.0, tell=2.0, make_up_most=0.0)
GROWTH_PER_H = 0.6
EXPONENTIAL = replace(
    FEED, profile=Profile.EXPONENTIAL, flow=1.0, growth=RatePlan(GROWTH_PER_H / 3600.0), most=2.0
)
TABLE = replace(FEED, profile=Profile.TABLE, table=((0.0, 1.0), (600.0, 4.0), (1200.0, 0.0)))


def plan(feed: FeedPlan = FEED, **changes: object) -> Plan:
    """The demo unit with one feed; its pump rounds by as much as 1.5 mL/min before it counts as not following."""
    pump = next(a for a in rig.ACTUATORS if a.name == "P-102")
    others = tuple(a for a in rig.ACTUATORS if a.name != "P-102")
    return rig.demo(feeds=(feed,), actuators=(*others, replace(pump, tolerance=1.5)), **changes)


def started(feed: FeedPlan = FEED, **changes: object) -> Bench:
    bench = Bench(plan(feed, **changes))
    bench.run(3)
    assert bench.ask(Ask.FEED, "F-1", "start").accepted
    return bench


def fed(bench: Bench) -> FeedState:
    return bench.state.feeds["F-1"]


def test_nothing_flows_before_the_start() -> None:
    bench = Bench(plan())
    bench.run(10)
    assert bench.output("P-102") == 0.0
    assert bench.command("P-102").source == "F-1 idle"


def test_a_constant_feed_flows_from_its_start_and_counts_what_the_pump_confirms() -> None:
    bench = started()
    bench.stuck["P-102"] = 5.7  # the pump rounds
    bench.run(600)
    assert bench.output("P-102") == 6.0
    assert fed(bench).clock_s == 600.0
    assert fed(bench).planned == pytest.approx(60.0)
    assert fed(bench).delivered == pytest.approx(57.0, abs=0.2)
    assert fed(bench).passed.amount == pytest.approx(57.0, abs=0.2)


def test_a_pump_that_does_not_follow_may_have_given_all_but_confirmed_less() -> None:
    bench = Bench(plan())
    bench.run(3)
    bench.stuck["P-102"] = None  # no write is confirmed
    assert bench.ask(Ask.FEED, "F-1", "start").accepted
    bench.run(60)
    assert fed(bench).delivered == 0.0
    assert fed(bench).passed.amount == pytest.approx(6.0)


def test_an_exponential_feed_grows_with_its_rate_up_to_its_most() -> None:
    bench = started(EXPONENTIAL)
    bench.run(600)
    grown = GROWTH_PER_H / 6
    assert bench.output("P-102") == pytest.approx(math.exp(grown), rel=1e-9)
    assert fed(bench).passed.amount == pytest.approx(60 * math.expm1(grown) / GROWTH_PER_H, rel=1e-3)
    assert bench.ask(Ask.FEED, "F-1", "clock 20").accepted
    assert bench.output("P-102") == 2.0


def test_an_exponential_feed_follows_the_growth_rate_only_while_it_is_good() -> None:
    by_tag = replace(EXPONENTIAL, growth=RatePlan(0.0, "AT-103", 1.0 / 3600.0, most=0.1 / 3600.0))
    bench = started(by_tag)
    bench.values["AT-103"] = 0.05
    bench.run(180)
    assert fed(bench).exponent == pytest.approx(0.05 / 20, rel=1e-2)
    bench.status["AT-103"] = DeviceStatus.FAILURE
    bench.run(180)
    assert fed(bench).exponent == pytest.approx(0.05 / 20, rel=1e-2)
    bench.status["AT-103"] = DeviceStatus.GOOD
    bench.values["AT-103"] = 50.0  # nothing grows so fast
    before = fed(bench).exponent
    bench.run(180)
    assert fed(bench).exponent - before == pytest.approx(0.1 / 20, rel=1e-2)


@pytest.mark.parametrize(
    ("linear", "hours", "flow"),
    [(False, 0.1, 1.0), (False, 0.2, 4.0), (False, 0.5, 0.0), (True, 1 / 12, 2.5), (True, 0.25, 2.0), (True, 9, 0.0)],
)  # fmt: skip
def test_a_table_goes_in_steps_or_in_lines(linear: bool, hours: float, flow: float) -> None:
    bench = started(replace(TABLE, linear=linear))
    assert bench.ask(Ask.FEED, "F-1", f"clock {hours}").accepted
    assert bench.output("P-102") == pytest.approx(flow)


def test_a_feed_begins_later_than_its_batch_time() -> None:
    bench = started(replace(EXPONENTIAL, begin_s=100.0))
    bench.run(99)
    assert bench.output("P-102") == 0.0
    bench.run(1)
    assert bench.output("P-102") == pytest.approx(1.0)


def test_boluses_come_at_their_times_and_now_on_top_of_the_profile() -> None:
    boluses = (BolusPlan(0.0, 3.0, 3.0), BolusPlan(300.0, 2.0, 4.0))
    bench = started(replace(FEED, flow=1.0, boluses=boluses))
    assert bench.output("P-102") == 4.0
    bench.run(60)
    assert bench.output("P-102") == pytest.approx(1.0)
    bench.run(240)
    assert bench.output("P-102") == pytest.approx(5.0)
    bench.run(60)
    assert fed(bench).passed.amount == pytest.approx(5.0 + 6.0, abs=0.02)
    assert bench.ask(Ask.FEED, "F-1", "bolus 1.5").accepted
    bench.run(60)
    assert fed(bench).passed.amount == pytest.approx(6.5 + 7.0, abs=0.04)


def test_setting_the_clock_gives_no_bolus_that_is_skipped_and_none_again() -> None:
    bench = started(replace(FEED, profile=Profile.NONE, boluses=(BolusPlan(600.0, 5.0, 5.0),)))
    assert bench.ask(Ask.FEED, "F-1", "clock 1").accepted
    bench.run(120)
    assert fed(bench).passed.amount == 0.0
    assert bench.ask(Ask.FEED, "F-1", "clock 0").accepted
    bench.run(700)
    assert fed(bench).passed.amount == 0.0


def test_the_total_ends_a_feed_and_is_never_passed() -> None:
    bench = started(replace(FEED, total=20.0))
    bench.run(400)
    assert fed(bench).stage is Stage.DONE
    assert bench.output("P-102") == 0.0
    assert 0.998 * 20.0 < fed(bench).passed.amount <= 20.0
    assert ("running", "done") in bench.told("feed", "F-1")


def test_a_feed_ends_with_its_time() -> None:
    bench = started(replace(FEED, stop_s=60.0))
    bench.run(61)
    assert fed(bench).stage is Stage.DONE
    assert bench.output("P-102") == 0.0
    assert bench.events[-1].reason.startswith("it has run for 60.0 s: ")


def test_a_pause_stops_the_clock_and_a_resume_goes_on_where_it_was() -> None:
    bench = started(EXPONENTIAL)
    bench.run(100)
    at = fed(bench).clock_s
    assert bench.ask(Ask.FEED, "F-1", "pause").accepted
    assert bench.output("P-102") == 0.0
    bench.run(500)
    assert fed(bench).clock_s <= at + 1.0
    assert bench.ask(Ask.FEED, "F-1", "resume").accepted
    assert bench.output("P-102") == pytest.approx(math.exp(GROWTH_PER_H * fed(bench).clock_s / 3600.0))
    assert not fed(bench).astray


@pytest.mark.parametrize(
    ("before", "asked", "says"),
    [
        ((), "pause", "F-1 is idle: pause is for one that is running"),
        ((), "resume", "resume is for one that is paused"),
        ((), "bolus 1", "bolus is for one that is running"),
        (("start",), "start", "start is for one that is idle or done"),
        (("start",), "clock", "feed must be start, pause, resume, stop, clock HOURS or bolus AMOUNT"),
        (("start",), "clock -1", "clock must be a number above 0"),
        (("start",), "clock nan", "clock must be a number above 0"),
        (("start",), "bolus 0", "bolus must be a number above 0"),
        (("start",), "bolus 21", "21 mL is more than the"),
        (("start",), "flood", "feed must be"),
    ],
)
def test_what_makes_no_sense_is_refused_and_moves_nothing(
    before: tuple[str, ...], asked: str, says: str
) -> None:
    bench = Bench(plan(replace(FEED, total=20.0)))
    bench.run(3)
    for word in before:
        assert bench.ask(Ask.FEED, "F-1", word).accepted
    stage = fed(bench).stage
    reply = bench.ask(Ask.FEED, "F-1", asked)
    assert not reply.accepted
    assert says in reply.reason
    assert fed(bench).stage is stage


def test_a_feed_that_does_not_exist_is_refused_with_those_that_do() -> None:
    bench = Bench(plan())
    bench.run(3)
    assert "known: F-1" in bench.ask(Ask.FEED, "F-2", "start").reason


def test_no_feed_starts_while_the_unit_is_held_or_its_pump_is_in_hand() -> None:
    bench = Bench(plan())
    bench.run(3)
    assert bench.ask(Ask.HOLD, "BR-DEMO", "hold").accepted
    assert "the unit is held" in bench.ask(Ask.FEED, "F-1", "start").reason
    assert bench.ask(Ask.RESUME, "BR-DEMO", "resume").accepted
    assert bench.ask(Ask.MODE, "P-102", "MAN").accepted
    assert "P-102 is in MAN" in bench.ask(Ask.FEED, "F-1", "start").reason


GUARD = InterlockPlan("XS-1", "WT-101", Relation.ABOVE, 2.5, ("P-102",), hysteresis=0.1)
HAZARD = HazardPlan("weight-lost", Cause(Watch.TAG, "WT-101", limit=2.5), Action.SAFE, ("P-102",))


def held_by_interlock(bench: Bench, *, on: bool) -> None:
    bench.values["WT-101"] = 3.0 if on else 2.0


def held_by_person(bench: Bench, *, on: bool) -> None:
    assert bench.ask(Ask.HOLD if on else Ask.RESUME, "BR-DEMO", "x").accepted


def by_hand(bench: Bench, *, on: bool) -> None:
    assert bench.ask(Ask.MODE, "P-102", "MAN" if on else "AUTO").accepted
    if on:
        assert bench.ask(Ask.OUTPUT, "P-102", 0.0).accepted


@pytest.mark.parametrize(
    ("act", "changes", "by"),
    [
        (held_by_interlock, {"interlocks": (GUARD,)}, "XS-1"),
        (held_by_interlock, {"hazards": (HAZARD,)}, "safe weight-lost"),
        (held_by_person, {}, "held"),
        (by_hand, {}, "by hand"),
    ],
)
def test_whatever_holds_the_pump_stops_the_feed_and_its_release_is_no_burst(
    act: object, changes: dict[str, object], by: str
) -> None:
    bench = started(replace(EXPONENTIAL, make_up=1.0, make_up_most=50.0), **changes)
    bench.run(100)
    flow = bench.output("P-102")
    act(bench, on=True)  # type: ignore[operator]
    bench.run(2)
    assert bench.output("P-102") == 0.0
    assert by in fed(bench).blocked
    bench.run(300)
    stood = fed(bench).clock_s
    act(bench, on=False)  # type: ignore[operator]
    bench.run(5)
    assert bench.output("P-102") == pytest.approx(flow, rel=0.05)  # what was in flight may be made up
    assert fed(bench).clock_s == pytest.approx(stood + 5.0, abs=2.0)
    assert bench.told("feed", "F-1")[-2:] == [("flowing", "waiting"), ("waiting", "flowing")]


def test_the_fallback_set_of_a_lost_uplink_stops_a_feed() -> None:
    ladder = LadderPlan(alarm_s=10.0, local_hold_s=60.0, stop=("P-102",))
    uplink = replace(rig.demo().uplink, host="broker")
    bench = started(uplink=uplink, ladder=ladder)
    assert bench.output("P-102") == 6.0
    bench.run(120)
    assert bench.output("P-102") == 0.0
    assert fed(bench).blocked == "uplink lost"


def test_what_the_pump_does_not_give_is_told_and_made_up_only_where_that_is_wanted() -> None:
    told = started()
    told.stuck["P-102"] = 5.0
    told.run(300)
    assert ("as planned", "behind") in told.told("feed", "F-1")
    assert told.output("P-102") == 6.0
    more = started(replace(FEED, make_up=2.0, make_up_most=1.0))
    more.stuck["P-102"] = 5.0
    more.run(120)
    assert 6.0 < more.output("P-102") <= 8.0
    more.run(900)
    assert more.output("P-102") == pytest.approx(6.0)  # so much was made up, and no more
    assert fed(more).made_up == pytest.approx(1.0, abs=0.01)


def test_dosing_limits_bind_a_feed_as_everything_else() -> None:
    bench = started(doses=(DosePlan("P-102", 60.0, per_batch=10.0, unit="mL"),))
    bench.run(300)
    assert bench.output("P-102") == 0.0
    assert bench.state.doses["P-102"].batch <= 10.0
    assert fed(bench).stage is Stage.RUNNING
    assert fed(bench).blocked == "dose limit per batch"


def restarted(bench: Bench, outage_s: float, *, clean: bool = False) -> Begun:
    """The state after control was away for so long."""
    sealed = seal(bench.plan)
    state = from_plain(State, to_plain(bench.state))
    taken = Stamp("boot", 100 * NS, rig.UTC_NS)
    snapshot = Snapshot("BR-DEMO", sealed.digest, "v", bench.now, taken, state, {}, clean)
    return begin(sealed, snapshot, "", Outage(outage_s, "clock"), Instant(7 * NS, rig.UTC_NS))


def test_a_short_outage_loses_nothing_of_a_feed_and_doubles_nothing() -> None:
    bench = started(replace(FEED, boluses=(BolusPlan(0.0, 5.0, 3.0),)))
    bench.run(60)
    before = fed(bench)
    after = restarted(bench, 30.0).state.feeds["F-1"]
    assert after.stage is Stage.RUNNING
    assert after.clock_s == before.clock_s
    assert after.given == 1
    assert after.passed.amount == pytest.approx(before.passed.amount + 9.0 * 30.0 / 60.0)
    assert after.bolus == pytest.approx(
        before.bolus - 1.5
    )  # the pump may have gone on: that much is not given again
    clean = restarted(bench, 30.0, clean=True).state.feeds["F-1"]
    assert (clean.passed.amount, clean.bolus) == (before.passed.amount, before.bolus)


def test_a_long_outage_leaves_a_feed_paused_where_it_was() -> None:
    bench = started()
    bench.run(60)
    begun = restarted(bench, 3600.0, clean=True)
    after = begun.state.feeds["F-1"]
    assert begun.state.unit.held
    assert (after.stage, after.clock_s) == (Stage.PAUSED, fed(bench).clock_s)
    assert [(e.before, e.after) for e in begun.events if e.kind == "feed"] == [("running", "paused")]


WORDS = ["start", "pause", "resume", "stop", "clock 0.01", "bolus 2", "bolus 7"]
LIMITED = FeedPlan(
    "F-1",
    "P-102",
    "mL",
    60.0,
    Profile.EXPONENTIAL,
    most=8.0,
    flow=3.0,
    growth=RatePlan(0.001, "AT-103", 1.0, most=0.01),
    boluses=(BolusPlan(30.0, 3.0, 50.0),),
    total=30.0,
    make_up=1.0,
    make_up_most=5.0,
    tell=1.0,
)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "", "", *WORDS]),
            st.sampled_from([2.0, 3.0, None, math.nan]),
            st.sampled_from([0.0, 0.001, -5.0, 1e300, math.inf, None]),
            st.sampled_from(["follow", 0.0, 10.0, None]),
            st.integers(1, 40),
        ),
        min_size=3,
        max_size=20,
    )
)
def test_whatever_happens_a_feed_stays_in_its_limits(steps: list[tuple[object, ...]]) -> None:
    """Flow within 0 and ``most``, what passed within the total where the pump obeys, an interlock always wins, time only forward."""
    bench = Bench(plan(LIMITED, interlocks=(GUARD,)))
    bench.run(3)
    obeyed = True
    for word, weight, rate, pump, scans in steps:
        bench.values["WT-101"], bench.values["AT-103"] = weight, rate  # type: ignore[assignment]
        bench.stuck.clear()
        if pump != "follow":
            bench.stuck["P-102"] = pump  # type: ignore[assignment]
            obeyed = False
        if word == "start":
            obeyed = pump == "follow" and bench.achieved["P-102"].value == 0.0
        if word:
            bench.ask(Ask.FEED, "F-1", word)  # type: ignore[arg-type]
        for _ in range(scans):  # type: ignore[call-overload]
            before = fed(bench)
            bench.scan()
            flow = bench.output("P-102")
            assert 0.0 <= flow <= 8.0
            assert 0.0 <= fed(bench).flow <= 8.0
            assert fed(bench).made_up <= 5.0 + 1.0 / 60.0
            assert fed(bench).clock_s >= before.clock_s
            assert fed(bench).bolus >= 0.0
            if bench.state.interlocks["XS-1"].active:
                assert flow == 0.0
            if obeyed:
                assert fed(bench).passed.amount <= 30.0 + 1e-9


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from(["pause", "hold", "restart", "lock"])), max_size=8)
)
def test_pauses_holds_and_restarts_lose_and_double_nothing(steps: list[tuple[int, str]]) -> None:
    """After as much time of its own, a feed that was interrupted has given what one that was not has given."""
    whole = replace(FEED, flow=2.0, boluses=(BolusPlan(20.0, 2.0, 4.0), BolusPlan(90.0, 1.0, 4.0)))
    bench = started(whole, interlocks=(GUARD,))
    for scans, what in steps:
        bench.run(scans)
        if what == "pause":
            bench.ask(Ask.FEED, "F-1", "pause")
            bench.run(20)
            bench.ask(Ask.FEED, "F-1", "resume")
        elif what == "restart":
            bench.run(1)
            bench.state = restarted(bench, 10.0, clean=True).state
            bench.achieved.clear()
            bench.samples.clear()
        else:
            act = held_by_person if what == "hold" else held_by_interlock
            act(bench, on=True)
            bench.run(20)
            act(bench, on=False)
    bench.run(5)
    straight = started(whole, interlocks=(GUARD,))
    straight.run(int(fed(bench).clock_s))
    assert fed(straight).clock_s == fed(bench).clock_s
    assert fed(bench).planned == pytest.approx(fed(straight).planned, abs=1e-9)
    assert fed(bench).passed.amount == pytest.approx(fed(straight).passed.amount, abs=0.11 * (len(steps) + 1))
