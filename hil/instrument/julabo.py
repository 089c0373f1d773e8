"""Julabo circulator, ASCII interface commands.

Typed from the chapter "Interface commands" of the CORIO, MAGIO and DYNEO manuals. OUT commands are obeyed without a word
and only in remote mode; the next STATUS says once what was wrong with the last. A command within 250 ms after an OUT
command is lost. `alarm` is a standing alarm number; below zero it hides the running state.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from hil.log import Log

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

TURNAROUND_S = 0.020
DEAF_S = 0.250
STATES = ("00 MANUAL STOP", "01 MANUAL START", "02 REMOTE STOP", "03 REMOTE START")
COMMAND_ERRORS = {-8: "INVALID COMMAND", -9: "NOT ALLOWED IN CURRENT OPERATING MODE", -10: "VALUE TOO SMALL", -11: "VALUE TOO LARGE",
                  -13: "VALUE EXCEEDS TEMPERATURE LIMITS"}  # fmt: skip
REST_C = 20.0  # the bath while it stands


class Julabo:
    """One circulator; `bath` and `external` are sources, `setpoint` its sink in degC."""

    refusal = b""

    def __init__(
        self,
        sources: Mapping[str, Source],
        sinks: Mapping[str, Sink],
        *,
        low_c: float = -20.0,
        high_c: float = 150.0,
        warning_c: tuple[float, float] = (0.0, 60.0),
    ) -> None:
        self.sources = sources
        self.sinks = sinks
        self.log = Log()
        self.remote = True
        self.running = False
        self.alarm = 0
        self.setpoint_c = 25.0
        self.stored = 0
        self._range_c = (low_c, high_c)
        self._limits_c = warning_c
        self._error = 0
        self._deaf_until_s = 0.0

    def addressed(self, request: Request) -> bool:  # noqa: ARG002
        """There is one circulator on the line."""
        return True

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Answer a question or obey an order; what comes too soon is lost."""
        if t_s < self._deaf_until_s:
            self.log.event(t_s, "too soon")
            return ()
        word, _, value = request.body.decode("latin-1").strip().upper().partition(" ")
        if word.startswith("OUT_"):
            self._error = self._obey(t_s, word, value)
            self._deaf_until_s = t_s + DEAF_S
            self._drive(t_s)
            return ()
        reply = self._tell(t_s, word)
        if reply is None:
            self._error = -8
            return ()
        return [(t_s + TURNAROUND_S, f"{reply}\r\n".encode("latin-1"))]

    def _tell(self, t_s: float, word: str) -> str | None:
        if word == "VERSION":
            return "JULABO CORIO CD-200F VERSION 1.4"
        if word == "STATUS":
            return self._status()
        if word in ("IN_PV_00", "IN_PV_02"):
            source = self.sources.get("bath" if word == "IN_PV_00" else "external")
            value = math.nan if source is None else source.read(t_s)
            return "---.--" if math.isnan(value) else f"{value:.2f}"
        values = {
            "IN_PV_01": f"{30.0 if self.running else 0.0:.0f}",
            "IN_SP_00": f"{self.setpoint_c:.2f}",
            "IN_SP_03": f"{self._limits_c[1]:.2f}",
            "IN_SP_04": f"{self._limits_c[0]:.2f}",
            "IN_MODE_05": f"{self.running:d}",
        }
        return values.get(word)

    def _status(self) -> str:
        error, self._error = self._error, 0
        if error:
            return f"{error:03d} {COMMAND_ERRORS[error]}"
        if self.alarm:
            return f"{self.alarm:03d} ALARM"
        return STATES[2 * self.remote + self.running]

    def _obey(self, t_s: float, word: str, text: str) -> int:
        """Do it, and return the error that the next STATUS tells; 0 for none."""
        if not re.fullmatch(r"-?\d+(\.\d+)?", text) or word not in ("OUT_SP_00", "OUT_MODE_05"):
            return -8
        if not self.remote:
            return -9
        value = float(text)
        if word == "OUT_MODE_05":
            if value not in (0, 1):
                return -8
            self.running = bool(value)
        else:
            low, high = self._range_c
            if not low <= value <= high:
                return -10 if value < low else -11
            if not self._limits_c[0] <= value <= self._limits_c[1]:
                return -13
            self.setpoint_c = value
            self.stored += 1
        self.log.write(t_s, word, value)
        return 0

    def trip(self, t_s: float, alarm: int) -> None:
        """An alarm stands from now on; 0 for none."""
        self.alarm = alarm
        self._drive(t_s)

    def _drive(self, t_s: float) -> None:
        """The bath is driven while it runs without an alarm."""
        if "setpoint" in self.sinks:
            self.sinks["setpoint"].write(t_s, self.setpoint_c if self.running and self.alarm >= 0 else REST_C)

    def restart(self, t_s: float) -> None:
        """It comes back stopped, with its set point, under manual control."""
        self.running = self.remote = False
        self._error, self._deaf_until_s = 0, 0.0
        self._drive(t_s)
