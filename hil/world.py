"""The seam between instruments and the plant: what they measure, what they drive, and when time passes.

Line time (the controller's clock, seconds) drives the instruments; plant time is line time x speed.
"""

from __future__ import annotations

import dataclasses
import heapq
import math
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable


class PlantSensor(Protocol):
    """One sensor in the vessel."""

    def read(self, t_s: float) -> float:
        """The sensor's output at plant time t_s."""


class PlantLike(Protocol):
    """The part of hil.plant.Plant that the instruments touch."""

    @property
    def inputs(self) -> Any:
        """Mutable actuator inputs, one attribute each."""

    def advance(self, t_s: float) -> None:
        """Integrate up to plant time t_s."""

    def truth(self) -> Any:
        """The plant's true state, a dataclass."""

    def sensor(self, name: str) -> PlantSensor:
        """The sensor of that name."""


class ValueFault(Protocol):
    """Changes what a source reads."""

    count: int

    def apply(self, t_s: float, value: float, last: float | None) -> float:
        """The value the instrument sees instead of `value`; `last` is what it saw before."""


class Source:
    """One quantity an instrument measures."""

    __slots__ = ("_last", "_read", "faults")

    def __init__(self, read: Callable[[float], float]) -> None:
        self._read = read
        self._last: float | None = None
        self.faults: list[ValueFault] = []

    def read(self, t_s: float) -> float:
        """The value at line time t_s, after the faults on this source."""
        value = self._read(t_s)
        for fault in self.faults:
            value = fault.apply(t_s, value, self._last)
        self._last = value
        return value


class OutputFault(Protocol):
    """Changes what a sink does."""

    count: int

    def apply(self, value: float, present: float) -> float:
        """What the actuator does when it is told `value` while it does `present`."""


class Sink:
    """One actuator input of the plant. With a gate (a contact in its mains) it works only while the gate is 1."""

    __slots__ = ("_drive", "demand", "faults", "gate", "name", "tick_at", "value")

    def __init__(
        self,
        name: str,
        value: float,
        drive: Callable[[float, str, float], None],
        tick_at: Callable[[float], None],
    ) -> None:
        self.name = name
        self.value = value
        self.demand = value
        self.tick_at = tick_at  # asks for a tick at a time when the instrument will change by itself
        self.gate: Sink | None = None
        self.faults: list[OutputFault] = []
        self._drive = drive

    def write(self, t_s: float, value: float) -> None:
        """Drive the actuator to `value` from line time t_s on."""
        self.demand = value
        for fault in self.faults:
            value = fault.apply(value, self.value)
        if value != self.value:
            self.value = value
            self._drive(t_s, self.name, self.effective)

    @property
    def effective(self) -> float:
        """What reaches the plant."""
        return self.value if self.gate is None else self.value * self.gate.value


@runtime_checkable
class Ticker(Protocol):
    """An instrument whose outputs move by themselves: a lag, a watchdog, a dead-man."""

    def tick(self, t_s: float) -> None:
        """Bring outputs up to date at line time t_s."""


class World:
    """The plant, its sinks, and the one clock that moves them all.

    Whoever touches an instrument calls `advance` first. Instruments that move by themselves do so on multiples of
    `step_s` of plant time and at the times they asked for, so the trajectory depends on what was written and when,
    never on how often somebody looked.
    """

    def __init__(self, plant: PlantLike, *, step_s: float = 1.0, speed: float = 1.0) -> None:
        self.plant = plant
        self.now_s = 0.0
        self.tickers: list[Ticker] = []
        self.sinks: dict[str, Sink] = {}
        self._speed = speed
        self._step_s = step_s / speed
        self._steps = 0
        self._due_s = self._step_s
        self._asked: list[float] = []

    def source(self, name: str) -> Source:
        """A new source on a plant sensor; `heartbeat` counts the seconds of line time."""
        if name == "heartbeat":
            return Source(lambda t_s: float(int(t_s) & 0xFFFF))
        sensor, speed = self.plant.sensor(name), self._speed
        return Source(lambda t_s: sensor.read(t_s * speed))

    def sink(self, name: str) -> Sink:
        """The sink on a plant input, or on `gate.NAME`: a contact in the mains of the sink NAME."""
        if name not in self.sinks:
            self.sinks[name] = self._gate(name) if name.startswith("gate.") else self._input(name)
        return self.sinks[name]

    def _input(self, name: str) -> Sink:
        present = getattr(self.plant.inputs, name)
        is_switch = isinstance(present, bool)

        def drive(t_s: float, name: str, value: float) -> None:
            self._advance_plant(t_s)
            setattr(self.plant.inputs, name, value >= 0.5 if is_switch else value)

        return Sink(name, float(present), drive, self.tick_at)

    def _gate(self, name: str) -> Sink:
        gated = self.sink(name.removeprefix("gate."))

        def drive(t_s: float, name: str, value: float) -> None:  # noqa: ARG001
            self._advance_plant(t_s)
            setattr(self.plant.inputs, gated.name, gated.effective)

        gated.gate = Sink(name, 0.0, drive, self.tick_at)
        return gated.gate

    def _advance_plant(self, t_s: float) -> None:
        self.plant.advance(max(t_s, self.now_s) * self._speed)

    def tick_at(self, t_s: float) -> None:
        """Tick once more, at exactly t_s of line time; a time that is over already is too late."""
        if self.now_s < t_s < math.inf:
            heapq.heappush(self._asked, t_s)
            self._due_s = min(self._due_s, t_s)

    def advance(self, t_s: float) -> None:
        """Move everything to line time t_s; the past stays as it is."""
        while self._due_s <= t_s:
            self._step(self._due_s)
        self.now_s = max(self.now_s, t_s)

    def _step(self, t_s: float) -> None:
        self.now_s = t_s
        self._advance_plant(t_s)
        for ticker in self.tickers:
            ticker.tick(t_s)
        while self._asked and self._asked[0] <= t_s:
            heapq.heappop(self._asked)
        if (self._steps + 1) * self._step_s <= t_s:
            self._steps += 1
        grid_s = (self._steps + 1) * self._step_s
        self._due_s = min(grid_s, self._asked[0]) if self._asked else grid_s

    def truth(self, t_s: float) -> dict[str, float]:
        """The plant's true state at line time t_s."""
        self.advance(t_s)
        self._advance_plant(t_s)
        return dataclasses.asdict(self.plant.truth())

    def outputs(self) -> dict[str, float]:
        """What each actuator is doing, after faults, by sink name."""
        return {name: sink.value for name, sink in self.sinks.items()}
