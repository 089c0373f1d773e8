"""``edgectl alarms``: what calls, since when, why, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgectl.app.control_socket import Unreachable, ask, find
from edgectl.app.exit_code import ExitCode
from edgectl.config.quantity import show_duration
from edgectl.config.settings import Settings
from edgectl.core.text import span

_RANK = {"high": 0, "medium": 1, "low": 2}
_STYLE = {"high": "bold red", "medium": "bold yellow", "low": "cyan"}


def main(unit: str | None, *, everything: bool, as_json: bool) -> ExitCode:
    """Ask the control process and show its alarms."""
    try:
        picture = ask(find(Settings().state_dir, unit).socket, {"do": "status"})
    except Unreachable as error:
        click.echo(f"alarms: {error}", err=True)
        return ExitCode.UNREACHABLE
    rows = listed(picture, everything=everything)
    if as_json:
        click.echo(json.dumps({"unit": picture["unit"], "flood": picture["flood"], "alarms": rows}))
    else:
        console = Console()
        if picture["flood"]:
            console.print(Text("flood: only high priority calls", "bold red"))
        console.print(table(rows) if rows else Text("no alarms", "green"))
    return ExitCode.OK


def active(alarm: dict[str, Any]) -> bool:
    """Whether the alarm wants something of somebody."""
    return not alarm["hidden"] and alarm["state"] != "NORM"


def listed(picture: dict[str, Any], *, everything: bool = False) -> list[dict[str, Any]]:
    """The alarms of a status picture, the most urgent and then the oldest first; hidden and normal ones behind them, if ``everything``."""
    rows = [
        {"name": name, **alarm} for name, alarm in picture["alarms"].items() if everything or active(alarm)
    ]
    return sorted(
        rows,
        key=lambda row: (not active(row), not row["hidden"], _RANK[row["priority"]], -(row["age_s"] or 0.0)),
    )


def table(rows: Iterable[dict[str, Any]]) -> Table:
    """The alarms for people."""
    shown = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in ("alarm", "state", "priority", "since", "why", "what to do"):
        shown.add_column(column)
    for row in rows:
        style = _STYLE[row["priority"]] if active(row) else "dim"
        shown.add_row(
            Text(row["name"], style), _state(row), Text(row["priority"], style), _age(row["age_s"]), _why(row), _response(row)
        )  # fmt: skip
    return shown


def _state(row: dict[str, Any]) -> str:
    marks = [row["state"], f"over {row['underneath']}" if row["hidden"] else "", row["held_back"]]
    return " ".join(mark for mark in marks if mark) + (", first out" if row["first_out"] else "")


def _age(age_s: float | None) -> str:
    return "" if age_s is None else span(age_s)


def _why(row: dict[str, Any]) -> str:
    left = f", {span(row['shelve_s'])} left" if row["shelve_s"] else ""
    return f"{row['hidden_by']}{left}" if row["hidden"] else row["reason"]


def _response(row: dict[str, Any]) -> str:
    within = f" (within {show_duration(row['response_s'])})" if row["response_s"] else ""
    return f"{row['response']}{within}"
