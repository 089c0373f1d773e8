"""Commands about the unit as a whole: trips, reset, hold, resume, authority, batch, feed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _asking(command: F) -> F:
    """The options of everything that is asked of a running unit."""
    unit = click.option("--unit", default=None, help="Which running unit (default: the only one).")
    return unit(click.option("--reason", required=True, help="Why; goes to the record.")(command))


def _finish(code: int) -> None:
    sys.exit(int(code))


@click.command()
@click.argument("target", metavar="[FOLDER|UNIT]", required=False)
@click.option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override one value of the folder."
)
@click.option("--markdown", is_flag=True, help="Print a Markdown document to be signed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")
def trips(target: str | None, overrides: tuple[str, ...], markdown: bool, as_json: bool) -> None:
    """Print the hazard matrix of a unit FOLDER or of a UNIT that has run here: causes, actions, and the value of every output.

    With lines for the signatures of a safety review. Of a running unit also what acts now, and what came first.
    """
    from edgectl.app.trips import main

    _finish(main(target, overrides, markdown=markdown, as_json=as_json))


@click.command()
@click.argument("name")
@_asking
def reset(name: str, reason: str, unit: str | None) -> None:
    """Reset the latched hazard NAME, or all. Refused while its cause stands; moves no output by itself."""
    from edgectl.app.request import of_unit

    _finish(of_unit(unit, "reset", "reset", reason, target=name))


@click.command()
@_asking
def hold(reason: str, unit: str | None) -> None:
    """Bring every output of a running unit to its safe value, at once, until somebody resumes."""
    from edgectl.app.request import of_unit

    _finish(of_unit(unit, "hold", "hold", reason))


@click.command()
@_asking
def resume(reason: str, unit: str | None) -> None:
    """Let a held unit go on. Refused while a trip is latched or its cause stands."""
    from edgectl.app.request import of_unit

    _finish(of_unit(unit, "resume", "resume", reason))


@click.command()
@click.argument("whose", type=click.Choice(["local", "remote", "maintenance"]))
@_asking
def authority(whose: str, reason: str, unit: str | None) -> None:
    """Say whose requests are heard: from beside the unit, through the uplink, or a maintainer's only.

    Remote authority belongs to the first host that is granted something; to change hosts, take it (local) and give it away again (remote).
    """
    from edgectl.app.request import of_unit

    _finish(of_unit(unit, "authority", whose, reason))


@click.command()
@click.argument("name", required=False)
@click.option("--end", is_flag=True, help="End the batch that runs; its totals count until another begins.")
@_asking
def batch(name: str | None, end: bool, reason: str, unit: str | None) -> None:
    """Begin a new batch of this NAME, and its totals with it; or end the one that runs."""
    from edgectl.app.request import of_unit

    if bool(name) is end:
        raise click.UsageError("either the NAME of a new batch, or --end")
    _finish(of_unit(unit, "batch", name or "-", reason))


@click.command()
@click.argument("name")
@click.argument("what", type=click.Choice(["start", "pause", "resume", "stop", "clock", "bolus"]))
@click.argument("number", required=False, default="")
@_asking
def feed(name: str, what: str, number: str, reason: str, unit: str | None) -> None:
    """Start, pause, resume or stop the feed or perfusion NAME.

    clock HOURS sets its batch time (0 is its start), bolus AMOUNT gives so much at once, in the feed's unit of amount.
    """
    from edgectl.app.request import of_unit

    _finish(of_unit(unit, "feed", f"{what} {number}".rstrip(), reason, target=name))


COMMANDS = (trips, reset, hold, resume, authority, batch, feed)
