"""The report of ``edgectl doctor``."""

from __future__ import annotations

import json
import shutil
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from edgectl.app.control_socket import Unreachable, ask
from edgectl.app.doctor.examination import Line, examine
from edgectl.app.doctor.finding import Verdict
from edgectl.app.doctor.look import Look, kernel_clock, run_tool
from edgectl.app.exit_code import ExitCode
from edgectl.app.install_service import STATE
from edgectl.app.place import Place
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import load_last_good
from edgectl.config.settings import Settings

_APART_S = 2.0
_COLOUR = {Verdict.OK: "green", Verdict.WATCH: "yellow", Verdict.BAD: "red", Verdict.UNKNOWN: "cyan"}
_WIDEST = 110
_INDENT = " " * 10


def main(target: str | None, root: Path, *, as_json: bool) -> ExitCode:
    """Look at everything, print it, and end with FAILED if anything is bad."""
    try:
        look = prepare(target, root.absolute())
    except Unreachable as error:
        click.echo(f"doctor: {error}", err=True)
        return ExitCode.USAGE
    found = list(examine(look))
    if as_json:
        click.echo(json.dumps(_document(look, found)))
    else:
        for line in render(found):
            click.echo(line)
    return ExitCode.FAILED if any(line.finding.verdict is Verdict.BAD for line in found) else ExitCode.OK


def prepare(target: str | None, root: Path) -> Look:
    """What is to be looked at: a unit by its name or its folder, the only one there is, or the machine alone.

    Raises:
        Unreachable: the unit is not known, or there are several to choose from.
    """
    live = root == Path("/")
    settings = Settings()
    state_dir = settings.state_dir if live else root / STATE.relative_to("/")
    secrets = settings.secrets_dir if live else root / "etc/edgectl/secrets"
    look = Look(root, secrets, silence="no unit has run here")
    if live:
        look = replace(look, tool=run_tool, clock=kernel_clock)
    if target is not None and Path(target).is_dir():
        folder = Path(target)
        compiled = compile_folder(folder)
        look = replace(look, folder=folder, compiled=compiled)
        place = Place(state_dir / compiled.plan.unit) if compiled.plan else _only(state_dir)
    else:
        place = Place(state_dir / target) if target else _only(state_dir)
        if target and not (place and place.folder.is_dir()):
            raise Unreachable(f"{target}: neither a folder nor a unit under {state_dir}")
    return _of_unit(look, place) if place and place.folder.is_dir() else look


def _only(state_dir: Path) -> Place | None:
    """The only unit, running or not; None without any."""
    try:
        units = sorted(
            {path.parent for name in ("plan", "journal.db") for path in state_dir.glob(f"*/{name}")}
        )
    except PermissionError:
        return None
    if len(units) > 1:
        raise Unreachable(f"several units are here, name one of: {', '.join(path.name for path in units)}")
    return Place(units[0]) if units else None


def _of_unit(look: Look, place: Place) -> Look:
    found = load_last_good(place.plans)
    pictures, silence = _pictures(place) if look.live else ((), "not asked: this is an image of a machine")
    return replace(look, place=place, plan=found[1] if found else None, pictures=pictures, silence=silence)


def _pictures(place: Place) -> tuple[tuple[Mapping[str, Any], ...], str]:
    """Two statuses a little apart, for what is a rate; why there are none."""
    try:
        first = ask(place.socket, {"do": "status"})
        time.sleep(_APART_S)
        return (first, ask(place.socket, {"do": "status"})), ""
    except (Unreachable, ValueError) as error:
        return (
            (),
            f"{place.folder.name} does not answer ({str(error).partition('. ')[0].removeprefix(f'{place.socket}: ')})",
        )


def render(found: list[Line]) -> Iterator[str]:
    """The report for people; fits the terminal."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    group = ""
    for line in found:
        if line.group != group:
            group = line.group
            yield click.style(group, bold=True)
        verdict, about, why, step = line.finding
        first, *rest = _wrapped(f"{about}: {why}", width)
        yield f"  {click.style(f'{verdict.value:8}', fg=_COLOUR[verdict], bold=verdict is Verdict.BAD)}{first}"
        yield from (f"{_INDENT}{text}" for text in rest)
        if step and verdict is not Verdict.OK:
            yield from (f"{_INDENT}{text}" for text in _wrapped(f"-> {step}", width))
    count = Counter(line.finding.verdict for line in found)
    yield ", ".join(f"{count[verdict]} {verdict.value}" for verdict in Verdict)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width - len(_INDENT), 20), break_on_hyphens=False) or [""]


def _document(look: Look, found: list[Line]) -> dict[str, Any]:
    return {
        "unit": look.place.folder.name if look.place else None,
        "root": str(look.root),
        "running": bool(look.pictures),
        "findings": [
            {"group": group, "about": about, "verdict": verdict.value, "why": why, "step": step}
            for group, (verdict, about, why, step) in found
        ],
    }
