"""Runs cases side by side, one process a core, each controller of a vessel together so that experiments are made once."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from hil.bench_control.bound import Gains, load
from hil.bench_control.case import BUILT_IN, CONTROLLERS, Case, Outcome, plants_of, run
from hil.bench_control.scenario import SCENARIOS
from hil.bench_control.search import find

QUICK = frozenset({"startup", "disturbances", "restart"})
BOUND_SEEDS = 2
BOUND_ROUNDS = 60


@dataclass(frozen=True, slots=True)
class Choice:
    """What to run: words of `only` name vessels, scenarios or controllers; no word of a kind means all of it."""

    seeds: int = BOUND_SEEDS
    only: tuple[str, ...] = ()
    growth_days: float = 7.0
    quick: bool = False
    plants: str = BUILT_IN


def cases(choice: Choice) -> list[Case]:
    """The cases chosen, growth last; it is run on the first scatter of each vessel only, for its length.

    Raises:
        ValueError: a word names nothing.
    """
    vessels, scenarios = tuple(plants_of(choice.plants)), (*SCENARIOS, "growth")
    known = (vessels, scenarios, CONTROLLERS)
    lost = [word for word in choice.only if not any(word in names for names in known)]
    if lost:
        told = "; ".join(", ".join(names) for names in known)
        raise ValueError(f"{', '.join(lost)}: no vessel, scenario or controller. There are {told}")
    picked_vessels, picked_scenarios, picked_controllers = (
        [name for name in names if name in choice.only] or list(names) for names in known
    )
    if choice.quick:
        picked_scenarios = [name for name in picked_scenarios if name in QUICK]
    if choice.growth_days <= 0.0:
        picked_scenarios = [name for name in picked_scenarios if name != "growth"]
    wanted = [
        Case(vessel, seed, scenario, controller, choice.growth_days, choice.plants)
        for scenario in picked_scenarios
        for vessel in picked_vessels
        for seed in range(1, choice.seeds + 1)
        for controller in picked_controllers
        if scenario != "growth" or seed == 1
    ]
    return sorted(wanted, key=lambda case: case.scenario == "growth")


def outcomes(wanted: Sequence[Case], jobs: int) -> Iterator[Outcome]:
    """What came of each case, in no order, told on standard error as it comes."""
    begun = time.monotonic()
    groups = _groups(wanted)
    done = 0
    with ProcessPoolExecutor(jobs) as pool:
        for batch in as_completed([pool.submit(_batch, group) for group in groups]):
            for outcome in batch.result():
                done += 1
                yield outcome
            elapsed = time.monotonic() - begun
            print(f"{done} of {len(wanted)} runs in {elapsed:.0f} s", file=sys.stderr)


def _groups(wanted: Sequence[Case]) -> list[list[Case]]:
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in wanted:
        alone = (case.controller, case.seed) if case.scenario == "growth" else ()
        groups.setdefault((case.vessel, case.scenario, *alone), []).append(case)
    return list(groups.values())


def _batch(group: Sequence[Case]) -> list[Outcome]:
    return [run(case) for case in group]


def bounds(choice: Choice, rounds: int, jobs: int) -> Iterator[dict[str, dict[str, Gains]]]:
    """All bounds known after each scatter of the vessels chosen, by `vessel/seed`, improving on what is held already.

    A vessel's first scatter helps the next on its way.
    """
    every = plants_of(choice.plants)
    picked = [name for name in every if name in choice.only] or list(every)
    known = load()
    with ProcessPoolExecutor(jobs) as pool:
        for seed in range(1, choice.seeds + 1):
            wanted = [Case(vessel, seed, "", "bound", plants=choice.plants) for vessel in picked]
            starts = [known.get(f"{c.vessel}/{seed}", known.get(f"{c.vessel}/{seed - 1}")) for c in wanted]
            for case, gains in zip(
                wanted, pool.map(find, wanted, [rounds] * len(wanted), starts), strict=True
            ):
                known = known | {f"{case.vessel}/{seed}": gains}
                yield known
