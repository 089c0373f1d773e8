"""Alarms of safety.yaml: what a person is called for, how soon, and what that person then does."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgectl.config.cause import CauseSection, Known, compile_cause
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Duration, Section, within
from edgectl.config.loop import Loops
from edgectl.config.quantity import show
from edgectl.config.shape import read
from edgectl.config.tag import Tags
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.safety import AlarmPlan, Cause, Priority, Relation, Watch

_TAKEN = ("all", "flood")  # words of requests and records
_DAY_S = 86_400.0


class AlarmSection(Section):
    """A person is called and told what to do. What needs no response is no alarm."""

    when: CauseSection = Field(description="The cause", examples=["{tag: TT-101, above: 38.0 degC}"])
    priority: Priority = Field(description="How soon it wants its response", examples=["high"])
    on_delay: Annotated[Duration, within(0.0, 3600.0)] = Field(
        0.0, description="The cause must stand for so long", examples=["30 s"]
    )
    off_delay: Annotated[Duration, within(0.0, 3600.0)] = Field(
        10.0, description="Normal again when the cause has been gone for so long", examples=["10 s"]
    )
    latching: bool = Field(
        default=False, description="Stays until an operator resets it, when the cause is gone too"
    )
    re_alarm: Annotated[Duration, within(300.0, 7 * _DAY_S)] | None = Field(
        None,
        description="Acknowledged and still there: calls again after so long. Without it: never",
        examples=["30 min"],
    )
    suppressed_by: str | None = Field(
        None,
        description="Does not call while this interlock or hazard acts, which tells the same",
        examples=["stirrer-stopped"],
    )
    description: str = Field("", description="For people: what is wrong", examples=["Vessel too warm"])
    consequence: str = Field("", description="What happens without a response", examples=["Cells die"])
    response: str = Field(description="What to do", examples=["Check the jacket and its pump"])
    response_time: Annotated[Duration, within(10.0, _DAY_S)] | None = Field(
        None, description="How much time there is for it", examples=["10 min"]
    )


def compile_alarms(draft: Draft, known: Known, loops: Loops) -> tuple[AlarmPlan, ...]:
    """All alarms of ``alarms`` that have no errors of their own."""
    section = draft.node(("alarms",))
    if not isinstance(section, MappingNode):
        return ()
    found = [_alarm(draft, name, entry.node, known) for name, entry in section.entries.items()]
    alarms = tuple(alarm for alarm in found if alarm)
    _check_crossed(draft, alarms, known.tags)
    _check_setpoints(draft, alarms, loops)
    return alarms


def _alarm(draft: Draft, name: str, node: Node, known: Known) -> AlarmPlan | None:
    path: Path = ("alarms", name)
    if name in _TAKEN:
        draft.error(path, f"'{name}' has a meaning of its own", "give the alarm another name", on_key=True)
    section: AlarmSection | None = read(draft, path, node, AlarmSection)
    if section is None:
        return None
    cause = compile_cause(draft, (*path, "when"), section.when, known)
    if section.suppressed_by is not None:
        names = {**known.names["interlock"], **known.names["hazard"]}
        draft.refer((*path, "suppressed_by"), section.suppressed_by, "interlock or hazard", names)
    if cause is None:
        return None
    _check_return(draft, path, cause, known.tags)
    if cause.watch in (Watch.INTERLOCK, Watch.HAZARD) and cause.subject == section.suppressed_by:
        message = f"{cause.subject} is the cause and suppresses the alarm, so it never calls"
        draft.error((*path, "suppressed_by"), message, "delete the line")
    return AlarmPlan(
        name=name,
        cause=cause,
        priority=section.priority,
        on_delay_s=section.on_delay,
        off_delay_s=section.off_delay,
        latching=section.latching,
        re_alarm_s=section.re_alarm or 0.0,
        suppressed_by=section.suppressed_by or "",
        description=section.description,
        consequence=section.consequence,
        response=section.response,
        response_s=section.response_time or 0.0,
    )


def _check_return(draft: Draft, path: Path, cause: Cause, tags: Tags) -> None:
    """A dead band that reaches to the end of the tag's range is never left."""
    tag = tags.get(cause.subject) if cause.watch is Watch.TAG else None
    if tag is None or not tag.low < cause.limit < tag.high:
        return
    back = -cause.hysteresis if cause.relation is Relation.ABOVE else cause.hysteresis
    if not tag.low < cause.limit + back < tag.high:
        draft.error(
            (*path, "when", "hysteresis"),
            f"with {show(cause.hysteresis, tag.unit)} it is normal again at {show(cause.limit + back, tag.unit)}, "
            f"outside the range of {tag.name} ({show(tag.low, '')}..{show(tag.high, tag.unit)})",
        )


def _check_crossed(draft: Draft, alarms: tuple[AlarmPlan, ...], tags: Tags) -> None:
    """Above and below of one tag must leave room between them."""
    limits = [alarm for alarm in alarms if alarm.cause.watch is Watch.TAG]
    for high in limits:
        for low in limits:
            above, below = high.cause, low.cause
            tag = tags.get(above.subject)
            if (
                tag is not None
                and above.subject == below.subject
                and (above.relation, below.relation) == (Relation.ABOVE, Relation.BELOW)
                and above.limit <= below.limit
            ):
                other = draft.line_of(("alarms", low.name, "when", "below"))
                draft.error(
                    ("alarms", high.name, "when", "above"),
                    f"above {show(above.limit, tag.unit)} is not over below {show(below.limit, tag.unit)} of '{low.name}' "
                    f"({other}), so one of them always calls",
                )


def _check_setpoints(draft: Draft, alarms: tuple[AlarmPlan, ...], loops: Loops) -> None:
    """No loop is asked to hold its tag where an alarm calls."""
    for loop in loops.values():
        for alarm in alarms:
            cause = alarm.cause
            if loop is None or cause.watch is not Watch.TAG or cause.subject != loop.tag:
                continue
            above = cause.relation is Relation.ABOVE
            if loop.setpoint >= cause.limit if above else loop.setpoint <= cause.limit:
                where = draft.line_of(("alarms", alarm.name, "when", cause.relation.value))
                draft.error(
                    ("loops", loop.name, "setpoint"),
                    f"{show(loop.setpoint, loop.unit)} is where alarm '{alarm.name}' ({where}) calls: "
                    f"{cause.relation.value} {show(cause.limit, loop.unit)}",
                )
