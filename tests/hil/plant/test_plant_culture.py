"""Cells grow, eat, breathe and die by the rates of their kind."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from hil.plant import VESSELS, Plant, Vessel
from hil.plant.broth import Broth
from hil.plant.culture import Culture
from hil.plant.vessel import Kinetics

DEMO = VESSELS["demo_2l"]


def at_ease(vessel: Vessel, oxygen_mm: float = 1e6, ph: float = 7.2) -> tuple[Broth, Kinetics]:
    """A broth in which no factor but the ones under test holds the cells back."""
    kinetics = replace(vessel.kinetics, density_max_per_ml=math.inf, lysis_per_h=0.0)
    medium = replace(vessel.medium, glucose_mm=1e6, ammonia_mm=0.0)
    start = replace(vessel.start, ph=ph, viability=1.0)
    return Broth(replace(vessel, kinetics=kinetics, medium=medium, start=start), oxygen_mm), kinetics


def an_hour(broth: Broth, kinetics: Kinetics, temperature_c: float = 37.0) -> None:
    culture = Culture(kinetics)
    for _ in range(60):
        culture.plan_minute(broth, temperature_c)
        for _ in range(60):
            culture.live(broth)


def test_cells_at_ease_grow_at_the_maximum_less_the_base_death() -> None:
    broth, kinetics = at_ease(DEMO)
    before = broth.viable
    an_hour(broth, kinetics)
    assert math.log(broth.viable / before) == pytest.approx(0.035 - 0.001, rel=1e-3)
    assert broth.dead / before == pytest.approx(0.001, rel=0.03)


@pytest.mark.parametrize(("ph", "share"), [(7.2, 1.0), (7.45, 0.91), (6.95, 0.91), (6.76, 0.40)])
def test_growth_window_in_ph_is_flat_topped(ph: float, share: float) -> None:
    broth, kinetics = at_ease(DEMO, ph=ph)
    culture = Culture(kinetics)
    culture.plan_minute(broth, 37.0)
    assert culture.growth_per_h == pytest.approx(0.035 * share, rel=0.01)


@pytest.mark.parametrize(
    ("oxygen_mm", "temperature_c", "share"),
    [(0.004, 37.0, 0.5), (1e6, 40.0, math.exp(-1.0)), (1e6, 34.0, math.exp(-1))],
)
def test_growth_slows_without_oxygen_and_off_temperature_and_death_rises(
    oxygen_mm: float, temperature_c: float, share: float
) -> None:
    broth, kinetics = at_ease(DEMO, oxygen_mm=oxygen_mm)
    culture = Culture(kinetics)
    culture.plan_minute(broth, temperature_c)
    assert culture.growth_per_h == pytest.approx(0.035 * share, rel=0.01)
    before = broth.viable
    culture.live(broth)
    net_per_h = 3600.0 * (broth.viable / before - 1.0)
    assert net_per_h == pytest.approx(0.035 * share - 0.001 - 0.03 * (1.0 - share), rel=0.02)


@pytest.mark.parametrize(("field", "half"), [("lactate_mmol", 40.0), ("ammonia_mmol", 4.0)])
def test_products_at_their_half_constant_halve_growth(field: str, half: float) -> None:
    broth, kinetics = at_ease(DEMO)
    setattr(broth, field, half * broth.volume_l)
    culture = Culture(kinetics)
    culture.plan_minute(broth, 37.0)
    assert culture.growth_per_h == pytest.approx(0.5 * 0.035, rel=1e-3)


def test_lactate_comes_from_glucose_and_acidifies_by_the_same_amount() -> None:
    broth, kinetics = at_ease(DEMO)
    kinetics = replace(kinetics, lactate_uptake_pmol_cell_h=0.0)
    glucose, ion = broth.glucose_mmol, broth.strong_ion_mmol
    an_hour(broth, kinetics)
    eaten = glucose - broth.glucose_mmol
    expected_mmol = (0.0345 * 0.4 + 0.003) * 1e-9 * 2e9 * math.expm1(0.034) / 0.034
    assert eaten == pytest.approx(expected_mmol, rel=0.03)
    assert broth.lactate_mmol == pytest.approx(1.6 * eaten, rel=1e-6)
    assert broth.strong_ion_mmol - ion == pytest.approx(broth.ammonia_mmol - broth.lactate_mmol, abs=1e-9)


def test_hungry_cells_take_lactate_back_and_the_ph_rises() -> None:
    vessel = replace(
        DEMO,
        medium=replace(DEMO.medium, glucose_mm=0.01, lactate_mm=20.0),
        start=replace(DEMO.start, viable_per_ml=10e6, temperature_c=37.0),
    )
    plant = Plant(vessel)
    plant.inputs.air_ml_min, plant.inputs.o2_ml_min, plant.inputs.stir_rpm = 100.0, 100.0, 150.0
    plant.inputs.co2_ml_min = 12.0
    plant.advance(8 * 3600.0)
    truth = plant.truth()
    assert truth.lactate_mm < 19.9
    assert truth.glucose_mm >= 0.0
    assert truth.strong_ion_mm > vessel.medium.strong_ion_mm


def test_oxygen_use_per_cell_falls_from_growing_to_resting() -> None:
    per_cell = []
    for density in (1e4, 5e6, 1e8):
        vessel = replace(DEMO, start=replace(DEMO.start, viable_per_ml=density))
        broth, culture = Broth(vessel, 0.2), Culture(DEMO.kinetics)
        culture.plan_minute(broth, 37.0)
        per_cell.append(culture.oxygen_demand_mmol_h / broth.viable * 1e12)
    assert per_cell == pytest.approx([500.0, 100.0 + 400.0 * math.exp(-1.0), 100.0], rel=1e-4)


def test_cells_answer_a_change_of_their_surroundings_within_a_minute() -> None:
    """At thirty degrees they hardly grow; growth rises minute by minute as the vessel warms."""
    plant = Plant(DEMO)
    plant.inputs.air_ml_min, plant.inputs.jacket_setpoint_c, plant.inputs.heater_enabled = 100.0, 42.0, True
    growth = []
    for minute in range(1, 8):
        plant.advance(60.0 * minute + 1.0)
        growth.append(plant.truth().growth_per_h)
    assert all(later > earlier for earlier, later in pairwise(growth))
    assert growth[0] < 0.1 * growth[-1]


def test_a_surface_limited_culture_stops_at_confluence() -> None:
    vessel = VESSELS["quick_0l5"]
    broth = Broth(replace(vessel, start=replace(vessel.start, viable_per_ml=1.2e6)), 0.2)
    culture = Culture(vessel.kinetics)
    culture.plan_minute(broth, 37.0)
    assert culture.growth_per_h == 0.0
