"""Everything that watches over the unit, in its order: plausibility checks, dosing ledgers, the uplink's ladder, hazards, alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgectl.core.alarm import annunciate
from edgectl.core.cause import Facts
from edgectl.core.dose import meter_all
from edgectl.core.ladder import climb
from edgectl.core.plausibility import examine_all
from edgectl.core.supervisor import Order, orders, supervise
from edgectl.core.unit import Unit
from edgectl.model.event import Event
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.state import (
    AlarmState,
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
    checks = examine_all(plan.checks, state.checks, measured, state.actuators, unit, now, dt_s, events)
    doses = meter_all(unit, state.doses, state.actuators, image, now, dt_s, events)
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
    alarms = {
        alarm.name: annunciate(alarm, state.alarms[alarm.name], facts, now, dt_s) for alarm in plan.alarms
    }
    wanted = orders(plan.hazards, hazards, tuple(unit.outputs), whole.held)
    return Guarded(checks, hazards, alarms, doses, whole, wanted)
