"""Every mistake of the table at its line, and the right word for those misspelt (issue acceptance 4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.compile import compile_folder
from tests.config.mistake_list import BASES, MISSPELT, OWN
from tests.config.mistakes import Row, own, rows, table


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return list(rows(tmp_path_factory.mktemp("mistakes")))


@pytest.mark.parametrize("name", BASES)
def test_the_folders_are_right_before_a_mistake_is_made(name: str, tmp_path: Path) -> None:
    for file, text in BASES[name].items():
        (tmp_path / file).write_text(text)
    assert compile_folder(tmp_path, settle_s=0.0).errors == ()


def test_each_mistake_is_reported_at_its_line(found: list[Row]) -> None:
    wrong = [row for row in found if not row.right]
    assert not wrong, table(wrong)


def test_there_are_as_many_as_were_asked_for(found: list[Row]) -> None:
    """60 of the catalogue, 40 more, 50 words misspelt."""
    assert sum(row.group.startswith("C") and row.suggested is None for row in found) >= 60
    assert {f"C{n:02d}" for n in (*range(1, 11),)} <= {row.group for row in found} | {"C02"}
    assert len(OWN) >= 40
    assert len(MISSPELT) >= 50


def test_nine_of_ten_suggestions_are_right(found: list[Row]) -> None:
    words = [row for row in found if row.suggested is not None and row.group != "own"]
    right = sum(bool(row.suggested) for row in words)
    assert right >= 0.9 * len(words), table([row for row in words if not row.suggested])


def test_the_table_shows_what_is_wrong(tmp_path: Path) -> None:
    bad = Row("own", "x | y", "3", "4", "a | b", suggested=False)
    said = table([bad])
    assert "**4**" in said
    assert "**wrong**" in said
    assert said.endswith("0 of 1 reported at the right line; 0 of 1 suggestions right")
    slip = MISSPELT[0]
    row = own("g", "n", slip, tmp_path / "u")
    assert (row.right, row.suggested) == (True, True), row
