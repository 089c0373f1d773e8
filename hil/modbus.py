"""The server's side of Modbus: checksum, function codes and exceptions.

Modbus Application Protocol V1.1b3 sections 4-7. Nothing here is shared with any Modbus client.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.log import Log

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4

_READ_BITS = (1, 2)
_READ_WORDS = (3, 4)


class RefusedError(Exception):
    """The device answers with an exception code instead of data."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class Device(Protocol):
    """A register map: what one Modbus emulator must be able to do.

    Coils and discrete inputs are 0/1, registers 0..65535. Either method may raise RefusedError.
    """

    @property
    def functions(self) -> frozenset[int]:
        """The function codes this device knows; others get exception 01."""

    @property
    def log(self) -> Log:
        """Where accepted writes are noted."""

    def read(self, t_s: float, function: int, address: int, count: int) -> Sequence[int]:
        """Return `count` values from `address` (on the wire) of the table that `function` reads."""

    def write(self, t_s: float, function: int, address: int, values: Sequence[int]) -> None:
        """Take the values; function 5 passes its raw 16-bit value."""


def _crc_table() -> tuple[int, ...]:
    """The reflected polynomial 0xA001 applied to every byte."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()


def crc16(data: bytes) -> int:
    """The CRC-16 of Modbus RTU; it travels low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def seal(frame: bytes) -> bytes:
    """The frame followed by its checksum."""
    return frame + crc16(frame).to_bytes(2, "little")


def float_words(value: float) -> tuple[int, int]:
    """An IEEE-754 single as (high word, low word); what does not fit becomes infinity."""
    try:
        raw = struct.pack(">f", value)
    except OverflowError:
        raw = struct.pack(">f", math.copysign(math.inf, value))
    high, low = struct.unpack(">HH", raw)
    return high, low


def words_float(high: int, low: int) -> float:
    """The float held by two registers."""
    (value,) = struct.unpack(">f", struct.pack(">HH", high, low))
    return float(value)


def int_word(value: float, *, signed: bool = True) -> int:
    """A number rounded and held inside 16 bits; not-a-number is 0x8000, the usual sentinel."""
    if math.isnan(value):
        return 0x8000
    low, high = (-0x8000, 0x7FFF) if signed else (0, 0xFFFF)
    return round(min(max(value, low), high)) & 0xFFFF


def signed(word: int) -> int:
    """A register read as two's complement."""
    return word - 0x10000 if word & 0x8000 else word


def serve(device: Device, t_s: float, pdu: bytes) -> bytes:
    """The reply PDU of a device to a request PDU; an exception PDU where the device refuses."""
    function = pdu[0]
    if function not in device.functions:
        return exception_pdu(function, ILLEGAL_FUNCTION)
    try:
        if function in _READ_WORDS:
            return _read_words(device, t_s, pdu)
        if function in _READ_BITS:
            return _read_bits(device, t_s, pdu)
        return _write_or_special(device, t_s, pdu)
    except RefusedError as refused:
        return exception_pdu(function, refused.code)


def exception_pdu(function: int, code: int) -> bytes:
    """An exception reply to a request with this function code."""
    return bytes((function | 0x80, code))


def _span(pdu: bytes, most: int) -> tuple[int, int]:
    """Address and count of a request; a count out of range is an illegal value."""
    if len(pdu) < 5:
        raise RefusedError(ILLEGAL_VALUE)
    address, count = struct.unpack(">HH", pdu[1:5])
    if not 1 <= count <= most:
        raise RefusedError(ILLEGAL_VALUE)
    return address, count


def _read_words(device: Device, t_s: float, pdu: bytes) -> bytes:
    address, count = _span(pdu, 125)
    words = device.read(t_s, pdu[0], address, count)
    return struct.pack(f">BB{count}H", pdu[0], 2 * count, *words)


def _read_bits(device: Device, t_s: float, pdu: bytes) -> bytes:
    address, count = _span(pdu, 2000)
    bits = device.read(t_s, pdu[0], address, count)
    size = (count + 7) // 8
    packed = sum(1 << index for index, bit in enumerate(bits) if bit)
    return bytes((pdu[0], size)) + packed.to_bytes(size, "little")


def _write_or_special(device: Device, t_s: float, pdu: bytes) -> bytes:
    function = pdu[0]
    if function == 7:  # read exception status: one byte of the device's own choosing
        return bytes((7, device.read(t_s, 7, 0, 1)[0] & 0xFF))
    if function == 8:  # diagnostics: only sub-function 0, return query data
        if pdu[1:3] != b"\0\0":
            raise RefusedError(ILLEGAL_VALUE)
        return pdu
    address, values = _written(pdu)
    device.write(t_s, function, address, values)
    kind = "coil" if function in (5, 15) else "register"
    device.log.write(t_s, f"{kind} {address}", list(values) if len(values) > 1 else values[0])
    return pdu[:5]


def _written(pdu: bytes) -> tuple[int, Sequence[int]]:
    """Address and values of a write request; lengths that disagree are an illegal value."""
    function = pdu[0]
    if function in (5, 6):
        if len(pdu) != 5:
            raise RefusedError(ILLEGAL_VALUE)
        address, value = struct.unpack(">HH", pdu[1:5])
        return address, (value,)
    address, count = _span(pdu, 1968 if function == 15 else 123)
    data = pdu[6:]
    expected = (count + 7) // 8 if function == 15 else 2 * count
    if len(pdu) < 6 or pdu[5] != expected or len(data) != expected:
        raise RefusedError(ILLEGAL_VALUE)
    if function == 16:
        return address, struct.unpack(f">{count}H", data)
    packed = int.from_bytes(data, "little")
    return address, [packed >> index & 1 for index in range(count)]
