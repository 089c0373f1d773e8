"""Nothing is made or lost: oxygen, carbon, charge, water, chloride; nothing goes below zero."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hil.plant import VESSELS, Plant, Vessel
from hil.plant.broth import BRIM_SHARE

HOURS = 6


def oxygen_held(plant: Plant) -> float:
    """In liquid and head space, less all that came in, plus all that left; constant in a sound model."""
    gas, broth, ledger = plant._gas, plant._broth, plant.ledger
    return (
        broth.oxygen_mmol
        + gas.head_oxygen_mmol
        + gas.line_oxygen * gas.line_mmol
        - ledger.oxygen_gassed
        - ledger.oxygen_fed
        + ledger.oxygen_vented
        + ledger.oxygen_respired
        + ledger.oxygen_harvested
    )


def carbon_held(plant: Plant) -> float:
    gas, broth, ledger = plant._gas, plant._broth, plant.ledger
    return (
        broth.carbon_mmol
        + gas.head_carbon_mmol
        + gas.line_carbon * gas.line_mmol
        - ledger.carbon_gassed
        - ledger.carbon_fed
        - ledger.carbon_respired
        + ledger.carbon_vented
        + ledger.carbon_harvested
    )


def water_held(plant: Plant) -> float:
    ledger = plant.ledger
    moved_ml = ledger.base_ml + ledger.feed_ml - ledger.harvest_ml - ledger.evaporated_ml
    return plant.truth().volume_l - moved_ml * 1e-3


def ions_held(plant: Plant, vessel: Vessel) -> float:
    """Strong ions with lactate and ammonia put back, waiting base included; valid while nothing is harvested."""
    broth, ledger = plant._broth, plant.ledger
    medium = vessel.medium
    per_feed_mm = medium.strong_ion_mm + medium.lactate_mm - medium.ammonia_mm
    return (
        broth.strong_ion_mmol
        + broth.lactate_mmol
        - broth.ammonia_mmol
        + broth.base_pool_mmol
        - ledger.base_ml * 1e-3 * vessel.base_strong_ion_mm
        - ledger.feed_ml * 1e-3 * per_feed_mm
    )


def disturb(plant: Plant, rng: random.Random, harvest: bool) -> None:
    """New inputs: anything an actuator may do, gas loss and standstill included."""
    i = plant.inputs
    i.air_ml_min = rng.choice([0.0, 0.0, 50.0, 100.0, 500.0])
    i.co2_ml_min = rng.choice([0.0, 5.0, 60.0, 100.0])
    i.o2_ml_min = rng.choice([0.0, 0.0, 20.0, 200.0])
    i.n2_ml_min = rng.choice([0.0, 0.0, 100.0])
    i.base_ml_min = rng.choice([0.0, 0.0, 0.3, 2.0])
    i.feed_ml_min = rng.choice([0.0, 1.0, 5.0])
    i.harvest_ml_min = rng.choice([0.0, 2.0, 6.0]) if harvest else 0.0
    i.stir_rpm = rng.choice([0.0, 20.0, 80.0, 150.0, 400.0])
    i.jacket_setpoint_c = rng.uniform(25.0, 42.0)
    i.heater_enabled = rng.random() < 0.8


def dense(vessel: Vessel) -> Vessel:
    return replace(vessel, start=replace(vessel.start, viable_per_ml=8e6))


@pytest.mark.parametrize("name", list(VESSELS))
@pytest.mark.parametrize("harvest", [False, True])
def test_balances_close_and_nothing_is_negative_through_every_disturbance(name: str, harvest: bool) -> None:
    vessel = replace(dense(VESSELS[name]), cell_retention=0.5)
    plant = Plant(vessel)
    rng = random.Random(7)
    totals = [oxygen_held(plant), carbon_held(plant), water_held(plant)]
    ions = ions_held(plant, vessel)
    t = 0.0
    while t < HOURS * 3600.0:
        disturb(plant, rng, harvest)
        t += rng.uniform(0.2, 400.0)
        plant.advance(t)
        truth = plant.truth()
        assert abs(truth.charge_residual_mm) < 1e-9
        lowest = min(
            truth.oxygen_mm, truth.carbon_mm, truth.glucose_mm, truth.lactate_mm, truth.ammonia_mm,
            truth.viable_per_ml, truth.dead_per_ml, truth.head_oxygen_share, truth.head_carbon_share,
        )  # fmt: skip
        assert lowest >= 0.0
    volume = plant.truth().volume_l
    assert [x / volume for x in (oxygen_held(plant), carbon_held(plant))] == [
        pytest.approx(x / volume, abs=1e-9) for x in totals[:2]
    ]
    assert water_held(plant) == pytest.approx(totals[2], abs=1e-9)
    if not harvest and plant.ledger.harvest_ml == 0.0:
        assert ions_held(plant, vessel) / volume == pytest.approx(ions / volume, abs=1e-9)


def test_respired_carbon_dioxide_is_the_quotient_times_respired_oxygen() -> None:
    vessel = dense(VESSELS["demo_2l"])
    plant = Plant(replace(vessel, kinetics=replace(vessel.kinetics, respiratory_quotient=0.9)))
    plant.inputs.air_ml_min, plant.inputs.stir_rpm = 300.0, 150.0
    plant.advance(3600.0)
    assert plant.ledger.oxygen_respired > 0.5
    assert plant.ledger.carbon_respired == pytest.approx(0.9 * plant.ledger.oxygen_respired, rel=1e-12)


def test_bicarbonate_base_brings_its_carbon() -> None:
    vessel = replace(VESSELS["demo_2l"], base_strong_ion_mm=890.0, base_carbon_mm=890.0)
    plant = Plant(vessel)
    before = plant.truth()
    plant.inputs.base_ml_min = 2.0
    plant.advance(60.0)
    plant.inputs.base_ml_min = 0.0
    plant.advance(300.0)
    after = plant.truth()
    assert after.carbon_mm * after.volume_l - before.carbon_mm * before.volume_l == pytest.approx(
        1.78, abs=0.15
    )
    assert after.strong_ion_mm * after.volume_l - 48.0 == pytest.approx(1.78, abs=0.03)


def test_osmolality_rises_by_two_per_millimole_of_base() -> None:
    vessel = replace(VESSELS["demo_2l"], start=replace(VESSELS["demo_2l"].start, viable_per_ml=0.0))
    plant = Plant(vessel)
    before = plant.truth()
    plant.inputs.base_ml_min = 4.0
    plant.advance(60.0)
    plant.inputs.base_ml_min = 0.0
    plant.advance(300.0)
    after = plant.truth()
    assert after.osmolality * after.volume_l - before.osmolality * 2.0 == pytest.approx(2.0 * 2.0, rel=0.01)


def test_perfusion_filter_keeps_the_cells_and_dilutes_only_solutes() -> None:
    vessel = VESSELS["demo_2l"]
    start = replace(vessel.start, temperature_c=37.0, viable_per_ml=1.0)
    medium = replace(vessel.medium, lactate_mm=10.0)
    plant = Plant(replace(vessel, start=start, medium=medium, cell_retention=1.0))
    solutes = ("glucose_mmol", "lactate_mmol", "ammonia_mmol", "chloride_mmol", "strong_ion_mmol")
    cells = plant._broth.viable
    before = [getattr(plant._broth, name) for name in solutes]
    plant.inputs.harvest_ml_min = 5.0
    plant.advance(600.0)
    assert plant.truth().volume_l == pytest.approx(1.95, abs=1e-4)
    assert plant._broth.viable == pytest.approx(cells, rel=0.01)
    assert [getattr(plant._broth, name) for name in solutes] == pytest.approx(
        [0.975 * x for x in before], rel=1e-4
    )


def test_harvest_stops_at_the_heel_and_overfilling_spills_at_the_brim() -> None:
    vessel = VESSELS["quick_0l5"]
    plant = Plant(vessel)
    plant.inputs.harvest_ml_min = 100.0
    plant.advance(600.0)
    assert plant.truth().volume_l == pytest.approx(vessel.heel_l)
    plant.inputs.harvest_ml_min, plant.inputs.feed_ml_min = 0.0, 200.0
    plant.advance(1200.0)
    assert plant.truth().volume_l == pytest.approx(BRIM_SHARE * vessel.total_l)
    assert water_held(plant) == pytest.approx(0.5, abs=1e-9)


def test_dry_gas_carries_water_away_in_proportion_to_its_flow() -> None:
    """300 mL/min of gas at 37 degC takes about 18 mL of water a day, of which the condenser returns nine tenths."""
    vessel = VESSELS["demo_2l"]
    plant = Plant(replace(vessel, start=replace(vessel.start, temperature_c=37.0)))
    plant.inputs.air_ml_min = 300.0
    plant.inputs.jacket_setpoint_c, plant.inputs.heater_enabled = 37.6, True
    plant.advance(86400.0 / 4)
    assert plant.ledger.evaporated_ml == pytest.approx(1.9 / 4 * 1.1, rel=0.1)


def test_a_bleed_takes_cells_along_that_a_harvest_leaves_behind() -> None:
    vessel = dense(VESSELS["demo_2l"])
    cells = {}
    for name in ("harvest_ml_min", "bleed_ml_min"):
        plant = Plant(vessel)
        setattr(plant.inputs, name, 10.0)
        plant.advance(600.0)
        truth = plant.truth()
        assert truth.volume_l == pytest.approx(1.9, abs=1e-3)
        cells[name] = truth.viable_per_ml * truth.volume_l
    assert cells["bleed_ml_min"] == pytest.approx(0.95 * cells["harvest_ml_min"], rel=1e-3)
