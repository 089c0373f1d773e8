"""Bronkhorst EL-FLOW mass flow controller, ProPar in its ASCII form.

Typed from "RS232 interface with FLOW-BUS protocol" 9.17.027 and the parameter chapters of EL-FLOW Select 9.17.099. A message
is `:` and hexadecimal bytes: length, node, command, data. An answer repeats the indices of the question. What is no
message at all is answered with a protocol error. Flow follows the set point with a lag of 0.5 s while the control mode
lets it; mode 8 and 7 open the valve fully.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.log import Log
from hil.world import Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink

LAG_S, TURNAROUND_S = 0.5, 0.008
POINT_TO_POINT = 0x80
STATUS, WRITE, WRITE_SILENT, READ = 0, 1, 2, 4
TYPES = {0x00: "char", 0x20: "int", 0x40: "long", 0x60: "text"}
SHAPES = {"char": ">B", "int": ">h", "float": ">f", "long": ">I"}
PARAMETER_ERROR, TYPE_ERROR, VALUE_ERROR, READ_ONLY = 4, 5, 6, 13
PROTOCOL_ERROR = b":0104\r\n"
MODES = (0, 1, 3, 4, 7, 8, 12, 18, 20, 22)
OBEYING, OPEN, CLOSED = (0, 18), (7, 8), (3, 12, 22)


@dataclass(frozen=True, slots=True)
class Known:
    """A parameter: what it is called here, how it is held, whether it can be set."""

    name: str
    held: str
    writable: bool = False


TABLE: dict[tuple[int, int], Known] = {
    (1, 0): Known("measure", "int"),
    (1, 1): Known("setpoint", "int", writable=True),
    (1, 4): Known("mode", "char", writable=True),
    (1, 13): Known("capacity", "float"),
    (1, 17): Known("fluid", "text"),
    (1, 20): Known("alarm", "char"),
    (1, 31): Known("unit", "text"),
    (33, 0): Known("fmeasure", "float"),
    (33, 3): Known("fsetpoint", "float", writable=True),
    (33, 7): Known("temperature", "float"),
    (113, 1): Known("type", "text"),
    (113, 2): Known("model", "text"),
    (113, 3): Known("serial", "text"),
}


class Bronkhorst:
    """One controller; `flow` is its sink. `alarm` holds alarm bits, `mode` the control mode."""

    refusal = b":0480000405\r\n"

    def __init__(
        self,
        node: int,
        sinks: Mapping[str, Sink],
        *,
        full_scale: float,
        serial: str,
        fluid: str = "AIR",
        unit: str = "mln/min",
    ) -> None:
        self.node = node
        self.sinks = sinks
        self.sources = {"flow": Source(lambda _: self._flow)}
        self.log = Log()
        self.alarm = 0
        self.mode = 18
        self.stored = 0
        self._full_scale = full_scale
        self._texts = {"fluid": fluid, "unit": unit, "type": "DMFC", "model": "F-201CV-500", "serial": serial}
        self._setpoint = self._flow = self._flow_s = 0.0

    def addressed(self, request: Request) -> bool:
        """Its own node; point to point everything."""
        if self.node == POINT_TO_POINT:
            return True
        return request.body[3:5] == f"{self.node:02X}".encode()

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Obey one message."""
        self.tick(t_s)
        try:
            body = bytes.fromhex(request.body[1:].decode("ascii"))
        except (ValueError, UnicodeDecodeError):
            body = b""
        if request.body[:1] != b":" or len(body) < 3 or body[0] != len(body) - 1:
            return [(t_s + TURNAROUND_S, PROTOCOL_ERROR)]
        reply = self._obey(t_s, body[2], body[3:])
        self.tick(t_s)
        if reply is None:
            return ()
        sealed = bytes((len(reply) + 1, body[1])) + reply
        return [(t_s + TURNAROUND_S, b":" + sealed.hex().upper().encode() + b"\r\n")]

    def _obey(self, t_s: float, command: int, data: bytes) -> bytes | None:
        try:
            if command == READ:
                return bytes((2, *data[:2])) + self._tell(t_s, data)
            code = self._set(t_s, data[0], data[1], data[2:]) if command in (WRITE, WRITE_SILENT) else 2
        except (KeyError, IndexError):
            code = PARAMETER_ERROR
        except struct.error:
            code = TYPE_ERROR
        return None if command == WRITE_SILENT else bytes((STATUS, code, 1 + len(data)))

    def _tell(self, t_s: float, data: bytes) -> bytes:
        known = self._known(data[2], data[3])
        if known.held == "text":
            text = self._texts[known.name].encode()
            longest = data[4]
            return (
                bytes((0,)) + text + b"\0"
                if longest == 0
                else bytes((longest,)) + text.ljust(longest)[:longest]
            )
        flow = self.sources["flow"].read(t_s)
        values = {
            "measure": min(max(round(32000 * flow / self._full_scale), -23593), 32767),
            "setpoint": round(32000 * self._setpoint / self._full_scale),
            "mode": self.mode,
            "capacity": self._full_scale,
            "alarm": self.alarm,
            "fmeasure": flow,
            "fsetpoint": self._setpoint,
            "temperature": 25.0,
        }
        return struct.pack(SHAPES[known.held], values[known.name])

    @staticmethod
    def _known(process: int, typed: int) -> Known:
        """The parameter, if it is asked for as what it is."""
        known = TABLE[process, typed & 0x1F]
        held = TYPES[typed & 0x60]
        if held != {"float": "long"}.get(known.held, known.held):
            raise struct.error
        return known

    def _set(self, t_s: float, process: int, typed: int, data: bytes) -> int:
        """Set a parameter; the status it is answered with."""
        known = self._known(process, typed)
        if not known.writable:
            return READ_ONLY
        (value,) = struct.unpack(SHAPES[known.held], data)
        if known.name == "mode":
            if value not in MODES:
                return VALUE_ERROR
            self.mode = value
        else:
            flow = value if known.name == "fsetpoint" else value / 32000 * self._full_scale
            if not 0.0 <= flow <= self._full_scale:
                return VALUE_ERROR
            self._setpoint = flow
            self.stored += 1
        self.log.write(t_s, known.name, value)
        return 0

    def tick(self, t_s: float) -> None:
        """The flow approaches what mode and set point ask for."""
        if t_s > self._flow_s:
            if self.mode in OPEN:
                target = self._full_scale
            elif self.mode in CLOSED:
                target = 0.0
            else:
                target = self._setpoint if self.mode in OBEYING else self._flow
            self._flow = target + (self._flow - target) * math.exp((self._flow_s - t_s) / LAG_S)
            self._flow_s = t_s
        self.sinks["flow"].write(t_s, self._flow)

    def restart(self, t_s: float) -> None:
        """Power comes back with the set point it had."""
        self.tick(t_s)
        self._flow = 0.0
