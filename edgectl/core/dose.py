"""Dosing limits: what has really passed, and the end of it."""

from __future__ import annotations

from edgectl.model.safety import DosePlan
from edgectl.model.state import ActuatorState, DoseState


def meter(plan: DosePlan, state: DoseState, actuator: ActuatorState, dt_s: float) -> DoseState:
    """One ledger after ``dt_s`` more of what the instrument confirmed."""
    del plan, actuator, dt_s
    return state
