"""Tags: the measured values, where they come from and when they may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.config.instrument import Instruments, channel_at
from edgectl.config.measure import Measure
from edgectl.config.problem import cut
from edgectl.config.quantity import show_duration
from edgectl.config.shape import read
from edgectl.config.unit import UNITS, allowed, same
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.instrument import Channel
from edgectl.model.plan import TagPlan


class TagSection(Section):
    """One measured value."""

    channel: str = Field(description="Where it comes from: instrument.channel", examples=["ph1.ph"])
    unit: str | None = Field(None, description="Unit; must be that of the channel", examples=["pH"])
    range: Range | None = Field(
        None,
        description="Values a process can have; outside the tag is BAD. Without it: the range of the channel",
        examples=["0..14 pH"],
    )
    late: Annotated[Duration, within(0.1, 7200.0)] | None = Field(
        None, description="Older than this is UNCERTAIN. Without it: 1.5 polls + 1 s", examples=["4 s"]
    )
    stale: Annotated[Duration, within(0.1, 7200.0)] | None = Field(
        None,
        description="Older than this is BAD. Without it: the longest of 3 scans, 5 s and 2.5 polls",
        examples=["5 s"],
    )
    flat: Annotated[Duration, within(1.0, 86_400.0)] | None = Field(
        None,
        description="The very same value for so long means a dead sensor: BAD. Without it: not watched",
        examples=["5 min"],
    )
    rate: Amount | None = Field(
        None,
        description="A faster change is UNCERTAIN for at most rate_samples, then believed. Without it: not watched",
        examples=["0.5 pH/min"],
    )
    rate_samples: int = Field(
        2,
        ge=1,
        le=30,
        description="For how many samples a faster change is doubted; 'stale' ends it as well. More where bubbles pass a probe",
        examples=["5"],
    )
    report: Amount | None = Field(
        None,
        description="A smaller change is not recorded. Without it: every change is",
        examples=["0.01 pH"],
    )
    heartbeat: Annotated[Duration, within(1.0, 3600.0)] = Field(
        60.0, description="Recorded at least so often, changed or not", examples=["60 s"]
    )
    description: str = Field("", description="For people", examples=["pH in the vessel"])


def compile_tags(draft: Draft, instruments: Instruments, period_s: float) -> dict[str, TagPlan | None]:
    """All tags of ``tags``; None for one that has errors."""
    section = draft.node(("tags",))
    if not isinstance(section, MappingNode):
        return {}
    return {
        name: _tag(draft, name, entry.node, instruments, period_s) for name, entry in section.entries.items()
    }


def checked_unit(draft: Draft, path: Path, unit: str | None, channel: Channel) -> str:
    """The unit a tag or actuator shows: the one written if its numbers are those of the channel, else the channel's with an error."""
    if unit is None:
        if channel.unit and not channel.discrete:
            example = f"write 'unit: {_quoted(channel.unit)}'"
            draft.missing((*path, "unit"), f"channel {channel.name} is in {channel.unit}; {example}")
        return channel.unit
    if same(unit, channel.unit):
        if unit not in UNITS:
            draft.error(
                (*path, "unit"), f"unknown unit '{cut(unit)}'; known: {', '.join(filter(None, UNITS))}"
            )
        return unit
    usable = [name for name in allowed(channel.unit) if same(name, channel.unit)]
    draft.error(
        (*path, "unit"),
        f"'{cut(unit)}' is not the unit of channel {channel.name}; allowed: {', '.join(usable) or 'none'}",
        f"write {_quoted(channel.unit)}" if channel.unit else "delete the line",
    )
    return channel.unit


def _quoted(unit: str) -> str:
    return f'"{unit}"' if unit.startswith("%") else unit


def _tag(draft: Draft, name: str, node: Node, instruments: Instruments, period_s: float) -> TagPlan | None:
    path: Path = ("tags", name)
    section: TagSection | None = read(draft, path, node, TagSection)
    if section is None:
        return None
    found = channel_at(draft, (*path, "channel"), section.channel, instruments)
    if found is None:
        return None
    part, channel = found
    if not channel.readable:
        draft.error((*path, "channel"), f"channel {section.channel} can only be written, not read")
    measure = Measure(draft, path, checked_unit(draft, path, section.unit, channel))
    low, high = measure.range_inside(section.range, channel.low, channel.high, f"channel {section.channel}")
    poll_s = part.period_of(channel.name)
    late_s, stale_s, flat_s = _times(draft, path, section, poll_s, period_s)
    return TagPlan(
        name=name,
        channel=section.channel,
        unit=measure.unit,
        low=low,
        high=high,
        late_s=late_s,
        stale_s=stale_s,
        flat_s=flat_s,
        rate_per_s=measure.rate("rate", section.rate),
        rate_samples=section.rate_samples,
        report=measure.difference("report", section.report),
        heartbeat_s=section.heartbeat,
        description=section.description,
    )


def _times(
    draft: Draft, path: Path, section: TagSection, poll_s: float, period_s: float
) -> tuple[float, float, float]:
    late_s = section.late or 1.5 * poll_s + 1.0
    stale_s = section.stale or max(3 * period_s, 5.0, 2.5 * poll_s, late_s)
    polls = f"the channel is read every {show_duration(poll_s)}"
    if late_s < poll_s:
        draft.error(
            (*path, "late"), f"{show_duration(late_s)} is shorter than a poll; {polls}", "write a longer time"
        )
    if stale_s < 2 * poll_s:
        draft.error(
            (*path, "stale"),
            f"{show_duration(stale_s)} is shorter than two polls; {polls}, so one lost reply would make the tag BAD",
            f"write at least {show_duration(2 * poll_s)}",
        )
    if stale_s < late_s:
        draft.error(
            (*path, "stale" if section.stale else "late"),
            f"stale ({show_duration(stale_s)}) is shorter than late ({show_duration(late_s)})",
        )
    flat_s = section.flat or 0.0
    if flat_s and flat_s < 5 * poll_s:
        draft.error(
            (*path, "flat"),
            f"{show_duration(flat_s)} is shorter than five polls; {polls}, so a quiet process would look like a dead sensor",
            f"write at least {show_duration(5 * poll_s)}",
        )
    return late_s, stale_s, flat_s


Tags = Mapping[str, TagPlan | None]
