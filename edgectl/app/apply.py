"""``edgectl apply``: a unit goes on under the files of a folder, without a bump or not at all."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from edgectl.app.check import tell
from edgectl.app.difference import lines
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.standing import Unknown, proposed, standing
from edgectl.app.taking import Wish, take
from edgectl.config.settings import Settings
from edgectl.config.version import Proposal, agrees, in_force
from edgectl.core.change import changes


def main(folder: Path, overrides: Sequence[str], reason: str, *, yes: bool) -> ExitCode:
    """Compile, show the changes, ask the person and then the unit."""
    state_dir = Settings().state_dir
    compiled, values = proposed(state_dir, folder, overrides)
    tell(compiled)
    if compiled.plan is None:
        click.echo(f"{folder}: nothing was applied; a running unit goes on as it is", err=True)
        return ExitCode.USAGE
    proposal = Proposal(compiled.plan, compiled.files, values, str(folder.resolve()))
    try:
        stands = standing(Place(state_dir / compiled.plan.unit))
    except Unknown as unknown:
        click.echo(f"apply: {unknown}", err=True)
        return ExitCode.UNREACHABLE
    version = in_force(stands.place.versions)
    if agrees(version, proposal) and stands.next_plan == stands.plan.digest == compiled.plan.digest:
        click.echo(f"{stands.words}, which the folder makes: nothing to do")
        return ExitCode.OK
    click.echo("\n".join(lines(stands, compiled.plan, changes(stands.plan, compiled.plan))))
    if not yes and not _agreed():
        return ExitCode.USAGE
    return take(stands, Wish(proposal, reason))


def _agreed() -> bool:
    """Whether the person who sees the changes wants them; a script says so with --yes."""
    if not sys.stdin.isatty():
        click.echo("nothing was applied: add --yes to take these changes without being asked", err=True)
        return False
    return click.confirm("Take these changes?", default=False)
