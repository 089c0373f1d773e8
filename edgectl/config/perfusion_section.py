"""What a file says of a perfusion."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.config.liquid import Between, FlowTime, GrowthSection


class RatePoint(Section):
    """One line of a table of exchange rates."""

    at: FlowTime = Field(description="Time since the start of the perfusion", examples=["24 h"])
    rate: Amount = Field(description="Vessel volumes per day from then on", examples=["1 VVD"])


class BleedSection(Section):
    """Cells leave, so that those that stay keep their density."""

    actuator: str = Field(description="The pump that takes whole culture out", examples=["P-104"])
    density: Amount = Field(description="Viable cell density that is held", examples=["20 Mcells/mL"])
    growth: GrowthSection | None = Field(
        None, description="What is bled ahead of any deviation. Without it: nothing"
    )
    response: Annotated[Duration, within(600.0, 7 * 86_400.0)] = Field(
        4 * 3600.0, description="Time in which a deviation is met"
    )
    hold_max: Annotated[Duration, within(0.0, 86_400.0)] = Field(
        600.0, description="With an UNCERTAIN density the bleed stays as it is for so long, then stops"
    )


class PressureSection(Section):
    """The filter is spared: less permeate, and so less feed, with a rising transmembrane pressure."""

    tag: str = Field(description="Transmembrane pressure", examples=["PT-110"])
    range: Range = Field(
        description="From the low end on less passes, at the high end nothing", examples=["100..300 mbar"]
    )


class PerfusionSection(Section):
    """One perfusion. It makes two interlocks, NAME-high (stops the feed) and NAME-low (stops permeate and bleed), which alarms and hazards may name."""

    feed: str = Field(description="The pump of fresh medium", examples=["P-102"])
    permeate: str = Field(description="The pump behind the filter", examples=["P-103"])
    others: list[str] = Field([], description="What else enters, such as base", examples=["[P-101]"])
    volume: Amount = Field(description="Vessel volume that rates are about", examples=["2 L"])
    rate: Amount | None = Field(
        None,
        description="Vessel volumes per day; write rate, rates or cell_specific",
        examples=["1 VVD"],
    )
    rates: list[RatePoint] = Field([], description="Vessel volumes per day over time")
    between: Between = Field("step", description="Between the lines of rates: step or line")
    cell_specific: Amount | None = Field(
        None, description="Medium per cell and day; needs density_tag", examples=["50 pL/cell/d"]
    )
    rate_range: Range | None = Field(None, description="Bounds of cell_specific", examples=["0.3..2 VVD"])
    ramp: Amount | None = Field(
        None, description="The rate changes so fast. Without it: at once", examples=["0.1 VVD/h"]
    )
    density_tag: str = Field("", description="Viable cell density", examples=["AT-103"])
    weight_tag: str = Field(description="Weight of the contents", examples=["WT-101"])
    weight: Amount = Field(description="Weight that is held", examples=["2.0 kg"])
    band: Amount | None = Field(
        None,
        description="The interlocks act beyond the weight by so much. Without it: 2 % of it",
        examples=["0.04 kg"],
    )
    authority: Amount | None = Field(
        None,
        description="The weight may change permeate by so much of the feed. Without it: 20 %",
        examples=["20 %"],
    )
    response: Annotated[Duration, within(60.0, 86_400.0)] = Field(
        1800.0, description="Time in which a deviation of the weight is met"
    )
    bleed: BleedSection | None = Field(None, description="Without it: no cells are taken out")
    pressure: PressureSection | None = Field(None, description="Without it: the filter is not watched")
    window: Annotated[Duration, within(3600.0, 7 * 86_400.0)] = Field(
        86_400.0, description="The pumps are compared with the weight over so long"
    )
    tell: Amount | None = Field(
        None,
        description="What the pumps may disagree with the weight, of the feed, before it is told. Without it: 5 %",
        examples=["5 %"],
    )
    description: str = Field("", description="For people", examples=["Perfusion over a hollow fibre"])
