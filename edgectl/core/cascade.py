"""A master loop and its slave: what became of the master's output."""

from __future__ import annotations

from edgectl.core.loop import REGULATING, Loop
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Measurement

_GRAIN = 1e-9


def accepted_output(loop: Loop, slave: LoopState, wanted: float, measured: Measurement) -> tuple[float, bool]:
    """What a slave made of the output of its master ``loop``, and whether that was forced on the master.

    A slave that regulates in cascade took its set point; if it cannot reach it (``wanted`` is the slave's own, unlimited output),
    its process value is all the master has. Out of cascade the master follows the set point in force, or the process value
    where there is none.
    """
    low, high = loop.plan.out_low, loop.plan.out_high
    value = min(max(low, slave.setpoint if measured.value is None else measured.value), high)
    if slave.condition != REGULATING:
        return value, True
    limited = slave.mode is Mode.CAS and abs(slave.achieved - wanted) > _GRAIN
    return (value if limited else min(max(low, slave.setpoint), high)), False
