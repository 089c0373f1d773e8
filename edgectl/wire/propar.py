"""ProPar messages of Bronkhorst in their ASCII form: ``:`` and bytes as two hex digits each, ended by CR LF.

Length, node, and then a command. There is no checksum: length, node and the indices that an answer repeats are matched. (Bronkhorst 9.17.027, pages 23 to 25.)
"""

from __future__ import annotations

import enum
import re
import struct
from dataclasses import dataclass

from edgectl.model.fault import BadReply, InstrumentFault, NoReply, Refused
from edgectl.wire.text_line import one_line
from edgectl.wire.word import measured

_STATUS, _WRITE, _ANSWER, _READ = 0x00, 0x01, 0x02, 0x04
_BYTES = re.compile(r":((?:[0-9A-F]{2})+)")
STATUS = {
    1: "process claimed",
    2: "command error",
    3: "process error",
    4: "parameter error",
    5: "type error",
    6: "value error",
    7: "network not active",
    8: "time-out at the start of a character",
    9: "time-out",
    11: "node error",
    13: "read only",
    17: "write only",
    25: "no answer",
}
_PROTOCOL_ERROR, _REJECTED, _NO_ANSWER = 4, 5, 9


class Kind(enum.Enum):
    """How a parameter is held, as bits of its number."""

    CHAR = 0x00
    INT = 0x20
    FLOAT = 0x40
    STRING = 0x60


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its process, its number there, how it is held, and its name for people."""

    process: int
    number: int
    kind: Kind
    name: str

    @property
    def index(self) -> bytes:
        """Process and typed number; an answer repeats them."""
        return bytes((self.process, self.kind.value | self.number))


def encode_read(node: int, parameter: Parameter) -> bytes:
    """Ask for one parameter; a text may have any length, which a zero ends."""
    length = b"\0" if parameter.kind is Kind.STRING else b""
    return _frame(node, bytes((_READ,)) + parameter.index + parameter.index + length)


def encode_write(node: int, parameter: Parameter, value: float) -> bytes:
    """Set one number, asking for a status.

    Raises:
        InstrumentFault: it does not fit; nothing was sent.
    """
    try:
        packed = struct.pack({Kind.CHAR: ">B", Kind.INT: ">H", Kind.FLOAT: ">f"}[parameter.kind], value)
    except (struct.error, OverflowError):
        raise InstrumentFault(f"{value!r} does not fit into {parameter.name}: not sent") from None
    return _frame(node, bytes((_WRITE,)) + parameter.index + packed)


def _frame(node: int, message: bytes) -> bytes:
    body = bytes((len(message) + 1, node)) + message
    return b":" + body.hex().upper().encode("ascii") + b"\r\n"


def _message(raw: bytes, node: int) -> bytes:
    """Command and data of a reply of this node.

    Raises:
        BadReply: no such message.
        Refused: the interface rejected the request.
        NoReply: the interface got no answer from the node.
    """
    line = one_line(raw)
    found = _BYTES.fullmatch(line)
    body = bytes.fromhex(found[1]) if found else b""
    if len(body) < 2 or body[0] != len(body) - 1:
        raise BadReply(f"{line!r} is no ProPar message")
    if body[0] == 1:
        raise _error(body[1])
    if body[1] != node:
        raise BadReply(f"node {body[1]} answers for node {node}")
    return body[2:]


def _error(code: int) -> InstrumentFault:
    """What a message of one byte says."""
    if code == _REJECTED:
        return Refused("message rejected (ProPar error 5)")
    if code == _NO_ANSWER:
        return NoReply("the interface got no answer from the node (ProPar error 9)")
    what = "protocol error" if code == _PROTOCOL_ERROR else "unknown error"
    return BadReply(f"{what} (ProPar error {code})")


def check_status(raw: bytes, node: int) -> None:
    """The reply to a write. The position it tells is not to be relied upon.

    Raises:
        Refused: any status but 0.
        BadReply: no status.
    """
    message = _message(raw, node)
    if len(message) != 3 or message[0] != _STATUS:
        raise BadReply(f"{raw!r} is no status")
    if message[1]:
        raise Refused(f"status {message[1]}: {STATUS.get(message[1], 'unknown')}")


def _data(raw: bytes, node: int, parameter: Parameter) -> bytes:
    """The data of the answer to a read."""
    message = _message(raw, node)
    if message[:1] == bytes((_STATUS,)):
        check_status(raw, node)
    if message[:3] != bytes((_ANSWER,)) + parameter.index:
        raise BadReply(f"{raw!r} does not answer {parameter.name}")
    return message[3:]


def decode_number(raw: bytes, node: int, parameter: Parameter) -> float | None:
    """The number in the answer to a read; None for a float that nobody measured.

    Raises:
        BadReply: another message.
        Refused: a status instead of a value.
    """
    data = _data(raw, node, parameter)
    shape = {Kind.CHAR: ">B", Kind.INT: ">H", Kind.FLOAT: ">f"}[parameter.kind]
    if len(data) != struct.calcsize(shape):
        raise BadReply(f"{raw!r}: {parameter.name} has {struct.calcsize(shape)} bytes")
    (value,) = struct.unpack(shape, data)
    return measured(float(value))


def decode_text(raw: bytes, node: int, parameter: Parameter) -> str:
    """The text in the answer to a read: a length, 0 where a zero ends it, and the text.

    Raises:
        BadReply: another message.
        Refused: a status instead of a text.
    """
    data = _data(raw, node, parameter)
    length, text = data[:1], data[1:]
    if not length or (length != b"\0" and len(text) != length[0]):
        raise BadReply(f"{raw!r}: the length of {parameter.name} is wrong")
    shown = text.split(b"\0", maxsplit=1)[0].decode("latin-1").strip()
    if not shown.isascii() or not (shown.isprintable()):
        raise BadReply(f"{raw!r}: {parameter.name} is no text")
    return shown
