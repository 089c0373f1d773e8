"""The baselines behave as the originals do, and each regulates what it can."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from hil.bench_control import (
    baseline_brewblox,
    baseline_klipper,
    baseline_pioreactor,
    baseline_simple_pid,
    bound,
)
from hil.bench_control.arms import Arms, balanced_arms, whole_arms
from hil.bench_control.case import BASELINES, BUILT_IN, Case, plants_of, play, studied
from hil.bench_control.experiment import Reaction
from hil.bench_control.scenario import Scenario
from hil.bench_control.seam import Controller, Filling
from hil.bench_control.search import first_guess
from hil.bench_control.trio import Law, Proportioner

ARMS = Arms("o2", 100.0, 100.0, "n2", 200.0, -50.0)
HOT = Arms("heater", 100.0, 100.0, "cooler", 100.0, 0.0)


def through(law: Law, setpoint: float, start: float, seconds: int, gain: float = 0.01) -> list[float]:
    """A first-order process under a law: 100 of the number lifts it by 100 x gain, 5 minutes of lag."""
    value, number, course = start, 0.0, []
    for t in range(seconds):
        if t % law.period_s == 0:
            number = law.update(value, setpoint, {})
        value += (start + gain * number - value) / 300.0
        course.append(value)
    return course


def laws() -> dict[str, Law]:
    reaction = Reaction(gain=10.0, slope=10.0 / 300.0, dead_s=20.0)
    gain, integral_s = baseline_simple_pid.simc(reaction)
    return {
        "simple-pid": baseline_simple_pid.SimplePidLaw(2, HOT, gain, integral_s, 0.0),
        "brewblox": baseline_brewblox.BrewbloxLaw(2, HOT, gain, integral_s, 5.0, 5.0),
        "klipper": baseline_klipper.KlipperLaw(2, HOT, 60.0, 120.0, 20.0, None),
        "pioreactor": baseline_pioreactor.IncrementalThermostat(2.0, 40.0),
    }


@pytest.mark.parametrize("name", BASELINES)
def test_each_law_brings_an_easy_process_to_its_set_point(name: str) -> None:
    course = through(laws()[name], 34.0, 30.0, 7200, gain=0.1)
    # the incremental one heats only four fifths of the time, and ripples by it
    assert sum(course[-600:]) / 600.0 == pytest.approx(34.0, abs=0.05)


def test_simc_is_what_the_book_says() -> None:
    gain, integral_s = baseline_simple_pid.simc(Reaction(gain=10.0, slope=0.1, dead_s=10.0))
    assert gain == pytest.approx(100.0 / (0.1 * 20.0))
    assert integral_s == 80.0
    assert baseline_simple_pid.simc(Reaction(gain=10.0, slope=0.5, dead_s=10.0))[1] == 20.0


def test_the_thermostat_measures_with_its_heater_off_and_moves_by_clamped_increments() -> None:
    law = baseline_pioreactor.IncrementalThermostat(1000.0, 0.0)
    numbers = [law.update(30.0, 37.0, {}) for _ in range(90)]
    for second in range(90):
        resting = second % 30 >= 23 and second % 30 < 29
        assert (numbers[second] == 0.0) is (resting or second < 29), second
    assert (numbers[29], numbers[59]) == (20.0, 40.0)


def test_hysteresis_switches_beyond_half_the_band_and_rests_at_the_set_point() -> None:
    law = baseline_pioreactor.Hysteresis(0.05, 5)
    course = [7.19, 7.17, 7.19, 7.20, 7.22, 7.23, 7.21, 7.19]
    assert [law.update(value, 7.2, {}) for value in course] == [0, 100, 100, 0, 0, -100, -100, 0]


def test_a_clamped_klipper_output_freezes_its_integral() -> None:
    law = baseline_klipper.KlipperLaw(2, HOT, 60.0, 120.0, 20.0, None)
    for _ in range(500):
        assert law.update(30.0, 37.0, {}) == 100.0
    assert law._integral == 0.0


def test_klipper_s_check_turns_the_heater_off_for_good_when_it_does_not_warm() -> None:
    check = baseline_klipper.HeaterCheck(rise_k=0.5)
    law = baseline_klipper.KlipperLaw(2, HOT, 60.0, 120.0, 20.0, check)
    numbers = [law.update(22.0, 37.0, {}) for _ in range(200)]
    assert numbers[0] == 100.0
    assert numbers[-1] == 0.0
    assert law.update(36.9, 37.0, {}) == 0.0
    warming = baseline_klipper.HeaterCheck(rise_k=0.5)
    assert not any(warming.failed(22.0 + 0.02 * t, 37.0, 2.0) for t in range(1000))


def test_brewblox_s_integral_follows_what_was_delivered() -> None:
    def integral_after(delivered: float | None) -> float:
        law = baseline_brewblox.BrewbloxLaw(3, ARMS, 2.0, 60.0, 0.0, 0.0)
        for _ in range(200):
            readings = {} if delivered is None else {"o2": delivered}
            law.update(30.0, 40.0, readings)
        return law._integral

    assert integral_after(None) == pytest.approx(80.0, abs=8.0)
    assert integral_after(0.0) < 0.2 * integral_after(None)


@pytest.mark.parametrize(("dead_s", "expected"), [(10.0, 0.0), (20.0, 5.0), (150.0, 45.0), (2000.0, 180.0)])
def test_brewblox_s_filter_is_one_of_its_steps(dead_s: float, expected: float) -> None:
    assert baseline_brewblox.filter_for(dead_s) == expected


def test_a_proportioned_output_is_on_for_its_share_of_the_cycle() -> None:
    switch = Proportioner(10.0)
    cycle = [switch.step(0.35) for _ in range(10)]
    assert cycle == [1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_arms_reach_their_spans_at_their_ends_and_move_alike_at_the_same_number() -> None:
    plate = plants_of(BUILT_IN)["stirred_2l"][0]
    arms = balanced_arms(plate, "do", 0.3, 0.1)
    outputs: dict[str, float] = {}
    arms.split(arms.high, outputs)
    assert outputs == {"o2": plate.span["o2"], "n2": 0.0}
    arms.split(arms.low, outputs)
    assert outputs == {"o2": 0.0, "n2": plate.span["n2"]}
    assert arms.high == pytest.approx(300.0)
    assert arms.low == -100.0
    one_sided = whole_arms(plants_of(BUILT_IN)["rocking_2l"][0], "temperature")
    one_sided.split(-40.0, outputs)
    assert (one_sided.low, outputs["heater"], outputs["cooler"]) == (0.0, 0.0, 0.0)


def test_what_a_meter_shows_is_what_was_achieved_where_there_is_one() -> None:
    assert ARMS.achieved(50.0, {"o2": 20.0}) == 20.0
    assert ARMS.achieved(50.0, {"o2": 48.0}) == 50.0
    assert ARMS.achieved(-50.0, {"n2": 0.0}) == 0.0
    assert HOT.achieved(50.0, {}) == 50.0


@cache
def first_bound(vessel: str) -> Controller:
    study = studied(BUILT_IN, vessel)
    return bound.controller(first_guess(plants_of(BUILT_IN)[vessel][0], study), study)


EASY = Scenario("easy", 4200.0, (), Filling(36.8, 7.2, 42.0), scored_from_s=2400.0)


@pytest.mark.parametrize("name", ["simple-pid", "brewblox", "klipper", "bound"])
def test_a_quiet_quick_vessel_is_kept_in_band_by_all_three_loops(name: str) -> None:
    plate, _ = plants_of(BUILT_IN)["quick_0l5"]
    study = studied(BUILT_IN, "quick_0l5")
    controller = first_bound("quick_0l5") if name == "bound" else BASELINES[name](plate, study)
    figures = play(Case("quick_0l5", 0, "", name), EASY, controller)
    for loop in ("temperature", "ph", "do"):
        assert figures[loop]["error"] < 1.0, loop


def test_pioreactor_s_thermostat_keeps_a_quiet_vessel_near_and_its_switches_swing() -> None:
    plate, _ = plants_of(BUILT_IN)["quick_0l5"]
    controller = baseline_pioreactor.build(plate, studied(BUILT_IN, "quick_0l5"))
    figures = play(Case("quick_0l5", 0, "", "pioreactor"), replace(EASY, scored_from_s=3000.0), controller)
    assert figures["temperature"]["worst"] < 1.0
    assert figures["do"]["reversals_h"] > 5.0


def test_the_bound_keeps_its_integral_over_a_restart_and_a_baseline_does_not() -> None:
    gains = bound.Gains(10.0, 100.0, 0.0, 1.0, 1.0, 0.2, 0.0, 5.0)
    kept = bound.BoundLaw(gains, 3, ARMS)
    lost = baseline_simple_pid.SimplePidLaw(3, ARMS, 1.0, 30.0, 0.0)
    each: list[tuple[Law, Callable[[float], bool]]] = [
        (kept, lambda number: number > 10.0),
        (lost, lambda number: math.isclose(number, 0.0, abs_tol=1e-9)),
    ]
    for law, expected in each:
        for _ in range(40):
            law.update(39.0, 40.0, {})
        law.restart(120.0)
        assert expected(law.update(40.0, 40.0, {}))


def test_the_bound_never_asks_for_a_jacket_beyond_its_limit() -> None:
    gains = bound.Gains(50.0, 500.0, 10.0, 1.0, 10.0, 0.2, 0.0, 8.0)
    law = bound.CascadeLaw(gains, 2, HOT)
    for _ in range(300):
        number = law.update(22.0, 37.0, {"jacket": bound.JACKET_LIMIT_C + 1.0})
    assert number == 0.0
