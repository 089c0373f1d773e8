"""The folders we ship are right, quick to check, and what stands beside them is up to date."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgectl.config.compile import compile_folder
from edgectl.config.draft import dotted
from edgectl.config.reference import reference
from edgectl.config.schema import schemas
from edgectl.config.yaml_node import MappingNode, Node, Scalar, SequenceNode, parse
from edgectl.model.codec import load_plan, to_plain
from tests.config.unit_folder import FILES, compiled, write

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(path.parent for path in CONFIGS.glob("*/unit.yaml"))
COMMAND = """
import sys
from pathlib import Path
from edgectl.config.compile import compile_folder
compiled = compile_folder(Path(sys.argv[1]))
print(compiled.plan.digest, compiled.problems)
"""


def test_there_is_a_bench_a_demo_and_a_unit_of_each_kind() -> None:
    assert [path.name for path in SHIPPED] == ["bench", "demo", "example-2l", "perfusion-2l", "rocking-2l"]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_folder_passes_without_a_word_in_half_a_second(folder: Path) -> None:
    begun = time.process_time()
    found = compile_folder(folder)
    assert time.process_time() - begun < 0.5
    assert found.problems == ()
    assert found.plan is not None


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_a_digest_is_the_same_in_every_process(folder: Path) -> None:
    """A fresh interpreter with another hash seed."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, str(folder)],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    plan = compile_folder(folder).plan
    assert plan is not None
    assert done.stdout == f"{plan.digest} ()\n", done.stderr


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_a_compiled_plan_survives_its_json(folder: Path) -> None:
    plan = compile_folder(folder).plan
    assert plan is not None
    assert load_plan(json.dumps(to_plain(plan))) == plan


@pytest.mark.parametrize("name", schemas())
def test_the_shipped_schema_is_what_the_models_generate(name: str) -> None:
    """Write it anew with: python -m edgectl.config.schema configs/schema"""
    assert (CONFIGS / "schema" / name).read_text() == schemas()[name]


def test_the_shipped_reference_is_what_the_models_generate() -> None:
    """Write it anew with: python -m edgectl.config.reference configs/REFERENCE.md"""
    assert (CONFIGS / "REFERENCE.md").read_text() == reference()


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_file_names_its_schema_first(folder: Path) -> None:
    for path in folder.glob("*.yaml"):
        first = path.read_text().split("\n", 1)[0]
        name = f"../schema/{path.stem}.schema.json"
        assert first == f"# yaml-language-server: $schema={name}"
        assert (folder / name).exists()


def leaves(path: tuple[str | int, ...], node: Node) -> list[tuple[tuple[str | int, ...], Scalar]]:
    """Every single value of a file."""
    if isinstance(node, MappingNode):
        return [leaf for key, entry in node.entries.items() for leaf in leaves((*path, key), entry.node)]
    if isinstance(node, SequenceNode):
        return [leaf for i, item in enumerate(node.items) for leaf in leaves((*path, i), item)]
    return [(path, node)]


# Another right value for every value of the small folder: units and names that cannot be otherwise are left out.
ANOTHER = {
    "on": "off",
    "off": "on",
    "modbus-rtu": None,
    "modbus-tcp": "modbus-rtu",
    "8N2": "8E1",
    "8N1": "8E1",
    "19200": "9600",
    "1": "7",
    "2": "3",
    "3": "8",
    "B": "D",
    "C": "E",
    "BR-1": "BR-2",
    "holding": None,
    "input": None,
    "float32": "int32",
    "SCCM": "mL/min",
    "mL/min": "SCCM",
    "1 s": "1.1 s",
    "25..42 degC": "26..41 degC",
    "-100..0 %": "-90..0 %",
    "0..100 %": "0..90 %",
    "30..38 degC": "31..37.5 degC",
}


def another(text: str) -> str | None:
    """A value that differs from ``text``; None where there is no simple one."""
    if text in ANOTHER:
        return ANOTHER[text]
    if text.startswith("/dev/"):
        return text + "2"
    number = text.split(" ", 1)[0]
    if ".." in number:
        low, high = number.split("..")
        ends = f"{low}..{float(high) * 0.97:g}" if float(high) else f"{float(low) * 0.97:g}..{high}"
        return text.replace(number, ends)
    try:
        return text.replace(number, f"{float(number) * 1.01 if float(number) else 0.5:g}", 1)
    except ValueError:
        return None


def test_every_value_counts_in_the_digest(tmp_path: Path) -> None:
    """A value that changes nothing in the plan would be a key that does nothing."""
    base = compiled(tmp_path / "u").plan
    assert base is not None
    tried = 0
    for name, text in FILES.items():
        root, _ = parse(text, name)
        assert root is not None
        for path, leaf in leaves((), root):
            changed = another(leaf.text)
            if changed is None or path[0] == "limits" or leaf.text == "/dev/":
                continue
            line = text.split("\n")[leaf.place.line - 1]
            at = leaf.place.column - 1 + (not leaf.plain)
            assert line[at:].startswith(leaf.text)
            lines = text.split("\n")
            lines[leaf.place.line - 1] = line[:at] + changed + line[at + len(leaf.text) :]
            found = compiled(tmp_path / "u", **{name.removesuffix(".yaml"): "\n".join(lines)})
            if found.plan is None:
                continue  # another value is not right here: refused, so it counts as well
            tried += 1
            assert found.plan.digest != base.digest, f"{dotted(path)}: {leaf.text} -> {changed}"
    assert tried > 70


def test_overrides_take_the_place_of_values(tmp_path: Path) -> None:
    folder = write(tmp_path / "u")
    found = compile_folder(
        folder, ["lines.probes.port=/tmp/x", "lines.cell.port=40123", "uplink.port=1884"], settle_s=0.0
    )
    assert found.plan is not None, found.problems
    lines = {line.name: line for line in found.plan.lines}
    assert (lines["probes"].port, lines["cell"].tcp_port, found.plan.uplink.port) == ("/tmp/x", 40123, 1884)


@pytest.mark.parametrize(
    ("override", "column", "says"),
    [
        ("lines.prbes.port=/tmp/x", 7, "did you mean 'probes'?"),
        ("lins.probes.port=/tmp/x", 1, "did you mean 'lines'?"),
        ("lines.cell.prt=1", 12, "did you mean 'port'?"),
        ("uplink.port=18x", 13, "'18x' is not a whole number"),
        ("lines.probes.port=", 14, "nothing is written here"),
        ("uplink", 1, "not of the form path=value"),
        ("loops.TIC-101.setpoint=37,0 degC", 24, "write 37.0 degC"),
    ],
)
def test_a_wrong_override_is_named(override: str, column: int, says: str, tmp_path: Path) -> None:
    (problem,) = compiled(tmp_path / "u", [override]).problems
    assert (problem.place.file, problem.place.line, problem.place.column) == ("command line", 1, column)
    assert says in problem.render()
