"""Numbers in 16-bit Modbus registers: types, the four word orders, and what is no number at all."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence

from edgectl.model.fault import InstrumentFault

_SMALLEST = 1e-30
"""No instrument measures so small a number without measuring zero: it is a wrong word order or a damaged register."""


class Kind(enum.Enum):
    """How a value is held: two's complement, unsigned, or IEEE 754."""

    BOOL = "bool"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


class Order(enum.Enum):
    """In which order the bytes of a 32-bit value, ``a`` the most significant, come over the wire.

    Modbus sends the high byte of a register first and says nothing of values in several registers; 64-bit values follow
    the same pattern (``cdab``: last register first).
    """

    ABCD = "abcd"
    CDAB = "cdab"
    BADC = "badc"
    DCBA = "dcba"


_VALUE = {
    Kind.INT16: struct.Struct(">h"),
    Kind.UINT16: struct.Struct(">H"),
    Kind.INT32: struct.Struct(">i"),
    Kind.UINT32: struct.Struct(">I"),
    Kind.FLOAT32: struct.Struct(">f"),
    Kind.FLOAT64: struct.Struct(">d"),
}
_WORDS = {
    swapped: {count: struct.Struct(f"{'<' if swapped else '>'}{count}H") for count in (1, 2, 4)}
    for swapped in (False, True)
}
_LAST_WORD_FIRST = (Order.CDAB, Order.DCBA)
_LOW_BYTE_FIRST = (Order.BADC, Order.DCBA)


def length(kind: Kind) -> int:
    """Registers that hold a value of this kind; a coil or a bool in a register counts one."""
    return 1 if kind is Kind.BOOL else _VALUE[kind].size // 2


def decode(words: Sequence[int], kind: Kind, order: Order = Order.ABCD) -> float:
    """The number in these registers. A bool is true for every bit pattern but zero."""
    if kind is Kind.BOOL:
        return float(words[0] != 0)
    arranged = words[::-1] if order in _LAST_WORD_FIRST else words
    packed = _WORDS[order in _LOW_BYTE_FIRST][len(words)].pack(*arranged)
    number: float = _VALUE[kind].unpack(packed)[0]
    return number


def encode(value: float, kind: Kind, order: Order = Order.ABCD) -> tuple[int, ...]:
    """The registers that hold ``value``; whole-number kinds take the nearest.

    Raises:
        InstrumentFault: the value does not fit into the kind; nothing was sent.
    """
    if kind is Kind.BOOL:
        return (int(value != 0),)
    number = value if kind in (Kind.FLOAT32, Kind.FLOAT64) else round(value)
    try:
        packed = _VALUE[kind].pack(number)
    except (struct.error, OverflowError):
        raise InstrumentFault(f"{value!r} does not fit into {kind.value}: not sent") from None
    words = _WORDS[order in _LOW_BYTE_FIRST][length(kind)].unpack(packed)
    return words[::-1] if order in _LAST_WORD_FIRST else words


def measured(value: float) -> float | None:
    """``value`` if an instrument can have measured it; None for NaN, infinities and numbers below 1e-30. Minus zero becomes zero."""
    if _SMALLEST <= abs(value) < float("inf"):
        return value
    return 0.0 if value == 0 else None


def float32_low_first(words: Sequence[int]) -> float:
    """IEEE 754 single in two registers, low word first (``cdab``)."""
    return decode(words, Kind.FLOAT32, Order.CDAB)


def uint32_low_first(words: Sequence[int]) -> int:
    """Unsigned 32-bit number or bit field in two registers, low word first (``cdab``)."""
    return words[0] | words[1] << 16
