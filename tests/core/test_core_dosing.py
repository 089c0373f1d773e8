"""Dosing: the mean of pulses is what was asked, nothing that was forbidden comes later, and rivals never act together."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgectl.core.dosing import FILLING, FRESH, LOCKOUT, PULSE, dose, passed, settled
from edgectl.model.dosing import PulsePlan
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from edgectl.model.request import Ask
from edgectl.model.safety import DosePlan, InterlockPlan, Relation
from tests.core.rig import Bench, demo, loop_plan, request

# 1 mL/min for at least 2 s; steadily from 0.2 mL/min
PULSES = PulsePlan(flow=1.0, least=2.0 / 60.0, continuous=0.2, rate_s=60.0, cycle_s=120.0, mixing_s=30.0)
HOUR = 3600


def run(
    demands: list[float], plan: PulsePlan = PULSES, allowed: list[bool] | None = None, batch: str = ""
) -> list[float]:
    """What is given in each second; where it is not ``allowed`` the chain makes it 0."""
    state, given_flows = FRESH, []
    for k, demand in enumerate(demands):
        state = passed(plan, state, 1.0)
        wanted = dose(plan, state, demand, batch, 1.0)
        free = allowed is None or allowed[k]
        value = wanted.value if free else 0.0
        state = settled(plan, wanted.state, demand, value, free=free and not wanted.reason)
        given_flows.append(value)
    return given_flows


def volume(flows: list[float]) -> float:
    return sum(flows) / 60.0


def starts(flows: list[float]) -> list[int]:
    return [k for k, flow in enumerate(flows) if flow > 0.0 and (k == 0 or flows[k - 1] == 0.0)]


@pytest.mark.parametrize("demand", [0.001, 0.01, 0.05, 0.19])
def test_small_demands_are_given_on_the_mean(demand: float) -> None:
    flows = run([demand] * 4 * HOUR)
    assert volume(flows) == pytest.approx(demand * 240.0, abs=PULSES.least + demand * 2.0 + 1.0 / 60.0)
    assert set(flows) == {0.0, 1.0}


def test_pulses_have_their_length_and_their_distance() -> None:
    flows = run([0.03] * 2 * HOUR)
    begun = starts(flows)
    assert len(begun) > 20
    assert min(b - a for a, b in pairwise(begun)) >= 120
    assert all(flows[k : k + 2] == [1.0, 1.0] for k in begun)
    assert len(begun) / 2 < 31


def test_from_the_smallest_steady_flow_on_it_runs_steadily() -> None:
    assert run([0.3] * 100) == [0.3] * 100


def test_after_a_pulse_nothing_is_given_until_it_is_mixed_in() -> None:
    """Not even when the demand is large meanwhile."""
    flows = run([0.1] * 24 + [0.5] * 60)
    first = starts(flows)[0]
    end = next(k for k in range(first, len(flows)) if flows[k] == 0.0)
    assert flows[end : end + 29] == [0.0] * 29
    assert max(flows[end + 29 : end + 33]) >= 0.5


def test_without_a_demand_nothing_is_given() -> None:
    flows = run([0.15] * 50 + [0.0] * 600)
    assert volume(flows[60:]) == 0.0


@given(st.lists(st.floats(0.0, 0.19), min_size=2, max_size=6), st.integers(60, 900))
@settings(deadline=None, max_examples=40)
def test_whatever_is_asked_is_given_and_no_more(levels: list[float], seconds: int) -> None:
    demands = [level for level in levels for _ in range(seconds)]
    given_volume, asked = volume(run(demands)), volume(demands)
    slack = PULSES.least + 0.2 * 120.0 / 60.0 + 1.0 / 60.0
    assert given_volume <= asked + PULSES.least + 1.0 / 60.0
    assert given_volume >= asked - slack * len(levels)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 400)), min_size=2, max_size=12),
    st.floats(0.0, 0.5),
)
@settings(deadline=None, max_examples=60)
@example(spells=[(True, 125), (False, 5), (True, 10)], demand=0.19)  # a pulse was due within seconds
def test_nothing_that_was_forbidden_comes_later(spells: list[tuple[bool, int]], demand: float) -> None:
    """In each spell without a restriction at most what is asked in it, what one cycle may owe from before it, and one pulse."""
    allowed = [free for free, length in spells for _ in range(length)]
    flows = run([demand] * len(allowed), allowed=allowed)
    begin = 0
    for k in range(1, len(allowed) + 1):
        if k == len(allowed) or allowed[k] != allowed[begin]:
            if allowed[begin]:
                asked = demand * (k - begin) / 60.0
                assert volume(flows[begin:k]) <= asked + PULSES.least + 2.0 / 60.0
            else:
                assert volume(flows[begin:k]) == 0.0
            begin = k


def test_a_late_scan_loses_nothing() -> None:
    """Every tenth scan is 5 s late: what the pump gave meanwhile is booked."""
    state, given_volume, asked = FRESH, 0.0, 0.0
    value = 0.0
    for k in range(4000):
        dt_s = 6.0 if k % 10 == 0 else 1.0
        given_volume += value * dt_s / 60.0
        asked += 0.05 * dt_s / 60.0
        state = passed(PULSES, state, dt_s)
        wanted = dose(PULSES, state, 0.05, "", 1.0)
        value = wanted.value
        state = settled(PULSES, wanted.state, 0.05, value, free=True)
    assert given_volume == pytest.approx(asked, abs=0.2)


# in a unit

VALVES = (
    ActuatorPlan("FV-102", "o.co2", "mL/min", 0.0, 60.0, safe=0.0, rivals=("P-101",), lockout_s=60.0),
    ActuatorPlan(
        "P-101",
        "o.base",
        "mL/min",
        0.0,
        2.0,
        safe=0.0,
        pulse=replace(PULSES, dead=1.0),
        rivals=("FV-102",),
        lockout_s=60.0,
    ),
)
TAG = TagPlan("AT-101", "i.AT-101", "pH", 4.0, 10.0, late_s=2.5, stale_s=5.0)
LOOP = loop_plan("AIC-101", dead_band=0.0, gain=100.0, integral_s=1e9)
STOP = InterlockPlan("ASH-101", "AT-101", Relation.ABOVE, 7.45, ("P-101",))
LIMIT = DosePlan("P-101", rate_s=60.0, per_hour=0.0, per_batch=50.0, unit="mL")


def unit(ph: float = 7.2) -> Bench:
    plan: Plan = demo(tags=(TAG,), actuators=VALVES, interlocks=(STOP,), loops=(LOOP,), doses=(LIMIT,))
    bench = Bench(plan)
    bench.values = {"AT-101": ph}
    return bench


def test_the_loop_sees_the_mean_of_its_pulses() -> None:
    """0.02 pH below: 2 % of output, 0.04 mL/min on the mean; no pulse reaches the integral."""
    bench = unit(7.18)
    flows = []
    for _ in range(1200):
        bench.scan()
        flows.append(bench.output("P-101"))
        assert bench.loop("AIC-101").achieved == pytest.approx(2.0, abs=1e-3)
        assert bench.loop("AIC-101").condition == "regulating"
    assert volume(flows) == pytest.approx(0.04 * 20.0, abs=0.06)
    command = bench.command("P-101")
    assert command.demanded == pytest.approx(0.04, abs=1e-4)
    assert command.restricted_by == (PULSE,)


def test_the_ledger_counts_the_pulses() -> None:
    bench = unit(7.18)
    total = 0.0
    for _ in range(1800):
        bench.scan()
        total += bench.output("P-101") / 60.0
    assert bench.state.doses["P-101"].batch == pytest.approx(total, rel=0.1)
    assert bench.state.doses["P-101"].batch >= total - 0.02


def test_an_interlock_stops_a_pulse_and_the_loop_knows() -> None:
    bench = unit(7.18)
    bench.scan()
    while bench.output("P-101") == 0.0:
        bench.scan()
    bench.values["AT-101"] = 7.5
    bench.scan()
    assert bench.output("P-101") == 0.0
    assert bench.loop("AIC-101").condition == "tracking"
    assert bench.loop("AIC-101").achieved == 0.0
    bench.values["AT-101"] = 7.18
    bench.run(300)
    assert bench.state.dosing["P-101"].owed <= PULSES.least + 0.2 * 120.0 / 60.0


def test_base_and_co2_never_act_together_and_wait_for_each_other() -> None:
    bench = unit(7.0)
    active: list[tuple[bool, bool]] = []
    ended = 0
    for k in range(2400):
        bench.values["AT-101"] = 7.0 if k % 400 < 200 else 7.4
        bench.scan()
        active.append((bench.output("P-101") > 0.0, bench.output("FV-102") > 0.0))
    assert (True, True) not in active
    assert any(base for base, _ in active)
    assert any(co2 for _, co2 in active)
    for k in range(60, len(active)):
        if active[k][1] and not active[k - 1][1]:
            ended += 1
            assert not any(base for base, _ in active[k - 60 : k])
        if active[k][0] and not active[k - 1][0]:
            assert not any(co2 for _, co2 in active[k - 60 : k])
    assert ended >= 4


def test_a_lockout_has_its_name_and_does_not_wind_the_loop_up() -> None:
    bench = unit(7.0)
    bench.run(30)
    bench.values["AT-101"] = 7.4
    bench.run(5)
    command = bench.command("FV-102")
    assert command.restricted_by == (LOCKOUT,)
    assert command.value == 0.0
    assert bench.loop("AIC-101").achieved == 0.0
    assert bench.loop("AIC-101").condition == "regulating", "a lockout is the normal play of dosing"
    bench.run(60)
    assert bench.output("FV-102") > 0.0


def test_two_that_begin_at_once_do_not_both_begin() -> None:
    plan = demo(tags=(TAG,), actuators=VALVES, interlocks=(), loops=())
    bench = Bench(plan)
    bench.values = {"AT-101": 7.2}
    bench.scan()
    bench.scan(request(Ask.OUTPUT, "FV-102", 5.0), request(Ask.OUTPUT, "P-101", 1.0))
    assert (bench.output("FV-102"), bench.output("P-101")) == (5.0, 0.0)
    bench.run(30)
    assert (bench.output("FV-102"), bench.output("P-101")) == (5.0, 0.0)


def test_a_line_is_filled_once_in_each_batch() -> None:
    """1 mL of dead volume at 1 mL/min. A restart within the batch fills nothing."""
    bench = unit(7.18)
    bench.run(300)
    assert bench.state.dosing["P-101"].filling == 0.0, "no batch was ever begun"
    bench.ask(Ask.BATCH, "BR-DEMO", "B-1")
    filled = [bench.scan().commands[1].value for _ in range(80)]
    assert volume(filled) == pytest.approx(1.0, abs=0.1)
    assert bench.state.dosing["P-101"].batch == "B-1"
    later = [bench.scan().commands[1].value for _ in range(600)]
    assert volume(later) < 0.6


def test_while_its_line_is_filled_the_loop_is_told_that_nothing_arrives() -> None:
    bench = unit(7.18)
    bench.run(5)
    bench.ask(Ask.BATCH, "BR-DEMO", "B-1")
    bench.run(5)
    assert bench.command("P-101").restricted_by == (FILLING,)
    assert bench.loop("AIC-101").achieved == 0.0
