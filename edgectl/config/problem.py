"""One thing that is wrong with a unit folder: where, what, what is allowed, and what was probably meant."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 100


def cut(text: str, length: int = 60) -> str:
    """``text``, shortened for a message."""
    return text if len(text) <= length else text[: length - 3] + "..."


class Severity(enum.Enum):
    """Whether a folder may run in spite of it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file. Lines and columns count from 1, columns in characters."""

    file: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """What a person reads. ``path`` is dotted (``tags.AT-101.range``), ``source`` the line of the file, empty where there is none.

    ``message`` says what is wrong and what is allowed, ``hint`` what to write instead.
    """

    place: Place
    path: str
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    source: str = ""

    def render(self) -> str:
        """``file:line:column: error: path: message; hint`` and below it the line with a caret."""
        said = "; ".join(part for part in (self.message, self.hint) if part)
        subject = f"{self.path}: " if self.path else ""
        place = self.place
        head = f"{place.file}:{place.line}:{place.column}: {self.severity.value}: {subject}{said}"
        if not self.source.strip():
            return head
        first = max(0, place.column - 1 - _SHOWN // 2)
        source = self.source[first : first + _SHOWN].rstrip()
        return f"{head}\n  {source}\n  {' ' * (place.column - 1 - first)}^"

    def as_json(self) -> dict[str, str | int]:
        """The same for scripts."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "severity": self.severity.value,
            "path": self.path,
            "message": self.message,
            "hint": self.hint,
        }


def render_text(problems: Iterable[Problem]) -> str:
    """All problems for a terminal, one after the other."""
    return "\n".join(problem.render() for problem in problems)


def render_json(problems: Iterable[Problem]) -> str:
    """All problems as a JSON list."""
    return json.dumps([problem.as_json() for problem in problems], indent=2, ensure_ascii=False)
