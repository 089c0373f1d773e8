"""The health of loops in the files: on by itself, off by a word, and every mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.model.health_plan import HealthPlan
from edgectl.model.safety import Cause, Watch
from tests.config.unit_folder import SAFETY, UNIT, Bad, compiled

TIC = "    band: 0.2 K\n"
PH = "    dead_band: 0.03 pH\n"


def health(tmp_path: Path, written: str) -> dict[str, HealthPlan]:
    """The health of all loops with this written of TIC-101."""
    found = compiled(tmp_path / "u", unit=UNIT.replace(TIC, TIC + written))
    assert found.plan is not None, found.problems
    return {plan.loop: plan for plan in found.plan.health}


def test_it_is_on_for_every_loop_with_what_follows_from_integral_time_and_band(tmp_path: Path) -> None:
    plans = health(tmp_path, "")
    assert plans["TIC-101"] == HealthPlan("TIC-101", 22.5, 3600.0, 7200.0, 0.1, 0.2, 0.5, 0.2, 3.0)
    found = compiled(tmp_path / "v")
    assert found.plan is not None
    assert plans["AIC-101"].swing == pytest.approx(1.25 * 0.03)  # above its dead band
    assert [plan.loop for plan in found.plan.health] == [loop.name for loop in found.plan.loops]


def test_what_is_written_counts(tmp_path: Path) -> None:
    written = "    health: {window: 2 h, settle: 10 min, swing: 0.05 K, at_limit: 80 %, not_regulating: 5 %, spread: 4}\n"
    plans = health(tmp_path, written)
    assert plans["TIC-101"] == HealthPlan("TIC-101", 22.5, 7200.0, 600.0, 0.05, 0.2, 0.8, 0.05, 4.0)


def test_a_loop_without_band_is_judged_by_its_range_of_set_points(tmp_path: Path) -> None:
    found = compiled(tmp_path / "u", unit=UNIT.replace(TIC, ""))
    assert found.plan is not None
    assert found.plan.health[0].band == pytest.approx(0.02 * 8.0)


def test_off_leaves_one_loop_out(tmp_path: Path) -> None:
    assert "TIC-101" not in health(tmp_path, "    health: off\n")


def test_an_alarm_about_a_loop_whose_health_is_off_is_a_mistake(tmp_path: Path) -> None:
    safety = SAFETY.replace("{bad: AT-101}", "{health: TIC-101}")
    right = compiled(tmp_path / "u", safety=safety)
    assert right.plan is not None
    assert right.plan.hazards[1].cause == Cause(Watch.HEALTH, "TIC-101")
    wrong = compiled(tmp_path / "v", safety=safety, unit=UNIT.replace(TIC, TIC + "    health: off\n"))
    [problem] = wrong.problems
    assert "unknown loop with health 'TIC-101'" in problem.message
    assert problem.path.endswith("when.health")


WRONG = {
    "another word": Bad(TIC, TIC + "    health: §on\n", ("off",)),
    "unknown key": Bad(TIC, TIC + "    health: {§windov: 2 h}\n", ("did you mean 'window'",)),
    "window too short": Bad(TIC, TIC + "    health: {window: §1 min}\n", ("allowed: 10 min to 6 h",)),
    "swing in another unit": Bad(TIC, TIC + "    health: {swing: §0.1 pH}\n", ("K",)),
    "negative swing": Bad(TIC, TIC + "    health: {swing: §-0.1 K}\n", ("negative",)),
    "share above all": Bad(TIC, TIC + "    health: {at_limit: §120 %}\n", ("1..100 %",)),
    "share of none": Bad(TIC, TIC + "    health: {not_regulating: §0 %}\n", ("1..100 %",)),
    "spread too small": Bad(TIC, TIC + "    health: {spread: §1}\n", ("at least 1.5",)),
    "swing of nothing": Bad(TIC, TIC + "    health: {swing: §0 K}\n", ("dead band",)),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_where_it_stands(case: Bad, tmp_path: Path) -> None:
    case.check(tmp_path / "u")
