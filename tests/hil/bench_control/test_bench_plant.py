"""The electric jacket, the mishaps of a plant, and the bench's scattered vessels."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hil.bench_control.plant import VesselPlant, plants
from hil.bench_control.seam import OUTPUTS, Filling
from hil.bench_control.vessels import VESSELS, nameplate, scattered
from hil.plant import Plant, Surroundings
from hil.plant.heat import ElectricThermal
from hil.plant.vessel import Electric, Heat

MAT = Electric(jacket_j_per_k=2000.0, heater_w=200.0)
HEAT = Heat(ua_w_per_k=10.0, ua_environment_w_per_k=0.0)
WATER_J_PER_K = 4180.0
RESTING = dict.fromkeys(OUTPUTS, 0.0)


def warmed(
    heat: Heat, seconds: int, heater: float, cooler: float = 0.0, mat: Electric = MAT
) -> ElectricThermal:
    thermal = ElectricThermal(heat, mat, 30.0)
    for _ in range(seconds):
        thermal.drive(0.0, 0.0, heater, cooler)
        thermal.step_vessel(1.0, 0.0)
    return thermal


@pytest.mark.parametrize("heater", [100.0, 35.0, 0.0])
def test_without_losses_the_heater_s_energy_is_in_jacket_and_vessel(heater: float) -> None:
    thermal = warmed(HEAT, 1200, heater)
    held_j = 2000.0 * (thermal.jacket_c - 30.0) + WATER_J_PER_K * (thermal.vessel_c - 30.0)
    assert held_j == pytest.approx(200.0 * heater / 100.0 * 1200.0, rel=1e-9, abs=1e-6)


def test_jacket_and_vessel_settle_where_heat_in_is_heat_out() -> None:
    heat, mat = replace(HEAT, ua_environment_w_per_k=0.8), replace(MAT, ua_jacket_environment_w_per_k=0.4)
    thermal = warmed(heat, 60_000, 10.0, mat=mat)
    into_vessel = 10.0 * (thermal.jacket_c - thermal.vessel_c)
    assert into_vessel == pytest.approx(0.8 * (thermal.vessel_c - 22.0), rel=1e-3)
    assert into_vessel + 0.4 * (thermal.jacket_c - 22.0) == pytest.approx(20.0, rel=1e-3)


def test_a_cooler_draws_by_its_opening_towards_the_cold_supply_and_without_one_nothing_cools() -> None:
    cooled = replace(MAT, cooler_w_per_k=20.0, cooler_supply_c=10.0)
    assert warmed(HEAT, 600, 0.0, cooler=100.0).jacket_c == 30.0
    half, whole = (warmed(HEAT, 1, 0.0, cooler, cooled) for cooler in (50.0, 100.0))
    assert 30.0 - half.jacket_c == pytest.approx(0.5 * 20.0 * 20.0 / 2000.0, rel=0.02)
    assert 30.0 - whole.jacket_c == pytest.approx(2.0 * (30.0 - half.jacket_c), rel=0.02)
    assert warmed(HEAT, 40_000, 0.0, 100.0, cooled).vessel_c == pytest.approx(10.0, abs=0.01)


def test_course_matches_a_hundred_times_finer_integration() -> None:
    heat = replace(HEAT, ua_environment_w_per_k=0.8)
    vessel = jacket = 30.0
    for _ in range(600 * 100):
        flow = 10.0 * (jacket - vessel)
        jacket += (200.0 - flow) / 2000.0 * 0.01
        vessel += (flow + 0.8 * (22.0 - vessel)) / WATER_J_PER_K * 0.01
    thermal = warmed(heat, 600, 100.0)
    assert thermal.vessel_c == pytest.approx(vessel, abs=0.01)
    assert thermal.jacket_c == pytest.approx(jacket, abs=0.05)


def test_an_open_door_takes_more_heat_and_a_closed_one_as_before() -> None:
    heat = replace(HEAT, ua_environment_w_per_k=0.8)
    lost = []
    for room_k, draught in ((0.0, 1.0), (-8.0, 2.5)):
        thermal = ElectricThermal(heat, MAT, 37.0)
        thermal.expose(room_k, draught)
        thermal.drive(0.0, 0.0, 0.0, 0.0)
        thermal.step_vessel(1.0, 0.0)
        lost.append(37.0 - thermal.vessel_c)
    assert lost[1] == pytest.approx(lost[0] * 2.5 * 23.0 / 15.0, rel=1e-3)


def test_antifoam_leaves_its_share_of_kla() -> None:
    plant = Plant(VESSELS["stirred_2l"].vessel)
    plant.inputs.air_ml_min, plant.inputs.stir_rpm = 100.0, 150.0
    plant.advance(1.0)
    before = plant.truth().kla_per_h
    plant.surround(Surroundings(transfer_share=0.6))
    plant.advance(2.0)
    assert plant.truth().kla_per_h == pytest.approx(0.6 * before, rel=1e-6)


def test_boluses_are_in_the_vessel_at_once() -> None:
    plant = Plant(VESSELS["stirred_2l"].vessel)
    before = plant.truth()
    plant.pour(feed_ml=100.0, lactate_mmol=2.0)
    plant.advance(1.0)
    after = plant.truth()
    assert after.volume_l == pytest.approx(2.1)
    assert after.feed_total_ml == 100.0
    assert after.temperature_c == pytest.approx((2.0 * 30.0 + 0.1 * 22.0) / 2.1, abs=0.02)
    assert after.lactate_mm == pytest.approx(2.0 / 2.1, rel=1e-3)
    assert after.ph < before.ph - 0.02


@pytest.mark.parametrize("name", VESSELS)
def test_a_scattered_vessel_is_off_its_nameplate_but_not_far_and_the_same_each_time(name: str) -> None:
    plain, first = VESSELS[name], scattered(VESSELS[name], 1)
    assert first == scattered(VESSELS[name], 1)
    assert first != scattered(VESSELS[name], 2)
    ratio = first.vessel.heat.ua_w_per_k / plain.vessel.heat.ua_w_per_k
    assert ratio != 1.0
    assert 0.75 <= ratio <= 1.25
    assert nameplate(plain).heat_transfer_w_per_k == plain.vessel.heat.ua_w_per_k


@pytest.mark.parametrize("name", VESSELS)
def test_every_nameplate_is_complete_and_can_hold_its_set_point(name: str) -> None:
    plate, _ = plants()[name]
    assert set(plate.span) == set(OUTPUTS)
    assert plate.heater_w > 1.5 * 15.0 * plate.room_w_per_k
    assert 1.0 < plate.kla_per_h < 20.0


def test_a_vessel_plant_speaks_words_and_counts_base_by_its_own_pump() -> None:
    bench = replace(VESSELS["stirred_2l"], pump_gain=1.1)
    plant = VesselPlant(bench, 0, Filling(37.0, 7.2, 40.0))
    for t in range(60):
        plant.advance(t + 1.0, RESTING | {"base": 1.0, "heater": 10.0})
    assert plant._plant.ledger.base_ml == pytest.approx(1.1)
    assert plant.controlled().ph > 7.2
    assert plant.controlled().jacket > 37.0
    assert math.isclose(plant.read("ph"), 7.2, abs_tol=0.3)
    with pytest.raises(ValueError, match="no disturbance 'rain'"):
        plant.disturb("rain", 1.0)
