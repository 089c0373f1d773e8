"""Memory of the core between two scans, and what one scan decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgectl.model.command import Command
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.request import Reply


@dataclass(frozen=True, slots=True)
class TagState:
    """Memory of judging one tag: last accepted value and when it was taken, since when it is identical, samples rejected in a row."""

    quality: Quality = Quality.BAD
    value: float | None = None
    at: Instant | None = None
    flat_since_ns: int = 0
    rejected: int = 0
    rejected_at_ns: int = 0


@dataclass(frozen=True, slots=True)
class ActuatorState:
    """Memory of one output: last commanded value, manual demand (None: none), restrictions in force, for how long it does not follow (s).

    ``confirmed`` is the value the instrument confirmed last (None: never), ``stuck`` where it stood when it was found not to follow
    (None: it follows, or its writes fail).
    """

    value: float
    manual: float | None = None
    restricted_by: tuple[str, ...] = ()
    astray_s: float = 0.0
    confirmed: float | None = None
    stuck: float | None = None


@dataclass(frozen=True, slots=True)
class InterlockState:
    """Memory of one interlock: whether it is active, and for how long its cause has stood (s).

    ``unknown``: active only for want of a known value, so that a known one within the limit releases it without hysteresis.
    """

    active: bool = False
    beyond_s: float = 0.0
    unknown: bool = False


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
