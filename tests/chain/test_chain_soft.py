"""What the core says of cells, held against an independent plant with vessels, cells, probes and noise by chance.

The figures behind the limits, with more vessels and a longer culture: ``python -m tests.chain.test_chain_soft``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from statistics import mean

import pytest

from edgectl.model.codec import from_plain, to_plain
from edgectl.model.quality import Quality
from edgectl.model.state import State
from hil.plant.vessel import Medium
from tests.chain.culture import STEP_S, Culture, demo_plan, scattered

SEEDS = range(4)
_RESTING_H = 8.0  # at rest, after the changes; the command has fourteen
_WINDOW = 120  # minutes of MU-101's window here, so that there are many that share no sample


@dataclass
class Course:
    """Relative errors of a steady stretch, minute by minute, and growth of whole windows against the truth."""

    seed: int
    uptake: list[float] = field(default_factory=list)
    kla: list[float] = field(default_factory=list)
    density: list[float] = field(default_factory=list)
    sure: list[bool] = field(default_factory=list)
    growth: list[tuple[float, float, float]] = field(default_factory=list)


def course(seed: int, resting_h: float = _RESTING_H) -> Course:
    """Two changes of the oxygen set point in four hours, then rest."""
    plan = demo_plan(f"soft_sensors.MU-101.window={_WINDOW} min")
    culture, found = Culture(plan, scattered(seed), seed), Course(seed)
    culture.go(2.0)
    culture.oxygen_percent = 60.0
    culture.go(1.0)
    culture.oxygen_percent = 40.0
    culture.go(1.0)
    logs: list[float] = []
    for truth, said in culture.run(resting_h):
        uptake, kla, cells = said["OUR-101"], said["KLA-101"], said["XV-101"]
        assert uptake.value is not None
        assert kla.value is not None
        assert cells.value is not None
        found.uptake.append(uptake.value / truth.our_mm_h - 1.0)
        found.kla.append(kla.value / truth.kla_per_h - 1.0)
        found.density.append(cells.value / truth.viable_per_ml * 1e6 - 1.0)
        error = said["OUR-101-SE"].value
        assert error is not None
        found.sure.append(abs(uptake.value - truth.our_mm_h) <= 2.0 * error)
        assert uptake.quality is Quality.GOOD
        logs.append(math.log(truth.viable_per_ml))
        if len(logs) > _WINDOW and len(logs) % _WINDOW == 0:
            rate, rate_error = said["MU-101"].value, said["MU-101-SE"].value
            assert rate is not None
            assert rate_error is not None
            true = (logs[-1] - logs[-1 - _WINDOW]) / (_WINDOW / 60.0)
            found.growth.append((rate, rate_error, true))
    return found


@pytest.fixture(scope="module")
def courses() -> list[Course]:
    return [course(seed) for seed in SEEDS]


def test_oxygen_uptake_is_within_ten_percent_of_the_truth_though_the_nameplate_is_wrong(
    courses: list[Course],
) -> None:
    for found in courses:
        assert max(map(abs, found.uptake)) < 0.10, found.seed
        assert max(map(abs, found.kla)) < 0.10, found.seed


def test_twice_the_error_of_oxygen_uptake_covers_the_truth(courses: list[Course]) -> None:
    assert mean(sure for found in courses for sure in found.sure) >= 0.95


def test_the_interval_of_the_growth_rate_holds_the_true_one_in_nine_of_ten_windows(
    courses: list[Course],
) -> None:
    windows = [window for found in courses for window in found.growth]
    held = mean(abs(rate - true) <= 2.0 * error for rate, error, true in windows)
    assert held >= 0.90
    assert all(2.0 * error < 0.2 * true for _, error, true in windows), "an interval that says nothing"


def test_density_is_within_fifteen_percent_as_long_as_cells_use_what_they_should(
    courses: list[Course],
) -> None:
    assert max(abs(error) for found in courses for error in found.density) < 0.15


def test_a_gas_interruption_teaches_the_true_kla_of_a_vessel_far_from_its_nameplate() -> None:
    """Forty percent less than promised, as with antifoam. Nobody asks for anything: the gas fails for three minutes, three times."""
    vessel = scattered(3, spread=0.0)
    vessel = replace(vessel, transfer=replace(vessel.transfer, bubble_gain=0.7 * vessel.transfer.bubble_gain))
    plan = demo_plan("soft_sensors.KLA-101.reference_error=40 %")
    culture = Culture(plan, vessel, 3)
    culture.go(0.05)
    said = culture.measured["KLA-101"]
    assert said.quality is Quality.UNCERTAIN
    assert "no more certain than" in said.reason
    for _ in range(3):
        culture.closed = True
        culture.go(3.0 / 60.0)
        culture.closed = False
        culture.go(0.75)
    said, truth = culture.measured["KLA-101"], culture.plant.truth()
    assert said.quality is Quality.GOOD
    assert said.value == pytest.approx(truth.kla_per_h, rel=0.12)


def test_in_a_quiet_loop_growth_is_not_taken_for_a_kla_that_falls() -> None:
    culture = Culture(demo_plan(), scattered(1, spread=0.0), 1)
    culture.go(2.0)
    before = culture.state.soft["KLA-101"].fit.factor
    culture.go(10.0)
    assert culture.state.soft["KLA-101"].fit.factor == pytest.approx(before, abs=0.03)


def test_acid_made_is_that_of_the_cells_within_its_own_interval() -> None:
    errors = []
    for seed in (1, 2):
        culture = Culture(demo_plan(), scattered(seed), seed)
        culture.go(12.0)
        acid = culture.plant.truth()
        culture.go(12.0)
        later, said = culture.plant.truth(), culture.measured["QL-101"]
        anions = later.lactate_mm - later.ammonia_mm - acid.lactate_mm + acid.ammonia_mm
        true = anions * later.volume_l / 12.0
        error = culture.measured["QL-101-SE"].value
        assert said.value is not None
        assert error is not None
        assert said.value == pytest.approx(true, abs=2.0 * error)
        errors.append(said.value / true - 1.0)
    assert max(map(abs, errors)) < 0.25


def test_cells_that_take_lactate_back_show_it_by_the_sign() -> None:
    vessel = scattered(4)
    cells = replace(vessel.kinetics, lactate_uptake_pmol_cell_h=0.05, glucose_upkeep_pmol_cell_h=0.0)
    start = replace(vessel.start, viable_per_ml=4e6)
    vessel = replace(
        vessel,
        kinetics=cells,
        start=start,
        medium=Medium(glucose_mm=0.05, lactate_mm=20.0, strong_ion_mm=24.0),
    )
    culture = Culture(demo_plan("soft_sensors.OUR-101.uncertainty=60 %"), vessel, 4)
    culture.go(14.0)
    said, error = culture.measured["QL-101"].value, culture.measured["QL-101-SE"].value
    assert said is not None
    assert error is not None
    assert said + 2.0 * error < 0.0


def test_cells_are_told_growing_and_then_dying_with_the_evidence() -> None:
    culture = Culture(demo_plan("soft_sensors.MU-101.window=3 h"), scattered(5), 5)
    culture.go(4.0)
    assert culture.measured["CELLS-101"].value == 3.0
    assert culture.measured["CELLS-101"].quality is Quality.GOOD
    culture.plant.inputs.jacket_setpoint_c = 43.5
    culture.go(10.0)
    assert culture.measured["CELLS-101"].value == 1.0
    told = [(e.before, e.after) for e in culture.events if e.kind == "cells"]
    assert told[0] == ("unknown", "growing")
    assert told[-1][1] == "dying"
    assert "growth -0.0" in next(e.reason for e in culture.events if e.after == "dying")


def test_an_oxygen_probe_in_air_makes_uptake_impossible_and_says_why() -> None:
    culture = Culture(demo_plan(), scattered(0), 0)
    culture.go(1.0)
    culture.spoil = lambda tag, value: value + 100.0 if tag == "AT-102" else value
    culture.go(0.3)
    said = culture.measured["OUR-101"]
    assert (said.quality, said.value) == (Quality.BAD, None)
    assert "more oxygen in the liquid than this gas brings" in said.reason
    assert culture.measured["XV-101"].quality is Quality.BAD


def test_a_lost_probe_makes_all_that_is_made_of_it_bad_and_its_return_begins_with_doubt() -> None:
    culture = Culture(demo_plan(), scattered(0), 0)
    culture.go(1.0)
    learned = culture.state.soft["KLA-101"].fit
    culture.spoil = lambda tag, value: None if tag == "AT-102" else value
    culture.go(0.5)
    assert {culture.measured[name].quality for name in ("KLA-101", "OUR-101", "XV-101")} == {Quality.BAD}
    assert "AT-102 is BAD" in culture.measured["OUR-101"].reason
    assert culture.measured["MU-101"].quality is not Quality.BAD, "density is still measured"
    culture.spoil = lambda _, value: value
    culture.go(2.0 / 60.0)
    assert culture.measured["OUR-101"].quality is Quality.UNCERTAIN
    assert culture.state.soft["KLA-101"].fit.factor == pytest.approx(learned.factor, abs=0.05)
    culture.go(5.0 / 60.0)
    assert culture.measured["OUR-101"].quality.name == "GOOD"


def test_a_snapshot_goes_on_to_the_bit() -> None:
    culture = Culture(demo_plan(), scattered(2), 2)
    culture.go(3.0)
    twin = Culture(demo_plan(), scattered(2), 2)
    twin.go(3.0)
    twin.state = from_plain(State, to_plain(twin.state))
    assert twin.state == culture.state
    culture.go(1.0)
    twin.go(1.0)
    assert twin.state.soft == culture.state.soft


def main() -> None:
    """Print the figures."""
    for seed in range(12):
        found = course(seed, 14.0)
        bubbles = scattered(seed).transfer.bubble_gain
        held = mean(abs(rate - true) <= 2.0 * error for rate, error, true in found.growth)
        off = mean(abs(rate / true - 1.0) for rate, _, true in found.growth)
        print(
            f"seed {seed:2}: nameplate {60.0 / bubbles - 1.0:+.1%}, kLa {mean(found.kla):+.1%}, uptake {mean(found.uptake):+.1%} "
            f"(worst {max(map(abs, found.uptake)):.1%}, in interval {mean(found.sure):.0%}), "
            f"density worst {max(map(abs, found.density)):.1%}, growth off {off:.1%}, in interval {held:.0%}"
        )
    print(f"one step is {STEP_S} s of plant time")


if __name__ == "__main__":
    main()
