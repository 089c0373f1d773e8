"""Baseline: the `simple-pid` library as a user would wire it up.

One `PID` object a loop on the raw probe value, derivative on measurement (the library's default), output
limits set, everything else left alone; a restart begins anew with an integral of 0. Tuned once for each vessel from a step test on the
nameplate plant by SIMC (Skogestad 2003, closed-loop time equal to the dead time), PI with a derivative for temperature, whose
jacket is a second lag.
"""

from __future__ import annotations

from simple_pid import PID

from hil.bench_control.arms import Arms
from hil.bench_control.experiment import PERIOD_S, Reaction, Study
from hil.bench_control.seam import Controller, Nameplate, Readings
from hil.bench_control.trio import Trio


def simc(reaction: Reaction) -> tuple[float, float]:
    """Gain (number per unit) and integral time (s): SIMC-PI at a closed-loop time equal to the dead time."""
    closed_s = reaction.dead_s
    gain = 100.0 / (reaction.slope * (closed_s + reaction.dead_s))
    return gain, min(reaction.lag_s, 4.0 * (closed_s + reaction.dead_s))


class SimplePidLaw:
    """A `simple_pid.PID` at a fixed period."""

    __slots__ = ("_make", "_pid", "period_s")

    def __init__(
        self, period_s: int, arms: Arms, gain: float, integral_s: float, derivative_s: float
    ) -> None:
        self.period_s = period_s

        def make() -> PID:
            return PID(
                Kp=gain,
                Ki=gain / integral_s,
                Kd=gain * derivative_s,
                sample_time=None,
                output_limits=(arms.low, arms.high),
            )

        self._make = make
        self._pid = make()

    def update(self, value: float, setpoint: float, _readings: Readings) -> float:
        """One call of the library."""
        self._pid.setpoint = setpoint
        number = self._pid(value, dt=float(self.period_s))
        assert number is not None  # only without automatic mode
        return float(number)

    def restart(self, _outage_s: float) -> None:
        """A new object: the library keeps nothing."""
        self._pid = self._make()


def build(_plate: Nameplate, studied: Study) -> Controller:
    """The controller for one vessel."""
    laws = {}
    for name, arms in studied.arms.items():
        reaction = studied.reaction[name]
        gain, integral_s = simc(reaction)
        derivative_s = 0.5 * reaction.dead_s if name == "temperature" else 0.0
        laws[name] = SimplePidLaw(PERIOD_S[name], arms, gain, integral_s, derivative_s)
    return Trio(laws, studied.arms)
