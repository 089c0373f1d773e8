"""``edgectl history`` and ``edgectl rollback``: the approved versions of a unit, and the way back to one of them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from edgectl.app.difference import lines
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.standing import Unknown, place_of, standing
from edgectl.app.taking import Wish, take
from edgectl.config.folder import FILES
from edgectl.config.plan_file import write_whole
from edgectl.config.settings import Settings
from edgectl.config.version import Damaged, Version, hashes, in_force, proposal_of, versions
from edgectl.core.change import changes


def history(target: str | None, *, as_json: bool) -> ExitCode:
    """Print every version, the newest first."""
    try:
        place = place_of(Settings().state_dir, target)
    except Unknown as unknown:
        click.echo(f"history: {unknown}", err=True)
        return ExitCode.USAGE
    runs = last = ""
    with contextlib.suppress(Unknown):
        stands = standing(place)
        runs, last = stands.plan.digest if stands.runs else "", stands.next_plan
    newest = list(reversed(versions(place.versions)))
    forced = in_force(place.versions)
    if as_json:
        click.echo(
            json.dumps(
                [
                    asdict(v) | {"runs": v.plan == runs, "in_force": v == forced and v.plan == last}
                    for v in newest
                ]
            )
        )
        return ExitCode.OK
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for column in ("", "at (UTC)", "by", "taken", "plan", "reason"):
        table.add_column(column, overflow="fold")
    for version in newest:
        mark = " runs" if version.plan == runs and version == _first(newest, runs) else ""
        table.add_row(
            f"{version.number}{mark}", version.at[:16].replace("T", " "), version.person, version.taken, version.plan[:8], version.reason,
        )  # fmt: skip
    Console(highlight=False).print(table)
    return ExitCode.OK


def rollback(target: str, number: int, reason: str) -> ExitCode:
    """Go back to an approved version. A target that is a folder has its files put back too, once the plan is taken."""
    try:
        place = place_of(Settings().state_dir, target)
        stands = standing(place)
        version = _approved(place, number)
        proposal = proposal_of(place.versions, version)
    except (Unknown, Damaged) as wrong:
        click.echo(f"rollback: {wrong}; nothing was changed", err=True)
        return ExitCode.USAGE
    click.echo("\n".join(lines(stands, proposal.plan, changes(stands.plan, proposal.plan))))
    code = take(stands, Wish(proposal, reason, f"rollback to {number}"))
    if code is ExitCode.OK and Path(target).is_dir():
        return _put_back(Path(target), proposal.files, versions(place.versions))
    if code is ExitCode.OK and proposal.folder:
        where = place.versions / f"{number:04d}"
        click.echo(
            f"the files in {proposal.folder} stay as they are; those of version {number} are in {where}"
        )
    return code


def _approved(place: Place, number: int) -> Version:
    for version in versions(place.versions):
        if version.number == number and version.counts:
            return version
    raise Unknown(f"there is no approved version {number} of {place.folder.name}; see: edgectl history")


def _first(newest: list[Version], runs: str) -> Version | None:
    return next((version for version in newest if version.plan == runs and version.counts), None)


def _put_back(folder: Path, files: Mapping[str, bytes], kept: tuple[Version, ...]) -> ExitCode:
    """The files of a version, back in their folder. What was edited and never approved keeps a second name."""
    approved = {digest for version in kept for digest in version.files.values()}
    try:
        for name in FILES:
            path = folder / name
            found = path.read_bytes() if path.is_file() else None
            if found == files.get(name):
                continue
            if found is not None and hashes({name: found})[name] not in approved:
                aside = path.with_name(f"{name}.edited")
                write_whole(aside, found)
                click.echo(f"{aside}: what {name} said, which nobody approved")
            if name in files:
                write_whole(path, files[name])
            elif found is not None:
                path.unlink()
    except OSError as error:
        click.echo(
            f"the plan is taken, but not all files of {folder} could be put back: {error.filename}: {error.strerror}",
            err=True,
        )
        return ExitCode.FAILED
    click.echo(f"{folder}: its files are those of that version again")
    return ExitCode.OK
