"""A loop and an actuator as they go on after a short outage."""

from __future__ import annotations

from dataclasses import replace

from edgectl.core.loop import HOLDING, REGULATING, WAITING
from edgectl.model.loop import LoopState, Mode
from edgectl.model.state import ActuatorState


def gone_on(start: LoopState, saved: LoopState) -> LoopState:
    """A loop that waits for its first GOOD input, and then goes on where it was."""
    pid = saved.pid
    held = pid.integral if pid.law else saved.achieved
    integral = {REGULATING: pid.integral, HOLDING: held, WAITING: saved.kept}
    return replace(
        saved,
        output=saved.output if saved.mode is Mode.MAN else start.output,
        achieved=start.achieved,
        pid=start.pid._replace(reference=pid.reference, factors=pid.factors, forward=pid.forward),
        unsure_s=0.0,
        condition=start.condition,
        kept=integral.get(saved.condition),
    )


def standing(start: ActuatorState, saved: ActuatorState) -> ActuatorState:
    """An actuator as its last will left it; what a person wants of it by hand still counts."""
    return replace(
        saved,
        value=start.value,
        restricted_by=(),
        astray_s=0.0,
        confirmed=start.confirmed,
        stuck=start.stuck,
        stood_s=0.0,
    )
