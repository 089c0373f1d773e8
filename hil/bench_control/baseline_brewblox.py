"""Baseline: a PID that behaves as BrewBlox's does.

Positional PID on a filtered input, the filter one of a few fixed steps, derivative on the filtered value; the integral is set back from what the
actuator achieved, so that it never asks for more than is delivered; heater, cooler and base pump are switched, proportioned over a fixed
period. A restart begins anew. Tuned once for each vessel from the same step test as `simple-pid`, by SIMC with the filter's delay
added to the dead time; the filter is the largest step below a third of the dead time.
pH and DO, which are a user's own blocks there, run on the same law.
"""

from __future__ import annotations

from hil.bench_control.arms import Arms
from hil.bench_control.experiment import PERIOD_S, Reaction, Study
from hil.bench_control.seam import Controller, Nameplate, Readings
from hil.bench_control.trio import Trio

FILTER_STEPS_S = (0.0, 5.0, 15.0, 45.0, 90.0, 180.0)
HEATER_CYCLE_S = 10.0
BASE_CYCLE_S = 20.0
SET_BACK = 3.0


class TwofoldFilter:
    """Two equal lags in a row."""

    __slots__ = ("_first", "_second", "_share")

    def __init__(self, lag_s: float, period_s: float) -> None:
        self._share = period_s / (0.5 * lag_s + period_s)
        self._first: float | None = None
        self._second = 0.0

    def see(self, value: float) -> float:
        """The filtered value."""
        if self._first is None:
            self._first = self._second = value
        self._first += self._share * (value - self._first)
        self._second += self._share * (self._first - self._second)
        return self._second


class BrewbloxLaw:
    """One loop; gain in number per unit."""

    __slots__ = (
        "_arms",
        "_derivative_s",
        "_filter",
        "_filter_s",
        "_gain",
        "_integral",
        "_integral_s",
        "_last",
        "_number",
        "period_s",
    )

    def __init__(
        self,
        period_s: int,
        arms: Arms,
        gain: float,
        integral_s: float,
        derivative_s: float,
        filter_s: float,
    ) -> None:
        self.period_s = period_s
        self._arms, self._gain = arms, gain
        self._integral_s, self._derivative_s, self._filter_s = integral_s, derivative_s, filter_s
        self.restart(0.0)

    def restart(self, _outage_s: float) -> None:
        """Nothing is kept."""
        self._filter = TwofoldFilter(self._filter_s, self.period_s)
        self._last: float | None = None
        self._integral = self._number = 0.0

    def update(self, value: float, setpoint: float, readings: Readings) -> float:
        """The output, its integral following what is achieved."""
        dt = float(self.period_s)
        seen = self._filter.see(value)
        error = setpoint - seen
        slope = 0.0 if self._last is None else (seen - self._last) / dt
        self._last = seen
        proportional = self._gain * error
        derivative = -self._gain * self._derivative_s * slope
        self._settle(self._number, self._arms.achieved(self._number, readings))
        self._integral += proportional * dt / self._integral_s
        wanted = proportional + self._integral + derivative
        self._number = self._arms.clamp(wanted)
        self._settle(wanted, self._number)
        return self._number

    def _settle(self, wanted: float, achieved: float) -> None:
        """Move the integral back towards what was achieved, never across zero, where it would push the other way."""
        if achieved != wanted:
            share = min(1.0, SET_BACK * self.period_s / self._integral_s)
            back = self._integral + (achieved - wanted) * share
            self._integral = max(0.0, back) if self._integral > 0.0 else min(0.0, back)


def filter_for(dead_s: float) -> float:
    """The largest filter step below a third of the dead time."""
    return max(step for step in FILTER_STEPS_S if step <= dead_s / 3.0)


def _law(name: str, arms: Arms, reaction: Reaction) -> BrewbloxLaw:
    filter_s = filter_for(reaction.dead_s)
    dead_s = reaction.dead_s + filter_s
    gain = 100.0 / (reaction.slope * 2.0 * dead_s)
    derivative_s = 0.5 * dead_s if name == "temperature" else 0.0
    return BrewbloxLaw(PERIOD_S[name], arms, gain, min(reaction.lag_s, 8.0 * dead_s), derivative_s, filter_s)


def build(plate: Nameplate, studied: Study) -> Controller:
    """The controller for one vessel."""
    laws = {name: _law(name, arms, studied.reaction[name]) for name, arms in studied.arms.items()}
    switched = {"heater": HEATER_CYCLE_S, "base": BASE_CYCLE_S}
    if plate.cooler_w_per_k > 0.0:
        switched["cooler"] = HEATER_CYCLE_S
    return Trio(laws, studied.arms, switched)
