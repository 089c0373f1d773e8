"""The station: sampling, limits, lags, and events that do what they say."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from hil.bench_control.plant import plants
from hil.bench_control.scenario import SCENARIOS, TARGETS, Event, Scenario, growth
from hil.bench_control.seam import DISTURBANCES, OUTPUTS, QUANTITIES, Controlled, Nameplate, Outputs, Readings
from hil.bench_control.station import Station

PLATE: Nameplate = plants()["stirred_2l"][0]


class Still:
    """A plant whose probes count seconds and which keeps what it was told."""

    def __init__(self) -> None:
        self.t_s = 0.0
        self.told: list[dict[str, float]] = []
        self.disturbed: list[tuple[float, str, float]] = []

    def advance(self, t_s: float, outputs: Outputs) -> None:
        self.t_s = t_s
        self.told.append(dict(outputs))

    def read(self, word: str) -> float:
        return self.t_s

    def controlled(self) -> Controlled:
        return Controlled(37.0, 38.0, 7.2, 40.0)

    def disturb(self, what: str, value: float) -> None:
        self.disturbed.append((self.t_s, what, value))


class Fixed:
    """A controller that always wants the same and keeps what it saw."""

    def __init__(self, outputs: Mapping[str, float]) -> None:
        self.cycles: Mapping[str, float] = MappingProxyType({})
        self.outputs = outputs
        self.seen: list[dict[str, float | None]] = []
        self.targets: list[tuple[int, str, float]] = []
        self.outages: list[float] = []

    def step(self, t_s: float, readings: Readings) -> Outputs:
        self.seen.append(dict(readings))
        return self.outputs

    def setpoint(self, quantity: str, value: float) -> None:
        self.targets.append((len(self.seen), quantity, value))

    def restart(self, outage_s: float) -> None:
        self.outages.append(outage_s)


def ran(
    seconds: float, outputs: Mapping[str, float], *events: Event, scored_from_s: float = 0.0
) -> tuple[Still, Fixed, Station]:
    plant, controller = Still(), Fixed(outputs)
    station = Station(
        PLATE, plant, controller, Scenario("test", seconds, events, scored_from_s=scored_from_s)
    )
    station.run()
    return plant, controller, station


def test_probes_have_a_new_value_at_their_own_period_and_the_old_one_between() -> None:
    _, controller, _ = ran(11, {})
    assert [r["temperature"] for r in controller.seen] == [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10]
    assert [r["ph"] for r in controller.seen] == [0] * 5 + [5] * 5 + [10]
    assert [r["do"] for r in controller.seen][:7] == [0, 0, 0, 3, 3, 3, 6]


def test_a_probe_that_drops_out_gives_none_and_returns_with_a_fresh_value() -> None:
    gone = (Event(4.0, "absent", "ph", 1.0), Event(9.0, "absent", "ph", 0.0))
    _, controller, _ = ran(16, {}, *gone)
    assert [r["ph"] for r in controller.seen] == [0] * 4 + [None] * 6 + [10] * 5 + [15]


def test_a_spike_is_one_reading_off() -> None:
    _, controller, _ = ran(12, {}, Event(3.0, "spike", "do", 50.0))
    assert [r["do"] for r in controller.seen][:10] == [0, 0, 0, 53, 53, 53, 6, 6, 6, 9]


def test_outputs_are_clipped_and_a_word_left_out_keeps_the_reference() -> None:
    plant, _, _ = ran(30, {"heater": 300.0, "base": -1.0})
    last = plant.told[-1]
    assert set(last) == set(OUTPUTS)
    assert (last["heater"], last["base"]) == (100.0, 0.0)
    assert (last["air"], last["stirrer"]) == (PLATE.gas_ml_min, PLATE.stirrer)


def test_gas_follows_with_a_lag_and_reads_as_it_flows() -> None:
    plant, controller, _ = ran(20, {"o2": 100.0})
    first = plant.told[0]["o2"]
    assert first == pytest.approx(63.2, abs=0.1)
    assert controller.seen[1]["o2"] == first
    assert plant.told[-1]["o2"] == pytest.approx(100.0, abs=0.01)


def test_a_lost_supply_delivers_nothing_whatever_is_asked_until_it_is_back() -> None:
    lost = (Event(5.0, "limit", "o2", 0.0), Event(10.0, "limit", "o2", 1.0))
    plant, _, _ = ran(30, {"o2": 100.0}, *lost)
    assert [told["o2"] for told in plant.told[5:10]] == [0.0] * 5
    assert plant.told[-1]["o2"] == pytest.approx(100.0, abs=0.01)


def test_while_the_controller_is_dead_only_air_and_the_stirrer_go_on() -> None:
    power = (Event(5.0, "power", "controller", 0.0), Event(25.0, "power", "controller", 1.0))
    plant, controller, _ = ran(40, {"heater": 50.0, "o2": 80.0, "base": 1.0, "air": 150.0}, *power)
    dead = plant.told[24]
    assert (dead["heater"], dead["base"], dead["stirrer"]) == (0.0, 0.0, PLATE.stirrer)
    assert dead["o2"] == pytest.approx(0.0, abs=1e-3)
    assert dead["air"] == pytest.approx(50.0, abs=1e-3)
    assert controller.outages == [20.0]
    assert len(controller.seen) == 40 - 20
    assert plant.told[-1]["heater"] == 50.0


def test_set_points_and_disturbances_arrive_when_they_are_due() -> None:
    events = (Event(6.0, "setpoint", "do", 60.0), Event(8.0, "disturb", "lactate", 1.2, ("ph",)))
    plant, controller, station = ran(12, {}, *events)
    assert controller.targets[:3] == [(0, name, TARGETS[name]) for name in QUANTITIES]
    assert controller.targets[3:] == [(6, "do", 60.0)]
    assert plant.disturbed == [(8.0, "lactate", 1.2)]
    assert station.metrics.loops["do"].report()["worst"] == 20.0
    assert [w.kind for w in station.metrics.loops["ph"].windows] == ["disturbance"]


def test_only_the_scored_part_counts() -> None:
    _, _, station = ran(100, {"base": 0.6}, scored_from_s=40.0)
    assert station.metrics.seconds == 60
    assert station.metrics.base_ml == pytest.approx(0.6)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_names_only_what_exists_and_leaves_the_plant_whole(name: str) -> None:
    scenario = SCENARIOS[name]("stirred_2l", 3)
    assert scenario == SCENARIOS[name]("stirred_2l", 3)
    left: dict[tuple[str, str], float] = {}
    for event in sorted(scenario.events, key=lambda e: e.at_s):
        assert 0.0 <= event.at_s < scenario.seconds
        assert event.at_s >= scenario.scored_from_s
        known = {"disturb": DISTURBANCES, "setpoint": QUANTITIES, "limit": OUTPUTS}.get(event.action)
        assert known is None or event.target in known
        assert set(event.marks) <= set(QUANTITIES)
        left[event.action, event.target] = event.value
    whole = {"limit": 1.0, "absent": 0.0, "power": 1.0}
    for (action, target), value in left.items():
        if action in whole:
            assert value == whole[action], target
        if (action, target) in {("disturb", "door"), ("disturb", "transfer")}:
            assert value == (0.0 if target == "door" else 1.0)


def test_growth_is_as_long_as_asked_and_starts_thin() -> None:
    scenario = growth("rocking_2l", 1, 2.0)
    assert scenario.seconds == 2 * 86_400
    assert scenario.filling.cells < 0.1
