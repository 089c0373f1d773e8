"""Interlocks and the chain: what may go out, for how long, and under which names it was changed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.core.interlock import cause, demand_of, label, permit, watch
from edgectl.core.output import Following, output_of
from edgectl.core.supervisor import Order
from edgectl.model.command import Demand
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.plan import ActuatorPlan
from edgectl.model.quality import DeviceStatus, Quality
from edgectl.model.request import Ask
from edgectl.model.safety import Action, InterlockPlan, Relation
from edgectl.model.state import ActuatorState, InterlockState
from tests.core.rig import Bench, demo

BAD, UNCERTAIN, GOOD = Quality.BAD, Quality.UNCERTAIN, Quality.GOOD
HIGH = InterlockPlan("TSHH", "TT", Relation.ABOVE, 38.5, ("X",), hysteresis=0.5, delay_s=2.0)
LOW = InterlockPlan("TSLL", "TT", Relation.BELOW, 30.0, ("X",), hysteresis=0.5)
CLEAR, UNKNOWN = InterlockState(), InterlockState(active=True, unknown=True)


def temperature(value: float | None, quality: Quality = GOOD) -> Measurement:
    return Measurement("TT", value, quality, "" if quality is GOOD else "why", Instant(0, 0))


@pytest.mark.parametrize(
    ("plan", "row", "labels"),
    [
        # A limit itself is not beyond; a delay counts the time the cause stood without a break.
        (HIGH, [(38.5, GOOD), (38.6, GOOD), (38.4, GOOD), (38.6, GOOD)], "clear clear clear clear"),
        (HIGH, [(38.6, GOOD), (38.6, GOOD), (38.2, GOOD), (38.0, GOOD)], "clear active active clear"),
        (LOW, [(30.0, GOOD), (29.9, GOOD), (30.4, GOOD), (30.5, GOOD)], "clear active active clear"),
        # Not known is as good as beyond; a known value within the limit ends that without hysteresis.
        (LOW, [(None, BAD), (30.2, GOOD)], "unknown clear"),
        (LOW, [(36.0, BAD), (29.0, GOOD), (30.2, GOOD)], "unknown active active"),
        (HIGH, [(None, BAD), (None, BAD), (38.2, GOOD)], "clear unknown clear"),
        # What is active stays active while its tag is not known, and keeps its hysteresis.
        (LOW, [(29.0, GOOD), (None, BAD), (30.2, GOOD)], "active active active"),
        # UNCERTAIN may make it active and never releases it.
        (LOW, [(29.0, UNCERTAIN), (36.0, UNCERTAIN), (36.0, GOOD)], "active active clear"),
        (LOW, [(None, BAD), (36.0, UNCERTAIN), (36.0, GOOD)], "unknown unknown clear"),
    ],
)
def test_interlock(plan: InterlockPlan, row: list[tuple[float | None, Quality]], labels: str) -> None:
    state, seen = CLEAR, []
    for value, quality in row:
        state = watch(plan, state, temperature(value, quality), 1.0)
        seen.append(label(state))
    assert " ".join(seen) == labels


def test_an_interlock_without_a_cause_keeps_its_state_object() -> None:
    for state in (CLEAR, InterlockState(active=True)):
        assert watch(LOW, state, temperature(30.2), 1.0) is state


X = ActuatorPlan("X", "o.x", "mL/min", 0.0, 100.0, safe=10.0, lease_s=3.0, rate_per_s=5.0)
LOCKS = (
    InterlockPlan("TO-80", "TT", Relation.ABOVE, 1.0, ("X", "Y"), value=80.0),
    InterlockPlan("TO-SAFE", "TT", Relation.ABOVE, 1.0, ("X",)),
    InterlockPlan("TO-30", "TT", Relation.ABOVE, 1.0, ("X",), value=30.0),
    InterlockPlan("TO-999", "TT", Relation.ABOVE, 1.0, ("X",), value=999.0),
    InterlockPlan("TO-4", "TT", Relation.ABOVE, 1.0, ("X",), value=4.0),
    InterlockPlan("TO-12", "TT", Relation.ABOVE, 1.0, ("X",), value=12.0),
    InterlockPlan("OTHER", "TT", Relation.ABOVE, 1.0, ("Y",)),
)
OUTPUT = output_of(X, "", LOCKS, 1.0)
FOLLOWS, ASTRAY = Following(0.0, None, None, ""), Following(9.0, 4.0, 4.0, "stuck")


def locks(*active: str) -> dict[str, InterlockState]:
    return {lock.name: InterlockState(active=lock.name in active) for lock in LOCKS}


@pytest.mark.parametrize(
    ("last", "demand", "follows", "active", "value", "names"),
    [
        (50.0, 52.0, FOLLOWS, (), 52.0, ()),
        (50.0, 52.0, FOLLOWS, ("OTHER",), 52.0, ()),
        (99.0, 130.0, FOLLOWS, (), 100.0, ("high limit",)),
        (3.0, -1.0, FOLLOWS, (), 0.0, ("low limit",)),
        (50.0, 80.0, FOLLOWS, (), 55.0, ("rate limit",)),
        (50.0, 0.0, FOLLOWS, (), 45.0, ("rate limit",)),
        (90.0, 1000.0, FOLLOWS, (), 95.0, ("high limit", "rate limit")),
        (12.0, math.nan, FOLLOWS, (), 10.0, ("not a number",)),
        (12.0, math.inf, FOLLOWS, (), 10.0, ("not a number",)),
        (50.0, 52.0, ASTRAY, (), 52.0, ("not following",)),
        (50.0, 52.0, FOLLOWS, ("TO-SAFE",), 10.0, ("TO-SAFE",)),
        (50.0, 52.0, FOLLOWS, ("TO-80",), 80.0, ("TO-80",)),
        (50.0, 52.0, FOLLOWS, ("TO-999",), 100.0, ("TO-999",)),
        (50.0, 52.0, FOLLOWS, ("TO-80", "TO-30"), 30.0, ("TO-80", "TO-30")),
        (50.0, 52.0, FOLLOWS, ("TO-4", "TO-12"), 12.0, ("TO-4", "TO-12")),
        (50.0, 52.0, FOLLOWS, ("TO-80", "TO-SAFE", "TO-30"), 10.0, ("TO-80", "TO-SAFE", "TO-30")),
        (50.0, 200.0, ASTRAY, ("TO-SAFE",), 10.0, ("high limit", "rate limit", "not following", "TO-SAFE")),
        (50.0, None, FOLLOWS, (), 10.0, ()),
    ],
)
def test_chain(
    last: float,
    demand: float | None,
    follows: Following,
    active: tuple[str, ...],
    value: float,
    names: tuple[str, ...],
) -> None:
    """Every change of a demand has a name, in chain order; interlocks and the safe state wait for no rate limit."""
    asked = Demand("X", demand, "L", protective=demand is None)
    state, command = permit(OUTPUT, ActuatorState(last), asked, follows, locks(*active), 1_000, 1.0)
    assert (command.value, command.restricted_by) == (value, names)
    assert (command.actuator, command.source, command.expires_ns) == ("X", "L", 3_000_001_000)
    assert command.demanded == (None if names == ("not a number",) else demand)
    assert (state.value, state.restricted_by) == (value, names)


@pytest.mark.parametrize(
    ("last", "demand", "value"),
    [
        (50.0, 40.0, 40.0),
        (50.0, 20.0, 20.0),
        (50.0, 0.0, 0.0),
        (12.0, 60.0, 17.0),
        (45.0, 60.0, 50.0),
        # As near to the safe value of 10 on its other side is no farther from it.
        (20.0, 0.0, 0.0),
        (19.75, 0.0, 14.75),
        (12.0, 4.0, 7.0),
        (0.0, 20.0, 20.0),
        (0.0, 20.1, 5.0),
    ],
)
def test_a_protective_demand_may_hurry_towards_safe_only(last: float, demand: float, value: float) -> None:
    asked = Demand("X", demand, "L fallback", protective=True)
    _, command = permit(OUTPUT, ActuatorState(last), asked, FOLLOWS, locks(), 0, 1.0)
    assert command.value == value


@given(
    last=st.floats(0.0, 100.0),
    demand=st.none() | st.floats(),
    active=st.sets(st.sampled_from([lock.name for lock in LOCKS])),
    protective=st.booleans(),
    manual=st.none() | st.floats(0.0, 100.0),
    step_s=st.floats(0.001, 10.0),
)
def test_nothing_leaves_the_chain_outside_its_range_or_unexplained(
    last: float,
    demand: float | None,
    active: set[str],
    protective: bool,
    manual: float | None,
    step_s: float,
) -> None:
    asked = Demand("X", demand, "L", protective)
    state, command = permit(OUTPUT, ActuatorState(last, manual), asked, FOLLOWS, locks(*active), 0, step_s)
    assert 0.0 <= command.value <= 100.0
    wished = 10.0 if demand is None else demand
    assert command.restricted_by or command.value == wished
    if "TO-SAFE" in active:
        assert command.value == 10.0
    assert (state.manual is None) == (manual is None)


def test_a_chain_that_changes_nothing_keeps_its_state_object() -> None:
    state = ActuatorState(50.0)
    assert permit(OUTPUT, state, Demand("X", 50.0, "L"), FOLLOWS, locks(), 0, 1.0)[0] is state


@pytest.mark.parametrize(
    ("asked", "manual", "normal", "expected"),
    [
        (Demand("X", 1.0, "L"), None, 3.0, Demand("X", 1.0, "L")),
        (Demand("X", None, "L"), None, 3.0, Demand("X", 3.0, "normal")),
        (None, 2.0, 3.0, Demand("X", 2.0, "manual")),
        (None, None, 3.0, Demand("X", 3.0, "normal")),
        (None, None, None, Demand("X", None, "safe", protective=True)),
    ],
)
def test_whose_demand_counts(
    asked: Demand | None, manual: float | None, normal: float | None, expected: Demand
) -> None:
    output = output_of(replace(X, normal=normal), "", (), 1.0)
    assert demand_of(output, ActuatorState(0.0, manual), asked) == expected


def test_too_hot_opens_the_heater_contactor_at_once_and_says_why() -> None:
    """N03, Tsafe: the limit is exceeded with valid data, and the command of the same scan is safe."""
    unit = Bench(demo())
    unit.run(20)
    assert unit.output("HS-101") == 1.0
    unit.values["TT-101"] = 38.7
    unit.scan()
    assert (unit.output("HS-101"), unit.output("TY-101")) == (0.0, 30.0)
    assert unit.command("HS-101").restricted_by == ("TSHH-101",)
    assert unit.command("TY-101").source == "TIC-101"
    unit.values["TT-101"] = 38.2
    unit.run(5)
    assert unit.output("HS-101") == 0.0, "inside the hysteresis"
    unit.values["TT-101"] = 37.9
    unit.scan()
    assert unit.output("HS-101") == 1.0
    told = [
        e for e in unit.events if e.subject in ("TSHH-101", "HS-101") and e.at.mono_ns > 1_020_500_000_000
    ]
    assert [(e.kind, e.before, e.after, e.reason) for e in told] == [
        ("interlock", "clear", "active", "TT-101 38.7 degC is above its limit of 38.5 degC"),
        ("restriction", "", "TSHH-101", "held at 0"),
        ("interlock", "active", "clear", "TT-101 37.9 degC is within its limit of 38.5 degC"),
        ("restriction", "TSHH-101", "", "free again at 1"),
    ]


def test_a_blind_interlock_is_active_and_says_so() -> None:
    unit = Bench(demo())
    unit.run(5)
    unit.status["TT-101"] = DeviceStatus.FAILURE
    unit.scan()
    assert unit.output("HS-101") == 0.0
    event = next(e for e in reversed(unit.events) if e.kind == "interlock")
    assert (event.before, event.after) == ("clear", "unknown")
    assert event.reason == "TT-101 is not known: instrument reports failure"


def test_at_the_start_every_interlock_is_active_until_its_tag_is_known() -> None:
    """Even one with a delay: unknown is never permission."""
    unit = Bench(demo())
    unit.silent |= set(unit.values)
    unit.scan()
    assert unit.command("FV-102").restricted_by == ("ASL-101",)
    assert unit.output("HS-101") == 0.0
    unit.silent.clear()
    unit.scan()
    assert unit.command("FV-102").restricted_by == ()
    assert unit.output("HS-101") == 1.0


def test_a_start_inside_the_hysteresis_is_released() -> None:
    """Nothing was beyond the limit; a restart must not lock what ran before."""
    unit = Bench(demo())
    unit.values["TT-101"] = 38.3
    unit.scan()
    assert unit.output("HS-101") == 1.0
    assert unit.told("interlock", "TSHH-101") == [("unknown", "clear")]


def test_a_manual_demand_stays_where_an_interlock_put_it() -> None:
    lock = InterlockPlan("WSH-101", "WT-101", Relation.ABOVE, 2.2, ("P-102",))
    unit = Bench(demo(interlocks=(lock,)))
    unit.scan()
    assert unit.ask(Ask.OUTPUT, "P-102", 3.0).accepted
    assert (unit.output("P-102"), unit.command("P-102").source) == (3.0, "manual")
    unit.values["WT-101"] = 2.3
    unit.scan()
    unit.values["WT-101"] = 2.0
    unit.run(5)
    assert (unit.output("P-102"), unit.command("P-102").source) == (0.0, "manual")
    assert unit.command("P-102").restricted_by == ()


def test_limits_are_the_normal_play_of_control_and_no_events() -> None:
    """A rate limit that comes and goes with every scan fills commands, not the event log."""
    unit = Bench(demo())
    unit.run(5)
    unit.events.clear()
    limited = 0
    for value in (160.0, 300.0) * 20:
        unit.ask(Ask.OUTPUT, "SC-101", value)
        limited += unit.command("SC-101").restricted_by == ("rate limit",)
    assert 10 < limited < 40
    assert {e.kind for e in unit.events} == {"request"}


@pytest.mark.parametrize(
    ("demand", "value", "names"),
    [
        (0.0, 0.0, ()),
        (math.nextafter(0.0, -1.0), 0.0, ("low limit",)),
        (math.nextafter(0.0, 1.0), math.nextafter(0.0, 1.0), ()),
        (100.0, 100.0, ()),
        (math.nextafter(100.0, 101.0), 100.0, ("high limit",)),
        (-math.inf, 10.0, ("not a number",)),
    ],
)
def test_a_limit_of_the_range_is_inside_it(demand: float, value: float, names: tuple[str, ...]) -> None:
    free = output_of(replace(X, rate_per_s=0.0), "", (), 1.0)
    _, command = permit(free, ActuatorState(50.0), Demand("X", demand, "L"), FOLLOWS, {}, 0, 1.0)
    assert (command.value, command.restricted_by) == (value, names)


@pytest.mark.parametrize(
    ("most", "value", "names"),
    [
        (52.1, 52.0, ()),
        (52.0, 52.0, ()),
        (51.9, 51.9, ("dose limit per hour",)),
        (0.0, 0.0, ("dose limit per hour",)),
    ],
)
def test_a_dosing_limit_is_named_only_where_it_takes_something_away(
    most: float, value: float, names: tuple[str, ...]
) -> None:
    """None at all is always named, so that a limit that is reached shows."""
    dose = (most, "dose limit per hour")
    before = ActuatorState(50.0, manual=52.0)
    asked = Demand("X", 52.0, "manual")
    state, command = permit(OUTPUT, before, asked, FOLLOWS, locks(), 0, 1.0, dose=dose)
    assert (command.value, command.restricted_by, state.manual) == (value, names, value)
    assert permit(
        OUTPUT, ActuatorState(0.0), Demand("X", 0.0, "L"), FOLLOWS, locks(), 0, 1.0, dose=(0.0, "d")
    )[1].restricted_by == ("d",)


@pytest.mark.parametrize(("held_s", "value"), [(0.0, 50.0), (1.0, 50.0), (1.001, 30.0), (5.0, 30.0)])
def test_a_hold_keeps_the_last_value_up_to_its_longest_time_and_no_longer(
    held_s: float, value: float
) -> None:
    plan = replace(X, hold_max_s=2.0, fallback=30.0)
    state, command = permit(
        output_of(plan, "", (), 1.0), ActuatorState(50.0, held_s=held_s), Demand("X", 52.0, "L"), FOLLOWS, {}, 0, 1.0, 1.0,
        Order(Action.HOLD, ("hold h",)),
    )  # fmt: skip
    assert (command.value, state.held_s) == (value, held_s + 1.0)


def test_no_time_has_passed_unless_somebody_says_so() -> None:
    plan = replace(X, min_on_s=5.0)
    order = Order(Action.HOLD, ("hold h",))
    state, _ = permit(
        output_of(plan, "", (), 1.0), ActuatorState(50.0), Demand("X", 50.0, "L"), FOLLOWS, {}, 0, 1.0, order=order
    )  # fmt: skip
    assert (state.held_s, state.stood_s) == (0.0, 0.0)


def test_what_has_counted_against_a_limit_is_gone_when_the_tag_is_within_it() -> None:
    """Whether the interlock acts, as it does inside its hysteresis, or not."""
    for plan, value in ((HIGH, 38.4), (LOW, 30.2)):
        for active in (False, True):
            after = watch(plan, InterlockState(active, 1.5), temperature(value), 1.0)
            assert after == InterlockState(active)


def test_a_delay_is_over_in_the_scan_that_completes_it() -> None:
    for dt_s, labels in ((0.5, "clear clear clear active"), (1.9, "clear active"), (2.0, "active")):
        state, seen = CLEAR, []
        for _ in labels.split():
            state = watch(HIGH, state, temperature(38.6), dt_s)
            seen.append(label(state))
        assert " ".join(seen) == labels


@pytest.mark.parametrize(
    ("state", "measured", "says"),
    [
        (CLEAR, temperature(38.5), "TT 38.5 degC is within its limit of 38.5 degC"),
        (InterlockState(active=True), temperature(38.6), "TT 38.6 degC is above its limit of 38.5 degC"),
        (InterlockState(active=True), temperature(None, BAD), "TT is not known: why"),
        (UNKNOWN, temperature(50.0, BAD), "TT is not known: why"),
    ],
)
def test_an_interlock_says_why_it_stands_as_it_does(
    state: InterlockState, measured: Measurement, says: str
) -> None:
    assert cause(HIGH, state, measured, "degC") == says


@pytest.mark.parametrize("most", [51.9, 0.0])
def test_a_dosing_limit_takes_nothing_into_manual(most: float) -> None:
    """Nor does anything else in the chain: what was nobody's hand stays nobody's, and moves again by itself."""
    asked = Demand("X", 52.0, "L")
    state, command = permit(
        OUTPUT,
        ActuatorState(50.0),
        asked,
        FOLLOWS,
        locks("TO-80"),
        0,
        1.0,
        dose=(most, "dose limit per hour"),
    )
    assert (state.manual, command.value) == (None, most)
    assert command.restricted_by == ("TO-80", "dose limit per hour")


@pytest.mark.parametrize(("step_s", "reach"), [(0.5, 2.5), (1.0, 5.0), (2.0, 10.0)])
def test_a_rate_limit_is_a_rate_however_far_scans_are_apart(step_s: float, reach: float) -> None:
    for demand, moved in ((90.0, reach), (0.0, -reach), (50.0 + reach, reach), (50.0 - reach, -reach)):
        _, command = permit(
            OUTPUT, ActuatorState(50.0), Demand("X", demand, "L"), FOLLOWS, locks(), 0, step_s
        )
        limited = ("rate limit",) if abs(demand - 50.0) > reach else ()
        assert (command.value, command.restricted_by) == (50.0 + moved, limited)
