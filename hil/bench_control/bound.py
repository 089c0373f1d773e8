"""The bound: a controller with everything a PID can have, its gains chosen in hindsight for one plant and one loop.

Two degrees of freedom, filtered derivative, median of three against spikes, tracking of what was delivered, a cascade with a
jacket limit for temperature, state kept over a restart. `search` finds its gains on the very scenarios it is then
judged by, so nothing honest can be expected to be much better.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from hil.bench_control.arms import Arms
from hil.bench_control.experiment import PERIOD_S, Study
from hil.bench_control.seam import Controller, Readings
from hil.bench_control.trio import Law, Trio

BOUND_FILE = Path(__file__).with_name("bound.json")
JACKET_LIMIT_C = 41.3
JACKET_LOW_C = 12.0
INNER_INTEGRAL_S = 120.0


@dataclass(frozen=True, slots=True)
class Gains:
    """One loop's settings. Gain in number per unit (temperature: K of jacket per K), `inner` in percent per K of filtered jacket.

    Moves smaller than `quiet` (number, K of jacket) and `inner_quiet` (percent) are not made.
    """

    gain: float
    integral_s: float
    derivative_s: float
    weight: float
    filter_s: float
    tracking: float
    dead_band: float
    inner: float = 0.0
    inner_filter_s: float = 0.0
    quiet: float = 0.0
    inner_quiet: float = 0.0


class Conditioned:
    """The value after a median of three, its filtered self and slope."""

    __slots__ = ("_recent", "_share", "slope", "value")

    def __init__(self, filter_s: float, period_s: float) -> None:
        self._share = period_s / (filter_s + period_s)
        self._recent: list[float] = []
        self.value = self.slope = 0.0

    def see(self, raw: float, dt: float) -> float:
        """The filtered value."""
        recent = self._recent
        if not recent:
            recent += (raw, raw)
            self.value = raw
        recent.append(raw)
        median = sorted(recent)[1]
        del recent[0]
        before = self.value
        self.value += self._share * (median - before)
        self.slope = (self.value - before) / dt
        return self.value


class Pid:
    """Positional, ideal form, between limits that may move; the integral stops at them, and tracks what came of the output."""

    __slots__ = ("_gains", "_integral", "_period_s", "_seen", "_slow", "output")

    def __init__(self, gains: Gains, period_s: float) -> None:
        self._gains, self._period_s = gains, period_s
        self._seen = Conditioned(gains.filter_s, period_s)
        self._integral: float | None = None
        self._slow = 0.0
        self.output = 0.0

    def update(self, raw: float, setpoint: float, low: float, high: float, rest: float) -> float:
        """The output; `rest` is where the integral starts."""
        gains, dt = self._gains, self._period_s
        value = self._seen.see(raw, dt)
        if self._integral is None:
            self._integral, self._slow = rest, value
        self._slow += (setpoint - self._slow) * dt / (gains.integral_s + dt)
        error = setpoint - value
        band = gains.dead_band
        error -= max(-band, min(band, error))
        weighted = error - (1.0 - gains.weight) * (setpoint - self._slow)
        grown = gains.gain * dt / gains.integral_s * error
        wanted = gains.gain * (weighted - gains.derivative_s * self._seen.slope) + self._integral + grown
        output = max(low, min(high, wanted))
        if (wanted - output) * grown <= 0.0:
            self._integral += grown
        self.track(output - wanted)
        self.output = still(self.output, output, gains.quiet, low, high)
        return self.output

    def track(self, missing: float) -> None:
        """This much more of the output came about than was asked for."""
        if self._integral is not None:
            share = self._period_s / (self._gains.tracking * self._gains.integral_s + self._period_s)
            self._integral += missing * share


def still(before: float, wanted: float, quiet: float, low: float, high: float) -> float:
    """The output before, where the move to the new one would be smaller than `quiet`; ends and rest are always reached."""
    small = abs(wanted - before) < quiet and low < wanted < high and wanted * before > 0.0
    return before if small else wanted


class BoundLaw:
    """pH or DO: the number is the PID's output, tracked by the flow meters."""

    __slots__ = ("_arms", "_pid", "period_s")

    def __init__(self, gains: Gains, period_s: int, arms: Arms) -> None:
        self.period_s = period_s
        self._arms, self._pid = arms, Pid(gains, period_s)

    def update(self, value: float, setpoint: float, readings: Readings) -> float:
        """The loop's number."""
        pid = self._pid
        pid.track(self._arms.achieved(pid.output, readings) - pid.output)
        return pid.update(value, setpoint, self._arms.low, self._arms.high, 0.0)

    def restart(self, _outage_s: float) -> None:
        """State was saved."""


class CascadeLaw:
    """Temperature: the outer PID asks for a jacket temperature, never above its limit; the inner P law with bias drives it."""

    __slots__ = ("_arms", "_bias", "_inner", "_jacket_c", "_number", "_pid", "_quiet", "_share", "period_s")

    def __init__(self, gains: Gains, period_s: int, arms: Arms) -> None:
        self.period_s = period_s
        self._arms, self._inner, self._quiet = arms, gains.inner, gains.inner_quiet
        self._pid = Pid(gains, period_s)
        self._bias = self._number = 0.0
        self._share = period_s / (gains.inner_filter_s + period_s)
        self._jacket_c: float | None = None

    def update(self, value: float, setpoint: float, readings: Readings) -> float:
        """The heater's (plus) or cooler's (minus) percent."""
        jacket, pid = readings["jacket"], self._pid
        if jacket is None:
            return self._number
        before = jacket if self._jacket_c is None else self._jacket_c
        self._jacket_c = jacket = before + self._share * (jacket - before)
        stuck = self._number in {self._arms.low, self._arms.high}
        if stuck:
            pid.track(jacket - pid.output)
        target = pid.update(value, setpoint, JACKET_LOW_C, JACKET_LIMIT_C, setpoint)
        error = target - jacket
        wanted = self._inner * error + self._bias
        number = self._arms.clamp(wanted)
        self._number = still(self._number, number, self._quiet, self._arms.low, self._arms.high)
        if number == wanted:
            self._bias += self._inner * error * self.period_s / INNER_INTEGRAL_S
        return self._number

    def restart(self, _outage_s: float) -> None:
        """State was saved."""


def controller(gains: Mapping[str, Gains], studied: Study) -> Controller:
    """The bound with these gains; the arms are those of the study, as for every baseline."""
    arms = studied.arms
    laws: dict[str, Law] = {
        name: (CascadeLaw if name == "temperature" else BoundLaw)(gains[name], PERIOD_S[name], arms[name])
        for name in arms
    }
    return Trio(laws, arms)


def load(path: Path = BOUND_FILE) -> dict[str, dict[str, Gains]]:
    """The gains found, by `vessel/seed` and loop; none when the file is missing."""
    if not path.exists():
        return {}
    held = json.loads(path.read_text())
    return {plant: {name: Gains(**gains) for name, gains in loops.items()} for plant, loops in held.items()}


def save(found: Mapping[str, Mapping[str, Gains]], path: Path = BOUND_FILE) -> None:
    """Keep the gains found."""
    plain = {
        plant: {name: asdict(gains) for name, gains in loops.items()}
        for plant, loops in sorted(found.items())
    }
    path.write_text(json.dumps(plain, indent=1) + "\n")
