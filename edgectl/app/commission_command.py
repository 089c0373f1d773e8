"""Commands of commissioning: scan, init."""

from __future__ import annotations

import sys

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


COMMANDS = (scan,)
