"""How requests are cut out of a byte stream and replies are wrapped: Modbus RTU, Modbus TCP, text lines.

Modbus over Serial Line V1.02 section 2.5; Modbus Messaging on TCP/IP V1.0b section 3.1.
"""

from __future__ import annotations

import functools
import struct
from typing import NamedTuple

from hil.modbus import crc16, seal

_FIXED_LENGTH = {1: 8, 2: 8, 3: 8, 4: 8, 5: 8, 6: 8, 7: 4, 8: 8, 11: 4, 12: 4, 17: 4}
_COUNTED = (15, 16)  # the request carries a byte count at offset 6
_LONGEST_RTU = 256
_SHORTEST_RTU = 4
_LONGEST_TEXT = 256


class Request(NamedTuple):
    """One request taken off a line: unit address (Modbus), body (PDU or text), transaction number (TCP)."""

    address: int
    body: bytes
    tag: int = 0


class RtuFraming:
    """Takes requests off a serial line by their length and checksum, and seals replies."""

    silence_chars = 3.5

    def __init__(self) -> None:
        self._buffer = b""
        self.bad_frames = 0

    @property
    def idle(self) -> bool:
        """No unfinished request is waiting for its rest."""
        return not self._buffer

    def reset(self) -> None:
        """Forget an unfinished request: the line was silent, or its other end went away."""
        self._buffer = b""

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests that are complete with `data`; a bad checksum empties the buffer."""
        self._buffer += data
        requests = []
        while len(self._buffer) >= _SHORTEST_RTU:
            length = self._length()
            if len(self._buffer) < length:
                break
            frame, self._buffer = self._buffer[:length], self._buffer[length:]
            request = _opened(frame)
            if request is None:
                self.bad_frames += 1
                self._buffer = b""
                break
            requests.append(request)
        return requests

    def _length(self) -> int:
        """The length of the frame at the head of the buffer, or of the whole buffer if the function is unknown."""
        function = self._buffer[1]
        if function in _FIXED_LENGTH:
            return _FIXED_LENGTH[function]
        if function in _COUNTED:
            return 9 + self._buffer[6] if len(self._buffer) > 6 else _LONGEST_RTU
        return len(self._buffer)

    def seal(self, request: Request, body: bytes) -> bytes:
        """A reply frame from the unit that was asked."""
        return seal(bytes((request.address,)) + body)

    def open(self, frame: bytes) -> tuple[int, bytes]:
        """Unit and PDU of one of this side's own reply frames."""
        return frame[0], frame[1:-2]

    def close(self, frame: bytes, unit: int, pdu: bytes) -> bytes:
        """The frame with another unit or PDU and a right checksum."""
        return seal(bytes((unit,)) + pdu) if frame else frame


@functools.lru_cache(1024)  # a controller asks the same few for ever
def _opened(frame: bytes) -> Request | None:
    """The request in a frame; None if its checksum is wrong."""
    sound = crc16(frame[:-2]) == frame[-2] | frame[-1] << 8
    return Request(frame[0], frame[1:-2]) if sound else None


class TcpFraming:
    """Takes requests off a Modbus TCP connection by their MBAP header, and answers under the same number."""

    silence_chars = 0.0

    def __init__(self) -> None:
        self._buffer = b""
        self.bad_frames = 0

    @property
    def idle(self) -> bool:
        """No unfinished request is waiting for its rest."""
        return not self._buffer

    def reset(self) -> None:
        """Forget an unfinished request."""
        self._buffer = b""

    def feed(self, data: bytes) -> list[Request]:
        """Return the complete requests; a header that is not Modbus empties the buffer."""
        self._buffer += data
        requests = []
        while len(self._buffer) >= 8:
            tag, protocol, length, unit = struct.unpack(">HHHB", self._buffer[:7])
            if protocol != 0 or not 2 <= length <= 254:
                self.bad_frames += 1
                self._buffer = b""
                break
            if len(self._buffer) < 6 + length:
                break
            requests.append(Request(unit, self._buffer[7 : 6 + length], tag))
            self._buffer = self._buffer[6 + length :]
        return requests

    def seal(self, request: Request, body: bytes) -> bytes:
        """A reply with the transaction number of its request."""
        return struct.pack(">HHHB", request.tag, 0, len(body) + 1, request.address) + body

    def open(self, frame: bytes) -> tuple[int, bytes]:
        """Unit and PDU of one of this side's own reply frames."""
        return frame[6], frame[7:]

    def close(self, frame: bytes, unit: int, pdu: bytes) -> bytes:
        """The frame with another unit or PDU under the same transaction number."""
        return frame[:4] + struct.pack(">HB", len(pdu) + 1, unit) + pdu


class AsciiFraming:
    """Takes commands off a serial line at each CR; line feeds are ignored, and so is a line without end."""

    silence_chars = 0.0

    def __init__(self) -> None:
        self._buffer = b""
        self.bad_frames = 0

    @property
    def idle(self) -> bool:
        """No unfinished command is waiting for its CR."""
        return not self._buffer

    def reset(self) -> None:
        """Forget an unfinished command."""
        self._buffer = b""

    def feed(self, data: bytes) -> list[Request]:
        """Return the commands that are complete with `data`, without their terminators."""
        *lines, self._buffer = (self._buffer + data).replace(b"\n", b"").split(b"\r")
        if len(self._buffer) > _LONGEST_TEXT:
            self.bad_frames += 1
            self._buffer = b""
        return [Request(0, line) for line in lines]

    def seal(self, request: Request, body: bytes) -> bytes:  # noqa: ARG002 - the instrument wrote its whole reply
        """The reply as the instrument wrote it."""
        return body

    def open(self, frame: bytes) -> tuple[int, bytes]:
        """The first character as the unit, and the rest."""
        return frame[0], frame[1:]

    def close(self, frame: bytes, unit: int, pdu: bytes) -> bytes:  # noqa: ARG002
        """The reply with another first character."""
        return bytes((unit,)) + pdu
