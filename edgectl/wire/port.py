"""What a driver sees of a line: one instrument's end of it.

Every call is one exchange on the line, and raises ``InstrumentFault`` (``NoReply``, ``BadReply``, ``Refused``, ``LinkFault``) when it gave nothing that
may be used. Addresses are wire addresses (0-based).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class ModbusPort(Protocol):
    """One unit address on a Modbus line, RTU or TCP (Modbus application protocol V1.1b3)."""

    async def read_coils(self, address: int, count: int) -> tuple[bool, ...]:
        """Function 01."""
        ...

    async def read_discrete_inputs(self, address: int, count: int) -> tuple[bool, ...]:
        """Function 02."""
        ...

    async def read_holding(self, address: int, count: int) -> tuple[int, ...]:
        """Function 03: 16-bit words, 0..65535."""
        ...

    async def read_input(self, address: int, count: int) -> tuple[int, ...]:
        """Function 04: 16-bit words, 0..65535."""
        ...

    async def write_coil(self, address: int, value: int) -> None:
        """Function 05 with a raw 16-bit value: 0xFF00 on, 0x0000 off, others as the manual says. The echo is matched."""
        ...

    async def write_register(self, address: int, value: int) -> None:
        """Function 06; the echo is matched."""
        ...

    async def write_coils(self, address: int, values: Sequence[bool]) -> None:
        """Function 15; address and count of the answer are matched."""
        ...

    async def write_registers(self, address: int, values: Sequence[int]) -> None:
        """Function 16; address and count of the answer are matched."""
        ...


class AsciiPort(Protocol):
    """An ASCII line as one instrument uses it."""

    async def exchange(
        self, request: bytes, complete: Callable[[bytes], bool], timeout_s: float | None = None
    ) -> bytes:
        """Send ``request`` and collect bytes until ``complete(all so far)``; None takes the line's timeout.

        Input that was waiting is discarded first. After a failed exchange the line stays quiet long enough that a late reply cannot be taken as
        the next one's.
        """
        ...

    async def settle(self, request: bytes, quiet_s: float, gap_s: float | None = None) -> bytes:
        """Send ``request``, then listen for ``quiet_s`` and return all that came: for waking an instrument and stopping its chatter.

        With ``gap_s`` it ends as soon as something has come and then nothing for so long: for a table of unknown length.
        """
        ...
