"""Bath, jacket and vessel warm and cool as their sizes say."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from hil.plant import VESSELS, Plant
from hil.plant.heat import Thermal
from hil.plant.vessel import Heat

CHECK = Heat(ua_w_per_k=15.0, ua_environment_w_per_k=0.8, jacket_l=0.5, coolant_l_per_min=5.0)


def warm(heat: Heat, bath_c: float, start_c: float, seconds: int, mass_kg: float, released_w: float) -> float:
    thermal = Thermal(heat, start_c)
    thermal.bath_c = bath_c
    for _ in range(seconds):
        thermal.step_vessel(mass_kg, released_w)
    return thermal.vessel_c


@pytest.mark.parametrize(("minutes", "expected_c"), [(10, 36.5), (20, 41.4), (60, 43.8), (240, 43.8)])
def test_two_litres_under_a_bath_at_forty_five_follow_the_tabulated_course(
    minutes: int, expected_c: float
) -> None:
    assert warm(CHECK, 45.0, 22.0, minutes * 60, 2.0, 0.5) == pytest.approx(expected_c, abs=0.12)


def test_jacket_inlet_at_thirty_seven_six_holds_thirty_six_eight() -> None:
    assert warm(CHECK, 37.6, 36.0, 4 * 3600, 2.0, 0.5) == pytest.approx(36.8, abs=0.05)


@pytest.mark.parametrize(
    ("litres", "ua_w_per_k", "minutes"),
    [(2.0, 7.0, 20.0), (2.0, 21.0, 6.6), (10.0, 66.0, 10.5), (1.0, 1.2, 58.0)],
)
def test_vessel_time_constant_is_mass_over_heat_transfer(
    litres: float, ua_w_per_k: float, minutes: float
) -> None:
    heat = Heat(ua_w_per_k=ua_w_per_k, ua_environment_w_per_k=0.0, coolant_l_per_min=1e5)
    reached = warm(heat, 31.0, 30.0, round(minutes * 60), litres, 0.0)
    assert reached == pytest.approx(31.0 - math.exp(-1.0), abs=0.006)


def test_course_matches_a_hundred_times_finer_integration() -> None:
    vessel = jacket = 22.0
    for _ in range(600 * 100):
        into_jacket = 5.0 / 60.0 * 4180.0 * (45.0 - jacket) - 15.0 * (jacket - vessel)
        vessel += (15.0 * (jacket - vessel) + 0.8 * (22.0 - vessel) + 0.5) / (2.0 * 4180.0) * 0.01
        jacket += into_jacket / (0.5 * 4180.0) * 0.01
    assert warm(CHECK, 45.0, 22.0, 600, 2.0, 0.5) == pytest.approx(vessel, abs=0.01)


def bath_after(plant: Plant, setpoint_c: float, seconds: float) -> float:
    plant.inputs.jacket_setpoint_c = setpoint_c
    plant.inputs.heater_enabled = True
    plant.advance(plant.time_s + seconds)
    return plant.truth().bath_c


def test_bath_obeys_its_rates_and_settles_on_its_set_point() -> None:
    plant = Plant(VESSELS["demo_2l"])
    assert bath_after(plant, 42.0, 60.0) == pytest.approx(33.0, abs=0.02)
    assert bath_after(plant, 42.0, 1200.0) == pytest.approx(42.0, abs=0.01)
    assert bath_after(plant, 25.0, 120.0) == pytest.approx(39.0, abs=0.02)


def test_bath_with_its_contactor_open_only_cools() -> None:
    plant = Plant(VESSELS["demo_2l"])
    bath_after(plant, 40.0, 1800.0)
    plant.inputs.heater_enabled = False
    baths = []
    for minute in range(30):
        plant.advance(1800.0 + 60.0 * minute)
        baths.append(plant.truth().bath_c)
    assert all(later < earlier for earlier, later in pairwise(baths[1:]))
    assert baths[-1] < 33.0


def test_contactor_closed_for_half_of_each_second_heats_at_half_the_rate() -> None:
    demo = VESSELS["demo_2l"]
    plant = Plant(replace(demo, heat=replace(demo.heat, bath_coast_s=1e9)))
    plant.inputs.jacket_setpoint_c = 42.0
    for second in range(60):
        plant.inputs.heater_enabled = True
        plant.advance(second + 0.5)
        plant.inputs.heater_enabled = False
        plant.advance(second + 1.0)
    assert plant.truth().bath_c == pytest.approx(31.5, abs=0.02)


def test_dense_cells_warm_the_vessel_by_their_respiration() -> None:
    """460 kJ per mol of oxygen over what the jacket and the room take away; all else equal."""
    demo = VESSELS["demo_2l"]
    warmth, uptake = [], []
    for cells in (0.0, 16e6):
        plant = Plant(
            replace(
                demo, start=replace(demo.start, temperature_c=37.0, viable_per_ml=cells, do_percent=100.0)
            )
        )
        plant.inputs.jacket_setpoint_c = 37.0
        plant.inputs.heater_enabled = True
        plant.inputs.o2_ml_min = 200.0
        plant.inputs.stir_rpm = 150.0
        plant.advance(2 * 3600.0)
        warmth.append(plant.truth().temperature_c)
        uptake.append(plant.truth().our_mm_h)
    released_w = 460.0 * uptake[1] * 2.0 / 3600.0
    path_w_per_k = 0.8 + 1.0 / (1.0 / 20.0 + 1.0 / (5.0 / 60.0 * 4180.0))
    assert released_w > 0.3
    assert warmth[1] - warmth[0] == pytest.approx(released_w / path_w_per_k, rel=0.05)


def test_cold_feed_cools_the_vessel_by_its_share() -> None:
    demo = VESSELS["demo_2l"]
    still = replace(demo.heat, ua_w_per_k=1e-6, ua_environment_w_per_k=1e-6)
    start = replace(demo.start, temperature_c=37.0, viable_per_ml=0.0)
    plant = Plant(replace(demo, heat=still, start=start))
    plant.inputs.feed_ml_min = 100.0
    plant.advance(60.0)
    assert plant.truth().temperature_c == pytest.approx((2.0 * 37.0 + 0.1 * 22.0) / 2.1, abs=1e-3)
