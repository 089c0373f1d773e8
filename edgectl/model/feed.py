"""Memory of feeds and perfusions."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgectl.model.feed_plan import PerfusionPlan


class Stage(enum.Enum):
    """Where a feed or a perfusion stands. Only RUNNING asks for flow, and only a person ends IDLE, PAUSED and DONE."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PassedState:
    """What has passed a pump: ``amount``, counted as dosing limits count. ``rate`` is the largest value it may stand at, ``confirmed_ns`` when it was confirmed last."""

    amount: float = 0.0
    rate: float = 0.0
    confirmed_ns: int = 0


@dataclass(frozen=True, slots=True)
class FeedState:
    """Memory of one feed, in the units of its plan.

    ``clock_s`` is its batch time. ``exponent`` is what has grown since the profile began (growth rate times time). ``planned`` is what should have passed since the start,
    ``passed`` what did at most (no unknown is taken for nothing), ``delivered`` what was confirmed. ``flow`` is asked for since the scan before, of which ``extra`` makes up and ``shot`` is the bolus. ``bolus`` is what is left of boluses that are due, at
    ``bolus_flow``; ``given`` of the planned ones have become due. ``made_up`` counts what was made up. ``blocked`` says what kept the actuator from it (empty: nothing);
    ``astray`` that the difference to the plan is told.
    """

    stage: Stage = Stage.IDLE
    clock_s: float = 0.0
    exponent: float = 0.0
    planned: float = 0.0
    passed: PassedState = PassedState()
    flow: float = 0.0
    extra: float = 0.0
    shot: float = 0.0
    bolus: float = 0.0
    bolus_flow: float = 0.0
    given: int = 0
    made_up: float = 0.0
    blocked: str = ""
    astray: bool = False
    delivered: float = 0.0


@dataclass(frozen=True, slots=True)
class LedgerState:
    """The balance over a window: since when (s of it so far), mL in and out at its beginning, and the weight (kg) then; ``error`` is the latest result."""

    passed_s: float = 0.0
    entered: float = 0.0
    left: float = 0.0
    weight: float | None = None
    error: float | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class PerfusionState:
    """Memory of one perfusion. Flows in mL/min.

    ``rate`` is in force, in vessel volumes per day (None: none was yet). ``trim`` is the integral of the weight, ``weight`` the smoothed one in kg and ``density`` the smoothed one in cells/mL (None: not known).
    ``dilution`` is the integral of the bleed, per second, ``unsure_s`` for how long the density has not been GOOD. ``feed``, ``permeate`` and ``bleed`` are asked for
    since the scan before. ``passed`` counts mL by actuator. ``blocked`` and ``shut`` say what kept feed and permeate from it (empty: nothing).
    """

    stage: Stage = Stage.IDLE
    clock_s: float = 0.0
    rate: float | None = None
    trim: float = 0.0
    weight: float | None = None
    dilution: float = 0.0
    unsure_s: float = 0.0
    feed: float = 0.0
    permeate: float = 0.0
    bleed: float = 0.0
    passed: Mapping[str, PassedState] = field(default_factory=dict)
    ledger: LedgerState = LedgerState()
    blocked: str = ""
    shut: str = ""
    density: float | None = None


def totals(plan: PerfusionPlan, state: PerfusionState) -> tuple[float, float]:
    """What entered and left (mL) since the start of the run, by what the pumps confirmed."""
    passed = [found.amount if (found := state.passed.get(pump.actuator)) else 0.0 for pump in plan.pumps]
    ways_in = 1 + len(plan.others)
    return sum(passed[:ways_in]), sum(passed[ways_in:])
