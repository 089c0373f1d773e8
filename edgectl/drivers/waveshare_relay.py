"""Waveshare Modbus RTU Relay, 8 channels, protocol V2."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.fault import Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.wire.limit import sendable
from edgectl.wire.port import ModbusPort

MANUAL = "Waveshare wiki, Modbus RTU Relay, protocol V2 (boards from September 2021)"
WIRE = Wire.MODBUS
WATCHDOG: Watchdog | None = None  # none by itself; ``watchdog`` for the one the options make

RELAYS = 8
ON, OFF = 0xFF00, 0x0000
FLASH_ON = 0x0200
"""Coil 0x0200 + n closes relay n and opens it again after value x 100 ms: written again in time, a dead man's switch."""
SOFTWARE_VERSION = 0x8000
LONGEST_HOLD_S = 0x7FFF / 10


@dataclass(frozen=True, slots=True)
class Options:
    """``hold_s``: a closed relay opens by itself when it was not written for so long, 5 to 3276 s; 0: it stays closed."""

    hold_s: float = 0.0

    def __post_init__(self) -> None:
        if self.hold_s != 0 and not 5 <= self.hold_s <= LONGEST_HOLD_S:
            raise ValueError(f"hold_s: {self.hold_s!r} must be 0 or 5 to {LONGEST_HOLD_S:g} s")


CHANNELS = tuple(
    Channel(f"relay{n}", "", 0.0, 1.0, safe=0.0, discrete=True, description=f"relay {n}, 1 is closed")
    for n in range(1, RELAYS + 1)
)
NAMES = tuple(channel.name for channel in CHANNELS)
POLLS = (Poll("relays", NAMES),)


def channels(options: Options) -> tuple[Channel, ...]:  # noqa: ARG001 - the same for every board
    """The relays, set and read back."""
    return CHANNELS


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every board
    """All relays in one read."""
    return POLLS


def watchdog(options: Options) -> Watchdog | None:
    """The board has no communication watchdog; with ``hold_s`` each relay is its own."""
    return Watchdog(options.hold_s, "relay opens") if options.hold_s else None


def encode(relay: int, closed: bool, hold_s: float) -> tuple[int, int]:
    """Coil address and value of function 05 for relay ``relay``, counted from 0."""
    if closed and hold_s:
        return FLASH_ON + relay, round(hold_s * 10)
    return relay, ON if closed else OFF


PROBES = (
    Probe((9600, 19200, 38400, 57600, 115_200, 4800), "8N1", numbers(1, 255), (Variant(Options()),), rank=1),
)


class Driver:
    """One board at a unit address."""

    def __init__(self, port: ModbusPort, address: str, options: Options) -> None:
        self._port = port
        self._address = address
        self._hold_s = options.hold_s

    async def identify(self) -> Identity:
        """Software version; boards of protocol V1 and other boards refuse the version or the relays. No serial number is told."""
        try:
            (version,) = await self._port.read_holding(SOFTWARE_VERSION, 1)
            await self._port.read_coils(0, RELAYS)
        except Refused as refusal:
            if not refusal.unknown:
                raise
            raise WrongInstrument(
                f"unit {self._address} is no Waveshare relay of protocol V2: {refusal}"
            ) from refusal
        return Identity("Waveshare", "Modbus RTU Relay 8CH", "", f"{version / 100:.2f}")

    async def prepare(self) -> None:
        """Nothing to set: relays answer as they are."""

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """All relays."""
        states = await self._port.read_coils(0, RELAYS)
        return tuple(Reading(name, float(state)) for name, state in zip(NAMES, states, strict=True))

    async def write(self, channel: str, value: float) -> float:
        """Close (1) or open (0) a relay, and return what it reads back."""
        closed = bool(sendable(CHANNELS, channel, value))
        relay = NAMES.index(channel)
        await self._port.write_coil(*encode(relay, closed, self._hold_s))
        return float((await self._port.read_coils(0, RELAYS))[relay])
