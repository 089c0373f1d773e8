"""Causes: what hazards and alarms can be about, by one set of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Section
from edgectl.config.measure import Measure
from edgectl.config.quantity import show
from edgectl.config.tag import Tags
from edgectl.model.plan import TagPlan
from edgectl.model.safety import Cause, Relation, Watch

_WHOLE = ("uplink", "journal", "conflict")  # of the unit: a word instead of a name
_NAMED = {watch.value: watch for watch in Watch if watch.value not in ("tag", *_WHOLE)}


class CauseSection(Section):
    """What it is about: one of these, and a limit with a tag."""

    tag: str | None = Field(None, description="A tag beyond a limit, or not known", examples=["TT-101"])
    above: Amount | None = Field(None, description="With tag: beyond is above this", examples=["38.0 degC"])
    below: Amount | None = Field(None, description="With tag: beyond is below this", examples=["15 %"])
    hysteresis: Amount | None = Field(None, description="With tag: back only by so much", examples=["0.2 K"])
    bad: str | None = Field(None, description="A tag without a believable value", examples=["AT-101"])
    vote: str | None = Field(
        None,
        description="A tag of several probes, of which not all count and agree",
        examples=["AT-101"],
    )
    check: str | None = Field(None, description="A plausibility check that fails", examples=["no-heat"])
    stuck: str | None = Field(None, description="An actuator that does not follow", examples=["P-101"])
    dose: str | None = Field(None, description="A dosing limit that is reached", examples=["P-101"])
    loop: str | None = Field(None, description="A loop that has fallen back", examples=["TIC-101"])
    health: str | None = Field(
        None, description="A loop that does badly (its health is bad)", examples=["TIC-101"]
    )
    manual: str | None = Field(None, description="A manual output about to end", examples=["TIC-101"])
    interlock: str | None = Field(None, description="An interlock that acts", examples=["base-stop"])
    hazard: str | None = Field(None, description="A hazard that acts", examples=["overheated"])
    feed: str | None = Field(
        None,
        description="A feed that gives other than planned, or a perfusion whose pumps disagree with its weight",
        examples=["F-101"],
    )
    uplink: Literal["lost"] | None = Field(None, description="The uplink is lost", examples=["lost"])
    journal: Literal["failing"] | None = Field(
        None, description="The journal cannot write", examples=["failing"]
    )
    conflict: Literal["standing"] | None = Field(
        None,
        description="Another host than the one that has remote authority asked for something, within the last minute",
        examples=["standing"],
    )


@dataclass(frozen=True, slots=True)
class Known:
    """Every name a cause may use, by its key; a part with errors is None."""

    tags: Tags
    names: Mapping[str, Mapping[str, Any]]


def compile_cause(draft: Draft, path: Path, section: CauseSection, known: Known) -> Cause | None:
    """The cause written at ``path``; None with an error."""
    chosen = [key for key in ("tag", *_NAMED, *_WHOLE) if getattr(section, key) is not None]
    if len(chosen) != 1:
        message = (
            f"a cause is about one thing; here are {' and '.join(chosen)}"
            if chosen
            else "a cause is about something"
        )
        draft.error(path, message, f"write one of tag, {', '.join((*_NAMED, *_WHOLE))}", on_key=True)
        return None
    (key,) = chosen
    if key == "tag":
        return _limit(draft, path, section, known.tags)
    for extra in ("above", "below", "hysteresis"):
        if getattr(section, extra) is not None:
            draft.error(
                (*path, extra), f"'{extra}' goes with 'tag', not with '{key}'", "delete the line", on_key=True
            )
    if key in _NAMED:
        subject = getattr(section, key)
        names = known.tags if key in ("bad", "vote") else known.names[key]
        found = draft.refer((*path, key), subject, _kind(key), names)
        if found is None:
            return None
        if key == "vote" and found.fusion is None:
            draft.error((*path, key), f"tag {subject} is not made of several probes", "write 'bad' or 'tag'")
            return None
        return Cause(_NAMED[key], subject)
    return Cause(Watch(key))


def _kind(key: str) -> str:
    """What a name under ``key`` is the name of."""
    return {
        "bad": "tag",
        "vote": "tag",
        "stuck": "actuator",
        "dose": "dosing limit",
        "manual": "loop or actuator",
        "health": "loop with health",
        "feed": "feed or perfusion",
    }.get(key, key)


def _limit(draft: Draft, path: Path, section: CauseSection, tags: Tags) -> Cause | None:
    assert section.tag is not None  # its key was chosen
    tag = draft.refer((*path, "tag"), section.tag, "tag", tags)
    if (section.above is None) == (section.below is None):
        draft.error(path, "a tag has either 'above' or 'below'", "write one of them", on_key=True)
        return None
    if tag is None:
        return None
    relation = Relation.ABOVE if section.above is not None else Relation.BELOW
    limit = section.above or section.below
    assert limit is not None
    measure = Measure(draft, path, tag.unit)
    value = measure.value(relation.value, limit, (tag.low + tag.high) / 2)
    _check_reachable(draft, (*path, relation.value), tag, value)
    return Cause(Watch.TAG, tag.name, relation, value, measure.difference("hysteresis", section.hysteresis))


def _check_reachable(draft: Draft, path: Path, tag: TagPlan, limit: float) -> None:
    if not tag.low < limit < tag.high:
        span = f"{show(tag.low, '')}..{show(tag.high, tag.unit)}"
        message = f"the limit {show(limit, tag.unit)} is not inside the range of tag {tag.name} ({span}), so it can never be reached"
        draft.error(path, message)
