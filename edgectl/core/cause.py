"""Whether a cause stands: one place that knows how to look at everything hazards and alarms can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from edgectl.core.loop import FALLBACK
from edgectl.core.output import NOT_FOLLOWING
from edgectl.core.text import figure
from edgectl.model.loop import LoopState
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.safety import Cause, Relation, Watch
from edgectl.model.state import ActuatorState, CheckState, DoseState, HazardState, InterlockState


class Facts(NamedTuple):
    """What a scan knows when causes are judged. Actuators, loops, doses and hazards are as the scan before left them.

    ``uplink`` and ``journal`` say what is wrong with them, ``manual`` which manual outputs are about to end; empty if nothing is. ``units`` are those of the tags.
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


class Standing(NamedTuple):
    """Whether a cause stands. ``unknown``: it counts as standing for want of a value. ``words`` says why, for the few times anybody asks."""

    stands: bool
    words: Callable[[], str]
    unknown: bool = False

    @property
    def reason(self) -> str:
        """Why it stands or does not, for people."""
        return self.words()


def judge_cause(cause: Cause, stood: bool, facts: Facts) -> Standing:
    """Whether ``cause`` stands now; ``stood`` is whether it did before, since a limit with hysteresis is left later than it is reached."""
    if cause.watch is Watch.TAG:  # by far the most, and enums are slow keys
        return _tag(cause, stood, facts)
    return _LOOKS[cause.watch](cause, stood, facts)


def _tag(cause: Cause, stood: bool, facts: Facts) -> Standing:
    measured, unit = facts.measured[cause.subject], facts.units[cause.subject]
    if measured.quality is Quality.BAD or measured.value is None:
        return Standing(True, lambda: f"{cause.subject} is not known: {measured.reason}", unknown=True)
    back = cause.hysteresis if stood else 0.0
    value = measured.value
    above = cause.relation is Relation.ABOVE
    beyond = value > cause.limit - back if above else value < cause.limit + back
    side = cause.relation.value if beyond else "within"
    return Standing(
        beyond, lambda: f"{cause.subject} {figure(value, unit)} is {side} {figure(cause.limit, unit)}"
    )


def _bad(cause: Cause, _: bool, facts: Facts) -> Standing:
    measured = facts.measured[cause.subject]
    bad = measured.quality is Quality.BAD
    why = f": {measured.reason}" if measured.reason else ""
    return Standing(bad, lambda: f"{cause.subject} is {measured.quality.name}{why}")


def _check(cause: Cause, _: bool, facts: Facts) -> Standing:
    state = facts.checks[cause.subject]
    return Standing(state.failed, lambda: state.reason)


def _stuck(cause: Cause, _: bool, facts: Facts) -> Standing:
    astray = NOT_FOLLOWING in facts.actuators[cause.subject].restricted_by
    does = "does not follow its commands" if astray else "follows"
    return Standing(astray, lambda: f"{cause.subject} {does}")


def _dose(cause: Cause, _: bool, facts: Facts) -> Standing:
    reached = facts.doses[cause.subject].reached
    return Standing(bool(reached), lambda: reached or f"{cause.subject} is within its dosing limits")


def _loop(cause: Cause, _: bool, facts: Facts) -> Standing:
    condition = facts.loops[cause.subject].condition
    return Standing(condition == FALLBACK, lambda: f"{cause.subject} is {condition}")


def _manual(cause: Cause, _: bool, facts: Facts) -> Standing:
    ending = facts.manual.get(cause.subject, "")
    return Standing(bool(ending), lambda: ending)


def _interlock(cause: Cause, _: bool, facts: Facts) -> Standing:
    active = facts.interlocks[cause.subject].active
    return Standing(active, lambda: f"interlock {cause.subject} " + ("acts" if active else "is clear"))


def _hazard(cause: Cause, _: bool, facts: Facts) -> Standing:
    state = facts.hazards[cause.subject]
    return Standing(state.active, lambda: state.reason or f"{cause.subject} is clear")


def _uplink(_: Cause, __: bool, facts: Facts) -> Standing:
    return Standing(bool(facts.uplink), lambda: facts.uplink or "the uplink is connected")


def _journal(_: Cause, __: bool, facts: Facts) -> Standing:
    return Standing(bool(facts.journal), lambda: facts.journal or "the journal writes")


_LOOKS: Mapping[Watch, Callable[[Cause, bool, Facts], Standing]] = {
    Watch.BAD: _bad,
    Watch.CHECK: _check,
    Watch.STUCK: _stuck,
    Watch.DOSE: _dose,
    Watch.LOOP: _loop,
    Watch.MANUAL: _manual,
    Watch.INTERLOCK: _interlock,
    Watch.HAZARD: _hazard,
    Watch.UPLINK: _uplink,
    Watch.JOURNAL: _journal,
}
