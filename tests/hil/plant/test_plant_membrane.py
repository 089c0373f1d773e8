"""The filter of a perfusion: pressure by flow, and more of it the more cells it has held back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hil.plant import VESSELS, Plant
from hil.plant.membrane import Membrane
from hil.plant.vessel import Filter

PLAN = Filter(clean_mbar_per_ml_min=8.0, fouling=0.03)


def test_a_clean_filter_takes_pressure_in_proportion_to_flow_and_none_at_standstill() -> None:
    membrane = Membrane(PLAN)
    for flow, pressure in ((1.0, 8.0), (2.5, 20.0), (0.0, 0.0)):
        membrane.pass_through(flow, 1.0, 0.0)
        assert membrane.pressure_mbar == pytest.approx(pressure)


def test_thirty_litres_through_twenty_million_cells_make_nineteen_times_the_pressure() -> None:
    membrane = Membrane(PLAN)
    for _ in range(30_000):
        membrane.pass_through(1.0, 60.0, 20.0)
    assert membrane.pressure_mbar == pytest.approx(19.0 * 8.0)


def test_the_probe_sees_the_filter_of_its_vessel_and_only_what_goes_through_it() -> None:
    vessel = replace(VESSELS["perfusion_2l"], filter=replace(PLAN, fouling=3.0))
    plant = Plant(vessel, seed=1)
    plant.inputs.bleed_ml_min = plant.inputs.feed_ml_min = 2.0
    plant.advance(600.0)
    assert plant.sensor("membrane").lagged == 0.0
    plant.inputs.bleed_ml_min, plant.inputs.harvest_ml_min = 0.0, 2.0
    plant.advance(1200.0)
    cells = 15.0 / 0.97  # 1e6/mL, dead ones too; growth and dilution in so short a time are small
    assert plant.sensor("membrane").lagged == pytest.approx(2.0 * 8.0 * (1.0 + 3.0 * 0.020 * cells), rel=0.03)
