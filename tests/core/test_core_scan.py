"""One scan after another: start, late scans, a whole day, and that the same inputs give the same commands to the bit."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.initial import initial_state
from edgectl.core.unit import unit_of
from edgectl.model.codec import canonical, from_plain, to_plain
from edgectl.model.loop import Mode
from edgectl.model.plan import Plan
from edgectl.model.quality import DeviceStatus, Quality
from edgectl.model.request import Ask
from edgectl.model.state import State
from tests.core.rig import (
    AIC_DO,
    GOOD,
    SMALL_LOOP,
    SMALL_TAG,
    TIC,
    Bench,
    Closed,
    demo,
    request,
    small,
    with_loop,
)


def test_a_start_without_any_sample_is_safe_and_kicks_nothing() -> None:
    """A11: loops wait, interlocks are active, and what no loop drives comes up only as its interlocks know."""
    unit = Bench(demo())
    unit.silent |= set(GOOD)
    result = unit.scan()
    safe = {plan.name: plan.safe for plan in unit.plan.actuators}
    assert {c.actuator: c.value for c in result.commands} == safe | {"FV-101": 100.0, "SC-101": 90.0}
    assert {m.quality for m in result.measurements} == {Quality.BAD}
    assert {state.condition for state in result.state.loops.values()} == {"waiting"}
    assert result.replies == ()
    assert [(e.kind, e.subject) for e in result.events] == [
        ("restriction", name) for name in ("TY-101", "FV-102", "P-101", "HS-101", "HS-102")
    ]
    for name in ("TY-101", "FV-102", "FV-103", "P-101"):
        assert unit.command(name).source.endswith(" waiting")


def test_results_stand_in_plan_order_and_count_scans() -> None:
    unit = Bench(demo())
    result = unit.run(3)
    assert [m.tag for m in result.measurements] == [tag.name for tag in unit.plan.tags]
    assert [c.actuator for c in result.commands] == [actuator.name for actuator in unit.plan.actuators]
    assert result.state.scan == 3
    lease_s = {plan.name: plan.lease_s for plan in unit.plan.actuators}
    for command in result.commands:
        assert command.expires_ns == unit.now.mono_ns + round(lease_s[command.actuator] * 1e9)


def test_a_quiet_scan_tells_nothing() -> None:
    unit = Bench(demo())
    unit.run(10)
    unit.events.clear()
    unit.run(600)
    assert unit.events == []


def test_quality_is_told_once_each_way_with_its_reason() -> None:
    unit = Bench(demo())
    unit.run(5)
    unit.events.clear()
    unit.silent.add("FT-101")
    unit.run(60)
    unit.silent.clear()
    unit.run(5)
    assert [(e.before, e.after, e.actor, e.reason) for e in unit.events] == [
        ("GOOD", "UNCERTAIN", "judge", "value is 3.0 s old (late after 2.5 s)"),
        ("UNCERTAIN", "BAD", "judge", "no value for 6.0 s (stale after 5.0 s)"),
        ("BAD", "GOOD", "judge", "fresh and plausible"),
    ]
    assert {(e.kind, e.subject) for e in unit.events} == {("quality", "FT-101")}


@pytest.mark.parametrize("found", [math.nan, math.inf])
def test_what_was_found_is_believed_only_as_a_number(found: float) -> None:
    state = initial_state(demo(), {"TY-101": found, "FV-103": 20.0})
    assert state.actuators["TY-101"].value == 30.0
    assert state.loops["AIC-102"].achieved == 20.0


def test_a_scan_three_seconds_late_moves_outputs_little() -> None:
    """P06: at 10 Hz, blocked for 3 s while the process moved on, an output steps by less than 5 % of its span."""
    plan = replace(demo(), period_s=0.1)
    unit = Bench(plan)
    unit.values |= {"TT-101": 35.0, "AT-102": 30.0}
    unit.run(30)
    before = {c.actuator: c.value for c in unit.scan().commands}
    unit.values |= {"TT-101": 35.1, "AT-102": 29.0}
    result = unit.scan(dt_s=3.0)
    spans = {"TY-101": 17.0, "FV-103": 200.0, "FV-102": 60.0, "P-101": 2.0}
    for command in result.commands:
        if command.actuator in spans:
            assert abs(command.value - before[command.actuator]) < 0.05 * spans[command.actuator]


def test_a_late_scan_ramps_and_rates_by_two_periods_only() -> None:
    unit = Bench(replace(with_loop(replace(TIC, setpoint_rate_per_s=0.1)), period_s=0.5))
    unit.run(1)
    speed, setpoint = unit.output("SC-101"), unit.loop("TIC-101").setpoint
    unit.scan(dt_s=10.0)
    assert unit.output("SC-101") == speed + 2 * 0.5 * 10.0
    assert unit.loop("TIC-101").setpoint == pytest.approx(setpoint + 2 * 0.5 * 0.1)


def test_a_late_scan_counts_in_full_towards_delays() -> None:
    unit = Bench(demo())
    unit.run(5)
    unit.values["AT-101"] = 6.8
    unit.scan(dt_s=3.0)
    assert unit.command("FV-102").restricted_by == ("ASL-101",)


def stormy(plan: Plan, seed: int, scans: int) -> list[bytes]:
    """Commands, events and state of a run in which everything happens, as canonical bytes."""
    unit, rng = Bench(plan), random.Random(seed)
    record = []
    for _ in range(scans):
        tag = rng.choice(list(GOOD))
        unit.values[tag] = rng.choice([GOOD[tag], GOOD[tag] * rng.uniform(0.5, 1.5), math.nan, None])
        unit.status[rng.choice(list(GOOD))] = rng.choice([DeviceStatus.GOOD, *DeviceStatus])
        unit.silent = set(rng.sample(list(GOOD), rng.randrange(3)))
        stuck = rng.choice([a.name for a in plan.actuators])
        unit.stuck = rng.choice([unit.stuck, {}, {stuck: rng.choice([None, 3.0])}])
        requests = (
            request(Ask.MODE, rng.choice(plan.loops).name, rng.choice(list(Mode)).value),
            request(Ask.SETPOINT, rng.choice(plan.loops).name, rng.uniform(0.0, 50.0)),
            request(Ask.OUTPUT, rng.choice(plan.actuators).name, rng.uniform(0.0, 100.0)),
        )
        result = unit.scan(*rng.sample(requests, rng.randrange(3)), dt_s=rng.choice([1.0, 1.0, 3.0]))
        record.append(canonical([result.commands, result.events, result.replies]))
    record.append(canonical(unit.state))
    return record


def test_the_same_inputs_give_the_same_commands_to_the_bit() -> None:
    """Also for a plan read anew, and from a state that went through its JSON form half way."""
    once = stormy(demo(), 7, 400)
    assert stormy(demo(), 7, 400) == once
    assert stormy(demo(), 8, 400) != once


def test_a_state_survives_its_json_form() -> None:
    unit = Bench(demo())
    unit.values["AT-102"] = 30.0
    unit.run(20)
    unit.state = from_plain(State, json.loads(json.dumps(to_plain(unit.state))))
    other = Bench(demo())
    other.values["AT-102"] = 30.0
    other.run(20)
    assert unit.run(20).commands == other.run(20).commands


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_in_any_storm_outputs_are_inside_their_limits_and_explained(seed: int) -> None:
    plan = demo()
    unit, rng = Bench(plan), random.Random(seed)
    for _ in range(25):
        for tag in rng.sample(list(GOOD), 4):
            unit.values[tag] = rng.choice(
                [GOOD[tag], GOOD[tag] * rng.uniform(0.3, 2.0), math.nan, -math.inf, None]
            )
            unit.status[tag] = rng.choice(list(DeviceStatus))
        unit.stuck = {"FV-103": rng.choice([None, 3.0, math.nan])} if rng.random() < 0.2 else {}
        result = unit.scan(dt_s=rng.choice([0.01, 1.0, 30.0]))
        for actuator, command in zip(plan.actuators, result.commands, strict=True):
            assert actuator.low <= command.value <= actuator.high
            wished = actuator.safe if command.demanded is None else command.demanded
            assert command.value == wished or command.restricted_by
        for loop in plan.loops:
            state = result.state.loops[loop.name]
            assert loop.out_low <= state.output <= loop.out_high
            assert math.isfinite(state.pid.integral)


@given(
    st.floats(1.0, 100.0),
    st.sampled_from(["mute", "failure", "function check", "nan", "range"]),
    st.integers(1, 12),
    st.floats(0.0, 100.0),
)
def test_bad_input_never_raises_a_demand_above_its_fallback(
    pressure: float, fault: str, scans: int, found: float
) -> None:
    """From the first BAD scan on the demand is the fallback, whatever the loop wanted before; UNCERTAIN moves nothing."""
    unit = Closed(small(), found={"PV-1": found}, pressure=pressure)
    unit.run(3)
    for _ in range(scans):
        if fault == "mute":
            unit.silent.add("PT-1")
        elif fault in ("nan", "range"):
            unit.values["PT-1"] = math.nan if fault == "nan" else 1e6
        else:
            unit.status["PT-1"] = DeviceStatus(fault)
        before = unit.outputs[-1]
        quality = unit.scan().measurements[0].quality
        if quality is Quality.BAD:
            assert unit.outputs[-1] == 10.0
        elif quality is Quality.UNCERTAIN:
            assert unit.outputs[-1] == pytest.approx(before)
        else:
            assert fault == "mute"
    assert scans < 6 or unit.outputs[-1] == 10.0


def test_a_day_at_one_hertz_holds_its_set_point() -> None:
    """86 400 scans around a noisy plant with a load that comes and goes: seconds to run, and in band throughout."""
    plan = small(replace(SMALL_LOOP, gain=2.0, derivative_s=5.0, filter_s=5.0))
    unit, rng = Closed(plan, found={"PV-1": 50.0}, pressure=50.0), random.Random(1)
    worst = 0.0
    for hour in range(24):
        for _ in range(3600):
            unit.load = 10.0 * math.sin(hour)
            unit.values["PT-1"] = unit.pressure + rng.gauss(0.0, 0.05)
            unit.scan()
            worst = max(worst, abs(unit.pressure - 50.0))
        assert unit.pressure == pytest.approx(50.0, abs=0.3)
    assert worst < 5.0
    assert unit.told("quality", "PT-1") == [("BAD", "GOOD")]
    assert unit.told("loop", "PIC-1") == [("waiting", "regulating")]


def test_one_plan_object_is_worked_out_once() -> None:
    plan = demo()
    assert unit_of(plan) is unit_of(plan)
    assert unit_of(demo()) is not unit_of(plan)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            demo(loops=(TIC, replace(TIC, name="TIC-9"))),
            "actuator TY-101 is in two loops, TIC-101 and TIC-9",
        ),
        (
            demo(loops=(replace(TIC, master="AIC-102"), replace(AIC_DO, master="TIC-101"))),
            "loops TIC-101, AIC-102 are each other's masters",
        ),
        (
            small(replace(SMALL_LOOP, segments=(replace(SMALL_LOOP.segments[0], high=0.0),))),
            "loop PIC-1: the segment of PV-1 has no slope",
        ),
        (
            small(replace(SMALL_LOOP, segments=(replace(SMALL_LOOP.segments[0], out_high=0.0),))),
            "loop PIC-1: the segment of PV-1 has no slope",
        ),
    ],
)
def test_a_plan_that_cannot_run_is_refused_at_the_start(plan: Plan, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        initial_state(plan)


def test_a_tag_without_unit_reads_well() -> None:
    plan = small()
    unit = Closed(replace(plan, tags=(replace(SMALL_TAG, unit=""),)))
    unit.values["PT-1"] = 101.0
    unit.scan()
    assert unit.measurement("PT-1").reason == "101 is outside 0 to 100"
