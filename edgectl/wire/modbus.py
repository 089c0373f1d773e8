"""Modbus requests and what answers them, after the Modbus application protocol V1.1b3; encoded and decoded by pymodbus."""

from __future__ import annotations

import functools
import struct
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadCoilsResponse,
    ReadDiscreteInputsRequest,
    WriteMultipleCoilsRequest,
)
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
)

from edgectl.model.fault import Refused

_READ: dict[int, type[ReadCoilsRequest | ReadHoldingRegistersRequest]] = {
    1: ReadCoilsRequest,
    2: ReadDiscreteInputsRequest,
    3: ReadHoldingRegistersRequest,
    4: ReadInputRegistersRequest,
}
READS = (1, 2, 3, 4)
WRITES = (5, 6, 15, 16)
_BITS = (1, 2)
_MOST_COILS = 1968
_MOST_REGISTERS = 123
_EXCEPTION = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, still at work",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}


class Question(NamedTuple):
    """A request PDU, and the good answer's PDU: the bytes it begins with and its length."""

    pdu: bytes
    head: bytes
    size: int

    @property
    def function(self) -> int:
        """The function code."""
        return self.pdu[0]

    def __str__(self) -> str:
        return f"function {self.function:02d} at {int.from_bytes(self.pdu[1:3], 'big')}"


Ask = Callable[[int, Question], Awaitable[bytes]]
"""Asks a unit, and returns the PDU of its good answer."""


@functools.lru_cache(1024)  # the same few, for ever
def reading(function: int, address: int, count: int) -> Question:
    """Functions 01 to 04."""
    body = _READ[function](address=address, count=count).encode()
    size = (count + 7) // 8 if function in _BITS else 2 * count
    return Question(bytes((function,)) + body, bytes((function, size)), 2 + size)


def writing_one(function: int, address: int, value: int) -> Question:
    """Functions 05 and 06: the answer repeats the request.

    pymodbus knows only on and off for function 05; relay boards take further values.
    """
    pdu = struct.pack(">BHH", function, address, value)
    return Question(pdu, pdu, len(pdu))


def writing_coils(address: int, values: Sequence[bool]) -> Question:
    """Function 15."""
    _check(len(values), _MOST_COILS)
    pdu = b"\x0f" + WriteMultipleCoilsRequest(address=address, bits=values).encode()
    return Question(pdu, pdu[:5], 5)


def writing_registers(address: int, values: Sequence[int]) -> Question:
    """Function 16."""
    _check(len(values), _MOST_REGISTERS)
    pdu = b"\x10" + WriteMultipleRegistersRequest(address=address, registers=values).encode()
    return Question(pdu, pdu[:5], 5)


def bits(pdu: bytes, count: int) -> tuple[bool, ...]:
    """What an answer to function 01 or 02 holds."""
    answer = ReadCoilsResponse()
    answer.decode(pdu[1:])
    return tuple(answer.bits[:count])


def registers(pdu: bytes) -> tuple[int, ...]:
    """What an answer to function 03 or 04 holds."""
    answer = ReadHoldingRegistersResponse()
    answer.decode(pdu[1:])
    return tuple(answer.registers)


def refusal(unit: int, question: Question, code: int) -> Refused:
    """The exception answer ``code`` (section 7) as a fault that names unit, function and address."""
    meaning = _EXCEPTION.get(code, "not a code of the standard")
    return Refused(f"unit {unit} refuses {question}: exception {code:02d}, {meaning}", code)


class ModbusUnit:
    """``edgectl.wire.port.ModbusPort`` of one unit address. Addresses and counts beyond the standard are a ValueError."""

    def __init__(self, ask: Ask, unit: int) -> None:
        self._ask = ask
        self._unit = unit

    async def read_coils(self, address: int, count: int) -> tuple[bool, ...]:
        """Function 01."""
        return bits(await self._ask(self._unit, reading(1, address, count)), count)

    async def read_discrete_inputs(self, address: int, count: int) -> tuple[bool, ...]:
        """Function 02."""
        return bits(await self._ask(self._unit, reading(2, address, count)), count)

    async def read_holding(self, address: int, count: int) -> tuple[int, ...]:
        """Function 03."""
        return registers(await self._ask(self._unit, reading(3, address, count)))

    async def read_input(self, address: int, count: int) -> tuple[int, ...]:
        """Function 04."""
        return registers(await self._ask(self._unit, reading(4, address, count)))

    async def write_coil(self, address: int, value: int) -> None:
        """Function 05 with a raw value."""
        await self._ask(self._unit, writing_one(5, address, value))

    async def write_register(self, address: int, value: int) -> None:
        """Function 06."""
        await self._ask(self._unit, writing_one(6, address, value))

    async def write_coils(self, address: int, values: Sequence[bool]) -> None:
        """Function 15."""
        await self._ask(self._unit, writing_coils(address, values))

    async def write_registers(self, address: int, values: Sequence[int]) -> None:
        """Function 16."""
        await self._ask(self._unit, writing_registers(address, values))


def _check(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ValueError(f"{count} values, one request writes 1..{most}")
