"""Hamilton VisiFerm DO Arc: dissolved oxygen and temperature."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.fault import InstrumentFault
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.wire.arc import BAUDS, PMC1, PMC6, Causes, Sensor
from edgectl.wire.port import ModbusPort

MANUAL = "Hamilton, VisiFerm DO / VisiFerm DO Arc Modbus RTU Programmer's Manual (ODOUM043), 624179/05"
WIRE = Wire.MODBUS
WATCHDOG: Watchdog | None = None
FIRMWARE = "ODOU"


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose: the sensor keeps its own calibration and unit (it must be %-sat), and reading never changes them."""


CHANNELS = (
    Channel("do", "%-sat", 0.0, 300.0, description="dissolved oxygen, saturation in air at calibration"),
    Channel("temperature", "degC", -20.0, 130.0, description="temperature of the sensor element"),
    Channel("quality", "%", 0.0, 100.0, description="sensor quality as the sensor judges itself"),
)
POLLS = (
    Poll("do", ("do",)),
    Poll("temperature", ("temperature",)),
    Poll("quality", ("quality",), every=60),
)

CAUSES: Causes = {}
"""The manual's bit tables for DO were not at hand: a warning lowers the status, an error fails, and both show the bit."""


def channels(options: Options) -> tuple[Channel, ...]:  # noqa: ARG001 - the same for every sensor
    """What the sensor measures."""
    return CHANNELS


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every sensor
    """Each measurement block must be read whole, so each is its own poll."""
    return POLLS


PROBES = (Probe(BAUDS, "8N2", numbers(1, 32), (Variant(Options()),)),)


class Driver:
    """One DO sensor at a unit address."""

    def __init__(self, port: ModbusPort, address: str, options: Options) -> None:  # noqa: ARG002 - empty
        self._address = address
        self._sensor = Sensor(port, CAUSES, CAUSES)

    async def identify(self) -> Identity:
        """Firmware name, part and serial number."""
        return await self._sensor.identify(FIRMWARE, "VisiFerm DO Arc", self._address)

    async def prepare(self) -> None:
        """Nothing to set: the sensor measures by itself, and every write wears its memory (manual: 100 000 in its life)."""

    async def read(self, poll: str) -> tuple[Reading, ...]:
        """One measurement block."""
        if poll == "do":
            return (await self._sensor.measure(PMC1, "do", "%-sat"),)
        if poll == "temperature":
            return (await self._sensor.measure(PMC6, "temperature", "degC"),)
        return (await self._sensor.quality(),)

    async def write(self, channel: str, value: float) -> float:
        """Nothing can be set."""
        raise InstrumentFault(f"{channel}: a DO sensor takes no value, {value!r} not sent")
