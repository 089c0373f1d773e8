"""What is written of a control loop, compiled: its law, its actuators and their shares of its output."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.experiment import TunePlan
from edgectl.model.loop import Mode


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """One actuator's share of a loop output: ``out_low``..``out_high`` of the loop maps linearly to ``low``..``high`` of the actuator.

    Outside its share the actuator stands at the nearer end. Split range is two segments with opposite signs.
    """

    actuator: str
    out_low: float
    out_high: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """One loop. Output is in ``segments``' common scale (``out_low``..``out_high``).

    PID in standard form: ``gain`` (output per unit of the tag; negative for direct action), ``integral_s`` (0: none), ``derivative_s`` (0:
    none) with its measurement filter ``filter_s``. ``dead_band``: errors within +-it count as 0. ``setpoint_rate_per_s`` (0: step). UNCERTAIN input
    holds for ``hold_max_s``; then, and on BAD, the output is ``fallback``. ``tracking_s`` is the time in which the integral follows the achieved
    output. ``master``: the loop whose output is the set point in CAS. ``band``: |error| a person calls in band.
    ``tune``: the limits of experiments on it (None: there are none).
    """

    name: str
    tag: str
    unit: str
    segments: tuple[SegmentPlan, ...]
    out_low: float
    out_high: float
    setpoint: float
    setpoint_low: float
    setpoint_high: float
    gain: float
    integral_s: float
    fallback: float
    derivative_s: float = 0.0
    filter_s: float = 0.0
    dead_band: float = 0.0
    setpoint_rate_per_s: float = 0.0
    tracking_s: float = 0.0
    hold_max_s: float = 0.0
    mode: Mode = Mode.AUTO
    master: str = ""
    band: float = 0.0
    description: str = ""
    tune: TunePlan | None = None
