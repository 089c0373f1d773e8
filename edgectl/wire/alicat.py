"""Alicat data frames: the table that describes them, and frames read by it.

Alicat, "Serial Communications Primer": ``??D*`` lists the columns, and their order is configurable, so a frame means nothing without it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgectl.model.fault import BadReply

GAS = 703
"""Statistic number of the gas name."""

_ROW = re.compile(r"\S\s+D(?P<row>\d\d)\s+(?P<statistic>\d{3})\s+(?P<rest>\S.*)")
_COLUMN = re.compile(
    r"(?P<name>\S.*?)\s+(?P<type>(?:s )?(?:decimal|integer)|string)"
    r"\s+(?P<width>\d+)(?:/(?P<decimals>\d+))?(?:\s+(?P<notes>.*))?"
)
_STATUS = r"(?P<status>(?:\s+[A-Z0-9]{3})*)"


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its statistic number, the shape of its text, and its unit (``degC`` for the back-tick the table prints)."""

    statistic: int
    numeric: bool
    decimals: int
    unit: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Layout:
    """All columns of a frame, and the expression a frame must match from end to end."""

    fields: tuple[Field, ...]
    pattern: re.Pattern[str]

    def field(self, statistic: int) -> Field | None:
        """The column of a statistic; None where the frame has none."""
        return next((field for field in self.fields if field.statistic == statistic), None)


@dataclass(frozen=True, slots=True)
class Frame:
    """One data frame: numbers by statistic, gas, and the status words at its end."""

    numbers: dict[int, float]
    gas: str
    status: tuple[str, ...]


def decode_layout(lines: Sequence[str]) -> Layout:
    """The columns from the lines of ``??D*``. Status columns, marked ``*``, come last and only appear when set.

    Raises:
        BadReply: a row is missing, or is no row.
    """
    fields = []
    rows = (row for row in map(_ROW.fullmatch, lines) if row)
    for number, row in enumerate(rows, start=1):
        column = _COLUMN.fullmatch(row["rest"])
        if column is None or int(row["row"]) != number:
            raise BadReply(f"data-frame table, row D{row['row']}: {row['rest']!r}")
        if column["name"].startswith("*"):
            break
        fields.append(_field(int(row["statistic"]), column))
    pattern = r"\s+".join(f"({field.pattern})" for field in fields)
    return Layout(tuple(fields), re.compile(pattern + _STATUS, re.ASCII))


def _field(statistic: int, column: re.Match[str]) -> Field:
    width, decimals = int(column["width"]), int(column["decimals"] or 0)
    if column["type"] == "string":
        pattern = r"\S+"
    elif not column["type"].startswith("s "):
        pattern = r"[+-]?\d+(?:\.\d+)?"
    else:  # the width counts sign and point, so a lost or added digit shows
        whole = width - 1 - (decimals + 1 if decimals else 0)
        pattern = rf"[+-]\d{{{whole}}}" + (rf"\.\d{{{decimals}}}" if decimals else "")
    unit = (column["notes"] or "").split()[-1:]
    return Field(
        statistic,
        column["type"] != "string",
        decimals,
        unit[0].replace("`", "deg") if unit else "",
        pattern,
    )


def decode_frame(line: str, layout: Layout) -> Frame:
    """A data frame by its layout.

    Raises:
        BadReply: the line does not match the layout from end to end.
    """
    found = layout.pattern.fullmatch(line)
    if found is None:
        raise BadReply(f"{line!r} is no data frame as the controller's own table describes it")
    columns = tuple(zip(layout.fields, found.groups(), strict=False))
    numbers = {field.statistic: float(text) + 0.0 for field, text in columns if field.numeric}
    gas = next((text for field, text in columns if field.statistic == GAS), "")
    return Frame(numbers, gas, tuple(found["status"].split()))
