"""Three laws in one controller: what every baseline and the bound have in common.

Each law is called at its own period with the probe's latest value. Without a value the outputs stay as they are, as a
user's script does that skips a failed reading. A restart begins the laws anew unless they keep their state.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from hil.bench_control.arms import Arms
from hil.bench_control.seam import Outputs, Readings

_NONE: Mapping[str, float] = MappingProxyType({})


class Law(Protocol):
    """One loop: a number within its arms from a value and a set point."""

    @property
    def period_s(self) -> int:
        """How often it is called."""
        ...

    def update(self, value: float, setpoint: float, readings: Readings) -> float:
        """The loop's number for the coming period."""
        ...

    def restart(self, outage_s: float) -> None:
        """The controller was dead for so long."""
        ...


class Proportioner:
    """An output switched fully on for the first part of each cycle, so that its mean is what is wanted."""

    __slots__ = ("_cycle_s", "_on_s", "_since_s")

    def __init__(self, cycle_s: float) -> None:
        self._cycle_s = cycle_s
        self._on_s = 0.0
        self._since_s = cycle_s

    def step(self, share: float) -> float:
        """1 or 0 (or the part of this second that is on); the share is taken up at the start of a cycle."""
        if self._since_s >= self._cycle_s:
            self._since_s, self._on_s = 0.0, share * self._cycle_s
        part = max(0.0, min(1.0, self._on_s - self._since_s))
        self._since_s += 1.0
        return part


class Trio:
    """A controller of three laws.

    `switched` words are proportioned in time over the cycle given, `cycles` are those a law switches itself.
    """

    __slots__ = ("_arms", "_laws", "_numbers", "_setpoints", "_steps", "_switches", "cycles")

    def __init__(
        self,
        laws: Mapping[str, Law],
        arms: Mapping[str, Arms],
        switched: Mapping[str, float] = _NONE,
        cycles: Mapping[str, float] = _NONE,
    ) -> None:
        self._laws, self._arms = laws, arms
        self.cycles: Mapping[str, float] = MappingProxyType({**switched, **cycles})
        self._switches = {word: Proportioner(cycle) for word, cycle in switched.items()}
        self._setpoints: dict[str, float] = {}
        self._numbers = dict.fromkeys(laws, 0.0)
        self._steps = 0

    def step(self, _t_s: float, readings: Readings) -> Outputs:
        """Outputs for the coming second."""
        outputs: dict[str, float] = {}
        for name, law in self._laws.items():
            value = readings[name]
            if value is not None and self._steps % law.period_s == 0:
                self._numbers[name] = law.update(value, self._setpoints[name], readings)
            self._arms[name].split(self._numbers[name], outputs)
        self._steps += 1
        for word, switch in self._switches.items():
            full = self._full(word)
            if full > 0.0:
                outputs[word] = full * switch.step(outputs[word] / full)
        return outputs

    def setpoint(self, quantity: str, value: float) -> None:
        """A new set point."""
        self._setpoints[quantity] = value

    def restart(self, outage_s: float) -> None:
        """Power is back: the laws begin as they can, outputs at rest until then."""
        self._numbers = dict.fromkeys(self._laws, 0.0)
        for law in self._laws.values():
            law.restart(outage_s)
        self._steps = 0

    def _full(self, word: str) -> float:
        for arms in self._arms.values():
            if word == arms.plus:
                return arms.plus_span
            if word == arms.minus:
                return arms.minus_span
        return 0.0
