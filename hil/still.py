"""A plant that stands still: sensors say what they are told, inputs stay to be looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from hil.plant import Inputs

READINGS = {
    "ph": 7.02,
    "ph_temperature": 37.0,
    "do": 40.25,
    "do_temperature": 37.0,
    "temperature": 37.0,
    "jacket": 37.0,
    "weight": 2.0,
    "density": 1.0,
    "pressure": 12.5,
    "stirrer": 150.0,
}


@dataclass(slots=True)
class StillSensor:
    """A sensor with one value."""

    readings: dict[str, float]
    name: str

    def read(self, t_s: float) -> float:  # noqa: ARG002
        """The value it was told."""
        return self.readings[self.name]


@dataclass(frozen=True, slots=True)
class StillTruth:
    """All there is to know about a plant that stands still."""

    time_s: float


@dataclass(slots=True)
class StillPlant:
    """Change `readings` to move a sensor; read `inputs` for what the actuators do."""

    readings: dict[str, float] = field(default_factory=lambda: dict(READINGS))
    inputs: Inputs = field(default_factory=Inputs)
    time_s: float = 0.0

    def advance(self, t_s: float) -> None:
        """Only the clock moves, and never back."""
        if t_s < self.time_s:
            raise ValueError(f"cannot go back from {self.time_s} s to {t_s} s")
        self.time_s = t_s

    def truth(self) -> StillTruth:
        """The time."""
        return StillTruth(self.time_s)

    def sensor(self, name: str) -> StillSensor:
        """A sensor on one of the readings."""
        if name not in self.readings:
            raise ValueError(f"no sensor {name!r}")
        return StillSensor(self.readings, name)
