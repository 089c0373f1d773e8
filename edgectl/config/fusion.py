"""Tags that are made of several probes of one quantity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from edgectl.config.draft import Draft, Path
from edgectl.config.measure import Measure
from edgectl.config.problem import cut
from edgectl.config.suggestion import did_you_mean, listed
from edgectl.config.tag_section import TagSection
from edgectl.model.fusion import FusionPlan, Rule
from edgectl.model.plan import TagPlan

FUSED_KEYS = ("tolerance", "prefer", "blend")
_MEMBERS_OWN = ("channel", "late", "stale", "flat", "rate", "rate_samples")
_WORDS = tuple(rule.value for rule in Rule if rule is not Rule.MEMBER)
_MOST = 5


def refuse_keys(draft: Draft, path: Path, keys: Iterable[str], why: str) -> None:
    """Each of ``keys`` that is written is an error."""
    for key in keys:
        if draft.node((*path, key)) is not None:
            draft.error((*path, key), f"'{key}' {why}", "delete the line", on_key=True)


def compile_fusion(
    draft: Draft, name: str, section: TagSection, single: Mapping[str, TagPlan | None], names: set[str]
) -> TagPlan | None:
    """The fused tag ``name``; None with an error. ``single`` are the tags with channels, ``names`` all tags."""
    path: Path = ("tags", name)
    refuse_keys(draft, path, _MEMBERS_OWN, "belongs to the members, not to what is voted from them")
    members = _members(draft, path, section.voted or [], single, names)
    if section.tolerance is None:
        draft.missing(
            (*path, "tolerance"), "how far two probes may differ; write for example 'tolerance: 0.05 pH'"
        )
    if not members or section.tolerance is None:
        return None
    unit = _unit(draft, path, section, members)
    measure = Measure(draft, path, unit)
    low, high = min(m.low for m in members), max(m.high for m in members)
    low, high = measure.range_inside(section.range, low, high, "the members")
    tolerance = measure.difference("tolerance", section.tolerance)
    if not 0 < tolerance < high - low:
        draft.error(
            (*path, "tolerance"), f"{section.tolerance.text} must be above 0 and smaller than the range"
        )
    rule, preferred = _rule(draft, path, section.prefer, [m.name for m in members])
    return TagPlan(
        name=name,
        channel="",
        unit=unit,
        low=low,
        high=high,
        late_s=max(m.late_s for m in members),
        stale_s=max(m.stale_s for m in members),
        report=measure.difference("report", section.report),
        heartbeat_s=section.heartbeat,
        description=section.description,
        fusion=FusionPlan(tuple(m.name for m in members), tolerance, rule, preferred, section.blend or 60.0),
    )


def _members(
    draft: Draft, path: Path, voted: list[str], single: Mapping[str, TagPlan | None], names: set[str]
) -> list[TagPlan]:
    """The tags it is made of; none with an error, or when one of them is broken."""
    path = (*path, "voted")
    if not 2 <= len(voted) <= _MOST:
        draft.error(
            path, f"{len(voted)} cannot vote; allowed: 2 to {_MOST} tags", "name the tags of the probes"
        )
        return []
    found = []
    for i, member in enumerate(voted):
        if member in voted[:i]:
            draft.error(
                (*path, i),
                f"'{cut(member)}' is there twice, so it would outvote the others",
                "name each probe once",
            )
        elif member in names and member not in single:
            draft.error((*path, i), f"'{cut(member)}' is voted itself", "name the tags of the probes")
        else:
            found.append(draft.refer((*path, i), member, "tag", single))
    plans = [plan for plan in found if plan is not None]
    return plans if len(plans) == len(voted) and _apart(draft, path, plans) else []


def _apart(draft: Draft, path: Path, members: list[TagPlan]) -> bool:
    """Whether each member has a channel of its own: the same reading twice is no second opinion."""
    owners: dict[str, str] = {}
    for i, member in enumerate(members):
        owner = owners.setdefault(member.channel, member.name)
        if owner != member.name:
            draft.error(
                (*path, i), f"{owner} and {member.name} are both channel {member.channel}: that is one probe"
            )
            return False
    return True


def _unit(draft: Draft, path: Path, section: TagSection, members: list[TagPlan]) -> str:
    """The one unit of all members."""
    unit = members[0].unit
    for i, member in enumerate(members):
        if member.unit != unit:
            draft.error(
                (*path, "voted", i),
                f"{member.name} is in {member.unit or 'no unit'}, {members[0].name} in {unit or 'no unit'}",
                "give all members the same unit",
            )
    if section.unit is not None and section.unit != unit:
        draft.error(
            (*path, "unit"),
            f"'{cut(section.unit)}' is not the unit of the members, {unit}",
            "delete the line",
        )
    return unit


def _rule(draft: Draft, path: Path, prefer: str | None, members: list[str]) -> tuple[Rule, str]:
    """Which of two counts while they differ."""
    if prefer is None or prefer in _WORDS:
        return Rule(prefer or Rule.MEAN.value), ""
    if prefer not in members:
        known = (*_WORDS, *members)
        draft.error(
            (*path, "prefer"), f"'{cut(prefer)}' is none of {listed(known)}", did_you_mean(prefer, known)
        )
        return Rule.MEAN, ""
    return Rule.MEMBER, prefer
