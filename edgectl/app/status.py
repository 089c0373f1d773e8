"""``edgectl status``: a running unit at one look, and the table that ``demo`` shows live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from edgectl.app.alarm import listed
from edgectl.app.alarm import table as alarm_table
from edgectl.app.control_socket import Unreachable, ask, find
from edgectl.app.exit_code import ExitCode
from edgectl.config.settings import Settings
from edgectl.core.text import span

_HEALTH_STYLE = {"good": "green", "watch": "yellow", "bad": "bold red", "unknown": "dim"}
_QUALITY_STYLE = {"GOOD": "green", "UNCERTAIN": "yellow", "BAD": "bold red"}


def main(unit: str | None, *, as_json: bool) -> ExitCode:
    """Ask the control process and show its answer."""
    try:
        picture = ask(find(Settings().state_dir, unit).socket, {"do": "status"})
    except Unreachable as error:
        click.echo(f"status: {error}", err=True)
        return ExitCode.UNREACHABLE
    if as_json:
        click.echo(json.dumps(picture))
    else:
        Console().print(tables(picture))
    return ExitCode.OK


def in_band(loop: dict[str, Any]) -> bool:
    """Whether a loop regulates and its value is within its band of the set point that was asked for."""
    value = loop["value"]
    return (
        loop["condition"] == "regulating"
        and value is not None
        and abs(value - loop["target"]) <= loop["band"]
    )


def tables(picture: dict[str, Any]) -> Group:
    """Active alarms, loops, values, outputs and lines of a status picture."""
    head = Text.assemble(
        (f"{picture['unit']}  ", "bold"),
        f"plan {picture['plan'][:12]}  scan {picture['scan']} every {picture['period_s']:g} s, {picture['late_scans']} late",
    )
    return Group(
        head,
        *_alarms(picture),
        *_guards(picture),
        *_checks(picture),
        _loops(picture),
        *_health(picture),
        *_experiments(picture),
        _tags(picture),
        _actuators(picture),
        _doses(picture),
        _lines(picture),
    )


def _guards(picture: dict[str, Any]) -> Iterator[Text | Table]:
    """Who has the unit, and every hazard that is not clear, the first out first."""
    unit = picture["unit_state"]
    yield Text.assemble(
        (f"HELD by {unit['held']}  ", "bold red") if unit["held"] else "",
        f"authority {unit['authority']}{_host(unit)}  uplink {unit['uplink']}  batch {unit['batch'] or '-'}",
    )
    if unit["conflict"]:
        yield Text(f"conflict: {unit['conflict']}", "bold yellow")
    if picture["notice"]:
        yield Text(f"notice: {picture['notice']}", "bold yellow")
    found = {n: h for n, h in picture["hazards"].items() if h["condition"] != "clear" or h["first_out"]}
    if found:
        table = _table("hazard", "action", "condition", "first out", "reason")
        for name, hazard in sorted(found.items(), key=lambda item: not item[1]["first_out"]):
            first = "yes" if hazard["first_out"] else ""
            table.add_row(
                Text(name, "bold red"), hazard["action"], hazard["condition"], first, hazard["reason"]
            )
        yield table


def _host(unit: dict[str, Any]) -> str:
    """Which host has remote authority; with none yet, who will get it."""
    if unit["authority"] != "remote":
        return ""
    return f" of {unit['owner']}" if unit["owner"] else " of the first host that asks"


def _alarms(picture: dict[str, Any]) -> Iterator[Table]:
    """What calls for somebody."""
    if rows := listed(picture):
        yield alarm_table(rows)


def _checks(picture: dict[str, Any]) -> Iterator[Text]:
    """Every plausibility check that fails."""
    for name, check in picture["checks"].items():
        if check["failed"]:
            yield Text(f"check {name} fails: {check['reason']}", "bold red")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(
            column,
            justify="right"
            if column in ("value", "set point", "output", "age", "safe", "confirmed")
            else "left",
        )
    return table


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.4g} {unit}".rstrip()


def _loops(picture: dict[str, Any]) -> Table:
    table = _table("loop", "mode", "value", "set point", "output", "condition", "")
    for name, loop in picture["loops"].items():
        verdict = Text("in band", "bold green") if in_band(loop) else Text("out of band", "bold yellow")
        table.add_row(
            Text(name, "bold"), loop["mode"], _number(loop["value"], loop["unit"]), _number(loop["setpoint"], loop["unit"]),
            _number(loop["output"]), loop["condition"], verdict,
        )  # fmt: skip
    return table


def _health(picture: dict[str, Any]) -> Iterator[Text]:
    """One line a loop: how it does."""
    for loop in picture["loops"].values():
        if loop.get("health"):
            yield Text.assemble((f"{loop['health']:8}", _HEALTH_STYLE[loop["health"]]), loop["health_line"])


def _experiments(picture: dict[str, Any]) -> Iterator[Text]:
    """Every experiment that runs, and for how long it may."""
    for name, found in picture["experiments"].items():
        if found["stage"] != "over":
            left = span(found["longest_s"] - found["elapsed_s"])
            yield Text(
                f"experiment on {name} by {found['actor']}: {found['stage']}, {found['method']}, at most {left} to go",
                "bold yellow",
            )


def _tags(picture: dict[str, Any]) -> Table:
    table = _table("tag", "value", "quality", "age", "reason")
    for name, tag in picture["tags"].items():
        quality = Text(tag["quality"], _QUALITY_STYLE[tag["quality"]])
        table.add_row(
            name, _number(tag["value"], tag["unit"]), quality, f"{tag['age_s']:.1f} s", tag["reason"]
        )
    return table


def _actuators(picture: dict[str, Any]) -> Table:
    table = _table("output", "value", "confirmed", "safe", "by", "restricted by")
    for name, actuator in picture["actuators"].items():
        table.add_row(
            name, _number(actuator["value"], actuator["unit"]), _number(actuator["achieved"]), _number(actuator["safe"]),
            actuator["source"], ", ".join(actuator["restricted_by"]),
        )  # fmt: skip
    return table


def _doses(picture: dict[str, Any]) -> Table:
    batch = picture["unit_state"]["batch"]
    total = f"in batch {batch}" if batch else "in this batch"
    table = _table("dosed", "last hour", "at most", total, "at most", "")
    for name, dose in picture["doses"].items():
        table.add_row(
            name, *(_number(dose[key], dose["unit"]) for key in ("hour", "per_hour", "batch", "per_batch")),
            Text(dose["reached"], "bold red"),
        )  # fmt: skip
    return table


def _lines(picture: dict[str, Any]) -> Table:
    table = _table("line", "condition", "instruments")
    for name, line in picture["lines"].items():
        troubled = [
            f"{n}: {i['reason'] or i['condition']}"
            for n, i in line["instruments"].items()
            if i["condition"] != "answering"
        ]
        said = "; ".join(troubled) or f"{len(line['instruments'])} answering"
        table.add_row(name, f"{line['condition']} {line['reason']}".strip(), said)
    return table
