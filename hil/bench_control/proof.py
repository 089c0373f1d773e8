"""Does `edgectl tune` end well? Every loop of every vessel is tuned on a scattered plant, then the unit runs on what was found.

`python -m hil.bench_control.proof --seeds 50`. A loop passes when it is in its band most of the time and does not swing, or when the tuning refused
with a reason and the loop goes on as its nameplate says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from hil.bench_control import edgectl_seat, tuner
from hil.bench_control.case import BUILT_IN, plants_of
from hil.bench_control.scenario import HOUR, TARGETS, Scenario
from hil.bench_control.seam import QUANTITIES
from hil.bench_control.station import Station

IN_BAND = 0.95
TURNS_H = 150.0  # of an output: more is a loop that swings by itself
_CALM = Scenario("proof", 3.0 * HOUR, (), tuner.FILLING, scored_from_s=1.5 * HOUR, setpoints=TARGETS)


class Proof(NamedTuple):
    """One vessel: what was refused, and the share of time in band and the turns per hour of each loop afterwards."""

    vessel: str
    seed: int
    refused: Mapping[str, str]
    in_band: Mapping[str, float]
    turns_h: Mapping[str, float]

    @property
    def good(self) -> bool:
        """Whether every loop is in band and calm."""
        return min(self.in_band.values()) >= IN_BAND and max(self.turns_h.values()) <= TURNS_H


def prove(vessel: str, seed: int, plants: str = BUILT_IN) -> Proof:
    """Tune one plant, and look."""
    plate, make = plants_of(plants)[vessel]
    found = tuner.tune(plate, make(seed, tuner.FILLING))
    seated = edgectl_seat.build(plate, found.overrides)
    figures = Station(plate, make(seed, tuner.FILLING), seated, _CALM).run().report()
    return Proof(
        vessel,
        seed,
        found.refused,
        {name: figures[name]["in_band"] for name in QUANTITIES},
        {name: figures[name]["reversals_h"] for name in QUANTITIES},
    )


def report(proofs: Sequence[Proof]) -> str:
    """A table by vessel, and every loop that is not well."""
    lines = [
        "| vessel | plants | stable and in band | loops refused | least in band | most turns/h |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for vessel in dict.fromkeys(proof.vessel for proof in proofs):
        mine = [proof for proof in proofs if proof.vessel == vessel]
        least = min(min(proof.in_band.values()) for proof in mine)
        most = max(max(proof.turns_h.values()) for proof in mine)
        good, refused = sum(proof.good for proof in mine), sum(len(proof.refused) for proof in mine)
        lines.append(f"| {vessel} | {len(mine)} | {good} | {refused} | {least:.1%} | {most:.0f} |")
    lines += [f"not well: {proof}" for proof in proofs if not proof.good]
    return "\n".join(lines)


def main(words: Sequence[str]) -> int:
    """Exit code 0 when all is well, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m hil.bench_control.proof", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="plants of each vessel")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    asked = parser.parse_args(words)
    wanted = [(vessel, seed) for vessel in plants_of(BUILT_IN) for seed in range(1, asked.seeds + 1)]
    proofs: list[Proof] = []
    with ProcessPoolExecutor(asked.jobs) as pool:
        for proof in pool.map(prove, *zip(*wanted, strict=True)):
            proofs.append(proof)
            print(f"{len(proofs)} of {len(wanted)}: {proof}", file=sys.stderr)
    print(report(proofs))
    return 0 if all(proof.good for proof in proofs) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
