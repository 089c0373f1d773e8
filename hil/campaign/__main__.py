"""`python -m hil.campaign`: every fault of the catalogue, and what came of it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hil.campaign import (
    actuator,
    adapter,
    clock,
    command,
    commissioning,
    configuration,
    dosing,
    flood,
    inside,
    modbus,
    power,
    process,
    sensor,
    serial,
    session,
    store,
    tls,
    uplink,
)
from hil.campaign.jobs import side_by_side
from hil.campaign.row import Absent, Outcome, Row
from hil.campaign.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS: tuple[Row | Absent, ...] = (
    *serial.ROWS,
    *adapter.ROWS,
    *modbus.ROWS,
    *commissioning.ROWS,
    *configuration.ROWS,
    *sensor.ROWS,
    *actuator.ROWS,
    *dosing.ROWS,
    *uplink.ROWS,
    *tls.ROWS,
    *command.ROWS,
    *flood.ROWS,
    *session.ROWS,
    *store.ROWS,
    *process.ROWS,
    *inside.ROWS,
    *clock.ROWS,
    *power.ROWS,
)


def chosen(only: str = "", *, fast: bool = False) -> list[Row | Absent]:
    """The rows of these ids, or the fast ones, or all; those that share a stage stand together.

    Raises:
        ValueError: an id that no row has.
    """
    ids = {word.strip().upper() for word in only.split(",") if word.strip()}
    if unknown := ids - {row.id for row in ROWS}:
        raise ValueError(
            f"no row {', '.join(sorted(unknown))}; there are {', '.join(row.id for row in ROWS)}"
        )
    rows = [row for row in ROWS if not ids or row.id in ids]
    if fast:
        rows = [row for row in rows if isinstance(row, Row) and row.fast]
    return sorted(rows, key=_stage_of)


def _stage_of(row: Row | Absent) -> tuple[bool, str]:
    if isinstance(row, Absent):
        return (True, "~")
    return (row.own, "" if row.own else row.bed.name)


def main() -> int:
    """Run what was asked for; 1 if a row failed, 2 if a row does not exist."""
    parser = argparse.ArgumentParser(prog="python -m hil.campaign", description=__doc__)
    parser.add_argument("--only", default="", help="rows by id, such as S01,M05")
    parser.add_argument("--fast", action="store_true", help="the rows that ./dev test runs as well")
    parser.add_argument("--seed", type=int, default=1, help="seed of noise and faults (1)")
    parser.add_argument("--jobs", type=int, default=1, help="how many stages at once (1); two on two cores")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the outcomes there")
    asked = parser.parse_args()
    try:
        rows = chosen(asked.only, fast=asked.fast)
    except ValueError as error:
        print(f"campaign: {error}", file=sys.stderr)
        return 2
    begun = time.monotonic()
    outcomes = []
    played = Runner(asked.seed).play(rows) if asked.jobs < 2 else side_by_side(rows, asked.seed, asked.jobs)
    for outcome in played:
        outcomes.append(outcome)
        print(
            f"{outcome.id} {outcome.verdict} {outcome.seconds:g} s {outcome.measured}",
            file=sys.stderr,
            flush=True,
        )
    order = {row.id: place for place, row in enumerate(ROWS)}
    outcomes.sort(key=lambda outcome: order[outcome.id])
    print(table(outcomes, asked.seed, time.monotonic() - begun))
    if asked.json is not None:
        asked.json.write_text(json.dumps([dataclasses.asdict(outcome) for outcome in outcomes], indent=1))
    return int(any(outcome.verdict == "FAIL" or _unexplained(outcome) for outcome in outcomes))


def _unexplained(outcome: Outcome) -> bool:
    return outcome.verdict == "skip" and not outcome.remark


def table(outcomes: Sequence[Outcome], seed: int, took_s: float) -> str:
    """The report as a table in Markdown."""
    lines = ["| id | fault | measured | criterion | verdict |", "|---|---|---|---|---|"]
    for outcome in outcomes:
        verdict = outcome.verdict + (f": {outcome.remark}" if outcome.remark else "")
        cells = (outcome.id, outcome.title, outcome.measured, outcome.criterion, verdict)
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    counts = {word: sum(o.verdict == word for o in outcomes) for word in ("pass", "FAIL", "skip")}
    summary = ", ".join(f"{count} {word}" for word, count in counts.items())
    return "\n".join((*lines, "", f"{len(outcomes)} rows: {summary}; seed {seed}, {took_s:.0f} s"))


if __name__ == "__main__":
    sys.exit(main())
