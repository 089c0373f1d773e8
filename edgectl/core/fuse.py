"""Redundant probes: several judged measurements of one quantity become one that everything else uses.

Only the best quality among the members counts, so the quality of the fused value is never above theirs. One counts alone, two by their mean, three and more by
their median. Two that differ, or more of which most differ, are UNCERTAIN: nobody knows which is right. A member that fails, comes back or is outvoted moves the fused value by
no more than the tolerance in a scan: the rest of the step fades out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from edgectl.core.text import figure
from edgectl.model.fusion import FusionPlan, FusionState, Rule
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.plan import TagPlan
from edgectl.model.quality import Quality
from edgectl.model.state import TagState

_RETURN = 0.8  # share of the tolerance within which members that differed agree again

Tell = Callable[[str, str, str, str, str, str], None]
"""Records a transition: kind, subject, before, after, actor, reason."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """A fused tag as each scan needs it."""

    tag: TagPlan
    plan: FusionPlan


class Vote(NamedTuple):
    """What the members make together: the value, in which way, who was outvoted, and whether those that counted differ (empty: they do not)."""

    value: float
    how: str
    outvoted: tuple[str, ...] = ()
    apart: str = ""


def fusions_of(tags: Iterable[TagPlan]) -> tuple[Fusion, ...]:
    """The fused ones among the tags."""
    return tuple(Fusion(tag, tag.fusion) for tag in tags if tag.fusion is not None)


def fuse_all(
    fusions: Sequence[Fusion],
    before: Mapping[str, FusionState],
    tags: dict[str, TagState],
    measured: dict[str, Measurement],
    dt_s: float,
    tell: Tell,
) -> dict[str, FusionState]:
    """Fuse every fused tag from what was measured, in place; returns the new memory. ``tags`` still holds the fused ones as they were."""
    after: dict[str, FusionState] = {}
    for fusion in fusions:
        name = fusion.tag.name
        was, memory = tags[name], before.get(name, FusionState())
        inputs = [measured[member] for member in fusion.plan.members]
        tags[name], after[name], measured[name] = fuse(fusion, was, memory, inputs, dt_s)
        _tell(name, was, tags[name], memory, after[name], measured[name].reason, tell)
    return after


def _tell(
    name: str,
    was: TagState,
    now: TagState,
    memory: FusionState,
    after: FusionState,
    reason: str,
    tell: Tell,
) -> None:
    if (memory.vote, memory.out) != (after.vote, after.out):
        tell(
            "vote",
            name,
            memory.vote or "none",
            after.vote or "none",
            "fuse",
            after.reason or "all members agree",
        )
    if was.quality is not now.quality:
        tell("quality", name, was.quality.name, now.quality.name, "fuse", reason or "fresh and plausible")


def fuse(
    fusion: Fusion, was: TagState, memory: FusionState, inputs: Sequence[Measurement], dt_s: float
) -> tuple[TagState, FusionState, Measurement]:
    """One fused tag, from its members in the order of the plan."""
    best = max(measurement.quality for measurement in inputs)
    used = [m for m in inputs if m.quality is best and m.quality is not Quality.BAD and m.value is not None]
    unused = [m for m in inputs if m not in used]
    why = "; ".join(f"{m.tag} is {m.quality.name}: {m.reason}" for m in unused)
    name = fusion.tag.name
    if not used:
        at = max((m.at for m in inputs), key=_moment)
        lost = FusionState(out=fusion.plan.members, reason=why)
        return replace(was, quality=Quality.BAD), lost, Measurement(name, None, Quality.BAD, why, at)
    vote = _vote(fusion, memory, used)
    offset = _offset(fusion.plan, was, memory, vote, dt_s)
    value = min(max(vote.value + offset, fusion.tag.low), fusion.tag.high)
    quality, reason = _verdict(fusion, best, used, vote, offset)
    out = (*(m.tag for m in unused), *vote.outvoted)
    doubts = _doubts(why, vote)
    at = min((m.at for m in used), key=_moment)
    after = FusionState(vote.how, out, doubts, bool(vote.apart), offset)
    return TagState(quality, value, at), after, Measurement(name, value, quality, reason, at)


def _moment(at: Instant) -> int:
    return at.mono_ns


def _doubts(why: str, vote: Vote) -> str:
    """Why not all members count and agree; empty if they do."""
    outvoted = f"{', '.join(vote.outvoted)} differs from the others" if vote.outvoted else ""
    return "; ".join(filter(None, (why, outvoted, vote.apart)))


def _vote(fusion: Fusion, memory: FusionState, used: Sequence[Measurement]) -> Vote:
    """What the members that count make together."""
    values = {m.tag: m.value for m in used if m.value is not None}
    if len(values) == 1:
        ((tag, value),) = values.items()
        return Vote(value, f"{tag} alone")
    if len(values) == 2:
        return _of_two(fusion, memory, values)
    middle, tolerance = statistics.median(values.values()), fusion.plan.tolerance
    limits = {tag: tolerance * (_RETURN if tag in memory.out else 1.0) for tag in values}
    near = [tag for tag, value in values.items() if abs(value - middle) <= limits[tag]]
    how = f"median of {', '.join(values)}"
    if 2 * len(near) > len(values):
        return Vote(middle, how, tuple(tag for tag in values if tag not in near))
    return Vote(middle, how, (), _differ(fusion, values))


def _of_two(fusion: Fusion, memory: FusionState, values: Mapping[str, float]) -> Vote:
    (one, first), (other, second) = values.items()
    plan = fusion.plan
    mean = (first + second) / 2
    if abs(first - second) <= plan.tolerance * (_RETURN if memory.apart else 1.0):
        return Vote(mean, f"mean of {one}, {other}")
    apart = _differ(fusion, values)
    match plan.rule:
        case Rule.LOWER:
            return Vote(min(first, second), f"lower of {one}, {other}", (), apart)
        case Rule.HIGHER:
            return Vote(max(first, second), f"higher of {one}, {other}", (), apart)
        case Rule.MEMBER if plan.preferred in values:
            return Vote(values[plan.preferred], f"{plan.preferred} preferred", (), apart)
    return Vote(mean, f"mean of {one}, {other} in spite of their difference", (), apart)


def _differ(fusion: Fusion, values: Mapping[str, float]) -> str:
    unit = fusion.tag.unit
    said = ", ".join(f"{tag} {figure(value, unit)}" for tag, value in values.items())
    return f"{said} differ by more than {figure(fusion.plan.tolerance, unit)}"


def _offset(plan: FusionPlan, was: TagState, memory: FusionState, vote: Vote, dt_s: float) -> float:
    """What is added so that a change of those that count makes no step. It fades from the very scan on, so that one that comes and goes cannot hold the value."""
    if not memory.vote or was.value is None:
        return 0.0
    offset = memory.offset if vote.how == memory.vote else was.value - vote.value
    size = abs(offset)
    fade = plan.tolerance if size > plan.tolerance else plan.tolerance * dt_s / plan.blend_s
    left = max(0.0, size - fade)
    return left if offset > 0 else -left


def _verdict(
    fusion: Fusion, best: Quality, used: Sequence[Measurement], vote: Vote, offset: float
) -> tuple[Quality, str]:
    """Quality and reason: at best that of the members."""
    if vote.apart:
        return Quality.UNCERTAIN, vote.apart
    if abs(offset) > fusion.plan.tolerance:
        away = figure(abs(offset), fusion.tag.unit)
        return Quality.UNCERTAIN, f"{vote.how}: still {away} away from it after a change of members"
    return best, "; ".join(f"{m.tag}: {m.reason}" for m in used if m.reason)
