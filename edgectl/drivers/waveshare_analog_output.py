"""Waveshare Modbus RTU Analog Output 8CH, 0-20 mA."""

from __future__ import annotations

from dataclasses import dataclass

from edgectl.model.fault import Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.model.quality import DeviceStatus
from edgectl.wire.current import FULL_SCALE_MA, current_of, judge, value_of
from edgectl.wire.limit import sendable
from edgectl.wire.port import ModbusPort

MANUAL = "Waveshare wiki, Modbus RTU Analog Output 8CH"
WIRE = Wire.MODBUS
WATCHDOG: Watchdog | None = None  # the advertised watchdog guards the board's processor, not the bus

TERMINALS = 8
"""Holding register n - 1 is the current of terminal n in uA."""
SOFTWARE_VERSION = 0x8000


@dataclass(frozen=True, slots=True)
class Output:
    """What stands at the end of one current loop.

    ``terminal``: 1 to 8. ``low``, ``high``: what 4 and 20 mA mean, in ``unit``. ``safe``: the safe value. ``zero_ma``: current at ``low``, 4 or 0.
    """

    name: str
    terminal: int
    unit: str
    low: float
    high: float
    safe: float
    zero_ma: float = 4.0

    def __post_init__(self) -> None:
        if not 1 <= self.terminal <= TERMINALS:
            raise ValueError(f"terminal: {self.terminal} must be 1 to {TERMINALS}")
        if not self.low <= self.safe <= self.high or self.low == self.high:
            raise ValueError(f"safe: {self.safe:g} must be in {self.low:g}..{self.high:g} {self.unit}")
        if self.zero_ma not in (0, 4):
            raise ValueError(f"zero_ma: {self.zero_ma:g} must be 4 or 0")


@dataclass(frozen=True, slots=True)
class Options:
    """``outputs``: the terminals in use."""

    outputs: tuple[Output, ...]

    def __post_init__(self) -> None:
        for what in ("name", "terminal"):
            used = [getattr(output, what) for output in self.outputs]
            if twice := [value for value in used if used.count(value) > 1]:
                raise ValueError(f"outputs: {what} {twice[0]} is used twice")


def channels(options: Options) -> tuple[Channel, ...]:
    """The outputs, set and read back, in their own units."""
    return tuple(
        Channel(o.name, o.unit, o.low, o.high, safe=o.safe, description=f"terminal {o.terminal}")
        for o in options.outputs
    )


def polls(options: Options) -> tuple[Poll, ...]:
    """All outputs in one read."""
    return (Poll("outputs", tuple(output.name for output in options.outputs)),)


def decode(word: int, output: Output) -> Reading:
    """What the board drives. Below the live zero (as after its power-up) that is no value of the range."""
    current_ma = word / 1000
    if output.zero_ma:
        status, detail = judge(current_ma)
    elif current_ma <= FULL_SCALE_MA:
        status, detail = DeviceStatus.GOOD, ""
    else:
        status, detail = DeviceStatus.FAILURE, f"{current_ma:g} mA is more than the board can drive"
    if status is DeviceStatus.FAILURE:
        return Reading(output.name, None, status, detail)
    return Reading(output.name, value_of(current_ma, output.low, output.high, output.zero_ma), status, detail)


def encode(value: float, output: Output) -> int:
    """The current in uA."""
    return round(current_of(value, output.low, output.high, output.zero_ma) * 1000)


PROBES = (
    Probe(
        (9600, 19200, 38400, 57600, 115_200, 4800), "8N1", numbers(1, 255), (Variant(Options(())),), rank=1
    ),
)


class Driver:
    """One board at a unit address."""

    def __init__(self, port: ModbusPort, address: str, options: Options) -> None:
        self._port = port
        self._address = address
        self._outputs = {output.name: output for output in options.outputs}
        self._channels = channels(options)

    async def identify(self) -> Identity:
        """Software version; another board refuses the version or the outputs. No serial number is told."""
        try:
            (version,) = await self._port.read_holding(SOFTWARE_VERSION, 1)
            await self._port.read_holding(0, TERMINALS)
        except Refused as refusal:
            if not refusal.unknown:
                raise
            raise WrongInstrument(
                f"unit {self._address} is no Waveshare analog output: {refusal}"
            ) from refusal
        return Identity("Waveshare", "Modbus RTU Analog Output 8CH", "", f"{version / 100:.2f}")

    async def prepare(self) -> None:
        """Nothing to set: the range is fixed, type 0-20 mA."""

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """All outputs in use."""
        words = await self._port.read_holding(0, TERMINALS)
        return tuple(decode(words[output.terminal - 1], output) for output in self._outputs.values())

    async def write(self, channel: str, value: float) -> float:
        """Set one output, and return what it reads back.

        Raises:
            Refused: the current read back stands for no value.
        """
        value = sendable(self._channels, channel, value)
        output = self._outputs[channel]
        register = output.terminal - 1
        await self._port.write_register(register, encode(value, output))
        (word,) = await self._port.read_holding(register, 1)
        confirmed = decode(word, output)
        if confirmed.value is None:
            raise Refused(f"{channel} reads back {confirmed.detail}")
        return confirmed.value
