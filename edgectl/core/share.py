"""The shares of a loop's output: what each of its actuators is asked for, and which output the actuators really stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edgectl.model.loop_plan import SegmentPlan


@dataclass(frozen=True, slots=True)
class Share:
    """One segment of a loop, and the safe value of its actuator."""

    plan: SegmentPlan
    actuator: str
    per_out: float
    safe: float


def asked(share: Share, output: float) -> float:
    """The actuator's value for a loop output: linear within its segment, the nearer end outside."""
    plan = share.plan
    if output <= plan.out_low:
        return plan.low
    if output >= plan.out_high:
        return plan.high
    return plan.low + (output - plan.out_low) * share.per_out


def achieved_output(
    shares: Iterable[Share], output: float, actual: Mapping[str, float], grain: float
) -> float:
    """The loop output that the actuators really stand for, nearest to ``output``.

    An actuator at the end of its segment stands for every output beyond that end. Where the actuators of a split range disagree,
    the one furthest from what was asked tells.
    """
    worst = output
    for share in shares:
        stands_for = _reach(share, actual[share.actuator], output)
        if abs(stands_for - output) > abs(worst - output):
            worst = stands_for
    return worst if abs(worst - output) > grain else output


def _reach(share: Share, actual: float, output: float) -> float:
    plan = share.plan
    reached = plan.out_low + (actual - plan.low) / share.per_out
    if reached <= plan.out_low:
        return min(output, plan.out_low)
    if reached >= plan.out_high:
        return max(output, plan.out_high)
    return reached
