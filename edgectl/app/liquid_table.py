"""Feeds and perfusions of a status picture as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table
from rich.text import Text

_HOUR_S = 3600.0


def liquid_tables(picture: dict[str, Any]) -> Iterator[Table]:
    """One table for feeds and one for perfusions, where there are any. A picture of an older control has none."""
    if feeds := picture.get("feeds"):
        yield _feeds(feeds)
    if perfusions := picture.get("perfusions"):
        yield _perfusions(perfusions)


def _feeds(feeds: dict[str, Any]) -> Table:
    table = _table("feed", "", "time", "flow", "delivered", "planned", "left", "waits for")
    for name, feed in feeds.items():
        unit = feed["unit"]
        table.add_row(
            Text(name, "bold"), feed["stage"], _hours(feed["clock_s"]), _number(feed["flow"], feed["flow_unit"]),
            Text(_number(feed["delivered"], unit), "bold yellow" if feed["behind"] else ""),
            _number(feed["planned"], unit), _number(feed["left"], unit), Text(feed["waits_for"], "bold yellow"),
        )  # fmt: skip
    return table


def _perfusions(perfusions: dict[str, Any]) -> Table:
    table = _table("perfusion", "", "time", "rate", "feed", "permeate", "bleed", "balance", "waits for")
    for name, found in perfusions.items():
        error = found["error"]
        balance = "-" if error is None else f"{100.0 * error:+.1f} %"
        table.add_row(
            Text(name, "bold"), found["stage"], _hours(found["clock_s"]), _number(found["rate"], "VVD"),
            *(_number(found[key], "mL/min") for key in ("feed", "permeate", "bleed")),
            Text(balance, "bold yellow" if found["off"] else ""), Text(found["waits_for"], "bold yellow"),
        )  # fmt: skip
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def _hours(seconds: float) -> str:
    return f"{seconds / _HOUR_S:.2f} h"


def _number(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.4g} {unit}"
