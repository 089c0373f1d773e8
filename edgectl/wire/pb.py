"""Huber PB frames: ``{M`` and ``{S``, two hex digits of address, four of value, CR LF. They have no checksum; what is written is echoed as it was taken."""

from __future__ import annotations

import re

from edgectl.model.fault import BadReply, InstrumentFault
from edgectl.wire.text_line import one_line

_REPLY = re.compile(r"\{S([0-9A-F]{2})([0-9A-F]{4})")
LOWEST, HIGHEST = -0x8000, 0x7FFF


def encode_read(address: int) -> bytes:
    """Ask for the value of one address."""
    return b"{M%02X****\r\n" % address


def encode_write(address: int, value: int) -> bytes:
    """Set one address to a signed 16-bit value.

    Raises:
        InstrumentFault: it has more bits; nothing was sent.
    """
    if not LOWEST <= value <= HIGHEST:
        raise InstrumentFault(f"{value} does not fit into 16 bits: not sent")
    return b"{M%02X%04X\r\n" % (address, value & 0xFFFF)


def decode(raw: bytes, address: int) -> int:
    """The signed value in the reply for ``address``.

    Raises:
        BadReply: no reply frame, or that of another address.
    """
    line = one_line(raw)
    found = _REPLY.fullmatch(line)
    if found is None:
        raise BadReply(f"{line!r} is no PB reply")
    if int(found[1], 16) != address:
        raise BadReply(f"{line!r} answers for address {found[1]}, not {address:02X}")
    word = int(found[2], 16)
    return word - 0x10000 if word & 0x8000 else word
