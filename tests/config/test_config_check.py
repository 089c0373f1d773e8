"""Plausibility checks, dosing limits and minimum times as technicians write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.unit import amount_of
from edgectl.config.yaml_node import parse
from edgectl.model.safety import CheckKind, CheckPlan, DosePlan
from tests.config.test_config_shipped import another, leaves
from tests.config.unit_folder import HERE, SAFETY, UNIT, compiled

SECTIONS = """\
doses:
  P-102:
    per_hour: 20 mL
    per_batch: 0.5 L
checks:
  no-heat:
    kind: no effect
    tag: TT-101
    actuator: TY-101
    beyond: TT-101
    enabled_by: HS-101
    drive: 2 K
    lasting: 6 min
    amount: 0.5 K
    window: 12 min
    description: Heater blown
  acid-uncaused:
    kind: uncaused
    tag: AT-101
    actuator: FV-102
    drive: 5 mL/min
    lasting: 30 s
    direction: falls
    amount: 0.1 pH
    window: 5 min
  ph-noise-lost:
    kind: noise loss
    tag: AT-101
    amount: 0.001 pH
    actuator: FV-102
    drive: 3 mL/min
    window: 3 min
  oxygen-fixed:
    kind: ceiling
    tag: AT-102
    value: 110 %
    amount: 5 %
    window: 1 min
  oxygen-mixed:
    kind: ceiling
    tag: AT-102
    mix: {TT-101: 100 %, AT-101: 477 %}
    amount: 10 %
    window: 1 min
  differ:
    kind: disagreement
    tag: TT-101
    other: AT-103
    amount: 0.4 K
    window: 1 min
  ph-open:
    kind: near
    tag: AT-101
    value: 7.00 pH
    amount: 0.01 pH
    noise: 0.002 pH
    actuator: P-102
    drive: 0.4 mL/min
    lasting: 3 min
    window: 5 min
"""
RIGHT = SAFETY + SECTIONS
# a second temperature, and minimum times for the contactor
FULL = UNIT.replace(
    "actuators:\n", "  AT-103:\n    channel: mux.temperature\n    unit: degC\nactuators:\n"
).replace(
    "    safe: off\n    normal: on\n", "    safe: off\n    normal: on\n    min_on: 20 s\n    min_off: 1 min\n"
)


def test_the_right_sections_are_compiled(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u", unit=FULL, safety=RIGHT).plan
    assert plan is not None
    assert plan.doses == (DosePlan("P-102", 60.0, per_hour=20.0, per_batch=500.0, unit="mL"),)
    checks = {check.name: check for check in plan.checks}
    assert list(checks) == [
        "no-heat", "acid-uncaused", "ph-noise-lost", "oxygen-fixed", "oxygen-mixed", "differ", "ph-open",
    ]  # fmt: skip
    assert checks["no-heat"] == CheckPlan(
        "no-heat", CheckKind.NO_EFFECT, "TT-101", 720.0, 0.5, actuator="TY-101", drive=2.0, other="TT-101",
        description="Heater blown", drive_s=360.0, enabled_by="HS-101",
    )  # fmt: skip
    assert not checks["acid-uncaused"].rising
    assert checks["oxygen-mixed"].mix == (("TT-101", 100.0), ("AT-101", 477.0))
    assert (checks["ph-open"].value, checks["ph-open"].noise) == (7.0, 0.002)
    contactor = next(actuator for actuator in plan.actuators if actuator.name == "HS-101")
    assert (contactor.min_on_s, contactor.min_off_s) == (20.0, 60.0)


MISTAKES = {
    "unknown kind": ("kind: uncaused", "kind: §uncause", ("did you mean 'uncaused'?",)),
    "unknown tag": ("    tag: AT-101\n    actuator: FV-102", "    tag: §AT-111\n    actuator: FV-102", ("unknown tag 'AT-111'", "did you mean 'AT-101'?")),
    "unknown actuator": ("actuator: FV-102\n    drive: 5", "actuator: §FV-122\n    drive: 5", ("unknown actuator 'FV-122'",)),
    "unknown other tag": ("other: AT-103", "other: §AT-133", ("unknown tag 'AT-133'",)),
    "unknown switch": ("enabled_by: HS-101", "enabled_by: §HS-111", ("unknown actuator 'HS-111'", "did you mean 'HS-101'?")),
    "no switch": ("enabled_by: HS-101", "enabled_by: §FV-102", ("FV-102 is no switch",)),
    "unknown flow": ("mix: {TT-101: 100 %,", "mix: {§TT-111: 100 %,", ("unknown tag 'TT-111'",)),
    "misspelt key": ("lasting: 30 s", "§lastings: 30 s", ("unknown key 'lastings'", "did you mean 'lasting'?")),
    "a key of another kind": ("    other: AT-103\n", "    other: AT-103\n    §value: 7 degC\n", ("'value' says nothing in a check of kind 'disagreement'", "delete the line")),
    "no other": ("  §differ:\n    kind: disagreement\n    tag: TT-101\n    other: AT-103\n", None, ("'other' is missing", "a check of kind 'disagreement' wants it", "other: TT-103")),
    "no drive": ("  §acid-uncaused:\n    kind: uncaused\n    tag: AT-101\n    actuator: FV-102\n    drive: 5 mL/min\n", None, ("'drive' is missing", "drive: 2 mL/min")),
    "no ceiling": ("  §oxygen-fixed:\n    kind: ceiling\n    tag: AT-102\n    value: 110 %\n", None, ("'value' is missing", "a check of kind 'ceiling' wants it")),
    "near without proof": ("  §ph-open:\n    kind: near\n    tag: AT-101\n    value: 7.00 pH\n    amount: 0.01 pH\n    noise: 0.002 pH\n    actuator: P-102\n    drive: 0.4 mL/min\n    lasting: 3 min\n", None, ("'actuator' is missing", "a check of kind 'near' wants it")),
    "unit of the amount": ("amount: 0.5 K", "amount: §0.5 pH", ("'0.5 pH' has the wrong unit", "allowed: K, degC")),
    "unit of the drive": ("drive: 5 mL/min", "drive: §5 K", ("'5 K' has the wrong unit", "mL/min")),
    "unit of the mix": ("AT-101: 477 %}", "AT-101: §477 K}", ("'477 K' has the wrong unit",)),
    "nothing": ("amount: 0.4 K", "amount: §0 K", ("0 K is nothing: every signal is beyond it",)),
    "no drive at all": ("drive: 5 mL/min", "drive: §0 mL/min", ("0 mL/min is nothing",)),
    "value outside": ("value: 7.00 pH", "value: §12 pH", ("12 pH lies outside the range of tag AT-101: 3..11 pH",)),
    "window too short": ("    amount: 0.1 pH\n    window: 5 min", "    amount: 0.1 pH\n    window: §40 s", ("40 s is too short for AT-101, which is read every 5 s", "write at least 50 s")),
    "drive never reached": ("    drive: 0.4 mL/min\n    lasting: 3 min", "    drive: 9 mL/min\n    lasting: §3 min", ("P-102 goes to 5 mL/min at most, so within 5 min it never drives so much", "write at most 'lasting: 1.94444 min'")),
    "not comparable": ("other: AT-103", "other: §AT-102", ("AT-102 is in %-sat, TT-101 in degC: they cannot be compared",)),
    "with itself": ("other: AT-103", "other: §TT-101", ("TT-101 never differs from itself",)),
    "beyond another unit": ("beyond: TT-101", "beyond: §AT-101", ("AT-101 is in pH, TY-101 in degC",)),
    "a name twice": ("  differ:", "  §TT-101:", ("'TT-101' names one of the tags already",)),
    "dose of nobody": ("  P-102:\n    per_hour", "  §P-112:\n    per_hour", ("unknown actuator 'P-112'", "did you mean 'P-102'?")),
    "dose of a temperature": ("  P-102:\n    per_hour", "  §TY-101:\n    per_hour", ("TY-101 is in 'degC', which does not add up to a volume or a mass",)),
    "dose of a switch": ("  P-102:\n    per_hour", "  §HS-101:\n    per_hour", ("HS-101 is in '', which does not add up",)),
    "dose in a unit of flow": ("per_hour: 20 mL", "per_hour: §20 mL/min", ("'20 mL/min' has the wrong unit", "allowed: mL, uL, L")),
    "dose without unit": ("per_hour: 20 mL", "per_hour: §20", ("'20' has no unit", "write 20 mL")),
    "dose by mass of a volume": ("per_batch: 0.5 L", "per_batch: §0.5 kg", ("'0.5 kg' has the wrong unit",)),
    "no dose": ("per_hour: 20 mL", "per_hour: §0 mL", ("0 mL leaves nothing to dose", "set the range of the actuator")),
    "negative dose": ("per_hour: 20 mL", "per_hour: §-1 mL", ("-1 mL is negative",)),
    "a limit without a limit": ("  P-102:\n    per_hour: 20 mL\n    per_batch: 0.5 L\n", "  §P-102: {}\n", ("a dosing limit without a limit", "per_hour: 20 mL")),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_where_it_stands(
    old: str, new: str | None, says: tuple[str, ...], tmp_path: Path
) -> None:
    if new is None:  # the last line of what is written is left out; the mark is where it is missed
        old, new = old.replace(HERE, ""), old.rpartition("\n")[0].rpartition("\n")[0] + "\n"
        if "ph-open" in old:
            new = old.partition("    noise")[0].replace("  ph-open", f"  {HERE}ph-open")
    assert RIGHT.count(old) == 1
    before, mark, after = RIGHT.replace(old, new).partition(HERE)
    assert mark
    found = compiled(tmp_path / "u", unit=FULL, safety=before + after)
    said = "\n".join(problem.render() for problem in found.problems)
    assert found.plan is None
    assert len(found.problems) == 1, said
    (problem,) = found.problems
    line, column = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
    assert (problem.place.line, problem.place.column) == (line, column), said
    for part in says:
        assert part in said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("safe: 0 mL/min\n    normal: 1", "safe: 1 mL/min\n    normal: 1", "the safe value of P-102 is 1 mL/min"),
        (
            "address: 1, scale: 0.01, unit: mL/min, low: 0.0",
            "address: 1, type: int16, scale: 0.01, unit: mL/min, low: -5.0",
            "P-102 also goes backwards (down to -5 mL/min)",
        ),
    ],
)  # fmt: skip
def test_only_what_stands_still_when_safe_can_be_limited(
    old: str, new: str, says: str, tmp_path: Path
) -> None:
    unit = FULL.replace("range: 0..5 mL/min", "range: -5..5 mL/min") if "int16" in new else FULL
    assert old in unit
    found = compiled(tmp_path / "u", unit=unit.replace(old, new), safety=RIGHT)
    assert any(says in problem.render() for problem in found.problems)


@pytest.mark.parametrize("section", ["doses", "checks"])
def test_a_section_that_is_no_list_of_names_is_one_mistake(section: str, tmp_path: Path) -> None:
    found = compiled(tmp_path / "u", safety=f"{SAFETY}{section}: none\n")
    (problem,) = found.problems
    assert "expected a name and ':' for each part" in problem.render()


@pytest.mark.parametrize(
    ("flow", "amount"),
    [
        ("mL/min", ("mL", 60.0)), ("L/h", ("L", 3600.0)), ("mL/s", ("mL", 1.0)), ("g/min", ("g", 60.0)), ("kg/h", ("kg", 3600.0)),
        ("degC", None), ("", None), ("SCCM", None), ("g/L", None), ("rpm", None),
    ],
)  # fmt: skip
def test_what_a_flow_adds_up_to(flow: str, amount: tuple[str, float] | None) -> None:
    assert amount_of(flow) == amount


def test_every_value_of_these_sections_counts_in_the_digest(tmp_path: Path) -> None:
    base = compiled(tmp_path / "u", unit=FULL, safety=RIGHT).plan
    assert base is not None
    root, _ = parse(RIGHT, "safety.yaml")
    assert root is not None
    tried = 0
    for path, leaf in leaves((), root):
        changed = another(leaf.text)
        if path[0] not in ("doses", "checks") or changed is None:
            continue
        lines = RIGHT.split("\n")
        at = leaf.place.column - 1
        line = lines[leaf.place.line - 1]
        lines[leaf.place.line - 1] = line[:at] + changed + line[at + len(leaf.text) :]
        found = compiled(tmp_path / "u", unit=FULL, safety="\n".join(lines)).plan
        if found is not None:
            tried += 1
            assert found.digest != base.digest, path
    assert tried > 25
