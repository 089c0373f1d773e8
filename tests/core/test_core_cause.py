"""Causes: each thing a hazard or an alarm can look at stands or does not, and says so in words."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest

from edgectl.core.cause import Facts, Standing, explain, judge_cause
from edgectl.model.health import Ailment, Chart, Finding, HealthState, Word
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.safety import Cause, Relation, Watch
from edgectl.model.state import ActuatorState, CheckState, DoseState, HazardState, InterlockState

GOOD, UNSURE, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD
NOTHING = Facts({}, {}, {}, {}, {}, {}, {}, {}, {}, "", "", "")


class Said(NamedTuple):
    """A standing in full, with its reason in words."""

    stands: bool
    reason: str
    unknown: bool = False


def said(cause: Cause, stood: bool, facts: Facts) -> Said:
    standing = judge_cause(cause, stood, facts)
    return Said(bool(standing), explain(cause, stood, facts), standing is Standing.UNKNOWN)


def measured(value: float | None, quality: Quality = GOOD, tag: str = "TT") -> Facts:
    found = Measurement(tag, value, quality, "" if quality is GOOD else "why", Instant(0, 0))
    return NOTHING._replace(measured={tag: found}, units={tag: "degC"})


@pytest.mark.parametrize("quality", [GOOD, UNSURE])
@pytest.mark.parametrize(
    ("relation", "stood", "value", "stands"),
    [
        (Relation.ABOVE, False, 39.0, False),
        (Relation.ABOVE, False, math.nextafter(39.0, 40.0), True),
        (Relation.ABOVE, True, math.nextafter(38.5, 39.0), True),
        (Relation.ABOVE, True, 38.5, False),
        (Relation.BELOW, False, 39.0, False),
        (Relation.BELOW, False, math.nextafter(39.0, 38.0), True),
        (Relation.BELOW, True, math.nextafter(39.5, 39.0), True),
        (Relation.BELOW, True, 39.5, False),
    ],
)
def test_a_limit_is_reached_beyond_it_and_left_by_the_hysteresis(
    relation: Relation, stood: bool, value: float, stands: bool, quality: Quality
) -> None:
    standing = said(Cause(Watch.TAG, "TT", relation, 39.0, 0.5), stood, measured(value, quality))
    side = relation.value if stands else "within"
    assert standing == Said(stands, f"TT {value:.6g} degC is {side} 39 degC", unknown=False)


@pytest.mark.parametrize("stood", [False, True])
@pytest.mark.parametrize(("value", "quality"), [(None, BAD), (20.0, BAD), (None, UNSURE)])
def test_a_tag_that_is_not_known_is_beyond_every_limit(
    value: float | None, quality: Quality, stood: bool
) -> None:
    for relation in Relation:
        cause = Cause(Watch.TAG, "TT", relation, 39.0)
        expected = Said(True, "TT is not known: why", unknown=True)
        assert said(cause, stood, measured(value, quality)) == expected


@pytest.mark.parametrize(
    ("watch", "facts", "expected"),
    [
        (Watch.BAD, measured(37.0, GOOD, "A"), Said(False, "A is GOOD")),
        (Watch.BAD, measured(37.0, UNSURE, "A"), Said(False, "A is UNCERTAIN: why")),
        (Watch.BAD, measured(None, BAD, "A"), Said(True, "A is BAD: why")),
        (Watch.CHECK, NOTHING._replace(checks={"A": CheckState(True, "no rise")}), Said(True, "no rise")),
        (Watch.CHECK, NOTHING._replace(checks={"A": CheckState(reason="fine")}), Said(False, "fine")),
        (
            Watch.STUCK,
            NOTHING._replace(actuators={"A": ActuatorState(1.0, restricted_by=("rate limit", "not following"))}),
            Said(True, "A does not follow its commands"),
        ),
        (
            Watch.STUCK,
            NOTHING._replace(actuators={"A": ActuatorState(1.0, restricted_by=("rate limit",))}),
            Said(False, "A follows"),
        ),
        (Watch.DOSE, NOTHING._replace(doses={"A": DoseState(reached="dose limit")}), Said(True, "dose limit")),
        (Watch.DOSE, NOTHING._replace(doses={"A": DoseState()}), Said(False, "A is within its dosing limits")),
        *[
            (
                Watch.LOOP,
                NOTHING._replace(loops={"A": LoopState(Mode.AUTO, 0.0, 0.0, 0.0, 0.0, condition=condition)}),
                Said(condition == "fallback", f"A is {condition}"),
            )
            for condition in ("fallback", "regulating", "holding", "manual", "out of service", "tracking", "waiting")
        ],
        (Watch.MANUAL, NOTHING._replace(manual={"A": "ends in 3.0 s"}), Said(True, "ends in 3.0 s")),
        (Watch.MANUAL, NOTHING._replace(manual={"B": "ends in 3.0 s"}), Said(False, "")),
        (
            Watch.INTERLOCK,
            NOTHING._replace(interlocks={"A": InterlockState(active=True)}),
            Said(True, "interlock A acts"),
        ),
        (Watch.INTERLOCK, NOTHING._replace(interlocks={"A": InterlockState()}), Said(False, "interlock A is clear")),
        (Watch.HAZARD, NOTHING._replace(hazards={"A": HazardState(active=True, reason="hot")}), Said(True, "hot")),
        (Watch.HAZARD, NOTHING._replace(hazards={"A": HazardState()}), Said(False, "A is clear")),
        (Watch.UPLINK, NOTHING._replace(uplink="lost for 9 s"), Said(True, "lost for 9 s")),
        (Watch.UPLINK, NOTHING, Said(False, "the uplink is connected")),
        (Watch.JOURNAL, NOTHING._replace(journal="disk full"), Said(True, "disk full")),
        (Watch.JOURNAL, NOTHING, Said(False, "the journal writes")),
        *[
            (
                Watch.HEALTH,
                NOTHING._replace(health={"A": HealthState(chart=Chart(Finding(word, Ailment.SWINGING, "A: swings")))}),
                Said(word is Word.BAD, "A: swings"),
            )
            for word in Word
        ],
        (Watch.VOTE, NOTHING._replace(votes={"A": "B is BAD: why"}), Said(True, "B is BAD: why")),
        (Watch.VOTE, NOTHING._replace(votes={"A": ""}), Said(False, "all members of A agree")),
        (Watch.CONFLICT, NOTHING._replace(conflict="scada-2 asks"), Said(True, "scada-2 asks")),
        (Watch.CONFLICT, NOTHING, Said(False, "no two hosts are in conflict")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stood", [False, True])
def test_what_else_may_be_a_cause(watch: Watch, facts: Facts, expected: Said, stood: bool) -> None:
    """None of it depends on whether it stood before, and none of it counts for want of a value."""
    assert said(Cause(watch, "A"), stood, facts) == expected
