"""The core's memory at the start of a run that nothing came before."""

from __future__ import annotations

import math
from collections.abc import Mapping

from edgectl.core.loop import WAITING, Loop
from edgectl.core.share import achieved_output
from edgectl.core.unit import unit_of
from edgectl.model.health import HealthState
from edgectl.model.loop import LoopState
from edgectl.model.plan import Plan
from edgectl.model.soft import SoftState
from edgectl.model.state import (
    ActuatorState,
    AlarmState,
    CheckState,
    DoseState,
    HazardState,
    InterlockState,
    State,
    TagState,
)


def initial_state(plan: Plan, found: Mapping[str, float] | None = None) -> State:
    """Memory at the start of a run: nothing is known, every interlock is active, every loop waits for its first GOOD input.

    ``found`` is where actuators were found standing; without it they count as standing at their safe values.

    Raises:
        ValueError: the plan cannot run (see ``unit_of``).
    """
    unit = unit_of(plan)
    stands = {actuator.name: actuator.safe for actuator in plan.actuators}
    stands |= {name: value for name, value in (found or {}).items() if math.isfinite(value)}
    return State(
        tags={tag.name: TagState() for tag in plan.tags},
        actuators={actuator.name: ActuatorState(stands[actuator.name]) for actuator in plan.actuators},
        interlocks={lock.name: InterlockState(active=True, unknown=True) for lock in plan.interlocks},
        loops={name: _initial_loop(loop, stands) for name, loop in unit.loops.items()},
        checks={check.name: CheckState() for check in plan.checks},
        hazards={hazard.name: HazardState() for hazard in plan.hazards},
        alarms={alarm.name: AlarmState() for alarm in plan.alarms},
        health={health.loop: HealthState() for health in plan.health},
        doses={dose.actuator: DoseState(rate=max(0.0, stands[dose.actuator])) for dose in plan.doses},
        soft={soft.name: SoftState() for soft in plan.soft},
    )


def _initial_loop(loop: Loop, stands: Mapping[str, float]) -> LoopState:
    plan = loop.plan
    achieved = achieved_output(loop.shares, plan.fallback, stands, loop.grain)
    return LoopState(plan.mode, plan.setpoint, plan.setpoint, achieved, achieved, condition=WAITING)
