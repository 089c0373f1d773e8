"""Baseline: a thermostat that behaves as Pioreactor's does, with pH and DO switched by hysteresis as its users script them.

The temperature is read only with the heater off: every `UPDATE_S` the heater rests for `REST_S`, then one value is taken and the duty is moved by a
clamped increment, a PID sum of which the error's term acts as integral and the value's change as proportional action. The heater
only heats. The increment's two gains follow the nameplate: what the full duty warms in one update, and the warm-up lag of the blanket.
A restart begins with duty 0. pH: base on below the band, CO2 on above it; DO: O2 on below, N2 on above; gases at half
their span, base at a tenth, off at the set point.
"""

from __future__ import annotations

from dataclasses import replace

from hil.bench_control.arms import Arms, whole_arms
from hil.bench_control.experiment import Study
from hil.bench_control.seam import BAND, Controller, Nameplate, Readings
from hil.bench_control.trio import Law, Trio

UPDATE_S = 30
REST_S = 6
MOST_INCREMENT = 20.0
BASE_SHARE = 0.1
GAS_SHARE = 0.5


class IncrementalThermostat:
    """Called each second; switches the heater off to measure."""

    __slots__ = ("_change_gain", "_duty", "_error_gain", "_last", "_second", "period_s")

    def __init__(self, error_gain: float, change_gain: float) -> None:
        self.period_s = 1
        self._error_gain, self._change_gain = error_gain, change_gain
        self.restart(0.0)

    def restart(self, _outage_s: float) -> None:
        """The heater starts from nothing."""
        self._duty, self._second = 0.0, 0
        self._last: float | None = None

    def update(self, value: float, setpoint: float, _readings: Readings) -> float:
        """The duty, or 0 while it measures."""
        self._second += 1
        if self._second < UPDATE_S - REST_S:
            return self._duty
        if self._second < UPDATE_S:
            return 0.0
        self._second = 0
        change = 0.0 if self._last is None else value - self._last
        self._last = value
        step = self._error_gain * (setpoint - value) - self._change_gain * change
        self._duty += max(-MOST_INCREMENT, min(MOST_INCREMENT, step))
        self._duty = max(0.0, min(100.0, self._duty))
        return self._duty


class Hysteresis:
    """On beyond half a band, off again at the set point."""

    __slots__ = ("_band", "_number", "period_s")

    def __init__(self, band: float, period_s: int) -> None:
        self.period_s = period_s
        self._band = band
        self._number = 0.0

    def restart(self, _outage_s: float) -> None:
        """Off."""
        self._number = 0.0

    def update(self, value: float, setpoint: float, _readings: Readings) -> float:
        """Plus or minus 100, or 0."""
        error = setpoint - value
        if abs(error) > 0.5 * self._band:
            self._number = 100.0 if error > 0.0 else -100.0
        elif error * self._number <= 0.0:
            self._number = 0.0
        return self._number


def _part(arms: Arms, plus_share: float, minus_share: float) -> Arms:
    return replace(arms, plus_span=plus_share * arms.plus_span, minus_span=minus_share * arms.minus_span)


def build(plate: Nameplate, _studied: Study) -> Controller:
    """The controller for one vessel."""
    capacity = plate.volume_l * 4180.0 + plate.jacket_j_per_k
    lag_s = plate.jacket_j_per_k / plate.heat_transfer_w_per_k + UPDATE_S
    rate = plate.heater_w / capacity / 100.0
    gain = 1.0 / (rate * 2.0 * lag_s)
    heating = whole_arms(plate, "temperature")
    laws: dict[str, Law] = {
        "temperature": IncrementalThermostat(gain * UPDATE_S / (4.0 * lag_s), gain),
        "ph": Hysteresis(BAND["ph"], 5),
        "do": Hysteresis(BAND["do"], 3),
    }
    arms = {
        "temperature": replace(heating, low=0.0),
        "ph": _part(whole_arms(plate, "ph"), BASE_SHARE, GAS_SHARE),
        "do": _part(whole_arms(plate, "do"), GAS_SHARE, GAS_SHARE),
    }
    return Trio(laws, arms, cycles={"heater": float(UPDATE_S)})
