"""A line as control knows it: opened and closed, counted, and seen by drivers one instrument at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from edgectl.model.fault import LinkFault
from edgectl.model.plan import LinePlan, Medium, Protocol
from edgectl.wire.ascii_line import Ascii, Complete
from edgectl.wire.half_duplex import Pace
from edgectl.wire.link import Link
from edgectl.wire.mbtcp import ModbusTcp
from edgectl.wire.modbus import ModbusUnit, Question
from edgectl.wire.port import AsciiPort, ModbusPort
from edgectl.wire.rtu import Rtu
from edgectl.wire.serial_port import serial_link
from edgectl.wire.statistic import LineStatistics
from edgectl.wire.tcp import tcp_link

__all__ = ["Line", "LineStatistics", "open_line"]

_RTU_UNITS = range(
    1, 256
)  # 248..255 are reserved, but relay boards use them; 0 is broadcast, which nobody answers
_TCP_UNITS = range(256)


class _InUse:
    """While a line is in use: it must be open, and is closed when it fails.

    Raises:
        LinkFault: the line is not open, or has just been lost.
    """

    __slots__ = ("_line",)

    def __init__(self, line: Line) -> None:
        self._line = line

    def __enter__(self) -> None:
        if not self._line.opened:
            raise LinkFault(f"line {self._line.plan.name} is not open")

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(fault, LinkFault):
            self._line.close()


class Line:
    """One line and what it has been through. A LinkFault closes it; ``open`` makes a fresh start.

    Exchanges on RTU and ASCII lines follow one another; on Modbus TCP up to ``in_flight`` run at once.
    """

    def __init__(self, plan: LinePlan, link: Link) -> None:
        self.plan = plan
        self.statistics = LineStatistics()
        self._link = link
        self._wire = _wire(plan, link, self.statistics)
        self._opens = 0
        self.in_use = _InUse(self)

    @property
    def opened(self) -> bool:
        """Whether the line is up as far as it knows."""
        return self._link.opened

    async def open(self) -> None:
        """Open, or open again after a loss; harmless when open.

        Raises:
            LinkFault: not possible; the text names the port and what to do.
        """
        if self.opened:
            return
        self.close()
        await self._link.open()
        self._wire.begin()
        self.statistics.reopenings += self._opens > 0
        self._opens += 1

    def close(self) -> None:
        """Close; whoever waits for an answer gets a LinkFault. Harmless when closed."""
        self._wire.end()
        self._link.close()

    def modbus(self, address: str) -> ModbusPort:
        """The unit with this address.

        Raises:
            ValueError: the line does not speak Modbus, or there is no such address.
        """
        if isinstance(self._wire, Ascii):
            raise ValueError(f"line {self.plan.name} does not speak Modbus")
        units = _RTU_UNITS if isinstance(self._wire, Rtu) else _TCP_UNITS
        if not address.isdecimal() or int(address) not in units:
            raise ValueError(
                f"line {self.plan.name}: {address!r} is no unit address, {units[0]}..{units[-1]} are"
            )
        return ModbusUnit(self._ask, int(address))

    def ascii(self, address: str) -> AsciiPort:
        """The instrument with this address; the driver puts the address into its requests.

        Raises:
            ValueError: the line does not speak ASCII.
        """
        if not isinstance(self._wire, Ascii):
            raise ValueError(f"line {self.plan.name} does not speak ASCII")
        return _AsciiInstrument(self, self._wire, address)

    async def hail(self, request: bytes, wait_s: float, more_s: float, gap_s: float) -> bytes:
        """Send a text to whoever may be there, and return what comes: begun within ``wait_s``, ended by a gap or ``more_s`` later.

        Nobody is owed an answer by it: for a line of which nothing is known yet.
        """
        assert isinstance(self._wire, Ascii)
        with self.in_use:
            return await self._wire.settle(request, wait_s, gap_s, more_s)

    def owed_until(self, address: str, *, writing: bool = False) -> float:
        """The loop's time until which the instrument may still answer something it was asked before.

        A request before that waits, and keeps the whole line waiting: better ask others. On Modbus RTU an owed read holds up reads only, and an owed write
        writes (``writing``).
        """
        if isinstance(self._wire, Ascii):
            return self._wire.owed_until(address)
        return self._wire.owed_until(int(address), writing=writing)

    @contextlib.contextmanager
    def in_haste(self, hasty: bool) -> Iterator[None]:
        """With ``hasty``, no write waits for an answer that is owed to an earlier one; it raises ``Unheard`` then, obeyed or not.

        Numbers tell answers apart on Modbus TCP, and nothing is waited for.
        """
        wire = self._wire
        if isinstance(wire, ModbusTcp):
            yield
            return
        wire.hasty = hasty
        try:
            yield
        finally:
            wire.hasty = False

    async def _ask(self, unit: int, question: Question) -> bytes:
        assert not isinstance(self._wire, Ascii)
        with self.in_use:
            return await self._wire.ask(unit, question)


@dataclass(frozen=True, slots=True)
class _AsciiInstrument:
    """``edgectl.wire.port.AsciiPort`` of one address."""

    line: Line
    wire: Ascii
    address: str

    async def exchange(self, request: bytes, complete: Complete, timeout_s: float | None = None) -> bytes:
        """One exchange: the whole reply."""
        with self.line.in_use:
            return await self.wire.exchange(self.address, request, complete, timeout_s)

    async def settle(self, request: bytes, quiet_s: float, gap_s: float | None = None) -> bytes:
        """Send, and return what comes within ``quiet_s``, or until a gap in it."""
        with self.line.in_use:
            return await self.wire.settle(request, quiet_s, gap_s)


def open_line(plan: LinePlan, link: Link | None = None) -> Line:
    """The line of the plan, not opened yet; ``link`` stands in for its port or connection."""
    if link is None:
        link = serial_link(plan) if plan.medium is Medium.SERIAL else tcp_link(plan)
    return Line(plan, link)


def _wire(plan: LinePlan, link: Link, statistics: LineStatistics) -> Rtu | ModbusTcp | Ascii:
    match plan.protocol:
        case Protocol.MODBUS_RTU:
            return Rtu(link, Pace.of(plan), plan.timeout_s, statistics)
        case Protocol.MODBUS_TCP:
            return ModbusTcp(link, plan.timeout_s, plan.in_flight, statistics)
        case Protocol.ASCII:
            return Ascii(link, Pace.of(plan), plan.timeout_s, statistics)
