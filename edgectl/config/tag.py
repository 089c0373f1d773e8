"""Tags: the measured values, where they come from and when they may be believed."""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.config.draft import Draft, Path
from edgectl.config.fusion import FUSED_KEYS, compile_fusion, refuse_keys
from edgectl.config.instrument import Instruments, channel_at
from edgectl.config.measure import Measure
from edgectl.config.problem import cut
from edgectl.config.quantity import show_duration
from edgectl.config.shape import read
from edgectl.config.tag_section import TagSection
from edgectl.config.unit import UNITS, allowed, same
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.instrument import Channel
from edgectl.model.plan import TagPlan


def compile_tags(draft: Draft, instruments: Instruments, period_s: float) -> dict[str, TagPlan | None]:
    """All tags of ``tags``; None for one that has errors."""
    section = draft.node(("tags",))
    if not isinstance(section, MappingNode):
        return {}
    sections = {name: _section(draft, name, entry.node) for name, entry in section.entries.items()}
    single = {
        name: _tag(draft, name, found, instruments, period_s) if found else None
        for name, found in sections.items()
        if not found or found.voted is None
    }
    fused = {
        name: compile_fusion(draft, name, found, single, set(sections))
        for name, found in sections.items()
        if found and found.voted is not None
    }
    return {name: single[name] if name in single else fused[name] for name in sections}


def _section(draft: Draft, name: str, node: Node) -> TagSection | None:
    section: TagSection | None = read(draft, ("tags", name), node, TagSection)
    return section


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


def _tag(
    draft: Draft, name: str, section: TagSection, instruments: Instruments, period_s: float
) -> TagPlan | None:
    path: Path = ("tags", name)
    refuse_keys(draft, path, FUSED_KEYS, "goes with 'voted'")
    if section.channel is None:
        draft.missing((*path, "channel"), "write instrument.channel, or 'voted' for several probes")
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
