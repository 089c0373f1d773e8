"""What is written of a control loop, compiled: its law, its actuators and their shares of its output."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.experiment import TunePlan
from edgectl.model.loop import Mode


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """One actuator's share of a loop output: ``out_low``..``out_high`` of the loop maps linearly to ``low``..``high`` of the actuator.

    Outside its share the actuator stands at the nearer end. Split range is two segments with opposite signs. ``points`` ((loop output, actuator value),
    outputs rising) is the share of an actuator that is not linear, or rises and falls; the four ends are then those of its first and last point. On the way from
    rest (output 0) the share is entered only when it has been wanted for ``wait_s``.
    """

    actuator: str
    out_low: float
    out_high: float
    low: float
    high: float
    points: tuple[tuple[float, float], ...] = ()
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """Gain and integral time as they follow ``source``: a tag, an actuator's last command, or ``setpoint``.

    ``points`` are (value of the source, factor on the gain, factor on the integral time), rising in the first; straight lines between
    them, the nearer end outside. While the source is not GOOD the factors stay; before it ever was, the calmest of each act.
    """

    source: str
    points: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class FeedforwardPlan:
    """What is added to the output before the error shows: ``gain`` (output per unit of ``source``) times the source's distance from ``about``.

    ``source`` is a tag, an actuator's last command, or ``setpoint``. On its way it is delayed by ``delay_s``, formed by
    (``lead_s`` s + 1)/(``lag_s`` s + 1), and what stays longer than ``washout_s`` fades (0: nothing fades). While the source is not GOOD the
    contribution stands still.
    """

    source: str
    gain: float
    about: float = 0.0
    lead_s: float = 0.0
    lag_s: float = 0.0
    delay_s: float = 0.0
    washout_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """One loop. Output is in ``segments``' common scale (``out_low``..``out_high``).

    PID in standard form: ``gain`` (output per unit of the tag; negative for direct action), ``integral_s`` (0: none), ``derivative_s`` (0:
    none) with its measurement filter ``filter_s``. ``dead_band``: errors within +-it count as 0. ``setpoint_rate_per_s`` (0: step). UNCERTAIN input
    holds for ``hold_max_s``; then, and on BAD, the output is ``fallback``. ``tracking_s`` is the time in which the integral follows the achieved
    output. ``master``: the loop whose output is the set point in CAS. ``band``: |error| a person calls in band.

    ``weight`` b forms the set point by (b Ti s + 1)/(Ti s + 1), so that the proportional part sees b of a step. ``smooth_s``: first-order filter of the
    measurement (0: none). ``probe_lag_s``: time constant of the probe that is made up for (0: none). ``startup_zone``: from a start or a
    set-point step further away than this, the integral waits until the error is within +-it (0: never). ``output_rate_per_s``: the
    output moves no faster (0: no limit). ``output_step``: smaller moves are not made (0: all are). ``tune``: the limits of experiments on it
    (None: there are none). ``ride_s``: on a tag that is not known the output stays so long at the load it had, the integral and feed-forward, and
    no higher than ``ride_most`` (None: ``out_high``); then it falls back.
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
    weight: float = 1.0
    smooth_s: float = 0.0
    probe_lag_s: float = 0.0
    schedule: SchedulePlan | None = None
    feedforward: tuple[FeedforwardPlan, ...] = ()
    startup_zone: float = 0.0
    output_rate_per_s: float = 0.0
    output_step: float = 0.0
    tune: TunePlan | None = None
    ride_s: float = 0.0
    ride_most: float | None = None
