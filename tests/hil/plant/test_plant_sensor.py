"""Probes see the truth late, noisy, drifting and in steps, and looking changes nothing."""

from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import pairwise

import pytest

from hil.plant import VESSELS, Plant
from hil.plant.sensor import DAY_S, Sensor
from hil.plant.vessel import Probe

NAMES = (
    "ph",
    "do",
    "temperature",
    "ph_temperature",
    "do_temperature",
    "jacket",
    "weight",
    "density",
    "pressure",
    "stirrer",
    "membrane",
)
DEMO = VESSELS["demo_2l"]


def running() -> Plant:
    plant = Plant(DEMO, seed=3)
    plant.inputs.air_ml_min, plant.inputs.stir_rpm = 100.0, 150.0
    plant.inputs.jacket_setpoint_c, plant.inputs.heater_enabled = 39.0, True
    return plant


def test_each_probe_reads_the_truth_within_its_noise_once_settled() -> None:
    plant = running()
    plant.advance(4 * 3600.0)
    truth = plant.truth()
    expected = {
        "ph": (truth.ph, 0.015),
        "do": (truth.do_percent, 1.5),
        "temperature": (truth.temperature_c, 0.1),
        "ph_temperature": (truth.temperature_c, 0.15),
        "do_temperature": (truth.temperature_c, 0.15),
        "jacket": (truth.jacket_c, 0.3),
        "weight": (2.0, 0.01),
        "density": (truth.viable_per_ml * 1e-6, 0.1),
        "pressure": (truth.pressure_mbar, 1.0),
        "stirrer": (150.0, 2.0),
        "membrane": (0.0, 1.5),
    }
    assert {name: plant.sensor(name).read(14400.0) for name in NAMES} == {
        name: pytest.approx(value, abs=within) for name, (value, within) in expected.items()
    }


def test_a_live_signal_is_never_flat() -> None:
    plant = running()
    readings: dict[str, list[float]] = {name: [] for name in NAMES}
    for second in range(1, 301):
        plant.advance(float(second))
        for name in NAMES:
            readings[name].append(plant.sensor(name).read(float(second)))
    for name, values in readings.items():
        longest = run = 1
        for before, after in pairwise(values):
            run = run + 1 if before == after else 1
            longest = max(longest, run)
        assert longest <= 3, name


def test_noise_has_the_stated_size_and_the_same_instant_repeats_the_reading() -> None:
    sensor = Sensor(Probe(lag_s=1.0, noise=0.02, quantum=1e-6), 37.0, "1/temperature")
    values = [sensor.read(float(t)) for t in range(4000)]
    assert statistics.stdev(values) == pytest.approx(0.02, rel=0.05)
    assert statistics.fmean(values) == pytest.approx(37.0, abs=0.002)
    assert sensor.read(3999.0) == values[-1]


def test_two_probes_of_one_temperature_do_not_share_their_noise() -> None:
    plant = Plant(replace(DEMO, probes=replace(DEMO.probes, do_temperature=DEMO.probes.ph_temperature)))
    pairs = [
        (plant.sensor("ph_temperature").read(t), plant.sensor("do_temperature").read(t)) for t in range(300)
    ]
    first, second = zip(*pairs, strict=True)
    assert abs(statistics.correlation(first, second)) < 0.25


def test_capacitance_noise_grows_with_the_density() -> None:
    vessel = replace(DEMO, start=replace(DEMO.start, viable_per_ml=20e6))
    sensor = Plant(vessel).sensor("density")
    assert statistics.stdev(sensor.read(float(t)) for t in range(2000)) == pytest.approx(0.21, rel=0.1)


def test_readings_come_in_steps_of_the_quantum() -> None:
    sensor = Sensor(Probe(lag_s=1.0, noise=0.5, quantum=0.1), 30.0, "s")
    for t in range(100):
        value = sensor.read(float(t)) * 10.0
        assert value == pytest.approx(round(value), abs=1e-9)


def test_probe_reaches_ninety_percent_of_a_step_in_two_point_three_lags() -> None:
    quiet = Probe(lag_s=10.0, noise=0.0, quantum=1e-9)
    plant = Plant(replace(DEMO, probes=replace(DEMO.probes, stirrer=quiet)))
    plant.inputs.stir_rpm = 100.0
    plant.advance(23.0)
    assert plant.sensor("stirrer").read(23.0) == pytest.approx(90.0, abs=0.1)


def test_drift_starts_at_its_daily_rate_and_slows_with_age() -> None:
    probe = Probe(lag_s=1.0, noise=0.0, quantum=1e-9, drift_per_day=0.004, drift_decay_days=3.0)
    sensor = Sensor(probe, 7.0, "ph")
    assert sensor.read(0.1 * DAY_S) == pytest.approx(7.0004, abs=1e-5)
    assert sensor.read(14.0 * DAY_S) == pytest.approx(7.012, abs=2e-4)


def test_reading_neither_moves_the_truth_nor_the_lag_nor_another_probe() -> None:
    quiet, busy = running(), running()
    for step in range(1, 2000):
        t = step * 0.3
        quiet.advance(t)
        busy.advance(t)
        for name in reversed(NAMES):
            if name != "ph":
                busy.sensor(name).read(t)
    assert busy.truth() == quiet.truth()
    assert busy.sensor("ph").read(600.0) == quiet.sensor("ph").read(600.0)


def test_an_unknown_probe_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r"no probe 'redox'.*ph, do, temperature"):
        running().sensor("redox")
