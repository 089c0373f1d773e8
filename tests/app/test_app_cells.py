"""A journal tells day by day what the cells of a batch did, and replays to the bit with all soft sensors."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from edgectl.app.cells import growth, report
from edgectl.app.command_line import edgectl
from edgectl.app.exit_code import ExitCode
from edgectl.app.replay import replay
from edgectl.store.journal import FileJournal
from tests.chain.culture import Culture, demo_plan, scattered
from tests.store.recording import Course, record, unit


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float], list[float]]:
    """Thirty hours in a journal; true uptake by the minute, and the logarithm of the true density."""
    path = tmp_path_factory.mktemp("batch") / "journal.db"
    culture = Culture(demo_plan(), scattered(1), 1)
    journal = FileJournal(path, culture.plan, culture.state, lambda: culture.now)
    culture.keep = journal.scan
    uptakes, logs = [], []
    for minute, (truth, _) in enumerate(culture.run(30.0)):
        uptakes.append(truth.our_mm_h)
        logs.append(math.log(truth.viable_per_ml))
        if minute % 60 == 0:
            assert journal.flush(60.0)
    assert journal.close(60.0)
    return path, uptakes, logs


def test_a_day_holds_uptake_density_and_growth_with_their_intervals(
    batch: tuple[Path, list[float], list[float]],
) -> None:
    path, uptakes, logs = batch
    first, second = report(path)
    assert (first.hours, second.hours) == (24, 6)
    day = uptakes[: 24 * 60]
    assert first.uptake.mean == pytest.approx(sum(day) / len(day), rel=0.10)
    assert first.uptake.error
    assert first.growth.mean is not None
    assert first.growth.error is not None
    true = (logs[-1] - logs[0]) / (len(logs) / 60.0)
    assert abs(first.growth.mean - true) <= max(3.0 * first.growth.error, 0.03 * true)
    assert first.good > 0.8


def test_the_command_prints_a_line_a_day_and_json_for_scripts(
    batch: tuple[Path, list[float], list[float]],
) -> None:
    path, _, _ = batch
    shown = CliRunner().invoke(edgectl, ["cells", str(path.parent)])
    assert shown.exit_code == ExitCode.OK
    assert [line.split()[0] for line in shown.output.splitlines()] == ["day", "1", "2", "+-"]
    found = json.loads(CliRunner().invoke(edgectl, ["cells", str(path), "--json"]).output)
    assert [day["hours"] for day in found] == [24, 6]


def test_what_soft_sensors_remember_replays_to_the_bit(batch: tuple[Path, list[float], list[float]]) -> None:
    (told,) = replay(batch[0])
    assert told.difference is None
    assert told.scans == 30 * 360
    assert told.checkpoints > 20, "states were compared with all their windows"


def test_a_journal_without_soft_sensors_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    record(path, Course(unit()), 20)
    shown = CliRunner().invoke(edgectl, ["cells", str(path)])
    assert shown.exit_code == ExitCode.USAGE
    assert "has no soft sensor of cells" in shown.output


def test_errors_that_last_for_hours_widen_the_interval_of_growth() -> None:
    noise = np.random.default_rng(1)
    white = noise.normal(0.0, 0.01, 36)
    slow = np.convolve(noise.normal(0.0, 0.01, 44), np.ones(9), "valid") / 3.0
    hours = np.arange(36.0)
    alone = growth(np.exp(0.03 * hours + white))
    alike = growth(np.exp(0.03 * hours + slow))
    assert alone.error is not None
    assert alike.error is not None
    assert alike.error > 1.5 * alone.error
    assert growth(np.full(36, np.nan)).mean is None
