"""Memory of how well a loop does: always of the same size, however long it runs."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Word(enum.Enum):
    """How a loop does. UNKNOWN: too early to say, or nobody wants it to regulate. WATCH: look at it next time. BAD: it needs somebody."""

    __hash__ = object.__hash__  # members are keys in each scan, and Enum hashes their names in Python

    UNKNOWN = "unknown"
    GOOD = "good"
    WATCH = "watch"
    BAD = "bad"


class Ailment(enum.Enum):
    """What ails a loop, the most telling first."""

    __hash__ = object.__hash__

    NONE = "none"
    ASTRAY = "does not follow"  # an actuator of the loop does not do what it is told, by its read-back
    IMPLAUSIBLE = "implausible"  # a plausibility check on the loop's tag or actuator fails
    SWINGING = "swings"  # a regular oscillation, of no telling shape
    STICKING = "sticks"  # a regular oscillation as a valve makes it that sticks
    SLAMMING = "slams"  # a regular oscillation of an output that goes from one end to the other
    NO_EFFECT = "no effect"  # the output moves far and the error does not get less
    AT_LIMIT = "at its limit"
    IDLE = "not regulating"
    SPREADING = "spreads"  # the error is much larger than it used to be


class Tick(NamedTuple):
    """What has passed of the running slot.

    Seconds, and of those regulating, idle (not regulating though it should), at the upper, the lower limit, and at rest (its actuators at their safe values,
    where it has nothing to do). ``error``, ``absolute`` (|error|) and ``output`` are integrals over regulating time.
    """

    passed_s: float = 0.0
    regulating_s: float = 0.0
    idle_s: float = 0.0
    high_s: float = 0.0
    low_s: float = 0.0
    rest_s: float = 0.0
    error: float = 0.0
    absolute: float = 0.0
    output: float = 0.0


class Half(NamedTuple):
    """Half a swing, from one crossing of the centre to the next: its length (s), integrals of |deviation| and deviation² of the error and of the output."""

    length_s: float = 0.0
    area: float = 0.0
    square: float = 0.0
    out_area: float = 0.0
    out_square: float = 0.0


class Swing(NamedTuple):
    """Memory of the search for oscillations.

    ``centre`` and ``out_centre`` are slow means of error and output (None: nothing yet), ``side`` that on which the running ``half`` is (0: neither yet),
    ``halves`` the last whole ones, oldest first.
    """

    centre: float | None = None
    out_centre: float = 0.0
    side: int = 0
    half: Half = Half()
    halves: tuple[Half, ...] = ()


class Chase(NamedTuple):
    """An error out of band that stays on one ``side`` (0: none): for how long (s), the largest so far, the last, and the output when it began."""

    side: int = 0
    length_s: float = 0.0
    worst: float = 0.0
    last: float = 0.0
    output: float = 0.0


class Bin(NamedTuple):
    """A twelfth of the window.

    Seconds, of those idle and settled; of the settled ones those at the upper, the lower limit and at rest, and the integral of |error| over them.
    """

    passed_s: float = 0.0
    idle_s: float = 0.0
    settled_s: float = 0.0
    high_s: float = 0.0
    low_s: float = 0.0
    rest_s: float = 0.0
    absolute: float = 0.0


class History(NamedTuple):
    """What the mean |error| used to be in this batch (tag unit), and from how many seconds of regulation that is known."""

    usual: float = 0.0
    known_s: float = 0.0
    batch: str = ""


class Finding(NamedTuple):
    """What one look finds: how ill, of what, and the line that says so."""

    word: Word = Word.UNKNOWN
    ailment: Ailment = Ailment.NONE
    line: str = ""


class Chart(NamedTuple):
    """What is known of the health of one loop, written once a slot.

    ``told`` is the finding in force, since ``since_ns`` (UTC, 0: since the start). The last looks found ``next`` instead, for ``next_s``. ``about`` is
    the set point that is judged (None: none yet), ``settle_s`` for how long it is left alone yet, ``gap_s`` for how long the loop has not regulated.
    """

    told: Finding = Finding()
    since_ns: int = 0
    next: Finding = Finding()
    next_s: float = 0.0
    about: float | None = None
    settle_s: float = 0.0
    gap_s: float = 0.0
    swing: Swing = Swing()
    chase: Chase = Chase()
    bin: Bin = Bin()
    bins: tuple[Bin, ...] = ()
    history: History = History()


class HealthState(NamedTuple):
    """Memory of the health of one loop: the running slot, and everything before it."""

    tick: Tick = Tick()
    chart: Chart = Chart()
