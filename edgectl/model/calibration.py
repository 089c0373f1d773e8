"""How a probe or a pump differs from the truth, who found that out and with what, and the session in which it is found out.

Of every kind: ``reading = offset + slope * true``. For a tag the reading is what its instrument says, for an actuator what its
instrument is told. Without a calibration slope is 1 and offset 0.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple


class Kind(enum.Enum):
    """What is calibrated, because that decides what is plausible."""

    PH = "ph"
    OXYGEN = "oxygen"
    TEMPERATURE = "temperature"
    SCALE = "scale"
    FLOW = "flow"
    PUMP = "pump"


class Standard(NamedTuple):
    """One comparison with something known.

    ``true`` is the value of the standard at its temperature, ``reading`` what the instrument said (of a pump: what it was told); both in the tag's unit,
    of a pump amounts. ``expires_utc_ns`` 0: it does not expire. ``found`` is what the unit believed before (as found), ``left`` what it believes with the
    new calibration (as left).
    """

    true: float
    reading: float
    name: str = ""
    lot: str = ""
    expires_utc_ns: int = 0
    found: float = 0.0
    left: float = 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """One approved calibration of a tag or an actuator. ``due_utc_ns`` 0: nobody said when it is due. ``remark`` says what is still good but worth knowing."""

    kind: Kind
    channel: str
    slope: float
    offset: float
    standards: tuple[Standard, ...] = ()
    person: str = ""
    reason: str = ""
    at_utc_ns: int = 0
    due_utc_ns: int = 0
    remark: str = ""


@dataclass(frozen=True, slots=True)
class CalibrationState:
    """What is in force for one tag or actuator (None: what the instrument says), and those before it, latest first.

    ``warned``: empty, ``due soon`` or ``overdue``, as told. ``grabbed`` is what the instrument said when a sample was taken for a product calibration.
    """

    current: Calibration | None = None
    earlier: tuple[Calibration | None, ...] = ()
    warned: str = ""
    grabbed: float | None = None
    grabbed_utc_ns: int = 0


@dataclass(frozen=True, slots=True)
class CalibrationSession:
    """Somebody calibrates a tag (function check of NE 107) or weighs what an actuator gives.

    It ends after ``left_s``, or after ``lease_s`` unless it is renewed before. ``reading`` is what the instrument says now (None: nothing usable, ``fault`` says why),
    taken at ``reading_ns``; ``low`` and ``high`` are the extremes so far. ``run`` is what an actuator shall give for ``run_s`` yet, ``given`` what it was told to give since
    the run began, in its unit times seconds, by what its calibration in force makes of that.
    """

    who: str
    left_s: float
    lease_s: float
    reading: float | None = None
    reading_ns: int = 0
    fault: str = ""
    low: float | None = None
    high: float | None = None
    run: float = 0.0
    run_s: float = 0.0
    given: float = 0.0
