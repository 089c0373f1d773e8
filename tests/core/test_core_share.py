"""Shares of a loop's output: curves that rise and fall, what the actuators stand for, and the hand-over from servo to servo."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.core.handover import gates_of, pass_gates, rest_of
from edgectl.core.share import Share, achieved_output, asked, share_of
from edgectl.core.unit import unit_of
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from edgectl.model.request import Ask
from tests.core.rig import Bench, demo

GRAIN = 1e-7
# air rises to its end and then gives way to O2 at a constant total of 100 mL/min
AIR = SegmentPlan("air", 0.0, 100.0, 50.0, 0.0, ((0.0, 50.0), (20.0, 50.0), (40.0, 100.0), (100.0, 0.0)))
OXYGEN = SegmentPlan("o2", 40.0, 100.0, 0.0, 100.0)
STIRRER = SegmentPlan("stirrer", 0.0, 20.0, 100.0, 200.0)
SHARES = tuple(share_of(plan, 0.0) for plan in (STIRRER, AIR, OXYGEN))


def stand(output: float, shares: tuple[Share, ...] = SHARES, **instead: float) -> dict[str, float]:
    """Where the actuators stand at an output, some of them elsewhere."""
    return {share.actuator: asked(share, output) for share in shares} | instead


@pytest.mark.parametrize(
    ("output", "air", "oxygen"),
    [
        (-5.0, 50.0, 0.0),
        (10.0, 50.0, 0.0),
        (30.0, 75.0, 0.0),
        (40.0, 100.0, 0.0),
        (70.0, 50.0, 50.0),
        (120.0, 0.0, 100.0),
    ],
)
def test_a_share_follows_its_points(output: float, air: float, oxygen: float) -> None:
    assert asked(SHARES[1], output) == pytest.approx(air)
    assert asked(SHARES[2], output) == pytest.approx(oxygen)


@given(st.floats(-20.0, 120.0))
def test_actuators_that_do_as_asked_stand_for_what_was_asked(output: float) -> None:
    assert achieved_output(SHARES, output, stand(output), GRAIN) == output


@given(st.floats(40.0, 100.0))
def test_enrichment_keeps_the_total_flow(output: float) -> None:
    assert asked(SHARES[1], output) + asked(SHARES[2], output) == pytest.approx(100.0)


def test_oxygen_that_is_held_back_stands_for_its_border() -> None:
    assert achieved_output(SHARES, 70.0, stand(70.0, o2=0.0), GRAIN) == pytest.approx(40.0)


def test_air_that_is_late_on_its_way_is_read_on_the_nearer_branch() -> None:
    """At 60 mL/min air means 24 or 64 % of output."""
    assert achieved_output(SHARES, 70.0, stand(70.0, air=60.0), GRAIN) == pytest.approx(64.0)
    assert achieved_output(SHARES, 70.0, stand(70.0, air=60.0, o2=0.0), GRAIN) == pytest.approx(40.0)


def test_a_plateau_stands_for_all_of_itself() -> None:
    plateau = share_of(
        SegmentPlan("air", 0.0, 100.0, 0.0, 100.0, ((0.0, 0.0), (20.0, 50.0), (60.0, 50.0), (100.0, 100.0))),
        0.0,
    )
    assert achieved_output((plateau,), 45.0, {"air": 50.0}, GRAIN) == 45.0
    assert achieved_output((plateau,), 80.0, {"air": 50.0}, GRAIN) == 60.0
    assert achieved_output((plateau,), 5.0, {"air": 50.0}, GRAIN) == 20.0


def test_a_value_beyond_every_point_counts_as_the_nearest() -> None:
    assert achieved_output((SHARES[1],), 30.0, {"air": 150.0}, GRAIN) == pytest.approx(40.0)


@given(
    st.floats(-120.0, 120.0),
    st.floats(0.0, 60.0),
    st.floats(0.0, 2.0),
)
def test_linear_shares_are_read_as_ever(output: float, co2: float, base: float) -> None:
    """Written out once more for two straight shares that meet at 0."""
    shares = (
        share_of(SegmentPlan("co2", -100.0, 0.0, 60.0, 0.0), 0.0),
        share_of(SegmentPlan("base", 0.0, 100.0, 0.0, 2.0), 0.0),
    )
    low = -100.0 + (co2 - 60.0) / -0.6
    low = min(output, -100.0) if low <= -100.0 else max(output, 0.0) if low >= 0.0 else low
    high = base / 0.02
    high = min(output, 0.0) if high <= 0.0 else max(output, 100.0) if high >= 100.0 else high
    expected = max((output, low, high), key=lambda x: abs(x - output))
    assert achieved_output(shares, output, {"co2": co2, "base": base}, GRAIN) == pytest.approx(
        expected, abs=1e-6
    )


# the hand-over


def gates(*waits: float, rest: float = 0.0) -> Any:
    plans = [replace(share.plan, wait_s=wait) for share, wait in zip(SHARES, waits, strict=True)]
    return gates_of([share_of(plan, 0.0) for plan in plans], rest, ["stirrer", "air", "O2"])


def test_a_gate_stands_where_its_servo_begins_to_rise() -> None:
    assert [(gate.border, gate.sign, gate.reason) for gate in gates(0.0, 60.0, 30.0)] == [
        (20.0, 1.0, "waiting for air"),
        (40.0, 1.0, "waiting for O2"),
    ]


def test_rest_is_zero_or_the_nearest_end() -> None:
    assert (rest_of(-100.0, 100.0), rest_of(25.0, 42.0), rest_of(-50.0, -10.0)) == (0.0, 25.0, -10.0)


def test_an_output_waits_at_the_border_until_it_was_wanted_for_long_enough() -> None:
    gate = gates(0.0, 0.0, 5.0)
    waited: tuple[float, ...] = ()
    seen = []
    output = 0.0
    for wanted in [30.0, *[60.0] * 7]:
        output, waited, reason = pass_gates(gate, waited, output, wanted, 1.0, GRAIN)
        seen.append((output, reason))
    assert seen == [(30.0, ""), *[(40.0, "waiting for O2")] * 4, *[(60.0, "")] * 3]


def test_noise_at_a_border_neither_opens_it_nor_shuts_it_for_ever() -> None:
    gate, output = gates(0.0, 0.0, 5.0), 0.0
    waited: tuple[float, ...] = ()
    for wanted in [60.0, 30.0] * 20:
        output, waited, _ = pass_gates(gate, waited, output, wanted, 1.0, GRAIN)
        assert output == min(wanted, 40.0)
    outputs = []
    for wanted in [60.0, 60.0, 30.0] * 5:
        output, waited, _ = pass_gates(gate, waited, output, wanted, 1.0, GRAIN)
        outputs.append(output)
    shut, open_ = [40.0, 40.0, 30.0] * 3, [60.0, 60.0, 30.0]
    assert outputs == [*shut, 40.0, 60.0, 30.0, *open_], "each round counts one second of the five"


def test_the_way_back_has_no_wait() -> None:
    gate, output = gates(0.0, 60.0, 5.0), 80.0
    waited: tuple[float, ...] = ()
    output, waited, reason = pass_gates(gate, waited, output, 10.0, 1.0, GRAIN)
    assert (output, reason) == (10.0, "")


def test_below_zero_the_sides_are_changed() -> None:
    nitrogen = share_of(SegmentPlan("n2", -30.0, 0.0, 50.0, 0.0, (), 10.0), 0.0)
    (gate,) = gates_of([nitrogen], 0.0, ["N2"])
    assert (gate.border, gate.sign) == (0.0, -1.0)
    assert pass_gates((gate,), (), 0.0, -5.0, 1.0, GRAIN)[0] == 0.0
    assert pass_gates((gate,), (9.0,), 0.0, -5.0, 1.0, GRAIN)[0] == -5.0


TAG = TagPlan("AT-1", "i.AT-1", "%", 0.0, 300.0, late_s=2.5, stale_s=5.0)
VALVES = (
    ActuatorPlan("air", "o.air", "mL/min", 0.0, 100.0, safe=50.0),
    ActuatorPlan("o2", "o.o2", "mL/min", 0.0, 100.0, safe=0.0, description="O2"),
    ActuatorPlan("stirrer", "o.stirrer", "rpm", 0.0, 300.0, safe=100.0),
)
LOOP = LoopPlan(
    name="AIC-1",
    tag="AT-1",
    unit="%",
    segments=(STIRRER, AIR, replace(OXYGEN, wait_s=60.0)),
    out_low=0.0,
    out_high=100.0,
    setpoint=40.0,
    setpoint_low=0.0,
    setpoint_high=100.0,
    gain=2.0,
    integral_s=100.0,
    fallback=0.0,
)


def unit() -> Bench:
    plan: Plan = demo(tags=(TAG,), actuators=VALVES, interlocks=(), loops=(LOOP,))
    bench = Bench(plan)
    bench.values = {"AT-1": 40.0}
    bench.run(3)
    return bench


def test_a_loop_waits_for_its_next_servo_without_winding_up() -> None:
    bench = unit()
    bench.values["AT-1"] = 10.0
    bench.scan()
    loop = bench.loop("AIC-1")
    assert (loop.output, loop.limit, bench.output("o2")) == (40.0, "waiting for O2", 0.0)
    bench.run(58)
    assert bench.output("o2") == 0.0
    assert bench.loop("AIC-1").pid.integral < 10.0, "the integral follows the border"
    bench.run(2)
    loop = bench.loop("AIC-1")
    assert loop.limit == ""
    assert bench.output("o2") > 0.0
    assert loop.output == loop.achieved


def test_a_loop_in_the_middle_of_its_sequence_does_not_wait_again() -> None:
    """By hand it stands at 70 %: back in AUTO it goes on from there."""
    bench = unit()
    bench.ask(Ask.MODE, "AIC-1", "MAN")
    bench.ask(Ask.OUTPUT, "AIC-1", 70.0)
    bench.ask(Ask.MODE, "AIC-1", Mode.AUTO.value)
    assert bench.loop("AIC-1").output == pytest.approx(70.0, abs=0.1)
    assert bench.loop("AIC-1").limit == ""


def test_a_share_that_never_moves_or_goes_back_is_no_share() -> None:
    for points in (((0.0, 5.0), (50.0, 5.0), (100.0, 5.0)), ((0.0, 0.0), (50.0, 10.0), (50.0, 20.0))):
        broken = replace(LOOP, segments=(SegmentPlan("o2", 0.0, 100.0, 0.0, 10.0, points),))
        with pytest.raises(ValueError, match="no slope"):
            unit_of(demo(tags=(TAG,), actuators=VALVES, interlocks=(), loops=(broken,)))
