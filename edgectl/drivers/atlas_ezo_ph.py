"""Atlas Scientific EZO-pH: pH of a glass electrode."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.fault import InstrumentFault
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import ALONE, Probe, Variant
from edgectl.model.quality import DeviceStatus
from edgectl.wire.ezo import BAUDS, WHO_ANSWER, WHO_S, Circuit, Reply, decode_number, reading_command, who
from edgectl.wire.port import AsciiPort

MANUAL = "Atlas Scientific, EZO-pH data sheet V5, UART mode"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None
KINDS = ("PH",)
LOW, HIGH = 0.001, 14.0


@dataclass(frozen=True, slots=True)
class Options:
    """``temperature_c``: degC of the sample, for compensation; None leaves the circuit's own (25 degC after each power-up)."""

    temperature_c: float | None = None


CHANNELS = (Channel("ph", "pH", 0.0, 14.0, description="pH, compensated to the temperature of the options"),)
POLLS = (Poll("ph", ("ph",)),)


def channels(options: Options) -> tuple[Channel, ...]:  # noqa: ARG001 - the same for every circuit
    """What the circuit measures."""
    return CHANNELS


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every circuit
    """At most one reading a second: it takes the circuit 0.9 s."""
    return POLLS


def decode(reply: Reply) -> Reading:
    """The pH. At either end of the range the circuit shows the end, whatever lies beyond."""
    reading = decode_number("ph", reply, 0.0, HIGH, "outside 0..14, no pH")
    if reading.value is None or LOW < reading.value < HIGH:
        return reading
    return Reading("ph", reading.value, DeviceStatus.OUT_OF_SPECIFICATION, "at the end of the range")


PROBES = (Probe(BAUDS, "8N1", ALONE, (Variant(Options(), WHO_ANSWER),), who, WHO_S),)


class Driver:
    """One circuit on a serial port."""

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:  # noqa: ARG002 - no bus
        self._circuit = Circuit(port)
        self._command = reading_command(options.temperature_c)

    async def identify(self) -> Identity:
        """Circuit type and firmware."""
        return await self._circuit.identify(KINDS)

    async def prepare(self) -> None:
        """Single readings, response codes on. The compensation temperature goes with each reading, so a restart cannot lose it."""
        await self._circuit.prepare()

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """One reading."""
        return (decode(await self._circuit.ask(self._command)),)

    async def write(self, channel: str, value: float) -> float:
        """Nothing can be set."""
        raise InstrumentFault(f"{channel}: a pH circuit takes no value, {value!r} not sent")
