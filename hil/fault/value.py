"""Faults between an instrument and the plant: what it measures, and what its actuator does."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from hil.fault.dice import Seeded


@dataclass(slots=True, eq=False)
class Freeze(Seeded):
    """The value repeats its last; the instrument answers as ever."""

    held: float | None = dataclasses.field(default=None, init=False)

    def apply(self, t_s: float, value: float, last: float | None) -> float:  # noqa: ARG002
        """The first value seen, for ever."""
        if self.held is None:
            self.held = value if last is None else last
        self.count += 1
        return self.held


@dataclass(slots=True, eq=False)
class Drift(Seeded):
    """The value walks away by `per_hour` units, from nothing at the first reading."""

    per_hour: float = 0.02
    started_s: float | None = dataclasses.field(default=None, init=False)

    def apply(self, t_s: float, value: float, last: float | None) -> float:  # noqa: ARG002
        """The value plus what has accumulated."""
        if self.started_s is None:
            self.started_s = t_s
        self.count += 1
        return value + self.per_hour * (t_s - self.started_s) / 3600.0


@dataclass(slots=True, eq=False)
class SensorNoise(Seeded):
    """Gaussian noise of standard deviation `sigma` in the value's own unit."""

    sigma: float = 0.1

    def apply(self, t_s: float, value: float, last: float | None) -> float:  # noqa: ARG002
        """The value plus noise."""
        self.count += 1
        return value + self.dice.gauss(0.0, self.sigma)


@dataclass(slots=True, eq=False)
class Value(Seeded):
    """The value is `value`, which may be nan or inf; at a rate below 1 it spikes, with `times` only so often (0: always)."""

    value: float = math.nan
    rate: float = 1.0
    times: int = 0

    def apply(self, t_s: float, value: float, last: float | None) -> float:  # noqa: ARG002
        """The ordered value when it strikes."""
        over = self.times and self.count >= self.times
        return float(self.value) if not over and self.hit(self.rate) else value


@dataclass(slots=True, eq=False)
class Stick(Seeded):
    """The actuator stays where it is, or goes to `at` and stays there, whatever it is told."""

    at: float | None = None

    def apply(self, value: float, present: float) -> float:  # noqa: ARG002
        """The position it is stuck at."""
        self.count += 1
        return present if self.at is None else self.at


@dataclass(slots=True, eq=False)
class Block(Stick):
    """Nothing comes out whatever the actuator does: a blocked line, an empty bag, a blown heater."""

    at: float | None = 0.0


@dataclass(slots=True, eq=False)
class Weld(Seeded):
    """A contact that closes and never opens again."""

    def apply(self, value: float, present: float) -> float:
        """Closed, once it was."""
        self.count += 1
        return max(value, present)


@dataclass(slots=True, eq=False)
class Offset(Seeded):
    """The value is wrong by `by`: a tare, a bag hung on the scale."""

    by: float = 0.0

    def apply(self, t_s: float, value: float, last: float | None) -> float:  # noqa: ARG002
        """The value and what was put on it."""
        self.count += 1
        return value + self.by


@dataclass(slots=True, eq=False)
class Damp(Seeded):
    """A dying amplifier: the value follows by `share` a reading, so that its noise is gone long before it stands still."""

    share: float = 0.02

    def apply(self, t_s: float, value: float, last: float | None) -> float:  # noqa: ARG002
        """The last value, a little nearer."""
        self.count += 1
        return value if last is None else last + self.share * (value - last)
