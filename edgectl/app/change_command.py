"""Commands about the configuration of a unit over its life: diff, apply, history, rollback, reload."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_LONGEST = 500
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")
_SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override one value of the folder; what the unit was started with counts without being said again.",
)


def _worded(_: click.Context, __: click.Parameter, text: str) -> str:
    """A reason that the record can hold."""
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST:
        raise click.BadParameter(f"write 1 to {_LONGEST} printable characters")
    return text


_REASON = click.option("--reason", required=True, callback=_worded, help="Why; goes to the record.")


def _finish(code: int) -> None:
    sys.exit(int(code))


@click.command()
@click.argument("folder", type=_FOLDER)
@_SET
@_JSON
def diff(folder: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show what a unit FOLDER would change of the unit that runs, and when each change may be taken.

    Without a running unit: of the plan that its next start takes. Exit code 0 without a difference, 1 with.
    """
    from edgectl.app.difference import main

    _finish(main(folder, overrides, as_json=as_json))


@click.command()
@click.argument("folder", type=_FOLDER)
@_SET
@_REASON
@click.option("--yes", is_flag=True, help="Take the changes without being asked.")
def apply(folder: Path, overrides: tuple[str, ...], reason: str, yes: bool) -> None:
    """Have the running unit go on under the files of FOLDER: all of it, or nothing.

    Tuning and alarms are taken at once, without a bump; what moves outputs only while the unit is held; what touches wires with the
    next start, and only while no batch runs. The version is kept with your name and reason.
    """
    from edgectl.app.apply import main

    _finish(main(folder, overrides, reason, yes=yes))


@click.command()
@click.argument("unit", required=False)
@_JSON
def history(unit: str | None, as_json: bool) -> None:
    """List the approved versions of UNIT (its name or its folder; default: the only one): who took what, when and why."""
    from edgectl.app.history import history as show

    _finish(show(unit, as_json=as_json))


@click.command()
@click.argument("target", metavar="UNIT|FOLDER")
@click.argument("version", type=int)
@_REASON
def rollback(target: str, version: int, reason: str) -> None:
    """Go back to an approved VERSION of a unit, under the same rules as apply.

    Named by its FOLDER, the files there are put back as well; what was edited and never approved keeps a second name (unit.yaml.edited).
    """
    from edgectl.app.history import rollback as back

    _finish(back(target, version, reason))


@click.command()
@click.option("--state", "folder", type=_FOLDER, required=True, help="The unit's state folder.")
def reload(folder: Path) -> None:
    """Have a running unit take the plan in force (`systemctl reload` calls this).

    What cannot be taken while it runs is said, and nothing is touched: exit code 1.
    """
    from edgectl.app.reload import main

    _finish(main(folder))


COMMANDS = (diff, apply, history, rollback, reload)
