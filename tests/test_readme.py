"""README keeps its word."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", ["acme_stirrer.py", "acme_stirrer.txt"])
def test_the_example_driver_in_readme_is_the_one_that_is_tested(name: str) -> None:
    assert (ROOT / "tests" / "drivers" / "example" / name).read_text().strip() in README


@pytest.mark.parametrize(
    "command", ["./dev demo", "./dev test", "./dev bench", "./dev systemd", "./dev campaign"]
)
def test_the_commands_readme_names_exist(command: str) -> None:
    assert command in README
    assert f"    {command.removeprefix('./dev ')})" in (ROOT / "dev").read_text()
