"""Plausibility checks: what ought to follow from what, each kind at its limits, suspended by doubt, and never moving anything."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.plausibility import SLOTS, examine
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.quality import DeviceStatus, Quality
from edgectl.model.safety import CheckKind, CheckPlan
from edgectl.model.state import ActuatorState, CheckState
from tests.core.rig import Bench, demo

NS = 1_000_000_000
# A window of 100 s: slots of 10 s, ten scans each.
HEAT = CheckPlan("heat", CheckKind.NO_EFFECT, "T", 100.0, 1.0, actuator="Y", drive=2.0, drive_s=30.0)
WELD = CheckPlan("weld", CheckKind.UNCAUSED, "T", 100.0, 1.0, actuator="Y", drive=2.0, drive_s=3.0)
NOISE = CheckPlan("noise", CheckKind.NOISE_LOSS, "T", 100.0, 0.5)
TOP = CheckPlan("top", CheckKind.CEILING, "T", 100.0, 5.0, value=100.0)
PAIR = CheckPlan("pair", CheckKind.DISAGREEMENT, "T", 100.0, 1.0, other="U")
NEAR = CheckPlan("near", CheckKind.NEAR, "T", 100.0, 0.1, value=7.0, noise=0.01)
VAIN = replace(NEAR, noise=0.0, actuator="Y", drive=2.0, drive_s=30.0)


@dataclass
class Look:
    """One check looked at once a second, each time with a fresh sample."""

    plan: CheckPlan
    state: CheckState = field(default_factory=CheckState)
    second: int = 0
    quality: dict[str, Quality] = field(default_factory=dict)
    enabled: float | None = 1.0

    def see(
        self, tag: float, actuator: float | None = 0.0, other: float = 0.0, *, stale: bool = False, dt_s: float = 1.0, **more: float
    ) -> bool:  # fmt: skip
        if not stale:
            self.second += 1
        at = Instant(self.second * NS, 0)
        measured = {
            name: Measurement(name, value, self.quality.get(name, Quality.GOOD), "", at)
            for name, value in {"T": tag, "U": other, **more}.items()
        }
        actuators = {
            "Y": ActuatorState(9.0, confirmed=actuator),
            "E": ActuatorState(1.0, confirmed=self.enabled),
        }
        self.state = examine(self.plan, self.state, measured, actuators, "K", dt_s)
        return self.state.failed

    def course(self, tags: Iterable[float], actuator: float = 0.0, other: float = 0.0) -> list[int]:
        """The seconds at which it began to fail or ceased to."""
        changes = []
        for tag in tags:
            before = self.state.failed
            if self.see(tag, actuator, other) != before:
                changes.append(self.second)
        return changes


def ramp(per_s: float, seconds: int, start: float = 20.0) -> list[float]:
    return [start + per_s * second for second in range(1, seconds + 1)]


def test_a_drive_without_effect_fails_within_the_window() -> None:
    look = Look(HEAT)
    assert look.course([20.0] * 200, actuator=2.0) == [80]
    assert look.state.reason == "T rose by 0 K, less than 1, though Y drove it"


@pytest.mark.parametrize(
    ("actuator", "fails"),
    [(60.0 / 70.0, True), (59.0 / 70.0, False), (0.0, False), (-5.0, False)],
)
def test_a_drive_counts_by_what_it_adds_up_to(actuator: float, fails: bool) -> None:
    """2 for 30 s is needed in the seven slots that had time to take effect."""
    assert bool(Look(HEAT).course([20.0] * 80, actuator=actuator + 1e-12)) is fails


@pytest.mark.parametrize(("per_s", "fails"), [(1.001 / 70.0, False), (0.999 / 70.0, True), (-1.0, True)])
def test_an_effect_must_be_as_large_as_planned(per_s: float, fails: bool) -> None:
    """From the mean of the first slot to that of the last are seventy seconds."""
    assert bool(Look(HEAT).course(ramp(per_s, 80), actuator=2.0)) is fails


def test_the_last_slot_is_given_time_to_take_effect() -> None:
    look = Look(HEAT)
    assert look.course([20.0] * 70) == []
    assert look.course([20.0] * 10, actuator=100.0) == []
    assert look.course([20.0] * 10) == [90]


def test_a_check_without_drive_ceases_to_fail() -> None:
    look = Look(HEAT)
    look.course([20.0] * 100, actuator=2.0)
    assert look.state.failed
    (ceased,) = look.course([20.0] * 100)
    assert ceased == 160, "four slots of full drive are left in the seven"
    assert look.state.reason == "the drive has its effect, or ceased"


def test_an_effect_may_have_come_and_gone() -> None:
    """A set point that goes up and down again within the window heats as it must."""
    up, down = ramp(0.05, 30), [21.5 - 0.1 * second for second in range(50)]
    assert Look(HEAT).course(up + down, actuator=2.0) == []
    assert Look(HEAT).course(down + ramp(0.05, 30, 16.5), actuator=2.0) == []


def test_what_falls_falls() -> None:
    cool = replace(HEAT, rising=False)
    assert Look(cool).course(ramp(-0.1, 80), actuator=2.0) == []
    rising = Look(cool)
    assert rising.course(ramp(0.1, 80), actuator=2.0) == [80]
    assert rising.state.reason == "T fell by -1 K, less than 1, though Y drove it"


def test_a_set_point_drives_by_what_it_is_beyond_another_tag() -> None:
    jacket = replace(HEAT, other="U")
    assert Look(jacket).course([20.0] * 80, actuator=22.0, other=20.0) == [80]
    assert Look(jacket).course([20.0] * 80, actuator=22.0, other=22.0) == []
    cool = replace(jacket, rising=False)
    assert Look(cool).course([20.0] * 80, actuator=18.0, other=20.0) == [80]
    assert Look(cool).course([20.0] * 80, actuator=22.0, other=20.0) == []


def test_an_actuator_without_its_switch_drives_nothing() -> None:
    look = Look(replace(HEAT, enabled_by="E"), enabled=0.0)
    assert look.course([20.0] * 100, actuator=2.0) == []
    look = Look(replace(HEAT, enabled_by="E"), enabled=1.0)
    assert look.course([20.0] * 100, actuator=2.0) == [80]


def test_a_rise_without_a_cause_fails_as_soon_as_it_is_seen() -> None:
    look = Look(WELD)
    assert look.course([20.0] * 40) == []
    assert look.course(ramp(0.11, 40)) == [60]
    assert look.state.reason == "T rose by 1.1 K though Y did not drive it"


@pytest.mark.parametrize(("actuator", "fails"), [(0.201, False), (0.199, True)])
def test_a_rise_that_was_driven_is_none(actuator: float, fails: bool) -> None:
    """2 for 3 s, in the slots of the rise and the one before."""
    assert bool(Look(WELD).course(ramp(0.06, 30), actuator=actuator)) is fails


@pytest.mark.parametrize(("per_s", "fails"), [(0.0501, True), (0.0499, False), (-1.0, False)])
def test_a_rise_counts_from_its_size(per_s: float, fails: bool) -> None:
    """Three slots: twenty seconds from the first mean to the last."""
    assert bool(Look(WELD).course(ramp(per_s, 30))) is fails


def test_what_drove_one_slot_before_a_rise_is_its_cause() -> None:
    look = Look(WELD)
    look.course([20.0] * 20, actuator=1.0)
    assert look.course([20.0] * 10) == []
    assert look.course([22.0] * 10) == [], "the slot before the first has driven"
    fresh = Look(WELD)
    fresh.course([20.0] * 30)
    assert fresh.course([22.0] * 10) == [40]


def test_an_old_rise_leaves_the_window() -> None:
    look = Look(WELD)
    look.course([20.0] * 20)
    assert look.course([30.0] * 100) == [30, 100]
    assert look.state.reason == "no move without a cause within the window"


def noisy(noise: float, seconds: int) -> list[float]:
    """Steps of 2 x noise between samples: a noise of sqrt(2) x ``noise`` by steps."""
    return [20.0 + (noise if second % 2 else -noise) for second in range(seconds)]


@pytest.mark.parametrize(("noise", "fails"), [(0.34, True), (0.37, False), (0.0, True)])
def test_a_signal_without_noise_is_dead(noise: float, fails: bool) -> None:
    look = Look(NOISE)
    assert bool(look.course(noisy(noise, 80))) is fails


def test_a_trend_is_no_noise() -> None:
    look = Look(NOISE)
    assert look.course(ramp(0.2, 80)) == [80]
    assert look.state.reason.endswith("a living signal has 0.5 K")


def test_where_an_actuator_is_named_it_must_have_moved() -> None:
    moved = Look(replace(NOISE, actuator="Y", drive=5.0))
    assert moved.course([20.0] * 79, actuator=10.0) == []
    assert moved.course([20.0] * 1, actuator=10.0) == []
    assert moved.course([20.0] * 10, actuator=14.9) == []
    assert moved.course([20.0] * 10, actuator=15.0) == [100]
    assert moved.course([20.0] * 200, actuator=15.0) == [], "a dead probe makes its loop stand still"
    assert moved.course(noisy(9.0, 100), actuator=15.0) == [310]
    assert moved.state.reason.startswith("noise of T is ")


@pytest.mark.parametrize(("tag", "fails"), [(105.1, True), (104.9, False)])
def test_above_a_fixed_ceiling(tag: float, fails: bool) -> None:
    look = Look(TOP)
    assert bool(look.course([tag] * 80)) is fails
    if fails:
        assert look.state.reason == "T is 105.1 K or more, it can be 100 K at most"


def test_a_burst_of_bubbles_is_no_ceiling() -> None:
    """N12: one sample below the ceiling in each window, and nothing is impossible."""
    look = Look(TOP)
    for _ in range(10):
        assert look.course([150.0] * 60 + [90.0]) == []
    assert look.course([150.0] * 160) != []
    assert look.course([90.0] * 10) != []
    assert look.state.reason == "T is possible, it can be 100 K at most"


def test_a_ceiling_by_the_gas_that_flows() -> None:
    gases = replace(TOP, value=0.0, mix=(("air", 100.0), ("o2", 500.0)))
    look = Look(gases)
    for _ in range(80):
        look.see(204.0, air=75.0, o2=25.0)
    assert not look.state.failed
    for _ in range(80):
        look.see(206.0, air=75.0, o2=25.0)
    assert look.state.failed
    look = Look(gases)
    for second in range(160):
        look.see(204.0, air=75.0, o2=25.0 if second < 80 else -1.0)
        assert not (look.state.failed and second < 158), "the liquid keeps what the gas gave in the window"
    assert look.state.failed
    without = Look(replace(gases, value=90.0))
    for _ in range(80):
        without.see(96.0, air=0.0, o2=0.0)
    assert without.state.failed


@pytest.mark.parametrize(("other", "fails"), [(18.99, True), (19.01, False), (20.99, False), (21.01, True)])
def test_two_probes_disagree(other: float, fails: bool) -> None:
    assert bool(Look(PAIR).course([20.0] * 80, other=other)) is fails


def test_two_probes_agree_again_below_nine_tenths() -> None:
    look = Look(PAIR)
    look.course([20.0] * 80, other=18.9)
    assert look.state.reason == "T minus U is 1.1 K; T is the one in use"
    assert look.course([20.0] * 100, other=19.05) == []
    assert look.course([20.0] * 100, other=19.15) != []


def test_a_probe_that_stands_where_dead_ones_stand() -> None:
    look = Look(NEAR)
    assert look.course([7.0] * 100) == [80]
    assert look.state.reason == "T stays at 7 K without noise, as a dead probe does"
    assert look.course([7.0 + (0.09 if s % 2 else -0.09) for s in range(200)]) == [], (
        "hum is no proof of life"
    )
    assert look.course([7.11] * 1 + [7.0] * 9) == [310]
    assert look.state.reason == "T left 7 K, or lives"


@pytest.mark.parametrize(
    ("low", "high", "near"), [(6.91, 7.09, True), (6.89, 7.0, False), (7.0, 7.11, False)]
)
def test_near_is_all_the_window_long(low: float, high: float, near: bool) -> None:
    look = Look(VAIN)
    tags = [low if second % 2 else high for second in range(80)]
    assert bool(look.course(tags, actuator=2.0)) is near
    if near:
        assert look.state.reason == "T stays at 7 K whatever Y does, as a dead probe does"


def test_a_living_probe_may_stand_at_seven() -> None:
    """A set point of 7.0 is no fault: the signal has its noise, and little drive is needed."""
    living = [7.0 + (0.02 if second % 2 else -0.02) for second in range(300)]
    assert Look(NEAR).course(living) == []
    assert Look(VAIN).course(living, actuator=0.5) == []
    assert Look(replace(VAIN, noise=0.01)).course(living, actuator=0.5) == []


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.UNCERTAIN])
def test_doubt_suspends_a_check_and_fails_none(quality: Quality) -> None:
    look = Look(HEAT)
    look.course([20.0] * 75, actuator=2.0)
    look.quality["T"] = quality
    assert look.course([20.0] * 9, actuator=2.0) == []
    assert look.state.suspended == f"T is {quality.name}"
    assert len(look.state.slots) == 7
    look.quality.clear()
    assert look.course([20.0] * 5, actuator=2.0) == [89], "what was seen before still counts"
    assert (look.state.suspended, look.state.blind_s) == ("", 0.0)


def test_after_a_slot_of_blindness_the_window_begins_anew() -> None:
    look = Look(HEAT)
    look.course([20.0] * 75, actuator=2.0)
    look.quality["T"] = Quality.BAD
    look.course([20.0] * 10, actuator=2.0)
    assert (look.state.slots, look.state.blind_s) == ((), 10.0)
    state = look.state
    look.course([20.0] * 10, actuator=2.0)
    assert look.state == state
    look.quality.clear()
    assert look.course([20.0] * 100, actuator=2.0) == [175]


def test_what_failed_stays_failed_in_the_dark() -> None:
    look = Look(HEAT)
    look.course([20.0] * 80, actuator=2.0)
    reason = look.state.reason
    look.quality["T"] = Quality.BAD
    look.course([20.0] * 200, actuator=2.0)
    assert (look.state.failed, look.state.reason) == (True, reason)
    look.quality.clear()
    look.course([20.0] * 20, actuator=0.0)
    assert (look.state.failed, look.state.reason) == (True, reason), "too little was seen to think otherwise"


@pytest.mark.parametrize(
    ("plan", "blind", "says"),
    [
        (replace(HEAT, other="U"), "U", "U is BAD"),
        (PAIR, "U", "U is BAD"),
        (replace(TOP, mix=(("air", 100.0),)), "air", "air is BAD"),
    ],
)
def test_every_tag_it_looks_at_must_be_good(plan: CheckPlan, blind: str, says: str) -> None:
    look = Look(plan)
    look.quality[blind] = Quality.BAD
    look.see(20.0, 2.0, air=1.0)
    assert look.state.suspended == says


def test_an_actuator_that_never_confirmed_anything_suspends() -> None:
    look = Look(replace(HEAT, enabled_by="E"))
    look.see(20.0, None)
    assert look.state.suspended == "nothing is known of Y yet"
    look.enabled = None
    look.see(20.0, 1.0)
    assert look.state.suspended == "nothing is known of E yet"


def test_a_sample_counts_once_and_a_slot_without_samples_not_at_all() -> None:
    look = Look(NOISE)
    look.see(20.0)
    for _ in range(8):
        look.see(20.0, stale=True)
    assert look.state.slot.samples == 1
    look.see(20.0, stale=True)
    assert len(look.state.slots) == 1
    for _ in range(10):
        look.see(20.0, stale=True)
    assert len(look.state.slots) == 1


def test_its_memory_is_bounded_and_survives_a_restart() -> None:
    look = Look(replace(HEAT, other="U", enabled_by="E"))
    look.course([20.0 + 0.001 * s for s in range(300)], actuator=22.0, other=20.0)
    assert len(look.state.slots) == SLOTS
    assert from_plain(CheckState, json.loads(json.dumps(to_plain(look.state)))) == look.state


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from([HEAT, WELD, NOISE, TOP, PAIR, NEAR, VAIN]),
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.sampled_from(Quality)), max_size=300),
)
def test_no_check_begins_to_fail_on_doubtful_values(
    plan: CheckPlan, course: list[tuple[float, float, Quality]]
) -> None:
    look = Look(plan)
    for tag, actuator, quality in course:
        before = look.state.failed
        look.quality["T"] = quality
        failed = look.see(tag, actuator)
        assert failed == before or quality is Quality.GOOD
        assert bool(look.state.suspended) == (quality is not Quality.GOOD)
        assert not failed or look.state.reason


def test_a_check_is_told_when_it_fails_and_when_it_ceases_to_and_moves_nothing() -> None:
    check = CheckPlan("pair", CheckKind.DISAGREEMENT, "TT-101", 100.0, 1.0, other="TT-103")
    watched, plain = Bench(demo(checks=(check,))), Bench(demo())
    for seconds, other in ((20, 36.4), (120, 30.0), (120, 36.4)):
        for bench in (watched, plain):
            bench.values["TT-103"] = other
        for _ in range(seconds):
            seen, unseen = watched.scan(), plain.scan()
            assert seen.commands == unseen.commands
    assert watched.told("check", "pair") == [("plausible", "failed"), ("failed", "plausible")]
    events = [event for event in watched.events if event.kind == "check"]
    assert [event.actor for event in events] == ["plausibility", "plausibility"]
    assert events[0].reason.endswith("TT-101 is the one in use")
    watched.status["TT-103"] = DeviceStatus.FAILURE
    watched.scan()
    assert watched.state.checks["pair"].suspended == "TT-103 is BAD"
