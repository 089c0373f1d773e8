"""Everything that watches over the unit, in its order: plausibility checks, dosing ledgers, the uplink's ladder, hazards, alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgectl.core.annunciator import annunciate
from edgectl.core.cause import Facts
from edgectl.core.dose import meter
from edgectl.core.ladder import climb
from edgectl.core.plausibility import examine
from edgectl.core.supervisor import Order, orders, supervise
from edgectl.core.unit import Unit
from edgectl.model.event import Event
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.state import (
    AlarmState,
    AnnunciatorState,
    CheckState,
    DoseState,
    HazardState,
    InterlockState,
    State,
    UnitState,
)


@dataclass(slots=True)
class Guarded:
    """Memory of all guards after one scan's judgement; requests change it in place. ``orders`` are what the supervisor wants of actuators."""

    checks: dict[str, CheckState]
    hazards: dict[str, HazardState]
    alarms: dict[str, AlarmState]
    annunciator: AnnunciatorState
    doses: dict[str, DoseState]
    unit: UnitState
    orders: Mapping[str, Order]


def guard(
    plan: Plan,
    unit: Unit,
    state: State,
    image: Image,
    measured: Mapping[str, Measurement],
    interlocks: Mapping[str, InterlockState],
    now: Instant,
    dt_s: float,
    events: list[Event],
) -> Guarded:
    """Judge everything that guards the unit. Actuators and loops are as the scan before left them."""
    checks = {
        check.name: examine(check, state.checks[check.name], measured, state.actuators, dt_s)
        for check in plan.checks
    }
    doses = {
        dose.actuator: meter(dose, state.doses[dose.actuator], state.actuators[dose.actuator], dt_s)
        for dose in plan.doses
    }
    whole = climb(plan.ladder, state.unit, image, now, dt_s)
    facts = Facts(
        measured=measured,
        units=unit.units,
        interlocks=interlocks,
        checks=checks,
        actuators=state.actuators,
        doses=doses,
        loops=state.loops,
        hazards=state.hazards,
        manual={},
        uplink="",
        journal="",
    )
    hazards = supervise(plan.hazards, state.hazards, facts, now, dt_s)
    facts = facts._replace(hazards=hazards)
    alarms, annunciator = annunciate(plan.alarms, state.alarms, state.annunciator, facts, now, dt_s, events)
    wanted = orders(plan.hazards, hazards, tuple(unit.outputs), whole.held)
    return Guarded(checks, hazards, alarms, annunciator, doses, whole, wanted)
