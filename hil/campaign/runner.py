"""Plays rows: inject, measure, mend, see it recover, ask the oracles."""

from __future__ import annotations

import contextlib
import math
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hil.campaign import oracle
from hil.campaign.row import Absent, Finding, Outcome, Row, Skip, Stuck
from hil.campaign.stage import Stage
from hil.campaign.witness import Eye

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PATIENCE = 3.0  # how much longer than Trec recovery is waited for, so that the next row has a healthy stage
_COMMITTED_S = 0.5
_ROW_BROKE = (Stuck, OSError, ValueError, KeyError, subprocess.SubprocessError)


class Runner:
    """Keeps one stage for the rows that can share it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._stage: Stage | None = None
        self._shared: list[Outcome] = []

    def play(self, rows: Iterable[Row | Absent]) -> Iterator[Outcome]:
        """The outcome of each row. Rows that shared a stage come when it is over: its journal must replay."""
        for row in rows:
            if isinstance(row, Absent):
                yield Outcome(row.id, row.title, "", "", "skip", row.reason)
                continue
            if row.own:
                yield self._alone(row)
                continue
            if self._stage is not None and self._stage.bed is not row.bed:
                yield from self.finish()
            outcome = self._together(row)
            self._shared.append(outcome)
            if outcome.verdict == "FAIL":
                yield from self.finish()
        yield from self.finish()

    def finish(self) -> list[Outcome]:
        """End the shared stage and hand over the outcomes that wait for it."""
        stage, self._stage = self._stage, None
        outcomes, self._shared = self._shared, []
        if stage is None:
            return outcomes
        stage.stop()
        complaint = oracle.replayed(stage)
        return [_spoiled(outcome, complaint) for outcome in outcomes] if complaint else outcomes

    def _together(self, row: Row) -> Outcome:
        begun = time.monotonic()
        try:
            if self._stage is None:
                stage = self._stage = self._new(row)
                stage.start()
            finding = judged(row, self._stage)
        except Skip as skip:
            return _outcome(row, "", "skip", str(skip), begun)
        except _ROW_BROKE as error:
            return _outcome(row, f"{type(error).__name__}: {error}", "FAIL", "", begun)
        return _outcome(row, finding.measured, "pass" if finding.passed else "FAIL", finding.remark, begun)

    def _alone(self, row: Row) -> Outcome:
        begun = time.monotonic()
        stage = self._new(row)
        try:
            finding = row.run(stage)
        except Skip as skip:
            return _outcome(row, "", "skip", str(skip), begun)
        except _ROW_BROKE as error:
            return _outcome(row, f"{type(error).__name__}: {error}", "FAIL", "", begun)
        finally:
            with contextlib.suppress(OSError):
                stage.stop()
        complaint = "" if "U10" in row.waived else oracle.replayed(stage)
        outcome = _outcome(row, finding.measured, "pass" if finding.passed else "FAIL", finding.remark, begun)
        return _spoiled(outcome, complaint) if complaint else outcome

    def _new(self, row: Row) -> Stage:
        return Stage(row.bed, Path(tempfile.mkdtemp(prefix=f"hil-{row.id}-")), self._seed)


def judged(row: Row, stage: Stage) -> Finding:
    """One row on a healthy stage, with the oracles' opinion in its finding."""
    if stage.untrue:
        time.sleep(
            _COMMITTED_S
        )  # the last false value is in the journal by then, in front of this row's records
        stage.untrue.clear()
    begun = oracle.before(stage)
    eye = Eye(stage.glance)
    try:
        finding = row.run(stage)
    finally:
        stage.mend()
        back_s = _recovery(row, stage)
        looks = eye.stop()
    complaints = {
        name: text
        for name, text in oracle.broken(stage, begun, looks, back_s).items()
        if name not in row.waived
    }
    remark = "; ".join(filter(None, (finding.remark, *(f"{name} {why}" for name, why in row.waived.items()))))
    measured = finding.measured
    if row.back_s is not None and math.isfinite(back_s):
        measured = f"{measured}; well again after {back_s:.1f} s"
    if complaints:
        measured += "; " + "; ".join(f"{name} BROKEN: {text}" for name, text in complaints.items())
    return Finding(measured, finding.passed and not complaints, remark)


def _recovery(row: Row, stage: Stage) -> float:
    """Seconds until healthy; infinite when that took longer than the row allows."""
    allowed_s = row.back_s or 60.0
    took_s = stage.until(lambda: not stage.ailing(), _PATIENCE * allowed_s)
    return took_s if took_s <= allowed_s else math.inf


def _outcome(row: Row, measured: str, verdict: str, remark: str, begun: float) -> Outcome:
    return Outcome(
        row.id, row.title, measured, row.criterion, verdict, remark, round(time.monotonic() - begun, 1)
    )


def _spoiled(outcome: Outcome, complaint: str) -> Outcome:
    if outcome.verdict == "skip":
        return outcome
    measured = f"{outcome.measured}; U10 BROKEN: {complaint}"
    return replace(outcome, verdict="FAIL", measured=measured)
