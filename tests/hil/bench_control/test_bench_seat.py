"""edgectl at the bench: one folder for every vessel, told its nameplate, loaded by name."""

from __future__ import annotations

import pytest

from hil.bench_control import edgectl_seat, tuner
from hil.bench_control.case import BUILT_IN, plants_of
from hil.bench_control.scenario import Event, Scenario
from hil.bench_control.seam import Filling
from hil.bench_control.station import Station
from hil.bench_control.trend import Trend


@pytest.mark.parametrize("name", plants_of(BUILT_IN))
def test_the_folder_takes_every_nameplate_and_heats_a_cold_vessel(name: str) -> None:
    plate, make = plants_of(BUILT_IN)[name]
    scenario = Scenario("cold", 120.0, (), Filling(24.0, 7.4, 90.0), scored_from_s=0.0)
    trend = Trend(every_s=60)
    Station(plate, make(1, scenario.filling), edgectl_seat.build(plate), scenario).run(trend)
    assert trend.values["heater.command"][-1] > 20.0
    assert trend.values["jacket"][-1] > trend.values["jacket"][0]
    assert trend.values["o2.command"][-1] == 0.0


def test_after_two_minutes_without_power_it_goes_on_by_itself() -> None:
    plate, make = plants_of(BUILT_IN)["stirred_2l"]
    events = (Event(120.0, "power", "controller", 0.0), Event(240.0, "power", "controller", 1.0))
    scenario = Scenario("dead", 360.0, events, Filling(36.0, 7.2, 42.0), scored_from_s=0.0)
    trend = Trend(every_s=10)
    Station(plate, make(1, scenario.filling), edgectl_seat.build(plate), scenario).run(trend)
    heater = dict(zip(trend.time_s, trend.values["heater.command"], strict=True))
    assert max(heater[at] for at in (90.0, 100.0, 110.0, 120.0)) > 5.0
    assert heater[200.0] == 0.0
    assert max(power for at, power in heater.items() if at > 240.0) > 5.0, heater


def test_a_set_point_that_edgectl_refuses_ends_the_run() -> None:
    plate, _ = plants_of(BUILT_IN)["stirred_2l"]
    seated = edgectl_seat.build(plate)
    seated.setpoint("temperature", 55.0)
    readings = {"temperature": 37.0, "jacket": 37.5, "ph": 7.2, "do": 40.0}
    with pytest.raises(edgectl_seat.Refused):
        seated.step(0.0, readings)


def test_every_loop_is_tuned_in_its_turn_and_takes_what_was_found() -> None:
    plate, make = plants_of(BUILT_IN)["stirred_2l"]
    found = tuner.tune(plate, make(1, tuner.FILLING))
    assert found.refused == {}
    for place in ("TIC-101.inner.gain", "TIC-101.gain", "AIC-101.gain", "AIC-102.gain"):
        assert any(override.startswith(f"loops.{place}=") for override in found.overrides), found.overrides
    edgectl_seat.build(plate, found.overrides)
