"""Finding the bound: a seeded search of each loop's gains on the plant and the scenarios they are judged by.

The loops are moved at once, since each has figures of its own and one run serves all three; a move that
bettered its loop is kept if all loops together are the better for it.
What is minimised is the mean logarithm of the error, as in the score, with a charge for what acceptance forbids: turning more than
60 times an hour, a start-up overshoot of temperature beyond 0.1 K, a blanket beyond its limit, base and CO2 at once.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Mapping
from dataclasses import replace

from hil.bench_control.bound import Gains, controller
from hil.bench_control.case import Case, plants_of, play, studied
from hil.bench_control.experiment import Study
from hil.bench_control.scenario import SCENARIOS, Scenario, growth
from hil.bench_control.seam import BAND, Filling, Nameplate

LATE_CULTURE = 3.0
LATE_DAYS = 0.15
_LEAST_ERROR = 0.005
_WIDE, _NARROW = 0.5, 0.12
_JACKET_S = 40.0
_NOISE = {"ph": 0.0012, "do": 0.1}  # of a usual probe behind a filter of 15 s
Figures = Mapping[str, Mapping[str, float]]


def first_guess(plate: Nameplate, studied_: Study) -> dict[str, Gains]:
    """Where the search starts: SIMC on the nameplate plant."""
    guess = {}
    for name in ("ph", "do"):
        reaction = studied_.reaction[name]
        gain = 40.0 / (reaction.slope * reaction.dead_s)
        guess[name] = Gains(
            gain=gain,
            integral_s=min(reaction.lag_s, 8.0 * reaction.dead_s),
            derivative_s=0.1 * reaction.dead_s,
            weight=1.0,
            filter_s=15.0,
            tracking=10.0,
            dead_band=0.01 * BAND[name],
            quiet=1.5 * gain * _NOISE[name],
        )
    lag_s = plate.jacket_j_per_k / plate.heat_transfer_w_per_k / 4.0 + plate.probe_lag_s["temperature"]
    guess["temperature"] = Gains(
        gain=plate.volume_l * 4180.0 / plate.heat_transfer_w_per_k / (1.25 * lag_s),
        integral_s=5.0 * lag_s,
        derivative_s=0.1 * lag_s,
        weight=1.0,
        filter_s=9.0,
        tracking=10.0,
        dead_band=0.0,
        inner=100.0 * plate.jacket_j_per_k / (plate.heater_w * _JACKET_S),
        inner_filter_s=6.0,
        quiet=0.12,
        inner_quiet=3.0,
    )
    return guess


def second_guess(plate: Nameplate, studied_: Study) -> dict[str, Gains]:
    """As the first, but pH and DO as stiff as the relay test allows, behind a filter: better where mixing is slow."""
    guess = first_guess(plate, studied_)
    for name in ("ph", "do"):
        swing = studied_.swing[name]
        guess[name] = replace(
            guess[name],
            gain=0.3 * swing.gain,
            integral_s=swing.period_s,
            derivative_s=0.1 * swing.period_s,
            filter_s=0.1 * swing.period_s,
        )
    return guess


def scripts(vessel: str, seed: int) -> list[Scenario]:
    """The judged scenarios, and for the 7 days of growth some hours of a dense culture."""
    late = growth(vessel, seed, LATE_DAYS)
    dense = Filling(36.8, 7.2, 42.0, cells=LATE_CULTURE)
    return [make(vessel, seed) for make in SCENARIOS.values()] + [replace(late, filling=dense)]


def find(case: Case, rounds: int, start: Mapping[str, Gains] | None = None) -> dict[str, Gains]:
    """The best gains of each loop after so many rounds, from `start` or what the nameplate suggests."""
    plate = plants_of(case.plants)[case.vessel][0]
    known = studied(case.plants, case.vessel)
    best = dict(start) if start is not None else first_guess(plate, known)
    # a search resumed from what it found takes other moves than the one before
    dice = random.Random(f"bound/{case.vessel}/{case.seed}/{sorted(best.items())}")
    plays = scripts(case.vessel, case.seed)
    costs = _costs(case, plays, best, known)
    for turn in range(rounds):
        width = _WIDE * (_NARROW / _WIDE) ** (turn / max(rounds - 1, 1))
        tried = {name: _moved(gains, dice, width) for name, gains in best.items()}
        if turn == 0:
            tried = second_guess(plate, known)
        found = _costs(case, plays, tried, known)
        better = {name: tried[name] for name, cost in found.items() if cost < costs[name]}
        if not better:
            continue
        # the loops disturb each other a little, so what was bettered apart is judged together
        joined = best | better
        found = found if len(better) == len(best) else _costs(case, plays, joined, known)
        if sum(found.values()) < sum(costs.values()):
            best, costs = joined, found
    told = ", ".join(f"{name} {math.exp(cost):.3f}" for name, cost in costs.items())
    print(f"bound of {case.vessel}/{case.seed}: {told}", file=sys.stderr)
    return best


def _moved(gains: Gains, dice: random.Random, width: float) -> Gains:
    """A random move of some of the settings, by ratios."""

    def by(value: float, low: float, high: float) -> float:
        if dice.random() < 0.4:
            return value
        return max(low, min(high, value * math.exp(dice.gauss(0.0, width))))

    return Gains(
        gain=by(gains.gain, 1e-3, 1e6),
        integral_s=by(gains.integral_s, 10.0, 1e5),
        derivative_s=by(gains.derivative_s, 0.5, 1e3),
        weight=max(0.0, min(1.0, gains.weight + dice.gauss(0.0, 0.4 * width))),
        filter_s=by(gains.filter_s, 0.5, 300.0),
        tracking=by(gains.tracking, 0.01, 50.0),
        dead_band=by(gains.dead_band, 0.0, 1.0),
        inner=by(gains.inner, 0.0, 1e3),
        inner_filter_s=by(gains.inner_filter_s, 0.0, 60.0),
        quiet=by(gains.quiet, 0.0, 1e3),
        inner_quiet=by(gains.inner_quiet, 0.0, 50.0),
    )


def _costs(case: Case, plays: list[Scenario], gains: Mapping[str, Gains], known: Study) -> dict[str, float]:
    sums = dict.fromkeys(gains, 0.0)
    for scenario in plays:
        figures = play(case, scenario, controller(gains, known))
        for name in sums:
            sums[name] += _cost(figures, name, scenario.name)
    return {name: total / len(plays) for name, total in sums.items()}


def _cost(figures: Figures, name: str, scenario: str) -> float:
    loop, run = figures[name], figures["run"]
    cost = math.log(loop["error"] + _LEAST_ERROR) + 2.0 * max(0.0, loop["reversals_h"] / 60.0 - 1.0)
    if name == "temperature":
        cost += 5.0 * run["blanket_crossed"]
        if scenario == "startup":
            cost += 5.0 * max(0.0, loop["overshoot"] - 0.1)
    if name == "ph":
        cost += 50.0 * run["both_active"]
    return cost
