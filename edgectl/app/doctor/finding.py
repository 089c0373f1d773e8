"""What a check found."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Verdict(enum.Enum):
    """UNKNOWN: it could not be looked at, which is no statement that it is well."""

    OK = "ok"
    WATCH = "watch"
    BAD = "bad"
    UNKNOWN = "unknown"


class Finding(NamedTuple):
    """One line of the report: ``about`` is what was looked at, ``step`` what to do next (empty: nothing)."""

    verdict: Verdict
    about: str
    why: str
    step: str = ""


def ok(about: str, why: str) -> Finding:
    """It is well."""
    return Finding(Verdict.OK, about, why)


def watch(about: str, why: str, step: str) -> Finding:
    """It works, and something should be done before long."""
    return Finding(Verdict.WATCH, about, why, step)


def bad(about: str, why: str, step: str) -> Finding:
    """It harms the unit now, or will within days."""
    return Finding(Verdict.BAD, about, why, step)


def unknown(about: str, why: str, step: str = "") -> Finding:
    """It could not be looked at."""
    return Finding(Verdict.UNKNOWN, about, why, step)
