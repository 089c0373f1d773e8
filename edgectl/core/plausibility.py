"""Plausibility: what ought to follow from what, by physics. A check that fails is a cause for hazards and alarms; it moves nothing itself."""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.model.measurement import Measurement
from edgectl.model.safety import CheckPlan
from edgectl.model.state import ActuatorState, CheckState


def examine(
    plan: CheckPlan,
    state: CheckState,
    measured: Mapping[str, Measurement],
    actuators: Mapping[str, ActuatorState],
    dt_s: float,
) -> CheckState:
    """One check after ``dt_s`` more."""
    del plan, measured, actuators, dt_s
    return state
