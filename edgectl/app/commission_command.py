"""Commands of commissioning: scan, init."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("ports", nargs=-1, metavar="[PORT]...")
@click.option(
    "--tcp",
    "ranges",
    multiple=True,
    metavar="RANGE",
    help="Modbus TCP hosts, such as 10.0.0.10-20:502; alone it leaves the serial ports out.",
)
@click.option("--list", "listing", is_flag=True, help="Only list the serial adapters; nothing is opened.")
@click.option(
    "--thorough", is_flag=True, help="Try every setting and address, even where somebody has answered."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for `edgectl init --from` or a script.")
def scan(
    ports: tuple[str, ...], ranges: tuple[str, ...], listing: bool, thorough: bool, as_json: bool
) -> None:
    """Find serial adapters and what answers on them: driver, address, baud, framing, serial number, and YAML to paste.

    Only reads: no output moves and no setting changes, also of what nobody knows. Without PORT all adapters are asked. A port that a running unit
    uses is left alone. Ctrl-C stops and closes every port. Exit code 1 where nobody answers.
    """
    from edgectl.app.scan import main

    sys.exit(int(main(ports, ranges, listing=listing, thorough=thorough, as_json=as_json)))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--template", type=click.Choice(["stirred-2l", "perfusion-2l", "rocking-2l"]), default=None)
@click.option(
    "--from",
    "scanned",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="SCAN.JSON",
    help="What `edgectl scan --json` wrote: its ports, addresses and serial numbers are filled in.",
)
@click.option(
    "--unit", default="", metavar="NAME", help="Name of the unit; default: the folder's, in capitals."
)
@click.option(
    "--area",
    default="",
    type=click.Choice(["", *"123456789"]),
    help="Hundreds of the tag numbers: 4 makes TT-401.",
)
@click.option("--line", "lines", multiple=True, metavar="NAME=PORT", help="Port of a line of the template.")
@click.option(
    "--tag", "tags", multiple=True, metavar="OLD=NEW", help="Another name for a tag, actuator or loop."
)
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Any other value of unit.yaml.")
@click.option("--yes", is_flag=True, help="Ask nothing: take what is not said as it is proposed.")
def init(
    folder: Path,
    template: str | None,
    scanned: Path | None,
    unit: str,
    area: str,
    lines: tuple[str, ...],
    tags: tuple[str, ...],
    sets: tuple[str, ...],
    yes: bool,
) -> None:
    """Make a unit FOLDER from a template, asking for what it needs, with what a scan found filled in.

    The folder passes `edgectl check` and has a rig of its own for `edgectl rehearse`. A folder that exists is never touched.
    """
    from edgectl.app.init import Wish, main

    wish = Wish(unit, area, lines, tags, sets, ask=not yes)
    sys.exit(int(main(folder, template or "", scanned, wish)))


COMMANDS = (scan, init)
