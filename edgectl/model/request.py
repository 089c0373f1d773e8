"""What a person or a host asks of the unit, and the answer."""

from __future__ import annotations

import enum
from typing import NamedTuple


class Ask(enum.Enum):
    """Kinds of request the core understands."""

    SETPOINT = "setpoint"
    MODE = "mode"
    OUTPUT = "output"


class Request(NamedTuple):
    """One request. ``target`` is a loop or an actuator, ``value`` a number in its unit, or a mode name for MODE.

    ``identity`` tells requests apart for replies and records; ``actor`` and ``reason`` go to the journal as they are.
    """

    identity: str
    ask: Ask
    target: str
    value: float | str
    actor: str
    reason: str


class Reply(NamedTuple):
    """The answer to one request: accepted, or refused and why."""

    identity: str
    accepted: bool
    reason: str
