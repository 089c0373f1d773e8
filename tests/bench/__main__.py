"""``./dev bench``: the performance targets beside their anchors, as a Markdown table on standard output."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench import composite, drain, encoding, failover, fault, keeping, pid, recovery, tick, wire
from tests.bench.verdict import HEAD, Verdict

Wanted = Callable[[str], bool]


class Pace(NamedTuple):
    """How long each experiment measures, seconds."""

    tick: float
    wire: float
    storm: float
    outage: float
    composite: float
    keeping: float
    drain: float
    past: float


FULL = Pace(
    tick=20.0, wire=12.0, storm=2400.0, outage=10.0, composite=20.0, keeping=10.0, drain=20.0, past=600.0
)
QUICK = Pace(tick=2.5, wire=2.5, storm=600.0, outage=4.0, composite=4.0, keeping=3.0, drain=4.0, past=90.0)

EXPERIMENTS: tuple[tuple[tuple[str, ...], Callable[[Pace, Wanted], list[Verdict]]], ...] = (
    (("G1", "G2", "G3", "G4", "G5"), lambda pace, wanted: tick.judge(pace.tick, wanted)),
    (("G6", "G7"), lambda pace, wanted: wire.judge(pace.wire, wanted)),
    (("G8",), lambda pace, _: fault.judge(pace.storm)),
    (("G9",), lambda pace, _: recovery.judge(pace.outage)),
    (("G11", "G12", "G13", "G14"), lambda pace, _: composite.judge(pace.composite)),
    (("G15",), lambda _, __: failover.judge()),
    (("G16",), lambda pace, _: keeping.judge(pace.keeping)),
    (("G17",), lambda pace, _: drain.judge(pace.drain, pace.past)),
    (("G18",), lambda _, __: encoding.judge()),
    (("G19",), lambda _, __: pid.judge()),
)
TARGETS = tuple(target for targets, _ in EXPERIMENTS for target in targets)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measure the performance targets beside their anchors on this machine and print a Markdown table.",
        epilog="Exit codes: 0 everything was measured, met or not; 1 an experiment broke; 2 a wrong command line. "
        "G1-G5 need cyclictest (rt-tests), stress-ng and the right to SCHED_FIFO: run as root on an otherwise idle machine.",
    )
    parser.add_argument(
        "--quick", action="store_true", help="about 3 min instead of about 9 min: rougher figures"
    )
    parser.add_argument(
        "--only", default="", metavar="G6,G7", help=f"these targets only, of {', '.join(TARGETS)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures there as well")
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(pace: Pace, chosen: frozenset[str]) -> tuple[list[Verdict], bool]:
    """Every experiment that a chosen target needs, and whether all of them came to their end."""
    found: list[Verdict] = []
    whole = True
    for targets, experiment in EXPERIMENTS:
        asked = [target for target in targets if target in chosen]
        if not asked:
            continue
        begun = time.monotonic()
        try:
            verdicts = [v for v in experiment(pace, chosen.__contains__) if v.target in chosen]
        except Exception as error:  # noqa: BLE001 - the other figures are worth having
            whole = False
            why = f"the experiment broke: {type(error).__name__}: {error}"
            verdicts = [Verdict(target, "-", "-", "-", None, why) for target in asked]
        found += verdicts
        _tell(f"{', '.join(asked)}: {time.monotonic() - begun:.0f} s")
        for verdict in verdicts:
            _tell(f"  {verdict.row()}")
    return found, whole


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    chosen = frozenset(word.strip().upper() for word in asked.only.split(",") if word.strip()) or frozenset(
        TARGETS
    )
    if unknown := sorted(chosen - set(TARGETS)):
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    # As installed, with bytecode on disk: otherwise each start compiles every file first, and that is what G13 and G14 would measure.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    begun, load = time.monotonic(), os.getloadavg()[0]
    verdicts, whole = measure(QUICK if asked.quick else FULL, chosen)
    machine = (
        f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, load {load:.1f} before, "
        f"{time.monotonic() - begun:.0f} s{', quick' if asked.quick else ''}"
    )
    print("\n".join([HEAD, *(verdict.row() for verdict in verdicts), "", machine]))
    if asked.json:
        rows = [dataclasses.asdict(verdict) for verdict in verdicts]
        asked.json.write_text(json.dumps({"machine": machine, "targets": rows}, indent=1) + "\n")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
