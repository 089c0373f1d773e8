"""Limits of experiments in unit.yaml, and what was accepted of them in tuning.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.compile import Compiled, compile_folder
from edgectl.model.experiment import TunePlan
from edgectl.model.loop_plan import LoopPlan
from tests.config.unit_folder import UNIT, Bad, compiled, write

BAND = "    dead_band: 0.03 pH\n"
RIGHT = BAND + "    tune: {amplitude: 20 %, within: 0.1 pH, longest: 2 h}\n"

LIMITS = {
    "no amplitude": Bad(
        BAND, BAND + "    §tune: {within: 0.1 pH, longest: 2 h}\n", ("'amplitude' is missing",)
    ),
    "an amplitude of 0": Bad(
        BAND, RIGHT.replace("20 %", "§0 %"), ("0 % lets an experiment do nothing", "more than 0")
    ),
    "more than half of the output": Bad(
        BAND, RIGHT.replace("20 %", "§120 %"), ("120 % is more than half of the output: 100 %",)
    ),
    "in the unit of something else": Bad(
        BAND, RIGHT.replace("0.1 pH", "§0.1 K"), ("wrong unit", "allowed: pH")
    ),
    "nothing is within 0": Bad(BAND, RIGHT.replace("0.1 pH", "§0 pH"), ("lets an experiment do nothing",)),
    "too short": Bad(BAND, RIGHT.replace("2 h", "§20 s"), ("20 s is out of range; allowed: 1 min to 2 d",)),
    "an unknown key": Bad(
        BAND,
        BAND + "    tune: {amplitude: 20 %, within: 0.1 pH, longest: 2 h, §method: relay}\n",
        ("unknown key",),
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_mistake_in_the_limits_is_told_at_its_place(name: str, tmp_path: Path) -> None:
    LIMITS[name].check(tmp_path / "u")


def test_limits_arrive_in_the_units_of_loop_and_output(tmp_path: Path) -> None:
    found = _loop(compiled(tmp_path / "u", unit=UNIT.replace(BAND, RIGHT)), "AIC-101")
    assert found.tune == TunePlan(20.0, 0.1, 7200.0, "%")


def test_an_amplitude_in_percent_of_an_output_in_degrees_is_of_its_range(tmp_path: Path) -> None:
    old = "    band: 0.2 K\n"
    assert UNIT.count(old) == 1
    unit = UNIT.replace(old, old + "    tune: {amplitude: 10 %, within: 0.5 K, longest: 2 h}\n")
    found = _loop(compiled(tmp_path / "u", unit=unit), "TIC-101")
    assert found.tune is not None
    assert found.tune.amplitude == pytest.approx(0.1 * (found.out_high - found.out_low))


def test_without_limits_there_are_no_experiments(tmp_path: Path) -> None:
    assert _loop(compiled(tmp_path / "u"), "AIC-101").tune is None


def _loop(found: Compiled, name: str) -> LoopPlan:
    assert found.plan is not None, "\n".join(problem.render() for problem in found.problems)
    return next(loop for loop in found.plan.loops if loop.name == name)


TUNED = """\
tuning:
  AIC-101:
    gain: "250 %/pH"
    integral: "900 s"
    model: "first order"
    by: anna
    reason: first run
    at: "2026-01-31T12:00:00Z"
"""


def _with(folder: Path, text: str, overrides: tuple[str, ...] = ()) -> Compiled:
    write(folder)
    (folder / "tuning.yaml").write_text(text)
    return compile_folder(folder, overrides, settle_s=0.0)


def test_what_was_accepted_takes_the_place_of_what_unit_yaml_says(tmp_path: Path) -> None:
    before = _loop(compiled(tmp_path / "v"), "AIC-101")
    found = _loop(_with(tmp_path / "u", TUNED), "AIC-101")
    assert (found.gain, found.integral_s, found.derivative_s) == (250.0, 900.0, 0.0)
    assert (before.gain, before.setpoint, before.dead_band) != (found.gain, found.setpoint, found.dead_band)
    assert (before.setpoint, before.dead_band, before.fallback) == (
        found.setpoint,
        found.dead_band,
        found.fallback,
    )


def test_what_an_accepted_entry_leaves_out_is_gone(tmp_path: Path) -> None:
    """A derivative part of unit.yaml would not fit the gain of another tuning."""
    unit = UNIT.replace("    integral: 20 min\n", "    integral: 20 min\n    derivative: 30 s\n")
    write(tmp_path / "u", unit=unit)
    (tmp_path / "u" / "tuning.yaml").write_text(TUNED)
    found = _loop(compile_folder(tmp_path / "u", settle_s=0.0), "AIC-101")
    assert (found.derivative_s, found.filter_s) == (0.0, 0.0)


def test_the_command_line_comes_last(tmp_path: Path) -> None:
    assert _loop(_with(tmp_path / "u", TUNED, ("loops.AIC-101.gain=300 %/pH",)), "AIC-101").gain == 300.0


MISTAKES = {
    "a loop that is not there": (
        TUNED.replace("AIC-101", "AIC-109"), 2, ("unknown loop 'AIC-109'", "did you mean 'AIC-101'")
    ),
    "a gain in other units": (TUNED.replace("250 %/pH", "250 K/pH"), 3, ("wrong unit", "%/pH")),
    "no model": (TUNED.replace('    model: "first order"\n', ""), 2, ("'model' is missing",)),
    "a time that is none": (TUNED.replace("900 s", "soon"), 4, ("'soon'",)),
    "a key of unit.yaml": (TUNED.replace("    by:", "    setpoint: 7 pH\n    by:"), 6, ("unknown key 'setpoint'",)),
    "nothing": ("", 1, ("tuning",)),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_made_by_hand_is_told_with_file_and_line(name: str, tmp_path: Path) -> None:
    text, line, says = MISTAKES[name]
    found = _with(tmp_path / "u", text)
    assert found.plan is None
    here = [p for p in found.problems if Path(p.place.file).name == "tuning.yaml"]
    assert [p.place.line for p in here] == [line], "\n".join(p.render() for p in found.problems)
    for part in says:
        assert part in here[0].render()
