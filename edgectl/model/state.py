"""Memory of the core between two scans, and what one scan decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edgectl.model.calibration import CalibrationSession, CalibrationState
from edgectl.model.command import Command
from edgectl.model.dosing import DosingState
from edgectl.model.event import Event
from edgectl.model.experiment import Experiment
from edgectl.model.feed import FeedState, PerfusionState
from edgectl.model.fusion import FusionState
from edgectl.model.health import HealthState
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.request import Authority, Reply
from edgectl.model.safety import AlarmCode, Held
from edgectl.model.soft import SoftState


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
    (None: it follows, or its writes fail). ``manual_left_s`` is how long the manual demand still stands (None: until somebody ends it), ``remote``
    whether it came through the uplink, ``held_s`` for how long a HOLD has kept the value. ``stood_s`` is for how long it has been
    at its safe value, or away from it; counted up to the longest time that matters.
    """

    value: float
    manual: float | None = None
    restricted_by: tuple[str, ...] = ()
    astray_s: float = 0.0
    confirmed: float | None = None
    stuck: float | None = None
    manual_left_s: float | None = None
    remote: bool = False
    held_s: float = 0.0
    stood_s: float = 0.0


@dataclass(frozen=True, slots=True)
class InterlockState:
    """Memory of one interlock: whether it is active, and for how long its cause has stood (s).

    ``unknown``: active only for want of a known value, so that a known one within the limit releases it without hysteresis.
    """

    active: bool = False
    beyond_s: float = 0.0
    unknown: bool = False


class Slot(NamedTuple):
    """What a plausibility check saw in one slot of its window.

    Of its tag: samples, their sum, least and greatest, the squares of the steps between them, the sum of the second tag at the same times, and the
    greatest ceiling. Of its actuator: scans, drive (value x s), least and greatest value.
    """

    samples: int = 0
    total: float = 0.0
    low: float = 0.0
    high: float = 0.0
    squares: float = 0.0
    others: float = 0.0
    ceiling: float = 0.0
    scans: int = 0
    drive: float = 0.0
    least: float = 0.0
    most: float = 0.0


class CheckState(NamedTuple):
    """Memory of one plausibility check: whether it fails, and why; or why it cannot tell (``suspended``).

    ``slots`` are the whole slots of its window, oldest first, ``slot`` the running one, begun ``slot_s`` ago. ``last`` is the sample seen last,
    ``blind_s`` for how long there was none to look at.
    """

    failed: bool = False
    reason: str = ""
    suspended: str = ""
    slots: tuple[Slot, ...] = ()
    slot: Slot = Slot()
    slot_s: float = 0.0
    last: float = 0.0
    last_ns: int = 0
    blind_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HazardState:
    """Memory of one hazard: for how long its cause has stood and been gone (s), whether it acts, since when and why.

    ``first_out``: it was the first of those that act, and stays marked until all are over. ``beyond``: its tag was beyond the limit when it was last
    known. ``proven``: its cause has been known to be absent since the start of the run; before that ``blind_s`` counts for how long it could not be judged.
    """

    stood_s: float = 0.0
    gone_s: float = 0.0
    active: bool = False
    first_out: bool = False
    since: Instant | None = None
    reason: str = ""
    beyond: bool = False
    proven: bool = False
    blind_s: float = 0.0


@dataclass(frozen=True, slots=True)
class AlarmState:
    """Memory of one alarm (ISA-18.2).

    ``code`` is one of A to F, whatever hides it: ``retired`` and ``shelved`` say who hid it and why (empty: nobody), ``suppressed`` that logic does.
    ``stood_s`` and ``gone_s`` are for how long its cause has stood or been gone while that matters, ``acked_s`` for how long it has been acknowledged,
    ``shelve_s`` how long it stays shelved yet (``once``: or until it is normal again). ``due``: it wants to call and has not, ``held`` why. ``raised`` are
    the latest times, on the annunciator's clock, when it wanted to. ``first_out``: it was the first of its ``burst`` (0: none) and stays marked until all of
    that are over. ``since`` and ``reason`` belong to the latest transition.
    """

    code: AlarmCode = AlarmCode.NORM
    stood_s: float = 0.0
    gone_s: float = 0.0
    acked_s: float = 0.0
    shelved: str = ""
    shelve_s: float = 0.0
    once: bool = False
    suppressed: bool = False
    retired: str = ""
    due: bool = False
    held: Held = Held.NOT
    raised: tuple[float, ...] = ()
    burst: int = 0
    first_out: bool = False
    since: Instant | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AnnunciatorState:
    """Memory of all alarms together.

    ``clock_s`` counts the time they were watched, so that neither a restart nor a clock that steps moves what is remembered on it: the latest times when
    alarms wanted to call (``raised``) and when they did (``called``), and when one last joined the present ``burst`` (``burst_s``).
    """

    clock_s: float = 0.0
    raised: tuple[float, ...] = ()
    called: tuple[float, ...] = ()
    flood: bool = False
    burst: int = 0
    burst_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DoseState:
    """Memory of one dosing limit: what has passed, in the actuator's unit of amount, and which limit is reached (empty: none).

    ``batch`` counts this batch, ``granted`` is what of it a person has let pass since by a reset. ``minutes`` are the whole minutes of the last
    hour, oldest first, empty ones before the first amount left out; ``minute`` is the running one, begun ``minute_s`` ago. ``rate`` is the
    largest value the actuator may stand at, ``confirmed_ns`` when it was confirmed last.
    """

    batch: float = 0.0
    reached: str = ""
    granted: float = 0.0
    minutes: tuple[float, ...] = ()
    minute: float = 0.0
    minute_s: float = 0.0
    rate: float = 0.0
    confirmed_ns: int = 0


@dataclass(frozen=True, slots=True)
class UnitState:
    """Memory of the unit as a whole.

    ``held`` says why all outputs stand at their safe values until somebody resumes (empty: they do not). ``uplink_lost_s`` is for how long the uplink has
    not been steadily connected, ``uplink_back_s`` for how long it is connected again, ``rung`` how far the ladder was climbed (0: connected, 1: lost, 2: the
    fallback set). ``setpoints`` are in force instead of those of the loops. ``batch`` is the name of the running batch. ``owner`` is the host that has
    remote authority (empty: none yet, or authority is not remote). ``conflict`` says which other host wanted something (empty: none), and stands for
    ``conflict_s`` yet.
    """

    held: str = ""
    authority: Authority = Authority.LOCAL
    uplink_lost_s: float = 0.0
    uplink_back_s: float = 0.0
    rung: int = 0
    setpoints: Mapping[str, float] = field(default_factory=dict)
    batch: str = ""
    owner: str = ""
    conflict: str = ""
    conflict_s: float = 0.0


@dataclass(frozen=True, slots=True)
class State:
    """Everything the core remembers. Keys are names of the plan. ``scan`` counts scans since the start of the run."""

    scan: int = 0
    tags: Mapping[str, TagState] = field(default_factory=dict)
    actuators: Mapping[str, ActuatorState] = field(default_factory=dict)
    interlocks: Mapping[str, InterlockState] = field(default_factory=dict)
    loops: Mapping[str, LoopState] = field(default_factory=dict)
    checks: Mapping[str, CheckState] = field(default_factory=dict)
    hazards: Mapping[str, HazardState] = field(default_factory=dict)
    alarms: Mapping[str, AlarmState] = field(default_factory=dict)
    annunciator: AnnunciatorState = field(default_factory=AnnunciatorState)
    doses: Mapping[str, DoseState] = field(default_factory=dict)
    unit: UnitState = field(default_factory=UnitState)
    dosing: Mapping[str, DosingState] = field(default_factory=dict)
    soft: Mapping[str, SoftState] = field(default_factory=dict)
    health: Mapping[str, HealthState] = field(default_factory=dict)
    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    feeds: Mapping[str, FeedState] = field(default_factory=dict)
    perfusions: Mapping[str, PerfusionState] = field(default_factory=dict)
    fusions: Mapping[str, FusionState] = field(default_factory=dict)
    calibrations: Mapping[str, CalibrationState] = field(default_factory=dict)
    sessions: Mapping[str, CalibrationSession] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What one scan decided: the next state, a measurement per tag, a command per actuator, events and replies."""

    state: State
    measurements: tuple[Measurement, ...]
    commands: tuple[Command, ...]
    events: tuple[Event, ...]
    replies: tuple[Reply, ...]
