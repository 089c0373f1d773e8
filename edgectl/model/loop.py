"""The nouns of a control loop."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Mode(enum.Enum):
    """Who decides the output of a loop (ISA-5.1 use of the words).

    OOS: nobody, its actuators get no demand from it. MAN: an operator. AUTO: the loop, towards an operator's set point.
    CAS: the loop, towards the output of its master loop.
    """

    OOS = "OOS"
    MAN = "MAN"
    AUTO = "AUTO"
    CAS = "CAS"


@dataclass(frozen=True, slots=True)
class PidState:
    """Memory of the PID law: integral in output units, and the filtered process value (None before the first step)."""

    integral: float = 0.0
    filtered: float | None = None


@dataclass(frozen=True, slots=True)
class LoopState:
    """Memory of one loop.

    ``target`` is the set point asked for, ``setpoint`` the ramped one in force, ``output`` what the loop last wanted and
    ``achieved`` what its actuators really did (both in the loop's output unit), ``unsure_s`` for how long the
    input has not been GOOD, ``condition`` one word for people: regulating, holding, fallback, manual, out of service, tracking,
    waiting (for the first GOOD input since the start), tuning (an experiment has the output). ``kept`` is the integral of the run before, with which a resumed loop begins (None: it does not
    resume). ``faults`` counts the exceptions of its law, ``calm_s`` the time since the last. A loop put in MAN goes back to
    ``prior`` (None: it is in MAN for good) in ``manual_left_s`` (None: when somebody says so); ``remote``: its output came through the uplink.
    """

    mode: Mode
    target: float
    setpoint: float
    output: float
    achieved: float
    pid: PidState = PidState()
    unsure_s: float = 0.0
    condition: str = ""
    kept: float | None = None
    faults: int = 0
    calm_s: float = 0.0
    prior: Mode | None = None
    manual_left_s: float | None = None
    remote: bool = False
