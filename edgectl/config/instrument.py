"""Instruments: which driver speaks to which address on which line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from edgectl.config.draft import Draft, Path
from edgectl.config.driver_catalog import DriverKind, driver_names, load_driver
from edgectl.config.field import Duration, Section, Word, within
from edgectl.config.quantity import Unreadable
from edgectl.config.shape import read, whole
from edgectl.config.suggestion import did_you_mean, listed
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.drivers import modbus_map
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.instrument import Channel, Poll, Watchdog, Wire
from edgectl.model.plan import InstrumentPlan, LinePlan, Medium, Protocol

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InstrumentSection(Section):
    """One instrument on a line."""

    driver: str = Field(description="Driver; the list is below", examples=["hamilton_ph_arc"])
    line: str = Field(description="Line the instrument is connected to", examples=["probes"])
    address: Word = Field(
        "",
        description="Address on the line: a Modbus unit (1..247), a letter or number; none for an instrument with a line of its own",
        examples=["1"],
    )
    poll: Annotated[Duration, within(0.05, 3600.0)] = Field(
        description="How often it is read", examples=["2 s"]
    )
    serial_number: Word = Field(
        "",
        description="Serial number the instrument must have; without it any instrument of the kind is accepted",
    )
    options: dict[str, Any] = Field({}, description="What the driver needs to know; see the driver below")


@dataclass(frozen=True, slots=True)
class InstrumentPart:
    """A compiled instrument and what its driver offers with these options."""

    plan: InstrumentPlan
    kind: DriverKind
    channels: Mapping[str, Channel]
    polls: tuple[Poll, ...]
    watchdog: Watchdog | None

    def period_of(self, channel: str) -> float:
        """How often a channel is read, s."""
        every = [poll.every for poll in self.polls if channel in poll.channels]
        return self.plan.poll_s * min(every, default=1)


class _NoPort:
    """Stands where a line would be while a driver is only asked whether it accepts its address."""

    def __getattr__(self, name: str) -> None:
        return None


Instruments = Mapping[str, InstrumentPart | None]


def compile_instruments(draft: Draft, lines: Mapping[str, LinePlan | None]) -> Instruments:
    """All instruments of ``instruments``; None for one that has errors."""
    section = draft.node(("instruments",))
    if not isinstance(section, MappingNode):
        return {}
    parts = {name: _instrument(draft, name, entry.node, lines) for name, entry in section.entries.items()}
    _check_shared_addresses(draft, parts)
    for part in parts.values():
        if part:
            _check_shared_registers(draft, part)
    return parts


def _instrument(
    draft: Draft, name: str, node: Node, lines: Mapping[str, LinePlan | None]
) -> InstrumentPart | None:
    path: Path = ("instruments", name)
    section: InstrumentSection | None = read(draft, path, node, InstrumentSection)
    if section is None:
        return None
    line = draft.refer((*path, "line"), section.line, "line", lines)
    if section.driver not in driver_names():
        known = driver_names()
        draft.error(
            (*path, "driver"),
            f"unknown driver '{section.driver}'; known: {listed(known)}",
            did_you_mean(section.driver, known),
        )
        return None
    kind = load_driver(section.driver)
    address = _address(draft, path, section, kind, line)
    options = _options(draft, path, kind)
    if options is None:
        return None
    plain = to_plain(options)
    plan = InstrumentPlan(name, kind.name, section.line, address, section.poll, plain, section.serial_number)
    return _with_channels(draft, path, plan, kind, options)


def _with_channels(
    draft: Draft, path: Path, plan: InstrumentPlan, kind: DriverKind, options: Any
) -> InstrumentPart | None:
    try:
        kind.driver(_NoPort(), plan.address, options)  # drivers judge their addresses themselves
    except ValueError as error:
        draft.error((*path, "address"), str(error))
    try:
        channels = {channel.name: channel for channel in kind.channels(options)}
        return InstrumentPart(plan, kind, channels, kind.polls(options), kind.watchdog(options))
    except ValueError as error:
        refuse_options(draft, (*path, "options"), str(error))
        return None


def _options(draft: Draft, path: Path, kind: DriverKind) -> Any:
    path = (*path, "options")
    node = draft.node(path) or MappingNode(draft.place(path))
    return read(draft, path, node, kind.options, objection=refuse_options)


def refuse_options(draft: Draft, path: Path, objection: str) -> None:
    """A driver's own objection, shown at the option that its first words name."""
    for word in _WORD.findall(objection)[:3]:
        if draft.node((*path, word)) is not None:
            draft.error((*path, word), objection)
            return
    draft.error(path, objection)


def _address(
    draft: Draft, path: Path, section: InstrumentSection, kind: DriverKind, line: LinePlan | None
) -> str:
    """The address as the driver takes it; Modbus units in plain decimal."""
    modbus = kind.wire is Wire.MODBUS
    if line is not None and modbus != (line.protocol is not Protocol.ASCII):
        wanted = "modbus-rtu or modbus-tcp" if modbus else "ascii"
        draft.error(
            (*path, "line"),
            f"driver {kind.name} speaks {kind.wire.value}, but line '{line.name}' speaks {line.protocol.value}",
            f"connect it to a line with protocol {wanted}",
        )
    if not modbus:
        return section.address.upper()
    if not section.address:
        draft.missing((*path, "address"), "the Modbus unit address, 1..247; write for example 'address: 1'")
        return ""
    low, high = (0, 255) if line is not None and line.medium is Medium.TCP else (1, 247)
    try:
        unit = whole(section.address)
    except Unreadable as error:
        draft.error((*path, "address"), str(error), error.hint or "write a Modbus unit address, 1..247")
        return ""
    if not low <= unit <= high:
        draft.error((*path, "address"), f"{unit} is no Modbus unit address; allowed: {low}..{high}")
    return str(unit)


def _check_shared_addresses(draft: Draft, parts: Instruments) -> None:
    owners: dict[tuple[str, str], str] = {}
    for name, part in parts.items():
        if part is None:
            continue
        end = (part.plan.line, part.plan.address)
        owner = owners.setdefault(end, name)
        if owner != name:
            first, where = draft.line_of(("instruments", owner)), f"address '{end[1]}' of line '{end[0]}'"
            draft.error(
                ("instruments", name, "address"),
                f"instruments '{owner}' ({first}) and '{name}' are both at {where}",
                "give each its own address",
            )


def _check_shared_registers(draft: Draft, part: InstrumentPart) -> None:
    """Of the points of a Modbus map, none lies on registers that another one writes."""
    if part.kind.name != modbus_map.__name__.rsplit(".", 1)[-1]:
        return
    points = from_plain(modbus_map.Options, part.plan.options).points
    for i, point in enumerate(points):
        for j, other in enumerate(points[:i]):
            one, two = point.span, other.span
            apart = one.address + one.count <= two.address or two.address + two.count <= one.address
            if one.table is two.table and not apart and (point.safe is not None or other.safe is not None):
                path: Path = ("instruments", part.plan.name, "options", "points")
                draft.error(
                    (*path, i, "address"),
                    f"points '{other.name}' ({draft.line_of((*path, j))}) and '{point.name}' lie on the same {point.table.value} "
                    f"{max(one.address, two.address)}, and one of them is written",
                    "correct the address",
                )


def channel_at(
    draft: Draft, path: Path, full_name: str, instruments: Instruments
) -> tuple[InstrumentPart, Channel] | None:
    """The channel that ``instrument.channel`` names; None with an error, or without one when the instrument itself is broken."""
    name, dot, channel = full_name.partition(".")
    if not dot:
        known = [f"{name}.{c}" for part in (instruments.get(name),) if part for c in part.channels]
        draft.error(
            path,
            f"'{full_name}' is not a channel; write instrument.channel",
            f"known: {listed(known)}" if known else did_you_mean(full_name, instruments),
        )
        return None
    part = draft.refer(path, name, "instrument", instruments)
    if part is None:
        return None
    found = draft.refer(path, channel, f"channel of {part.plan.driver}", part.channels)
    return (part, found) if found else None
