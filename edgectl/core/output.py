"""An actuator as each scan needs it, and whether it follows its commands, judged by what its instrument confirms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from edgectl.core.text import figure, span
from edgectl.model.measurement import Achieved
from edgectl.model.plan import ActuatorPlan
from edgectl.model.safety import InterlockPlan
from edgectl.model.state import ActuatorState

NOT_FOLLOWING = "not following"

_SILENCE_S = 2.0  # a lost write is repeated before anybody is told
_MISMATCH_SCANS = 1.5  # a read-back that differs in two scans in a row is told
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Output:
    """An actuator's plan with what follows from it.

    ``loop`` is the loop it belongs to, or empty. ``guards`` are its interlocks in plan order, each with the value it forces. Read-back
    within ``tolerance`` of the command counts as following; a difference that stands for ``mismatch_s`` is told.
    """

    plan: ActuatorPlan
    name: str
    loop: str
    guards: tuple[tuple[str, float], ...]
    lease_ns: int
    tolerance: float
    mismatch_s: float


def output_of(plan: ActuatorPlan, loop: str, interlocks: Iterable[InterlockPlan], period_s: float) -> Output:
    """One actuator with everything that depends on the plan alone worked out."""
    return Output(
        plan=plan,
        name=plan.name,
        loop=loop,
        guards=tuple(
            (lock.name, plan.safe if lock.value is None else min(max(lock.value, plan.low), plan.high))
            for lock in interlocks
            if plan.name in lock.actuators
        ),
        lease_ns=round(plan.lease_s * _NS),
        # Below float32 precision of the span, read-backs differ by their encoding alone.
        tolerance=max(plan.tolerance, plan.resolution, 1e-6 * (plan.high - plan.low)),
        mismatch_s=_MISMATCH_SCANS * period_s,
    )


class Following(NamedTuple):
    """One judgement. The first three go to the actuator's memory; ``reason`` says why it does not follow, empty if it does.

    ``unproven``: it does as it is asked, but was not asked to move since it was found stuck.
    """

    astray_s: float
    confirmed: float | None
    stuck: float | None
    reason: str
    unproven: bool = False


def follow(
    output: Output, state: ActuatorState, achieved: Achieved | None, now_ns: int, dt_s: float
) -> Following:
    """Judge the latest confirmation of an actuator.

    It does not follow when its read-back differs from the command in two scans in a row, or when no write was confirmed for 2 s.
    An actuator found stuck follows again once it has moved from where it stood: a loop that tracks it asks for that very
    place, so agreement there proves nothing. There its loop is free to ask for another, or it would never move again.
    """
    if achieved is None:
        return _silent(state, "no write has been confirmed yet", dt_s)
    value = achieved.value
    age_ns = now_ns - achieved.at.mono_ns
    if value is None or age_ns > output.lease_ns or not math.isfinite(value):
        return _silent(state, _unconfirmed(achieved, age_ns), dt_s)
    if abs(value - achieved.commanded) > output.tolerance:
        return _mismatch(output, state, value, achieved.commanded, dt_s)
    if state.stuck is not None and abs(value - state.stuck) <= output.tolerance:
        reason = f"has not moved from {figure(state.stuck, output.plan.unit)}"
        return Following(state.astray_s + dt_s, value, state.stuck, reason, unproven=True)
    return Following(0.0, value, None, "")


def _unconfirmed(achieved: Achieved, age_ns: int) -> str:
    if achieved.value is None:
        return f"write failed: {achieved.detail}"
    if not math.isfinite(achieved.value):
        return f"instrument confirms {achieved.value}"
    return f"no write confirmed for {span(age_ns / _NS)}"


def _silent(state: ActuatorState, reason: str, dt_s: float) -> Following:
    astray_s = state.astray_s + dt_s
    told = astray_s >= _SILENCE_S or state.stuck is not None
    return Following(astray_s, state.confirmed, state.stuck, reason if told else "")


def _mismatch(output: Output, state: ActuatorState, value: float, commanded: float, dt_s: float) -> Following:
    astray_s = state.astray_s + dt_s
    if astray_s < output.mismatch_s:
        return Following(astray_s, value, None, "")
    unit = output.plan.unit
    reason = f"asked for {figure(commanded, unit)}, instrument confirms {figure(value, unit)}"
    return Following(astray_s, value, value, reason)
