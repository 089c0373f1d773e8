"""Any Modbus instrument, described by its options alone."""

from __future__ import annotations

import asyncio
import enum
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from edgectl.model.fault import InstrumentFault, Refused
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.quality import DeviceStatus
from edgectl.wire import coalesce
from edgectl.wire.current import current_of, judge, span_of, value_of
from edgectl.wire.limit import sendable
from edgectl.wire.port import ModbusPort
from edgectl.wire.status import Finding, worst
from edgectl.wire.word import Kind, Order, decode, encode, length, measured

MANUAL = "the instrument's own register table; Modbus application protocol V1.1b3"
WIRE = Wire.MODBUS
WATCHDOG: Watchdog | None = None


class Table(enum.Enum):
    """Where a point lies, read by function 01, 02, 04 or 03."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"


_BITS = (Table.COIL, Table.DISCRETE)
_CHECK = "check type and word order"
_SPAN_TABLE = {
    Table.COIL: coalesce.Table.COILS,
    Table.DISCRETE: coalesce.Table.DISCRETE_INPUTS,
    Table.INPUT: coalesce.Table.INPUT,
    Table.HOLDING: coalesce.Table.HOLDING,
}


@dataclass(frozen=True, slots=True)
class Point:
    """One value in the instrument's tables.

    ``address``: on the wire, counted from 0. ``type``: how it is held; bool for coils and discrete inputs. ``order``: bytes of a 32-bit value,
    ``a`` the most significant. Value in ``unit`` = number x ``scale`` + ``offset``; with ``current_loop`` that is mA, and 4..20 mA mean
    ``low``..``high``. Values outside ``low``..``high`` are none. ``sentinels``: numbers, before scaling, by which the instrument says "no value".
    ``safe`` makes the point writable. ``function``: 6 or 16 to write a holding register; 0 chooses. ``readable``: off for a register that can only be written.
    """

    name: str
    table: Table
    address: int
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    type: Kind = Kind.UINT16
    order: Order = Order.ABCD
    scale: float = 1.0
    offset: float = 0.0
    current_loop: bool = False
    sentinels: tuple[int, ...] = ()
    safe: float | None = None
    function: int = 0
    readable: bool = True
    description: str = ""

    def __post_init__(self) -> None:
        if problem := _problem(self):
            raise ValueError(f"{self.name}: {problem}")

    @property
    def kind(self) -> Kind:
        """``type``; a coil or discrete input holds nothing but a bool."""
        return Kind.BOOL if self.table in _BITS else self.type

    @property
    def span(self) -> coalesce.Span:
        """The registers or bits of the point, which are always read together."""
        return coalesce.Span(_SPAN_TABLE[self.table], self.address, length(self.kind))


def _problem(point: Point) -> str:
    """What makes a point impossible; empty if nothing does."""
    last = 0x10000 - length(point.kind)
    if not point.name.isidentifier():
        return "a name has letters, digits and _ and begins with a letter"
    if not 0 <= point.address <= last:
        return f"address {point.address} must be 0 to {last}"
    if not point.low < point.high:
        return f"low {point.low:g} must be below high {point.high:g}"
    if point.scale == 0 or measured(point.scale) is None or measured(point.offset) is None:
        return f"scale {point.scale:g} and offset {point.offset:g} give no value"
    return "" if point.safe is None else _writing_problem(point, point.safe)


def _writing_problem(point: Point, safe: float) -> str:
    if point.table not in (Table.COIL, Table.HOLDING):
        return f"table {point.table.value} cannot be written, so safe must not be given"
    registers = (0, 6, 16) if length(point.kind) == 1 else (0, 16)
    if point.function not in ((0,) if point.table is Table.COIL else registers):
        return f"function {point.function} does not write a {point.kind.value} in table {point.table.value}"
    if not point.low <= safe <= point.high:
        return f"safe {safe:g} must be in {point.low:g}..{point.high:g}"
    try:
        encode_value(point.low, point)
        encode_value(point.high, point)
    except InstrumentFault:
        return (
            f"{point.low:g}..{point.high:g} does not fit into {point.kind.value} with this scale and offset"
        )
    return ""


@dataclass(frozen=True, slots=True)
class Options:
    """The instrument.

    ``max_gap``: so many addresses that are no point may be read to join two points in one request; 0 for instruments that refuse unknown
    addresses. ``heartbeat``: a point whose number must change; if it stands for ``heartbeat_s`` seconds every value is out of
    specification, for twice as long it has failed.
    """

    points: tuple[Point, ...]
    max_gap: int = 0
    heartbeat: str = ""
    heartbeat_s: float = 10.0

    def __post_init__(self) -> None:
        names = [point.name for point in self.points]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"points: {twice[0]} is there twice")
        if self.heartbeat and self.heartbeat not in (point.name for point in self.points if point.readable):
            raise ValueError(f"heartbeat: {self.heartbeat} is no readable point")
        if self.max_gap < 0 or self.heartbeat_s <= 0:
            raise ValueError("max_gap: must be 0 or more, and heartbeat_s above 0")


def channels(options: Options) -> tuple[Channel, ...]:
    """One channel per point."""
    return tuple(
        Channel(
            point.name,
            point.unit,
            *span_of(point.low, point.high, measured=point.current_loop and point.safe is None),
            safe=point.safe,
            readable=point.readable,
            discrete=point.kind is Kind.BOOL,
            description=point.description,
        )
        for point in options.points
    )


def blocks(options: Options) -> dict[str, tuple[coalesce.Span, tuple[Point, ...]]]:
    """What is read in one request, by its name: ``input 0..6``. Each block is a poll of its own, so a refused one takes no other with it."""
    readable = [point for point in options.points if point.readable]
    found = {}
    for table in Table:
        inside = [point for point in readable if point.table is table]
        for block in coalesce.coalesce((point.span for point in inside), max_gap=options.max_gap):
            members = tuple(p for p in inside if block.address <= p.address < block.end)
            found[f"{table.value} {block.address}..{block.end - 1}"] = (block, members)
    return found


def polls(options: Options) -> tuple[Poll, ...]:
    """One poll per block; the heartbeat's is always needed, since it judges the others."""
    names = ((name, tuple(point.name for point in members)) for name, (_, members) in blocks(options).items())
    return tuple(Poll(name, channels, always=options.heartbeat in channels) for name, channels in names)


def decode_reading(words: Sequence[int], point: Point) -> Reading:
    """The reading of one point. NaN and infinities that are no sentinels are passed on: a single one is no failure of the instrument."""
    raw = decode(words, point.kind, point.order)
    named = raw in point.sentinels
    if not math.isfinite(raw) and not named:
        return Reading(point.name, float(raw), detail=_CHECK)
    number = None if named else measured(raw)
    if number is None:
        meaning = "which means no value" if named else f"which is no value: {_CHECK}"
        return Reading(point.name, None, DeviceStatus.FAILURE, f"instrument gives {raw:g}, {meaning}")
    if point.kind is Kind.BOOL:
        return Reading(point.name, number)
    value = number * point.scale + point.offset
    if point.current_loop:
        return _current_reading(value, point)
    if not point.low <= value <= point.high:
        reason = f"{value:g} is outside {point.low:g}..{point.high:g} {point.unit}: check type, word order and scale"
        return Reading(point.name, None, DeviceStatus.FAILURE, reason)
    return Reading(point.name, value + 0.0)


def _current_reading(current_ma: float, point: Point) -> Reading:
    status, detail = judge(current_ma)
    value = None if status is DeviceStatus.FAILURE else value_of(current_ma, point.low, point.high)
    return Reading(point.name, value, status, detail)


def encode_value(value: float, point: Point) -> tuple[int, ...]:
    """The registers that hold ``value``.

    Raises:
        InstrumentFault: they cannot hold it; nothing was sent.
    """
    scaled = current_of(value, point.low, point.high) if point.current_loop else value
    number = measured((scaled - point.offset) / point.scale) or 0.0  # next to nothing reads back as no value
    return encode(number, point.kind, point.order)


class Driver:
    """One instrument at a unit address."""

    def __init__(self, port: ModbusPort, address: str, options: Options) -> None:  # noqa: ARG002 - the port is bound to it
        self._port = port
        self._readers: dict[coalesce.Table, Callable[[int, int], Awaitable[Sequence[int]]]] = {
            coalesce.Table.COILS: port.read_coils,
            coalesce.Table.DISCRETE_INPUTS: port.read_discrete_inputs,
            coalesce.Table.INPUT: port.read_input,
            coalesce.Table.HOLDING: port.read_holding,
        }
        self._options = options
        self._channels = channels(options)
        self._points = {point.name: point for point in options.points}
        self._blocks = blocks(options)
        self._beat: float | None = None
        self._beat_at = 0.0

    async def identify(self) -> Identity:
        """Whether anybody answers, be it with a refusal. Who it is no Modbus instrument tells in a common way."""
        for block, _ in self._blocks.values():
            try:
                await self._read(block)
            except Refused as refusal:
                if not refusal.unknown:
                    raise
            break
        return Identity("", "")

    async def prepare(self) -> None:
        """Nothing to set. The heartbeat has its full time from here."""
        self._beat, self._beat_at = None, asyncio.get_running_loop().time()

    async def read(self, poll: str) -> tuple[Reading, ...]:
        """One block; each value lies whole in it."""
        block, members = self._blocks[poll]
        words = await self._read(block)
        readings = tuple(
            decode_reading(words[p.address - block.address : p.address - block.address + length(p.kind)], p)
            for p in members
        )
        return self._judge(readings) if self._options.heartbeat else readings

    def _judge(self, readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
        """Lower every status while the heartbeat stands: behind a gateway old values look like fresh ones."""
        now = asyncio.get_running_loop().time()
        for reading in readings:
            beat = reading.value if reading.channel == self._options.heartbeat else None
            if beat is not None and math.isfinite(beat) and beat != self._beat:
                self._beat, self._beat_at = beat, now
        stands_s, limit_s = now - self._beat_at, self._options.heartbeat_s
        if stands_s <= limit_s:
            return readings
        severe = stands_s > 2 * limit_s
        status = DeviceStatus.FAILURE if severe else DeviceStatus.OUT_OF_SPECIFICATION
        still: Finding = (status, f"{self._options.heartbeat} has not moved for {stands_s:.0f} s")
        return tuple(Reading(r.channel, r.value, *worst([(r.status, r.detail), still])) for r in readings)

    async def write(self, channel: str, value: float) -> float:
        """Set one point and return what it reads back, or for a point that cannot be read what was acknowledged.

        Raises:
            Refused: what reads back is no value.
        """
        value = sendable(self._channels, channel, value)
        point = self._points[channel]
        await self._write(point, encode_value(value, point))
        if not point.readable:
            return value
        confirmed = decode_reading(await self._read(point.span), point)
        if confirmed.value is None or not math.isfinite(confirmed.value):
            raise Refused(f"{channel} reads back: {confirmed.detail}")
        return confirmed.value

    async def _read(self, span: coalesce.Span) -> Sequence[int]:
        return await self._readers[span.table](span.address, span.count)

    async def _write(self, point: Point, words: tuple[int, ...]) -> None:
        if point.table is Table.COIL:
            await self._port.write_coil(point.address, 0xFF00 if words[0] else 0)
        elif len(words) == 1 and point.function != 16:
            await self._port.write_register(point.address, words[0])
        else:
            await self._port.write_registers(point.address, words)
