"""``edgectl diff``: a unit folder against what runs, change by change, each with the time at which it may be taken."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from edgectl.app.check import tell
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.standing import Standing, Unknown, proposed, standing
from edgectl.app.taking import class_of, obstacle
from edgectl.config.settings import Settings
from edgectl.config.version import hashes, in_force
from edgectl.core.change import Change, When, changes
from edgectl.model.plan import Plan

_WIDTH = 80
_HINT = {
    When.LIVE: "bumpless: taken at once, no output moves by it",
    When.AT_HOLD: "taken only while the unit is held, every output at its safe value",
    When.RESTART: "taken at a restart only, when no batch runs",
}


def main(folder: Path, overrides: Sequence[str], *, as_json: bool) -> ExitCode:
    """Compile and compare; exit code 1 where they differ."""
    state_dir = Settings().state_dir
    compiled, _ = proposed(state_dir, folder, overrides)
    if compiled.plan is None:
        if as_json:
            click.echo(json.dumps({"errors": [problem.as_json() for problem in compiled.errors]}))
        else:
            tell(compiled)
        return ExitCode.USAGE
    try:
        stands = standing(Place(state_dir / compiled.plan.unit))
    except Unknown as unknown:
        click.echo(f"diff: {unknown}", err=True)
        return ExitCode.UNREACHABLE
    found = changes(stands.plan, compiled.plan)
    if as_json:
        files = hashes(compiled.files)
        click.echo(json.dumps(_plain(stands, compiled.plan, found) | {"files": _edited(stands, files)}))
    else:
        click.echo("\n".join(lines(stands, compiled.plan, found)))
    return ExitCode.FAILED if found else ExitCode.OK


def lines(stands: Standing, after: Plan, found: tuple[Change, ...]) -> Iterator[str]:
    """What people read, within 80 columns."""
    if not found:
        yield f"{stands.words}, and the folder makes the same: no difference"
        return
    yield f"{stands.words}; the folder makes plan {after.digest[:12]}:"
    for when in When:
        group = [change for change in found if change.when is when]
        if group:
            yield f"{when.words} - {_HINT[when]}"
        for change in group:
            yield from textwrap.wrap(
                f"{change.subject}: {change.before} -> {change.after}",
                _WIDTH,
                initial_indent="  ",
                subsequent_indent="      ",
            )
    if why := obstacle(stands, found):
        yield from textwrap.wrap(f"As a whole not now: {why}", _WIDTH)


def _plain(stands: Standing, after: Plan, found: tuple[Change, ...]) -> dict[str, Any]:
    return {
        "unit": after.unit,
        "runs": stands.runs,
        "before": stands.plan.digest,
        "after": after.digest,
        "class": class_of(found).words if found else "",
        "obstacle": obstacle(stands, found),
        "changes": [
            {
                "subject": change.subject,
                "before": change.before,
                "after": change.after,
                "class": change.when.words,
                "bumpless": change.when is When.LIVE,
            }
            for change in found
        ],
    }


def _edited(stands: Standing, files: dict[str, str]) -> list[str]:
    """Which files are not those of the version in force."""
    version = in_force(stands.place.versions)
    approved = dict(version.files) if version else {}
    return sorted(name for name in {*files, *approved} if files.get(name) != approved.get(name))
