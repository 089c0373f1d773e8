"""Alarms after ISA-18.2."""

from __future__ import annotations

from edgectl.core.cause import Facts
from edgectl.model.instant import Instant
from edgectl.model.safety import AlarmPlan
from edgectl.model.state import AlarmState


def annunciate(plan: AlarmPlan, state: AlarmState, facts: Facts, now: Instant, dt_s: float) -> AlarmState:
    """One alarm after ``dt_s`` more."""
    del plan, facts, now, dt_s
    return state
