"""The one gate: lint, format, types and import contracts are tests like any other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(name: str, *arguments: str) -> None:
    """Run a checker of the project's own environment and show what it says if it is not content."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.timeout(300)
def test_types_are_strict_everywhere() -> None:
    run("mypy")


def test_every_lint_rule_holds() -> None:
    run("ruff", "check")


def test_the_formatter_has_nothing_to_do() -> None:
    run("ruff", "format", "--check")


def test_import_contracts_hold() -> None:
    run("lint-imports")


def test_files_stay_readable() -> None:
    """No file of the product or the bench is longer than a reader keeps in mind."""
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("edgectl", "hil")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := path.read_text().count("\n")) > 300
    }
    assert long == {}
