"""Feeds: how much of a medium a pump gives, and when."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Section
from edgectl.config.liquid import Between, FlowTime, GrowthSection, growth_of, positive, pump_of, rising
from edgectl.config.loop import Loops
from edgectl.config.measure import Measure
from edgectl.config.shape import read
from edgectl.config.tag import Tags
from edgectl.config.unit import amount_of
from edgectl.config.yaml_node import MappingNode
from edgectl.model.feed_plan import BolusPlan, FeedPlan, Profile
from edgectl.model.plan import ActuatorPlan

_TELL_S = 600.0  # at the greatest flow: a difference that is told, where nothing is written


class FeedPoint(Section):
    """One line of a feed table."""

    at: FlowTime = Field(description="Time since the profile began", examples=["24 h"])
    flow: Amount = Field(description="Flow from then on", examples=["0.2 mL/min"])


class BolusSection(Section):
    """An amount at once, on top of the profile."""

    at: FlowTime = Field(description="Batch time: 0 h is the start of the feed", examples=["48 h"])
    amount: Amount = Field(description="How much", examples=["20 mL"])
    flow: Amount | None = Field(
        None, description="How fast. Without it: as fast as the feed may", examples=["2 mL/min"]
    )


class MakeUpSection(Section):
    """What the pump gave less than planned is given later."""

    flow: Amount = Field(description="At most so much beside the profile", examples=["0.1 mL/min"])
    at_most: Amount = Field(description="At most so much in one run", examples=["10 mL"])


class FeedSection(Section):
    """One feed: starts, pauses and stops when somebody asks for it (edgectl feed NAME start). Its time stands still while it is paused or something holds its pump."""

    actuator: str = Field(description="The pump; no loop may drive it", examples=["P-102"])
    profile: Profile = Field(
        description="constant and exponential begin with flow, table goes by its lines, none gives boluses alone",
        examples=["exponential"],
    )
    flow: Amount | None = Field(
        None, description="Constant flow, or the flow an exponential begins with", examples=["0.1 mL/min"]
    )
    growth: GrowthSection | None = Field(
        None, description="Growth rate of an exponential", examples=["{rate: 3 %/h}"]
    )
    table: list[FeedPoint] = Field(
        [], description="Flows over time", examples=["[{at: 0 h, flow: 0.1 mL/min}]"]
    )
    between: Between = Field("step", description="Between the lines of a table: step or line")
    begin: FlowTime = Field(0.0, description="The profile begins so long after the start of the feed")
    most: Amount | None = Field(
        None, description="Never more than this. Without it: the range of the pump", examples=["2 mL/min"]
    )
    boluses: list[BolusSection] = Field([], description="Amounts at their times, on top of the profile")
    total: Amount | None = Field(
        None, description="It is over when so much has passed. Without it: no limit", examples=["400 mL"]
    )
    stop_after: FlowTime | None = Field(
        None, description="It is over after so long. Without it: never", examples=["10 d"]
    )
    make_up: MakeUpSection | None = Field(
        None, description="Without it: a difference to the plan is told, not made up"
    )
    tell: Amount | None = Field(
        None,
        description="A larger difference to the plan is told. Without it: what 10 min at most give",
        examples=["5 mL"],
    )
    description: str = Field("", description="For people", examples=["Glucose feed"])


Feeds = Mapping[str, FeedPlan | None]


def compile_feeds(
    draft: Draft, tags: Tags, actuators: Actuators, loops: Loops, owners: dict[str, str]
) -> dict[str, FeedPlan | None]:
    """All feeds of ``feeds``; None for one that has errors. ``owners`` of pumps grows."""
    section = draft.node(("feeds",))
    if not isinstance(section, MappingNode):
        return {}
    found = {}
    for name, entry in section.entries.items():
        path: Path = ("feeds", name)
        written: FeedSection | None = read(draft, path, entry.node, FeedSection)
        pump = (
            pump_of(draft, (*path, "actuator"), written.actuator, actuators, loops, owners)
            if written
            else None
        )
        found[name] = _feed(draft, path, written, pump, tags) if written and pump else None
    return found


def _feed(draft: Draft, path: Path, section: FeedSection, pump: ActuatorPlan, tags: Tags) -> FeedPlan:
    amount, rate_s = amount_of(pump.unit) or ("", 1.0)
    flows, amounts = Measure(draft, path, pump.unit), Measure(draft, path, amount)
    most = pump.high
    if section.most is not None:
        most = positive(flows, "most", section.most, pump.high, f"the range of {pump.name}")
    _check_shape(draft, path, section)
    flow = positive(flows, "flow", section.flow, most, "what it may give") if section.flow else 0.0
    make_up = section.make_up
    beside = (*path, "make_up")
    return FeedPlan(
        name=str(path[1]),
        actuator=pump.name,
        unit=amount,
        rate_s=rate_s,
        profile=section.profile,
        most=most,
        flow=flow,
        growth=growth_of(draft, (*path, "growth"), section.growth, tags),
        table=_table(draft, path, section, pump.unit, most),
        linear=section.between == "line",
        begin_s=section.begin,
        stop_s=section.stop_after or 0.0,
        boluses=_boluses(draft, path, section, pump.unit, amount, most),
        total=_total(amounts, section),
        make_up=Measure(draft, beside, pump.unit).value_inside("flow", make_up.flow, 0.0, most, "what it may give") if make_up else 0.0,
        make_up_most=Measure(draft, beside, amount).difference("at_most", make_up.at_most) if make_up else 0.0,
        tell=amounts.difference("tell", section.tell, most * _TELL_S / rate_s),
        description=section.description,
    )  # fmt: skip


def _total(amounts: Measure, section: FeedSection) -> float:
    total = amounts.difference("total", section.total)
    if section.total is not None and total == 0.0:
        amounts.draft.error((*amounts.path, "total"), f"{section.total.text} leaves nothing to feed")
    return total


_WANTS: Mapping[Profile, tuple[str, ...]] = {
    Profile.CONSTANT: ("flow",),
    Profile.EXPONENTIAL: ("flow", "growth"),
    Profile.TABLE: ("table",),
    Profile.NONE: ("boluses",),
}


def _check_shape(draft: Draft, path: Path, section: FeedSection) -> None:
    """Each profile has its own keys."""
    word = section.profile.value
    for key in _WANTS[section.profile]:
        if not getattr(section, key):
            draft.missing((*path, key), f"profile '{word}' goes by it")
    for key in {"flow", "growth", "table"} - {*_WANTS[section.profile]}:
        if getattr(section, key):
            draft.error(
                (*path, key), f"'{key}' has no meaning with profile '{word}'", "delete it", on_key=True
            )


def _table(
    draft: Draft, path: Path, section: FeedSection, unit: str, most: float
) -> tuple[tuple[float, float], ...]:
    rising(draft, (*path, "table"), [point.at for point in section.table])
    return tuple(
        (
            point.at,
            Measure(draft, (*path, "table", i), unit).value_inside(
                "flow", point.flow, 0.0, most, "what it may give"
            ),
        )
        for i, point in enumerate(section.table)
    )


def _boluses(
    draft: Draft, path: Path, section: FeedSection, unit: str, amount: str, most: float
) -> tuple[BolusPlan, ...]:
    boluses = []
    for i, bolus in enumerate(section.boluses):
        place = (*path, "boluses", i)
        flows, amounts = Measure(draft, place, unit), Measure(draft, place, amount)
        flow = positive(flows, "flow", bolus.flow, most, "what it may give") if bolus.flow else most
        size = amounts.difference("amount", bolus.amount)
        if size == 0.0:
            draft.error((*place, "amount"), f"{bolus.amount.text} is no bolus")
        boluses.append(BolusPlan(bolus.at, size, flow))
        if i and bolus.at < section.boluses[i - 1].at:
            draft.error((*place, "at"), "a time that is before the one above it")
    return tuple(boluses)
