"""Soft sensors in a scan: what they see, when they work, and how far they may be believed.

Only GOOD inputs enter a memory, and only new ones make a sensor work. Its quality is never above that of its worst input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from edgectl.core.soft_acid import account
from edgectl.core.soft_cell import activity, density, evidence, growth
from edgectl.core.soft_oxygen import kla, uptake
from edgectl.core.text import figure
from edgectl.core.turn import Turn
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.soft import SoftState
from edgectl.model.soft_plan import Role, SoftKind, SoftPlan
from edgectl.model.state import TagState

_GOOD, _BAD = Quality.GOOD, Quality.BAD
_CALM = 0.8  # of its limit, to which an error must fall before a doubted estimate is believed again


class _Seen(NamedTuple):
    """Worst quality among the inputs, and whose fault that is."""

    quality: Quality
    reason: str


def estimate(
    this: Turn,
    states: Mapping[str, SoftState],
    tags: dict[str, TagState],
    before: Mapping[str, TagState],
    measured: dict[str, Measurement],
) -> dict[str, SoftState]:
    """Work every soft sensor out, in the order of the plan, and add its tag (and companions) to ``tags`` and ``measured``."""
    after: dict[str, SoftState] = {}
    for plan in this.unit.soft:
        state = states.get(plan.name, _BLANK)
        seen = _seen(plan, measured)
        first = measured[plan.inputs[0].tag]
        if seen.quality is _GOOD and first.at != state.at:
            state = _work(this, plan, state, measured, after)
        after[plan.name] = state
        quality, reason = _quality(plan, state, seen)
        at = state.at or this.at
        for tag, value in (
            (plan.name, state.value),
            (plan.error_tag, state.error),
            (plan.ratio_tag, state.ratio),
        ):
            if tag:
                _publish(this, Measurement(tag, value, quality, reason, at), tags, before, measured)
    return after


_BLANK = SoftState()


def _seen(plan: SoftPlan, measured: Mapping[str, Measurement]) -> _Seen:
    worst = None
    quality = _GOOD
    for part in plan.inputs:
        measurement = measured[part.tag]
        if measurement.quality < quality:
            worst, quality = measurement, measurement.quality
    if worst is None:
        return _Seen(_GOOD, "")
    return _Seen(quality, f"{worst.tag} is {quality.name}: {worst.reason}")


def _work(
    this: Turn,
    plan: SoftPlan,
    state: SoftState,
    measured: Mapping[str, Measurement],
    others: Mapping[str, SoftState],
) -> SoftState:
    """The estimate with one more sample, and why it is not to be believed yet."""
    x: dict[Role, float] = {}
    for part in plan.inputs:
        value = measured[part.tag].value
        assert value is not None  # it is GOOD
        x[part.role] = value * part.factor
    at = measured[plan.inputs[0].tag].at
    after = _estimated(plan, state, x, at, others)
    if after.said != state.said:
        self_evident = evidence(x, _error(plan, Role.GROWTH, others))
        this.tell("cells", plan.name, state.said or "unknown", after.said, "soft", self_evident)
    return after if after.doubt or after.value is None else _limited(plan, state, after)


def _estimated(
    plan: SoftPlan, state: SoftState, x: Mapping[Role, float], at: Instant, others: Mapping[str, SoftState]
) -> SoftState:
    match plan.kind:
        case SoftKind.KLA:
            return kla(plan, state, x, at)
        case SoftKind.OXYGEN_UPTAKE:
            share = _error(plan, Role.KLA, others) / x[Role.KLA] if x.get(Role.KLA) else 0.0
            return uptake(plan, state, x, at, share)
        case SoftKind.VIABLE_DENSITY:
            return density(plan, state, x, at, _error(plan, Role.UPTAKE, others))
        case SoftKind.GROWTH_RATE:
            return growth(plan, state, x, at)
        case SoftKind.LACTATE:
            return account(plan, state, x, at)
        case SoftKind.ACTIVITY:
            return activity(plan, state, x, at, _error(plan, Role.GROWTH, others))


def _error(plan: SoftPlan, role: Role, others: Mapping[str, SoftState]) -> float:
    """Standard error of an input that is a soft sensor itself; 0 for one that is measured."""
    tag = next((part.tag for part in plan.inputs if part.role is role), "")
    return (others[tag].error or 0.0) if tag in others else 0.0


def _limited(plan: SoftPlan, before: SoftState, after: SoftState) -> SoftState:
    """Doubt an estimate whose error is beyond its limit, until it is well inside again."""
    if after.error is None or after.value is None:
        return after
    limit = plan.limit * (_CALM if before.doubt else 1.0)
    if after.error <= (limit * abs(after.value) if plan.relative else limit):
        return after
    spread = figure(float(f"{2.0 * after.error:.2g}"), plan.unit)
    return replace(after, doubt=f"no more certain than +- {spread}")


def _quality(plan: SoftPlan, state: SoftState, seen: _Seen) -> tuple[Quality, str]:
    if seen.quality is _BAD:
        return seen
    if state.value is None:
        return _BAD, state.doubt
    if state.impossible:
        return _BAD, state.impossible
    if not plan.low <= state.value <= plan.high:
        value = figure(float(f"{state.value:.4g}"), plan.unit)
        return _BAD, f"{value} is outside {plan.low:.6g} to {figure(plan.high, plan.unit)}"
    if seen.quality is not _GOOD:
        return seen
    return (Quality.UNCERTAIN, state.doubt) if state.doubt else (_GOOD, "")


def _publish(
    this: Turn,
    measurement: Measurement,
    tags: dict[str, TagState],
    before: Mapping[str, TagState],
    measured: dict[str, Measurement],
) -> None:
    """One tag as if it were measured. A value that cannot be believed is not shown, nor one that there is not."""
    if measurement.quality is _BAD or measurement.value is None:
        measurement = measurement._replace(
            value=None, quality=_BAD, reason=measurement.reason or "cannot be told from these inputs"
        )
    name, quality = measurement.tag, measurement.quality
    measured[name] = measurement
    was = before.get(name, _UNJUDGED)
    tags[name] = was if was.quality is quality else TagState(quality)
    if was.quality is not quality:
        this.tell(
            "quality",
            name,
            was.quality.name,
            quality.name,
            "soft",
            measurement.reason or "certain enough, from good inputs",
        )


_UNJUDGED = TagState()
