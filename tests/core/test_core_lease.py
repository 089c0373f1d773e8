"""Minimum times: outputs are spared what oscillates, and protection waits for none of it (A07)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.lease import MINIMUM_OFF, MINIMUM_ON, kept, stood
from edgectl.model.plan import ActuatorPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask
from edgectl.model.safety import InterlockPlan, Relation
from edgectl.model.state import ActuatorState
from tests.core.rig import Bench, demo, small

PUMP = ActuatorPlan("P", "o.p", "mL/min", 0.0, 5.0, safe=1.0, resolution=0.125, min_on_s=10.0, min_off_s=20.0)


@pytest.mark.parametrize(
    ("value", "stood_s", "wish", "protective", "expected"),
    [
        (3.0, 8.0, 1.0, False, (3.0, MINIMUM_ON)),
        (3.0, 9.0, 1.0, False, (1.0, "")),
        (3.0, 0.0, 1.0, True, (1.0, "")),
        (3.0, 0.0, 1.125, False, (3.0, MINIMUM_ON)),  # within the resolution of safe is safe
        (3.0, 0.0, 1.25, False, (1.25, "")),
        (3.0, 0.0, 0.0, False, (0.0, "")),  # beyond the safe value is away from it too
        (1.0, 18.0, 3.0, False, (1.0, MINIMUM_OFF)),
        (1.0, 19.0, 3.0, False, (3.0, "")),
        (1.0, 0.0, 3.0, True, (1.0, MINIMUM_OFF)),  # away from safe is no protection
        (1.125, 0.0, 3.0, False, (1.0, MINIMUM_OFF)),
        (1.25, 0.0, 3.0, False, (3.0, "")),
        (1.0, 0.0, 1.05, False, (1.05, "")),
    ],
)
def test_minimum_times(
    value: float, stood_s: float, wish: float, protective: bool, expected: tuple[float, str]
) -> None:
    state = ActuatorState(value, stood_s=stood_s)
    assert kept(PUMP, state, wish, 1.0, protective=protective) == expected


@pytest.mark.parametrize(
    ("plan", "wish", "expected"),
    [
        (replace(PUMP, min_on_s=0.0), 1.0, (1.0, "")),
        (replace(PUMP, min_off_s=0.0), 1.0, (3.0, MINIMUM_ON)),
        (replace(PUMP, min_on_s=0.0, min_off_s=0.0), 1.0, (1.0, "")),
    ],
)
def test_each_minimum_time_stands_alone(plan: ActuatorPlan, wish: float, expected: tuple[float, str]) -> None:
    assert kept(plan, ActuatorState(3.0), wish, 1.0, protective=False) == expected


@pytest.mark.parametrize(
    ("value", "stood_s", "becomes", "expected"),
    [(1.0, 5.0, 1.0, 6.0), (1.0, 5.0, 3.0, 0.0), (3.0, 5.0, 4.0, 6.0), (3.0, 5.0, 1.0, 0.0), (1.0, 19.5, 1.0, 20.0)],
)  # fmt: skip
def test_time_counts_on_one_side_of_safe(
    value: float, stood_s: float, becomes: float, expected: float
) -> None:
    assert stood(PUMP, ActuatorState(value, stood_s=stood_s), becomes, 1.0) == expected


def test_an_output_without_minimum_times_keeps_no_count() -> None:
    plan = replace(PUMP, min_on_s=0.0, min_off_s=0.0)
    assert stood(plan, ActuatorState(1.0), 1.0, 1.0) == 0.0


CONTACTOR = ActuatorPlan(
    "HS-101", "relay.r1", "", 0.0, 1.0, safe=0.0, normal=1.0, discrete=True, min_on_s=10.0, min_off_s=30.0
)


def heated(**changes: object) -> Bench:
    """The demo unit with a contactor that must not be hurried."""
    plan = demo()
    actuators = tuple(CONTACTOR if a.name == "HS-101" else a for a in plan.actuators)
    return Bench(demo(actuators=actuators, **changes))


def test_a_contactor_waits_after_a_start_and_says_why() -> None:
    unit = heated()
    unit.run(29)
    assert unit.command("HS-101").restricted_by == (MINIMUM_OFF,)
    assert unit.output("HS-101") == 0.0
    unit.scan()
    assert (unit.output("HS-101"), unit.command("HS-101").restricted_by) == (1.0, ())


def test_a_wish_to_switch_off_waits_and_is_not_lost() -> None:
    unit = heated()
    unit.run(30)
    unit.ask(Ask.OUTPUT, "HS-101", 0.0)
    assert (unit.output("HS-101"), unit.command("HS-101").restricted_by) == (1.0, (MINIMUM_ON,))
    unit.run(8)
    assert unit.output("HS-101") == 1.0
    unit.scan()
    assert (unit.output("HS-101"), unit.command("HS-101").restricted_by) == (0.0, ())


def test_no_minimum_time_delays_an_interlock() -> None:
    unit = heated()
    unit.run(30)
    assert unit.output("HS-101") == 1.0
    unit.values["TT-101"] = 39.0
    unit.scan()
    assert (unit.output("HS-101"), unit.command("HS-101").restricted_by) == (0.0, ("TSHH-101",))


def test_no_minimum_time_delays_a_fallback_to_safe() -> None:
    valve = ActuatorPlan("PV-1", "o.PV-1", "%", 0.0, 100.0, safe=10.0, min_on_s=60.0)
    unit = Bench(small(valve=valve))
    unit.values = {"PT-1": 20.0}
    unit.run(3)
    assert unit.output("PV-1") > 10.0
    unit.status["PT-1"] = DeviceStatus.FAILURE
    unit.scan()
    assert unit.output("PV-1") == 10.0


def test_a_loop_held_at_its_minimum_time_takes_up_again_from_there() -> None:
    """The integral tracks what was let through, as behind any limit, and a manual output is only delayed."""
    valve = ActuatorPlan("PV-1", "o.PV-1", "%", 0.0, 100.0, safe=0.0, min_off_s=60.0)
    unit = Bench(small(valve=valve))
    unit.values = {"PT-1": 49.0}
    unit.run(59)
    assert unit.output("PV-1") == 0.0
    unit.run(2)
    assert 0.0 < unit.output("PV-1") < 5.0
    assert unit.loop("PIC-1").condition == "regulating"


def switches(unit: Bench, values: list[float]) -> int:
    """How often the contactor closes while the temperature goes through ``values``."""
    closed, before = 0, unit.state.actuators["HS-101"].value
    for value in values:
        unit.values["TT-101"] = value
        unit.scan()
        after = unit.output("HS-101")
        closed, before = closed + (after > before), after
    return closed


def test_a_reading_that_oscillates_around_a_limit_switches_no_more_than_configured() -> None:
    """A07: an hour of jumps over the limit and back every other second closes the contactor at most every 30 s."""
    lock = InterlockPlan("TSHH-101", "TT-101", Relation.ABOVE, 38.5, ("HS-101",))
    unit = heated(interlocks=(lock,))
    unit.run(40)
    assert 100 < switches(unit, [38.6, 38.4] * 1800) <= 120


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([38.4, 38.6]), min_size=100, max_size=300))
def test_however_it_oscillates_it_rests_thirty_seconds_between(values: list[float]) -> None:
    lock = InterlockPlan("TSHH-101", "TT-101", Relation.ABOVE, 38.5, ("HS-101",))
    unit = heated(interlocks=(lock,))
    assert switches(unit, values) <= len(values) / 30
