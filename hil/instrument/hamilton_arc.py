"""Hamilton pH Arc and VisiFerm DO Arc over Modbus RTU.

Typed from "pH ARC Sensors Modbus RTU Programmer's Manual (EPHUM011)", 624300/01; the DO sensor shares the
architecture. Register numbers below are the manual's, one-based: the wire address is the number minus one.
Blocks are read whole; values are low word first; the operator level falls back to User at every restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.instrument.hamilton_model import CELSIUS, KELVIN
from hil.log import Log
from hil.modbus import (
    DEVICE_FAILURE,
    ILLEGAL_ADDRESS,
    ILLEGAL_VALUE,
    RefusedError,
    float_words,
    serve,
    words_float,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from hil.framing import Request
    from hil.instrument.hamilton_model import Model
    from hil.station import Chunk
    from hil.world import Sink, Source

    Effect = Callable[[float, Sequence[int]], None]

USER, ADMINISTRATOR, SPECIALIST = 0x03, 0x0C, 0x30
ANY = USER | ADMINISTRATOR | SPECIALIST
PASSWORDS = {USER: 0, ADMINISTRATOR: 18111978, SPECIALIST: 16021966}
FACTORY_RESET = 732255
TURNAROUND_S = 0.010  # not in the manual

Words = list[int]


def u32(value: int) -> Words:
    """An unsigned 32-bit number, low word first."""
    return [value & 0xFFFF, value >> 16 & 0xFFFF]


def f32(value: float) -> Words:
    """A float, low word first."""
    high, low = float_words(value)
    return [low, high]


def t16(text: str) -> Words:
    """Sixteen characters, two in a register, padded with zero."""
    raw = text.encode("ascii").ljust(16, b"\0")
    return [raw[i] << 8 | raw[i + 1] for i in range(0, 16, 2)]


def of_u32(words: Sequence[int]) -> int:
    """The number in two registers, low word first."""
    return words[0] | words[1] << 16


def of_f32(words: Sequence[int]) -> float:
    """The float in two registers, low word first."""
    return words_float(words[1], words[0])


class HamiltonArc:
    """One sensor. `errors` and `warnings` are the four groups of 4800 and 4736; `calibration` is the status of CP1/CP2."""

    functions = frozenset({3, 4, 16})

    def __init__(self, model: Model, address: int, sources: Mapping[str, Source], serial: str) -> None:
        self.address = address
        self.sources = sources
        self.sinks: Mapping[str, Sink] = {}
        self.log = Log()
        self.errors = [0, 0, 0, 0]
        self.warnings = [0, 0, 0, 0]
        self.calibration = 0
        self.flash_writes = 0
        self.power_ups = 1
        self.level = USER
        self._model = model
        self._value, self._temperature = sources[model.channel], sources["temperature"]
        self.unit, self.temperature_unit = model.default_unit, CELSIUS
        self._points = list(model.calibration_default)
        self._product_status, self._product_offset, self._product_sample = 0, 0.0, 0.0
        self.baud_code = 4
        self._frozen: tuple[float, float] = (0.0, 25.0)
        self._range = [*f32(model.low), *f32(model.high)]
        self._blocks = self._read_blocks(serial)
        self._commands = self._write_blocks()

    def _read_blocks(self, serial: str) -> Mapping[int, tuple[int, Callable[[float], Words]]]:
        """The readable blocks: register -> (length, content)."""
        model = self._model
        available = sum(model.units)

        def text(value: str) -> tuple[int, Callable[[float], Words]]:
            return 8, lambda _t: t16(value)

        return {
            1024: text("2010-09-01"),
            1032: text(model.firmware),
            1056: text(model.part),
            1064: text(f"U{serial}"),
            1088: text("2010-08-01"),
            1096: text("EPHFM008"),
            1280: text(model.part),
            1312: text(serial),
            2080: text(model.description),
            2088: (2, lambda _t: u32(available)),
            2090: (10, self._pmc1),
            2400: text("T"),
            2408: (2, lambda _t: u32(KELVIN | CELSIUS)),
            2410: (10, self._pmc6),
            2728: (6, lambda t: [*u32(CELSIUS), *f32(self._temperature.read(t)), *f32(0.01)]),  # SMC9
            4096: (2, lambda _t: u32(self.address)),
            4098: (4, lambda _t: [*u32(1), *u32(32)]),
            4102: (2, lambda _t: u32(self.baud_code)),
            4104: (4, lambda _t: [*u32(2), *u32(7)]),
            4288: (4, lambda _t: [*u32(self.level), *u32(0)]),
            4608: (4, lambda _t: [*f32(-20.0), *f32(130.0)]),
            4612: (4, lambda _t: [*f32(-20.0), *f32(130.0)]),
            4616: (4, lambda _t: [*f32(5.0), *f32(50.0)]),
            4676: (6, lambda t: [*f32(t / 3600.0), *f32(0.0), *f32(0.0)]),
            4682: (6, lambda _t: [*u32(self.power_ups), *u32(0), *u32(self.flash_writes)]),
            4688: (4, lambda _t: [*u32(0), *u32(0)]),
            4736: (8, lambda _t: [word for group in self.warnings for word in u32(group)]),
            4800: (8, lambda _t: [word for group in self.errors for word in u32(group)]),
            4872: (2, lambda _t: f32(0.0 if any(self.errors) else 98.0)),
            5120: (2, lambda _t: u32(0x23)),
            5158: (6, lambda _t: self._point(0)),
            5190: (6, lambda _t: self._point(1)),
            5318: (6, lambda _t: [*u32(self._product_status), *u32(self.unit), *f32(self._product_sample)]),
        }

    def _write_blocks(self) -> Mapping[int, tuple[int, int, Effect]]:
        """The writable blocks: register -> (length, levels that may, effect)."""
        expert = ADMINISTRATOR | SPECIALIST
        return {
            2090: (2, SPECIALIST, self._choice("unit", self._model.units)),
            2410: (2, ANY, self._choice("temperature_unit", (KELVIN, CELSIUS))),
            4096: (2, SPECIALIST, self._choice("address", range(1, 33))),
            4102: (2, SPECIALIST, self._choice("baud_code", range(2, 8))),
            4288: (4, ANY, self._log_in),
            5162: (2, expert, lambda _t, words: self._calibrate(0, words)),
            5194: (2, expert, lambda _t, words: self._calibrate(1, words)),
            5322: (2, expert, self._assign_product),
            5340: (2, expert, self._product_command),
            8192: (2, SPECIALIST, self._factory_reset),
        }

    def addressed(self, request: Request) -> bool:
        """Own address or broadcast."""
        return request.address in (self.address, 0)

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """The reply after the turn-around; none to a broadcast."""
        reply = serve(self, t_s, request.body)
        return [(t_s + TURNAROUND_S, reply)] if request.address else ()

    def restart(self, t_s: float) -> None:  # noqa: ARG002
        """The level falls back to User (manual: operator levels)."""
        self.level = USER
        self.power_ups += 1

    def read(self, t_s: float, function: int, address: int, count: int) -> Words:  # noqa: ARG002 - 3 and 4 are alike
        """A whole block, or an illegal address."""
        block = self._blocks.get(address + 1)
        if block is None or block[0] != count:
            raise RefusedError(ILLEGAL_ADDRESS)
        return block[1](t_s)

    def write(self, t_s: float, function: int, address: int, values: Sequence[int]) -> None:  # noqa: ARG002
        """A whole block at a sufficient level; every accepted write but the login wears the flash."""
        command = self._commands.get(address + 1)
        if command is None or command[0] != len(values):
            raise RefusedError(ILLEGAL_ADDRESS)
        _, levels, effect = command
        if not self.level & levels:
            raise RefusedError(DEVICE_FAILURE)
        effect(t_s, values)
        self.flash_writes += address + 1 != 4288

    def _measure(self, t_s: float) -> tuple[float, float, int]:
        """Value, temperature and status bits; outside the measuring range the last value stays."""
        temperature = self._temperature.read(t_s)
        if temperature < -20.0 or temperature > 130.0:
            return *self._frozen, 0x03
        status = 0x04 * bool(self.calibration) | 0x08 * any(self.warnings) | 0x10 * any(self.errors)
        self._frozen = (self._value.read(t_s) + self._product_offset, temperature)
        return *self._frozen, status

    def _pmc1(self, t_s: float) -> Words:
        value, _, status = self._measure(t_s)
        return [*u32(self.unit), *f32(self._model.units[self.unit](value)), *u32(status), *self._range]

    def _pmc6(self, t_s: float) -> Words:
        _, temperature, status = self._measure(t_s)
        zero = 273.15 if self.temperature_unit == KELVIN else 0.0
        limits = [*f32(zero - 20.0), *f32(zero + 130.0)]
        return [*u32(self.temperature_unit), *f32(zero + temperature), *u32(status), *limits]

    def _point(self, index: int) -> Words:
        return [*u32(self.calibration), *u32(self.unit), *f32(self._points[index])]

    def _choice(self, attribute: str, allowed: Container[int]) -> Effect:
        """A setting that takes one of a few whole numbers."""

        def put(t_s: float, words: Sequence[int]) -> None:  # noqa: ARG001
            if of_u32(words) not in allowed:
                raise RefusedError(ILLEGAL_VALUE)
            setattr(self, attribute, of_u32(words))

        return put

    def _log_in(self, t_s: float, words: Sequence[int]) -> None:  # noqa: ARG002
        level, password = of_u32(words), of_u32(words[2:])
        if PASSWORDS.get(level) != password:
            raise RefusedError(DEVICE_FAILURE)
        self.level = level

    def _calibrate(self, index: int, words: Sequence[int]) -> None:
        """The sensor decides at once; `calibration` set beforehand is what it finds wrong."""
        if not self.calibration:
            self._points[index] = of_f32(words) or self._points[index]  # 0: it recognises the buffer itself

    def _product_command(self, t_s: float, words: Sequence[int]) -> None:
        command = of_u32(words)
        if command == 1:
            self._product_sample, self._product_status = self._value.read(t_s), 0x08000000
        elif command == 2:
            self._product_status = 0
        elif command == 3:
            self._product_offset, self._product_status = 0.0, 0x10000000
        elif command == 4:
            self._product_status = 0x14000000
        else:
            raise RefusedError(ILLEGAL_VALUE)

    def _assign_product(self, t_s: float, words: Sequence[int]) -> None:  # noqa: ARG002
        laboratory = of_f32(words)
        if not self._product_status & 0x08000000 or abs(laboratory - self._product_sample) > 2.0:
            self._product_status = 0x0A000000
            return
        self._product_offset = laboratory - self._product_sample
        self._product_sample, self._product_status = laboratory, 0x14000000

    def _factory_reset(self, t_s: float, words: Sequence[int]) -> None:
        if of_u32(words) != FACTORY_RESET:
            raise RefusedError(ILLEGAL_VALUE)
        self._points = list(self._model.calibration_default)
        self.log.event(t_s, "factory reset")
