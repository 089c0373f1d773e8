"""The compiled plan: what one unit is and shall do. Plain data in SI seconds and the units of its tags.

A plan is made by ``edgectl.config`` from a unit folder and by nothing else; control loads it from its JSON form.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgectl.model.dosing import PulsePlan
from edgectl.model.feed_plan import FeedPlan, PerfusionPlan
from edgectl.model.fusion import FusionPlan
from edgectl.model.health_plan import HealthPlan
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.safety import (
    AlarmPlan,
    AuthorityPlan,
    CheckPlan,
    DosePlan,
    HazardPlan,
    InterlockPlan,
    LadderPlan,
    RestartPlan,
)
from edgectl.model.soft_plan import SoftPlan
from edgectl.model.uplink_plan import JournalPlan, UplinkPlan
from edgectl.model.vessel_plan import VesselPlan


class Medium(enum.Enum):
    """What carries the bytes of a line."""

    SERIAL = "serial"
    TCP = "tcp"


class Protocol(enum.Enum):
    """Framing on a line."""

    MODBUS_RTU = "modbus-rtu"
    MODBUS_TCP = "modbus-tcp"
    ASCII = "ascii"


class Parity(enum.Enum):
    """Serial parity."""

    NONE = "none"
    EVEN = "even"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class LinePlan:
    """One line: a serial port or a TCP connection. ``port`` is a stable device path; ``host``/``tcp_port`` are for TCP.

    ``timeout_s`` is the time an instrument has for the first byte of its reply. ``rs485`` asks the kernel to switch the
    direction. ``in_flight`` (Modbus TCP only) is how many requests may wait for answers at once.
    """

    name: str
    medium: Medium
    protocol: Protocol
    port: str = ""
    baud: int = 9600
    data_bits: int = 8
    parity: Parity = Parity.NONE
    stop_bits: int = 1
    rs485: bool = False
    host: str = ""
    tcp_port: int = 502
    timeout_s: float = 0.5
    in_flight: int = 1


@dataclass(frozen=True, slots=True)
class InstrumentPlan:
    """One instrument: which driver speaks to which address on which line, how often, with which options.

    ``options`` is the driver's ``Options`` as JSON. ``serial_number`` empty means: any.
    """

    name: str
    driver: str
    line: str
    address: str
    poll_s: float
    options: Mapping[str, Any] = field(default_factory=dict)
    serial_number: str = ""


@dataclass(frozen=True, slots=True)
class TagPlan:
    """One measured value: where it comes from and when it may be believed.

    The channel of what a soft sensor works out is ``soft:`` and its name; no instrument has one of that name.

    A value is GOOD up to ``late_s`` old, UNCERTAIN up to ``stale_s`` (the ``Ts`` of the unit), BAD beyond. Outside ``low``..``high`` it
    is BAD. ``flat_s`` (0: off): the same raw value for so long is BAD. ``rate_per_s`` (0: off): a faster step is UNCERTAIN for at most
    ``rate_samples``, as long as the value before it is not stale; then it is believed. A tag with ``fusion`` has no channel: it is made of other tags, and
    their times and rates hold. ``report`` and ``heartbeat_s`` are the journal's dead band (tag unit) and longest silence.
    """

    name: str
    channel: str
    unit: str
    low: float
    high: float
    late_s: float
    stale_s: float
    flat_s: float = 0.0
    rate_per_s: float = 0.0
    rate_samples: int = 2
    report: float = 0.0
    heartbeat_s: float = 60.0
    description: str = ""
    fusion: FusionPlan | None = None


@dataclass(frozen=True, slots=True)
class ActuatorPlan:
    """One output: where it goes and what it may do.

    ``safe`` is the value of promise 1; ``normal`` is the demand when no loop drives it (None: safe). A command is a lease of ``lease_s``,
    renewed by each scan and rewritten to the instrument at least every ``renew_s``. ``rate_per_s`` (0: off) limits moves, except towards
    ``safe`` on an interlock. Read-back further than ``tolerance`` from the command means the actuator does not follow. ``fallback`` is the
    value of a FALLBACK action (None: safe), ``hold_max_s`` how long a HOLD may keep the last value. Away from ``safe`` it stays for at least
    ``min_on_s``, at ``safe`` for at least ``min_off_s``, except that nothing delays a protective move to ``safe``. ``pulse``: it doses in pulses (None: steadily).
    ``rivals`` never give together with it: it waits until each has given nothing for ``lockout_s``.
    """

    name: str
    channel: str
    unit: str
    low: float
    high: float
    safe: float
    normal: float | None = None
    lease_s: float = 5.0
    renew_s: float = 2.0
    rate_per_s: float = 0.0
    tolerance: float = 0.0
    resolution: float = 0.0
    discrete: bool = False
    description: str = ""
    fallback: float | None = None
    hold_max_s: float = 0.0
    min_on_s: float = 0.0
    min_off_s: float = 0.0
    pulse: PulsePlan | None = None
    rivals: tuple[str, ...] = ()
    lockout_s: float = 0.0
    delivered: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole unit. ``digest`` is SHA-256 over the canonical JSON of everything else (``edgectl.model.codec``)."""

    unit: str
    description: str
    period_s: float
    lines: tuple[LinePlan, ...]
    instruments: tuple[InstrumentPlan, ...]
    tags: tuple[TagPlan, ...]
    actuators: tuple[ActuatorPlan, ...]
    interlocks: tuple[InterlockPlan, ...]
    loops: tuple[LoopPlan, ...]
    uplink: UplinkPlan = field(default_factory=UplinkPlan)
    journal: JournalPlan = field(default_factory=JournalPlan)
    checks: tuple[CheckPlan, ...] = ()
    hazards: tuple[HazardPlan, ...] = ()
    alarms: tuple[AlarmPlan, ...] = ()
    doses: tuple[DosePlan, ...] = ()
    ladder: LadderPlan = field(default_factory=LadderPlan)
    restart: RestartPlan = field(default_factory=RestartPlan)
    authority: AuthorityPlan = field(default_factory=AuthorityPlan)
    digest: str = ""
    vessel: VesselPlan | None = None
    soft: tuple[SoftPlan, ...] = ()
    health: tuple[HealthPlan, ...] = ()
    feeds: tuple[FeedPlan, ...] = ()
    perfusions: tuple[PerfusionPlan, ...] = ()
