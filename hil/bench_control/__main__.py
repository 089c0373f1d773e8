"""`python -m hil.bench_control`: edgectl and what a user could buy or clone, on the same vessels through the same mishaps.

`python -m hil.bench_control bound` finds the per-plant bound first and keeps it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hil.bench_control import bound, picture, table
from hil.bench_control.case import BUILT_IN, Case, Outcome
from hil.bench_control.runner import BOUND_ROUNDS, BOUND_SEEDS, Choice, bounds, cases, outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURES = Path(__file__).with_name("pictures")
PICTURED = ("startup", "disturbances", "restart")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hil.bench_control", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("run", "bound"), default="run")
    parser.add_argument("--only", default="", help="vessels, scenarios, controllers, by comma")
    parser.add_argument("--seeds", type=int, default=BOUND_SEEDS, help="scatterings of each vessel")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--quick", action="store_true", help="three scenarios, one scattering, no growth")
    parser.add_argument("--growth-days", type=float, default=7.0, help="0 leaves growth out")
    parser.add_argument("--rounds", type=int, default=BOUND_ROUNDS, help="of the search for the bound")
    parser.add_argument("--plants", default=BUILT_IN, help="module:function of plants of your own")
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument(
        "--beside",
        type=Path,
        nargs="*",
        default=(),
        help="figures of earlier runs, to stand in the same tables",
    )
    parser.add_argument("--write-readme", type=Path, help="replace the tables in this file")
    parser.add_argument(
        "--pictures", type=Path, nargs="?", const=PICTURES, help="draw the runs into a folder"
    )
    return parser


def main(words: Sequence[str]) -> int:
    """Exit code 0, or 2 for words that mean nothing."""
    parser = _parser()
    asked = parser.parse_args(words)
    choice = Choice(
        seeds=1 if asked.quick else asked.seeds,
        only=tuple(word for word in asked.only.split(",") if word),
        growth_days=asked.growth_days,
        quick=asked.quick,
        plants=asked.plants,
    )
    try:
        wanted = cases(choice)
    except ValueError as error:
        parser.error(str(error))
    if asked.what == "bound":
        for known in bounds(choice, asked.rounds, asked.jobs):
            bound.save(known)
        return 0
    held = [outcome for path in asked.beside for outcome in _held(path)]
    fresh = {outcome.case: outcome for outcome in (*held, *outcomes(wanted, asked.jobs))}
    found = [fresh[case] for case in sorted(fresh)]
    text = table.report(found, _command(choice, beside=bool(held)))
    print(text)
    if asked.json is not None:
        asked.json.write_text(json.dumps([_plain(outcome) for outcome in found], indent=1) + "\n")
    if asked.write_readme is not None:
        table.write_section(asked.write_readme, text)
    if asked.pictures is not None:
        picture.draw_all(_pictured(wanted), asked.pictures)
    return 0


def _pictured(wanted: Sequence[Case]) -> list[Case]:
    """The first scatter of each vessel, in the scenarios that show most."""
    return [case for case in wanted if case.seed == 1 and case.scenario in PICTURED]


def _command(choice: Choice, *, beside: bool) -> str:
    """What to run for the same figures at one go: a run repeats to the bit, so parts put beside each other are one run."""
    words = [
        "python -m hil.bench_control",
        f"--seeds {choice.seeds}",
        f"--growth-days {choice.growth_days:g}",
    ]
    if choice.quick:
        words.append("--quick")
    if choice.only and not beside:
        words.append(f"--only {','.join(choice.only)}")
    return " ".join(words)


def _held(path: Path) -> list[Outcome]:
    """What an earlier run wrote with --json."""
    held = json.loads(path.read_text())
    return [
        Outcome(Case(**{name: entry[name] for name in Case._fields}), entry["figures"], entry["missing"])
        for entry in held
    ]


def _plain(outcome: Outcome) -> dict[str, object]:
    return {**outcome.case._asdict(), "figures": outcome.figures, "missing": outcome.missing}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
