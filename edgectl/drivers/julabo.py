"""Julabo circulators CORIO, MAGIO, DYNEO and older, ASCII over RS-232 or USB, under remote control.

Set commands are obeyed in silence: ``STATUS`` tells whether they were, and the value is read back. Differs between models: heating power and external sensor change places on
some, and some have no external sensor, so both are read only where the options ask. Not known: whether a set point is kept in memory that wears, so one that stands is not
written again; what a tripped communication watchdog (-63, -1501) does to the bath beyond its alarm. Lines with RTS/CTS, as older units leave the factory, must be set to no handshake
on the panel.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from edgectl.model.fault import BadReply, Misconfigured, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import ALONE, Probe, Variant
from edgectl.model.quality import DeviceStatus
from edgectl.wire.limit import sendable
from edgectl.wire.port import AsciiPort
from edgectl.wire.status import Finding, worst
from edgectl.wire.text_line import ended, number, one_line

MANUAL = "JULABO, CORIO CD 1.950.0800, MAGIO MS 1.950.1700, DYNEO DD 1.950.1300, chapter Interface commands"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = (
    None  # it cannot be set over the line; ``refresh_s`` keeps one that the panel set quiet
)

ANSWER_S = 1.5
AFTER_OUT_S, AFTER_IN_S = 0.25, 0.01
"""Pauses that the manual asks for."""
NEAR_C = 0.05
REMOTE = (2, 3)
LOCAL = (0, 1)
REFUSALS = {
    -8: "does not know the command",
    -9: "may not in its present operating mode",
    -10: "value too small",
    -11: "value too large",
    -13: "outside its set temperature limits",
}
"""What ``STATUS`` says of the last command, until it was read once."""
NO_SENSOR = "---.--"

_BATH = ("bath",)
_DRIVE = ("setpoint", "running")
STATUS: dict[int, tuple[DeviceStatus, str, tuple[str, ...]]] = {
    -1: (DeviceStatus.FAILURE, "low liquid level", _DRIVE),
    -3: (DeviceStatus.MAINTENANCE_REQUIRED, "high temperature warning", _BATH),
    -4: (DeviceStatus.MAINTENANCE_REQUIRED, "low temperature warning", _BATH),
    -5: (DeviceStatus.FAILURE, "working sensor broken or shorted", (*_BATH, *_DRIVE)),
    -6: (DeviceStatus.OUT_OF_SPECIFICATION, "working and safety sensor differ too much", (*_BATH, *_DRIVE)),
    -15: (DeviceStatus.FAILURE, "external sensor broken", ("external",)),
    -38: (DeviceStatus.FAILURE, "external sensor selected but no signal", ("external", *_DRIVE)),
    -40: (DeviceStatus.MAINTENANCE_REQUIRED, "low level early warning", _DRIVE),
    -41: (DeviceStatus.MAINTENANCE_REQUIRED, "high level early warning", _DRIVE),
}
"""Alarms that concern some channels only; any other negative number is an alarm that stops the circulator."""
ALARMS = {
    -14: "excess-temperature protection tripped",
    -33: "safety sensor broken",
    -63: "watchdog tripped",
    -1501: "serial time-out",
    -143: "over-temperature alarm",
    -144: "under-temperature alarm",
}


@dataclass(frozen=True, slots=True)
class Options:
    """The bath and what it may be set to.

    ``low_c``, ``high_c``: range of the set point, degC; a bath itself allows far more. ``safe_c``: set point that harms nobody, degC. ``external``: read the external
    sensor. ``refresh_s``: write a set point that stands again after so long, 5 to 30 s, for a unit whose watchdog wants that; 0 never.
    """

    low_c: float
    high_c: float
    safe_c: float
    external: bool = False
    refresh_s: float = 0.0

    def __post_init__(self) -> None:
        if not -100 <= self.low_c <= self.safe_c <= self.high_c <= 300:
            raise ValueError(f"safe_c: {self.safe_c:g} must be in {self.low_c:g}..{self.high_c:g} degC")
        if self.refresh_s != 0 and not 5 <= self.refresh_s <= 30:
            raise ValueError(f"refresh_s: {self.refresh_s:g} must be 0 or 5 to 30 s")


BATH = Channel("bath", "degC", -100.0, 400.0, description="bath temperature")
EXTERNAL = Channel("external", "degC", -200.0, 400.0, description="external sensor")
RUNNING = Channel(
    "running", "", 0.0, 1.0, safe=0.0, discrete=True, description="1 while it circulates and controls"
)


def channels(options: Options) -> tuple[Channel, ...]:
    """Bath, external sensor where there is one, set point, and whether it runs."""
    setpoint = Channel(
        "setpoint",
        "degC",
        options.low_c,
        options.high_c,
        safe=options.safe_c,
        description="working set point",
    )
    return (BATH, EXTERNAL, setpoint, RUNNING) if options.external else (BATH, setpoint, RUNNING)


def polls(options: Options) -> tuple[Poll, ...]:
    """All values, then the status that judges them."""
    return (Poll("bath", tuple(channel.name for channel in channels(options))),)


def decode_status(line: str) -> int:
    """The number of ``STATUS``: ``03 REMOTE START``, ``-11 VALUE TOO LARGE``.

    Raises:
        BadReply: not such a reply.
    """
    found = re.fullmatch(r"(-?\d{2,4}) [A-Z].*", line, re.ASCII | re.IGNORECASE)
    if found is None:
        raise BadReply(f"{line!r} is no status")
    return int(found[1])


def decode_temperature(line: str) -> float:
    """degC; always with decimals, which tells it from a mode.

    Raises:
        BadReply: no temperature.
    """
    if "." not in line:
        raise BadReply(f"{line!r} is no temperature")
    return number(line)


def decode_switch(line: str) -> float:
    """A mode that is 0 or 1.

    Raises:
        BadReply: neither.
    """
    if line not in ("0", "1"):
        raise BadReply(f"{line!r} is neither 0 nor 1")
    return float(line)


def finding(code: int, channel: str) -> Finding:
    """What the status says of one channel. Refusals of a command say nothing of a value."""
    if code in STATUS:
        rank, text, concerned = STATUS[code]
        return (rank, text) if channel in concerned else (DeviceStatus.GOOD, "")
    if code in LOCAL and channel in _DRIVE:
        return DeviceStatus.FUNCTION_CHECK, "remote control is off"
    if code >= 0 or code in REFUSALS or channel not in _DRIVE:
        return DeviceStatus.GOOD, ""
    return DeviceStatus.FAILURE, f"alarm {code}: {ALARMS.get(code, 'see the manual of this model')}"


def _who(_: str) -> bytes:
    return b"VERSION\r"


PROBES = (
    Probe(
        (4800, 9600),
        "7E1",
        ALONE,
        (Variant(Options(low_c=5.0, high_c=45.0, safe_c=25.0), re.compile(rb"JULABO", re.IGNORECASE)),),
        _who,
        wait_s=0.2,
    ),
)


class Driver:
    """One circulator on its line."""

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:  # noqa: ARG002 - no bus
        self._port = port
        self._options = options
        self._channels = {channel.name: channel for channel in channels(options)}
        self._sent, self._sent_s = "", 0.0

    async def identify(self) -> Identity:
        """Model and software; a circulator tells no serial number."""
        text = await self._ask("VERSION")
        found = re.fullmatch(r"JULABO\s+(.+?)(?:\s+VERSION\s*(\S.*))?", text, re.IGNORECASE)
        if found is None:
            raise WrongInstrument(f"VERSION is {text!r}, expected a JULABO")
        return Identity("Julabo", found[1], "", found[2] or "")

    async def prepare(self) -> None:
        """Remote control must be on, which is done on the panel. Nothing is started, stopped or set."""
        self._sent = ""
        if (code := await self._status()) in LOCAL:
            raise Misconfigured(
                f"remote control is off (status {code:02d}): switch it on at the panel, menu Interface"
            )

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """The values, and last the status: replies do not tell what they answer, so one that is behind would show there."""
        found = {"bath": self._temperature("bath", await self._ask("IN_PV_00"))}
        if self._options.external:
            found["external"] = self._temperature("external", await self._ask("IN_PV_02"))
        found["setpoint"] = Reading("setpoint", decode_temperature(await self._ask("IN_SP_00")))
        found["running"] = Reading("running", decode_switch(await self._ask("IN_MODE_05")))
        code = await self._status()
        return tuple(
            Reading(name, r.value, *worst([(r.status, r.detail), finding(code, name)]))
            for name, r in found.items()
        )

    def _temperature(self, name: str, text: str) -> Reading:
        if text == NO_SENSOR:
            return Reading(name, None, DeviceStatus.FAILURE, f"{text}: no sensor")
        value, channel = decode_temperature(text), self._channels[name]
        if not channel.low <= value <= channel.high:
            return Reading(name, None, DeviceStatus.FAILURE, f"{text} degC is no temperature")
        return Reading(name, value)

    async def write(self, channel: str, value: float) -> float:
        """Set the set point, or start (1) and stop (0); confirmed by status and read-back.

        Raises:
            Refused: the circulator says no, or another value stands.
        """
        value = sendable(self._channels.values(), channel, value)
        if channel == "setpoint":
            return await self._set(f"{value:.2f}")
        if value and decode_switch(await self._ask("IN_MODE_05")):
            return value  # it runs; a stop is sent in any case, and before any question
        await self._command(f"OUT_MODE_05 {value:.0f}")
        if (running := decode_switch(await self._ask("IN_MODE_05"))) != value:
            raise Refused(f"running reads {running:g} after it was set to {value:g}")
        return running

    async def _set(self, text: str) -> float:
        now = asyncio.get_running_loop().time()
        refresh_s = self._options.refresh_s
        sent, self._sent = self._sent, ""  # without an answer nobody knows which value stands
        if text == sent and not (refresh_s and now - self._sent_s >= refresh_s):
            standing = await self._setpoint()
            if abs(standing - float(text)) <= NEAR_C:
                self._sent = sent
                return standing
        await self._command(f"OUT_SP_00 {text}")
        confirmed = await self._setpoint()
        if abs(confirmed - float(text)) > NEAR_C:
            raise Refused(f"set point reads {confirmed:g} degC after {text} degC was set")
        self._sent, self._sent_s = text, now
        return confirmed

    async def _setpoint(self) -> float:
        return decode_temperature(await self._ask("IN_SP_00"))

    async def _command(self, command: str) -> None:
        """A command that is obeyed in silence, and what became of it."""
        await self._port.settle(f"{command}\r".encode("ascii"), AFTER_OUT_S)
        code = await self._status()
        if code in REFUSALS:
            raise Refused(f"circulator refuses {command}: {REFUSALS[code]} ({code:03d})")
        if code in LOCAL:
            raise Refused(f"remote control is off, {command} was not obeyed: switch it on at the panel")

    async def _status(self) -> int:
        return decode_status(await self._ask("STATUS"))

    async def _ask(self, command: str) -> str:
        raw = await self._port.exchange(f"{command}\r".encode("ascii"), ended, ANSWER_S)
        await asyncio.sleep(AFTER_IN_S)
        return one_line(raw)
