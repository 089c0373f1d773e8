"""Whether an actuator follows, judged by what its instrument confirms (M08, M11)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest

from edgectl.core.output import Following, follow, output_of
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved
from edgectl.model.plan import ActuatorPlan
from edgectl.model.state import ActuatorState
from tests.core.rig import Bench, demo

NS = 1_000_000_000
OUTPUT = output_of(
    ActuatorPlan("FV-1", "o.v", "mL/min", 0.0, 100.0, safe=0.0, tolerance=1.0, lease_s=5.0), "", (), 1.0
)


@dataclass
class Watcher:
    """Follows one actuator scan by scan, a second apart."""

    state: ActuatorState = field(default_factory=lambda: ActuatorState(0.0))
    now_s: int = 100

    def __call__(
        self, commanded: float, value: float | None, *, detail: str = "", age_s: float = 0.0
    ) -> Following:
        self.now_s += 1
        taken = Instant(round((self.now_s - age_s) * NS), 0)
        return self.judge(Achieved("FV-1", commanded, value, detail, taken))

    def judge(self, achieved: Achieved | None) -> Following:
        following = follow(OUTPUT, self.state, achieved, self.now_s * NS, 1.0)
        self.state = ActuatorState(0.0, None, (), *following[:3])
        return following


@pytest.mark.parametrize("value", [50.0, 49.0, 51.0])
def test_read_back_within_tolerance_follows(value: float) -> None:
    assert Watcher()(50.0, value) == Following(0.0, value, None, "")


def test_read_back_that_differs_is_told_in_the_second_scan() -> None:
    """M08, M11: within two periods; a single scan may be an exchange under way."""
    watch = Watcher()
    assert watch(50.0, 40.0).reason == ""
    assert watch(50.0, 50.0) == Following(0.0, 50.0, None, "")
    assert watch(50.0, 40.0).reason == ""
    told = watch(50.0, 40.0)
    assert told.reason == "asked for 50 mL/min, instrument confirms 40 mL/min"
    assert (told.confirmed, told.stuck) == (40.0, 40.0)


def test_agreement_where_it_is_stuck_proves_nothing() -> None:
    """A loop that tracks a stuck actuator asks for the place it is stuck at; only a move shows that it follows again."""
    watch = Watcher()
    for _ in range(2):
        watch(50.0, 40.0)
    assert watch(40.5, 40.0).reason == "has not moved from 40 mL/min"
    told = watch(41.0, 41.0)
    assert (told.reason, told.astray_s) == ("has not moved from 40 mL/min", 4.0)
    assert watch(40.0, None, detail="late").reason == "write failed: late", "still not proven"
    assert watch(41.2, 41.2) == Following(0.0, 41.2, None, "")


def test_lost_writes_are_told_after_two_seconds() -> None:
    watch = Watcher()
    watch(50.0, 50.0)
    assert watch(51.0, None, detail="no reply within 0.5 s").reason == ""
    told = watch(51.0, None, detail="no reply within 0.5 s")
    assert told == Following(2.0, 50.0, None, "write failed: no reply within 0.5 s")
    assert watch(51.0, 51.0).reason == "", "a write that succeeds is proof enough"


@pytest.mark.parametrize(
    ("value", "age_s", "reason"),
    [
        (50.0, 5.1, "no write confirmed for 5.1 s"),
        (math.nan, 0.0, "instrument confirms nan"),
        (None, 9.0, "write failed: "),
    ],
)
def test_no_confirmation_is_no_following(value: float | None, age_s: float, reason: str) -> None:
    watch = Watcher()
    watch(50.0, value, age_s=age_s)
    told = watch(50.0, value, age_s=age_s)
    assert (told.reason, told.confirmed) == (reason, None)


def test_a_confirmation_counts_as_long_as_the_lease_it_confirms() -> None:
    watch = Watcher()
    assert [watch(50.0, 50.0, age_s=5.0).reason for _ in range(3)] == ["", "", ""]


def test_an_actuator_never_confirmed_does_not_follow() -> None:
    watch = Watcher()
    assert watch.judge(None).reason == ""
    assert watch.judge(None).reason == "no write has been confirmed yet"


def test_an_encoding_is_no_difference() -> None:
    """A float32 register gives 33.3 back as 33.29999923706055; a thousandth is a difference."""
    output = output_of(ActuatorPlan("FV-1", "o.v", "", 30.0, 60.0, safe=30.0), "", (), 1.0)
    for value, follows in ((33.29999923706055, True), (33.30004, False)):
        achieved = Achieved("FV-1", 33.3, value, "", Instant(0, 0))
        assert (follow(output, ActuatorState(0.0), achieved, 0, 9.0).reason == "") is follows


def test_two_scans_are_two_scans_at_any_rate() -> None:
    output = output_of(ActuatorPlan("FV-1", "o.v", "", 0.0, 100.0, safe=0.0), "", (), 0.1)
    achieved = Achieved("FV-1", 50.0, 40.0, "", Instant(0, 0))
    first = follow(output, ActuatorState(0.0), achieved, 0, 0.1)
    assert first.reason == ""
    assert follow(output, ActuatorState(0.0, None, (), *first[:3]), achieved, 0, 0.1).reason


def test_it_is_told_once_each_way() -> None:
    """Three minutes of a stuck valve and a tracking loop are two events."""
    unit = Bench(demo())
    unit.values["AT-102"] = 30.0
    unit.run(60)
    assert unit.output("FV-103") > 0.0
    unit.stuck["FV-103"] = 5.0
    unit.run(180)
    assert unit.command("FV-103").restricted_by == ("not following",)
    assert unit.output("FV-103") == pytest.approx(5.0, abs=1.5)  # its resolution, and a step
    unit.stuck.clear()
    unit.run(60)
    events = [e for e in unit.events if e.kind == "actuator"]
    assert [(e.subject, e.before, e.after) for e in events] == [
        ("FV-103", "following", "not following"),
        ("FV-103", "not following", "following"),
    ]
    assert events[0].reason.endswith("instrument confirms 5 mL/min")
    assert events[1].reason.startswith("at ")


def test_an_actuator_that_was_stuck_is_asked_to_move_again() -> None:
    """M08: free again at the very place the tracking loop asks for, a jacket must not stand there for ever."""
    unit = Bench(demo())
    unit.values["TT-101"] = 36.5
    unit.stuck["TY-101"] = 30.0
    unit.run(60)
    assert unit.command("TY-101").restricted_by == ("not following",)
    unit.stuck.clear()
    unit.run(60)
    assert unit.command("TY-101").restricted_by == ()
    assert unit.output("TY-101") > 30.1


def test_without_any_confirmation_a_loop_counts_its_actuator_as_safe() -> None:
    unit = Bench(demo())
    unit.stuck["FV-103"] = None
    unit.values["AT-102"] = 30.0
    unit.run(60)
    assert unit.loop("AIC-102").achieved == 0.0
    assert unit.output("FV-103") < 1.0
