"""safety.yaml: outer limits and interlocks. What stands here binds unit.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.config.loop import Loops
from edgectl.config.measure import Measure
from edgectl.config.quantity import Span, show
from edgectl.config.shape import read
from edgectl.config.tag import Tags
from edgectl.config.unit import SWITCH
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import ActuatorPlan, TagPlan
from edgectl.model.safety import InterlockPlan, Relation


class InterlockSection(Section):
    """While the tag is beyond the limit, or not known, the outputs named are forced."""

    tag: str = Field(description="The tag that is watched", examples=["TT-101"])
    above: Amount | None = Field(
        None, description="Acts above this value; write above or below", examples=["38.5 degC"]
    )
    below: Amount | None = Field(
        None, description="Acts below this value; write above or below", examples=["6.90 pH"]
    )
    hysteresis: Amount | None = Field(
        None,
        description="Released when the tag is back by so much. Without it: at the limit",
        examples=["0.2 K"],
    )
    delay: Annotated[Duration, within(0.0, 600.0)] = Field(
        0.0, description="The tag must be beyond for so long", examples=["2 s"]
    )
    unknown: Annotated[Duration, within(0.0, 600.0)] | None = Field(
        None,
        description="How long the tag may be unknown before it acts. Without it: delay",
        examples=["5 min"],
    )
    force: list[str] = Field(
        min_length=1, description="Actuators that are forced", examples=["[HS-101, TY-101]"]
    )
    to: Amount | None = Field(
        None,
        description="Value they are forced to. Without it: the safe value of each",
        examples=["0 mL/min"],
    )
    description: str = Field("", description="For people: the hazard", examples=["Vessel too hot"])


def compile_interlocks(draft: Draft, tags: Tags, actuators: Actuators) -> dict[str, InterlockPlan | None]:
    """All interlocks of ``interlocks``; None for one that has errors."""
    section = draft.node(("interlocks",))
    if not isinstance(section, MappingNode):
        return {}
    found = {
        name: _interlock(draft, name, entry.node, tags, actuators) for name, entry in section.entries.items()
    }
    _check_crossed(draft, found, tags)
    return found


def _interlock(draft: Draft, name: str, node: Node, tags: Tags, actuators: Actuators) -> InterlockPlan | None:
    path: Path = ("interlocks", name)
    section: InterlockSection | None = read(draft, path, node, InterlockSection)
    if section is None:
        return None
    tag = draft.refer((*path, "tag"), section.tag, "tag", tags)
    targets = [
        draft.refer((*path, "force", i), target, "actuator", actuators)
        for i, target in enumerate(section.force)
    ]
    if (section.above is None) == (section.below is None):
        draft.error(path, "an interlock has either 'above' or 'below'", "write one of them", on_key=True)
        return None
    if tag is None:
        return None
    key, relation = ("above", Relation.ABOVE) if section.above is not None else ("below", Relation.BELOW)
    limit = section.above or section.below
    assert limit is not None
    measure = Measure(draft, path, tag.unit)
    value = measure.value(key, limit, (tag.low + tag.high) / 2)
    hysteresis = measure.difference("hysteresis", section.hysteresis)
    _check_reachable(draft, path, tag, relation, value, hysteresis)
    return InterlockPlan(
        name=name,
        tag=tag.name,
        relation=relation,
        limit=value,
        actuators=tuple(section.force),
        hysteresis=hysteresis,
        delay_s=section.delay,
        unknown_s=section.unknown,
        value=_forced(draft, path, section, [target for target in targets if target]),
        description=section.description,
    )


def _forced(draft: Draft, path: Path, section: InterlockSection, targets: list[ActuatorPlan]) -> float | None:
    if section.to is None:
        return None
    value = None
    for target in targets:
        measure = Measure(draft, path, SWITCH if target.discrete else target.unit)
        value = measure.value_inside(
            "to", section.to, target.low, target.high, f"the range of actuator {target.name}"
        )
    return value


def _check_reachable(
    draft: Draft, path: Path, tag: TagPlan, relation: Relation, limit: float, hysteresis: float
) -> None:
    """A limit beyond the range of its tag can never act: the tag is BAD before."""
    span = f"{show(tag.low, '')}..{show(tag.high, tag.unit)}"
    if not tag.low < limit < tag.high:
        draft.error(
            (*path, relation.value),
            f"the limit {show(limit, tag.unit)} is not inside the range of tag {tag.name} ({span}), so it can never act",
        )
        return
    release = limit - hysteresis if relation is Relation.ABOVE else limit + hysteresis
    if not tag.low < release < tag.high:
        draft.error(
            (*path, "hysteresis"),
            f"with {show(hysteresis, tag.unit)} it is released at {show(release, tag.unit)}, outside the range of {tag.name} ({span})",
        )


def _check_crossed(draft: Draft, interlocks: Mapping[str, InterlockPlan | None], tags: Tags) -> None:
    """Above and below of one tag must leave room between them."""
    known = [interlock for interlock in interlocks.values() if interlock]
    for high in known:
        for low in known:
            if high.tag == low.tag and high.relation is Relation.ABOVE and low.relation is Relation.BELOW:
                _check_room(draft, high, low, tags)


def _check_room(draft: Draft, high: InterlockPlan, low: InterlockPlan, tags: Tags) -> None:
    tag = tags[high.tag]
    if tag is not None and high.limit <= low.limit:
        other = draft.line_of(("interlocks", low.name, "below"))
        draft.error(
            ("interlocks", high.name, "above"),
            f"above {show(high.limit, tag.unit)} is not over below {show(low.limit, tag.unit)} of '{low.name}' ({other}), "
            f"so one of them always acts on {tag.name}",
        )


def check_setpoints(draft: Draft, loops: Loops, interlocks: Mapping[str, InterlockPlan | None]) -> None:
    """No loop is asked to hold its tag where an interlock forces one of its outputs."""
    for loop in loops.values():
        for interlock in interlocks.values():
            if loop is None or interlock is None or interlock.tag != loop.tag:
                continue
            above = interlock.relation is Relation.ABOVE
            acts = loop.setpoint >= interlock.limit if above else loop.setpoint <= interlock.limit
            if acts and any(segment.actuator in interlock.actuators for segment in loop.segments):
                where = draft.line_of(("interlocks", interlock.name, interlock.relation.value))
                draft.error(
                    ("loops", loop.name, "setpoint"),
                    f"{show(loop.setpoint, loop.unit)} is where interlock '{interlock.name}' ({where}) acts: "
                    f"{interlock.relation.value} {show(interlock.limit, loop.unit)}",
                )


def check_limits(draft: Draft, actuators: Actuators, loops: Loops) -> None:
    """Ranges of actuators and set points of loops stay inside the limits given for them."""
    section = draft.node(("limits",))
    if not isinstance(section, MappingNode):
        return
    known: Mapping[str, object] = {**actuators, **loops}
    for name, entry in section.entries.items():
        path: Path = ("limits", name)
        written: Span | None = read(draft, path, entry.node, Range)
        draft.refer(path, name, "actuator or loop", known, on_key=True)
        part = actuators.get(name) or loops.get(name)
        limits = Measure(draft, ("limits",), part.unit).span(name, written) if part and written else None
        if part is None or limits is None:
            continue
        if isinstance(part, LoopPlan):
            _check_inside(
                draft,
                ("loops", name, "setpoint_range"),
                (part.setpoint_low, part.setpoint_high),
                path,
                limits,
                part.unit,
            )
        else:
            _check_inside(draft, ("actuators", name, "range"), (part.low, part.high), path, limits, part.unit)


def _check_inside(
    draft: Draft,
    path: Path,
    found: tuple[float, float],
    limit_path: Path,
    limits: tuple[float, float],
    unit: str,
) -> None:
    if limits[0] <= found[0] and found[1] <= limits[1]:
        return
    where = draft.line_of(limit_path)
    draft.error(
        path,
        f"{show(found[0], '')}..{show(found[1], unit)} reaches outside the limits of safety.yaml ({where}): "
        f"{show(limits[0], '')}..{show(limits[1], unit)}",
    )
