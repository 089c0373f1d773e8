"""Alicat mass flow controller for gas over Modbus RTU or TCP, in either of its two register maps.

Modbus tells no model, no serial number and no units: ``unit`` and ``pressure_unit`` must be what the controller shows. Map 1 is that of the manual. Map 2, of a newer
generation, is known from one bioreactor's firmware: it has neither status nor gas there, and which models carry it is not known, so the map is probed and not guessed. Not known: whether
set points are kept in memory that wears, so one that stands is not written again; without its controller it goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgectl.model.fault import Misconfigured, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.model.quality import DeviceStatus
from edgectl.wire.limit import sendable
from edgectl.wire.port import ModbusPort
from edgectl.wire.status import worst
from edgectl.wire.word import Kind, decode, encode, measured

MANUAL = "Alicat, Operating Manual M, MC, P, PC, L, LC (2023), chapter Modbus; its register numbers are wire addresses + 1"
WIRE = Wire.MODBUS
WATCHDOG: Watchdog | None = None

PROCESS = ("flow", "pressure", "temperature")
GAS_NUMBERS = {
    "Air": 0, "Ar": 1, "CH4": 2, "CO": 3, "CO2": 4, "C2H6": 5, "H2": 6, "He": 7, "N2": 8, "N2O": 9, "Ne": 10, "O2": 11,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Map:
    """Wire addresses: one block, with the places of the values in it, and the set point. ``flags`` and ``gas`` are None where the map has none."""

    name: str
    block: int
    count: int
    flow: int
    pressure: int
    temperature: int
    setpoint: int
    flags: int | None = None
    gas: int | None = None


MAP_1 = Map(
    "map 1", block=1200, count=10, flow=8, pressure=2, temperature=4, setpoint=1009, flags=0, gas=1199
)
MAP_2 = Map("map 2", block=1349, count=16, flow=14, pressure=4, temperature=10, setpoint=1349)

STATUS: tuple[tuple[int, DeviceStatus, str, tuple[str, ...]], ...] = (
    (0, DeviceStatus.OUT_OF_SPECIFICATION, "temperature over range", ("flow", "temperature")),
    (1, DeviceStatus.OUT_OF_SPECIFICATION, "temperature under range", ("flow", "temperature")),
    (2, DeviceStatus.OUT_OF_SPECIFICATION, "volumetric flow over range", ("flow",)),
    (3, DeviceStatus.OUT_OF_SPECIFICATION, "volumetric flow under range", ("flow",)),
    (4, DeviceStatus.OUT_OF_SPECIFICATION, "mass flow over range", ("flow",)),
    (5, DeviceStatus.OUT_OF_SPECIFICATION, "mass flow under range", ("flow",)),
    (6, DeviceStatus.OUT_OF_SPECIFICATION, "pressure over range", ("flow", "pressure")),
    (8, DeviceStatus.FUNCTION_CHECK, "valve held, closed loop bypassed", PROCESS),
    (9, DeviceStatus.FAILURE, "internal error (ADC)", PROCESS),
    (10, DeviceStatus.FUNCTION_CHECK, "valve on exhaust", PROCESS),
    (11, DeviceStatus.OUT_OF_SPECIFICATION, "over-pressure limit, valve closed", PROCESS),
    (13, DeviceStatus.FAILURE, "measurement aborted", PROCESS),
)
"""Bits of the flags. Those of the totaliser (7, 12) say nothing of what is read."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the controller was ordered for.

    ``full_scale``: greatest set point, in ``unit``. ``unit``, ``pressure_unit``: as the controller shows them. ``gas``: Air, Ar, CH4, CO, CO2, C2H6, H2, He, N2, N2O, Ne or O2,
    to be checked at each reading; empty accepts any. A controller of map 2 does not tell its gas.
    """

    full_scale: float
    unit: str = "SCCM"
    pressure_unit: str = "PSIA"
    gas: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.full_scale < float("inf"):
            raise ValueError(f"full_scale: {self.full_scale:g} must be above 0 {self.unit}")
        if self.gas and self.gas not in GAS_NUMBERS:
            raise ValueError(f"gas: {self.gas!r} must be one of {', '.join(GAS_NUMBERS)}")


def channels(options: Options) -> tuple[Channel, ...]:
    """Flow, the pressure and temperature it rests on, and the set point."""
    unit, full = options.unit, options.full_scale
    return (
        Channel(
            "flow", unit, -0.02 * full, 1.28 * full, description="mass flow; the meter shows up to 128 %"
        ),
        Channel("pressure", options.pressure_unit, 0.0, 1000.0, description="absolute pressure of the gas"),
        Channel("temperature", "degC", -50.0, 100.0, description="temperature of the gas"),
        Channel("setpoint", unit, 0.0, full, safe=0.0, description="mass flow set point"),
    )


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every controller
    """One block each time; the set point, which each write reads back, now and then."""
    return (Poll("process", PROCESS), Poll("setpoint", ("setpoint",), every=5))


def decode_float(words: Sequence[int], at: int) -> float | None:
    """IEEE 754 single, high word first; None for what nobody measured."""
    return measured(decode(words[at : at + 2], Kind.FLOAT32))


def decode_reading(channel: Channel, value: float | None, flags: int = 0) -> Reading:
    """One value and what the flags say of it."""
    if value is None or not channel.low <= value <= channel.high:
        span = f"{channel.low:g}..{channel.high:g} {channel.unit}"
        shown = "no number" if value is None else f"{value:g}"
        return Reading(
            channel.name, None, DeviceStatus.FAILURE, f"{shown}, not in {span}: check units and full scale"
        )
    found = [
        (rank, text)
        for bit, rank, text, concerned in STATUS
        if flags >> bit & 1 and channel.name in concerned
    ]
    return Reading(channel.name, value, *worst(found))


PROBES = (
    Probe(
        (19200, 9600, 38400, 57600, 115_200),
        "8N1",
        numbers(1, 247),
        (Variant(Options(full_scale=1.0)),),
        rank=3,
    ),
)


class Driver:
    """One controller at a unit address."""

    def __init__(self, port: ModbusPort, address: str, options: Options) -> None:
        self._port = port
        self._address = address
        self._options = options
        self._channels = {channel.name: channel for channel in channels(options)}
        self._map = MAP_1
        self._sent: float | None = None

    async def identify(self) -> Identity:
        """Which map answers: map 1 is asked first, map 2 only where map 1 is refused.

        Raises:
            WrongInstrument: neither.
        """
        for self._map in (MAP_1, MAP_2):
            try:
                await self._port.read_holding(self._map.block, self._map.count)
            except Refused as refusal:
                if not refusal.unknown:
                    raise
            else:
                return Identity("Alicat", self._map.name)
        raise WrongInstrument(f"unit {self._address} has neither register map of an Alicat controller")

    async def prepare(self) -> None:
        """The set point must be readable and within the full scale of the plan, or units or map are wrong. Nothing is set."""
        self._sent = None
        if self._options.gas and self._map.gas is None:
            raise Misconfigured(
                f"a controller with {self._map.name} does not tell its gas: delete option gas, and check it on the panel"
            )
        reading = await self._setpoint()
        if reading.value is None:
            raise Misconfigured(f"set point: {reading.detail}")

    async def read(self, poll: str) -> tuple[Reading, ...]:
        """One block, and the gas where the plan names one."""
        if poll == "setpoint":
            return (await self._setpoint(),)
        where = self._map
        words = await self._port.read_holding(where.block, where.count)
        flags = 0 if where.flags is None else int(decode(words[where.flags : where.flags + 2], Kind.UINT32))
        places = {"flow": where.flow, "pressure": where.pressure, "temperature": where.temperature}
        readings = [
            decode_reading(self._channels[name], decode_float(words, at), flags)
            for name, at in places.items()
        ]
        if self._options.gas and where.gas is not None:
            (gas,) = await self._port.read_holding(where.gas, 1)
            if gas != GAS_NUMBERS[self._options.gas]:
                text = f"controller is set to gas {gas}, not to {self._options.gas} ({GAS_NUMBERS[self._options.gas]})"
                readings[0] = Reading("flow", None, DeviceStatus.FAILURE, text)
        return tuple(readings)

    async def write(self, channel: str, value: float) -> float:
        """Set, or for the same value again only read, the set point.

        Raises:
            Refused: what reads back is no set point.
        """
        value = sendable(self._channels.values(), channel, value)
        words = encode(value, Kind.FLOAT32)
        # forgotten first: without an answer nobody knows what stands
        sent, self._sent = self._sent, None
        if sent != value or await self._port.read_holding(self._map.setpoint, 2) != words:
            await self._port.write_registers(self._map.setpoint, words)
        confirmed = await self._setpoint()
        if confirmed.value is None:
            raise Refused(f"set point reads back {confirmed.detail}")
        self._sent = value
        return confirmed.value

    async def _setpoint(self) -> Reading:
        words = await self._port.read_holding(self._map.setpoint, 2)
        return decode_reading(self._channels["setpoint"], decode_float(words, 0))
