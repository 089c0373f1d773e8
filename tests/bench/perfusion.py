"""A week of perfusion at one vessel volume a day to 20e6 cells/mL, every pump off: ``python -m tests.bench.perfusion [DAYS]``."""

from __future__ import annotations

import sys
import time

from hil.plant.plant import Plant
from tests.core.fibre import TARGET, WEIGHT, Fibre, culture, plan

OFF = {"P-102": 1.05, "P-103": 0.95, "P-104": 1.05}
START = 6e6  # cells/mL
REACHED = 0.99  # of the target: from then on its deviation counts


def main(days: float) -> None:
    """Run it and say how far weight and density strayed."""
    begun = time.perf_counter()
    fibre = Fibre(plan(), Plant(culture(START)), OFF)
    weights: list[float] = []
    densities: list[float] = []

    def look() -> None:
        truth = fibre.plant.truth()
        weights.append(abs(truth.weight_kg / WEIGHT - 1.0))
        if densities or truth.viable_per_ml > REACHED * TARGET:
            densities.append(abs(truth.viable_per_ml / TARGET - 1.0))

    fibre.ask("start")
    for day in range(1, round(days) + 1):
        fibre.run(24.0, look)
        truth, own = fibre.plant.truth(), fibre.own
        error = own.ledger.error
        print(
            f"day {day}: {truth.weight_kg:.4f} kg, {truth.viable_per_ml / 1e6:.2f}e6/mL, "
            f"feed {own.feed:.3f} permeate {own.permeate:.3f} bleed {own.bleed:.3f} mL/min, "
            f"balance {'-' if error is None else f'{100 * error:+.1f} %'}"
        )
    print(
        f"worst weight {100 * max(weights):.2f} %, worst density {100 * max(densities, default=1.0):.2f} % once reached"
    )
    print(f"{days:g} days in {time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 7.0)
