"""What protects a unit, as planned: interlocks, plausibility checks, the hazard matrix, alarms, dosing limits, the ladder of a lost uplink.

Everything that can be a cause of something is a ``Cause``, so that hazards and alarms name the same things by the same words.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Relation(enum.Enum):
    """Comparison of a value with a limit."""

    ABOVE = "above"
    BELOW = "below"


class Action(enum.IntEnum):
    """What a hazard asks for; the highest wins.

    WARN: nothing moves. HOLD: the last value, for at most the actuator's ``hold_max_s``, then FALLBACK. FALLBACK: the actuator's configured
    fixed value. SAFE: its safe value. TRIP: every actuator of the unit to its safe value, latched until a reset after the cause is gone.
    """

    NONE = 0
    WARN = 1
    HOLD = 2
    FALLBACK = 3
    SAFE = 4
    TRIP = 5


class Priority(enum.Enum):
    """How soon an alarm wants its response (ISA-18.2)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class AlarmCode(enum.Enum):
    """States of an alarm (ISA-18.2, A to I); the latched two and their codes are ours."""

    NORM = "NORM"  # normal
    UNACK = "UNACK"  # abnormal, calls for somebody
    ACKED = "ACKED"  # abnormal, somebody knows
    RTNUN = "RTNUN"  # normal again before anybody acknowledged it
    LTUNK = "LTUNK"  # normal again, latched, not acknowledged
    LTACK = "LTACK"  # normal again, latched, acknowledged: waits for a reset
    SHLVD = "SHLVD"  # shelved by an operator
    DSUPR = "DSUPR"  # suppressed by design
    OOSRV = "OOSRV"  # out of service


class Held(enum.Enum):
    """Why an alarm that wants to call does not: listed, evaluated and recorded, but silent."""

    NOT = ""
    FLOOD = "held back by flood"
    ENOUGH = "held back, enough have called"  # the places that are left are kept for HIGH
    REPEATING = "held back, repeating"


class Watch(enum.Enum):
    """What a cause looks at; ``subject`` names it."""

    __hash__ = object.__hash__  # members are keys in each scan, and Enum hashes their names in Python

    TAG = "tag"  # a tag beyond a limit; not known counts as beyond
    BAD = "bad"  # a tag without a believable value
    CHECK = "check"  # a plausibility check that fails
    STUCK = "stuck"  # an actuator that does not follow its commands
    DOSE = "dose"  # a dosing limit that is reached
    LOOP = "loop"  # a loop that ought to regulate and does not
    MANUAL = "manual"  # a manual output, of an actuator or a loop, whose time is running out
    INTERLOCK = "interlock"  # an interlock that acts
    HAZARD = "hazard"  # a hazard that acts
    UPLINK = "uplink"  # the uplink has been lost for longer than the ladder's first rung
    JOURNAL = "journal"  # the journal cannot write
    HEALTH = "health"  # a loop that does badly
    FEED = "feed"  # a feed that gives other than planned, or a perfusion whose pumps disagree with its weight
    VOTE = "vote"  # a tag of several probes, of which not all count and agree
    CONFLICT = "conflict"  # another host than the owner of remote authority has asked for something within the last minute


@dataclass(frozen=True, slots=True)
class Cause:
    """A condition that stands or does not. ``relation``, ``limit`` and ``hysteresis`` (tag unit) belong to TAG alone."""

    watch: Watch
    subject: str = ""
    relation: Relation = Relation.ABOVE
    limit: float = 0.0
    hysteresis: float = 0.0


@dataclass(frozen=True, slots=True)
class InterlockPlan:
    """While ``tag`` is beyond ``limit`` (or not known: BAD), every actuator named is forced to ``value`` (None: its safe value).

    Active after ``delay_s`` beyond the limit, or when the tag has not been known for ``unknown_s`` (None: ``delay_s``); released when the tag is
    back by ``hysteresis``.
    """

    name: str
    tag: str
    relation: Relation
    limit: float
    actuators: tuple[str, ...]
    hysteresis: float = 0.0
    delay_s: float = 0.0
    value: float | None = None
    description: str = ""
    unknown_s: float | None = None


@dataclass(frozen=True, slots=True)
class HazardPlan:
    """One row of the hazard matrix: when ``cause`` has stood for ``delay_s``, ``action`` is taken on ``actuators`` (empty: all of the unit).

    It ends by itself when the cause has been gone for ``clear_s``, unless it is ``latched`` (a TRIP always is): then by a reset after that.
    """

    name: str
    cause: Cause
    action: Action
    actuators: tuple[str, ...] = ()
    delay_s: float = 0.0
    clear_s: float = 0.0
    latched: bool = False
    description: str = ""


class CheckKind(enum.Enum):
    """Plausibility checks: what ought to follow from what, by physics."""

    NO_EFFECT = "no effect"  # the actuator drives, the tag does not move as it must (heater without rise, base without pH, pump without weight)
    UNCAUSED = "uncaused"  # the tag moves although the actuator does not drive (rise without heater)
    NOISE_LOSS = "noise loss"  # a live signal has lost its noise
    CEILING = "ceiling"  # the tag stands above what is physically possible (DO above what the gas can give)
    DISAGREEMENT = "disagreement"  # two redundant tags differ
    NEAR = "near"  # the tag stands where a dead probe stands (open-circuit pH at 7.00)


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """One plausibility check on ``tag``. It fails within ``window_s`` of the fault, which is the stated detection time.

    ``amount`` (tag unit) is the move that counts as an effect (NO_EFFECT, UNCAUSED; upwards if ``rising``), the least noise (NOISE_LOSS), the
    greatest excess (CEILING) or difference (DISAGREEMENT), or the half width around ``value`` (NEAR).

    ``actuator`` has driven the tag when its confirmed value, summed over the window, reaches ``drive`` for ``drive_s``. With ``other`` it is a
    set point and drives by what it is beyond that tag. It drives only while the switch ``enabled_by`` is on. For NOISE_LOSS ``drive`` is how far it
    must have moved. ``noise`` is the noise below which a NEAR tag is dead.

    CEILING is ``value``, or the mean of the tags' own ``mix`` values weighted by those tags: what the gases that flow can give at most.
    """

    name: str
    kind: CheckKind
    tag: str
    window_s: float
    amount: float
    actuator: str = ""
    drive: float = 0.0
    other: str = ""
    value: float = 0.0
    rising: bool = True
    description: str = ""
    drive_s: float = 0.0
    enabled_by: str = ""
    noise: float = 0.0
    mix: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmPlan:
    """One alarm (ISA-18.2): annunciated when ``cause`` has stood for ``on_delay_s``, normal again when it has been gone for ``off_delay_s``.

    ``latching`` keeps it until an operator resets it. ``suppressed_by`` names a hazard or an interlock during which it is suppressed by design.
    ``re_alarm_s`` (0: never) annunciates an acknowledged alarm again. ``consequence``, ``response`` and ``response_s`` tell the operator.
    """

    name: str
    cause: Cause
    priority: Priority
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    latching: bool = False
    re_alarm_s: float = 0.0
    suppressed_by: str = ""
    description: str = ""
    consequence: str = ""
    response: str = ""
    response_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DosePlan:
    """The most that may pass one actuator, in ``unit``: its own unit integrated over time (``rate_s``: seconds of the rate, 60 for mL/min).

    ``per_hour`` and ``per_batch`` (0: no limit) count what the instrument confirmed, and survive restarts. Reached, it is latched.
    """

    actuator: str
    rate_s: float
    per_hour: float = 0.0
    per_batch: float = 0.0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class LadderPlan:
    """What happens when the uplink stays away.

    After ``alarm_s`` it counts as lost: remote authority and remote manual outputs end. After ``local_hold_s`` the set points move to
    ``setpoints`` at ``ramps`` (tag unit per second), and ``stop`` are held at their safe values. It is back when connected for ``return_s``.
    """

    alarm_s: float = 60.0
    local_hold_s: float = 4 * 3600.0
    return_s: float = 10.0
    setpoints: tuple[tuple[str, float], ...] = ()
    ramps: tuple[tuple[str, float], ...] = ()
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestartPlan:
    """After an outage of at most ``resume_within_s`` loops go on once their inputs are GOOD; after a longer one the unit comes up HELD and asks."""

    resume_within_s: float = 120.0


@dataclass(frozen=True, slots=True)
class AuthorityPlan:
    """Who may ask. ``manual_s`` is how long a manual output stands before it goes back by itself (0: for ever), warned ``warn_s`` before."""

    manual_s: float = 1800.0
    warn_s: float = 60.0
    shelve_s: float = 8 * 3600.0
