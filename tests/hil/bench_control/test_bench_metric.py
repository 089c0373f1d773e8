"""The metrics, on signals whose figures are known."""

from __future__ import annotations

import math

import pytest

from hil.bench_control.metric import CycleMean, LoopMetric, Metrics, TurnCounter
from hil.bench_control.seam import OUTPUTS, Controlled

SPAN = dict.fromkeys(OUTPUTS, 100.0)
TARGETS = {"temperature": 37.0, "ph": 7.2, "do": 40.0}


def turns(values: list[float], hysteresis: float = 1.0) -> int:
    counter = TurnCounter(hysteresis)
    for value in values:
        counter.see(value)
    return counter.turns


def test_ten_periods_of_a_sine_turn_twenty_times_and_one_inside_the_hysteresis_never() -> None:
    for amplitude, expected in ((5.0, 20), (0.4, 0)):
        wave = [amplitude * math.sin(2.0 * math.pi * i / 100.0) for i in range(1000)]
        assert turns(wave) == expected


def test_a_ramp_with_noise_below_the_hysteresis_never_turns() -> None:
    assert turns([0.1 * i + 0.4 * (-1) ** i for i in range(500)]) == 0


def test_a_square_wave_turns_at_each_edge_but_the_first() -> None:
    assert turns([0.0, 0.0, 10.0, 10.0, 0.0, 0.0, 10.0, 0.0]) == 3


def test_a_proportioned_output_is_seen_as_the_mean_of_each_cycle() -> None:
    mean = CycleMean(4.0)
    ended = [mean.add(value) for value in (100.0, 0.0, 0.0, 0.0, 100.0, 100.0, 0.0, 0.0)]
    assert ended == [False, False, False, True, False, False, False, True]
    assert mean.value == 50.0


def test_error_band_overshoot_and_settling_of_a_known_course() -> None:
    loop = LoopMetric(band=0.1)
    loop.open("setpoint", 0.0, direction=1.0)
    for t in range(100):
        # a second each: 10 s one below, 20 s 0.3 above, then on it
        loop.see(t + 1.0, -1.0 if t < 10 else 0.3 if t < 30 else 0.0)
    report = loop.report()
    assert report["error"] == pytest.approx((10 * 1.0 + 20 * 0.3) / 100.0 / 0.1)
    assert report["in_band"] == 0.7
    assert report["overshoot"] == 0.3
    assert report["settling_s"] == 30.0
    assert report["worst"] == 1.0
    assert report["recovery_s"] == 0.0


def test_a_step_down_overshoots_below_and_a_disturbance_has_no_overshoot() -> None:
    loop = LoopMetric(band=0.1)
    loop.open("setpoint", 0.0, direction=-1.0)
    loop.see(1.0, 0.9)
    loop.see(2.0, -0.4)
    loop.open("disturbance", 2.0)
    for t in range(3, 13):
        loop.see(float(t), -2.0 if t < 8 else 0.0)
    report = loop.report()
    assert report["overshoot"] == 0.4
    assert report["recovery_s"] == 5.0


def test_base_volume_both_active_and_the_hottest_blanket_are_those_of_the_run() -> None:
    metrics = Metrics(SPAN, {})
    for t in range(600):
        commands = dict.fromkeys(OUTPUTS, 0.0)
        commands["base"] = 6.0 if t < 300 else 0.0
        commands["co2"] = 10.0 if t >= 240 else 0.0
        jacket = 42.5 if t == 5 else 38.0
        metrics.see(t + 1.0, Controlled(37.0, jacket, 7.2, 40.0), TARGETS, commands)
    run = metrics.report()["run"]
    assert run["base_ml"] == pytest.approx(30.0)
    assert run["both_active"] == pytest.approx(0.1)
    assert run["blanket_c"] == 42.5
    assert run["blanket_crossed"] == 1.0


def test_reversals_per_hour_are_those_of_the_loop_s_busiest_actuator() -> None:
    metrics = Metrics(SPAN, {})
    for t in range(1800):
        commands = dict.fromkeys(OUTPUTS, 0.0)
        commands["heater"] = 50.0 + 20.0 * math.sin(2.0 * math.pi * t / 180.0)
        commands["cooler"] = 0.3 * (-1) ** t
        metrics.see(t + 1.0, Controlled(37.0, 38.0, 7.2, 40.0), TARGETS, commands)
    figures = metrics.report()
    assert figures["temperature"]["reversals_h"] == pytest.approx(40.0, abs=2.0)
    assert figures["ph"]["reversals_h"] == 0.0


def test_a_switched_output_turns_with_the_mean_of_its_cycles_not_with_its_switch() -> None:
    metrics = Metrics(SPAN, {"heater": 10.0})
    for t in range(3600):
        commands = dict.fromkeys(OUTPUTS, 0.0)
        on_s = 3 if t < 1800 else 6
        commands["heater"] = 100.0 if t % 10 < on_s else 0.0
        metrics.see(t + 1.0, Controlled(37.0, 38.0, 7.2, 40.0), TARGETS, commands)
    assert metrics.report()["temperature"]["reversals_h"] == 0.0
