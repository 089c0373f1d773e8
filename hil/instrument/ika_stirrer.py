"""IKA overhead stirrer, NAMUR command set.

Typed from the operating instructions. Every command and reply ends with blank, CR, LF. A start sets the speed to 0, as a
Microstar does. The watchdog runs from its command on and is renewed by it alone: mode 1 stops, mode 2 goes to the
safety speed, and either holds until its time is set to 0.
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

TURNAROUND_S = 0.010  # not in the instructions
NCM_AT_100_RPM = 1.75
_WATCHDOG = re.compile(r"OUT_WD([12])@(\d+)")
_SETTING = re.compile(r"OUT_SP_([4568]) (\d+(?:\.\d+)?)")
_QUERY = re.compile(r"IN_(PV|SP)_(\d)")


class IkaStirrer:
    """One stirrer; `speed` is its sink in rpm. `coupled` says whether the shaft turns with the motor."""

    refusal = b""

    def __init__(
        self, sinks: Mapping[str, Sink], *, name: str = "Microstar C", most_rpm: float = 2000.0
    ) -> None:
        self.sources: Mapping[str, Source] = {}
        self.sinks = sinks
        self.log = Log()
        self.running = False
        self.coupled = True
        self._name = name
        self._most_rpm = most_rpm
        self._settings = {4: 0.0, 5: 100.0, 6: most_rpm, 8: 0.0}
        self._mode, self._time_s, self._renewed_s = 1, 0, 0.0
        self._struck = False

    def addressed(self, request: Request) -> bool:  # noqa: ARG002
        """There is one stirrer on the line."""
        return True

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Obey; only questions and the watchdog have a reply."""
        self.tick(t_s)
        reply = self._obey(t_s, request.body.decode("latin-1").strip())
        self.tick(t_s)
        return [(t_s + TURNAROUND_S, f"{reply} \r\n".encode("latin-1"))] if reply else ()

    def _obey(self, t_s: float, text: str) -> str:
        if text == "IN_NAME":
            return self._name
        if found := _QUERY.fullmatch(text):
            return self._value(found[1], int(found[2]))
        if found := _WATCHDOG.fullmatch(text):
            return self._watch(t_s, int(found[1]), int(found[2]))
        if found := _SETTING.fullmatch(text):
            self._settings[int(found[1])] = min(float(found[2]), self._most_rpm)
        elif text in ("START_4", "STOP_4"):
            self.running = text == "START_4"
            self._settings[4] = 0.0 if self.running else self._settings[4]
        elif text == "RESET":
            self._time_s = 0
        else:
            return ""
        self.log.write(t_s, text.split(maxsplit=1)[0], text.partition(" ")[2])
        return ""

    def _value(self, kind: str, channel: int) -> str:
        speed = self._speed()
        torque = NCM_AT_100_RPM * speed / 100.0 if self.coupled else 0.0
        known = {3: 25.0, 4: speed, 5: torque} if kind == "PV" else self._settings
        return f"{known[channel]:.1f} {channel}" if channel in known else ""

    def _watch(self, t_s: float, mode: int, time_s: int) -> str:
        if time_s and not 20 <= time_s <= 1500:
            return ""
        self._mode, self._time_s, self._renewed_s = mode, time_s, t_s
        self._struck = self._struck and time_s > 0
        self.log.write(t_s, f"WD{mode}", time_s)
        return str(time_s)

    def _speed(self) -> float:
        if self._struck:
            return self._settings[8] if self._mode == 2 and self.running else 0.0
        return min(self._settings[4], self._settings[6]) if self.running else 0.0

    def tick(self, t_s: float) -> None:
        """The motor follows at once; a watchdog nobody renews strikes."""
        late = self._time_s > 0 and t_s - self._renewed_s > self._time_s
        if late and not self._struck:
            self._struck = True
            self.log.event(t_s, f"watchdog {self._mode}")
        if "speed" in self.sinks:
            self.sinks["speed"].write(t_s, self._speed() if self.coupled else 0.0)

    def restart(self, t_s: float) -> None:
        """It comes back stopped and without a watchdog."""
        self.running, self._struck, self._time_s = False, False, 0
        self._renewed_s = -math.inf
        self.tick(t_s)
