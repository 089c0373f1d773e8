"""How far, and how little, the output of a loop moves."""

from __future__ import annotations

from edgectl.core.handover import rest_of
from edgectl.model.loop_plan import LoopPlan

_LEAD = (
    0.05  # of the output span: how far an output may be ahead of actuators that do not give what was asked
)


def in_reach(plan: LoopPlan, achieved: float, output: float) -> float:
    """The output, where its actuators did not follow the last one: no more than a little ahead of them, on the way from rest.

    Otherwise what does follow would make room for what does not: air for O2 whose bottle is empty.
    """
    lead, rest = _LEAD * (plan.out_high - plan.out_low), rest_of(plan.out_low, plan.out_high)
    return (
        min(output, max(achieved, rest) + lead) if output > rest else max(output, min(achieved, rest) - lead)
    )


def too_small(plan: LoopPlan, before: float, output: float) -> bool:
    """Whether a move is only noise. An end of the output and its rest at 0 are always reached."""
    return (
        abs(output - before) < plan.output_step
        and plan.out_low < output < plan.out_high
        and output * before > 0.0
    )
