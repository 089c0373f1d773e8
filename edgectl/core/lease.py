"""Minimum times: an output that went away from its safe value stays away for a while, and one that came to it stays there.

They spare compressors, contactors and pumps a reading that oscillates around a switching limit. They delay wishes, never protection.
"""

from __future__ import annotations

from edgectl.model.plan import ActuatorPlan
from edgectl.model.state import ActuatorState

MINIMUM_ON = "minimum on time"
MINIMUM_OFF = "minimum off time"


def kept(
    plan: ActuatorPlan, state: ActuatorState, value: float, dt_s: float, *, protective: bool
) -> tuple[float, str]:
    """``value`` if it may be taken now, else the one that has to stay, and the name of the minimum time that says so."""
    if not _counts(plan):
        return value, ""
    was, becomes, stood_s = _away(plan, state.value), _away(plan, value), state.stood_s + dt_s
    if was and not becomes and stood_s < plan.min_on_s and not protective:
        return state.value, MINIMUM_ON
    if becomes and not was and stood_s < plan.min_off_s:
        return plan.safe, MINIMUM_OFF
    return value, ""


def stood(plan: ActuatorPlan, state: ActuatorState, value: float, dt_s: float) -> float:
    """For how long the output has been on its side of the safe value, now that it takes ``value``; no longer than anybody asks."""
    if not _counts(plan) or _away(plan, value) != _away(plan, state.value):
        return 0.0
    return min(state.stood_s + dt_s, max(plan.min_on_s, plan.min_off_s))


def _counts(plan: ActuatorPlan) -> bool:
    return bool(plan.min_on_s or plan.min_off_s)


def _away(plan: ActuatorPlan, value: float) -> bool:
    """What is within the resolution of the safe value is not sent apart from it."""
    return abs(value - plan.safe) > plan.resolution
