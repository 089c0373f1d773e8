"""Soft sensors as technicians write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.compile import Compiled, compile_folder
from edgectl.config.soft_form import NATURES
from edgectl.model.soft_plan import Role, SoftInput, SoftKind
from tests.config.unit_folder import HERE

DEMO = Path(__file__).parents[2] / "configs" / "demo"
RIGHT = (DEMO / "unit.yaml").read_text()


def compiled(folder: Path, unit: str, safety: str = "") -> Compiled:
    folder.mkdir()
    (folder / "unit.yaml").write_text(unit)
    (folder / "safety.yaml").write_text((DEMO / "safety.yaml").read_text() + safety)
    return compile_folder(folder, settle_s=0.0)


def test_the_demo_has_one_of_every_kind_and_their_tags(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u", RIGHT).plan
    assert plan is not None
    softs = {soft.name: soft for soft in plan.soft}
    assert {soft.kind for soft in plan.soft} == set(SoftKind)
    kla, growth, acid = softs["KLA-101"], softs["MU-101"], softs["QL-101"]
    assert kla.inputs[0] == SoftInput(Role.OXYGEN, "AT-102")
    assert kla.learns
    assert kla.transfer is not None
    assert (kla.transfer.reference_per_h, kla.transfer.agitation, kla.transfer.error) == (1.69, 150.0, 0.15)
    assert (growth.limit, growth.relative, growth.window_s) == (0.005, False, 21_600.0)
    assert (acid.base_mm, acid.error_tag, acid.ratio_tag) == (500.0, "QL-101-SE", "QL-101-O2")
    tags = {tag.name: tag for tag in plan.tags}
    made = [tag for tag in plan.tags if tag.channel.startswith("soft:")]
    assert {tag.name for tag in made} == {*softs, "OUR-101-SE", "MU-101-SE", "QL-101-SE", "QL-101-O2"}
    assert (tags["OUR-101"].unit, tags["OUR-101-SE"].unit, tags["QL-101-O2"].unit) == ("mM/h", "mM/h", "")


def test_numbers_are_converted_to_the_units_of_the_core() -> None:
    overrides = ("reference=40.56 /d", "at_volume=2000 mL", "at_gas=0.1 L/min")
    plan = compile_folder(DEMO, [f"soft_sensors.KLA-101.{text}" for text in overrides]).plan
    assert plan is not None
    nameplate = plan.soft[0].transfer
    assert nameplate is not None
    assert (nameplate.reference_per_h, nameplate.volume_l, nameplate.gas_ml_min) == pytest.approx(
        (1.69, 2.0, 100.0)
    )


def test_the_window_of_a_kind_that_has_none_and_the_limit_of_activity_say_nothing() -> None:
    assert [kind.value for kind, nature in NATURES.items() if nature.window_s] == [
        "oxygen_uptake",
        "growth_rate",
        "lactate",
    ]


def test_an_alarm_may_watch_a_soft_sensor_and_a_loop_may_hold_it(tmp_path: Path) -> None:
    alarm = """\
  UAL-101:
    description: Cells breathe less than they did
    when: {tag: OUR-101, below: 0.2 mM/h, hysteresis: 0.05 mM/h}
    priority: low
    consequence: They may die
    response: Take a sample
    response_time: 1 h
"""
    assert compiled(tmp_path / "u", RIGHT, alarm).plan is not None
    text = (
        RIGHT.replace(
            "    tag: AT-102\n    drives:\n      FV-103: 0..200 mL/min\n    setpoint: 40 %\n    setpoint_range: 10..80 %\n    gain: 6 mL/min/%\n",
            "    tag: KLA-101\n    drives:\n      FV-103: 0..200 mL/min\n    setpoint: 3 /h\n    setpoint_range: 1..8 /h\n    gain: 6 (mL/min)/(/h)\n",
        )
        .replace("    band: 5 %\n", "    band: 0.2 /h\n")
        .replace("within: 12 %, longest", "within: 1 /h, longest")
    )
    assert text != RIGHT
    found = compiled(tmp_path / "v", text)
    assert found.plan is not None, [problem.render() for problem in found.problems]


GROWTH = "    kind: growth_rate\n    source: AT-103\n    window: 6 h\n"
MISTAKES = {
    "unknown kind": ("kind: growth_rate", "kind: §growth", ("growth_rate",)),
    "unknown tag": ("agitation: ST-101", "agitation: §ST-111", ("unknown tag 'ST-111'", "did you mean 'ST-101'?")),
    "misspelt key": ("    per_cell_error: 25 %", "    §per_cel_error: 25 %", ("unknown key 'per_cel_error'", "did you mean")),
    "a key of another kind": (GROWTH, GROWTH + "    §probe_lag: 8 s\n", ("'probe_lag' says nothing in a soft sensor of kind 'growth_rate'", "delete the line")),
    "a window for none": ("    kind: activity\n", "    kind: activity\n    §window: 6 h\n", ("'window' says nothing in a soft sensor of kind 'activity'",)),
    "nothing to grow": ("  MU-101:\n    description: Growth rate\n    kind: growth_rate\n    source: AT-103\n", "  §MU-101:\n    description: Growth rate\n    kind: growth_rate\n", ("'source' is missing", "source: AT-103")),
    "no gas": ("  §KLA-101:", None, ("'air' is missing",)),
    "no volume": ("  §OUR-101:", None, ("'weight' is missing",)),
    "uptake without a rate per cell": ("    per_cell: 450 fmol/cell/h\n", "", ("'per_cell' is missing", "300 fmol/cell/h")),
    "a sensor below": ("  KLA-101:\n    description: Oxygen", "  AB-1:\n    kind: growth_rate\n    source: §XV-101\n  KLA-101:\n    description: Oxygen", ("soft sensor 'XV-101' does not stand above", "move it up")),
    "itself": ("source: AT-103", "source: §MU-101", ("soft sensor 'MU-101' does not stand above",)),
    "the wrong sensor": ("    kla: KLA-101\n    temperature: TT-101\n    pressure: PT-101\n    air: FT-101\n    co2: FT-102\n    o2: FT-103\n    weight: WT-101\n    probe_lag", "    kla: §AT-101\n    temperature: TT-101\n    pressure: PT-101\n    air: FT-101\n    co2: FT-102\n    o2: FT-103\n    weight: WT-101\n    probe_lag", ("AT-101 is in pH; wanted here: /h, /s",)),
    "growth of another kind": ("growth: MU-101", "growth: §OUR-101", ("OUR-101 is no soft sensor of kind 'growth_rate'",)),
    "growth that is measured": ("growth: MU-101", "growth: §AT-103", ("AT-103 is no soft sensor of kind 'growth_rate'",)),
    "unit of a tag": ("    base: FT-104", "    base: §TT-101", ("TT-101 is in degC; wanted here: mL/min",)),
    "unit of a number": ("reference: 1.69 /h", "reference: §1.69 rpm", ("'1.69 rpm' has the wrong unit", "/h")),
    "a number without unit": ("per_cell: 450 fmol/cell/h", "per_cell: §450", ("'450' has no unit", "fmol/cell/h")),
    "nothing": ("at_gas: 100 mL/min", "at_gas: §0 mL/min", ("0 mL/min is nothing: write what it is",)),
    "negative": ("surface: 0.3 /h", "surface: §-0.3 /h", ("-0.3 /h is negative",)),
    "window too short": ("    window: 6 h\n", "    window: §3 min\n", ("3 min is too short for AT-103, which is read every 10 s", "write at least 4 min")),
    "window out of bounds": ("    window: 6 h\n", "    window: §10 s\n", ("10 s is out of range",)),
    "a name twice": ("  XV-101:", "  §AT-103:", ("'AT-103' names one of the tags already",)),
    "a companion's name twice": ("    window: 6 h\n    standard_error: true\n", "    window: 6 h\n    standard_error: true\n  MU-101-SE:\n    kind: growth_rate\n    source: AT-103\n", ("its companion MU-101-SE would have the name of one of the soft_sensors",)),
    "a companion's name too long": ("  MU-101:\n", "  §MU-101-with-a-name-of-thirty-one:\n", ("would be called MU-101-with-a-name-of-thirty-one-SE", "at most 32")),
    "range beyond its kind": ("    kind: activity\n", "    kind: activity\n    range: §0..9\n", ("reaches outside activity: 0..4",)),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_where_it_stands(
    old: str, new: str | None, says: tuple[str, ...], tmp_path: Path
) -> None:
    text = RIGHT
    if "growth: MU-101" in RIGHT and "MU-101-with" in (new or ""):
        text = text.replace("growth: MU-101", "growth: MU-101-with-a-name-of-thirty-one")
    if new is None:
        text = _without(text, old.replace(HERE, ""), ("air", "o2", "co2") if "KLA" in old else ("weight",))
        new, old = old, old.replace(HERE, "")
    assert text.count(old) == 1, text.count(old)
    text = text.replace(old, new)
    before, mark, after = text.partition(HERE)
    found = compiled(tmp_path / "u", before + after)
    said = "\n".join(problem.render() for problem in found.problems)
    assert found.plan is None
    assert len(found.problems) == 1, said
    (problem,) = found.problems
    if mark:
        line, column = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
        assert (problem.place.line, problem.place.column) == (line, column), said
    for part in says:
        assert part in said


def _without(text: str, section: str, keys: tuple[str, ...]) -> str:
    """The text with some lines of one section left out."""
    lines = text.split("\n")
    begin = lines.index(section)
    end = next(place for place in range(begin + 1, len(lines)) if not lines[place].startswith("    "))
    kept = [line for line in lines[begin:end] if line.strip().partition(":")[0] not in keys]
    return "\n".join([*lines[:begin], *kept, *lines[end:]])
