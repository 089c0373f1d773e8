"""Everything that watches over the unit, in its order: plausibility checks, dosing ledgers, the uplink's ladder, hazards, alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgectl.core.annunciator import annunciate
from edgectl.core.cause import Facts
from edgectl.core.dose import meter_all
from edgectl.core.ladder import RUNGS, climb, effect, stopped, trouble
from edgectl.core.liquid_trouble import troubles
from edgectl.core.manual import endings
from edgectl.core.owner import faded
from edgectl.core.owner import label as whose
from edgectl.core.plausibility import examine_all
from edgectl.core.supervisor import Order, awaken, label, orders, supervise
from edgectl.core.unit import Unit
from edgectl.model.event import Event
from edgectl.model.fusion import FusionState
from edgectl.model.image import JOURNAL_CHANNEL, Image
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
    """Memory of all guards after one scan's judgement; requests change it in place.

    ``orders`` are what the supervisor wants of actuators, ``facts`` what all of it was judged by.
    """

    checks: dict[str, CheckState]
    hazards: dict[str, HazardState]
    alarms: dict[str, AlarmState]
    annunciator: AnnunciatorState
    doses: dict[str, DoseState]
    unit: UnitState
    orders: Mapping[str, Order]
    facts: Facts


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
    fusions: Mapping[str, FusionState],
) -> Guarded:
    """Judge everything that guards the unit. Actuators and loops are as the scan before left them."""
    checks = examine_all(plan.checks, state.checks, measured, state.actuators, unit, now, dt_s, events)
    doses = meter_all(unit, state.doses, state.actuators, image, now, dt_s, events)
    whole = climb(plan.ladder, faded(state.unit, dt_s), image, now, dt_s, configured=unit.remote)
    _tell_rung(plan, unit, state.unit, whole, now, events)
    facts = Facts(
        measured=measured,
        units=unit.units,
        interlocks=interlocks,
        checks=checks,
        actuators=state.actuators,
        doses=doses,
        loops=state.loops,
        hazards=state.hazards,
        manual=endings(plan.authority.warn_s, state.loops, state.actuators, dt_s),
        uplink=trouble(whole),
        journal=_journal(image),
        conflict=state.unit.conflict,  # as it was: after a late scan it stands for at least this one
        health=state.health,
        liquids=troubles(state),
        votes={name: fusion.reason for name, fusion in fusions.items()},
    )
    woken = state.hazards if state.scan else awaken(state.hazards)
    hazards = supervise(plan.hazards, woken, facts, now, dt_s)
    _tell_hazards(plan, state.hazards, hazards, now, events)
    facts = facts._replace(hazards=hazards)
    alarms, annunciator = annunciate(plan.alarms, state.alarms, state.annunciator, facts, now, dt_s, events)
    wanted = orders(plan.hazards, hazards, tuple(unit.outputs), whole.held, stopped(plan.ladder, whole))
    return Guarded(checks, hazards, alarms, annunciator, doses, whole, wanted, facts)


def _journal(image: Image) -> str:
    """What is wrong with the journal; empty if nothing is."""
    sample = image.samples.get(JOURNAL_CHANNEL)
    return "" if sample is None or sample.value == 1.0 else sample.detail or "it cannot write"


def _tell_rung(
    plan: Plan, unit: Unit, before: UnitState, after: UnitState, now: Instant, events: list[Event]
) -> None:
    if after.rung == before.rung:
        return
    reason = effect(plan.ladder, after, {name: loop.plan.unit for name, loop in unit.loops.items()})
    events.append(Event(now, "uplink", plan.unit, RUNGS[before.rung], RUNGS[after.rung], "ladder", reason))
    if after.authority is not before.authority:
        words = (whose(before), whose(after))
        events.append(Event(now, "authority", plan.unit, *words, "ladder", trouble(after)))


def _tell_hazards(
    plan: Plan,
    before: Mapping[str, HazardState],
    after: Mapping[str, HazardState],
    now: Instant,
    events: list[Event],
) -> None:
    for hazard in plan.hazards:
        was, becomes = before[hazard.name], after[hazard.name]
        if was.active == becomes.active:
            continue
        reason = becomes.reason if becomes.active else "its cause is gone"
        if becomes.first_out and not was.first_out:
            reason = f"first out: {reason}"
        words = (label(hazard, was), label(hazard, becomes))
        events.append(Event(now, "hazard", hazard.name, *words, "supervisor", reason))
