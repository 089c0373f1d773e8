"""What a person or a host asks of the unit, and the answer."""

from __future__ import annotations

import enum
from typing import NamedTuple

LONGEST_HOST = 64


class Ask(enum.Enum):
    """Kinds of request the core understands."""

    SETPOINT = "setpoint"  # of a loop
    MODE = "mode"  # of a loop or an actuator
    OUTPUT = "output"  # by hand, of a loop or an actuator
    RESET = "reset"  # a latched hazard, alarm or dosing limit, or all
    ACKNOWLEDGE = "acknowledge"  # an alarm, or all
    SHELVE = "shelve"  # an alarm, for ``value`` seconds (0: until it next returns to normal)
    UNSHELVE = "unshelve"  # an alarm
    RETIRE = "retire"  # an alarm: out of service
    RETURN = "return"  # an alarm: back to service
    AUTHORITY = "authority"  # of the unit: local, remote or maintenance
    HOLD = "hold"  # the unit
    RESUME = "resume"  # the unit
    BATCH = "batch"  # the unit: a new batch of this name begins, and totals with it
    TUNE = "tune"  # a loop: an experiment begins (its method), or stops
    FEED = "feed"  # a feed or a perfusion: start, pause, resume, stop, clock HOURS, bolus AMOUNT
    CALIBRATE = "calibrate"  # a tag or an actuator: a session begins or ends, a calibration comes into force or is taken back


class Origin(enum.Enum):
    """Where a request comes from: from beside the unit, or through the uplink."""

    LOCAL = "local"
    REMOTE = "remote"


class Authority(enum.Enum):
    """Whose requests are heard: those from beside the unit, those through the uplink too, or only a maintainer's."""

    LOCAL = "local"
    REMOTE = "remote"
    MAINTENANCE = "maintenance"


class Request(NamedTuple):
    """One request. ``target`` is a loop, an actuator, an alarm, a hazard or the unit; ``value`` a number in its unit, or a word.

    ``identity`` tells requests apart for replies and records; ``actor`` and ``reason`` go to the journal as they are. ``host`` is the
    host system through which a remote request comes; empty for a local one.
    """

    identity: str
    ask: Ask
    target: str
    value: float | str
    actor: str
    reason: str
    origin: Origin = Origin.LOCAL
    host: str = ""

    @property
    def who(self) -> str:
        """Who asks, as records name it: the actor, behind the host that speaks for it."""
        return f"{self.host}/{self.actor}" if self.host else self.actor


class Reply(NamedTuple):
    """The answer to one request: accepted, or refused and why."""

    identity: str
    accepted: bool
    reason: str


def is_host(name: str) -> bool:
    """Whether this can be the name of a host system: records write ``host/actor``."""
    return 0 < len(name) <= LONGEST_HOST and name.isprintable() and "/" not in name
