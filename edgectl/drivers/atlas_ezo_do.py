"""Atlas Scientific EZO-DO: dissolved oxygen."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.fault import InstrumentFault, Misconfigured
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import ALONE, Probe, Variant
from edgectl.wire.ezo import BAUDS, WHO_ANSWER, WHO_S, Circuit, Reply, decode_number, reading_command, who
from edgectl.wire.port import AsciiPort

MANUAL = "Atlas Scientific, EZO-DO data sheet V4.1, UART mode"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None
KINDS = ("DO", "D.O.")
LOW, HIGH = 0.0, 400.0
OUTPUT = "%"


@dataclass(frozen=True, slots=True)
class Options:
    """``temperature_c``: degC of the sample, for compensation; None leaves the circuit's own (20 degC after each power-up)."""

    temperature_c: float | None = None


CHANNELS = (Channel("do", "%-sat", LOW, HIGH, description="dissolved oxygen, percent of air saturation"),)
POLLS = (Poll("do", ("do",)),)


def channels(options: Options) -> tuple[Channel, ...]:  # noqa: ARG001 - the same for every circuit
    """What the circuit measures."""
    return CHANNELS


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every circuit
    """At most one reading a second: it takes the circuit up to 0.9 s."""
    return POLLS


def decode(reply: Reply) -> Reading:
    """The saturation. ``no output`` and ``check probe`` stand where a number would (data sheet, "output parameters")."""
    return decode_number("do", reply, LOW, HIGH, "outside 0..400 %")


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
        """Single readings, response codes on, and saturation the only output: read back, for 8.2 may be mg/L or percent."""
        await self._circuit.prepare()
        if await self._circuit.query("O") != (OUTPUT,):
            await self._circuit.ask("O,%,1")
            await self._circuit.ask("O,mg,0")
            if (outputs := await self._circuit.query("O")) != (OUTPUT,):
                raise Misconfigured(f"outputs are {outputs!r} and cannot be set to % alone")

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """One reading."""
        return (decode(await self._circuit.ask(self._command)),)

    async def write(self, channel: str, value: float) -> float:
        """Nothing can be set."""
        raise InstrumentFault(f"{channel}: an oxygen circuit takes no value, {value!r} not sent")
