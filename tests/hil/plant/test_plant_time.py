"""The plant is a function of its inputs and time: repeatable to the bit, however it is stepped."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.plant import VESSELS, Inputs, Plant

DEMO = VESSELS["demo_2l"]

# time s, then what changes at it
SCRIPT: list[tuple[float, dict[str, float]]] = [
    (0.0, {"air_ml_min": 100.0, "stir_rpm": 150.0, "heater_enabled": True, "jacket_setpoint_c": 41.0}),
    (7.3, {"base_ml_min": 1.7}),
    (7.6, {"base_ml_min": 0.0}),
    (40.0, {"co2_ml_min": 20.0}),
    (61.25, {"feed_ml_min": 4.0, "harvest_ml_min": 3.0}),
    (61.9, {"o2_ml_min": 55.0, "co2_ml_min": 3.0}),
    (130.5, {"feed_ml_min": 0.0, "heater_enabled": False}),
]
END_S = 200.0


def play(stops: list[float], seed: int = 1) -> Plant:
    """Run the script, pausing also at `stops`."""
    plant = Plant(DEMO, seed=seed)
    changes = dict(SCRIPT)
    for t in sorted({*stops, *changes, END_S}):
        plant.advance(t)
        for name, value in changes.get(t, {}).items():
            setattr(plant.inputs, name, value)
    return plant


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, END_S), max_size=60))
def test_truth_does_not_depend_on_how_the_way_there_was_split(stops: list[float]) -> None:
    split, whole = play(stops), play([])
    assert split.truth() == whole.truth()
    assert split.ledger == whole.ledger
    assert split.sensor("ph").read(END_S) == whole.sensor("ph").read(END_S)


def test_two_plants_with_one_seed_agree_to_the_bit_and_another_seed_changes_only_noise() -> None:
    first, second, other = play([]), play([]), play([], seed=2)
    assert first.truth() == second.truth() == other.truth()
    assert first.sensor("do").read(END_S) == second.sensor("do").read(END_S)
    assert first.sensor("do").read(END_S) != other.sensor("do").read(END_S)


@pytest.mark.parametrize("begin_s", [0.0, 0.25, 0.9, 17.85])
def test_a_short_pump_pulse_delivers_its_whole_volume(begin_s: float) -> None:
    plant = Plant(DEMO)
    plant.advance(begin_s)
    plant.inputs.base_ml_min = 2.0
    plant.advance(begin_s + 0.3)
    plant.inputs.base_ml_min = 0.0
    plant.advance(30.0)
    truth = plant.truth()
    assert truth.base_total_ml == pytest.approx(0.01, rel=1e-9)
    assert truth.volume_l == pytest.approx(2.00001, abs=1e-12)


def test_inputs_set_between_two_advances_act_from_the_time_already_reached() -> None:
    plant = Plant(DEMO)
    plant.advance(10.4)
    plant.inputs.feed_ml_min = 6.0
    plant.advance(20.4)
    plant.inputs.feed_ml_min = 0.0
    plant.advance(21.0)
    assert plant.truth().feed_total_ml == pytest.approx(1.0, rel=1e-12)


def test_base_disperses_with_the_mixing_time() -> None:
    plant = Plant(replace(DEMO, start=replace(DEMO.start, viable_per_ml=0.0)))
    plant.inputs.base_ml_min = 5.0
    plant.advance(1.0)
    plant.inputs.base_ml_min = 0.0
    ion = []
    for t in (1.0, 21.0, 221.0):
        plant.advance(t)
        ion.append(plant.truth().strong_ion_mm * plant.truth().volume_l)
    delivered_mmol = 5.0 / 60.0 * 0.5
    assert ion[0] - 48.0 < 0.06 * delivered_mmol
    assert ion[1] - 48.0 == pytest.approx((1.0 - 2.718281828 ** -(21.0 / 20.0)) * delivered_mmol, rel=0.02)
    assert ion[2] - 48.0 == pytest.approx(delivered_mmol, rel=0.01)


def test_plant_time_does_not_run_backwards() -> None:
    plant = Plant(DEMO)
    plant.advance(5.0)
    plant.advance(5.0)
    with pytest.raises(ValueError, match="demo_2l: cannot go back"):
        plant.advance(4.9)


def test_truth_before_the_first_second_is_the_filled_vessel() -> None:
    truth = Plant(DEMO).truth()
    assert (truth.time_s, truth.volume_l, truth.temperature_c) == (0.0, 2.0, 30.0)
    assert truth.ph == pytest.approx(7.4)
    assert truth.do_percent == pytest.approx(90.0)
    assert truth.viable_per_ml == pytest.approx(1e6)


def test_inputs_are_those_of_the_actuators() -> None:
    """The averaging of inputs takes every field, so a field added is one that acts."""
    plant = Plant(DEMO)
    assert [f.name for f in fields(Inputs)] == [
        "air_ml_min",
        "co2_ml_min",
        "o2_ml_min",
        "n2_ml_min",
        "base_ml_min",
        "feed_ml_min",
        "harvest_ml_min",
        "stir_rpm",
        "jacket_setpoint_c",
        "heater_enabled",
        "heater",
        "cooler",
    ]
    assert plant.inputs == Inputs(jacket_setpoint_c=30.0)
