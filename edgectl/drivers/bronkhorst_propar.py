"""Bronkhorst EL-FLOW mass flow controllers for gas, ProPar in its ASCII form over RS-232 or FLOW-BUS.

From the maker's library and one public driver, to be checked on the controller: the meaning of the alarm bits, and how texts are asked for. Not known: whether set points are kept in memory
that wears, so one that stands is not written again. A set point survives the loss of its controller, and there is no watchdog. The control mode is never written: 7 and 8 open the valve.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgectl.model.fault import BadReply, Misconfigured, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.model.quality import DeviceStatus
from edgectl.wire.limit import sendable
from edgectl.wire.port import AsciiPort
from edgectl.wire.propar import (
    Kind,
    Parameter,
    check_status,
    decode_number,
    decode_text,
    encode_read,
    encode_write,
)
from edgectl.wire.status import worst
from edgectl.wire.text_line import ended

MANUAL = "Bronkhorst, RS232 interface with FLOW-BUS protocol 9.17.027; EL-FLOW Select 9.17.099"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None

CONTROL_MODE = Parameter(1, 4, Kind.CHAR, "control mode")
CAPACITY = Parameter(1, 13, Kind.FLOAT, "capacity")
FLUID = Parameter(1, 17, Kind.STRING, "fluid name")
ALARM = Parameter(1, 20, Kind.CHAR, "alarm info")
CAPACITY_UNIT = Parameter(1, 31, Kind.STRING, "capacity unit")
FLOW = Parameter(33, 0, Kind.FLOAT, "fmeasure")
SETPOINT = Parameter(33, 3, Kind.FLOAT, "fsetpoint")
MODEL = Parameter(113, 2, Kind.STRING, "model")
SERIAL = Parameter(113, 3, Kind.STRING, "serial number")

OBEYS = {0: "bus", 18: "RS-232"}
"""Control modes in which a set point over the line is in force."""
ALARMS: tuple[tuple[int, DeviceStatus, str], ...] = (
    (0, DeviceStatus.FAILURE, "error"),
    (1, DeviceStatus.OUT_OF_SPECIFICATION, "warning"),
    (2, DeviceStatus.OUT_OF_SPECIFICATION, "minimum alarm"),
    (3, DeviceStatus.OUT_OF_SPECIFICATION, "maximum alarm"),
    (4, DeviceStatus.OUT_OF_SPECIFICATION, "batch reached"),
    (5, DeviceStatus.OUT_OF_SPECIFICATION, "flow does not follow (response alarm)"),
    (6, DeviceStatus.OUT_OF_SPECIFICATION, "master signal missing"),
    (7, DeviceStatus.FAILURE, "hardware error"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the controller was calibrated for; ``prepare`` refuses another.

    ``full_scale``: its capacity, in ``shown``. ``shown``: its capacity unit in its own words. ``unit``: the same unit in ours. ``fluid``: name of the gas as it tells it, empty accepts any.
    """

    full_scale: float
    shown: str = "mln/min"
    unit: str = "SCCM"
    fluid: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.full_scale < float("inf"):
            raise ValueError(f"full_scale: {self.full_scale:g} must be above 0 {self.shown}")


def channels(options: Options) -> tuple[Channel, ...]:
    """Flow and set point, in engineering units."""
    unit, full = options.unit, options.full_scale
    return (
        Channel("flow", unit, -0.74 * full, 1.32 * full, description="flow; it tells -73.7 to 131 %"),
        Channel("setpoint", unit, 0.0, full, safe=0.0, description="set point"),
    )


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every controller
    """Flow with its alarms; the set point, which each write reads back, and whether it is in force now and then."""
    return (Poll("flow", ("flow",)), Poll("setpoint", ("setpoint",), every=5))


def decode_reading(channel: Channel, value: float | None, alarm: int = 0) -> Reading:
    """One value and what the alarm bits say of it."""
    if value is None or not channel.low <= value <= channel.high:
        span = f"{channel.low:g}..{channel.high:g} {channel.unit}"
        shown = "no number" if value is None else f"{value:g}"
        return Reading(channel.name, None, DeviceStatus.FAILURE, f"{shown}, not in {span}")
    found = [(rank, text) for bit, rank, text in ALARMS if alarm >> bit & 1]
    return Reading(channel.name, value, *worst(found))


def _who(address: str) -> bytes:
    return encode_read(int(address), SERIAL)


PROBES = (
    Probe(
        (38400,),
        "8N1",
        ("128", *numbers(3, 120)),
        (Variant(Options(full_scale=1.0), re.compile(rb":[0-9A-F]{4}02")),),
        _who,
        wait_s=0.06,
        likely=4,
    ),
)


class Driver:
    """One controller; ``address`` is its node, 3 to 120 on a FLOW-BUS, or 128 for the one at the other end of the cable."""

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:
        if not address.isdecimal() or not (3 <= int(address) <= 120 or int(address) == 128):
            raise ValueError(f"address {address!r}: a node is 3 to 120, or 128 point to point")
        self._port = port
        self._node = int(address)
        self._options = options
        self._channels = {channel.name: channel for channel in channels(options)}
        self._sent: float | None = None

    async def identify(self) -> Identity:
        """Model and serial number.

        Raises:
            WrongInstrument: what answers does not speak ProPar, or is no instrument.
        """
        try:
            model, serial = await self._text(MODEL), await self._text(SERIAL)
        except (BadReply, Refused) as fault:
            raise WrongInstrument(f"node {self._node} is no Bronkhorst controller: {fault}") from fault
        return Identity("Bronkhorst", model, serial)

    async def prepare(self) -> None:
        """Capacity, unit and fluid must be those of the plan, and set points over the line in force. Nothing is set."""
        self._sent = None
        options = self._options
        capacity, unit = await self._number(CAPACITY), await self._text(CAPACITY_UNIT)
        if (
            capacity is None
            or abs(capacity - options.full_scale) > 1e-3 * options.full_scale
            or unit != options.shown
        ):
            raise Misconfigured(
                f"capacity is {capacity} {unit}, the plan says {options.full_scale:g} {options.shown}"
            )
        if options.fluid and (fluid := await self._text(FLUID)) != options.fluid:
            raise Misconfigured(f"controller is set to {fluid}, the plan says {options.fluid}")
        if detail := await self._mode():
            raise Misconfigured(f"{detail}: select bus or RS-232 set point with the maker's program")

    async def _mode(self) -> str:
        """Why a set point is not in force; empty if it is."""
        mode = await self._number(CONTROL_MODE)
        return (
            ""
            if mode in OBEYS
            else f"control mode is {mode:.0f}, in which set points over the line do not count"
        )

    async def read(self, poll: str) -> tuple[Reading, ...]:
        """The flow and its alarms, or the set point and whether it is in force."""
        if poll == "flow":
            value, alarm = await self._number(FLOW), await self._number(ALARM)
            return (decode_reading(self._channels["flow"], value, int(alarm or 0)),)
        reading = decode_reading(self._channels["setpoint"], await self._number(SETPOINT))
        if detail := await self._mode():
            reading = Reading("setpoint", reading.value, DeviceStatus.FUNCTION_CHECK, detail)
        return (reading,)

    async def write(self, channel: str, value: float) -> float:
        """Set, or for the same value again only read, the set point, and see that it is in force.

        Raises:
            Refused: the controller refuses it, takes none, or does not regulate by it.
        """
        value = sendable(self._channels.values(), channel, value)
        # forgotten first: without an answer nobody knows what stands
        sent, self._sent = self._sent, None
        confirmed = await self._number(SETPOINT) if sent == value else None
        if confirmed is None or abs(confirmed - value) > 1e-4 * self._options.full_scale:
            check_status(await self._exchange(encode_write(self._node, SETPOINT, value)), self._node)
            confirmed = await self._number(SETPOINT)
        if confirmed is None:
            raise Refused("set point reads back no number")
        if detail := await self._mode():
            raise Refused(detail)
        self._sent = value
        return confirmed

    async def _number(self, parameter: Parameter) -> float | None:
        return decode_number(await self._exchange(encode_read(self._node, parameter)), self._node, parameter)

    async def _text(self, parameter: Parameter) -> str:
        return decode_text(await self._exchange(encode_read(self._node, parameter)), self._node, parameter)

    async def _exchange(self, request: bytes) -> bytes:
        return await self._port.exchange(request, ended)
