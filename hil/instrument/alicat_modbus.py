"""Alicat mass flow controller, Modbus RTU.

Typed from the operating manual for M, MC, P, PC, L, LC devices (2023), whose register numbers are 1-based, and for the newer
generation from a bioreactor's firmware, whose addresses are 0-based. Floats are big-endian, high word first.
Flow follows the set point with a lag of 0.5 s.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.log import Log
from hil.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, RefusedError, float_words, serve, words_float
from hil.world import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink

GASES = ("Air", "Ar", "CH4", "CO", "CO2", "C2H6", "H2", "He", "N2", "N2O", "Ne", "O2")
LAG_S, TURNAROUND_S = 0.5, 0.010
PRESSURE_PSIA, BAROMETER_PSIA, TEMPERATURE_C = 14.62, 14.70, 25.48
COMMAND, SETPOINT, GAS, FLAGS = 1000, 1010, 1200, 1201  # register numbers of the manual
NEW_FIRST = 1349  # address on the wire
GOOD, BAD_ID, BAD_SETTING = 0, 32769, 32770


class AlicatModbus:
    """One controller; `flow` is its sink. `flags` are status bits that a test adds. `newer` has the other map."""

    functions = frozenset({3, 4, 6, 16})

    def __init__(
        self, address: int, sinks: Mapping[str, Sink], *, full_scale: float, gas: str, newer: bool = False
    ) -> None:
        self.address = address
        self.sinks = sinks
        self.sources = {"flow": Source(lambda _: self._flow)}
        self.log = Log()
        self.flags = 0
        self.stored = 0
        self._full_scale = full_scale
        self._gas = GASES.index(gas)
        self._newer = newer
        self._setpoint = self._flow = self._flow_s = 0.0
        self._hold = 0
        self._command = (0, 0)

    def addressed(self, request: Request) -> bool:
        """Own address or broadcast."""
        return request.address in (self.address, 0)

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """The reply after the turn-around; none to a broadcast."""
        self.tick(t_s)
        reply = serve(self, t_s, request.body)
        return [(t_s + TURNAROUND_S, reply)] if request.address else ()

    def tick(self, t_s: float) -> None:
        """The flow approaches its target; a held valve closes or keeps it."""
        if t_s > self._flow_s:
            target = {0: self._setpoint, 1: 0.0}.get(self._hold, self._flow)
            self._flow = target + (self._flow - target) * math.exp((self._flow_s - t_s) / LAG_S)
            self._flow_s = t_s
        self.sinks["flow"].write(t_s, self._flow)

    def restart(self, t_s: float) -> None:
        """Power comes back with the valve free and no set point."""
        self.tick(t_s)
        self._setpoint, self._hold = 0.0, 0

    def _floats(self, t_s: float) -> Mapping[int, float]:
        """Value by the wire address of its high word."""
        mass = self.sources["flow"].read(t_s)
        volume = mass * (14.696 / PRESSURE_PSIA) * ((TEMPERATURE_C + 273.15) / 298.15)
        if self._newer:
            values = (self._setpoint, 40.0, PRESSURE_PSIA, 0.0, BAROMETER_PSIA, TEMPERATURE_C, volume, mass)
            return {NEW_FIRST + 2 * place: value for place, value in enumerate(values)}
        classic = (PRESSURE_PSIA, TEMPERATURE_C, volume, mass)
        return {SETPOINT - 1: self._setpoint} | {
            FLAGS + 1 + 2 * place: value for place, value in enumerate(classic)
        }

    def _words(self, t_s: float) -> Mapping[int, int]:
        words: dict[int, int] = {}
        for address, value in self._floats(t_s).items():
            words[address], words[address + 1] = float_words(value)
        if not self._newer:
            flags = self.flags | 0x100 * (self._hold in (1, 2)) | 0x400 * (self._hold == 3)
            words |= {FLAGS - 1: flags >> 16, FLAGS: flags & 0xFFFF, GAS - 1: self._gas}
            words |= {COMMAND - 1: self._command[0], COMMAND: self._command[1]}
        return words

    def read(self, t_s: float, function: int, address: int, count: int) -> Sequence[int]:  # noqa: ARG002
        """Whole blocks of known registers."""
        words = self._words(t_s)
        if any(number not in words for number in range(address, address + count)):
            raise RefusedError(ILLEGAL_ADDRESS)
        return [words[number] for number in range(address, address + count)]

    def write(self, t_s: float, function: int, address: int, values: Sequence[int]) -> None:  # noqa: ARG002
        """Set point, gas or special command."""
        known: Mapping[tuple[int, int], Callable[[float, Sequence[int]], None]] = (
            {(NEW_FIRST, 2): self._set}
            if self._newer
            else {(SETPOINT - 1, 2): self._set, (GAS - 1, 1): self._select, (COMMAND - 1, 2): self._special}
        )
        if (address, len(values)) not in known:
            raise RefusedError(ILLEGAL_ADDRESS)
        known[address, len(values)](t_s, values)

    def _set(self, t_s: float, words: Sequence[int]) -> None:
        value = words_float(words[0], words[1])
        if not 0.0 <= value <= self._full_scale:
            raise RefusedError(ILLEGAL_VALUE)
        self._setpoint = value
        self.stored += 1
        self.tick(t_s)

    def _select(self, t_s: float, words: Sequence[int]) -> None:  # noqa: ARG002
        if words[0] >= len(GASES):
            raise RefusedError(ILLEGAL_VALUE)
        self._gas = words[0]

    def _special(self, t_s: float, words: Sequence[int]) -> None:
        number, argument = words
        result = GOOD
        if number == 1 and argument < len(GASES):
            self._gas = argument
        elif number == 6 and argument <= 3:
            self._hold = argument
            self.tick(t_s)
        else:
            result = BAD_SETTING if number in (1, 6) else BAD_ID
        self._command = (number, result)
