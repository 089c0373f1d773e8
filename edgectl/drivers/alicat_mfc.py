"""Alicat mass flow controller for gas, ASCII protocol, firmware 9v00 and newer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgectl.model.fault import BadReply, Misconfigured, NoReply, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant
from edgectl.model.quality import DeviceStatus
from edgectl.wire.alicat import Frame, Layout, decode_frame, decode_layout
from edgectl.wire.limit import sendable
from edgectl.wire.port import AsciiPort
from edgectl.wire.status import Finding, worst

MANUAL = "Alicat, Serial Communications Primer Rev. 2; Operating Manual M, MC, P, PC, L, LC (2023)"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None

TABLE_S, TABLE_GAP_S = 1.0, 0.2
"""The tables of ``??M*`` and ``??D*`` have no end mark; at 19200 baud the longer takes 0.4 s."""

PRESSURE, TEMPERATURE, MASS_FLOW, SETPOINT = 2, 3, 5, 37
STATISTICS = {"flow": MASS_FLOW, "setpoint": SETPOINT, "pressure": PRESSURE, "temperature": TEMPERATURE}
"""Channel to the statistic number of the data-frame table."""

ALL = ("flow", "setpoint", "pressure", "temperature")
STATUS: dict[str, tuple[DeviceStatus, str, tuple[str, ...]]] = {
    "ADC": (DeviceStatus.FAILURE, "internal error", ALL),
    "EXH": (DeviceStatus.FUNCTION_CHECK, "valve on exhaust", ALL),
    "HLD": (DeviceStatus.FUNCTION_CHECK, "valve held, closed loop bypassed", ALL),
    "GTA": (DeviceStatus.FUNCTION_CHECK, "autotune", ALL),
    "MOV": (DeviceStatus.OUT_OF_SPECIFICATION, "mass flow over range", ("flow",)),
    "VOV": (DeviceStatus.OUT_OF_SPECIFICATION, "volumetric flow over range", ("flow",)),
    "POV": (DeviceStatus.OUT_OF_SPECIFICATION, "pressure over range", ("flow", "pressure")),
    "P2O": (DeviceStatus.OUT_OF_SPECIFICATION, "second pressure over range", ("pressure",)),
    "TOV": (DeviceStatus.OUT_OF_SPECIFICATION, "temperature over range", ("flow", "temperature")),
    "OPL": (DeviceStatus.OUT_OF_SPECIFICATION, "over-pressure limit, valve closed", ALL),
    "COM": (DeviceStatus.MAINTENANCE_REQUIRED, "link was idle too long", ALL),
    "LCK": (DeviceStatus.GOOD, "", ALL),
    "OVR": (DeviceStatus.GOOD, "", ALL),
    "TMF": (DeviceStatus.GOOD, "", ALL),
}
"""Words at the end of a data frame. Mass flow is computed from pressure and temperature; the totaliser is not read."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the controller was ordered for.

    ``full_scale``: greatest set point, in ``unit``. ``unit``, ``pressure_unit``: as the controller shows them. ``gas``: short name as shown,
    empty accepts any.
    """

    full_scale: float
    unit: str = "SCCM"
    pressure_unit: str = "PSIA"
    gas: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.full_scale < float("inf"):
            raise ValueError(f"full_scale: {self.full_scale:g} must be above 0 {self.unit}")


def channels(options: Options) -> tuple[Channel, ...]:
    """Flow, set point, and the pressure and temperature they rest on."""
    unit, full = options.unit, options.full_scale
    return (
        Channel(
            "flow", unit, -0.02 * full, 1.28 * full, description="mass flow; the meter shows up to 128 %"
        ),
        Channel("setpoint", unit, 0.0, full, safe=0.0, description="mass flow set point in force"),
        Channel("pressure", options.pressure_unit, 0.0, 1000.0, description="absolute pressure of the gas"),
        Channel("temperature", "degC", -50.0, 100.0, description="temperature of the gas"),
    )


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every controller
    """One data frame holds everything."""
    return (Poll("frame", ALL),)


_LABEL = re.compile(
    r"\S\s+M\d\d\s+(?P<label>Model|Serial)(?: Number| No\.?)?[:\s]\s*(?P<text>.*)", re.IGNORECASE
)
_VERSION = re.compile(r"\b(?P<major>\d{1,2})v(?P<minor>\d\d)\b")
_LEGACY_SETPOINT = re.compile(r"\s*[+-]?[\d.]")
_SIGNED = re.compile(r"[+-]\d+(?:\.\d+)?", re.ASCII)


def decode_readings(frame: Frame, options: Options) -> tuple[Reading, ...]:
    """One reading per channel; each status word lowers the channels it concerns."""
    return tuple(_reading(channel, frame, options) for channel in channels(options))


def _reading(channel: Channel, frame: Frame, options: Options) -> Reading:
    value = frame.numbers.get(STATISTICS[channel.name])
    if value is None:
        return Reading(channel.name, None, DeviceStatus.FAILURE, "not in the data frame of this controller")
    if not channel.low <= value <= channel.high:
        span = f"{channel.low:g}..{channel.high:g} {channel.unit}"
        return Reading(channel.name, None, DeviceStatus.FAILURE, f"{value:g} is outside {span}")
    findings = [_finding(word, channel.name) for word in frame.status]
    if channel.name == "flow" and options.gas not in ("", frame.gas):
        findings.append((DeviceStatus.FAILURE, f"controller is set to {frame.gas}, not {options.gas}"))
    return Reading(channel.name, value, *worst(findings))


def _finding(word: str, channel: str) -> Finding:
    status, text, concerned = STATUS.get(
        word, (DeviceStatus.OUT_OF_SPECIFICATION, "unknown status word", ALL)
    )
    if channel not in concerned or status is DeviceStatus.GOOD:
        return DeviceStatus.GOOD, ""
    return status, f"{word}: {text}"


def decode_setpoint(line: str, unit: str) -> float:
    """The requested set point from the reply to ``LS``: in force, requested, unit code, unit (Primer, "LS").

    Raises:
        BadReply: not such a reply, or in another unit.
    """
    words = line.split()
    if len(words) != 5 or not all(_SIGNED.fullmatch(word) for word in words[1:3]):
        raise BadReply(f"{line!r} is no set-point reply")
    if words[4] != unit:
        raise BadReply(f"set point in {words[4]}, the plan says {unit}")
    return float(words[2]) + 0.0


def decode_version(line: str) -> tuple[int, int] | None:
    """Major and minor firmware version (``10v20``) from the reply to ``VE``; None for another scheme."""
    found = _VERSION.search(line)
    return (int(found["major"]), int(found["minor"])) if found else None


def encode_setpoint(value: float, decimals: int) -> str:
    """Fixed point as the controller shows it, without trailing zeros: ``250``, ``0.05``, never an exponent."""
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def encode(unit_id: str, command: str) -> bytes:
    """A request.

    Raises:
        ValueError: a unit ID followed by digits is the legacy integer set point, 64000 = full scale. It is never sent.
    """
    if _LEGACY_SETPOINT.match(command):
        raise ValueError(f"{unit_id}{command} would be a legacy set point: not sent")
    return f"{unit_id}{command}\r".encode("ascii")


def _who(address: str) -> bytes:
    """Firmware. Never the bare letter: ``Z`` and ``T`` alone would zero and tare a scale."""
    return encode(address, "VE")


PROBES = (
    Probe(
        (19200, 38400, 9600, 57600, 115_200),
        "8N1",
        tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (Variant(Options(full_scale=1.0), re.compile(rb"[A-Z] .*\d\d?v\d\d")),),
        _who,
        wait_s=0.04,
        likely=8,
    ),
)


class Driver:
    """One controller on an ASCII line; ``address`` is its unit ID, ``A`` to ``Z``."""

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:
        if not re.fullmatch("[A-Z]", address):
            raise ValueError(f"address {address!r}: a unit ID is one letter, A to Z")
        self._port = port
        self._id = address
        self._options = options
        self._channels = channels(options)
        self._units = {STATISTICS[channel.name]: channel.unit for channel in self._channels}
        self._layout = Layout((), re.compile("(?!)"))  # matches no frame until prepare has read the table
        self._sent = ""

    async def identify(self) -> Identity:
        """Model, serial number and firmware. Firmware before 9v00 has no ``LS`` and is not spoken here."""
        labels = {
            found["label"].lower(): found["text"]
            for found in map(_LABEL.match, await self._table("??M*"))
            if found
        }
        firmware = (await self._ask("VE"))[1:].strip()
        if (version := decode_version(firmware)) is None or version < (9, 0):
            raise WrongInstrument(
                f"unit {self._id} has firmware {firmware!r}, this driver speaks 9v00 and newer"
            )
        return Identity("Alicat", labels.get("model", ""), labels.get("serial", ""), firmware)

    async def prepare(self) -> None:
        """Learn the layout of the data frame, and refuse a controller in other units or driven by its analog input."""
        layout = decode_layout(await self._table("??D*"))
        for statistic, unit in self._units.items():
            field = layout.field(statistic)
            if field is None or field.unit != unit:
                found = field.unit if field else "no such column"
                raise Misconfigured(f"data frame, statistic {statistic}: {found}, the plan says {unit}")
        await self._check_source()
        decode_frame(await self._ask(""), layout)
        self._layout, self._sent = layout, ""

    async def _check_source(self) -> None:
        """An analog set-point source ignores serial set points without a word. ``LSS`` exists from 10v05 on."""
        version = decode_version(await self._ask("VE"))
        if version is None or version < (10, 5):
            return
        source = (await self._ask("LSS")).split()[-1]
        if source not in ("S", "U"):
            raise Misconfigured(
                f"set-point source is {source!r}, not serial: select serial on the panel or with LSS"
            )

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """One data frame."""
        return decode_readings(decode_frame(await self._ask(""), self._layout), self._options)

    async def write(self, channel: str, value: float) -> float:
        """Set, or for the same value again only read, the set point: a controller whose source is "saved" wears its memory by each write."""
        field = self._layout.field(SETPOINT)
        decimals = field.decimals if field else 0
        command = f"LS {encode_setpoint(sendable(self._channels, channel, value), decimals)}"
        if command == self._sent:
            standing = decode_setpoint(await self._ask("LS"), self._options.unit)
            if abs(standing - value) <= 0.5 * 10**-decimals:
                return standing
        self._sent = ""  # without an answer nobody knows which value stands
        confirmed = decode_setpoint(await self._ask(command), self._options.unit)
        self._sent = command
        return confirmed

    async def _ask(self, command: str) -> str:
        """The one line of this unit's reply."""

        def complete(raw: bytes) -> bool:
            return raw.endswith(b"\r") and raw[:1] in (self._id.encode(), b"?")

        raw = await self._port.exchange(encode(self._id, command), complete)
        line, *more = self._lines(raw)
        if more:
            raise BadReply(f"{len(more) + 1} lines where one answers: {raw!r}")
        if line.split()[-1] == "?":
            raise Refused(f"unit {self._id} refused {command or 'the poll'!r} with ?")
        return line

    async def _table(self, command: str) -> tuple[str, ...]:
        raw = await self._port.settle(encode(self._id, command), TABLE_S, TABLE_GAP_S)
        if not raw:
            raise NoReply(f"unit {self._id} did not answer {command}")
        if not raw.endswith(b"\r"):
            raise BadReply(f"the table of {command} ends within a line")
        return self._lines(raw)

    def _lines(self, raw: bytes) -> tuple[str, ...]:
        """The lines of a reply, all of this unit or a bare ``?``."""
        text = raw.decode("latin-1")
        if not text.isascii():
            raise BadReply(f"not ASCII: {raw!r}")
        lines = tuple(line.strip() for line in text.split("\r") if line.strip())
        if not lines or not all(line.split()[0] in (self._id, "?") for line in lines):
            raise BadReply(f"{text!r} is no reply of unit {self._id}")
        return lines
