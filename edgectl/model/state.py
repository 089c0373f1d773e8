"""Memory of the core between two scans, and what one scan decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgectl.model.command import Command
from edgectl.model.event import Event
from edgectl.model.loop import LoopState
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.request import Reply


@dataclass(frozen=True, slots=True)
class TagState:
    """Memory of judging one tag: last accepted value and when it was taken, since when it is identical, samples rejected in a row."""

    quality: Quality = Quality.BAD
    value: float | None = None
    at_ns: int = 0
    flat_since_ns: int = 0
    rejected: int = 0
    rejected_at_ns: int = 0


@dataclass(frozen=True, slots=True)
class ActuatorState:
    """Memory of one output: last commanded value, manual demand (None: none), restrictions in force, since when it does not follow (s)."""

    value: float
    manual: float | None = None
    restricted_by: tuple[str, ...] = ()
    astray_s: float = 0.0


@dataclass(frozen=True, slots=True)
class InterlockState:
    """Memory of one interlock: whether it is active, and for how long its cause has stood (s)."""

    active: bool = False
    beyond_s: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """Everything the core remembers. Keys are names of the plan. ``scan`` counts scans since the start of the run."""

    scan: int = 0
    tags: Mapping[str, TagState] = field(default_factory=dict)
    actuators: Mapping[str, ActuatorState] = field(default_factory=dict)
    interlocks: Mapping[str, InterlockState] = field(default_factory=dict)
    loops: Mapping[str, LoopState] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What one scan decided: the next state, a measurement per tag, a command per actuator, events and replies."""

    state: State
    measurements: tuple[Measurement, ...]
    commands: tuple[Command, ...]
    events: tuple[Event, ...]
    replies: tuple[Reply, ...]
