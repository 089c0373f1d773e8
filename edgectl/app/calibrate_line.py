"""``edgectl calibrate`` on the command line."""

from __future__ import annotations

import sys
from typing import Any

import click


@click.command()
@click.argument("target", required=False)
@click.option("--unit", default=None, help="Which running unit (default: the only one).")
@click.option("--buffer", "buffers", multiple=True, metavar="NAME:LOT:EXPIRES", help="A pH buffer, in the order of the session, such as 7.00:A123:2027-03-31. NAME is one of 4.01, 7.00, 9.21, 10.01, nist-4.01, nist-6.86, nist-9.18.")  # fmt: skip
@click.option(
    "--temperature", type=float, default=25.0, show_default=True, help="Of buffers or gas, in degC."
)
@click.option("--zero", is_flag=True, help="DO: a standard without oxygen (nitrogen, or sulphite).")
@click.option("--air", "pressure", type=float, default=None, metavar="HPA", help="DO: water or humid gas in air of this pressure.")  # fmt: skip
@click.option("--humidity", type=float, default=100.0, show_default=True, help="DO: of that air, in %.")
@click.option("--standard", "standards", multiple=True, metavar="VALUE[:NAME[:LOT[:EXPIRES]]]", help="What a reference shows (thermometer, weight, flow meter), in the tag's unit.")  # fmt: skip
@click.option("--flow", type=float, default=None, help="Pump: what it is told, in its unit (default: half its range).")  # fmt: skip
@click.option("--seconds", type=float, default=120.0, show_default=True, help="Pump: length of a run.")
@click.option("--runs", type=click.IntRange(2, 10), default=3, show_default=True, help="Pump: how many runs.")
@click.option("--density", type=float, default=0.998, show_default=True, help="Pump: of the liquid, in g/mL.")
@click.option("--weighed", multiple=True, type=float, metavar="G", help="Pump: what the balance shows after each run, for a script.")  # fmt: skip
@click.option("--grab", is_flag=True, help="Note the reading while you take a sample; the loop goes on.")
@click.option("--sample", type=float, default=None, metavar="VALUE", help="What the laboratory says of the sample taken with --grab.")  # fmt: skip
@click.option("--back", is_flag=True, help="Put the calibration before this one into force again.")
@click.option("--show", is_flag=True, help="Show what is in force, when it is due, and what was before.")
@click.option("--yes", is_flag=True, help="Wait for nobody (scripts).")
@click.option("--due", "due_days", type=click.FloatRange(0.0, 1000.0), default=30.0, show_default=True, metavar="DAYS", help="When the next calibration is due (0: never).")  # fmt: skip
@click.option("--by", default="", metavar="NAME", help="Who calibrates (default: your account).")
@click.option("--reason", default="calibration", show_default=True, help="Why; goes to the record.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")
def calibrate(**asked: Any) -> None:
    """Calibrate TARGET, a tag or a pump of a running unit, standard by standard.

    While it lasts the tag is in function check (NE 107): its value is BAD, loops hold or fall back, interlocks treat it as unknown. It ends by
    itself a minute after this terminal died. Each standard is waited for until the probe rests by its own noise. The core judges the line through the standards and
    refuses what is not plausible; what was in force before is kept (--back). Without --buffer and its like you are asked.
    """
    from edgectl.app.calibrate_command import Wish, main

    sys.exit(int(main(Wish(**asked))))
