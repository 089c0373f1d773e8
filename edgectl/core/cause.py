"""Whether a cause stands: one place that knows how to look at everything hazards and alarms can name."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from edgectl.core.loop import FALLBACK
from edgectl.core.output import NOT_FOLLOWING
from edgectl.core.text import figure
from edgectl.model.health import HealthState, Word
from edgectl.model.loop import LoopState
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.safety import Cause, Relation, Watch
from edgectl.model.state import ActuatorState, CheckState, DoseState, HazardState, InterlockState


class Facts(NamedTuple):
    """What a scan knows when causes are judged. Actuators, loops, doses and hazards are as the scan before left them.

    ``uplink`` and ``journal`` say what is wrong with them, ``manual`` which manual outputs are about to end, ``conflict`` which host wanted what is another's,
    ``votes`` why not all members of a fused tag count and agree; empty if nothing is. ``liquids`` says what is wrong with feeds and perfusions, by
    name. ``units`` are those of the tags.
    """

    measured: Mapping[str, Measurement]
    units: Mapping[str, str]
    interlocks: Mapping[str, InterlockState]
    checks: Mapping[str, CheckState]
    actuators: Mapping[str, ActuatorState]
    doses: Mapping[str, DoseState]
    loops: Mapping[str, LoopState]
    hazards: Mapping[str, HazardState]
    manual: Mapping[str, str]
    uplink: str
    journal: str
    conflict: str
    health: Mapping[str, HealthState] = {}
    liquids: Mapping[str, str] = MappingProxyType({})
    votes: Mapping[str, str] = MappingProxyType({})


class Standing(enum.IntEnum):
    """Whether a cause stands; only ABSENT does not."""

    ABSENT = 0
    STANDS = 1
    UNKNOWN = 2  # it counts as standing for want of a value


_ABSENT, _STANDS, _UNKNOWN = Standing
_TAG, _ABOVE, _BAD = Watch.TAG, Relation.ABOVE, Quality.BAD


def judge_cause(cause: Cause, stood: bool, facts: Facts) -> Standing:
    """Whether ``cause`` stands now; ``stood`` is whether it did before, since a limit with hysteresis is left later than it is reached."""
    if cause.watch is not _TAG:
        return _STANDS if _STANDING[cause.watch](cause.subject, facts) else _ABSENT
    measured = facts.measured[cause.subject]
    value = measured.value
    if value is None or measured.quality is _BAD:
        return _UNKNOWN
    back = cause.hysteresis if stood else 0.0
    beyond = value > cause.limit - back if cause.relation is _ABOVE else value < cause.limit + back
    return _STANDS if beyond else _ABSENT


def explain(cause: Cause, stood: bool, facts: Facts) -> str:
    """What ``judge_cause`` finds, for people."""
    if cause.watch is not _TAG:
        return _WORDS[cause.watch](cause.subject, facts)
    measured, unit = facts.measured[cause.subject], facts.units[cause.subject]
    standing = judge_cause(cause, stood, facts)
    if standing is _UNKNOWN or measured.value is None:
        return f"{cause.subject} is not known: {measured.reason}"
    side = cause.relation.value if standing else "within"
    return f"{cause.subject} {figure(measured.value, unit)} is {side} {figure(cause.limit, unit)}"


def _astray(name: str, facts: Facts) -> bool:
    return NOT_FOLLOWING in facts.actuators[name].restricted_by


def _bad(name: str, facts: Facts) -> str:
    measured = facts.measured[name]
    return f"{name} is {measured.quality.name}" + (f": {measured.reason}" if measured.reason else "")


_STANDING: Mapping[Watch, Callable[[str, Facts], bool]] = {
    Watch.BAD: lambda name, facts: facts.measured[name].quality is _BAD,
    Watch.CHECK: lambda name, facts: facts.checks[name].failed,
    Watch.STUCK: _astray,
    Watch.DOSE: lambda name, facts: bool(facts.doses[name].reached),
    Watch.LOOP: lambda name, facts: facts.loops[name].condition == FALLBACK,
    Watch.MANUAL: lambda name, facts: bool(facts.manual.get(name)),
    Watch.INTERLOCK: lambda name, facts: facts.interlocks[name].active,
    Watch.HAZARD: lambda name, facts: facts.hazards[name].active,
    Watch.UPLINK: lambda _, facts: bool(facts.uplink),
    Watch.JOURNAL: lambda _, facts: bool(facts.journal),
    Watch.HEALTH: lambda name, facts: facts.health[name].chart.told.word is Word.BAD,
    Watch.VOTE: lambda name, facts: bool(facts.votes[name]),
    Watch.CONFLICT: lambda _, facts: bool(facts.conflict),
    Watch.FEED: lambda name, facts: name in facts.liquids,
}

_WORDS: Mapping[Watch, Callable[[str, Facts], str]] = {
    Watch.BAD: _bad,
    Watch.CHECK: lambda name, facts: facts.checks[name].reason,
    Watch.STUCK: lambda name, facts: (
        f"{name} does not follow its commands" if _astray(name, facts) else f"{name} follows"
    ),
    Watch.DOSE: lambda name, facts: facts.doses[name].reached or f"{name} is within its dosing limits",
    Watch.LOOP: lambda name, facts: f"{name} is {facts.loops[name].condition}",
    Watch.MANUAL: lambda name, facts: facts.manual.get(name, ""),
    Watch.INTERLOCK: lambda name, facts: (
        f"interlock {name} acts" if facts.interlocks[name].active else f"interlock {name} is clear"
    ),
    Watch.HAZARD: lambda name, facts: facts.hazards[name].reason or f"{name} is clear",
    Watch.UPLINK: lambda _, facts: facts.uplink or "the uplink is connected",
    Watch.JOURNAL: lambda _, facts: facts.journal or "the journal writes",
    Watch.HEALTH: lambda name, facts: facts.health[name].chart.told.line,
    Watch.FEED: lambda name, facts: facts.liquids.get(name, f"{name} gives what it should"),
    Watch.VOTE: lambda name, facts: facts.votes[name] or f"all members of {name} agree",
    Watch.CONFLICT: lambda _, facts: facts.conflict or "no two hosts are in conflict",
}
