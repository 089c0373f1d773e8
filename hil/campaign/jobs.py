"""Rows side by side: each unit takes a fifth of a core, so what needs no machine of its own can share one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from hil.campaign.row import Outcome, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hil.campaign.row import Absent


def side_by_side(rows: Sequence[Row | Absent], seed: int, jobs: int) -> Iterator[Outcome]:
    """The outcomes of the rows, each group in a campaign of its own, so many at once; then, one by one, of those that are judged by the machine's time."""
    alone = [row for row in rows if isinstance(row, Row) and row.alone]
    groups = _groups([row for row in rows if row not in alone])
    with ThreadPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(_campaign, group, seed) for group in groups]):
            yield from done.result()
    for group in _groups(alone):
        yield from _campaign(group, seed)


def _groups(rows: Sequence[Row | Absent]) -> list[list[str]]:
    """The ids of the rows that share a stage together, of every other row alone, the largest group first."""
    shared: dict[str, list[str]] = {}
    for row in rows:
        stage = row.bed.name if isinstance(row, Row) and not row.own else row.id
        shared.setdefault(stage, []).append(row.id)
    return sorted(shared.values(), key=len, reverse=True)


def _campaign(ids: Sequence[str], seed: int) -> list[Outcome]:
    """A campaign of these rows as a process of its own, since one process has one core at most."""
    with tempfile.TemporaryDirectory(prefix="hil-job-") as folder:
        report = Path(folder) / "outcomes.json"
        words = ("--only", ",".join(ids), "--seed", str(seed), "--json", str(report))
        ended = subprocess.run(
            (sys.executable, "-m", "hil.campaign", *words),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if not report.exists():
            why = (ended.stderr.strip().splitlines() or [f"exit {ended.returncode}"])[-1]
            return [Outcome(name, "", why, "", "FAIL") for name in ids]
        return [Outcome(**outcome) for outcome in json.loads(report.read_text())]
