"""Plausibility checks: what ought to follow from what, and within which time it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Section, within
from edgectl.config.instrument import Instruments
from edgectl.config.measure import Measure
from edgectl.config.quantity import show, show_duration
from edgectl.config.shape import read
from edgectl.config.tag import Tags
from edgectl.config.unit import same
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.plan import ActuatorPlan, TagPlan
from edgectl.model.safety import CheckKind, CheckPlan

_SLOTS = 10.0  # the core looks at tenths of a window, and each must hold a sample
_COUNTED = 0.7  # of the window: the drive in the rest may not have had its effect yet

# what a check of a kind needs beside tag, amount and window, and what it may have
_NEEDED: Mapping[CheckKind, tuple[str, ...]] = {
    CheckKind.NO_EFFECT: ("actuator", "drive", "lasting"),
    CheckKind.UNCAUSED: ("actuator", "drive", "lasting"),
    CheckKind.NOISE_LOSS: (),
    CheckKind.CEILING: (),
    CheckKind.DISAGREEMENT: ("other",),
    CheckKind.NEAR: ("value",),
}
_ALLOWED: Mapping[CheckKind, tuple[str, ...]] = {
    CheckKind.NO_EFFECT: ("beyond", "enabled_by", "direction"),
    CheckKind.UNCAUSED: ("beyond", "enabled_by", "direction"),
    CheckKind.NOISE_LOSS: ("actuator", "drive"),
    CheckKind.CEILING: ("value", "mix"),
    CheckKind.DISAGREEMENT: (),
    CheckKind.NEAR: ("noise", "actuator", "drive", "lasting", "beyond", "enabled_by", "direction"),
}
_KEYS = tuple(dict.fromkeys(key for keys in (*_NEEDED.values(), *_ALLOWED.values()) for key in keys))


class CheckSection(Section):
    """Fails within `window` of its fault; moves nothing itself.

    `no effect`: the actuator drove and the tag did not move by `amount`. `uncaused`: the tag moved by `amount` though the actuator did not drive. `noise
    loss`: a tag with less noise than `amount` (standard deviation) is dead. `ceiling`: more than `amount` above what can be. `disagreement`: two tags
    differ by more than `amount`. `near`: the tag stays within `amount` of the `value` of a dead probe, without noise or though the actuator drives.
    """

    kind: CheckKind = Field(description="What must follow from what", examples=["no effect"])
    tag: str = Field(description="The tag in question", examples=["WT-101"])
    amount: Amount = Field(
        description="Least effect or noise, greatest excess or difference", examples=["5 g"]
    )
    window: Annotated[Duration, within(5.0, 86_400.0)] = Field(
        description="The check fails within so long; at least ten polls of the tag", examples=["5 min"]
    )
    actuator: str | None = Field(None, description="What drives the tag", examples=["P-102"])
    drive: Amount | None = Field(
        None,
        description="With lasting: the actuator drives when it adds up to this for so long within the window. For noise loss: it must have moved so far",
        examples=["2 mL/min"],
    )
    lasting: Annotated[Duration, within(1.0, 86_400.0)] | None = Field(
        None, description="See drive", examples=["3 min"]
    )
    beyond: str | None = Field(
        None,
        description="For a set point as actuator: it drives by what it is beyond this tag",
        examples=["TT-102"],
    )
    enabled_by: str | None = Field(
        None, description="A switch without which the actuator drives nothing", examples=["HS-101"]
    )
    direction: Literal["rises", "falls"] = Field(
        "rises", description="Which way the actuator drives the tag", examples=["falls"]
    )
    other: str | None = Field(
        None, description="For disagreement: the other tag. Control goes on with tag", examples=["TT-103"]
    )
    value: Amount | None = Field(
        None, description="For near: where a dead probe stands. For ceiling: the most", examples=["7.00 pH"]
    )
    noise: Amount | None = Field(
        None, description="For near: less noise than this is dead", examples=["0.001 pH"]
    )
    mix: dict[str, Amount] | None = Field(
        None,
        description="For ceiling: flows of gases, and what the tag would be in each alone",
        examples=["{FT-101: 100 %, FT-103: 477 %}"],
    )
    description: str = Field("", description="For people: the fault", examples=["Feed line blocked"])


@dataclass(frozen=True, slots=True)
class _Parts:
    """What checks are made of."""

    draft: Draft
    instruments: Instruments
    tags: Tags
    actuators: Actuators
    period_s: float


def compile_checks(
    draft: Draft, instruments: Instruments, tags: Tags, actuators: Actuators, period_s: float
) -> dict[str, CheckPlan | None]:
    """All checks of ``checks``; None for one that has errors."""
    section = draft.node(("checks",))
    if not isinstance(section, MappingNode):
        return {}
    parts = _Parts(draft, instruments, tags, actuators, period_s)
    return {name: _check(parts, name, entry.node) for name, entry in section.entries.items()}


def _check(parts: _Parts, name: str, node: Node) -> CheckPlan | None:
    path: Path = ("checks", name)
    section: CheckSection | None = read(parts.draft, path, node, CheckSection)
    if section is None:
        return None
    tag = parts.draft.refer((*path, "tag"), section.tag, "tag", parts.tags)
    actuator, other, enabled = _references(parts, path, section)
    fits = _check_keys(parts.draft, path, section)
    if tag is None or not fits or bool(section.actuator) != bool(actuator):
        return None
    _check_window(parts, path, section, tag)
    if other is not None:
        _check_comparable(parts.draft, path, section, tag, actuator, other)
    measure = Measure(parts.draft, path, tag.unit)
    driven = Measure(parts.draft, path, actuator.unit if actuator else "")
    plan = CheckPlan(
        name=name,
        kind=section.kind,
        tag=tag.name,
        window_s=section.window,
        amount=measure.difference("amount", section.amount),
        actuator=actuator.name if actuator else "",
        drive=driven.difference("drive", section.drive) if actuator else 0.0,
        other=other.name if other else "",
        value=_value(measure, section, tag),
        rising=section.direction == "rises",
        description=section.description,
        drive_s=section.lasting or 0.0,
        enabled_by=enabled.name if enabled else "",
        noise=measure.difference("noise", section.noise),
        mix=_mix(parts, path, section, tag),
    )
    _check_numbers(parts.draft, path, section, plan, actuator)
    return plan


def _references(
    parts: _Parts, path: Path, section: CheckSection
) -> tuple[ActuatorPlan | None, TagPlan | None, ActuatorPlan | None]:
    """The actuator, the other tag and the switch; None for one that is not named, or wrong."""
    draft = parts.draft
    actuator = other = enabled = None
    if section.actuator:
        actuator = draft.refer((*path, "actuator"), section.actuator, "actuator", parts.actuators)
    key, name = ("beyond", section.beyond) if section.beyond else ("other", section.other)
    if name:
        other = draft.refer((*path, key), name, "tag", parts.tags)
    if section.enabled_by:
        enabled = draft.refer((*path, "enabled_by"), section.enabled_by, "actuator", parts.actuators)
        if enabled is not None and not enabled.discrete:
            message = f"{enabled.name} is no switch: it does not enable anything"
            draft.error((*path, "enabled_by"), message)
    return actuator, other, enabled


def _check_keys(draft: Draft, path: Path, section: CheckSection) -> bool:
    """Every key belongs to the kind, and none is missing."""
    kind = section.kind
    written = [key for key in _KEYS if draft.node((*path, key)) is not None]
    needed = list(_NEEDED[kind])
    if kind is CheckKind.NEAR and "noise" not in written:
        needed += ["actuator"]
    if kind is CheckKind.CEILING and not {"value", "mix"} & set(written):
        needed += ["value"]
    if "actuator" in written:
        needed += ["drive"] if kind is CheckKind.NOISE_LOSS else ["drive", "lasting"]
    allowed = (*_NEEDED[kind], *_ALLOWED[kind])
    for key in written:
        if key not in allowed:
            message = f"'{key}' says nothing in a check of kind '{kind.value}'; allowed beside tag, amount and window: {', '.join(allowed)}"
            draft.error((*path, key), message, "delete the line", on_key=True)
    missing = [key for key in dict.fromkeys(needed) if key not in written]
    node = draft.node(path)
    misspelt = isinstance(node, MappingNode) and not node.entries.keys() <= CheckSection.model_fields.keys()
    for key in missing if not misspelt else ():
        field = CheckSection.model_fields[key]
        example = f"write for example '{key}: {(field.examples or [''])[0]}'"
        draft.missing((*path, key), f"a check of kind '{kind.value}' wants it; {example}")
    return not missing


def _read_every(parts: _Parts, tag: TagPlan) -> float:
    """How often a tag has a new value, s; one that is voted as often as the slowest of its members."""
    names = tag.fusion.members if tag.fusion else ()
    tags = [member for name in names if (member := parts.tags.get(name))] or [tag]
    found = [parts.instruments.get(each.channel.partition(".")[0]) for each in tags]
    return max((part.plan.poll_s for part in found if part), default=0.0)


def _check_window(parts: _Parts, path: Path, section: CheckSection, tag: TagPlan) -> None:
    step_s = max(_read_every(parts, tag), parts.period_s)
    if section.window < _SLOTS * step_s:
        message = f"{show_duration(section.window)} is too short for {tag.name}, which is read every {show_duration(step_s)}: a check looks at tenths of its window"
        hint = f"write at least {show_duration(_SLOTS * step_s)}"
        parts.draft.error((*path, "window"), message, hint)


def _check_comparable(
    draft: Draft,
    path: Path,
    section: CheckSection,
    tag: TagPlan,
    actuator: ActuatorPlan | None,
    other: TagPlan,
) -> None:
    """Numbers in different units are not compared, and nothing with itself."""
    key, against = ("beyond", actuator) if section.beyond else ("other", tag)
    if against is not None and not same(other.unit, against.unit):
        message = f"{other.name} is in {other.unit or 'no unit'}, {against.name} in {against.unit or 'no unit'}: they cannot be compared"
        draft.error((*path, key), message)
    elif against is tag and other is tag:
        draft.error((*path, key), f"{tag.name} never differs from itself")


def _value(measure: Measure, section: CheckSection, tag: TagPlan) -> float:
    if section.value is None:
        return 0.0
    return measure.value_inside("value", section.value, tag.low, tag.high, f"the range of tag {tag.name}")


def _mix(parts: _Parts, path: Path, section: CheckSection, tag: TagPlan) -> tuple[tuple[str, float], ...]:
    place: Path = (*path, "mix")
    measure = Measure(parts.draft, place, tag.unit)
    found = []
    for name, written in (section.mix or {}).items():
        parts.draft.refer((*place, name), name, "tag", parts.tags, on_key=True)
        found.append((name, measure.value(name, written)))
    return tuple(found)


def _check_numbers(
    draft: Draft, path: Path, section: CheckSection, plan: CheckPlan, actuator: ActuatorPlan | None
) -> None:
    """Numbers with which the check could never fail, or always would."""
    for key, value in (("amount", plan.amount), ("drive", plan.drive), ("noise", plan.noise)):
        if value == 0.0 and getattr(section, key) is not None:
            draft.error((*path, key), f"{getattr(section, key).text} is nothing: every signal is beyond it")
    if actuator is None or plan.kind is CheckKind.UNCAUSED or plan.other or not plan.drive_s:
        return
    most_s = _COUNTED * plan.window_s * actuator.high
    if plan.drive * plan.drive_s > most_s:
        message = f"{actuator.name} goes to {show(actuator.high, actuator.unit)} at most, so within {show_duration(plan.window_s)} it never drives so much"
        hint = f"write at most 'lasting: {show_duration(most_s / plan.drive)}', or a longer window"
        draft.error((*path, "lasting"), message, hint)
