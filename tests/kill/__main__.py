"""``./dev kills``: how long outputs take to be safe after control is killed, frozen, cut off or left alone."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.kill import ordeal
from tests.kill.unit import running


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev kills", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="how often control is killed (200)")
    parser.add_argument("--others", type=int, default=5, help="runs of every other fault (5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", default="", help="one fault: stall block freeze10 freeze25 unplug abandon cuts kill"
    )
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    done: list[ordeal.Ordeal] = []
    with tempfile.TemporaryDirectory(prefix="kills-") as folder, running(Path(folder)) as unit:
        faults: dict[str, Callable[[], ordeal.Ordeal]] = {
            "stall": lambda: ordeal.stall(unit, asked.others),
            "block": lambda: ordeal.block(unit, asked.others),
            "freeze10": lambda: ordeal.freeze(unit, asked.others, 10.0),
            "freeze25": lambda: ordeal.freeze(unit, asked.others, 25.0),
            "unplug": lambda: ordeal.unplug(unit, asked.others),
            "abandon": lambda: ordeal.abandon(unit, asked.others),
            "cuts": lambda: ordeal.cuts(unit, asked.others, chance),
            "kill": lambda: ordeal.kill(unit, asked.runs, chance),
        }
        for name in [asked.only] if asked.only else faults:
            done.append(faults[name]())
            print(ordeal.table(done[-1:]), flush=True)  # at once: the next may take many minutes
    print(ordeal.table(done))
    return 0 if all(found.passed for found in done) else 1


if __name__ == "__main__":
    sys.exit(main())
