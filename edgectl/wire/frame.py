"""Modbus RTU frames in a stream of bytes (Modbus over serial line V1.02, section 2.5), sealed by pymodbus' framer."""

from __future__ import annotations

import functools
from typing import NamedTuple

from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from edgectl.wire.modbus import READS, WRITES, Question

LONGEST = 256
_REFUSAL_SIZE = 5
_WRITE_SIZE = 8
_EXCEPTION_BIT = 0x80

_framer = FramerRTU(DecodePDU(is_server=False))


class Expected(NamedTuple):
    """The frames that answer a request: the good one's first bytes and length, and the first bytes of a refusal."""

    good: bytes
    size: int
    refused: bytes

    def missing(self, buffer: bytearray) -> int:
        """How many bytes are still to come if ``buffer`` is the beginning of the answer."""
        return (_REFUSAL_SIZE if buffer.startswith(self.refused) else self.size) - len(buffer)


@functools.lru_cache(1024)  # the same few, for ever
def framed(unit: int, question: Question) -> tuple[bytes, Expected]:
    """The frame that asks ``unit``, and what it may answer."""
    refused = bytes((unit, question.function | _EXCEPTION_BIT))
    expected = Expected(bytes((unit,)) + question.head, question.size + 3, refused)
    return seal(unit, question.pdu), expected


def seal(unit: int, pdu: bytes) -> bytes:
    """The frame of a PDU: address before it, CRC behind it."""
    return _framer.encode(pdu, unit, 0)


@functools.lru_cache(1024)  # outputs that rest answer the same each time
def intact(frame: bytes) -> bool:
    """Whether the CRC at the end of ``frame`` is right."""
    return FramerRTU.compute_CRC(frame[:-2]) == int.from_bytes(frame[-2:], "big")


def whole(buffer: bytes | bytearray) -> int:
    """The length of the intact answer, to whatever request, that ``buffer`` begins with; 0 if it begins with none."""
    if len(buffer) < _REFUSAL_SIZE:
        return 0
    function = buffer[1]
    if function & _EXCEPTION_BIT:
        size = _REFUSAL_SIZE
    elif function in READS:
        size = 5 + buffer[2]
    elif function in WRITES:
        size = _WRITE_SIZE
    else:
        return 0
    return size if len(buffer) >= size and intact(bytes(buffer[:size])) else 0


def find(buffer: bytes | bytearray, expected: Expected, *, final: bool = False) -> tuple[int, int] | None:
    """Where the answer is in ``buffer``, as offset and length; None if it is not there, or not all of it.

    Only an intact frame of the right unit, function and length counts. Noise before it is skipped; but inside noise a refusal is believed only
    as the very last bytes, when nothing more will come (``final``), since five bytes are easily part of something longer.
    """
    at = -1
    while (at := _head(buffer, expected, at + 1)) >= 0:
        refused = buffer.startswith(expected.refused, at)
        size = _REFUSAL_SIZE if refused else expected.size
        end = at + size
        believed = not refused or at == 0 or (final and end == len(buffer))
        if believed and end <= len(buffer) and intact(bytes(buffer[at:end])):
            return at, size
    return None


def _head(buffer: bytes | bytearray, expected: Expected, start: int) -> int:
    """Where the next answer may begin."""
    good, refused = buffer.find(expected.good, start), buffer.find(expected.refused, start)
    return max(good, refused) if good < 0 or refused < 0 else min(good, refused)
