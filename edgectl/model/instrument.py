"""What a driver shows of an instrument, and the one seam to it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from edgectl.model.measurement import Reading


class Wire(enum.Enum):
    """The protocol family a driver speaks."""

    MODBUS = "modbus"
    ASCII = "ascii"


@dataclass(frozen=True, slots=True)
class Channel:
    """One value of an instrument, in ``unit`` and between ``low`` and ``high``.

    ``safe`` is the value that is safe by the instrument's nature; None marks a channel that cannot be written. ``discrete``
    channels take 0 and 1. A written channel may be read as well (``readable``).
    """

    name: str
    unit: str
    low: float
    high: float
    safe: float | None = None
    readable: bool = True
    discrete: bool = False
    description: str = ""

    @property
    def writable(self) -> bool:
        """Whether an actuator may be bound to this channel."""
        return self.safe is not None


@dataclass(frozen=True, slots=True)
class Poll:
    """Channels that one call of ``Driver.read`` brings; ``every`` counts in poll periods of the instrument.

    A group that no tag or actuator of the plan needs is not polled, unless the driver itself needs it ``always``.
    """

    name: str
    channels: tuple[str, ...]
    every: int = 1
    always: bool = False


@dataclass(frozen=True, slots=True)
class Watchdog:
    """The instrument's own communication watchdog: without a write for ``timeout_s`` it acts as ``action`` says."""

    timeout_s: float
    action: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers at an address; empty where the instrument does not tell."""

    maker: str
    model: str
    serial_number: str = ""
    firmware: str = ""


class Driver(Protocol):
    """One instrument on a line. Every method may raise ``InstrumentFault`` and nothing else that is a fault."""

    async def identify(self) -> Identity:
        """Ask who answers, without changing anything.

        Raises:
            WrongInstrument: something else answers at this address.
        """
        ...

    async def prepare(self) -> None:
        """Bring the instrument into the state ``read`` and ``write`` need, and verify it by reading back.

        Called after ``identify`` at start, after every loss of the line and after every restart of the instrument; moves no output.
        """
        ...

    async def read(self, poll: str) -> tuple[Reading, ...]:
        """One poll group: a reading for every channel of it, in one consistent exchange where the protocol allows."""
        ...

    async def write(self, channel: str, value: float) -> float:
        """Set an output, in the channel's unit, and return what the instrument confirms to have set."""
        ...
