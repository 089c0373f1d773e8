"""From figures to the score: the geometric mean of the bound's error over the controller's, times 100."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hil.bench_control.case import CONTROLLERS, Outcome
from hil.bench_control.seam import QUANTITIES

LEAST_ERROR = 0.02


@dataclass(frozen=True, slots=True)
class Standing:
    """A controller over all its runs: score by loop, and the worst of what acceptance limits."""

    controller: str
    score: Mapping[str, float]
    reversals_h: Mapping[str, float]
    startup_overshoot_k: float
    restart_do: float
    both_active: float
    blanket_c: float
    runs: int
    missing: str = ""


def standings(outcomes: Sequence[Outcome]) -> list[Standing]:
    """One for each controller that was to run, in the bench's order."""
    bound = {_place(o): o.figures for o in outcomes if o.case.controller == "bound" and o.figures}
    present = {o.case.controller for o in outcomes}
    return [
        _standing(name, [o for o in outcomes if o.case.controller == name], bound)
        for name in CONTROLLERS
        if name in present
    ]


def _place(outcome: Outcome) -> tuple[str, int, str]:
    case = outcome.case
    return case.vessel, case.seed, case.scenario


def _standing(
    name: str,
    all_runs: Sequence[Outcome],
    bound: Mapping[tuple[str, int, str], Mapping[str, Mapping[str, float]]],
) -> Standing:
    runs = [outcome for outcome in all_runs if outcome.figures]
    score = {}
    for loop in QUANTITIES:
        ratios = [
            (bound[_place(o)][loop]["error"] + LEAST_ERROR) / (o.figures[loop]["error"] + LEAST_ERROR)
            for o in runs
            if _place(o) in bound
        ]
        score[loop] = 100.0 * geometric_mean(ratios)
    return Standing(
        controller=name,
        score=score,
        reversals_h={loop: _worst(o.figures[loop]["reversals_h"] for o in runs) for loop in QUANTITIES},
        startup_overshoot_k=_worst(
            o.figures["temperature"]["overshoot"] for o in runs if o.case.scenario == "startup"
        ),
        restart_do=_worst(o.figures["do"]["worst"] for o in runs if o.case.scenario == "restart"),
        both_active=_worst(o.figures["run"]["both_active"] for o in runs),
        blanket_c=_worst(o.figures["run"]["blanket_c"] for o in runs),
        runs=len(runs),
        missing=next((o.missing for o in all_runs if o.missing), "") if not runs else "",
    )


def _worst(values: Iterable[float]) -> float:
    return max(values, default=math.nan)


def geometric_mean(values: Sequence[float]) -> float:
    """NaN of nothing."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan
