"""Dosing limits: never under-counted, never passed, and released by nobody but a person (A08)."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.dose import (
    PER_BATCH,
    PER_HOUR,
    begun,
    ceiling,
    in_hour,
    in_room,
    meter,
    released,
)
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.instant import Instant
from edgectl.model.loop import Mode
from edgectl.model.measurement import Achieved
from edgectl.model.plan import ActuatorPlan
from edgectl.model.request import Ask
from edgectl.model.safety import AuthorityPlan, DosePlan, InterlockPlan, Relation
from edgectl.model.state import DoseState, State
from tests.core.rig import NS, Bench, demo, request

PLAN = DosePlan("P", 60.0, per_hour=20.0, per_batch=50.0, unit="mL")
PUMP = ActuatorPlan("P", "o.p", "mL/min", 0.0, 10.0, safe=0.0, tolerance=0.25, resolution=0.125)
T0 = 1000 * NS


def confirmed(value: float | None, at_s: float, commanded: float | None = None) -> Achieved:
    sent = commanded if commanded is not None else value or 0.0
    return Achieved("P", sent, value, "", Instant(T0 + round(at_s * NS), 0))


def after(
    state: DoseState, commanded: float, achieved: Achieved | None, now_s: float = 2.0, dt_s: float = 2.0
) -> DoseState:
    return meter(PLAN, state, PUMP, commanded, achieved, T0 + round(now_s * NS), dt_s)


SIX = DoseState(rate=6.0, confirmed_ns=T0 - NS)  # confirmed at 6 mL/min a second before


@pytest.mark.parametrize(
    ("state", "commanded", "achieved", "amount", "rate"),
    [
        # What was confirmed stands until the next confirmation.
        (SIX, 6.0, confirmed(6.0, -1.0), 0.2, 6.0),
        (SIX, 6.0, confirmed(6.0, 0.5), 0.2, 6.0),
        # A new value counts from its confirmation; before it, the larger of both.
        (SIX, 3.0, confirmed(3.0, 0.5), 0.125, 3.0),
        (SIX, 9.0, confirmed(9.0, 0.5), 0.3, 9.0),
        # Not confirmed: it may have been done, or not.
        (SIX, 9.0, confirmed(6.0, -1.0), 0.3, 9.0),
        (SIX, 0.0, confirmed(6.0, -1.0), 0.2, 6.0),
        (SIX, 0.0, None, 0.2, 6.0),
        (SIX, 9.0, None, 0.3, 9.0),
        (SIX, 0.0, confirmed(None, 1.0), 0.2, 6.0),
        (SIX, 9.0, confirmed(math.nan, 1.0), 0.3, 9.0),
        # A newer command under way beside a confirmation of the older one.
        (SIX, 8.0, confirmed(3.0, 1.0), 7.0 / 30.0 + 0.0333333333333333, 8.0),
        # What is within the resolution of what was sent is not sent.
        (SIX, 6.05, confirmed(6.0, -1.0), 0.2, 6.0),
        (SIX, 6.125, confirmed(6.0, -1.0), 0.2, 6.0),
        (SIX, 6.2, confirmed(6.0, -1.0), 6.2 / 30.0, 6.2),
        # Read-back within the tolerance is the truth; beyond it nobody knows, and the larger counts.
        (SIX, 6.0, confirmed(5.75, 0.0, 6.0), 5.75 / 30.0, 5.75),
        (SIX, 6.0, confirmed(5.7, 0.0, 6.0), 0.2, 6.0),
        (SIX, 6.0, confirmed(6.5, 0.0, 6.0), 6.5 / 30.0, 6.5),
        (SIX, 0.0, confirmed(0.5, 0.0, 6.0), 0.2, 6.0),
        # No pump delivers less than nothing, and no time lies outside the scan.
        (SIX, 0.0, confirmed(-0.1, 0.0, 0.0), 0.0, 0.0),
        (SIX, 3.0, confirmed(3.0, 9.0), 0.2, 3.0),
        (SIX, 3.0, confirmed(3.0, -9.0), 0.1, 3.0),
    ],
)  # fmt: skip
def test_what_counts(
    state: DoseState, commanded: float, achieved: Achieved | None, amount: float, rate: float
) -> None:
    found = after(state, commanded, achieved)
    assert found.batch == pytest.approx(amount)
    assert in_hour(found) == pytest.approx(amount)
    assert found.rate == pytest.approx(rate)


def test_no_write_that_may_have_been_done_is_forgotten() -> None:
    """Asked for 9 and then for 0 without an answer: the pump may stand at 9 until it says otherwise."""
    state = after(SIX, 9.0, confirmed(None, 1.0))
    state = after(state, 0.0, confirmed(None, 3.0), 4.0)
    assert state.rate == 9.0
    state = after(state, 5.0, confirmed(6.0, -1.0), 6.0)
    assert state.rate == 9.0
    state = after(state, 0.0, confirmed(0.0, 7.0), 8.0)
    assert state.rate == 0.0
    assert state.batch == pytest.approx((9 * 2 + 9 * 2 + 9 * 2 + 9 * 1) / 60)


def steady(rate: float, minutes: int, state: DoseState | None = None, start_s: float = 0.0) -> DoseState:
    """A ledger after so many minutes at a rate, scanned every 2 s."""
    state = state or DoseState(rate=rate, confirmed_ns=T0)
    for second in range(2, 60 * minutes + 1, 2):
        at_s = start_s + second
        state = after(state, rate, confirmed(rate, at_s), at_s)
    return state


def test_an_hour_later_it_is_no_longer_this_hour() -> None:
    state = steady(1.0, 10)
    assert in_hour(state) == pytest.approx(10.0)
    state = steady(0.0, 50, state, 600.0)
    assert in_hour(state) == pytest.approx(10.0, abs=0.04), "all of it within the last hour"
    state = steady(0.0, 5, state, 3600.0)
    assert 5.0 <= in_hour(state) <= 6.04, "one minute may count too long, none too short"
    state = steady(0.0, 10, state, 3900.0)
    assert (in_hour(state), state.minutes) == (0.0, ())
    assert state.batch == pytest.approx(10.0, abs=0.04)


def test_a_ledger_at_rest_keeps_its_state_object() -> None:
    state = after(DoseState(), 0.0, confirmed(0.0, 0.0))
    assert after(state, 0.0, confirmed(0.0, 0.0), 4.0) is state


def test_the_memory_is_bounded() -> None:
    state = DoseState(rate=0.1, confirmed_ns=T0)
    for minute in range(200):
        state = after(state, 0.1, confirmed(0.1, 60.0 * minute), 60.0 * minute, 60.0)
    assert len(state.minutes) == 60
    assert in_hour(state) == pytest.approx(6.0, abs=0.11)


def test_a_late_scan_loses_nothing_of_its_time() -> None:
    state = after(SIX, 6.0, confirmed(6.0, -1.0), 150.0, 150.0)
    assert (state.batch, state.minute_s) == (15.0, 30.0)
    assert state.minutes == (15.0, 0.0)


@pytest.mark.parametrize(
    ("batch", "granted", "minutes", "reached"),
    [
        (49.9, 0.0, (), ""),
        (49.95, 0.0, (), PER_BATCH),
        (99.9, 50.0, (), ""),
        (99.95, 50.0, (), PER_BATCH),
        (10.0, 0.0, (19.9,), ""),
        (10.0, 0.0, (9.98, 10.0), PER_HOUR),
        (49.95, 0.0, (20.0,), PER_BATCH),
    ],
)
def test_when_a_limit_is_reached(
    batch: float, granted: float, minutes: tuple[float, ...], reached: str
) -> None:
    state = DoseState(batch=batch, granted=granted, minutes=minutes)
    assert after(state, 0.0, None).reached == reached


@pytest.mark.parametrize(
    ("plan", "reached"),
    [(replace(PLAN, per_hour=0.0), ""), (replace(PLAN, per_batch=0.0), PER_HOUR)],
)
def test_a_limit_that_is_not_set_is_none(plan: DosePlan, reached: str) -> None:
    state = DoseState(batch=49.0, minutes=(49.0,))
    assert meter(plan, state, PUMP, 0.0, None, T0, 2.0).reached == reached


def test_what_is_reached_stays_reached() -> None:
    state = DoseState(reached=PER_HOUR, minutes=(20.0,))
    for minute in range(120):
        state = after(state, 0.0, None, 60.0 * minute, 60.0)
    assert (in_hour(state), state.reached) == (0.0, PER_HOUR)


@pytest.mark.parametrize(
    ("state", "most", "name"),
    [
        (DoseState(), 300.0, PER_HOUR),
        (DoseState(batch=19.0, minutes=(19.0,)), 15.0, PER_HOUR),
        (DoseState(batch=49.0, minutes=(2.0,)), 15.0, PER_BATCH),
        (DoseState(batch=99.0, granted=50.0), 15.0, PER_BATCH),
        (DoseState(batch=51.0), 0.0, PER_BATCH),
        (DoseState(reached=PER_HOUR), 0.0, PER_HOUR),
    ],
)
def test_no_command_can_pass_the_limit_before_the_next_is_in_force(
    state: DoseState, most: float, name: str
) -> None:
    """Two periods of 2 s at the most that may go are what is left."""
    value, why = ceiling(PLAN, state, 2.0)
    assert value == pytest.approx(most)
    assert why == name


def test_one_limit_alone_is_the_ceiling() -> None:
    assert ceiling(replace(PLAN, per_hour=0.0), DoseState(), 2.0) == (750.0, PER_BATCH)
    assert ceiling(replace(PLAN, per_batch=0.0), DoseState(batch=99.0), 2.0) == (300.0, PER_HOUR)


@pytest.mark.parametrize(("minutes", "room"), [((18.0,), True), ((18.1,), False)])
def test_a_reset_needs_room_in_the_hour(minutes: tuple[float, ...], room: bool) -> None:
    assert in_room(PLAN, DoseState(reached=PER_HOUR, minutes=minutes)) is room
    assert in_room(replace(PLAN, per_hour=0.0), DoseState(minutes=minutes))


def test_a_reset_grants_a_full_batch_again_and_an_hour_nothing() -> None:
    assert released(PLAN, DoseState(batch=50.0, reached=PER_BATCH)) == DoseState(batch=50.0, granted=50.0)
    assert released(PLAN, DoseState(batch=49.0, reached=PER_HOUR)) == DoseState(batch=49.0)
    assert released(replace(PLAN, per_batch=0.0), DoseState(batch=99.0, reached=PER_HOUR)).granted == 0.0


def test_a_new_batch_forgets_the_old_total_and_not_the_hour() -> None:
    state = DoseState(batch=50.0, granted=10.0, minutes=(20.0,), rate=1.0)
    assert begun(replace(state, reached=PER_BATCH)) == DoseState(minutes=(20.0,), rate=1.0)
    assert begun(replace(state, reached=PER_HOUR)).reached == PER_HOUR


FEED = DosePlan("P-102", 60.0, per_hour=5.0, per_batch=12.0, unit="mL")
BASE = DosePlan("P-101", 60.0, per_hour=1.0, unit="mL")


def unit(*doses: DosePlan) -> Bench:
    bench = Bench(demo(doses=doses or (FEED,), authority=AuthorityPlan(manual_s=0.0)))
    bench.run(3)
    bench.events.clear()
    return bench


def delivered(bench: Bench, seconds: int) -> float:
    """What the pump really gave: each command stands from the scan that confirms it."""
    amount = 0.0
    for _ in range(seconds):
        bench.scan()
        amount += bench.output("P-102") / 60.0
    return amount


def test_additions_stop_at_the_limit_and_stay_stopped() -> None:
    bench = unit()
    bench.ask(Ask.OUTPUT, "P-102", 6.0)
    first = bench.output("P-102") / 60.0
    assert 4.9 <= first + delivered(bench, 120) <= 5.0
    assert bench.output("P-102") == 0.0
    assert bench.command("P-102").restricted_by == (PER_HOUR,)
    assert delivered(bench, 7200) == 0.0
    ((before, after_),) = bench.told("dose", "P-102")
    assert (before, after_) == ("within limits", PER_HOUR)
    assert bench.told("restriction", "P-102") == [("", PER_HOUR)]
    assert bench.state.actuators["P-102"].manual == 0.0, "its release moves nothing"


def test_a_limit_is_released_by_a_person_once_the_hour_leaves_room() -> None:
    bench = unit()
    bench.ask(Ask.OUTPUT, "P-102", 6.0)
    bench.run(120)
    refused = bench.ask(Ask.RESET, "P-102", "all")
    assert "may be reset once the hour leaves room" in refused.reason
    asked = bench.ask(Ask.OUTPUT, "P-102", 1.0)
    assert asked.reason.startswith("P-102 is blocked by dose limit per hour: ")
    assert bench.ask(Ask.OUTPUT, "P-102", 0.0).accepted
    bench.run(3660)
    assert bench.ask(Ask.RESET, "P-102", "all").accepted
    assert bench.told("dose", "P-102")[-1] == (
        f"{PER_HOUR} (0 mL in the last hour, {bench.state.doses['P-102'].batch:.6g} mL in this batch)",
        "within limits",
    )
    assert delivered(bench, 60) == 0.0
    assert bench.ask(Ask.RESET, "P-102", "all").reason == (
        "P-102 is within its dosing limits: there is nothing to reset"
    )
    bench.ask(Ask.OUTPUT, "P-102", 1.0)
    assert delivered(bench, 60) == pytest.approx(1.0)


def test_a_batch_has_its_limit_until_a_new_one_begins() -> None:
    bench = unit(replace(FEED, per_hour=0.0))
    assert bench.ask(Ask.BATCH, "BR-DEMO", "B-1").accepted
    bench.ask(Ask.OUTPUT, "P-102", 6.0)
    bench.run(180)
    assert bench.command("P-102").restricted_by == (PER_BATCH,)
    total = bench.state.doses["P-102"].batch
    assert 11.98 <= total <= 12.0
    assert bench.ask(Ask.BATCH, "BR-DEMO", "B-2").accepted
    assert bench.told("batch", "BR-DEMO") == [
        ("no batch (P-102 0 mL)", "B-1"),
        (f"B-1 (P-102 {total:.6g} mL)", "B-2"),
    ]
    assert (bench.state.unit.batch, bench.state.doses["P-102"].batch) == ("B-2", 0.0)
    bench.ask(Ask.OUTPUT, "P-102", 6.0)
    assert delivered(bench, 60) > 5.0


def test_a_reset_with_a_reason_lets_a_batch_have_as_much_again() -> None:
    bench = unit(replace(FEED, per_hour=0.0))
    bench.ask(Ask.OUTPUT, "P-102", 6.0)
    bench.run(180)
    silent = bench.scan(request(Ask.RESET, "P-102", "all")._replace(reason=" ")).replies[0]
    assert silent.reason == "say why this batch may have as much of P-102 again"
    assert bench.ask(Ask.RESET, "P-102", "all").accepted
    bench.ask(Ask.OUTPUT, "P-102", 6.0)
    bench.run(300)
    assert 23.9 <= bench.state.doses["P-102"].batch <= 24.0
    assert bench.command("P-102").restricted_by == (PER_BATCH,)


@pytest.mark.parametrize(
    ("target", "value", "reason"),
    [
        ("P-102", "B-1", "a batch is one of the whole unit: ask it of BR-DEMO"),
        ("BR-DEMO", "", "batch must be a name of 1 to 64 printable characters, not ''"),
        ("BR-DEMO", "  ", "batch must be a name of 1 to 64 printable characters, not '  '"),
        ("BR-DEMO", 7.0, "batch must be a name of 1 to 64 printable characters, not 7.0"),
        ("BR-DEMO", "a\nb", "batch must be a name of 1 to 64 printable characters, not 'a\\nb'"),
        ("BR-DEMO", "x" * 65, f"batch must be a name of 1 to 64 printable characters, not '{'x' * 39}"),
        ("BR-DEMO", "B-0", "batch B-0 is running: give the new one a name of its own"),
    ],
)
def test_what_is_no_batch(target: str, value: float | str, reason: str) -> None:
    bench = unit()
    bench.ask(Ask.BATCH, "BR-DEMO", "B-0")
    assert bench.ask(Ask.BATCH, target, value).reason == reason
    assert bench.state.unit.batch == "B-0"


def test_a_batch_ends_and_its_totals_count_until_another_begins() -> None:
    bench = unit(replace(FEED, per_hour=0.0))
    refused = bench.ask(Ask.BATCH, "BR-DEMO", "-")
    assert refused.reason == "no batch is running: there is nothing to end"
    bench.ask(Ask.BATCH, "BR-DEMO", "B-1")
    bench.ask(Ask.OUTPUT, "P-102", 6.0)
    bench.run(180)
    total = bench.state.doses["P-102"].batch
    assert total > 11.9
    assert bench.ask(Ask.BATCH, "BR-DEMO", "-").accepted
    assert bench.state.unit.batch == ""
    assert bench.told("batch", "BR-DEMO")[-1] == (f"B-1 (P-102 {total:.6g} mL)", "")
    assert bench.command("P-102").restricted_by == (PER_BATCH,), "an end gives nobody another portion"
    assert bench.state.doses["P-102"].batch == total


def test_a_batch_name_may_be_as_long_as_that() -> None:
    assert unit().ask(Ask.BATCH, "BR-DEMO", "x" * 64).accepted


def test_a_unit_without_dosing_limits_has_batches_too() -> None:
    bench = Bench(demo())
    bench.ask(Ask.BATCH, "BR-DEMO", "B-1")
    assert bench.told("batch", "BR-DEMO") == [("no batch", "B-1")]


def test_the_integral_of_a_loop_follows_its_blocked_pump() -> None:
    bench = unit(BASE)
    bench.values["AT-101"] = 7.0
    bench.run(300)
    assert bench.command("P-101").restricted_by[-1] == PER_HOUR
    assert bench.loop("AIC-101").condition == "tracking"
    assert abs(bench.loop("AIC-101").achieved) < 0.5
    bench.values["AT-101"] = 7.4
    bench.run(5)
    assert bench.output("FV-102") > 0.0, "no wind-up: CO2 comes at once"


def test_a_loop_in_manual_stays_where_the_limit_put_it() -> None:
    bench = unit(BASE)
    bench.ask(Ask.MODE, "AIC-101", "MAN")
    bench.ask(Ask.OUTPUT, "AIC-101", 100.0)
    bench.run(120)
    assert bench.loop("AIC-101").mode is Mode.MAN
    assert bench.loop("AIC-101").output == pytest.approx(0.0, abs=0.1)
    asked = bench.ask(Ask.OUTPUT, "AIC-101", 50.0)
    assert asked.reason.startswith("P-101 is blocked by dose limit per hour")


def test_an_interlock_gives_no_more_than_the_limit() -> None:
    lock = InterlockPlan("FLUSH", "WT-101", Relation.ABOVE, 1.0, ("P-102",), value=8.0)
    bench = Bench(demo(doses=(FEED,), interlocks=(lock,)))
    bench.run(200)
    assert bench.state.doses["P-102"].batch <= 5.0
    assert bench.command("P-102").restricted_by == ("FLUSH", PER_HOUR)


def test_a_pump_found_running_counts_from_the_start() -> None:
    bench = Bench(demo(doses=(FEED,)), {"P-102": 6.0})
    bench.scan()
    assert bench.state.doses["P-102"].batch == pytest.approx(0.1)


def test_ledgers_survive_a_restart_to_the_bit() -> None:
    bench = unit()
    bench.ask(Ask.BATCH, "BR-DEMO", "B-1")
    bench.ask(Ask.OUTPUT, "P-102", 2.0)
    bench.run(150)
    back = from_plain(State, json.loads(json.dumps(to_plain(bench.state))))
    assert back == bench.state
    bench.state = back
    bench.run(600)
    assert bench.command("P-102").restricted_by == (PER_HOUR,)
    assert bench.state.doses["P-102"].batch <= 5.0


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.0, 10.0), st.integers(1, 90), st.sampled_from(["follows", "mute", "stuck"])),
        min_size=1,
        max_size=25,
    )
)
def test_in_no_hour_passes_more_than_the_limit(course: list[tuple[float, int, str]]) -> None:
    """Whatever is asked, and whether writes are answered, done unanswered or not done at all: a pump that obeys gives at most its limit.

    A mute pump does what it is told without saying so, the worst case for a ledger.
    """
    bench = unit()
    given_: list[float] = []
    for rate, seconds, behaviour in course:
        bench.stuck = {"P-102": None} if behaviour != "follows" else {}
        bench.scan(request(Ask.OUTPUT, "P-102", rate), request(Ask.RESET, "P-102", "all"))
        for _ in range(seconds):
            flows = behaviour != "stuck" or bool(given_ and given_[-1])
            given_.append(bench.output("P-102") / 60.0 if flows else 0.0)
            bench.scan()
    for start in range(0, len(given_), 30):
        assert sum(given_[start : start + 3600]) <= 5.0 + 1e-9
    assert bench.state.doses["P-102"].batch >= sum(given_) - 10.0 / 60.0
