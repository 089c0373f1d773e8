"""Eurotherm 3216, 3208 and 3204 temperature controllers, driven through the remote set point."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edgectl.model.fault import Misconfigured, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.model.quality import DeviceStatus
from edgectl.wire.limit import sendable
from edgectl.wire.port import ModbusPort
from edgectl.wire.status import worst
from edgectl.wire.word import Kind, decode, encode, measured

MANUAL = "Eurotherm, 3200 Engineering Handbook HA028651 issue 7; its Modbus addresses are wire addresses"
WIRE = Wire.MODBUS
WATCHDOG: Watchdog | None = Watchdog(5.0, "falls back to local set point SP1")

PROCESS, PROCESS_LENGTH, IN_FORCE = 1, 5, 5
"""PV.IN, TG.SP, MAN.OP, WRK.OP, WKG.SP in one read; the last alone is the set point in force."""
RANGE_HIGH, SELECTED, SP1, REMOTE_SETPOINT, STATUS_WORD, FIRMWARE, TYPE, LOCAL_REMOTE = (
    12,
    15,
    24,
    26,
    75,
    107,
    122,
    276,
)
FLOATS = 0x8000
"""Parameter ``n`` as a full float, high word first, stands at 0x8000 + 2n."""
_REMOTE_FAILED = 14
SENTINELS = (-0x8000, 0x7FFF)

READ = ("pv", "working_setpoint", "output")
STATUS: tuple[tuple[int, DeviceStatus, str, tuple[str, ...]], ...] = (
    (4, DeviceStatus.FUNCTION_CHECK, "manual mode", ("working_setpoint", "output", "setpoint")),
    (5, DeviceStatus.FAILURE, "sensor break", ("pv",)),
    (6, DeviceStatus.OUT_OF_SPECIFICATION, "loop break", ("output",)),
    (7, DeviceStatus.OUT_OF_SPECIFICATION, "low load", ("output",)),
    (8, DeviceStatus.OUT_OF_SPECIFICATION, "leakage", ("output",)),
    (10, DeviceStatus.FAILURE, "more than 5 % over range", ("pv",)),
    (11, DeviceStatus.OUT_OF_SPECIFICATION, "over-current", ("output",)),
    (_REMOTE_FAILED, DeviceStatus.FAILURE, "remote set point failed, SP1 is in force", ("setpoint",)),
    (_REMOTE_FAILED, DeviceStatus.OUT_OF_SPECIFICATION, "remote set point failed", ("working_setpoint",)),
    (15, DeviceStatus.FUNCTION_CHECK, "auto-tune", ("working_setpoint", "output", "setpoint")),
)
"""Bits of address 75. Alarms 1 to 4, new alarm, program end and timer say nothing of how good a value is."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the controller is configured; ``prepare`` refuses one that is not.

    ``safe_c``: SP1, to which the controller falls back by itself, degC. ``low_c``, ``high_c``: range of the set point, degC. ``decimals``: implied
    decimals of its display.
    """

    safe_c: float
    low_c: float
    high_c: float
    decimals: int = 1

    def __post_init__(self) -> None:
        if not self.low_c <= self.safe_c <= self.high_c:
            raise ValueError(f"safe_c: {self.safe_c:g} must be in {self.low_c:g}..{self.high_c:g} degC")
        if self.decimals not in (0, 1, 2):
            raise ValueError(f"decimals: {self.decimals} must be 0, 1 or 2")


PV = Channel("pv", "degC", -200.0, 1800.0, description="process value")
WORKING_SETPOINT = Channel("working_setpoint", "degC", -200.0, 1800.0, description="set point in force")
OUTPUT = Channel("output", "%", -100.0, 100.0, description="working output")


def channels(options: Options) -> tuple[Channel, ...]:
    """The loop inside the controller, and its remote set point."""
    low, high, safe = options.low_c, options.high_c, options.safe_c
    remote = Channel("setpoint", "degC", low, high, safe=safe, description="remote set point")
    return (PV, WORKING_SETPOINT, OUTPUT, remote)


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every controller
    """Addresses 1 to 5 and the status word each time; the remote set point, which each write reads back, now and then."""
    return (Poll("process", READ), Poll("setpoint", ("setpoint",), every=5))


def decode_value(word: int, decimals: int) -> float | None:
    """Signed 16 bits with implied decimals; None for the ends of the range, which stand for no value."""
    raw = decode((word,), Kind.INT16)
    return None if raw in SENTINELS else raw / 10**decimals


def decode_reading(channel: Channel, word: int, status: int, decimals: int) -> Reading:
    """One value and what the status word says of it; without a sensor the value is no value."""
    value = decode_value(word, decimals)
    if value is None or not channel.low <= value <= channel.high:
        span = f"{channel.low:g}..{channel.high:g} {channel.unit}"
        return Reading(
            channel.name, None, DeviceStatus.FAILURE, f"controller gives 0x{word:04X}, outside {span}"
        )
    findings = [
        (rank, text)
        for bit, rank, text, concerned in STATUS
        if status >> bit & 1 and channel.name in concerned
    ]
    rank, detail = worst(findings)
    broken = channel.name == "pv" and rank is DeviceStatus.FAILURE
    return Reading(channel.name, None if broken else value, rank, detail)


def decode_process(words: Sequence[int], status: int, decimals: int) -> tuple[Reading, ...]:
    """Addresses 1 to 5 and 75."""
    pv, _, _, output, working = words
    return (
        decode_reading(PV, pv, status, decimals),
        decode_reading(WORKING_SETPOINT, working, status, decimals),
        decode_reading(OUTPUT, output, status, decimals),
    )


PROBES = (
    Probe(
        (9600, 19200, 4800, 2400, 1200),
        "8N1",
        numbers(1, 254),
        (Variant(Options(25.0, 5.0, 45.0), model=re.compile("0x32")),),
        rank=2,
    ),
)


class Driver:
    """One controller at a unit address."""

    def __init__(self, port: ModbusPort, address: str, options: Options) -> None:
        self._port = port
        self._address = address
        self._options = options
        self._channels = channels(options)
        self._remote_setpoint = replace(
            WORKING_SETPOINT, name="setpoint"
        )  # reads back whatever anybody wrote

    async def identify(self) -> Identity:
        """Type code and firmware version; the controller tells no serial number."""
        try:
            (kind,) = await self._port.read_holding(TYPE, 1)
            (firmware,) = await self._port.read_holding(FIRMWARE, 1)
        except Refused as refusal:
            if not refusal.unknown:
                raise
            raise WrongInstrument(f"unit {self._address} is no Eurotherm 3200: {refusal}") from refusal
        return Identity(
            "Eurotherm", f"3200 type 0x{kind:04X}", "", f"{firmware >> 8:X}.{firmware & 0xFF:02X}"
        )

    async def prepare(self) -> None:
        """Verify resolution and fall-back set point, then select the remote set point without moving the one in force."""
        await self._check_resolution()
        await self._check_fallback()
        if await self._remote():
            return
        working = (await self._port.read_holding(PROCESS, PROCESS_LENGTH))[4]
        await self._port.write_register(REMOTE_SETPOINT, working)
        await self._port.write_register(LOCAL_REMOTE, 1)
        if not await self._remote():
            raise Misconfigured("the remote set point cannot be selected (address 276 stays 0)")

    async def _check_resolution(self) -> None:
        """The upper range limit as whole number and as float must be one value, or every value would be off by a power of ten."""
        (word,) = await self._port.read_holding(RANGE_HIGH, 1)
        exact = measured(decode(await self._port.read_holding(FLOATS + 2 * RANGE_HIGH, 2), Kind.FLOAT32))
        whole = decode_value(word, self._options.decimals)
        if exact is None or whole is None or abs(exact - whole) > 10**-self._options.decimals:
            raise Misconfigured(
                f"upper range limit reads {whole} with {self._options.decimals} decimals, but is {exact}: "
                "correct decimals in the plan"
            )

    async def _check_fallback(self) -> None:
        """SP1, unless SP2 is selected, is what the controller falls back to when nobody refreshes the remote set point."""
        (word,) = await self._port.read_holding(SP1, 1)
        found, safe = decode_value(word, self._options.decimals), self._options.safe_c
        if found is None or abs(found - safe) > 0.5 * 10**-self._options.decimals:
            raise Misconfigured(f"SP1 is {found} degC, the plan's safe_c {safe} degC: set SP1 on the panel")
        if await self._port.read_holding(SELECTED, 1) != (0,):
            raise Misconfigured(
                f"SP2 is selected at the controller (address {SELECTED} is not 0), the plan's safe_c is SP1: select SP1"
            )

    async def _remote(self) -> bool:
        return await self._port.read_holding(LOCAL_REMOTE, 1) == (1,)

    async def read(self, poll: str) -> tuple[Reading, ...]:
        """Values and the status word that judges them."""
        (status,) = await self._port.read_holding(STATUS_WORD, 1)
        if poll == "process":
            words = await self._port.read_holding(PROCESS, PROCESS_LENGTH)
            return decode_process(words, status, self._options.decimals)
        if not await self._remote():
            return (Reading("setpoint", None, DeviceStatus.FUNCTION_CHECK, "local set point is selected"),)
        (word,) = await self._port.read_holding(REMOTE_SETPOINT, 1)
        return (decode_reading(self._remote_setpoint, word, status, self._options.decimals),)

    async def write(self, channel: str, value: float) -> float:
        """Refresh the remote set point (address 26, RAM: it may be written for ever, unlike 2, 24 and 25) and see it in force.

        Raises:
            Refused: somebody selected the local set point.
        """
        scaled = sendable(self._channels, channel, value) * 10**self._options.decimals
        sent = encode(scaled, Kind.INT16)[0]
        await self._port.write_register(REMOTE_SETPOINT, sent)
        # In force already is the best confirmation; otherwise it is on its way, limited, or not listened to.
        (word,) = await self._port.read_holding(IN_FORCE, 1)
        if word != sent:
            if not await self._remote():
                raise Refused("local set point is selected at the controller (address 276 is 0)")
            word = await self._remote_word(word)
        if (confirmed := decode_value(word, self._options.decimals)) is None:
            raise Refused(f"remote set point reads back 0x{word:04X}")
        return confirmed

    async def _remote_word(self, in_force: int) -> int:
        """The remote set point, unless its time-out has struck in spite of the write: then SP1 rules, whatever stands in address 26."""
        (status,) = await self._port.read_holding(STATUS_WORD, 1)
        if status >> _REMOTE_FAILED & 1:
            return in_force
        (word,) = await self._port.read_holding(REMOTE_SETPOINT, 1)
        return word
