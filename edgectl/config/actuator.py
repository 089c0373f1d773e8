"""Actuators: the outputs, their limits, their safe values and how long a command may stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.config.instrument import InstrumentPart, Instruments, channel_at
from edgectl.config.measure import Measure
from edgectl.config.pulse import PulseSection, pulse_of
from edgectl.config.quantity import show, show_duration
from edgectl.config.shape import read
from edgectl.config.tag import Tags, checked_unit
from edgectl.config.unit import SWITCH, same
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.instrument import Channel
from edgectl.model.plan import ActuatorPlan

_TOLERANCE, _RESOLUTION = 0.01, 0.001  # shares of the range


class ActuatorSection(Section):
    """One output."""

    channel: str = Field(description="Where it goes: instrument.channel", examples=["gas_co2.setpoint"])
    unit: str | None = Field(
        None, description="Unit; must be that of the channel. None for switches", examples=["mL/min"]
    )
    range: Range | None = Field(
        None,
        description="Least and greatest value. Without it: the range of the channel",
        examples=["0..60 mL/min"],
    )
    safe: Amount = Field(
        description="Value the output takes when nothing else is certain", examples=["0 mL/min", "off"]
    )
    normal: Amount | None = Field(
        None,
        description="Value while no loop and nobody drives it. Without it: the safe value",
        examples=["150 rpm"],
    )
    rate: Amount | None = Field(
        None,
        description="Fastest change, except towards safe on an interlock. Without it: any",
        examples=["10 rpm/s"],
    )
    tolerance: Amount | None = Field(
        None,
        description="A read-back further off than this means the output does not follow. Without it: 1 % of the range",
        examples=["1 mL/min"],
    )
    resolution: Amount | None = Field(
        None,
        description="A smaller move is not sent. Without it: 0.1 % of the range",
        examples=["0.1 mL/min"],
    )
    lease: Annotated[Duration, within(0.2, 300.0)] | None = Field(
        None,
        description="A command not renewed for so long is replaced by the safe value. Without it: 5 s or 3 scans",
        examples=["5 s"],
    )
    renew: Annotated[Duration, within(0.1, 300.0)] | None = Field(
        None,
        description="An unchanged value is written again so often. Without it: 2 s, less if the instrument's watchdog needs it",
        examples=["2 s"],
    )
    fallback: Amount | None = Field(
        None,
        description="Value of a fallback action of the hazard matrix. Without it: the safe value",
        examples=["100 mL/min"],
    )
    hold_max: Annotated[Duration, within(0.0, 3600.0)] = Field(
        0.0,
        description="A hold action of the hazard matrix keeps the value so long, then takes fallback; 0 s for dosing",
        examples=["60 s"],
    )
    min_on: Annotated[Duration, within(0.0, 86_400.0)] = Field(
        0.0,
        description="Once away from safe, the output stays away for so long, unless protection moves it",
        examples=["30 s"],
    )
    min_off: Annotated[Duration, within(0.0, 86_400.0)] = Field(
        0.0, description="Once at safe, it stays there for so long", examples=["5 min"]
    )
    delivers: str | None = Field(
        None,
        description="Tag that measures what really flows; the loop then learns of an empty bottle",
        examples=["FT-103"],
    )
    description: str = Field("", description="For people", examples=["CO2 flow"])
    pulse: PulseSection | None = Field(
        None, description="A pump that gives small amounts in pulses. Without it: it runs steadily"
    )


Actuators = Mapping[str, ActuatorPlan | None]


def compile_actuators(
    draft: Draft, instruments: Instruments, tags: Tags, period_s: float
) -> dict[str, ActuatorPlan | None]:
    """All actuators of ``actuators``; None for one that has errors."""
    section = draft.node(("actuators",))
    if not isinstance(section, MappingNode):
        return {}
    found = {
        name: _actuator(draft, name, entry.node, instruments, tags, period_s)
        for name, entry in section.entries.items()
    }
    _check_shared_channels(draft, found)
    return found


def _actuator(
    draft: Draft, name: str, node: Node, instruments: Instruments, tags: Tags, period_s: float
) -> ActuatorPlan | None:
    path: Path = ("actuators", name)
    section: ActuatorSection | None = read(draft, path, node, ActuatorSection)
    if section is None:
        return None
    found = channel_at(draft, (*path, "channel"), section.channel, instruments)
    if found is None:
        return None
    part, channel = found
    if not channel.writable:
        writable = [f"{part.plan.name}.{c.name}" for c in part.channels.values() if c.writable]
        draft.error(
            (*path, "channel"),
            f"channel {section.channel} cannot be written; writable here: {', '.join(writable) or 'none'}",
        )
        return None
    lease_s, renew_s = _times(draft, path, section, part, period_s)
    if channel.discrete:
        return _switch(draft, path, section, channel, lease_s, renew_s)
    plan = _metered(draft, path, section, _analog(draft, path, section, channel, lease_s, renew_s), tags)
    return plan if section.pulse is None else _pulsed(draft, path, section.pulse, plan, period_s)


def _analog(
    draft: Draft, path: Path, section: ActuatorSection, channel: Channel, lease_s: float, renew_s: float
) -> ActuatorPlan:
    measure = Measure(draft, path, checked_unit(draft, path, section.unit, channel))
    low, high = measure.range_inside(section.range, channel.low, channel.high, f"channel {section.channel}")
    own = "the range of this actuator"
    normal, fallback = section.normal, section.fallback
    tolerance = measure.difference("tolerance", section.tolerance, _TOLERANCE * (high - low))
    resolution = measure.difference(
        "resolution", section.resolution, min(_RESOLUTION * (high - low), tolerance)
    )
    if resolution > tolerance:
        draft.error(
            (*path, "resolution" if section.resolution else "tolerance"),
            f"resolution ({show(resolution, measure.unit)}) is coarser than tolerance ({show(tolerance, measure.unit)}), "
            "so a move that is not sent would look like an output that does not follow",
        )
    return ActuatorPlan(
        name=str(path[-1]),
        channel=section.channel,
        unit=measure.unit,
        low=low,
        high=high,
        safe=measure.value_inside("safe", section.safe, low, high, own),
        normal=None if normal is None else measure.value_inside("normal", normal, low, high, own),
        lease_s=lease_s,
        renew_s=renew_s,
        rate_per_s=measure.rate("rate", section.rate),
        tolerance=tolerance,
        resolution=resolution,
        description=section.description,
        fallback=None if fallback is None else measure.value_inside("fallback", fallback, low, high, own),
        hold_max_s=section.hold_max,
        min_on_s=section.min_on,
        min_off_s=section.min_off,
    )


def _metered(
    draft: Draft, path: Path, section: ActuatorSection, plan: ActuatorPlan, tags: Tags
) -> ActuatorPlan:
    """With the tag that measures what it delivers, which speaks its unit."""
    if section.delivers is None:
        return plan
    tag = draft.refer((*path, "delivers"), section.delivers, "tag", tags)
    if tag is not None and not same(tag.unit, plan.unit):
        draft.error((*path, "delivers"), f"{tag.name} is in {tag.unit}, but the actuator is in {plan.unit}")
    return plan if tag is None else replace(plan, delivered=tag.name)


def _pulsed(
    draft: Draft, path: Path, section: PulseSection, plan: ActuatorPlan, period_s: float
) -> ActuatorPlan:
    """With its pulses: what stands still at 0, and comes at once, can give them."""
    if plan.low != 0.0 or plan.safe != 0.0 or plan.rate_per_s:
        what = "a rate" if plan.rate_per_s else "a range or a safe value that is not 0"
        draft.error((*path, "pulse"), f"an actuator with {what} cannot give pulses", on_key=True)
        return plan
    return replace(plan, pulse=pulse_of(draft, path, section, plan.unit, plan.high, period_s))


def _switch(
    draft: Draft, path: Path, section: ActuatorSection, channel: Channel, lease_s: float, renew_s: float
) -> ActuatorPlan:
    for key in ("unit", "range", "rate", "tolerance", "resolution", "pulse", "delivers"):
        if getattr(section, key) is not None:
            message = f"channel {channel.name} is a switch: it has no {key}, only on and off"
            draft.error((*path, key), message, "delete the line", on_key=True)
    measure = Measure(draft, path, SWITCH)
    return ActuatorPlan(
        name=str(path[-1]),
        channel=section.channel,
        unit="",
        low=0.0,
        high=1.0,
        safe=measure.value("safe", section.safe),
        normal=None if section.normal is None else measure.value("normal", section.normal),
        lease_s=lease_s,
        renew_s=renew_s,
        discrete=True,
        description=section.description,
        fallback=None if section.fallback is None else measure.value("fallback", section.fallback),
        hold_max_s=section.hold_max,
        min_on_s=section.min_on,
        min_off_s=section.min_off,
    )


def _times(
    draft: Draft, path: Path, section: ActuatorSection, part: InstrumentPart, period_s: float
) -> tuple[float, float]:
    watchdog = part.watchdog
    usual_s = min(2.0, watchdog.timeout_s / 2.5) if watchdog else 2.0
    lease_s = section.lease or max(5.0, 3 * period_s)
    renew_s = section.renew or usual_s
    if lease_s < 2 * period_s:
        draft.error(
            (*path, "lease"),
            f"{show_duration(lease_s)} is shorter than two scans of {show_duration(period_s)}, so one late scan would drop the output",
            f"write at least {show_duration(2 * period_s)}",
        )
    if renew_s > lease_s:
        draft.error(
            (*path, "renew" if section.renew else "lease"),
            f"renew ({show_duration(renew_s)}) is longer than lease ({show_duration(lease_s)})",
        )
    if watchdog and renew_s > watchdog.timeout_s / 2:
        draft.error(
            (*path, "renew"),
            f"{show_duration(renew_s)} is too slow: {part.plan.driver} acts by itself ({watchdog.action}) when no value comes for "
            f"{show_duration(watchdog.timeout_s)}",
            f"write at most {show_duration(watchdog.timeout_s / 2)}",
        )
    return lease_s, renew_s


def _check_shared_channels(draft: Draft, actuators: Actuators) -> None:
    owners: dict[str, str] = {}
    for name, actuator in actuators.items():
        if actuator is None:
            continue
        owner = owners.setdefault(actuator.channel, name)
        if owner != name:
            first = draft.line_of(("actuators", owner))
            draft.error(
                ("actuators", name, "channel"),
                f"actuators '{owner}' ({first}) and '{name}' both drive channel {actuator.channel}",
                "one channel has one actuator",
            )
