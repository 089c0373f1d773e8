"""Huber thermostats, PB protocol, on a line of their own or raw TCP (port 8101).

From public drivers, to be checked on the thermostat: power (04), fill level (0F), and that 7FFF means "not on this model". The set point belongs to whichever controller is active:
select internal or process by hand. A newer thermostat has a communication watchdog whose parameter is not known; it is not used. Venting and draining (6F, 70) are never sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgectl.model.fault import BadReply, Misconfigured, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import ALONE, Probe, Variant
from edgectl.model.quality import DeviceStatus
from edgectl.wire.limit import sendable
from edgectl.wire.pb import decode, encode_read, encode_write
from edgectl.wire.port import AsciiPort
from edgectl.wire.status import Finding, worst
from edgectl.wire.text_line import ended

MANUAL = "Huber, data communication PB; parameters as public drivers have them"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None

SETPOINT, BATH, POWER, ERROR, WARNING, PROCESS, LEVEL, CONTROL = (
    0x00,
    0x01,
    0x04,
    0x05,
    0x06,
    0x07,
    0x0F,
    0x14,
)
SERIAL_HIGH, SERIAL_LOW = 0x1B, 0x1C
NO_SENSOR, NOT_HERE = -15_100, 0x7FFF
"""-151.00 degC, and the value of a parameter that the model has not."""
_PER_C = 100


@dataclass(frozen=True, slots=True)
class Options:
    """The thermostat and what it may be set to.

    ``low_c``, ``high_c``: range of the set point, degC; the thermostat itself allows far more. ``safe_c``: set point that harms nobody, degC. ``process``: read the process
    sensor.
    """

    low_c: float
    high_c: float
    safe_c: float
    process: bool = False

    def __post_init__(self) -> None:
        if not -150 <= self.low_c <= self.safe_c <= self.high_c <= 327:
            raise ValueError(f"safe_c: {self.safe_c:g} must be in {self.low_c:g}..{self.high_c:g} degC")


BATH_CHANNEL = Channel("bath", "degC", -150.0, 327.0, description="internal temperature")
PROCESS_CHANNEL = Channel("process", "degC", -150.0, 327.0, description="process sensor")
CONTROL_CHANNEL = Channel("control", "", 0.0, 1.0, safe=0.0, discrete=True, description="1 while it controls")
SERVICE = (
    Channel("power", "W", -32_000.0, 32_000.0, description="heating, negative cooling"),
    Channel("level", "%", 0.0, 100.0, description="fill level"),
)


def channels(options: Options) -> tuple[Channel, ...]:
    """Temperatures, set point, whether it controls; power and fill level for maintenance."""
    setpoint = Channel(
        "setpoint",
        "degC",
        options.low_c,
        options.high_c,
        safe=options.safe_c,
        description="of the active controller",
    )
    process = (PROCESS_CHANNEL,) if options.process else ()
    return (BATH_CHANNEL, *process, setpoint, CONTROL_CHANNEL, *SERVICE)


def polls(options: Options) -> tuple[Poll, ...]:
    """What control needs with error and warning, which judge it; the rest now and then, if a tag asks for it."""
    control = tuple(channel.name for channel in channels(options) if channel not in SERVICE)
    return (Poll("control", control), Poll("service", ("power", "level"), every=10))


def decode_temperature(channel: Channel, value: int) -> Reading:
    """In 0.01 degC; -151.00, below every temperature, says "no sensor"."""
    if value == NOT_HERE:
        return Reading(channel.name, None, DeviceStatus.FAILURE, "not on this model")
    degrees = value / _PER_C
    if not channel.low <= degrees <= channel.high:
        return Reading(
            channel.name, None, DeviceStatus.FAILURE, f"{degrees:.2f} degC: no sensor or no valid value"
        )
    return Reading(channel.name, degrees)


def findings(error: int, warning: int) -> tuple[Finding, ...]:
    """What error and warning say: a negative number is a code of the maker's tables, anything else is none."""
    return (
        (DeviceStatus.FAILURE, f"error {error}") if error < 0 else (DeviceStatus.GOOD, ""),
        (DeviceStatus.MAINTENANCE_REQUIRED, f"warning {warning}") if warning < 0 else (DeviceStatus.GOOD, ""),
    )


def _who(_: str) -> bytes:
    return encode_read(SERIAL_HIGH)


PROBES = (
    Probe(
        (9600,),
        "8N1",
        ALONE,
        (Variant(Options(low_c=5.0, high_c=45.0, safe_c=25.0), re.compile(rb"\{S1B[0-9A-F]{4}")),),
        _who,
        wait_s=0.2,
    ),
)


class Driver:
    """One thermostat on its line."""

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:  # noqa: ARG002 - no bus
        self._port = port
        self._options = options
        self._channels = {channel.name: channel for channel in channels(options)}
        self._sent: dict[int, int] = {}

    async def identify(self) -> Identity:
        """Serial number; the protocol tells no model.

        Raises:
            WrongInstrument: what answers does not speak PB.
        """
        try:
            words = [await self._ask(address) & 0xFFFF for address in (SERIAL_HIGH, SERIAL_LOW)]
        except BadReply as fault:
            raise WrongInstrument(f"no Huber thermostat: {fault}") from fault
        return Identity("Huber", "", str(words[0] << 16 | words[1]))

    async def prepare(self) -> None:
        """There must be a set point and a switch; nothing is started, stopped or set."""
        if await self._ask(SETPOINT) in (NO_SENSOR, NOT_HERE) or await self._ask(CONTROL) not in (0, 1):
            raise Misconfigured(
                "the thermostat has no set point or cannot be switched: select a temperature mode"
            )

    async def read(self, poll: str) -> tuple[Reading, ...]:
        """Values one by one, each under its own address."""
        if poll == "service":
            return await self._service()
        found = [decode_temperature(BATH_CHANNEL, await self._ask(BATH))]
        if self._options.process:
            found.append(decode_temperature(PROCESS_CHANNEL, await self._ask(PROCESS)))
        said = findings(await self._ask(ERROR), await self._ask(WARNING))
        found.append(Reading("setpoint", await self._ask(SETPOINT) / _PER_C, *worst(said)))
        found.append(Reading("control", float(await self._switch()), *worst(said)))
        return tuple(found)

    async def _service(self) -> tuple[Reading, ...]:
        power, level = await self._ask(POWER), await self._ask(LEVEL)
        readings = []
        for channel, raw, value in zip(SERVICE, (power, level), (float(power), level / 10), strict=True):
            absent = raw == NOT_HERE or not channel.low <= value <= channel.high
            text = f"{raw} is none on this model" if absent else ""
            status = DeviceStatus.FAILURE if absent else DeviceStatus.GOOD
            readings.append(Reading(channel.name, None if absent else value, status, text))
        return tuple(readings)

    async def write(self, channel: str, value: float) -> float:
        """Set the set point, or switch control on (1) and off (0): what was taken is answered, then read back. What was sent last and stands is not sent again.

        Raises:
            Refused: another value was taken.
        """
        value = sendable(self._channels.values(), channel, value)
        address, scale = (SETPOINT, _PER_C) if channel == "setpoint" else (CONTROL, 1)
        wanted = round(value * scale)
        # forgotten first: without an answer nobody knows what stands
        if self._sent.pop(address, None) == wanted and await self._ask(address) == wanted:
            self._sent[address] = wanted
            return wanted / scale
        taken = decode(await self._port.exchange(encode_write(address, wanted), ended), address)
        standing = await self._ask(address)
        if (taken, standing) != (wanted, wanted):
            raise Refused(
                f"{channel} is {standing / scale:g} after {wanted / scale:g} was set (answered {taken / scale:g})"
            )
        self._sent[address] = wanted
        return standing / scale

    async def _switch(self) -> int:
        if (value := await self._ask(CONTROL)) not in (0, 1):
            raise BadReply(f"{value} is neither on nor off")
        return value

    async def _ask(self, address: int) -> int:
        return decode(await self._port.exchange(encode_read(address), ended), address)
