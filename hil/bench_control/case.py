"""One run of the bench: a vessel, its scatter, a scenario, a controller."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, cast

from hil.bench_control import (
    baseline_brewblox,
    baseline_klipper,
    baseline_pioreactor,
    baseline_simple_pid,
    bound,
    edgectl_seat,
    tuner,
)
from hil.bench_control.experiment import Study, study
from hil.bench_control.scenario import SCENARIOS, Scenario, growth
from hil.bench_control.seam import Controller, Nameplate, PlantMaker
from hil.bench_control.station import Station
from hil.bench_control.trend import Trend

BUILT_IN = "hil.bench_control.plant:plants"
BASELINES: Mapping[str, Callable[[Nameplate, Study], Controller]] = {
    "simple-pid": baseline_simple_pid.build,
    "pioreactor": baseline_pioreactor.build,
    "brewblox": baseline_brewblox.build,
    "klipper": baseline_klipper.build,
}
EDGECTL = ("edgectl", "edgectl-tuned")
CONTROLLERS = ("bound", *EDGECTL, *BASELINES)

Plants = Mapping[str, tuple[Nameplate, PlantMaker]]


class Absent(Exception):
    """There is no such controller here, and why."""


class Case(NamedTuple):
    """What to run; `plants` is `module:function`."""

    vessel: str
    seed: int
    scenario: str
    controller: str
    growth_days: float = 7.0
    plants: str = BUILT_IN


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: figures by loop, or why there are none."""

    case: Case
    figures: Mapping[str, Mapping[str, float]]
    missing: str = ""


@cache
def plants_of(named: str) -> Plants:
    """The vessels a `module:function` offers."""
    module, _, function = named.partition(":")
    return cast("Plants", getattr(importlib.import_module(module), function)())


@cache
def studied(named: str, vessel: str) -> Study:
    """The experiments on a vessel's nameplate plant, made once a process."""
    return study(*plants_of(named)[vessel])


@cache
def tuned(named: str, vessel: str, seed: int) -> tuple[str, ...]:
    """What `edgectl tune` finds on the plant that a vessel turns out to be, made once a process."""
    plate, make = plants_of(named)[vessel]
    return tuple(tuner.tune(plate, make(seed, tuner.FILLING)).overrides)


def script(case: Case) -> Scenario:
    """The case's scenario."""
    if case.scenario == "growth":
        return growth(case.vessel, case.seed, case.growth_days)
    return SCENARIOS[case.scenario](case.vessel, case.seed)


def controller_for(case: Case) -> Controller:
    """The case's controller, fresh.

    Raises:
        Absent: it is not to be had in this installation or for this plant.
    """
    plate = plants_of(case.plants)[case.vessel][0]
    if case.controller in EDGECTL:
        try:
            tuning = tuned(case.plants, case.vessel, case.seed) if case.controller == "edgectl-tuned" else ()
            return edgectl_seat.build(plate, tuning)
        except edgectl_seat.NoSeat as error:
            raise Absent(str(error)) from None
    if case.controller == "bound":
        gains = bound.load().get(f"{case.vessel}/{case.seed}")
        if gains is None:
            raise Absent(f"bound.json has no {case.vessel}/{case.seed}: run `bound` first")
        return bound.controller(gains, studied(case.plants, case.vessel))
    return BASELINES[case.controller](plate, studied(case.plants, case.vessel))


def run(case: Case, trend: Trend | None = None) -> Outcome:
    """Run the case."""
    try:
        controller = controller_for(case)
    except Absent as why:
        return Outcome(case, {}, str(why))
    return Outcome(case, play(case, script(case), controller, trend))


def play(
    case: Case, scenario: Scenario, controller: Controller, trend: Trend | None = None
) -> dict[str, dict[str, float]]:
    """The figures of a controller in a scenario on the case's plant."""
    plate, make = plants_of(case.plants)[case.vessel]
    station = Station(plate, make(case.seed, scenario.filling), controller, scenario)
    return station.run(trend).report()
