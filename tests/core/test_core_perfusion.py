"""A perfusion exchanges medium at constant weight, keeps cells at their density, and its balance has the last word."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.initial import initial_state
from edgectl.core.restart import Outage, begin
from edgectl.model.codec import from_plain, seal, to_plain
from edgectl.model.feed import Stage
from edgectl.model.feed_plan import BleedPlan, ExchangePlan, PressurePlan, PumpPlan, RatePlan
from edgectl.model.instant import Instant
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Request
from edgectl.model.safety import AlarmPlan, Cause, Priority, Watch
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import State
from hil.plant.plant import Plant
from tests.core.fibre import BAND, NS, PERFUSION, TARGET, WEIGHT, Fibre, Tank, culture, plan

OFF = {"P-102": 1.05, "P-103": 0.95, "P-104": 1.05}
ONE_VVD = 2000.0 / 1440.0
BY_CELLS = replace(PERFUSION, exchange=ExchangePlan(((0.0, 0.0),), specific=50.0, low=0.3, high=1.5))


def running(fibre: Fibre, hours: float = 1.0) -> Fibre:
    fibre.ask("start")
    fibre.run(hours)
    return fibre


@pytest.mark.timeout(120)
def test_a_perfused_culture_keeps_weight_and_density_though_every_pump_is_off() -> None:
    """Two days from 18 to 20e6 cells/mL, pumps off by 5 % against each other: weight within 0.5 %, density within 5 %.

    A week of it: python -m tests.bench.perfusion
    """
    fibre = Fibre(plan(), Plant(culture(18e6)), OFF)
    weights: list[float] = []
    densities: list[float] = []

    def look() -> None:
        weights.append(fibre.weight)
        densities.append(fibre.plant.truth().viable_per_ml)

    running(fibre).run(23, look)
    densities.clear()
    fibre.run(24, look)
    assert max(abs(weight / WEIGHT - 1.0) for weight in weights) < 0.005
    assert max(abs(density / TARGET - 1.0) for density in densities) < 0.05
    assert fibre.own.bleed > 0.05
    error = fibre.own.ledger.error
    assert error == pytest.approx(-0.1, abs=0.02)  # 5 % more in, 5 % less out than confirmed
    assert ("balanced", "off") in fibre.told("balance", "KIC-1")


def test_pumps_that_are_right_are_not_blamed() -> None:
    fibre = running(Fibre(plan(period_s=60.0), Tank()), 30.0)
    assert fibre.own.ledger.error == pytest.approx(0.0, abs=0.01)
    assert fibre.told("balance", "KIC-1") == []


def test_the_feed_is_the_volume_of_the_vessel_each_day_and_permeate_follows_it() -> None:
    fibre = running(Fibre(plan(), Tank()))
    assert fibre.commands["P-102"] == pytest.approx(ONE_VVD)
    assert fibre.commands["P-103"] == pytest.approx(ONE_VVD, rel=0.05)
    assert fibre.weight == pytest.approx(WEIGHT, rel=1e-3)


def test_rates_go_with_time_and_no_faster_than_their_ramp() -> None:
    table = ExchangePlan(((0.0, 0.5), (7200.0, 1.5)), linear=True)
    fibre = running(Fibre(plan(replace(PERFUSION, exchange=table)), Tank()))
    assert fibre.own.rate == pytest.approx(1.0, rel=0.01)
    steps = ExchangePlan(((0.0, 1.0),), ramp_per_s=0.5 / 3600.0)
    slow = running(Fibre(plan(replace(PERFUSION, exchange=steps)), Tank()))
    assert slow.own.rate == pytest.approx(0.5, rel=0.01)
    slow.run(2)
    assert slow.own.rate == 1.0


@pytest.mark.parametrize(("density", "rate"), [(1.0, 0.3), (20.0, 1.0), (90.0, 1.5)])
def test_a_rate_by_cells_follows_them_within_its_bounds(density: float, rate: float) -> None:
    fibre = running(Fibre(plan(replace(BY_CELLS, bleed=None)), Tank(density=density)), 0.1)
    assert fibre.own.rate == pytest.approx(rate)


def test_a_rate_by_cells_stays_where_it_is_while_nobody_knows_how_many() -> None:
    fibre = running(Fibre(plan(BY_CELLS), Tank(density=20.0)), 0.1)
    fibre.seen["density"] = lambda _: None
    fibre.run(5)
    assert fibre.own.rate == pytest.approx(1.0)
    unknown = Fibre(plan(BY_CELLS), Tank())
    unknown.seen["density"] = lambda _: None
    assert running(unknown).own.rate == 0.3


def test_a_vessel_that_becomes_heavy_is_fed_no_more() -> None:
    """The permeate line is blocked, and its pump does not know."""
    fibre = running(Fibre(plan(), Tank(), {"P-103": 0.0}))
    fibre.run(6)
    assert fibre.state.interlocks["KIC-1-high"].active
    assert fibre.commands["P-102"] == 0.0
    assert WEIGHT + BAND <= fibre.weight < WEIGHT + BAND + 0.001
    assert fibre.own.blocked == "KIC-1-high"
    fibre.gains.clear()
    fibre.run(6)
    assert not fibre.state.interlocks["KIC-1-high"].active
    assert fibre.commands["P-102"] == pytest.approx(ONE_VVD)
    fibre.run(6)
    assert fibre.weight == pytest.approx(WEIGHT, rel=0.005)


def test_a_vessel_that_becomes_light_loses_no_more() -> None:
    """The feed bottle is empty, and the pump does not know."""
    fibre = running(Fibre(plan(), Tank(density=30.0), {"P-102": 0.0}))
    fibre.run(6)
    assert fibre.state.interlocks["KIC-1-low"].active
    assert (fibre.commands["P-103"], fibre.commands["P-104"]) == (0.0, 0.0)
    assert WEIGHT - BAND - 0.001 < fibre.weight <= WEIGHT - BAND
    assert fibre.commands["P-102"] > 0.0


def test_the_interlocks_of_a_balance_are_causes_of_alarms() -> None:
    alarm = AlarmPlan("WAH-1", Cause(Watch.INTERLOCK, "KIC-1-high"), Priority.HIGH)
    fibre = running(Fibre(plan(alarms=(alarm,)), Tank(), {"P-103": 0.0}), 3.0)
    assert fibre.state.alarms["WAH-1"].code.value == "UNACK"


def test_without_a_weight_nothing_flows() -> None:
    fibre = running(Fibre(plan(), Tank(density=30.0)))
    fibre.seen["weight"] = lambda _: None
    fibre.run(0.1)
    assert [fibre.commands[pump] for pump in ("P-102", "P-103", "P-104")] == [0.0, 0.0, 0.0]
    fibre.seen.clear()
    fibre.run(0.1)
    assert fibre.commands["P-102"] == pytest.approx(ONE_VVD)
    assert fibre.commands["P-103"] < 1.25 * ONE_VVD


def test_permeate_and_bleed_stop_with_the_feed() -> None:
    fibre = running(Fibre(plan(), Tank(density=30.0)))
    fibre.stuck["P-102"] = 0.0  # the pump says that it stands still
    fibre.run(2)
    assert fibre.commands["P-104"] == 0.0
    assert fibre.commands["P-103"] < 0.3 * ONE_VVD
    assert fibre.weight > WEIGHT - BAND


def test_nothing_is_fed_that_cannot_leave() -> None:
    """A person holds the permeate pump by hand at 0."""
    fibre = running(Fibre(plan(), Tank()))
    for ask, value in ((Ask.MODE, "MAN"), (Ask.OUTPUT, 0.0)):
        fibre.asked.append(Request("r", ask, "P-103", value, "anna", "filter change"))
        fibre.run(0.01)
    fibre.run(0.4)
    assert fibre.own.shut == "by hand"
    assert fibre.commands["P-102"] == 0.0
    assert fibre.weight < WEIGHT + 0.5 * BAND
    fibre.asked.append(Request("r", Ask.MODE, "P-103", "AUTO", "anna", "done"))
    fibre.run(1)
    assert fibre.commands["P-102"] == pytest.approx(ONE_VVD)


def test_a_filter_under_pressure_gets_less_to_do_and_the_feed_follows() -> None:
    """Of 10 mL/min a tenth may pass at 280 of 100..300 mbar; at 300 nothing, and with an unknown pressure nothing."""
    limited = replace(PERFUSION, pressure=PressurePlan("PT-110", 100.0, 300.0), bleed=None)
    fibre = running(Fibre(plan(limited), Tank()), 0.5)
    assert fibre.commands["P-102"] == pytest.approx(ONE_VVD)
    fibre.seen["pressure"] = lambda _: 280.0
    fibre.run(2)
    assert fibre.commands["P-103"] <= 1.0
    assert fibre.commands["P-102"] == pytest.approx(0.8, rel=0.01)
    assert fibre.weight == pytest.approx(WEIGHT, rel=0.005)
    for pressure in (300.0, None):
        fibre.seen["pressure"] = lambda _, value=pressure: value  # type: ignore[misc]
        fibre.run(0.1)
        assert (fibre.commands["P-103"], fibre.commands["P-102"]) == (0.0, 0.0)


def test_cells_are_bled_ahead_with_the_growth_rate_while_it_is_good() -> None:
    bleed = replace(PERFUSION.bleed, growth=RatePlan(0.01 / 3600.0))  # type: ignore[type-var]
    fibre = running(Fibre(plan(replace(PERFUSION, bleed=bleed)), Tank(density=20.0)))
    assert fibre.own.bleed == pytest.approx(0.01 * 2000.0 / 60.0, rel=1e-6)


def test_bleeding_needs_a_known_density() -> None:
    fibre = running(Fibre(plan(), Tank(density=25.0)))
    before = fibre.commands["P-104"]
    assert before > 0.0
    fibre.status["density"] = DeviceStatus.OUT_OF_SPECIFICATION
    fibre.run(540 / 3600)
    assert fibre.commands["P-104"] == before
    fibre.run(120 / 3600)
    assert fibre.commands["P-104"] == 0.0
    fibre.status.clear()
    fibre.run(0.1)
    assert fibre.commands["P-104"] > 0.0
    fibre.seen["density"] = lambda _: None
    fibre.run(0.02)
    assert fibre.commands["P-104"] == 0.0


def test_a_density_that_comes_back_finds_no_wound_up_bleed() -> None:
    thin = running(Fibre(plan(period_s=60.0), Tank(density=5.0)), 48.0)
    assert (thin.own.dilution, thin.own.bleed) == (0.0, 0.0)
    dense = running(Fibre(plan(period_s=60.0), Tank(density=40.0)), 48.0)
    assert dense.own.bleed == pytest.approx(ONE_VVD)  # all that enters leaves as bleed
    assert abs(dense.own.dilution) < 1e-6


@pytest.mark.parametrize("word", ["pause", "stop"])
def test_a_perfusion_that_does_not_run_moves_nothing(word: str) -> None:
    fibre = running(Fibre(plan(), Tank(density=30.0)))
    clock_s = fibre.own.clock_s
    fibre.ask(word)
    fibre.run(3)
    assert list(fibre.commands.values()) == [0.0, 0.0, 0.0]
    assert fibre.own.clock_s == pytest.approx(clock_s, abs=10.0)


def test_a_held_unit_perfuses_nothing_and_goes_on_without_a_burst() -> None:
    fibre = running(Fibre(plan(), Tank(density=25.0)))
    before = dict(fibre.commands)
    fibre.asked.append(Request("r", Ask.HOLD, "BR-P", "hold", "anna", "door"))
    fibre.run(5)
    assert list(fibre.commands.values()) == [0.0, 0.0, 0.0]
    fibre.asked.append(Request("r", Ask.RESUME, "BR-P", "resume", "anna", "shut"))
    sums: list[float] = []
    feeds: list[float] = []

    def look() -> None:
        feeds.append(fibre.commands["P-102"])
        sums.append(fibre.commands["P-103"] + fibre.commands["P-104"])

    fibre.run(1, look)
    assert max(feeds) <= before["P-102"]
    assert max(sums) <= 1.05 * (before["P-103"] + before["P-104"])
    assert fibre.commands["P-102"] == pytest.approx(before["P-102"])


@pytest.mark.parametrize(("outage_s", "stage"), [(30.0, Stage.RUNNING), (3600.0, Stage.PAUSED)])
def test_a_perfusion_survives_a_restart(outage_s: float, stage: Stage) -> None:
    fibre = running(Fibre(plan(), Tank(density=25.0)), 5.0)
    before = fibre.own
    sealed = seal(fibre.plan)
    state = from_plain(State, to_plain(fibre.state))
    at = Instant(round((fibre.plant.time_s + 1000.0) * NS), 0)
    snapshot = Snapshot("BR-P", sealed.digest, "v", at, Stamp("boot", 1, 1), state, {}, clean=False)
    begun = begin(sealed, snapshot, "", Outage(outage_s, "clock"), Instant(7 * NS, 0))
    after = begun.state.perfusions["KIC-1"]
    assert (after.stage, after.clock_s, after.trim, after.dilution) == (
        stage,
        before.clock_s,
        before.trim,
        before.dilution,
    )
    gone = after.passed["P-102"].amount - before.passed["P-102"].amount
    assert gone == pytest.approx(ONE_VVD * outage_s / 60.0)


WILD = st.sampled_from([None, math.nan, 0.0, 1.9, 1.97, 2.0, 2.03, 2.1, 3.0, 1e300])
CELLS = st.sampled_from([None, math.nan, 0.0, 10.0, 20.0, 25.0, 99.0, 1e300])
EVERYTHING = replace(
    BY_CELLS,
    pressure=PressurePlan("PT-110", 100.0, 300.0),
    bleed=BleedPlan(PumpPlan("P-104", 1.0, 5.0), TARGET, 1800.0, RatePlan(1e-5), 60.0),
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            WILD,
            CELLS,
            st.sampled_from([0.0, 150.0, 250.0, 400.0, None]),
            st.sampled_from([None, "P-102", "P-103", "P-104"]),
            st.sampled_from(["", "", "pause", "resume"]),
            st.integers(1, 15),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_whatever_probes_say_flows_stay_in_limits_and_the_balance_wins(
    steps: list[tuple[float | None, float | None, float | None, str | None, str, int]],
) -> None:
    fibre = running(Fibre(plan(EVERYTHING), Tank()), 0.02)
    for weight, density, pressure, stuck, word, scans in steps:
        fibre.seen = {
            "weight": lambda _, value=weight: value,  # type: ignore[misc]
            "density": lambda _, value=density: value,  # type: ignore[misc]
            "pressure": lambda _, value=pressure: value,  # type: ignore[misc]
        }
        fibre.stuck = {stuck: 3.0} if stuck else {}
        if {"pause": Stage.RUNNING, "resume": Stage.PAUSED}.get(word) is fibre.own.stage:
            fibre.ask(word)
        for _ in range(scans):
            pump = fibre.state.actuators["P-102"]
            entered = max(pump.value, pump.confirmed or 0.0)
            fibre.step()
            asked = {name: state.value for name, state in fibre.state.actuators.items()}
            assert all(0.0 <= value <= 10.0 for value in asked.values())
            assert asked["P-102"] <= 1.5 * ONE_VVD + 1e-9
            assert asked["P-104"] <= min(5.0, entered) + 1e-9
            assert asked["P-103"] + asked["P-104"] <= entered + 0.25 * 1.5 * ONE_VVD + 1e-9
            assert abs(fibre.own.trim) <= 0.25 * 1.5 * ONE_VVD + 1e-9
            assert math.isfinite(fibre.own.dilution)
            if fibre.state.interlocks["KIC-1-high"].active:
                assert asked["P-102"] == 0.0
            if fibre.state.interlocks["KIC-1-low"].active:
                assert asked["P-103"] == asked["P-104"] == 0.0


def test_a_plan_with_a_perfusion_starts_with_it_idle() -> None:
    assert initial_state(plan()).perfusions["KIC-1"].stage is Stage.IDLE
