"""``edgectl tune`` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("loop")
@click.option(
    "--folder",
    type=_FOLDER,
    default=None,
    help="The unit folder. Alone: tune its emulated unit, on virtual time. With --unit: where accepted settings go.",
)
@click.option("--unit", default=None, help="Which running unit (default without --folder: the only one).")
@click.option(
    "--method",
    type=click.Choice(["relay", "step"]),
    default="relay",
    show_default=True,
    help="Many small swings, or few large ones.",
)
@click.option(
    "--side",
    type=click.Choice(["both", "down", "up"]),
    default="both",
    show_default=True,
    help="Which way the output may leave the one that holds; a split range is tuned one side at a time.",
)
@click.option(
    "--robustness",
    type=click.FloatRange(0.5, 20.0),
    default=1.0,
    show_default=True,
    help="Time constant of the closed loop over the dead time; larger is calmer.",
)
@click.option(
    "--ms",
    "most_ms",
    type=click.FloatRange(1.2, 2.0),
    default=1.8,
    show_default=True,
    help="Largest maximum sensitivity Ms that is proposed.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    default=Path("tuning.svg"),
    show_default=True,
    help="Where record and model are drawn.",
)
@click.option(
    "--last", is_flag=True, help="Do not experiment: use what the unit recorded within the last hour."
)
@click.option("--accept", is_flag=True, help="Write the proposed settings to tuning.yaml in --folder.")
@click.option("--by", default="", metavar="NAME", help="Who accepts.")
@click.option("--reason", default="", metavar="TEXT", help="Why; goes to the record.")
@click.option(
    "--rig", default=None, metavar="NAME", help="Emulated instruments (default: the folder's name)."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the emulated noise.")
@click.option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override one value of the folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")
def tune(side: str, method: str, **asked: Any) -> None:
    """Find settings for LOOP by an experiment within the limits that unit.yaml declares under `tune`.

    The output swings around the one that holds, inside the interlock chain. An alarm, a bad value, a deviation beyond `within`, the end of
    its time or Ctrl-C end the experiment, and the loop goes on as before. From the record comes a model, from the model a proposal with its
    robustness. Nothing is written before a person accepts it. Of a cascade tune the inner loop first (in AUTO), then its master.
    """
    from edgectl.app.tune_command import Wish, main

    word = method if side == "both" else f"{method} {side}"
    sys.exit(int(main(Wish(method=word, **asked))))
