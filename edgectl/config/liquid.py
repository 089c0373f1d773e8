"""What feeds, perfusion and level loops have in common: pumps that stand still when nothing is certain, tables over time, growth rates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Section, within
from edgectl.config.loop import Loops
from edgectl.config.measure import Measure
from edgectl.config.quantity import Quantity, show
from edgectl.config.tag import Tags
from edgectl.config.unit import allowed, amount_of, unit_of
from edgectl.model.feed_plan import PumpPlan, RatePlan
from edgectl.model.plan import ActuatorPlan

Between = Literal["step", "line"]
FlowTime = Annotated[Duration, within(0.0, 365 * 86_400.0)]
_HOUR_S = 3600.0
_PERCENT = 100.0
_MOST_GROWTH = 2.0  # times the planned one, where nothing is written


class GrowthSection(Section):
    """Specific growth rate of the culture."""

    rate: Amount | None = Field(
        None,
        description="Growth rate to plan with. Without it: 0, so that only the tag counts",
        examples=["3 %/h"],
    )
    tag: str = Field(
        "",
        description="Tag of the measured growth rate, in 1/h or %/h; used while it is GOOD",
        examples=["MU-101"],
    )
    most: Amount | None = Field(
        None, description="The tag counts up to this. Without it: twice rate", examples=["6 %/h"]
    )


def growth_of(draft: Draft, path: Path, section: GrowthSection | None, tags: Tags) -> RatePlan:
    """A growth rate per second."""
    if section is None:
        return RatePlan()
    measure = Measure(draft, path, "%")
    planned = measure.rate("rate", section.rate) / _PERCENT
    most = measure.rate("most", section.most) / _PERCENT if section.most else _MOST_GROWTH * planned
    if not section.tag:
        if section.rate is None:
            draft.error(path, "a growth rate that is neither planned nor measured", "write rate or tag", on_key=True)  # fmt: skip
        if section.most is not None:
            draft.error((*path, "most"), "'most' goes with 'tag'", "delete the line", on_key=True)
        return RatePlan(planned)
    tag = draft.refer((*path, "tag"), section.tag, "tag", tags)
    if tag is None:
        return RatePlan(planned)
    unit = unit_of(tag.unit)
    if unit.dimension != unit_of("1/h").dimension:
        message = (
            f"{tag.name} is in '{tag.unit}', which is no growth rate; allowed: {', '.join(allowed('1/h'))}"
        )
        draft.error((*path, "tag"), message)
    elif not most:
        draft.error(path, "with a tag there must be a bound", "write most, such as most: 6 %/h", on_key=True)
    return RatePlan(planned, tag.name, unit.factor / _HOUR_S, most)


def pump_of(
    draft: Draft,
    path: Path,
    name: str,
    actuators: Actuators,
    loops: Loops,
    owners: dict[str, str],
    role: str = "",
) -> ActuatorPlan | None:
    """The actuator ``name`` as a pump that this part alone drives, in one ``role``; None with an error. ``owners`` grows."""
    actuator = draft.refer(path, name, "actuator", actuators)
    if actuator is None:
        return None
    if amount_of(actuator.unit) is None or actuator.discrete:
        draft.error(path, f"{name} is in '{actuator.unit}', which is no flow of liquid")
        return None
    if (actuator.low, actuator.safe) != (0.0, 0.0) or actuator.normal:
        message = (
            f"{name} does not stand still when nothing is asked of it: range from {show(actuator.low, actuator.unit)}, "
            f"safe {show(actuator.safe, actuator.unit)}, normal {show(actuator.normal or 0.0, actuator.unit)}"
        )
        draft.error(path, message, "let its range, safe and normal begin at 0")
    me = f"{path[1]} {role}".rstrip()
    driven = [
        loop.name for loop in loops.values() if loop for share in loop.segments if share.actuator == name
    ]
    owner = owners.setdefault(name, driven[0] if driven else me)
    if owner != me:
        draft.error(path, f"{name} belongs to '{owner}' already", "one actuator has one master")
    return actuator


def pump_plan(actuator: ActuatorPlan) -> PumpPlan:
    """A pump in mL/min; 1 g counts as 1 mL."""
    scale = unit_of(actuator.unit).factor
    return PumpPlan(actuator.name, scale, actuator.high * scale)


def rising(draft: Draft, path: Path, times: list[float]) -> None:
    """Times of a table begin at 0 and rise."""
    if times and times[0] != 0.0:
        draft.error((*path, 0, "at"), "a table begins at 0 h", "write a first line with at: 0 h")
    for i in range(1, len(times)):
        if times[i] <= times[i - 1]:
            draft.error((*path, i, "at"), "a time that is not after the one before it")


def positive(measure: Measure, key: str, written: Quantity, most: float, of: str) -> float:
    """A value above 0, at most ``most``."""
    value = measure.value(key, written)
    if not 0.0 < value <= most:
        span = f"above 0 to {show(most, measure.unit)}"
        measure.draft.error((*measure.path, key), f"{written.text} lies outside {of}: {span}")
    return value
