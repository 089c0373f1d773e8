"""Eurotherm 3216 temperature controller over Modbus RTU.

Typed from the Engineering Handbook HA028651. The handbook's decimal addresses are the wire addresses. Values are
signed 16-bit with implied decimals; floats stand at 0x8000 + 2 x address, high word first. The remote set point
(26) counts only while it is refreshed within 5 s; then SP1 or SP2 rules and status bit 14 is set.
Registers 2, 24 and 25 are written to EEPROM: `eeprom_writes` counts what a driver wears away.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from hil.log import Log
from hil.modbus import (
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    RefusedError,
    float_words,
    int_word,
    serve,
    signed,
    words_float,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

PV, TG_SP, MAN_OP, WRK_OP, WKG_SP = 1, 2, 3, 4, 5
RNG_LO, RNG_HI, SP_SEL, SP1, SP2, RM_SP = 11, 12, 15, 24, 25, 26
STATUS, INVERTED_STATUS, VERSION, TYPE, ADDR, L_R = 75, 76, 107, 122, 131, 276
SENSOR_BREAK, REMOTE_FAILED = 1 << 5, 1 << 14
EEPROM = (TG_SP, SP1, SP2)
READ_ONLY = (PV, WRK_OP, WKG_SP, STATUS, INVERTED_STATUS, 87, VERSION, TYPE)
PLAIN = (SP_SEL, 7, 23, 85, VERSION, TYPE, ADDR, L_R)  # whole numbers: no implied decimals
FLOATS = 0x8000
REMOTE_TIMEOUT_S = 5.0
TURNAROUND_S = 0.010  # not in the handbook


class Eurotherm3200:
    """One controller; it drives the jacket bath's set point with its working set point.

    `decimals` is the resolution on its display. `status` holds bits a test wants set besides those it works out.
    """

    functions = frozenset({3, 4, 6, 7, 8, 16})

    def __init__(
        self,
        address: int,
        sources: Mapping[str, Source],
        sinks: Mapping[str, Sink],
        sp1: float,
        decimals: int = 1,
    ) -> None:
        self.sources = sources
        self.sinks = sinks
        self.log = Log()
        self.eeprom_writes: Counter[int] = Counter()
        self.status = 0
        self._scale = 10**decimals
        self._pv = sources["pv"]
        self._sink = sinks["setpoint"]
        self._refreshed_s = -math.inf
        self._last_pv = 0.0
        zeros = (MAN_OP, 6, 7, 8, 9, 13, 14, 23, 47, 68, 69, 71, 81, 82, 84, 85, 87, 101, SP_SEL, L_R)
        self._kept: dict[int, float] = dict.fromkeys(zeros, 0.0)
        self._kept |= {RNG_LO: 0.0, RNG_HI: 100.0, SP1: sp1, SP2: sp1, RM_SP: 0.0}
        self._kept |= {VERSION: 0x0111, TYPE: 0x3216, ADDR: address}

    @property
    def address(self) -> int:
        """The bus address, register 131."""
        return int(self._kept[ADDR])

    def addressed(self, request: Request) -> bool:
        """Own address or broadcast."""
        return request.address in (self.address, 0)

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """The reply after the turn-around; none to a broadcast."""
        reply = serve(self, t_s, request.body)
        return [(t_s + TURNAROUND_S, reply)] if request.address else ()

    def restart(self, t_s: float) -> None:
        """The remote set point lived in RAM."""
        self._refreshed_s = -math.inf
        self._kept[RM_SP] = 0.0
        self.tick(t_s)

    def tick(self, t_s: float) -> None:
        """The jacket follows the working set point, also when the remote one times out."""
        self._sink.write(t_s, self.working_setpoint(t_s))

    def _remote_failed(self, t_s: float) -> bool:
        return bool(self._kept[L_R]) and t_s - self._refreshed_s > REMOTE_TIMEOUT_S

    def working_setpoint(self, t_s: float) -> float:
        """Remote while selected and fresh, otherwise SP1 or SP2; inside the input range."""
        if self._kept[L_R] and not self._remote_failed(t_s):
            value = self._kept[RM_SP]
        else:
            value = self._kept[SP2 if self._kept[SP_SEL] else SP1]
        return min(max(value, self._kept[RNG_LO]), self._kept[RNG_HI])

    def _status(self, t_s: float) -> int:
        broken = math.isnan(self._last_pv)
        return self.status | SENSOR_BREAK * broken | REMOTE_FAILED * self._remote_failed(t_s)

    def _value(self, t_s: float, address: int) -> float:
        """A parameter in engineering units."""
        if address == PV:
            self._last_pv = self._pv.read(t_s)
            return self._kept[RNG_HI] if math.isnan(self._last_pv) else self._last_pv
        if address in (TG_SP, WKG_SP):
            return self.working_setpoint(t_s)
        if address == WRK_OP:
            return min(max(10.0 * (self.working_setpoint(t_s) - self._last_pv), 0.0), 100.0)
        if address in (STATUS, INVERTED_STATUS):
            status = self._status(t_s)
            return status if address == STATUS else status ^ 0xFFFF
        if address not in self._kept:
            raise RefusedError(ILLEGAL_ADDRESS)
        return self._kept[address]

    def _word(self, t_s: float, address: int) -> int:
        value = self._value(t_s, address)
        if address in (STATUS, INVERTED_STATUS):
            return int(value)
        return int_word(value if address in PLAIN else value * self._scale)

    def read(self, t_s: float, function: int, address: int, count: int) -> Sequence[int]:
        """Integers, or pairs of the float region; one missing parameter refuses the whole block."""
        if function == 7:
            return [self._status(t_s)]
        if address >= FLOATS:
            if address % 2 or count % 2:
                raise RefusedError(ILLEGAL_ADDRESS)
            first = (address - FLOATS) // 2
            return [
                word for n in range(first, first + count // 2) for word in float_words(self._value(t_s, n))
            ]
        return [self._word(t_s, number) for number in range(address, address + count)]

    def write(self, t_s: float, function: int, address: int, values: Sequence[int]) -> None:  # noqa: ARG002
        """Take each parameter; read-only ones refuse."""
        if address >= FLOATS:
            if address % 2 or len(values) % 2:
                raise RefusedError(ILLEGAL_ADDRESS)
            pairs = zip(values[::2], values[1::2], strict=True)
            first = (address - FLOATS) // 2
            updates = {first + n: words_float(high, low) for n, (high, low) in enumerate(pairs)}
        else:
            numbers = range(address, address + len(values))
            scales = [1 if number in PLAIN else self._scale for number in numbers]
            updates = {
                n: signed(word) / scale for n, word, scale in zip(numbers, values, scales, strict=True)
            }
        for number in updates:
            if number in READ_ONLY or (number not in self._kept and number != TG_SP):
                raise RefusedError(ILLEGAL_ADDRESS)
        for number, value in updates.items():
            self._put(t_s, number, value)
        self.tick(t_s)

    def _put(self, t_s: float, number: int, value: float) -> None:
        if number in (TG_SP, SP1, SP2, RM_SP) and not self._kept[RNG_LO] <= value <= self._kept[RNG_HI]:
            raise RefusedError(ILLEGAL_VALUE)
        if number in EEPROM:
            self.eeprom_writes[number] += 1
        if number == RM_SP:
            self._refreshed_s = t_s
        if number == TG_SP:
            number = SP2 if self._kept[SP_SEL] else SP1
        self._kept[number] = value
