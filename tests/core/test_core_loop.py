"""Loops: who decides the output, and that no change of who decides moves it by more than a hundredth of its span."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from edgectl.core.loop import loop_of
from edgectl.core.share import achieved_output, asked
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import ActuatorPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask
from edgectl.model.safety import InterlockPlan, Relation
from tests.core.rig import (
    AIC_PH,
    SMALL_LOOP,
    SMALL_TAG,
    SMALL_VALVE,
    Bench,
    Closed,
    demo,
    small,
    with_loop,
)

ONE_PERCENT = 1.0


def settled(loop: LoopPlan = SMALL_LOOP, valve: ActuatorPlan = SMALL_VALVE, *locks: InterlockPlan) -> Closed:
    """A unit in control, at its set point."""
    unit = Closed(small(loop, valve, *locks), found={"PV-1": 50.0}, pressure=50.0)
    unit.run(30)
    assert unit.loop("PIC-1").condition == "regulating"
    return unit


def test_from_automatic_to_manual_and_back() -> None:
    unit = settled()
    assert unit.ask(Ask.MODE, "PIC-1", "MAN").accepted
    unit.run(5)
    assert unit.ask(Ask.OUTPUT, "PIC-1", 70.0).accepted
    assert unit.outputs[-1] == 70.0
    assert unit.command("PV-1").source == "PIC-1 manual"
    unit.run(120)
    assert unit.outputs[-1] == 70.0
    assert unit.pressure > 65.0
    assert unit.ask(Ask.MODE, "PIC-1", "AUTO").accepted
    unit.run(5)
    assert unit.worst_step(6) < ONE_PERCENT
    unit.run(600)
    assert unit.pressure == pytest.approx(50.0, abs=0.2)


def test_a_manual_output_is_reached_at_the_actuator_s_own_pace() -> None:
    unit = settled(valve=replace(SMALL_VALVE, rate_per_s=2.0))
    unit.ask(Ask.MODE, "PIC-1", "MAN")
    unit.ask(Ask.OUTPUT, "PIC-1", 60.0)
    assert unit.worst_step(1) == pytest.approx(2.0)
    unit.run(20)
    assert unit.outputs[-1] == 60.0


def test_out_of_service_asks_for_nothing_and_comes_back_from_where_the_actuator_stands() -> None:
    unit = settled(valve=replace(SMALL_VALVE, normal=20.0))
    unit.ask(Ask.MODE, "PIC-1", "OOS")
    assert (unit.outputs[-1], unit.command("PV-1").source) == (20.0, "normal")
    assert unit.loop("PIC-1").condition == "out of service"
    unit.run(60)
    unit.ask(Ask.MODE, "PIC-1", "AUTO")
    unit.run(5)
    assert unit.worst_step(6) < ONE_PERCENT
    unit.ask(Ask.MODE, "PIC-1", "OOS")
    unit.ask(Ask.MODE, "PIC-1", "MAN")
    assert unit.outputs[-1] == 20.0


def test_a_late_value_holds_for_a_bounded_time_then_falls_back_then_returns() -> None:
    """UNCERTAIN holds for hold_max_s (10 s), BAD falls back at once, GOOD resumes from what was achieved."""
    unit = settled()
    before = unit.outputs[-1]
    unit.status["PT-1"] = DeviceStatus.OUT_OF_SPECIFICATION
    unit.run(10)
    assert unit.outputs[-1] == pytest.approx(before)
    assert unit.loop("PIC-1").condition == "holding"
    unit.scan()
    assert (unit.outputs[-1], unit.loop("PIC-1").condition) == (10.0, "fallback")
    unit.run(60)
    unit.status.clear()
    unit.run(5)
    assert unit.worst_step(5) < ONE_PERCENT
    assert unit.loop("PIC-1").condition == "regulating"
    assert unit.told("loop", "PIC-1")[1:] == [
        ("regulating", "holding"),
        ("holding", "fallback"),
        ("fallback", "regulating"),
    ]
    reasons = [event.reason for event in unit.events if event.kind == "loop"]
    assert reasons[2] == "PT-1 is UNCERTAIN: instrument reports out of specification"


def test_a_short_doubt_is_held_without_a_bump() -> None:
    """N01, N02: one bad sample moves the output by less than a hundredth of its span."""
    unit = settled()
    for value in (float("nan"), None):
        unit.run(10)
        if value is None:
            unit.status["PT-1"] = DeviceStatus.OUT_OF_SPECIFICATION
        else:
            unit.values["PT-1"] = value
        unit.scan()
        assert unit.loop("PIC-1").condition == "holding"
        unit.status.clear()
        unit.run(5)
        assert unit.worst_step(6) < ONE_PERCENT
        assert unit.loop("PIC-1").unsure_s == 0.0


def test_silence_falls_back_within_its_time() -> None:
    """U2: a muted instrument holds, and past stale_s (5 s) the loop is at its fallback."""
    unit = settled()
    unit.silent.add("PT-1")
    unit.run(5)
    assert unit.outputs[-1] > 40.0
    unit.scan()
    assert (unit.outputs[-1], unit.command("PV-1").source) == (10.0, "PIC-1 fallback")
    unit.silent.clear()
    unit.run(5)
    assert unit.worst_step(5) < ONE_PERCENT


def test_a_dosing_loop_holds_nothing() -> None:
    """hold_max_s 0: UNCERTAIN is as good as BAD."""
    unit = settled(replace(SMALL_LOOP, hold_max_s=0.0))
    unit.status["PT-1"] = DeviceStatus.OUT_OF_SPECIFICATION
    unit.scan()
    assert (unit.outputs[-1], unit.loop("PIC-1").condition) == (10.0, "fallback")


def test_doubt_after_a_fallback_is_no_permission() -> None:
    unit = settled()
    unit.status["PT-1"] = DeviceStatus.FAILURE
    unit.scan()
    unit.status["PT-1"] = DeviceStatus.OUT_OF_SPECIFICATION
    unit.run(3)
    assert (unit.outputs[-1], unit.loop("PIC-1").condition) == (10.0, "fallback")


def test_a_fallback_waits_for_no_rate_limit_on_its_way_to_safe() -> None:
    unit = settled(valve=replace(SMALL_VALVE, rate_per_s=1.0))
    unit.run(60)
    unit.status["PT-1"] = DeviceStatus.FAILURE
    unit.scan()
    assert unit.outputs[-1] == 10.0
    assert unit.command("PV-1").restricted_by == ()


def test_saturated_for_ten_minutes_and_free_again() -> None:
    """A06: after ten minutes at the limit the overshoot is at most 1.2 times that of a clean step."""
    tight = replace(SMALL_LOOP, setpoint=40.0, gain=3.0, integral_s=30.0)
    clean = Closed(small(tight), pressure=0.0)
    clean.ask(Ask.SETPOINT, "PIC-1", 0.0)
    clean.run(50)
    clean.ask(Ask.SETPOINT, "PIC-1", 40.0)
    stuffed = Closed(small(tight), pressure=0.0, load=-200.0)
    for _ in range(600):
        stuffed.scan()
        stuffed.pressure = stuffed.values["PT-1"] = 0.0
    assert stuffed.outputs[-1] == 100.0
    stuffed.load = 0.0
    assert overshoot(clean, 40.0) > 0.5
    assert overshoot(stuffed, 40.0) <= 1.2 * overshoot(clean, 40.0)


def overshoot(unit: Closed, setpoint: float) -> float:
    """The highest pressure above the set point in a quarter of an hour, from where the unit stands."""
    unit = deepcopy(unit)
    peak = unit.pressure
    for _ in range(900):
        unit.scan()
        peak = max(peak, unit.pressure)
    return peak - setpoint


LOCK = InterlockPlan("PSHH-1", "PT-1", Relation.ABOVE, 80.0, ("PV-1",), hysteresis=5.0)


def test_an_interlock_comes_and_goes_without_wind_up() -> None:
    """Held at safe by an interlock for ten minutes, the loop starts again from there."""
    plan = small(replace(SMALL_LOOP, integral_s=100.0), SMALL_VALVE, replace(LOCK, tag="XT-1"))
    plan = replace(plan, tags=(*plan.tags, replace(SMALL_TAG, name="XT-1", channel="i.XT-1")))
    unit = Closed(plan, found={"PV-1": 50.0}, pressure=50.0)
    unit.values["XT-1"] = 0.0
    unit.run(30)
    unit.values["XT-1"] = 90.0
    unit.run(600)
    assert (unit.outputs[-1], unit.command("PV-1").restricted_by) == (0.0, ("PSHH-1",))
    assert unit.loop("PIC-1").condition == "tracking"
    assert unit.command("PV-1").demanded == pytest.approx(0.5, abs=0.1), "no wind-up: one step of integration"
    unit.values["XT-1"] = 0.0
    unit.run(5)
    assert unit.worst_step(5) < ONE_PERCENT
    unit.run(1200)
    assert unit.pressure == pytest.approx(50.0, abs=0.2)


def test_a_manual_output_stays_where_an_interlock_put_it() -> None:
    """The release of an interlock moves nothing: the operator has to ask again."""
    unit = settled(SMALL_LOOP, SMALL_VALVE, LOCK)
    unit.ask(Ask.MODE, "PIC-1", "MAN")
    unit.ask(Ask.OUTPUT, "PIC-1", 60.0)
    unit.pressure = unit.values["PT-1"] = 85.0
    unit.scan()
    assert unit.outputs[-1] == 0.0
    unit.run(60)
    assert unit.command("PV-1").restricted_by == ()
    assert (unit.outputs[-1], unit.loop("PIC-1").output) == (0.0, 0.0)


def test_an_actuator_that_does_not_follow_winds_nothing_up() -> None:
    """M08: stuck at its old value for five minutes while the plant is disturbed; free again, it moves on from there."""
    unit = settled()
    stuck_at = unit.outputs[-1]
    unit.stuck["PV-1"] = stuck_at
    unit.load = -10.0
    unit.run(300)
    assert unit.loop("PIC-1").condition in ("tracking", "regulating")
    assert unit.command("PV-1").restricted_by == ("not following",)
    assert unit.outputs[-1] == pytest.approx(stuck_at, abs=ONE_PERCENT)
    assert unit.told("actuator", "PV-1") == [("following", "not following")]
    unit.stuck.clear()
    unit.run(2)
    assert unit.outputs[-1] == pytest.approx(stuck_at, abs=5.0)
    unit.run(10)
    assert unit.told("actuator", "PV-1")[1:] == [("not following", "following")]
    unit.run(600)
    assert unit.pressure == pytest.approx(50.0, abs=0.2)


@pytest.mark.parametrize("load", [-10.0, 10.0])
def test_an_actuator_that_was_stuck_regulates_again_when_it_is_free(load: float) -> None:
    """M08: nobody touches it, so it can only show that it follows by going where the loop asks. The vessel must not cool down meanwhile."""
    unit = settled(valve=replace(SMALL_VALVE, tolerance=2.0))
    stuck_at = unit.outputs[-1]
    unit.stuck["PV-1"] = stuck_at
    unit.load = load
    unit.run(30)
    assert unit.command("PV-1").restricted_by == ("not following",)
    assert abs(unit.outputs[-1] - stuck_at) < 4.0, "it tracks what is stuck"
    unit.stuck.clear()
    unit.run(20)
    assert unit.command("PV-1").restricted_by == ()
    assert unit.loop("PIC-1").condition == "regulating"
    unit.run(400)
    assert unit.pressure == pytest.approx(50.0, abs=0.5)


def test_failed_writes_stop_the_integral() -> None:
    """An actuator whose writes fail counts as standing where it was confirmed last."""
    unit = settled()
    stood_at = unit.outputs[-1]
    unit.stuck["PV-1"] = None
    unit.load = -30.0
    unit.run(300)
    assert unit.command("PV-1").restricted_by == ("not following",)
    assert unit.outputs[-1] == pytest.approx(stood_at, abs=1.5 * ONE_PERCENT)
    unit.stuck.clear()
    unit.run(3)
    assert unit.worst_step(3) < 1.5 * ONE_PERCENT


def test_a_restart_starts_from_what_was_found() -> None:
    """Found standing at 48 % with the plant settled there: the first scan goes on from 48 %."""
    unit = Closed(small(), found={"PV-1": 48.0}, pressure=48.0)
    unit.scan()
    assert unit.outputs[-1] == pytest.approx(48.0, abs=ONE_PERCENT)


def test_without_anything_found_or_known_outputs_are_safe() -> None:
    """The first scan of all knows nothing and moves nothing; a first doubtful value is no permission either."""
    unit = Closed(small(valve=replace(SMALL_VALVE, safe=5.0, normal=30.0)))
    unit.silent.add("PT-1")
    unit.run(20)
    assert set(unit.outputs) == {5.0}
    assert unit.command("PV-1").source == "PIC-1 waiting"
    unit.silent.clear()
    unit.status["PT-1"] = DeviceStatus.OUT_OF_SPECIFICATION
    unit.run(3)
    assert set(unit.outputs) == {5.0}
    unit.status.clear()
    unit.scan()
    error = SMALL_LOOP.setpoint - (unit.measurement("PT-1").value or 0.0)
    assert unit.outputs[-1] == pytest.approx(5.0 + SMALL_LOOP.gain * error, abs=ONE_PERCENT), (
        "a start-up acts at once"
    )


def test_what_was_found_moving_goes_safe_at_once_while_nothing_is_known() -> None:
    """A11: whatever the rate limit, and although the safe value is outside the loop's segment."""
    valve = replace(SMALL_VALVE, safe=2.0, rate_per_s=1.0)
    segment = replace(SMALL_LOOP.segments[0], low=10.0)
    unit = Closed(small(replace(SMALL_LOOP, segments=(segment,)), valve), found={"PV-1": 50.0})
    unit.silent.add("PT-1")
    unit.run(3)
    assert unit.outputs == [2.0, 2.0, 2.0]


def test_the_set_point_ramps_from_the_process_value_and_then_from_itself() -> None:
    unit = Closed(small(replace(SMALL_LOOP, setpoint_rate_per_s=0.5)), pressure=20.0)
    unit.scan()
    assert unit.loop("PIC-1").setpoint == 20.5
    unit.run(100)
    assert unit.loop("PIC-1").setpoint == 50.0
    unit.ask(Ask.SETPOINT, "PIC-1", 48.0)
    assert unit.loop("PIC-1").setpoint == 49.5
    unit.status["PT-1"] = DeviceStatus.OUT_OF_SPECIFICATION
    unit.scan()
    assert unit.loop("PIC-1").setpoint == 49.5, "held, not ramped on"
    unit.status.clear()
    unit.run(3)
    assert unit.loop("PIC-1").setpoint == 48.0
    unit.ask(Ask.MODE, "PIC-1", "MAN")
    unit.pressure = unit.values["PT-1"] = 95.0
    unit.ask(Ask.MODE, "PIC-1", "AUTO")
    assert unit.loop("PIC-1").setpoint == pytest.approx(90.0 - 0.5), "begins inside the set-point limits"


def test_without_integral_action_a_loop_is_bumpless_and_follows_its_own_law_again() -> None:
    unit = settled(replace(SMALL_LOOP, integral_s=0.0, gain=4.0))
    unit.status["PT-1"] = DeviceStatus.FAILURE
    unit.run(60)
    unit.status.clear()
    unit.run(3)
    assert unit.worst_step(3) < 10 * ONE_PERCENT
    unit.run(1200)
    assert unit.outputs[-1] == pytest.approx(4.0 * (50.0 - unit.pressure), abs=0.1)


PH = loop_of(AIC_PH, "", {a.name: a for a in demo().actuators})


@pytest.mark.parametrize(
    ("output", "co2", "base"),
    [
        (-150.0, 60.0, 0.0),
        (-100.0, 60.0, 0.0),
        (-25.0, 15.0, 0.0),
        (0.0, 0.0, 0.0),
        (50.0, 0.0, 1.0),
        (200.0, 0.0, 2.0),
    ],
)
def test_split_range(output: float, co2: float, base: float) -> None:
    """The negative half opens CO2, the positive half runs base, never both; and the way back finds the output."""
    values = [asked(share, output) for share in PH.shares]
    assert values == [co2, base]
    assert achieved_output(PH.shares, output, {"FV-102": co2, "P-101": base}, PH.grain) == output


@pytest.mark.parametrize(
    ("output", "co2", "base", "stands_for"),
    [
        (50.0, 0.0, 0.0, 0.0),  # base held at zero
        (50.0, 0.0, 0.5, 25.0),
        (-50.0, 0.0, 0.0, 0.0),  # CO2 held at zero
        (-50.0, 60.0, 0.0, -100.0),  # CO2 forced open
        (-50.0, 90.0, 0.0, -100.0),  # beyond its segment
        (50.0, 30.0, 1.0, -50.0),  # both: the one further from what was asked
        (150.0, 0.0, 2.0, 150.0),
    ],
)
def test_split_range_backwards(output: float, co2: float, base: float, stands_for: float) -> None:
    """What the actuators of a split range stand for is the loop output nearest to the one asked for."""
    assert achieved_output(PH.shares, output, {"FV-102": co2, "P-101": base}, PH.grain) == stands_for


def test_the_other_half_of_a_split_range_still_regulates() -> None:
    """With base locked out, CO2 goes on; a demand for base does not wind up meanwhile."""
    unit = Bench(with_loop(replace(AIC_PH, tag="TT-103", setpoint=30.0, setpoint_high=40.0)))
    unit.values |= {"AT-101": 7.5, "TT-103": 30.5}
    unit.run(120)
    assert unit.command("P-101").restricted_by == ("ASH-101",)
    assert unit.output("FV-102") > 10.0
    assert unit.loop("AIC-101").condition == "regulating"
    unit.values["TT-103"] = 29.5
    unit.run(300)
    assert (unit.output("P-101"), unit.output("FV-102")) == (0.0, 0.0)
    assert unit.loop("AIC-101").condition == "tracking"
    unit.values |= {"AT-101": 7.2, "TT-103": 29.9}
    unit.scan()
    assert 0.0 < unit.output("P-101") < 0.02, "one step of integration, a hundredth of its span"
    assert unit.loop("AIC-101").mode is Mode.AUTO


def test_direct_action_opens_on_a_rising_value() -> None:
    unit = Closed(small(replace(SMALL_LOOP, gain=-1.0)), pressure=60.0)
    unit.scan()
    unit.pressure = unit.values["PT-1"] = 65.0
    before = unit.outputs[-1]
    unit.scan()
    assert unit.outputs[-1] > before + 4.0


def test_an_actuator_narrower_than_its_segment_is_a_limit_like_any_other() -> None:
    unit = settled(valve=ActuatorPlan("PV-1", "o.PV-1", "%", 0.0, 60.0, safe=0.0))
    unit.load = -40.0
    unit.run(900)
    assert (unit.outputs[-1], unit.command("PV-1").restricted_by) == (60.0, ("high limit",))
    assert unit.loop("PIC-1").output < 100.0
    unit.load = 30.0
    unit.run(40)
    assert unit.outputs[-1] < 55.0
