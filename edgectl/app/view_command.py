"""Commands that look at a machine and its unit and change nothing by themselves: doctor, top."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("target", metavar="[FOLDER|UNIT]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("/"),
    help="Look at the image of a machine below this folder.",
)
def doctor(target: str | None, root: Path, *, as_json: bool) -> None:
    """Look at everything a unit stands on: supply, clock, disk, adapters, lines, broker, rights, watchdogs, plan.

    Each is ok, watch, bad or unknown, with what to do next. With a unit FOLDER it is also compared with the plan in force.
    Changes nothing, needs no root (what it could not look at is unknown), and works while the unit runs or not. Exit code 1 if anything is bad.
    """
    from edgectl.app.doctor.command import main

    sys.exit(int(main(target, root, as_json=as_json)))


@click.command()
@click.argument("unit", required=False)
@click.option(
    "--page", type=click.IntRange(1, 6), default=1, show_default=True, help="Which page to begin with."
)
@click.option("--once", is_flag=True, help="Print one screen as text and end.")
def top(unit: str | None, page: int, *, once: bool) -> None:
    """Watch a running UNIT (default: the only one) on one screen: loops, alarms, outputs, values, feeds, lines.

    Works in any terminal from 80x24, over SSH, and goes on when control is restarted. Keys are shown at the bottom; `a` acknowledges an alarm after
    asking why and whether you are sure. Ctrl-C or q ends. Without a terminal it prints one screen. Exit code 3 if no control process answers.
    """
    from edgectl.app.top.command import main

    sys.exit(int(main(unit, page, once=once)))


VIEWS = (doctor, top)
