"""Baseline: a PID that behaves as Klipper's heater control does.

Positional PID on the raw value, no set-point ramp, derivative of the value smoothed over a fixed time (a slow bed's, not the default for a hot end), output clamped, the integral frozen
while the output is clamped and itself clamped to what fills the output. `PID_CALIBRATE`'s experiment and rule: relay
test, then classic Ziegler-Nichols of the ultimate gain. Its heater check is kept: too far from the target for too long without
gaining the declared rise turns the heater off for good; the rise is set to a quarter of the nameplate's full power.
pH and DO, which the original does not have, run on the same law, clamped to both arms.
"""

from __future__ import annotations

from hil.bench_control.arms import Arms
from hil.bench_control.experiment import PERIOD_S, Study
from hil.bench_control.seam import Controller, Nameplate, Readings
from hil.bench_control.trio import Trio

SMOOTH_S = {"temperature": 20.0, "ph": 20.0, "do": 15.0}
CHECK_HYSTERESIS_K = 5.0
CHECK_MAX_ERROR_KS = 1200.0
CHECK_GAIN_S = 60.0


class KlipperLaw:
    """One loop; gains in number per unit."""

    __slots__ = (
        "_check",
        "_gain",
        "_high",
        "_integral",
        "_integral_gain",
        "_last",
        "_low",
        "_rate_gain",
        "_slope",
        "_smooth_s",
        "period_s",
    )

    def __init__(
        self,
        period_s: int,
        arms: Arms,
        gain: float,
        period_ultimate_s: float,
        smooth_s: float,
        check: HeaterCheck | None,
    ) -> None:
        self.period_s = period_s
        self._low, self._high = arms.low, arms.high
        self._gain = gain
        self._integral_gain = gain / (0.5 * period_ultimate_s)
        self._rate_gain = gain * 0.125 * period_ultimate_s
        self._smooth_s, self._check = smooth_s, check
        self.restart(0.0)

    def restart(self, _outage_s: float) -> None:
        """Nothing is kept."""
        self._last: float | None = None
        self._slope = self._integral = 0.0

    def update(self, value: float, setpoint: float, _readings: Readings) -> float:
        """The clamped output."""
        dt = float(self.period_s)
        error = setpoint - value
        rise = 0.0 if self._last is None else value - self._last
        self._last = value
        if dt >= self._smooth_s:
            self._slope = rise / dt
        else:
            self._slope += (rise - self._slope * dt) / self._smooth_s
        floor, ceiling = self._low / self._integral_gain, self._high / self._integral_gain
        integral = max(floor, min(ceiling, self._integral + error * dt))
        wanted = self._gain * error + self._integral_gain * integral - self._rate_gain * self._slope
        number = max(self._low, min(self._high, wanted))
        if number == wanted:
            self._integral = integral
        if self._check is not None and self._check.failed(value, setpoint, dt):
            return 0.0
        return number


class HeaterCheck:
    """Is it warming as it should: error time beyond the hysteresis, unless the temperature gains what is asked in the time given."""

    __slots__ = ("_error_ks", "_goal_c", "_left_s", "_rise_k", "_tripped")

    def __init__(self, rise_k: float) -> None:
        self._rise_k = rise_k
        self._error_ks = 0.0
        self._goal_c = -273.15
        self._left_s = CHECK_GAIN_S
        self._tripped = False

    def failed(self, value: float, setpoint: float, dt: float) -> bool:
        """True once the check has failed, and ever after."""
        short = setpoint - CHECK_HYSTERESIS_K - value
        if short <= 0.0:
            self._error_ks, self._goal_c, self._left_s = 0.0, value + self._rise_k, CHECK_GAIN_S
            return self._tripped
        self._left_s -= dt
        if value >= self._goal_c:
            self._goal_c, self._left_s, self._error_ks = value + self._rise_k, CHECK_GAIN_S, 0.0
        elif self._left_s <= 0.0:
            self._error_ks += short * dt
        self._tripped = self._tripped or self._error_ks > CHECK_MAX_ERROR_KS
        return self._tripped


def build(plate: Nameplate, studied: Study) -> Controller:
    """The controller for one vessel."""
    capacity_j_per_k = plate.volume_l * 4180.0 + plate.jacket_j_per_k
    check = HeaterCheck(0.25 * plate.heater_w / capacity_j_per_k * CHECK_GAIN_S)
    laws = {}
    for name, arms in studied.arms.items():
        swing = studied.swing[name]
        laws[name] = KlipperLaw(
            PERIOD_S[name],
            arms,
            0.6 * swing.gain,
            swing.period_s,
            SMOOTH_S[name],
            check if name == "temperature" else None,
        )
    return Trio(laws, studied.arms)
