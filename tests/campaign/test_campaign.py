"""The rows of the fault campaign that take seconds: one stage a bed, broken and mended row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.campaign.__main__ import ROWS, chosen, table
from hil.campaign.bed import STILL
from hil.campaign.flood import fuzzed
from hil.campaign.jobs import side_by_side
from hil.campaign.row import Absent, Finding, Outcome, Row
from hil.campaign.runner import Runner
from hil.campaign.stage import Stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """All fast rows at once: rows of one stage are judged together, because its journal must replay in the end."""
    return {outcome.id: outcome for outcome in Runner(seed=1).play(chosen(fast=True))}


@pytest.mark.parametrize("identity", [row.id for row in ROWS if isinstance(row, Row) and row.fast])
def test_the_unit_survives(identity: str, outcomes: dict[str, Outcome]) -> None:
    """Each fast row of the catalogue meets its criterion, and the oracles hold."""
    outcome = outcomes[identity]
    assert outcome.verdict == "pass", f"{outcome.title}: {outcome.measured}"


def test_damaged_commands_move_nothing(tmp_path: Path) -> None:
    """B10 with a twentieth of its payloads."""
    stage = Stage(STILL, tmp_path, seed=1)
    try:
        stage.start({"uplink.commands.rate": "100", "period": "250 ms"})
        finding = fuzzed(stage, 500)
    finally:
        stage.stop()
    assert finding.passed, finding.measured


def test_every_row_says_what_it_demands_or_why_it_is_not_run() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert row.reason if isinstance(row, Absent) else row.criterion


def test_a_row_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="no row S99"):
        chosen("S99")


def test_side_by_side_every_row_is_played_once_and_one_that_breaks_is_told() -> None:
    rows = chosen("A06,N08,P08")
    assert {outcome.id for outcome in side_by_side(rows, seed=1, jobs=2)} == {"A06", "N08", "P08"}
    gone = Row("X99", "no such row", "none", STILL, _never, own=True)
    (outcome,) = side_by_side([gone], seed=1, jobs=2)
    assert (outcome.id, outcome.verdict) == ("X99", "FAIL")
    assert "no row X99" in outcome.measured


def _never(_: Stage) -> Finding:
    raise AssertionError


def test_the_table_counts_what_failed() -> None:
    bad = Outcome("S01", "noise", "1 | 2", "none", "FAIL")
    said = table([bad], seed=1, took_s=2.0)
    assert "1 / 2" in said
    assert said.endswith("1 rows: 0 pass, 1 FAIL, 0 skip; seed 1, 2 s")
