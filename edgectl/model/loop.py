"""The nouns of a control loop."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class Mode(enum.Enum):
    """Who decides the output of a loop (ISA-5.1 use of the words).

    OOS: nobody, its actuators get no demand from it. MAN: an operator. AUTO: the loop, towards an operator's set point.
    CAS: the loop, towards the output of its master loop.
    """

    OOS = "OOS"
    MAN = "MAN"
    AUTO = "AUTO"
    CAS = "CAS"


class ForwardState(NamedTuple):
    """Memory of one feed-forward: its contribution to the output, and whether its source was GOOD at the last step.

    ``lagged`` and ``standing`` are the values of its lag and its washout. ``queue`` holds what is under way through the delay, oldest first, the
    newest entered ``since_s`` ago.
    """

    share: float = 0.0
    live: bool = False
    lagged: float = 0.0
    standing: float = 0.0
    queue: tuple[float, ...] = ()
    since_s: float = 0.0


class PidState(NamedTuple):
    """Memory of the law. A tuple, because every loop makes one a scan.

    ``integral`` and ``offset`` are in output units; the offset is what a transfer owes, and fades. ``filtered`` is the measurement behind the filter
    of the derivative (None: before the first sample), ``slope`` its rate of change per second. ``gain`` is the gain of the last step (0: there was none), ``grown`` what it added to the integral.
    ``law`` marks the parameters it was made with; 0 when the loop has not regulated without a break since.
    ``nearest`` is the least error of a start-up under way (None: none is), ``stalled_s`` for how long it has been the least. ``seen`` is the sample used
    last, taken at ``at_ns``, ``smoothed`` the measurement behind its own filter and ``rise`` its rate of change. ``reference`` is the lagged set point.
    ``factors`` are those of the schedule (None: never known).
    """

    integral: float = 0.0
    filtered: float | None = None
    slope: float = 0.0
    offset: float = 0.0
    gain: float = 0.0
    grown: float = 0.0
    law: int = 0
    nearest: float | None = None
    stalled_s: float = 0.0
    seen: float | None = None
    at_ns: int = 0
    smoothed: float | None = None
    rise: float = 0.0
    reference: float | None = None
    factors: tuple[float, float] | None = None
    forward: tuple[ForwardState, ...] = ()


BLANK = PidState()


@dataclass(frozen=True, slots=True)
class LoopState:
    """Memory of one loop.

    ``target`` is the set point asked for, ``setpoint`` the ramped one in force, ``output`` what the loop last wanted and
    ``achieved`` what its actuators really did (both in the loop's output unit), ``unsure_s`` for how long the
    input has not been GOOD, ``condition`` one word for people: regulating, holding, fallback, manual, out of service, tracking,
    waiting (for the first GOOD input since the start), tuning (an experiment has the output). ``kept`` is the integral of the run before, with which a resumed loop begins (None: it does not
    resume). ``faults`` counts the exceptions of its law, ``calm_s`` the time since the last. A loop put in MAN goes back to
    ``prior`` (None: it is in MAN for good) in ``manual_left_s`` (None: when somebody says so); ``remote``: its output came through the uplink.
    ``waited`` is for how long each further servo has been wanted (s), ``limit`` what keeps the output from it, for people (empty: nothing).
    """

    mode: Mode
    target: float
    setpoint: float
    output: float
    achieved: float
    pid: PidState = BLANK
    unsure_s: float = 0.0
    condition: str = ""
    kept: float | None = None
    faults: int = 0
    calm_s: float = 0.0
    prior: Mode | None = None
    manual_left_s: float | None = None
    remote: bool = False
    waited: tuple[float, ...] = ()
    limit: str = ""
