"""Huber thermostat, PB protocol.

Typed from public drivers' parameter tables. A request has ten characters with CR LF, `****` reads; what cannot be understood
has no answer. Values are 16-bit two's complement, temperatures in 0.01 degC, and a set point outside the limits is
clipped and answered as it was taken.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from hil.log import Log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

TURNAROUND_S = 0.015
MISSING, UNKNOWN = -15100, 0x7FFF
REST_C = 20.0
HEX = "0123456789ABCDEF"


class Huber:
    """One thermostat; `bath` and `process` are sources, `setpoint` its sink in degC. `error` and `warning` are codes below zero."""

    refusal = b""

    def __init__(
        self,
        sources: Mapping[str, Source],
        sinks: Mapping[str, Sink],
        *,
        serial: str,
        low_c: float = -20.0,
        high_c: float = 60.0,
    ) -> None:
        self.sources = sources
        self.sinks = sinks
        self.log = Log()
        self.error = self.warning = 0
        self.setpoint_c = 25.0
        self.controls = False
        self.stored = 0
        self._serial = int(serial)
        self._range_c = (low_c, high_c)

    def addressed(self, request: Request) -> bool:  # noqa: ARG002
        """There is one thermostat on the line."""
        return True

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Answer a well-formed request."""
        text = request.body.decode("latin-1")
        if len(text) != 8 or text[:2] != "{M" or any(letter not in HEX for letter in text[2:4]):
            return ()
        number = bytes.fromhex(text[2:4])[0]
        if text[4:] != "****":
            if any(letter not in HEX for letter in text[4:]):
                return ()
            (value,) = struct.unpack(">h", bytes.fromhex(text[4:]))
            self._put(t_s, number, value)
        (word,) = struct.unpack(">H", struct.pack(">h", self._get(t_s, number)))
        return [(t_s + TURNAROUND_S, f"{{S{text[2:4]}{word:04X}\r\n".encode())]

    def _get(self, t_s: float, number: int) -> int:
        low, high = self._range_c
        serial = struct.unpack(">hh", struct.pack(">I", self._serial))
        values: dict[int, int] = {
            0x00: round(100 * self.setpoint_c),
            0x01: self._temperature(t_s, "bath"),
            0x04: 300 if self.controls else 0,
            0x05: self.error,
            0x06: self.warning,
            0x07: self._temperature(t_s, "process"),
            0x0A: 0x13 * self.controls | 0x100 * (self.error < 0) | 0x200 * (self.warning < 0),
            0x0F: 870,
            0x14: int(self.controls),
            0x1B: serial[0],
            0x1C: serial[1],
            0x30: round(100 * low),
            0x31: round(100 * high),
        }
        return values.get(number, UNKNOWN)

    def _temperature(self, t_s: float, name: str) -> int:
        value = self.sources[name].read(t_s) if name in self.sources else math.nan
        return MISSING if math.isnan(value) else round(100.0 * min(max(float(value), -151.0), 327.0))

    def _put(self, t_s: float, number: int, value: int) -> None:
        if number == 0x00:
            low, high = self._range_c
            self.setpoint_c = min(max(value / 100, low), high)
            self.stored += 1
        elif number == 0x14 and value in (0, 1):
            self.controls = bool(value)
        elif number in (0x05, 0x06) and value == 1:
            self.error, self.warning = (0, self.warning) if number == 0x05 else (self.error, 0)
        else:
            return
        self.log.write(t_s, f"{number:02X}", value)
        self._drive(t_s)

    def trip(self, t_s: float, error: int) -> None:
        """An error stands from now on; 0 for none."""
        self.error = error
        self._drive(t_s)

    def _drive(self, t_s: float) -> None:
        """The bath is driven while it controls without an error."""
        if "setpoint" in self.sinks:
            driven = self.controls and self.error >= 0
            self.sinks["setpoint"].write(t_s, self.setpoint_c if driven else REST_C)

    def restart(self, t_s: float) -> None:
        """It comes back off, with its set point."""
        self.controls = False
        self._drive(t_s)
