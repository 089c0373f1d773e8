"""Atlas Scientific EZO-RTD: temperature of a platinum resistance probe."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.fault import InstrumentFault, Misconfigured
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import ALONE, Probe, Variant
from edgectl.wire.ezo import BAUDS, WHO_ANSWER, WHO_S, Circuit, Reply, decode_number, who
from edgectl.wire.port import AsciiPort

MANUAL = "Atlas Scientific, EZO-RTD data sheet, UART mode"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None
KINDS = ("RTD",)
LOW_C, HIGH_C = -126.0, 1254.0


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose: the scale is set to degC."""


CHANNELS = (Channel("temperature", "degC", LOW_C, HIGH_C, description="probe temperature"),)
POLLS = (Poll("temperature", ("temperature",)),)


def channels(options: Options) -> tuple[Channel, ...]:  # noqa: ARG001 - the same for every circuit
    """What the circuit measures."""
    return CHANNELS


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every circuit
    """At most one reading a second: it takes the circuit 1 s."""
    return POLLS


def decode(reply: Reply) -> Reading:
    """The temperature. An open probe reads about -1023, which is no temperature (data sheet, "reading")."""
    return decode_number("temperature", reply, LOW_C, HIGH_C, "probe open or shorted")


PROBES = (Probe(BAUDS, "8N1", ALONE, (Variant(Options(), WHO_ANSWER),), who, WHO_S),)


class Driver:
    """One circuit on a serial port."""

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:  # noqa: ARG002 - no bus
        self._circuit = Circuit(port)

    async def identify(self) -> Identity:
        """Circuit type and firmware."""
        return await self._circuit.identify(KINDS)

    async def prepare(self) -> None:
        """Single readings, response codes on, scale degC: read back, for in degF the same number is another temperature."""
        await self._circuit.prepare()
        if await self._circuit.query("S") != ("c",):
            await self._circuit.ask("S,c")
            if (scale := await self._circuit.query("S")) != ("c",):
                raise Misconfigured(f"scale is {scale!r} and cannot be set to c")

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """One reading."""
        return (decode(await self._circuit.ask("R")),)

    async def write(self, channel: str, value: float) -> float:
        """Nothing can be set."""
        raise InstrumentFault(f"{channel}: a temperature circuit takes no value, {value!r} not sent")
