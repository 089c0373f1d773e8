"""A loop whose probe is away carries its load; whose flow does not come learns of it; whose noise is small stays still."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from edgectl.core.interlock import watch
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.quality import Quality
from edgectl.model.safety import InterlockPlan, Relation
from edgectl.model.state import InterlockState
from tests.core.rig import Bench, demo


def unit(loop: str, actuators: dict[str, dict[str, Any]] | None = None, **new: Any) -> Plan:
    plan = demo(interlocks=())
    loops = tuple(replace(item, **new) if item.name == loop else item for item in plan.loops)
    changed = tuple(replace(item, **(actuators or {}).get(item.name, {})) for item in plan.actuators)
    return replace(plan, loops=loops, actuators=changed)


def settled(plan: Plan, **values: float) -> Bench:
    bench = Bench(plan)
    bench.values.update(values)
    bench.run(400)
    return bench


def test_without_its_tag_a_loop_stays_at_its_load_for_so_long_and_then_falls_back() -> None:
    bench = settled(unit("AIC-102", ride_s=60.0), **{"AT-102": 38.0})
    load = bench.loop("AIC-102").pid.integral
    assert load > 1.0
    bench.values["AT-102"] = None
    bench.run(30)
    assert bench.loop("AIC-102").condition == "holding"
    assert bench.loop("AIC-102").output == pytest.approx(load, rel=0.05)
    bench.run(40)
    assert (bench.loop("AIC-102").condition, bench.loop("AIC-102").output) == ("fallback", 0.0)


def test_without_a_ride_a_bad_tag_takes_the_fallback_at_once() -> None:
    bench = settled(unit("AIC-102"), **{"AT-102": 38.0})
    bench.values["AT-102"] = None
    bench.run(4)
    assert bench.loop("AIC-102").condition == "fallback"


def test_base_is_never_carried_into_a_culture_whose_ph_nobody_knows() -> None:
    bench = settled(unit("AIC-101", ride_s=60.0, ride_most=0.0, dead_band=0.0), **{"AT-101": 7.15})
    assert bench.loop("AIC-101").pid.integral > 0.0
    bench.values["AT-101"] = None
    bench.run(10)
    assert bench.loop("AIC-101").condition == "holding"
    assert bench.loop("AIC-101").output == 0.0


def test_an_empty_bottle_freezes_the_integral_and_holds_the_output_back() -> None:
    """The instrument confirms its set point, and nothing flows."""
    metered = {"FV-103": {"delivered": "FT-103"}}
    plain = settled(unit("AIC-102"), **{"AT-102": 10.0, "FT-103": 0.0})
    bench = settled(unit("AIC-102", metered), **{"AT-102": 10.0, "FT-103": 0.0})
    assert plain.loop("AIC-102").output > 100.0
    assert bench.loop("AIC-102").output <= 10.0 + 1e-9  # 5 % of the span, to notice that it flows again
    assert bench.loop("AIC-102").pid.integral < 1.0


def test_the_load_is_remembered_through_a_shortage() -> None:
    bench = settled(unit("AIC-102", {"FV-103": {"delivered": "FT-103"}}), **{"AT-102": 40.0, "FT-103": 0.0})
    loop = replace(bench.loop("AIC-102"), pid=bench.loop("AIC-102").pid._replace(integral=60.0), output=60.0)
    bench.state = replace(bench.state, loops={**bench.state.loops, "AIC-102": loop})
    bench.values["AT-102"] = 35.0
    bench.run(200)
    assert bench.loop("AIC-102").achieved == 0.0
    assert bench.loop("AIC-102").pid.integral == pytest.approx(60.0, abs=5.0)


def test_a_flow_on_its_way_is_no_shortage() -> None:
    """It shows the command before: the loop does what it would do without a meter."""
    twin, bench = Bench(unit("AIC-102")), Bench(unit("AIC-102", {"FV-103": {"delivered": "FT-103"}}))
    for second in range(200):
        twin.values["AT-102"] = bench.values["AT-102"] = 10.0 if second < 100 else 60.0
        bench.values["FT-103"] = bench.state.actuators["FV-103"].value
        twin.run(1)
        bench.run(1)
    assert bench.loop("AIC-102") == twin.loop("AIC-102")


def test_moves_smaller_than_a_step_are_not_made_and_ends_are_reached() -> None:
    outputs = {}
    for step in (0.0, 4.0):
        bench = settled(unit("AIC-102", output_step=step, derivative_s=0.0), **{"AT-102": 39.0})
        seen = []
        for scan in range(200):
            bench.values["AT-102"] = 40.0 + (1.0 if scan % 2 else -1.0)
            bench.run(2)
            seen.append(bench.loop("AIC-102").output)
        outputs[step] = sum(a != b for a, b in pairwise(seen[20:]))
        bench.values["AT-102"] = 80.0
        bench.run(600)
        assert bench.loop("AIC-102").output == 0.0
        bench.values["AT-102"] = 0.0
        bench.run(900)
        assert bench.loop("AIC-102").output == 200.0
    assert outputs[0.0] > 100
    assert outputs[4.0] <= 2


def test_an_interlock_may_be_more_patient_with_an_unknown_tag_than_with_a_bad_value() -> None:
    plan = InterlockPlan("co2-stop", "AT-101", Relation.BELOW, 6.9, ("FV-102",), delay_s=2.0, unknown_s=30.0)
    at = Instant(0, 0)
    known, unknown = InterlockState(), InterlockState()
    for second in range(1, 40):
        known = watch(plan, known, Measurement("AT-101", 6.5, Quality.GOOD, "", at), 1.0)
        unknown = watch(plan, unknown, Measurement("AT-101", None, Quality.BAD, "away", at), 1.0)
        assert known.active is (second >= 2)
        assert unknown.active is (second >= 30)
    strict = replace(plan, unknown_s=None)
    state = InterlockState()
    for _ in range(2):
        state = watch(strict, state, Measurement("AT-101", None, Quality.BAD, "away", at), 1.0)
    assert state.active
