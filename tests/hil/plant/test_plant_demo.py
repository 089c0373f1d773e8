"""The demo culture comes into band and lives two weeks under three plain PI loops."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from hil.plant import VESSELS, Plant, Truth

DAY_S = 86400.0
BAND = {"temperature_c": (37.0, 0.2), "ph": (7.2, 0.05), "do_percent": (40.0, 5.0)}


@dataclass(slots=True)
class Loop:
    """A PI controller with clamped output and dead band; the integral follows the clamped output."""

    setpoint: float
    gain: float
    integral_s: float
    low: float
    high: float
    output: float
    dead_band: float = 0.0
    _integral: float = field(init=False)

    def __post_init__(self) -> None:
        self._integral = self.output

    def act(self, measured: float, dt_s: float) -> float:
        error = self.setpoint - measured
        error -= max(-self.dead_band, min(self.dead_band, error))
        wanted = self._integral + self.gain * error * (1.0 + dt_s / self.integral_s)
        self.output = max(self.low, min(self.high, wanted))
        self._integral = self.output - self.gain * error
        return self.output


def culture(until_s: float, period_s: float, each: Callable[[float, Truth], None], every_s: float) -> Plant:
    """Run the demo culture under control; `each` sees the truth every `every_s`."""
    plant = Plant(VESSELS["demo_2l"], seed=5)
    plant.inputs.air_ml_min, plant.inputs.stir_rpm, plant.inputs.heater_enabled = 100.0, 150.0, True
    temperature = Loop(37.0, 3.0, 240.0, 25.0, 42.0, 30.0)
    oxygen = Loop(40.0, 6.0, 300.0, 0.0, 200.0, 0.0)
    ph = Loop(7.2, 4.0, 1200.0, -1.0, 1.0, 0.0, dead_band=0.03)
    t, shown = 0.0, 0.0
    while t < until_s:
        t += period_s
        plant.advance(t)
        plant.inputs.jacket_setpoint_c = temperature.act(plant.sensor("temperature").read(t), period_s)
        plant.inputs.o2_ml_min = oxygen.act(plant.sensor("do").read(t), period_s)
        demand = ph.act(plant.sensor("ph").read(t), period_s)
        plant.inputs.co2_ml_min = 60.0 * max(0.0, -demand)
        plant.inputs.base_ml_min = 2.0 * max(0.0, demand)
        if t >= shown + every_s:
            shown = t
            each(t, plant.truth())
    return plant


def out_of_band(truth: Truth) -> list[str]:
    return [name for name, (middle, width) in BAND.items() if abs(getattr(truth, name) - middle) > width]


def test_all_three_loops_are_in_band_within_twenty_five_minutes_and_stay() -> None:
    out: list[tuple[float, list[str]]] = []
    hottest = [0.0]

    def each(t: float, truth: Truth) -> None:
        out.append((t, out_of_band(truth)))
        hottest[0] = max(hottest[0], truth.temperature_c)

    culture(3 * 3600.0, 1.0, each, 10.0)
    assert [names for t, names in out if t > 25 * 60.0 and names] == []
    assert [names for t, names in out if t > 15 * 60.0 and "temperature_c" in names] == []
    assert out[0][1] == ["temperature_c", "ph", "do_percent"]
    assert hottest[0] < 37.2


@pytest.mark.timeout(600)
def test_fourteen_days_end_in_a_living_controlled_culture_for_little_processor_time() -> None:
    truths: list[Truth] = []

    def each(t: float, truth: Truth) -> None:
        truths.append(truth)

    began = time.process_time()
    plant = culture(14 * DAY_S, 2.0, each, 600.0)
    spent_s = time.process_time() - began
    assert [(x.time_s, out_of_band(x)) for x in truths if x.time_s > 1800.0 and out_of_band(x)] == []
    last = plant.truth()
    assert 15e6 < last.viable_per_ml < 30e6
    assert last.viability > 0.8
    assert last.glucose_mm > 2.0
    assert 20.0 < last.base_total_ml < 300.0
    assert 270.0 < last.osmolality < 340.0
    assert 2.0 < last.volume_l < 2.2
    assert max(abs(x.charge_residual_mm) for x in truths) < 1e-9
    assert all(15.0 < x.pco2_mmhg < 80.0 for x in truths)
    assert max(x.our_mm_h for x in truths) > 1.0
    assert spent_s < 60.0


def test_an_hour_of_plant_time_costs_little() -> None:
    """Measured near 8 us a simulated second; the bound leaves room for a busy machine."""
    plant = Plant(VESSELS["demo_2l"])
    plant.inputs.air_ml_min = 100.0
    began = time.process_time()
    plant.advance(3600.0)
    assert (time.process_time() - began) / 3600.0 < 60e-6
