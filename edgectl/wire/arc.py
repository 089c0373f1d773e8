"""The register architecture common to Hamilton Arc sensors.

Hamilton, "pH ARC Sensors Modbus RTU Programmer's Manual (EPHUM011)", 624300/01: register numbers are 1-based there, and here; the wire
address is one less. Values are low word first; every block must be read whole. More than 100 000 writes damage the sensor's memory, so
nothing here writes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgectl.model.fault import BadReply, Refused, WrongInstrument
from edgectl.model.instrument import Identity
from edgectl.model.measurement import Reading
from edgectl.model.quality import DeviceStatus
from edgectl.wire.port import ModbusPort
from edgectl.wire.status import Finding, worst
from edgectl.wire.word import float32_low_first, measured, uint32_low_first

BAUDS = (19200, 9600, 38400, 57600, 115_200, 4800)
"""The factory setting first (register 4102)."""
FIRMWARE, SERIAL_NUMBER, PART_NUMBER = 1032, 1312, 1280
PMC1, PMC6 = 2090, 2410
WARNINGS, ERRORS, QUALITY = 4736, 4800, 4872
BLOCK_LENGTH, TEXT_LENGTH, GROUP_LENGTH, QUALITY_LENGTH = 10, 8, 8, 2

UNITS = {
    0x00000002: "K",
    0x00000004: "degC",
    0x00000008: "degF",
    0x00000010: "%-vol",
    0x00000020: "%-sat",
    0x00000040: "ug/L",
    0x00000080: "mg/L",
    0x00000100: "g/L",
    0x00000200: "uS/cm",
    0x00000400: "mS/cm",
    0x00000800: "1/cm",
    0x00001000: "pH",
    0x00002000: "mV/pH",
    0x00200000: "mV",
    0x00800000: "mbar",
    0x01000000: "Pa",
}
"""Unit bit field of a measurement block, as far as this family measures in it."""

STATUS = (
    (0x01, DeviceStatus.FAILURE, "temperature outside the measurement range, value frozen"),
    (0x02, DeviceStatus.FAILURE, "temperature outside the operating range"),
    (0x04, DeviceStatus.OUT_OF_SPECIFICATION, "calibration status not zero"),
    (0x08, DeviceStatus.OUT_OF_SPECIFICATION, "warning active"),
    (0x10, DeviceStatus.FAILURE, "error active"),
)
"""Status bits of a measurement block; the NE 107 column is ours."""

WARNING, ERROR = 0x08, 0x10
_KNOWN_BITS = 0x1F

Causes = Mapping[tuple[int, int], Finding]
"""(group, bit) of the warnings or errors to what it says. Groups: 0 measurement, 1 calibration, 2 interface, 3 hardware."""


@dataclass(frozen=True, slots=True)
class Block:
    """A primary measurement channel as the sensor gives it."""

    unit: int
    value: float
    status: int
    low: float
    high: float


def decode_block(words: Sequence[int]) -> Block:
    """Registers 2090 or 2410, length 10: unit, value, status, least and greatest value allowed."""
    return Block(
        uint32_low_first(words[0:2]),
        float32_low_first(words[2:4]),
        uint32_low_first(words[4:6]),
        float32_low_first(words[6:8]),
        float32_low_first(words[8:10]),
    )


def decode_status(status: int) -> tuple[Finding, ...]:
    """What the bits say that are set. A bit the manual does not name is out of specification."""
    found = tuple((rank, text) for bit, rank, text in STATUS if status & bit)
    unknown = status & ~_KNOWN_BITS
    return (*found, _unknown(f"status bits 0x{unknown:08X}")) if unknown else found


def decode_causes(words: Sequence[int], causes: Causes) -> tuple[Finding, ...]:
    """The active warnings (4736) or errors (4800): four bit fields. A bit without a name is out of specification."""
    active = (
        (group, 1 << n)
        for group in range(4)
        for n in range(32)
        if uint32_low_first(words[2 * group : 2 * group + 2]) >> n & 1
    )
    return tuple(
        causes.get(cause) or _unknown(f"group {cause[0] + 1} bit 0x{cause[1]:X}") for cause in active
    )


def _unknown(what: str) -> Finding:
    return DeviceStatus.OUT_OF_SPECIFICATION, f"unknown {what}"


def decode_reading(channel: str, unit: str, block: Block, causes: Sequence[Finding] = ()) -> Reading:
    """A value only if it is a measurement in ``unit``; otherwise FAILURE that names what was found.

    NaN and infinities are passed on as they came: a single one is no failure of the sensor, and how many are is not for a driver to say.
    """
    found = UNITS.get(block.unit, f"unknown unit 0x{block.unit:08X}")
    if found != unit:
        return Reading(channel, None, DeviceStatus.FAILURE, f"sensor measures in {found}, not in {unit}")
    findings = [*decode_status(block.status), *causes]
    if not math.isfinite(block.value):
        return Reading(channel, block.value, *worst(findings))
    value = measured(block.value)
    if value is None:
        return Reading(channel, None, DeviceStatus.FAILURE, f"sensor gives {block.value!r}")
    if not block.low <= value <= block.high:
        span = f"{block.low:g}..{block.high:g} {unit}"
        findings.append((DeviceStatus.OUT_OF_SPECIFICATION, f"outside the sensor's {span}"))
    return Reading(channel, value, *worst(findings))


def decode_text(words: Sequence[int], *, swapped: bool = False) -> str:
    """16 ASCII characters, two in a register; ``swapped`` if the first is in the low byte. The manual leaves the order open.

    Raises:
        BadReply: not ASCII.
    """
    raw = b"".join(word.to_bytes(2, "little" if swapped else "big") for word in words)
    try:
        return raw.decode("ascii").strip("\0 ")
    except UnicodeDecodeError:
        raise BadReply(f"text register holds {raw.hex(' ')}, which is not ASCII") from None


class Sensor:
    """One Arc sensor on a Modbus port."""

    def __init__(self, port: ModbusPort, warnings: Causes, errors: Causes) -> None:
        self._port = port
        self._warnings = warnings
        self._errors = errors

    async def identify(self, prefix: str, model: str, address: str) -> Identity:
        """Who it is; its firmware name must begin with ``prefix``."""
        try:
            words = await self._port.read_holding(FIRMWARE - 1, TEXT_LENGTH)
        except Refused as refusal:
            if not refusal.unknown:
                raise
            raise WrongInstrument(f"unit {address} is no Hamilton Arc sensor: {refusal}") from refusal
        found = decode_text(words)
        swapped = not found.startswith(prefix)
        firmware = decode_text(words, swapped=swapped)
        if not firmware.startswith(prefix):
            raise WrongInstrument(f"unit {address} runs firmware {found!r}, a {model} runs {prefix}...")
        serial = await self._port.read_holding(SERIAL_NUMBER - 1, TEXT_LENGTH)
        part = await self._port.read_holding(PART_NUMBER - 1, TEXT_LENGTH)
        name = f"{model} {decode_text(part, swapped=swapped)}".strip()
        return Identity("Hamilton", name, decode_text(serial, swapped=swapped), firmware)

    async def measure(self, register: int, channel: str, unit: str) -> Reading:
        """One measurement block, and why it is not good where the sensor says."""
        block = decode_block(await self._port.read_holding(register - 1, BLOCK_LENGTH))
        causes = await self._causes(block.status) if block.status & (WARNING | ERROR) else ()
        if causes:
            block = replace(block, status=block.status & ~(WARNING | ERROR))
        return decode_reading(channel, unit, block, causes)

    async def _causes(self, status: int) -> tuple[Finding, ...]:
        """What lies behind "warning active" and "error active". A warning that only asks for maintenance lowers nothing; an error always fails."""
        found: list[Finding] = []
        if status & WARNING:
            words = await self._port.read_holding(WARNINGS - 1, GROUP_LENGTH)
            found += decode_causes(words, self._warnings) or decode_status(WARNING)
        if status & ERROR:
            words = await self._port.read_holding(ERRORS - 1, GROUP_LENGTH)
            named = decode_causes(words, self._errors) or decode_status(ERROR)
            found += [(DeviceStatus.FAILURE, text) for _, text in named]
        return tuple(found)

    async def quality(self) -> Reading:
        """Sensor quality 0..100 %, from offset, slope and errors (register 4872)."""
        words = await self._port.read_holding(QUALITY - 1, QUALITY_LENGTH)
        value = measured(float32_low_first(words))
        if value is None or not 0 <= value <= 100:
            return Reading(
                "quality", None, DeviceStatus.FAILURE, "sensor gives no quality between 0 and 100 %"
            )
        return Reading("quality", value)
