"""Oxygen and carbon dioxide move between gas, liquid and cells as the physics says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hil.plant import VESSELS, Plant
from hil.plant.gas import (
    AIR_OXYGEN,
    ATM_MBAR,
    dissolved_step,
    oxygen_mm_per_mbar,
    stirring_w,
    surface_kla_per_h,
    water_vapour_mbar,
)

AIR_MM = 0.20
PURE_MM = AIR_MM / AIR_OXYGEN
SETPOINT_MM = 0.40 * AIR_MM

# name, demand mM/h, kLa needed with air, kLa needed with oxygen, minutes from 40 % to nothing without gas
CASES = [
    ("MSC 1e6/mL", 1e6 * 98, 0.82, 0.11, 48.0),
    ("T cells 30e6/mL", 30e6 * 50, 12.5, 1.7, 3.2),
    ("CHO 10e6/mL", 10e6 * 200, 16.7, 2.3, 2.4),
]


def settle(kla_per_h: float, saturation_mm: float, demand_mm_h: float) -> float:
    oxygen = SETPOINT_MM
    for _ in range(10 * 3600):
        oxygen, _ = dissolved_step(oxygen, kla_per_h * saturation_mm, kla_per_h, demand_mm_h, 1e-9)
    return oxygen


@pytest.mark.parametrize(("name", "fmol_ml_h", "kla_air", "kla_pure", "minutes"), CASES)
def test_the_tabulated_kla_holds_forty_percent_and_its_loss_empties_the_medium_in_time(
    name: str, fmol_ml_h: float, kla_air: float, kla_pure: float, minutes: float
) -> None:
    demand = fmol_ml_h * 1e-9
    for saturation_mm, tabulated in ((AIR_MM, kla_air), (PURE_MM, kla_pure)):
        needed = demand / (saturation_mm - SETPOINT_MM)
        assert needed == pytest.approx(tabulated, rel=0.02), name
        assert settle(needed, saturation_mm, demand) == pytest.approx(SETPOINT_MM, rel=1e-6), name
    oxygen, seconds = SETPOINT_MM, 0
    while oxygen > 1e-3 * AIR_MM:
        oxygen, _ = dissolved_step(oxygen, 0.0, 0.0, demand, 1e-9)
        seconds += 1
    assert seconds / 60.0 == pytest.approx(minutes, rel=0.03)


def test_kla_ten_and_one_millimolar_an_hour_settle_at_fifty_percent() -> None:
    assert settle(10.0, AIR_MM, 1.0) == pytest.approx(0.5 * AIR_MM, rel=1e-6)


def test_oxygen_step_matches_a_thousand_times_finer_integration() -> None:
    oxygen, fine = 0.18, 0.18
    for _ in range(600):
        oxygen, _ = dissolved_step(oxygen, 12.0 * 0.2, 12.0, 2.5, 0.004)
        for _ in range(1000):
            fine += (12.0 * (0.2 - fine) - 2.5 * fine / (0.004 + fine)) / 3.6e6
    assert oxygen == pytest.approx(fine, rel=2e-4)


@pytest.mark.parametrize(("temperature_c", "expected_mm"), [(25.0, 0.264), (37.0, 0.205)])
def test_air_saturated_water_holds_the_tabulated_oxygen(temperature_c: float, expected_mm: float) -> None:
    dry = AIR_OXYGEN * (ATM_MBAR - water_vapour_mbar(temperature_c))
    assert oxygen_mm_per_mbar(temperature_c, 1.0) * dry == pytest.approx(expected_mm, abs=6e-4)


def test_medium_at_body_temperature_holds_a_fifth_of_a_millimole() -> None:
    plant = Plant(VESSELS["demo_2l"])
    plant.inputs.jacket_setpoint_c = 37.4
    plant.inputs.heater_enabled = True
    plant.advance(3 * 3600.0)
    truth = plant.truth()
    assert truth.temperature_c == pytest.approx(37.0, abs=0.3)
    assert 100.0 * truth.oxygen_mm / truth.do_percent == pytest.approx(AIR_MM, abs=0.002)


def test_water_vapour_at_body_temperature() -> None:
    assert water_vapour_mbar(37.0) == pytest.approx(62.6, abs=0.1)


@pytest.mark.parametrize(("rocks_per_min", "kla"), [(5.0, 3.5), (20.0, 3.5), (40.0, 65.0), (100.0, 65.0)])
def test_rocking_bag_transfer_is_flat_and_then_breaks_into_waves(rocks_per_min: float, kla: float) -> None:
    assert surface_kla_per_h(VESSELS["rocking_2l"].transfer, rocks_per_min) == pytest.approx(kla, rel=0.02)


def test_demo_impeller_puts_in_the_power_of_a_two_litre_t_cell_tank() -> None:
    assert stirring_w(VESSELS["demo_2l"].transfer, 150.0) / 2e-3 == pytest.approx(8.8, abs=0.1)


def cell_free(name: str, **start: float) -> Plant:
    vessel = VESSELS[name]
    return Plant(
        replace(
            vessel,
            start=replace(vessel.start, viable_per_ml=0.0, temperature_c=37.0, **start),
            medium=replace(vessel.medium, temperature_c=37.0),
        )
    )


def hold_warm(plant: Plant) -> None:
    plant.inputs.jacket_setpoint_c = 37.6
    plant.inputs.heater_enabled = True
    plant.inputs.stir_rpm = 150.0


def test_five_percent_carbon_dioxide_in_air_dilutes_the_oxygen() -> None:
    plant = cell_free("demo_2l")
    hold_warm(plant)
    plant.inputs.air_ml_min = 285.0
    plant.inputs.co2_ml_min = 15.0
    plant.advance(6 * 3600.0)
    truth = plant.truth()
    assert truth.head_oxygen_share == pytest.approx(0.199, abs=5e-4)
    assert truth.pco2_mmhg == pytest.approx(35.65, abs=0.5)


def test_dissolved_oxygen_approaches_air_saturation_at_the_stated_kla() -> None:
    plant = cell_free("demo_2l", do_percent=20.0)
    hold_warm(plant)
    plant.inputs.air_ml_min = 300.0
    plant.advance(900.0)
    before = plant.truth()
    plant.advance(2700.0)
    after = plant.truth()
    ratio = (100.3 - after.do_percent) / (100.3 - before.do_percent)
    assert ratio == pytest.approx(2.718281828 ** (-before.kla_per_h * 0.5), rel=0.03)


def test_carbon_dioxide_removal_follows_the_gas_flow_not_only_kla() -> None:
    """A fourfold kLa with a tenth of the gas carries less carbon dioxide away."""
    demo = VESSELS["demo_2l"]
    brisk = replace(demo.transfer, bubble_gain=demo.transfer.bubble_gain * 4.0 * 10.0**0.5)
    start = replace(demo.start, viable_per_ml=0.0, temperature_c=37.0, ph=7.0)
    plain = Plant(replace(demo, start=start))
    starved = Plant(replace(demo, start=start, transfer=brisk))
    removed = []
    for plant, air in ((plain, 300.0), (starved, 30.0)):
        hold_warm(plant)
        plant.inputs.air_ml_min = air
        before = plant.truth().carbon_mm
        plant.advance(1800.0)
        removed.append(before - plant.truth().carbon_mm)
    assert starved.truth().kla_per_h > 3.0 * plain.truth().kla_per_h
    assert 0.0 < removed[1] < 0.8 * removed[0]


def test_gas_composition_reaches_the_vessel_only_through_the_dead_volume_of_the_line() -> None:
    """25 mL of line at 100 mL/min: nothing much in the first seconds, all of it after two minutes."""
    plant = cell_free("demo_2l", do_percent=0.0)
    hold_warm(plant)
    plant.inputs.n2_ml_min = 100.0
    plant.advance(600.0)
    plant.inputs.n2_ml_min, plant.inputs.o2_ml_min = 0.0, 100.0
    slopes = []
    for start_s in (600.0, 720.0):
        plant.advance(start_s)
        before = plant.truth().oxygen_mm
        plant.advance(start_s + 2.0)
        slopes.append(plant.truth().oxygen_mm - before)
    assert 0.0 < slopes[0] < 0.15 * slopes[1]


def test_more_liquid_under_the_same_impeller_has_a_lower_kla() -> None:
    """Bubble transfer goes with power per volume to 0.4."""
    plant = cell_free("demo_2l")
    hold_warm(plant)
    plant.inputs.air_ml_min = 100.0
    plant.advance(60.0)
    before = plant.truth()
    plant.inputs.feed_ml_min = 300.0
    plant.advance(120.0)
    plant.inputs.feed_ml_min = 0.0
    plant.advance(121.0)
    after = plant.truth()
    surface = 0.3
    ratio = (after.kla_per_h - surface) / (before.kla_per_h - surface)
    assert ratio == pytest.approx((before.volume_l / after.volume_l) ** 0.4, rel=3e-3)
    assert ratio < 0.96


def test_vent_pressure_rises_with_the_gas_flow() -> None:
    plant = cell_free("demo_2l")
    plant.inputs.air_ml_min = 250.0
    plant.advance(5.0)
    assert plant.truth().pressure_mbar == pytest.approx(3.0)


def test_without_gas_a_dense_culture_is_out_of_oxygen_within_minutes() -> None:
    demo = VESSELS["demo_2l"]
    plant = Plant(
        replace(demo, start=replace(demo.start, viable_per_ml=16e6, temperature_c=37.0, do_percent=40.0)),
    )
    plant.advance(300.0)
    assert plant.truth().do_percent < 3.0
