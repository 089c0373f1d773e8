"""What is measured of a run, kept as running totals: true values against set points, and how often outputs turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hil.bench_control.seam import BAND, DRIVEN, QUANTITIES, SAFE_BLANKET_C, Controlled

ACTIVE_SHARE = 0.002
TURN_SHARE = 0.01


class TurnCounter:
    """Turning points of a signal, a move counting once it is larger than the hysteresis."""

    __slots__ = ("_extreme", "_hysteresis", "_rising", "turns")

    def __init__(self, hysteresis: float) -> None:
        self._hysteresis = hysteresis
        self._extreme: float | None = None
        self._rising: bool | None = None
        self.turns = 0

    def see(self, value: float) -> None:
        """The next value."""
        extreme = self._extreme
        if extreme is None:
            self._extreme = value
        elif self._rising is None:
            if abs(value - extreme) > self._hysteresis:
                self._rising, self._extreme = value > extreme, value
        elif self._rising:
            if value > extreme:
                self._extreme = value
            elif extreme - value > self._hysteresis:
                self._rising, self._extreme = False, value
                self.turns += 1
        elif value < extreme:
            self._extreme = value
        elif value - extreme > self._hysteresis:
            self._rising, self._extreme = True, value
            self.turns += 1


class CycleMean:
    """An output proportioned in time, seen as the mean of each whole cycle; `value` is that of the last one."""

    __slots__ = ("_count", "_cycle", "_sum", "value")

    def __init__(self, cycle_s: float) -> None:
        self._cycle = max(1, round(cycle_s))
        self._sum, self._count = 0.0, 0
        self.value = 0.0

    def add(self, value: float) -> bool:
        """One second; True when it completes a cycle."""
        self._sum += value
        self._count += 1
        if self._count < self._cycle:
            return False
        self.value = self._sum / self._count
        self._sum, self._count = 0.0, 0
        return True


@dataclass(slots=True)
class Window:
    """The time from something happening to a loop until the next thing does."""

    kind: str
    begun_s: float
    direction: float = 0.0
    last_out_s: float = 0.0
    overshoot: float = 0.0
    worst: float = 0.0


@dataclass(slots=True)
class LoopMetric:
    """One loop's totals. Errors are true value less set point."""

    band: float
    seconds: int = 0
    error_sum: float = 0.0
    in_band: int = 0
    worst: float = 0.0
    windows: list[Window] = field(default_factory=list)

    def open(self, kind: str, t_s: float, direction: float = 0.0) -> None:
        """Something happens to the loop: `setpoint` with the direction of the step, or `disturbance`."""
        self.windows.append(Window(kind, t_s, direction, last_out_s=t_s))

    def see(self, t_s: float, error: float) -> None:
        """One scored second."""
        size = error if error >= 0.0 else -error
        self.seconds += 1
        self.error_sum += size
        self.worst = max(self.worst, size)
        inside = size <= self.band
        self.in_band += inside
        if self.windows:
            window = self.windows[-1]
            if not inside:
                window.last_out_s = t_s
            window.worst = max(window.worst, size)
            beyond = error * window.direction
            window.overshoot = max(window.overshoot, beyond)

    def times(self, kind: str) -> list[float]:
        """Of each window of that kind, s until the loop was in band for the rest of it."""
        return [w.last_out_s - w.begun_s for w in self.windows if w.kind == kind]

    def report(self) -> dict[str, float]:
        """The loop's figures; a mean over windows is over those of its kind, 0 without one."""
        settling, recovery = self.times("setpoint"), self.times("disturbance")
        seconds = max(self.seconds, 1)
        return {
            "error": self.error_sum / seconds / self.band,
            "in_band": self.in_band / seconds,
            "worst": self.worst,
            "overshoot": max((w.overshoot for w in self.windows), default=0.0),
            "settling_s": sum(settling) / len(settling) if settling else 0.0,
            "recovery_s": sum(recovery) / len(recovery) if recovery else 0.0,
        }


class Metrics:
    """The totals of a run."""

    __slots__ = (
        "_both",
        "_counters",
        "_last",
        "_least",
        "_means",
        "_plain",
        "base_ml",
        "blanket_c",
        "loops",
        "seconds",
    )

    def __init__(self, span: Mapping[str, float], cycles: Mapping[str, float]) -> None:
        self._least = (ACTIVE_SHARE * span["base"], ACTIVE_SHARE * span["co2"])
        self.loops = {name: LoopMetric(BAND[name]) for name in QUANTITIES}
        words = [word for driven in DRIVEN.values() for word in driven]
        self._counters = {word: TurnCounter(TURN_SHARE * span[word]) for word in words}
        self._means = {word: CycleMean(cycles[word]) for word in words if word in cycles}
        self._plain = [(word, counter) for word, counter in self._counters.items() if word not in cycles]
        self._last = dict.fromkeys(words, -1.0)
        self._both = 0
        self.base_ml = 0.0
        self.blanket_c = -273.15
        self.seconds = 0

    def see(
        self, t_s: float, truth: Controlled, setpoints: Mapping[str, float], commands: Mapping[str, float]
    ) -> None:
        """One scored second: the truth at its end, and the outputs during it."""
        self.seconds += 1
        loops, last = self.loops, self._last
        loops["temperature"].see(t_s, truth.temperature - setpoints["temperature"])
        loops["ph"].see(t_s, truth.ph - setpoints["ph"])
        loops["do"].see(t_s, truth.do - setpoints["do"])
        self.blanket_c = max(self.blanket_c, truth.jacket)
        self.base_ml += commands["base"] / 60.0
        for word, counter in self._plain:
            value = commands[word]
            if value != last[word]:  # most stand still for most of the time
                last[word] = value
                counter.see(value)
        for word, mean in self._means.items():
            if mean.add(commands[word]):
                self._counters[word].see(mean.value)
        self._both += commands["base"] > self._least[0] and commands["co2"] > self._least[1]

    def report(self) -> dict[str, dict[str, float]]:
        """Figures per loop, and those of the whole run under `run`."""
        hours = max(self.seconds, 1) / 3600.0
        figures = {name: loop.report() for name, loop in self.loops.items()}
        for name, words in DRIVEN.items():
            figures[name]["reversals_h"] = max(self._counters[word].turns for word in words) / hours
        figures["run"] = {
            "base_ml": self.base_ml,
            "both_active": self._both / max(self.seconds, 1),
            "blanket_c": self.blanket_c,
            "blanket_crossed": float(self.blanket_c > SAFE_BLANKET_C),
        }
        return figures
