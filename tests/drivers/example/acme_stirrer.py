"""Acme ST-1 stirrer."""

from dataclasses import dataclass

from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.wire.limit import sendable
from edgectl.wire.port import ModbusPort

MANUAL = "Acme, ST-1 user manual, rev. 3"
WIRE = Wire.MODBUS
WATCHDOG: Watchdog | None = None
SPEED, SET_SPEED, SERIAL_NUMBER = 0, 1, 100  # holding registers (p. 12); speeds in 0.1 rpm


@dataclass(frozen=True, slots=True)
class Options:
    high_rpm: float = 500.0  # greatest speed


def channels(options: Options) -> tuple[Channel, ...]:
    return (Channel("speed", "rpm", 0.0, options.high_rpm, safe=0.0),)


def polls(options: Options) -> tuple[Poll, ...]:
    return (Poll("speed", ("speed",)),)


class Driver:
    def __init__(self, port: ModbusPort, address: str, options: Options) -> None:
        self._port, self._channels = port, channels(options)

    async def identify(self) -> Identity:
        (number,) = await self._port.read_holding(SERIAL_NUMBER, 1)
        return Identity("Acme", "ST-1", str(number))

    async def prepare(self) -> None:
        """Nothing to set."""

    async def read(self, poll: str) -> tuple[Reading, ...]:
        (word,) = await self._port.read_holding(SPEED, 1)
        return (Reading("speed", word / 10),)

    async def write(self, channel: str, value: float) -> float:
        await self._port.write_register(SET_SPEED, round(sendable(self._channels, channel, value) * 10))
        (word,) = await self._port.read_holding(SET_SPEED, 1)
        return word / 10
