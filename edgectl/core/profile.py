"""Values that go with time, and rates that a tag may correct."""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.model.feed_plan import RatePlan
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality


def value_at(table: tuple[tuple[float, float], ...], time_s: float, *, linear: bool) -> float:
    """The value of a table of (time, value) with rising times: the first before its beginning, the last after its end."""
    before_s, before = table[0]
    for at_s, value in table:
        if at_s > time_s:
            if not linear or time_s <= before_s:
                return before
            return before + (value - before) * (time_s - before_s) / (at_s - before_s)
        before_s, before = at_s, value
    return before


def growth(plan: RatePlan, measured: Mapping[str, Measurement]) -> float:
    """The specific growth rate per second: that of the tag while it is GOOD, bounded; otherwise the planned one."""
    if plan.tag and (value := good(plan.tag, measured)) is not None:
        return min(max(0.0, value * plan.scale), plan.most)
    return plan.planned


def good(tag: str, measured: Mapping[str, Measurement]) -> float | None:
    """The value of a tag, if it is GOOD."""
    found = measured[tag]
    return found.value if found.quality is Quality.GOOD else None
