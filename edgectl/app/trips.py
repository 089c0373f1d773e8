"""``edgectl trips``: the hazard matrix as a document that can be signed, and how it stands in a running unit."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from edgectl.app.check import tell
from edgectl.app.control_socket import Unreachable, ask, find
from edgectl.app.exit_code import ExitCode
from edgectl.app.matrix import Row, rows
from edgectl.app.place import Place
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import load_last_good
from edgectl.config.settings import Settings
from edgectl.model.plan import Plan

_COLUMNS = ("name", "cause", "delay", "action", "outputs", "clear", "latched")
_WIDTH = 170
_SIGNERS = ("Process", "Safety", "Quality")
_NOTES = (
    "The highest action on an output wins: warn, hold, fallback, safe, trip. A trip acts on every output.",
    "An interlock that acts is not overruled by an action: its own value stands.",
    "At a start every output of a row from hold upwards is at its safe value until the cause is known to be absent.",
)


def main(target: str | None, overrides: Sequence[str], *, markdown: bool, as_json: bool) -> ExitCode:
    """Print the matrix of a folder, or of a unit by its name."""
    state_dir = Settings().state_dir
    try:
        if target is not None and Path(target).is_dir():
            compiled = compile_folder(Path(target), overrides)
            tell(compiled)
            if compiled.plan is None:
                return ExitCode.USAGE
            plan, place = compiled.plan, Place(state_dir / compiled.plan.unit)
        else:
            place = find(state_dir, target)
            plan = _approved(place)
    except Unreachable as error:
        click.echo(f"trips: {error}", err=True)
        return ExitCode.UNREACHABLE
    matrix, now = tuple(rows(plan)), _now(place, plan)
    if as_json:
        document = {
            "unit": plan.unit,
            "plan": plan.digest,
            "rows": [dataclasses.asdict(row) for row in matrix],
            "now": now,
        }
        click.echo(json.dumps(document))
    elif markdown:
        click.echo("\n".join(_markdown(plan, matrix, now)))
    else:
        _print(plan, matrix, now)
    return ExitCode.OK


def _approved(place: Place) -> Plan:
    found = load_last_good(place.plans)
    if found is None:
        raise Unreachable(
            f"{place.folder.name}: no plan is stored under {place.plans}, and there is no such folder"
        )
    return found[1]


def _now(place: Place, plan: Plan) -> dict[str, Any] | None:
    """How the matrix stands in the running unit; None when it does not run, or under another plan."""
    try:
        status = ask(place.socket, {"do": "status"})
    except Unreachable:
        return None
    if status.get("plan") != plan.digest:
        click.echo(f"{plan.unit} runs under another plan, {str(status.get('plan'))[:12]}", err=True)
        return None
    return {"unit": status["unit_state"], "hazards": status["hazards"]}


def _outputs(row: Row) -> str:
    return "; ".join(f"{name} {value}" for name, value in row.outputs) or "none"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.name,
        row.cause,
        row.delay,
        row.action,
        _outputs(row),
        row.clear,
        "yes" if row.latched else "no",
    )


def _standing(now: dict[str, Any] | None) -> Iterator[str]:
    """What acts now, the first out first."""
    if now is None:
        return
    unit = now["unit"]
    held = f"held by {unit['held']}" if unit["held"] else "running"
    yield f"Now: {held}; authority {unit['authority']}; uplink {unit['uplink']}"
    found = {n: h for n, h in now["hazards"].items() if h["condition"] != "clear" or h["first_out"]}
    for name, hazard in sorted(found.items(), key=lambda item: not item[1]["first_out"]):
        first = "FIRST OUT " if hazard["first_out"] else ""
        word = {"gone": "acts, its cause is gone: may be reset", "clear": "over"}.get(
            hazard["condition"], hazard["condition"]
        )
        yield f"{first}{hazard['action']} {name}: {word}" + (
            f" ({hazard['reason']})" if hazard["reason"] else ""
        )
    if not found:
        yield "No hazard acts."


def _head(plan: Plan) -> tuple[str, ...]:
    return (f"Unit: {plan.unit} {plan.description}".rstrip(), f"Plan: {plan.digest}")


def _sign() -> tuple[str, ...]:
    return tuple(
        f"{who}: name ______________________ date ____________ signature ______________________"
        for who in _SIGNERS
    )


def _print(plan: Plan, matrix: tuple[Row, ...], now: dict[str, Any] | None) -> None:
    console = Console(width=_WIDTH)
    for line in (*_standing(now), *_head(plan)):
        console.print(line, highlight=False)
    for kind in ("interlock", "hazard"):
        table = Table(title=f"{kind}s", title_justify="left", box=box.ASCII2, show_lines=True)
        for column in _COLUMNS:
            table.add_column(column)
        for row in matrix:
            if row.kind == kind:
                table.add_row(*_cells(row))
        console.print(table, highlight=False)
    for line in (*_NOTES, "", *_sign()):
        console.print(line, highlight=False)


def _markdown(plan: Plan, matrix: tuple[Row, ...], now: dict[str, Any] | None) -> Iterator[str]:
    yield f"# Hazard matrix of {plan.unit}"
    yield from ("", *(f"{line}  " for line in _head(plan)), "")
    for kind in ("interlock", "hazard"):
        yield from (
            f"## {kind.capitalize()}s",
            "",
            f"| {' | '.join(_COLUMNS)} | why |",
            "|---" * (len(_COLUMNS) + 1) + "|",
        )
        for row in matrix:
            if row.kind == kind:
                cells = (*_cells(row), row.description)
                yield f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
        yield ""
    yield from (f"* {note}" for note in _NOTES)
    if standing := tuple(_standing(now)):
        yield from ("", "## Now", "", *(f"* {line}" for line in standing))
    yield from ("", "## Reviewed", "", *(f"* {line}" for line in _sign()))
