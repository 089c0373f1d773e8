"""Level loops: a weight held by one pump. What a pump does to a weight is physics, so nobody has to find a gain."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.config.liquid import positive, pump_of
from edgectl.config.loop import Loops
from edgectl.config.measure import Measure
from edgectl.config.shape import read
from edgectl.config.tag import Tags
from edgectl.config.unit import unit_of
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan, TagPlan

_KG_S = 60_000.0  # mL/min that make 1 kg/s, with 1 g for 1 mL
_INTEGRAL = 4.0  # integral time per response time: SIMC for an integrating process, critically damped


class LevelSection(Section):
    """One loop that holds a weight. Gain and integral follow from response, by the SIMC rule for an integrating process."""

    tag: str = Field(description="Weight of the contents", examples=["WT-101"])
    actuator: str = Field(description="The pump", examples=["P-103"])
    moves: Literal["in", "out"] = Field(description="Whether the pump fills or empties the vessel")
    setpoint: Amount = Field(description="Weight after the first start", examples=["2.0 kg"])
    setpoint_range: Range = Field(description="Set points that are accepted", examples=["1.5..2.5 kg"])
    setpoint_rate: Amount | None = Field(
        None, description="A new set point is approached so fast. Without it: at once", examples=["0.1 kg/h"]
    )
    response: Annotated[Duration, within(30.0, 86_400.0)] = Field(
        600.0, description="Time in which a deviation is met"
    )
    most: Amount | None = Field(
        None, description="Never more than this. Without it: the range of the pump", examples=["5 mL/min"]
    )
    hold_max: Annotated[Duration, within(0.1, 3600.0)] | None = Field(
        None,
        description="The pump goes on so long on an UNCERTAIN weight, then stops. Without it: not at all",
    )
    mode: Literal[Mode.AUTO, Mode.MAN, Mode.OOS] = Field(
        Mode.AUTO, description="Mode after the first start: OOS, MAN, AUTO"
    )
    band: Amount | None = Field(None, description="Deviation that people call in band", examples=["0.01 kg"])
    description: str = Field("", description="For people", examples=["Harvest by weight"])


def compile_levels(
    draft: Draft, tags: Tags, actuators: Actuators, loops: Loops
) -> dict[str, LoopPlan | None]:
    """All of ``levels`` as loops; None for one that has errors."""
    section = draft.node(("levels",))
    if not isinstance(section, MappingNode):
        return {}
    owners: dict[str, str] = {}
    return {
        name: _level(draft, ("levels", name), entry.node, tags, actuators, loops, owners)
        for name, entry in section.entries.items()
    }


def _level(
    draft: Draft,
    path: Path,
    node: Node,
    tags: Tags,
    actuators: Actuators,
    loops: Loops,
    owners: dict[str, str],
) -> LoopPlan | None:
    section: LevelSection | None = read(draft, path, node, LevelSection)
    if section is None:
        return None
    tag = draft.refer((*path, "tag"), section.tag, "tag", tags)
    pump = pump_of(draft, (*path, "actuator"), section.actuator, actuators, loops, owners)
    if tag is None or pump is None:
        return None
    if unit_of(tag.unit).dimension != "mass":
        draft.error((*path, "tag"), f"{tag.name} is in '{tag.unit}', which is no weight")
        return None
    return _loop(Measure(draft, path, tag.unit), section, tag, pump)


def _loop(measure: Measure, section: LevelSection, tag: TagPlan, pump: ActuatorPlan) -> LoopPlan:
    draft, path = measure.draft, measure.path
    low, high = measure.span("setpoint_range", section.setpoint_range) or (tag.low, tag.high)
    if not tag.low <= low < high <= tag.high:
        message = f"{section.setpoint_range.text} reaches outside the range of tag {tag.name}"
        draft.error((*path, "setpoint_range"), message)
    most = pump.high
    if section.most is not None:
        flows = Measure(draft, path, pump.unit)
        most = positive(flows, "most", section.most, pump.high, f"the range of {pump.name}")
    gain = _KG_S / section.response / unit_of(pump.unit).factor * unit_of(tag.unit).factor
    return LoopPlan(
        name=str(path[1]),
        tag=tag.name,
        unit=tag.unit,
        segments=(SegmentPlan(pump.name, 0.0, most, 0.0, most),),
        out_low=0.0,
        out_high=most,
        setpoint=measure.value_inside("setpoint", section.setpoint, low, high, "setpoint_range"),
        setpoint_low=low,
        setpoint_high=high,
        gain=gain if section.moves == "in" else -gain,
        integral_s=_INTEGRAL * section.response,
        fallback=0.0,
        setpoint_rate_per_s=measure.rate("setpoint_rate", section.setpoint_rate),
        hold_max_s=section.hold_max or 0.0,
        mode=section.mode,
        band=measure.difference("band", section.band),
        description=section.description,
    )
