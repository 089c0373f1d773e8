"""Waveshare "Modbus RTU Relay" (8 channels) and "Modbus RTU Analog Output 8CH" (0-20 mA).

Typed from the maker's wiki pages, protocol version 2. Coils and registers count from zero on the wire. The relay board
has no communication watchdog: its flash command (0x0200 + n, value x 100 ms) is the dead-man.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hil.log import Log
from hil.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, RefusedError, serve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

CHANNELS = 8
ALL_RELAYS, FLASH_ON, FLASH_OFF = 0x00FF, 0x0200, 0x0400
BAUD, ADDRESS, VERSION = 0x2000, 0x4000, 0x8000
ON, OFF, TOGGLE = 0xFF00, 0x0000, 0x5500
FULL_SCALE_UA, LIVE_ZERO_UA, STEP_UA = 20000, 4000, 20000 / 4095
TURNAROUND_S = 0.005  # not in the maker's pages


class Board:
    """What the maker's boards share: address, baud and version registers."""

    def __init__(self, address: int) -> None:
        self.address = address
        self.baud_code = 0x0001

    def read(self, address: int, count: int) -> Sequence[int]:
        """One of the three registers."""
        known = {ADDRESS: self.address, VERSION: 200, BAUD: self.baud_code}
        if count != 1 or address not in known:
            raise RefusedError(ILLEGAL_ADDRESS)
        return [known[address]]

    def write(self, address: int, values: Sequence[int]) -> None:
        """Change address or baud rate."""
        if len(values) != 1 or address not in (ADDRESS, BAUD):
            raise RefusedError(ILLEGAL_ADDRESS)
        if address == BAUD:
            self.baud_code = values[0]
        elif 1 <= values[0] <= 255:
            self.address = values[0]
        else:
            raise RefusedError(ILLEGAL_VALUE)


class WaveshareRelay8:
    """Eight relays, all off at power-up. Sink channels are "1" to "8"."""

    functions = frozenset({1, 3, 5, 6, 15})

    def __init__(self, address: int, sinks: Mapping[str, Sink]) -> None:
        self.sources: Mapping[str, Source] = {}
        self.sinks = sinks
        self.log = Log()
        self._board = Board(address)
        self._states = [False] * CHANNELS
        self._back_s = [math.inf] * CHANNELS

    def addressed(self, request: Request) -> bool:
        """Own address or broadcast."""
        return request.address in (self._board.address, 0)

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """The reply after the turn-around; none to a broadcast."""
        self.tick(t_s)
        reply = serve(self, t_s, request.body)
        return [(t_s + TURNAROUND_S, reply)] if request.address else ()

    def restart(self, t_s: float) -> None:
        """All relays drop."""
        for index in range(CHANNELS):
            self._switch(t_s, index, on=False)

    def tick(self, t_s: float) -> None:
        """Flashed relays return when their time is over."""
        for index, back_s in enumerate(self._back_s):
            if back_s <= t_s:
                self._switch(back_s, index, on=not self._states[index])

    def _switch(self, t_s: float, index: int, *, on: bool, back_s: float = math.inf) -> None:
        self._states[index] = on
        self._back_s[index] = back_s
        sink = self.sinks.get(str(index + 1))
        if sink is not None:
            sink.write(t_s, float(on))
            sink.tick_at(back_s)

    def read(self, t_s: float, function: int, address: int, count: int) -> Sequence[int]:  # noqa: ARG002
        """Relay states as coils, or a board register."""
        if function == 3:
            return self._board.read(address, count)
        if address + count > CHANNELS:
            raise RefusedError(ILLEGAL_ADDRESS)
        return [int(state) for state in self._states[address : address + count]]

    def write(self, t_s: float, function: int, address: int, values: Sequence[int]) -> None:
        """FC 05 with its raw value, FC 0F with bits, FC 06 to the board."""
        if function == 6:
            self._board.write(address, values)
        elif function == 15:
            if address + len(values) > CHANNELS:
                raise RefusedError(ILLEGAL_ADDRESS)
            for index, bit in enumerate(values, start=address):
                self._switch(t_s, index, on=bool(bit))
        elif FLASH_ON <= address < FLASH_ON + CHANNELS:
            self._switch(t_s, address - FLASH_ON, on=True, back_s=t_s + values[0] * 0.1)
        elif FLASH_OFF <= address < FLASH_OFF + CHANNELS:
            self._switch(t_s, address - FLASH_OFF, on=False, back_s=t_s + values[0] * 0.1)
        else:
            self._force(t_s, address, values[0])

    def _force(self, t_s: float, address: int, value: int) -> None:
        if address >= CHANNELS and address != ALL_RELAYS:
            raise RefusedError(ILLEGAL_ADDRESS)
        if value not in (ON, OFF, TOGGLE):
            raise RefusedError(ILLEGAL_VALUE)
        for index in range(CHANNELS) if address == ALL_RELAYS else (address,):
            self._switch(t_s, index, on=not self._states[index] if value == TOGGLE else value == ON)


class WaveshareAnalogOutput8:
    """Eight 12-bit current outputs in uA. `spans` gives the physical value at 4 and 20 mA for each driven channel."""

    functions = frozenset({3, 6, 16})

    def __init__(
        self, address: int, sinks: Mapping[str, Sink], spans: Mapping[str, tuple[float, float]]
    ) -> None:
        self.sources: Mapping[str, Source] = {}
        self.sinks = sinks
        self.log = Log()
        self._spans = spans
        self._board = Board(address)
        self._ua = [0] * CHANNELS

    def addressed(self, request: Request) -> bool:
        """Own address or broadcast."""
        return request.address in (self._board.address, 0)

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """The reply after the turn-around; none to a broadcast."""
        reply = serve(self, t_s, request.body)
        return [(t_s + TURNAROUND_S, reply)] if request.address else ()

    def restart(self, t_s: float) -> None:
        """All outputs go to 0 mA."""
        for index in range(CHANNELS):
            self._drive(t_s, index, 0)

    def read(self, t_s: float, function: int, address: int, count: int) -> Sequence[int]:  # noqa: ARG002
        """The currents as they were written, or a board register."""
        if address >= CHANNELS:
            return self._board.read(address, count)
        if address + count > CHANNELS:
            raise RefusedError(ILLEGAL_ADDRESS)
        return self._ua[address : address + count]

    def write(self, t_s: float, function: int, address: int, values: Sequence[int]) -> None:  # noqa: ARG002
        """Currents of 0 to 20 000 uA; more is an illegal value."""
        if address >= CHANNELS:
            self._board.write(address, values)
            return
        if address + len(values) > CHANNELS:
            raise RefusedError(ILLEGAL_ADDRESS)
        if max(values) > FULL_SCALE_UA:
            raise RefusedError(ILLEGAL_VALUE)
        for index, value in enumerate(values, start=address):
            self._drive(t_s, index, value)

    def _drive(self, t_s: float, index: int, ua: int) -> None:
        """Below live zero the driven device stops at its lower end."""
        self._ua[index] = ua
        channel = str(index + 1)
        sink = self.sinks.get(channel)
        if sink is not None:
            low, high = self._spans[channel]
            real_ua = round(ua / STEP_UA) * STEP_UA
            share = max(0.0, (real_ua - LIVE_ZERO_UA) / (FULL_SCALE_UA - LIVE_ZERO_UA))
            sink.write(t_s, low + share * (high - low))
