"""Dosing in pulses, as it is written under an actuator."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Section, within
from edgectl.config.measure import Measure
from edgectl.config.quantity import show, show_duration
from edgectl.config.unit import amount_of
from edgectl.model.dosing import PulsePlan

CYCLE_S = 180.0  # 20 pulses an hour at most


class PulseSection(Section):
    """A pump that gives less than it can give steadily in pulses, of which the mean is what is asked."""

    flow: Amount | None = Field(
        None,
        description="Flow in a pulse. Without it: the end of the actuator's range",
        examples=["1 mL/min"],
    )
    least: Annotated[Duration, within(0.05, 600.0)] = Field(
        2.0, description="Shortest pulse", examples=["2 s"]
    )
    volume: Amount | None = Field(
        None, description="Smallest pulse as an amount, if that is more than least gives", examples=["50 uL"]
    )
    continuous: Amount | None = Field(
        None,
        description="From this flow on it runs steadily. Without it: a tenth of flow",
        examples=["0.2 mL/min"],
    )
    cycle: Annotated[Duration, within(1.0, 3600.0)] = Field(
        CYCLE_S, description="Pulses begin at least so far apart", examples=["3 min"]
    )
    mixing: Annotated[Duration, within(0.0, 3600.0)] = Field(
        0.0, description="After a pulse nothing is given for so long, until it is mixed in", examples=["30 s"]
    )
    dead_volume: Amount | None = Field(
        None,
        description=(
            "Volume of the line from bottle to vessel: given once in each batch with its first demand, counted by the dosing limit, "
            "and not expected to arrive. Without it: somebody has filled the line"
        ),
        examples=["3 mL"],
    )


def pulse_of(
    draft: Draft, path: Path, section: PulseSection, unit: str, high: float, period_s: float
) -> PulsePlan | None:
    """The plan of ``pulse`` under an actuator in ``unit``; None with an error where it cannot dose in pulses."""
    path = (*path, "pulse")
    amount = amount_of(unit)
    if amount is None:
        draft.error(path, f"pulses add up to an amount, and '{unit}' is no flow", on_key=True)
        return None
    measure, amounts = Measure(draft, path, unit), Measure(draft, path, amount[0])
    flow = high
    if section.flow is not None:
        flow = measure.value_inside("flow", section.flow, 0.0, high, "what this actuator can give")
    steady = section.continuous
    continuous = (
        flow / 10 if steady is None else measure.value_inside("continuous", steady, 0.0, flow, "0 to flow")
    )
    if not (flow > 0.0 and continuous > 0.0):
        draft.error((*path, "flow" if flow <= 0.0 else "continuous"), "a flow of 0 gives nothing")
        return None
    least = max(flow * section.least / amount[1], amounts.difference("volume", section.volume))
    if least < flow * period_s / amount[1] * (1.0 - 1e-9):
        draft.error(
            (*path, "least"),
            f"{show_duration(section.least)} is shorter than the period of {show_duration(period_s)}, and no pulse is shorter than that",
        )
    longest_s = least / flow * amount[1]
    if longest_s > section.cycle / 2:
        draft.error(
            (*path, "cycle"),
            f"the smallest pulse of {show(least, amount[0])} takes {show_duration(longest_s)}, more than half of the cycle of "
            f"{show_duration(section.cycle)}",
        )
    return PulsePlan(
        flow=flow,
        least=least,
        continuous=continuous,
        rate_s=amount[1],
        cycle_s=section.cycle,
        mixing_s=section.mixing,
        dead=amounts.difference("dead_volume", section.dead_volume),
    )
