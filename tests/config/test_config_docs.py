"""Every YAML example of docs/control.md compiles, laid over the folder that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgectl.config.compile import compile_folder

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "control.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n# over (\S+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
STRUCTURES = ("temperature_cascade", "ph_split_range", "oxygen_servos")


def laid_over(folder: Path, example: str, into: Path) -> Path:
    """A copy of the folder with the entries of the example in place of its own."""
    into.mkdir()
    for path in folder.glob("*.yaml"):
        (into / path.name).write_text(path.read_text())
    whole: dict[str, Any] = yaml.load((folder / "unit.yaml").read_text(), yaml.BaseLoader)
    for section, entries in yaml.load(example, yaml.BaseLoader).items():
        whole[section] = {**whole.get(section, {}), **entries}
    (into / "unit.yaml").write_text(yaml.dump(whole, Dumper=Plain, sort_keys=False, width=10_000))
    return into


class Plain(yaml.SafeDumper):
    """Numbers and words as a person writes them: without quotes, unless YAML needs them."""

    def choose_scalar_style(self) -> str:
        assert isinstance(self.event, yaml.ScalarEvent)
        self.event.implicit = (True, True)
        style: str = super().choose_scalar_style()
        return style


def names(example: str) -> dict[str, list[str]]:
    return {section: list(entries) for section, entries in yaml.safe_load(example).items()}


def test_there_is_an_example_of_every_structure_and_section() -> None:
    text = "".join(example for _, example in EXAMPLES)
    assert all(f"structure: {name}" in text for name in STRUCTURES)
    sections = {section for _, example in EXAMPLES for section in names(example)}
    assert sections == {"loops", "levels", "feeds", "perfusion", "vessel", "soft_sensors"}
    assert TEXT.count("```yaml") == len(EXAMPLES), "one without the folder it is laid over"


@pytest.mark.parametrize(
    ("folder", "example"), EXAMPLES, ids=[",".join(*names(e).values()) for _, e in EXAMPLES]
)
def test_an_example_compiles_without_a_word_and_is_in_the_plan(
    folder: str, example: str, tmp_path: Path
) -> None:
    found = compile_folder(laid_over(ROOT / folder, example, tmp_path / "unit"))
    assert [problem.render() for problem in found.problems] == []
    plan = found.plan
    assert plan is not None
    kept = {
        "loops": [item.name for item in plan.loops],
        "levels": [item.name for item in plan.loops],
        "feeds": [item.name for item in plan.feeds],
        "perfusion": [item.name for item in plan.perfusions],
        "soft_sensors": [item.name for item in plan.soft],
    }
    for section, wanted in names(example).items():
        if section != "vessel":
            assert set(wanted) <= set(kept[section])


def test_a_slip_in_an_example_is_seen(tmp_path: Path) -> None:
    folder, example = EXAMPLES[0]
    slip = example.replace("heater:", "heatr:")
    assert slip != example
    assert compile_folder(laid_over(ROOT / folder, slip, tmp_path / "unit")).problems


def test_every_link_inside_the_page_leads_to_a_heading() -> None:
    headings = {
        re.sub(r"[^a-z0-9 _-]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in TEXT.splitlines()
        if line.startswith("#")
    }
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert links
    assert set(links) <= headings
