"""Alicat mass flow controller, ASCII protocol.

Typed from the operating manual for M, MC, P, PC, L, LC devices (2023) and the Serial Communications Primer Rev. 2.
A command is the unit letter, text and CR. Flow follows the set point with a lag of 0.5 s; readings carry noise of
0.2 % of full scale. Set points sent while the source is S are saved: `saved_setpoints` counts that wear.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.log import Log
from hil.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink

GASES = ("Air", "Ar", "CH4", "CO", "CO2", "C2H6", "H2", "He", "N2", "N2O", "Ne", "O2", "C3H8", "n-C4H10", "C2H2",
         "C2H4", "i-C4H10", "Kr", "Xe", "SF6", "C-25", "C-10", "C-8", "C-2", "C-75")  # fmt: skip
MANUFACTURING = ("MANUFACTURER Alicat Scientific", "WEB www.alicat.com", "PHONE", "FAX", "MODEL {model}", "SERIAL {serial}",
                 "MANUFACTURED 2025-01-09", "CALIBRATED 2025-01-09", "CALIBRATED BY QA", "SW REV {firmware}")  # fmt: skip
FRAME_ROWS = (
    (700, "Unit ID", "string", "1", ""),
    (2, "Abs Press", "s decimal", "7/2", "010 02 PSIA"),
    (3, "Flow Temp", "s decimal", "7/2", "002 02 `C"),
    (4, "Volu Flow", "s decimal", "7/2", "012 02 CCM"),
    (5, "Mass Flow", "s decimal", "7/2", "012 02 SCCM"),
    (37, "Mass Flow Setpt", "s decimal", "7/2", "012 02 SCCM"),
    (703, "Gas", "string", "6", ""),
)
FRAME_HEADER = "ID_ NAME______________________ TYPE_______ WIDTH NOTES___________________"
LEGACY_FULL_SCALE = 64000
LAG_S, NOISE_SHARE, TURNAROUND_S = 0.5, 0.002, 0.010
PRESSURE_PSIA, TEMPERATURE_C = 14.62, 25.48


def number(value: float) -> str:
    """A frame field: sign, three digits, two decimals."""
    return f"{value:+07.2f}"


class AlicatMfc:
    """One controller. `words` are status words such as MOV or TMF that a test adds to the frame."""

    refusal = b"?\r"

    def __init__(
        self,
        letter: str,
        sinks: Mapping[str, Sink],
        *,
        full_scale: float,
        gas: str,
        dice: Random,
        serial: str,
        firmware: str = "10v20.0-R24",
    ) -> None:
        self.letter = letter
        self.sinks = sinks
        self.sources = {"flow": Source(self._measure)}
        self.log = Log()
        self.words: list[str] = []
        self.saved_setpoints = 0
        self.source = "U"
        self._sink = sinks["flow"]
        self._full_scale = full_scale
        self._gas = GASES.index(gas)
        self._dice = dice
        self._serial = serial
        self._firmware = firmware
        self._setpoint = 0.0
        self._saved = 0.0
        self._flow = 0.0
        self._flow_s = 0.0
        self._hold: str | None = None
        self._control_point = 37
        self._commands = self._known(firmware)

    def _known(self, firmware: str) -> Mapping[str, Callable[[float, list[str]], str]]:
        """What this firmware obeys; LS came with 9v00, LSS and GS with 10v05, which dropped G."""
        major, minor = firmware.split(".", maxsplit=1)[0].split("v")
        version = (int(major), int(minor))
        commands: dict[str, Callable[[float, list[str]], str]] = {
            "": lambda t, _: self._frame(t),
            "S": self._set_frame,
            "HC": lambda t, _: self._valve(t, "HC"),
            "HP": lambda t, _: self._valve(t, "HP"),
            "C": lambda t, _: self._valve(t, None),
            "FPF": lambda _, words: (
                f"{self.letter} {number(self._full_scale)} 12 SCCM" if words == ["5"] else "?"
            ),
            "VE": lambda *_: f"{self.letter}   {self._firmware} Jan  9 2025,15:04:07",
            "$$R46": lambda *_: f"{self.letter} 046 = {self._gas}",
            "$$W46": lambda t, words: self._select_gas(t, int(words[0]) & 0x1FF),
            "R122": lambda *_: f"{self.letter} 122 = {self._control_point}",
            "W122": self._set_control_point,
            "??M*": lambda *_: self._manufacturing(),
            "??D*": lambda *_: self._layout(),
            "??G*": lambda *_: self._lines([f"G{n:02d} {name:>8}" for n, name in enumerate(GASES)]),
        }
        for tare in ("V", "P", "PC", "T"):  # tares and totaliser: nothing to see in this frame
            commands[tare] = lambda t, _: self._frame(t)
        if version >= (9, 0):
            commands["LS"] = self._set_line
        if version >= (10, 5):
            commands["LSS"] = self._set_source
            commands["GS"] = self._gas_line
        else:
            commands["G"] = lambda t, words: self._select_gas(t, int(words[0]))
        return commands

    def addressed(self, request: Request) -> bool:
        """A command that begins with the own letter."""
        return request.body[:1].decode("latin-1").upper() == self.letter

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Obey; `?` for what is refused."""
        self.tick(t_s)
        text = request.body[1:].decode("latin-1").strip().upper()
        reply = self._obey(t_s, text)
        self.tick(t_s)
        return [(t_s + TURNAROUND_S, reply.encode("latin-1") + b"\r")]

    def restart(self, t_s: float) -> None:
        """Power comes back with the saved set point, valve free."""
        self.tick(t_s)
        self._setpoint, self._hold = self._saved, None

    def tick(self, t_s: float) -> None:
        """The flow approaches its target; a held valve keeps it or closes."""
        if t_s > self._flow_s:
            target = 0.0 if self._hold == "HC" else self._flow if self._hold == "HP" else self._setpoint
            if self._flow != target:
                self._flow = target + (self._flow - target) * math.exp((self._flow_s - t_s) / LAG_S)
            self._flow_s = t_s
        self._sink.write(t_s, self._flow)

    def _measure(self, t_s: float) -> float:  # noqa: ARG002
        """Mass flow as the sensor sees it."""
        return self._sink.value + self._dice.gauss(0.0, NOISE_SHARE * self._full_scale)

    def _frame(self, t_s: float) -> str:
        """The polling frame: ID, pressure, temperature, volumetric, mass, set point, gas, status words."""
        mass = self.sources["flow"].read(t_s)
        volumetric = mass * (14.696 / PRESSURE_PSIA) * ((TEMPERATURE_C + 273.15) / 298.15)
        fields = (PRESSURE_PSIA, TEMPERATURE_C, volumetric, mass, self._setpoint)
        words = (["HLD"] if self._hold else []) + self.words
        return " ".join([self.letter, *map(number, fields), GASES[self._gas], *words])

    def _obey(self, t_s: float, text: str) -> str:
        """The reply to a command without its letter; `?` if it is unknown or makes no sense."""
        head, *arguments = text.replace("=", " ").split() or [""]
        try:
            if head.isdigit():  # the legacy integer set point: 64000 is full scale
                self.log.event(t_s, "integer setpoint")
                self._set(t_s, "integer", int(head) / LEGACY_FULL_SCALE * self._full_scale)
                return self._frame(t_s)
            if head[:1] == "S" and head[1:2] in tuple("0123456789.-"):  # S250 is S 250
                head, arguments = "S", [head[1:]]
            return self._commands[head](t_s, arguments)
        except (KeyError, ValueError, IndexError):
            return "?"

    def _set(self, t_s: float, what: str, value: float) -> None:
        """Take a set point; one outside 0 to full scale is a ValueError."""
        if not 0.0 <= value <= self._full_scale:
            raise ValueError(what)
        self._setpoint = value
        if self.source == "S":
            self._saved = value
            self.saved_setpoints += 1
        self.log.write(t_s, what, value)

    def _set_frame(self, t_s: float, words: list[str]) -> str:
        self._set(t_s, "S", float(words[0]))
        return self._frame(t_s)

    def _set_line(self, t_s: float, words: list[str]) -> str:
        if words:
            self._set(t_s, "LS", float(words[0]))
        return f"{self.letter} {number(self._setpoint)} {number(self._setpoint)} 12 SCCM"

    def _set_source(self, t_s: float, words: list[str]) -> str:
        if words:
            self.source = {"S": "S", "U": "U", "A": "A"}[words[0]]
            self.log.write(t_s, "LSS", self.source)
        return f"{self.letter} {self.source}"

    def _select_gas(self, t_s: float, index: int) -> str:
        if index not in range(len(GASES)):
            raise ValueError(index)
        self._gas = index
        self.log.write(t_s, "gas", GASES[index])
        return self._frame(t_s)

    def _gas_line(self, t_s: float, words: list[str]) -> str:
        if words:
            self._select_gas(t_s, int(words[0]))
        return f"{self.letter} {self._gas} {GASES[self._gas]}"

    def _valve(self, t_s: float, hold: str | None) -> str:
        self._hold = hold
        self.log.write(t_s, "valve", hold)
        return self._frame(t_s)

    def _set_control_point(self, t_s: float, words: list[str]) -> str:
        self._control_point = int(words[0])
        self.log.write(t_s, "W122", self._control_point)
        return f"{self.letter} 122 = {self._control_point}"

    def _manufacturing(self) -> str:
        model = f"MC-{self._full_scale:g}SCCM-D"
        known = {"model": model, "serial": self._serial, "firmware": self._firmware}
        return self._lines([f"M{n:02d} {row.format(**known)}" for n, row in enumerate(MANUFACTURING)])

    def _layout(self) -> str:
        rows = [f"D00 {FRAME_HEADER}"]
        for n, (statistic, name, kind, width, notes) in enumerate(FRAME_ROWS, start=1):
            rows.append(f"D{n:02d} {statistic:03d} {name:<26} {kind:<11} {width:>5} {notes}".rstrip())
        return self._lines(rows)

    def _lines(self, rows: list[str]) -> str:
        return "\r".join(f"{self.letter} {row}" for row in rows)
