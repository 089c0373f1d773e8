"""One row of the fault catalogue: what is done, what must come of it, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.campaign.bed import Bed
    from hil.campaign.stage import Stage


@dataclass(frozen=True, slots=True)
class Finding:
    """What a row measured, in words for the table, and whether that meets its criterion."""

    measured: str
    passed: bool
    remark: str = ""


class Skip(Exception):
    """The row cannot be run here; the text says why."""


class Stuck(Exception):
    """Something the row needs did not happen; the text says what."""


@dataclass(frozen=True, slots=True)
class Row:
    """A fault: `run` injects it on a stage of `bed` and measures; the runner clears it and asks the oracles.

    `waived` names oracles that cannot hold here, with the reason. `own` rows get a stage of their own, because they
    restart, damage or starve it. `alone` rows are judged by the machine's own time and get the machine to themselves. `back_s` is Trec in seconds of the unit; None where a person must act.
    """

    id: str
    title: str
    criterion: str
    bed: Bed
    run: Callable[[Stage], Finding]
    fast: bool = False
    own: bool = False
    alone: bool = False
    back_s: float | None = 5.0
    waived: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Absent:
    """A row of the catalogue that is not run, and why."""

    id: str
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A line of the report."""

    id: str
    title: str
    measured: str
    criterion: str
    verdict: str  # pass, FAIL or skip
    remark: str = ""
    seconds: float = 0.0
