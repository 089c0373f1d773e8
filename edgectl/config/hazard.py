"""The hazard matrix: what is done to which outputs when something is wrong, beyond the interlocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from edgectl.config.cause import CauseSection, Known, compile_cause
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Duration, Section, within
from edgectl.config.shape import read
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.safety import Action, HazardPlan

_ACTIONS = {action.name.lower(): action for action in Action if action is not Action.NONE}


class HazardSection(Section):
    """One row of the hazard matrix: when something has been so for a time, this is done. The highest action on an output wins."""

    when: CauseSection = Field(description="The cause", examples=["{tag: TT-101, above: 39.0 degC}"])
    action: Literal["warn", "hold", "fallback", "safe", "trip"] = Field(
        description="hold: the last value for hold_max, then fallback. trip: every output of the unit safe, until a reset",
        examples=["trip"],
    )
    act_on: list[str] | None = Field(
        None,
        min_length=1,
        description="Actuators it acts on. Without it: all of the unit",
        examples=["[P-101, HS-102]"],
    )
    delay: Annotated[Duration, within(0.0, 3600.0)] = Field(
        0.0, description="The cause must stand for so long", examples=["5 s"]
    )
    clear_after: Annotated[Duration, within(0.0, 86_400.0)] = Field(
        0.0,
        description="It ends, or may be reset, when the cause has been gone for so long",
        examples=["30 s"],
    )
    latched: bool | None = Field(
        None, description="It acts until a reset. Without it: false, with trip always true"
    )
    description: str = Field("", description="For people: the hazard", examples=["Vessel too hot"])


def compile_hazards(draft: Draft, known: Known) -> dict[str, HazardPlan | None]:
    """All rows of ``hazards``; None for one that has errors."""
    section = draft.node(("hazards",))
    if not isinstance(section, MappingNode):
        return {}
    return {name: _hazard(draft, name, entry.node, known) for name, entry in section.entries.items()}


def _hazard(draft: Draft, name: str, node: Node, known: Known) -> HazardPlan | None:
    path: Path = ("hazards", name)
    section: HazardSection | None = read(draft, path, node, HazardSection)
    if section is None:
        return None
    action = _ACTIONS[section.action]
    _check_shape(draft, path, section, action)
    for i, actuator in enumerate(section.act_on or ()):
        draft.refer((*path, "act_on", i), actuator, "actuator", known.names["stuck"])
    _check_order(draft, path, section.when.hazard)
    cause = compile_cause(draft, (*path, "when"), section.when, known)
    if cause is None:
        return None
    return HazardPlan(
        name=name,
        cause=cause,
        action=action,
        actuators=tuple(section.act_on or ()),
        delay_s=section.delay,
        clear_s=section.clear_after,
        latched=action is Action.TRIP or bool(section.latched),
        description=section.description,
    )


def _check_shape(draft: Draft, path: Path, section: HazardSection, action: Action) -> None:
    if action is Action.TRIP and section.act_on is not None:
        draft.error(
            (*path, "act_on"),
            "a trip acts on every output of the unit",
            "delete the line, or write 'action: safe' with 'latched: true'",
            on_key=True,
        )
    if action is Action.TRIP and section.latched is False:
        draft.error(
            (*path, "latched"), "a trip is always latched", "delete the line, or write 'action: safe'"
        )
    if action is Action.WARN and section.act_on is not None:
        draft.error((*path, "act_on"), "a warning moves no output", "delete the line", on_key=True)


def _check_order(draft: Draft, path: Path, subject: str | None) -> None:
    """A hazard that is about another one comes after it, so that none can be its own cause."""
    names = list(hazard_names(draft))
    if subject is not None and subject in names and names.index(subject) >= names.index(str(path[-1])):
        draft.error(
            (*path, "when", "hazard"),
            f"hazard '{subject}' is not written above '{path[-1]}'",
            "a hazard can be about those above it only",
        )


def hazard_names(draft: Draft, section: str = "hazards") -> Mapping[str, Any]:
    """The names under a section, for causes that refer to them."""
    node = draft.node((section,))
    return dict.fromkeys(node.entries, True) if isinstance(node, MappingNode) else {}
