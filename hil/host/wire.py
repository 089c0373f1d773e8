"""Protobuf's wire format (protobuf.dev, "Encoding"): fields of varints, fixed numbers and lengths, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10  # bytes of 64 bits, seven in each
_FIXED_SIZE = {FIXED64: 8, FIXED32: 4}


class PayloadError(ValueError):
    """Bytes that are no Sparkplug B payload; the text says where and why."""


def fields(raw: bytes, where: str) -> Iterator[tuple[int, int, int | bytes]]:
    """Each field's number, wire type and content: an int for a varint, bytes for all others."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at, where)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise PayloadError(f"{where}: field number 0")
        if kind == VARINT:
            value, at = _varint(raw, at, where)
            yield number, kind, value
            continue
        if kind == LENGTH:
            size, at = _varint(raw, at, where)
        elif kind in _FIXED_SIZE:
            size = _FIXED_SIZE[kind]
        else:
            raise PayloadError(f"{where}: field {number} has wire type {kind}")
        if size > len(raw) - at:
            raise PayloadError(f"{where}: field {number} wants {size} bytes, {len(raw) - at} are left")
        yield number, kind, raw[at : at + size]
        at += size


def _varint(raw: bytes, at: int, where: str) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST_VARINT):
        if at + index >= len(raw):
            raise PayloadError(f"{where}: ends inside a number")
        digit = raw[at + index]
        value |= (digit & 0x7F) << 7 * index
        if not digit & 0x80:
            if value >> 64:
                break
            return value, at + index + 1
    raise PayloadError(f"{where}: a number of more than 64 bits")


def varint(value: int) -> bytes:
    """An unsigned number, seven bits a byte, lowest first."""
    out = bytearray()
    while True:
        value, digit = value >> 7, value & 0x7F
        out.append(digit | 0x80 if value else digit)
        if not value:
            return bytes(out)


def number_field(number: int, value: int | None) -> bytes:
    """A varint field; nothing for None."""
    return b"" if value is None else varint(number << 3 | VARINT) + varint(value)


def bytes_field(number: int, value: bytes | None) -> bytes:
    """A field with its length before it; nothing for None."""
    return b"" if value is None else varint(number << 3 | LENGTH) + varint(len(value)) + value


def fixed_field(number: int, value: bytes) -> bytes:
    """A field of four or eight bytes as they are."""
    return varint(number << 3 | (FIXED32 if len(value) == 4 else FIXED64)) + value
