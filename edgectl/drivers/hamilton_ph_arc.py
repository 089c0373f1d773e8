"""Hamilton pH Arc (EasyFerm Plus Arc and relatives): pH and temperature."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.fault import InstrumentFault
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.model.quality import DeviceStatus
from edgectl.wire.arc import BAUDS, PMC1, PMC6, Causes, Sensor
from edgectl.wire.port import ModbusPort

MANUAL = "Hamilton, pH ARC Sensors Modbus RTU Programmer's Manual (EPHUM011), 624300/01"
WIRE = Wire.MODBUS
WATCHDOG: Watchdog | None = None
FIRMWARE = "EPHU"


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose: the sensor keeps its own calibration and unit, and reading never changes them."""


CHANNELS = (
    Channel("ph", "pH", 0.0, 14.0, description="pH, temperature compensated by the sensor"),
    Channel("temperature", "degC", -20.0, 130.0, description="temperature of the sensor element"),
    Channel("quality", "%", 0.0, 100.0, description="sensor quality from offset, slope and errors"),
)
POLLS = (
    Poll("ph", ("ph",)),
    Poll("temperature", ("temperature",)),
    Poll("quality", ("quality",), every=60),
)

WARNINGS: Causes = {
    (1, 0x1): (DeviceStatus.MAINTENANCE_REQUIRED, "calibration recommended"),
    (1, 0x2): (DeviceStatus.OUT_OF_SPECIFICATION, "last calibration failed"),
}
ERRORS: Causes = {
    (0, 0x20): (DeviceStatus.FAILURE, "glass resistance too high"),
    (0, 0x40): (DeviceStatus.FAILURE, "glass resistance too low"),
    (0, 0x80): (DeviceStatus.FAILURE, "reference resistance too high"),
    (0, 0x100): (DeviceStatus.FAILURE, "reference resistance too low"),
    (0, 0x8000): (DeviceStatus.FAILURE, "auxiliary potential high"),
    (0, 0x10000): (DeviceStatus.FAILURE, "auxiliary potential low"),
    (0, 0x20000): (DeviceStatus.FAILURE, "auxiliary resistance high"),
    (0, 0x40000): (DeviceStatus.FAILURE, "auxiliary resistance low"),
    (0, 0x2000000): (DeviceStatus.FAILURE, "temperature sensor defective"),
    (1, 0x2): (DeviceStatus.FAILURE, "quality below 15 %"),
    (3, 0x1000000): (DeviceStatus.FAILURE, "internal communication"),
}


def channels(options: Options) -> tuple[Channel, ...]:  # noqa: ARG001 - the same for every sensor
    """What the sensor measures."""
    return CHANNELS


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every sensor
    """Each measurement block must be read whole, so each is its own poll."""
    return POLLS


PROBES = (Probe(BAUDS, "8N2", numbers(1, 32), (Variant(Options()),)),)


class Driver:
    """One pH sensor at a unit address."""

    def __init__(self, port: ModbusPort, address: str, options: Options) -> None:  # noqa: ARG002 - empty
        self._address = address
        self._sensor = Sensor(port, WARNINGS, ERRORS)

    async def identify(self) -> Identity:
        """Firmware name, part and serial number."""
        return await self._sensor.identify(FIRMWARE, "pH Arc", self._address)

    async def prepare(self) -> None:
        """Nothing to set: the sensor measures by itself, and every write wears its memory (manual: 100 000 in its life)."""

    async def read(self, poll: str) -> tuple[Reading, ...]:
        """One measurement block."""
        if poll == "ph":
            return (await self._sensor.measure(PMC1, "ph", "pH"),)
        if poll == "temperature":
            return (await self._sensor.measure(PMC6, "temperature", "degC"),)
        return (await self._sensor.quality(),)

    async def write(self, channel: str, value: float) -> float:
        """Nothing can be set."""
        raise InstrumentFault(f"{channel}: a pH sensor takes no value, {value!r} not sent")
