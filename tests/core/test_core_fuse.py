"""Redundant probes: what two or three of them make together, how little a lost one moves it, and that doubt never becomes belief."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgectl.core.fuse import Fusion, fuse
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.fusion import FusionPlan, FusionState, Rule
from edgectl.model.instant import Instant
from edgectl.model.loop import Mode
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan, TagPlan
from edgectl.model.quality import DeviceStatus, Quality
from edgectl.model.safety import AlarmPlan, Cause, Priority, Watch
from edgectl.model.state import State, TagState
from tests.core.rig import AIC_PH, NS, Bench, demo

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD
TOLERANCE = 0.05
NAMES = ("AT-101A", "AT-101B", "AT-101C")
patient = settings(deadline=None)


def fusion(count: int = 2, rule: Rule = Rule.MEAN, preferred: str = "", blend_s: float = 60.0) -> Fusion:
    plan = FusionPlan(NAMES[:count], TOLERANCE, rule, preferred, blend_s)
    return Fusion(TagPlan("AT-101", "", "pH", 4.0, 10.0, 2.5, 5.0, fusion=plan), plan)


class Panel:
    """Probes of one fused tag, scan after scan."""

    def __init__(self, voters: Fusion, dt_s: float = 1.0) -> None:
        self.fusion = voters
        self.dt_s = dt_s
        self.tag, self.memory = TagState(), FusionState()
        self.now_ns = 1000 * NS

    def see(self, *inputs: float | tuple[float | None, Quality]) -> Measurement:
        self.now_ns += round(self.dt_s * NS)
        measured = []
        for place, (name, given_) in enumerate(zip(self.fusion.plan.members, inputs, strict=True)):
            value, quality = given_ if isinstance(given_, tuple) else (given_, GOOD)
            at = Instant(self.now_ns - place, self.now_ns)
            measured.append(Measurement(name, value, quality, "" if quality is GOOD else "in a test", at))
        self.tag, self.memory, made = fuse(self.fusion, self.tag, self.memory, measured, self.dt_s)
        assert self.tag.quality is made.quality
        return made


LOST = (None, BAD)


def test_two_that_agree_count_by_their_mean() -> None:
    made = Panel(fusion()).see(7.20, 7.24)
    assert made.value == pytest.approx(7.22)
    assert made.quality is GOOD
    assert made.reason == ""


def test_the_fused_value_is_as_old_as_its_oldest_member() -> None:
    panel = Panel(fusion())
    assert panel.see(7.20, 7.24).at.mono_ns == panel.now_ns - 1


@pytest.mark.parametrize(
    ("rule", "preferred", "value"),
    [
        (Rule.MEAN, "", 7.3),
        (Rule.LOWER, "", 7.2),
        (Rule.HIGHER, "", 7.4),
        (Rule.MEMBER, "AT-101A", 7.2),
        (Rule.MEMBER, "AT-101B", 7.4),
    ],
)
def test_two_that_differ_are_uncertain_and_the_rule_chooses(rule: Rule, preferred: str, value: float) -> None:
    made = Panel(fusion(2, rule, preferred)).see(7.2, 7.4)
    assert made.value == pytest.approx(value)
    assert made.quality is UNCERTAIN
    assert made.reason == "AT-101A 7.2 pH, AT-101B 7.4 pH differ by more than 0.05 pH"


def test_those_that_differed_agree_again_only_well_within_the_tolerance() -> None:
    panel = Panel(fusion())
    assert panel.see(7.20, 7.249).quality is GOOD
    assert panel.see(7.20, 7.251).quality is UNCERTAIN
    assert panel.see(7.20, 7.245).quality is UNCERTAIN
    assert panel.see(7.20, 7.239).quality is GOOD
    assert panel.see(7.20, 7.245).quality is GOOD


def test_one_of_two_that_fails_leaves_the_other_which_is_believed() -> None:
    panel = Panel(fusion())
    panel.see(7.20, 7.24)
    for _ in range(120):
        made = panel.see(LOST, 7.24)
        assert made.quality is GOOD
    assert made.value == 7.24
    assert panel.memory.vote == "AT-101B alone"
    assert panel.memory.reason == "AT-101A is BAD: in a test"
    assert panel.memory.out == ("AT-101A",)


def test_an_uncertain_probe_does_not_count_beside_a_good_one() -> None:
    made = Panel(fusion()).see((9.0, UNCERTAIN), 7.24)
    assert (made.value, made.quality) == (7.24, GOOD)


def test_two_uncertain_probes_make_an_uncertain_value_with_their_reasons() -> None:
    made = Panel(fusion()).see((7.20, UNCERTAIN), (7.24, UNCERTAIN))
    assert made.value == pytest.approx(7.22)
    assert made.quality is UNCERTAIN
    assert made.reason == "AT-101A: in a test; AT-101B: in a test"


def test_without_any_probe_there_is_no_value() -> None:
    made = Panel(fusion()).see((7.0, BAD), LOST)
    assert (made.value, made.quality) == (None, BAD)
    assert made.reason == "AT-101A is BAD: in a test; AT-101B is BAD: in a test"


def test_three_count_by_their_median_and_outvote_one_that_runs_away() -> None:
    panel = Panel(fusion(3))
    assert panel.see(7.20, 7.22, 7.21).value == 7.21
    assert panel.memory.reason == ""
    made = panel.see(7.20, 9.0, 7.21)
    assert (made.value, made.quality) == (7.21, GOOD)
    assert panel.memory.out == ("AT-101B",)
    assert panel.memory.reason == "AT-101B differs from the others"


def test_three_of_which_no_two_agree_are_uncertain() -> None:
    made = Panel(fusion(3)).see(7.0, 7.5, 8.0)
    assert (made.value, made.quality) == (7.5, UNCERTAIN)


def test_of_three_with_one_lost_the_two_vote() -> None:
    assert Panel(fusion(3, Rule.LOWER)).see(7.2, LOST, 7.24).value == pytest.approx(7.22)
    made = Panel(fusion(3, Rule.LOWER)).see(7.2, LOST, 7.6)
    assert (made.value, made.quality) == (7.2, UNCERTAIN)


def test_a_preferred_probe_that_is_lost_is_not_waited_for() -> None:
    made = Panel(fusion(3, Rule.MEMBER, "AT-101A")).see(LOST, 7.2, 7.6)
    assert made.value == pytest.approx(7.4)
    assert made.quality is UNCERTAIN


def test_what_a_lost_probe_leaves_of_a_step_fades_within_the_blend_time() -> None:
    panel = Panel(fusion(2, blend_s=50.0))
    panel.see(7.20, 7.25)
    seen = [panel.see(LOST, 7.25).value for _ in range(60)]
    assert seen[0] == pytest.approx(7.226, abs=1e-9)
    assert seen[24] == pytest.approx(7.25)
    assert seen[59] == 7.25


def test_probes_far_apart_walk_over_by_a_tolerance_a_scan_and_are_uncertain_meanwhile() -> None:
    panel = Panel(fusion(2, Rule.LOWER))
    panel.see(7.0, 7.5)
    made = [panel.see(LOST, 7.5) for _ in range(120)]
    assert [m.quality for m in made[:8]] == [UNCERTAIN] * 8
    assert "away" in made[0].reason
    assert made[12].quality is GOOD
    assert made[-1].value == 7.5


def test_a_probe_that_comes_and_goes_cannot_hold_the_value() -> None:
    """The vessel moves by half a pH in ten minutes; the fused value follows, whatever the flapping one does."""
    panel = Panel(fusion())
    panel.see(7.0, 7.0)
    for scan in range(1, 601):
        ph = 7.0 + 0.5 * scan / 600
        made = panel.see(LOST if scan % 2 else ph, ph)
        assert made.value is not None
        assert abs(made.value - ph) <= 2 * TOLERANCE


@st.composite
def stories(draw: st.DrawFn) -> tuple[Fusion, list[list[tuple[float | None, Quality]]]]:
    """A fusion, and scans of what its members say: each stays about where it is, and fails and comes back."""
    count = draw(st.integers(2, 3))
    rule = draw(st.sampled_from(Rule))
    preferred = draw(st.sampled_from(NAMES[:count])) if rule is Rule.MEMBER else ""
    values = draw(st.lists(st.floats(4.0, 10.0), min_size=count, max_size=count))
    scans = draw(
        st.lists(st.lists(st.sampled_from(Quality), min_size=count, max_size=count), min_size=2, max_size=40)
    )
    return fusion(count, rule, preferred), [
        [(None if quality is BAD else value, quality) for value, quality in zip(values, scan, strict=True)]
        for scan in scans
    ]


@patient
@given(stories())
def test_quality_is_never_above_that_of_the_members(
    story: tuple[Fusion, list[list[tuple[float | None, Quality]]]],
) -> None:
    panel = Panel(story[0])
    for inputs in story[1]:
        made = panel.see(*inputs)
        assert made.quality <= max(quality for _, quality in inputs)
        assert (made.value is None) == (made.quality is BAD)
        assert bool(made.reason) == (made.quality is not GOOD)


@patient
@given(stories())
@example(
    (
        fusion(2, Rule.LOWER),
        [[(7.0, GOOD), (9.0, GOOD)], [(None, BAD), (9.0, GOOD)], [(7.0, GOOD), (9.0, GOOD)]],
    )
)
def test_no_loss_and_no_return_of_a_probe_moves_the_value_by_more_than_the_tolerance_in_a_scan(
    story: tuple[Fusion, list[list[tuple[float | None, Quality]]]],
) -> None:
    """The probes themselves stand still, so every move is the vote's own."""
    panel = Panel(story[0])
    last: float | None = None
    for inputs in story[1]:
        made = panel.see(*inputs)
        if last is not None and made.value is not None:
            assert abs(made.value - last) <= TOLERANCE + 1e-9
        last = made.value


@patient
@given(stories())
def test_the_value_lies_among_what_was_measured(
    story: tuple[Fusion, list[list[tuple[float | None, Quality]]]],
) -> None:
    panel = Panel(story[0])
    told: list[float] = []
    for inputs in story[1]:
        told += [value for value, _ in inputs if value is not None]
        made = panel.see(*inputs)
        assert made.value is None or min(told) - 1e-9 <= made.value <= max(told) + 1e-9


@patient
@given(stories(), st.integers(40, 400))
def test_left_alone_it_comes_to_what_the_members_say(
    story: tuple[Fusion, list[list[tuple[float | None, Quality]]]], scans: int
) -> None:
    """No offset stays: after the walk and one blend time the value is that of a panel which has just been switched on."""
    panel = Panel(story[0])
    for inputs in story[1]:
        panel.see(*inputs)
    final = story[1][-1]
    for _ in range(200 + scans):
        made = panel.see(*final)
    fresh = Panel(story[0])
    fresh.memory = FusionState(out=panel.memory.out, apart=panel.memory.apart)
    wanted = fresh.see(*final).value
    assert made.value is wanted is None or (made.value == pytest.approx(wanted))


@patient
@given(stories())
def test_memory_comes_back_from_a_snapshot(
    story: tuple[Fusion, list[list[tuple[float | None, Quality]]]],
) -> None:
    panel = Panel(story[0])
    for inputs in story[1]:
        panel.see(*inputs)
    state = State(tags={"AT-101": panel.tag}, fusions={"AT-101": panel.memory})
    assert from_plain(State, json.loads(json.dumps(to_plain(state)))) == state


def plant(**changes: object) -> Plan:
    """The demo unit whose pH is fused of two probes."""
    plan = demo()
    (single,) = [tag for tag in plan.tags if tag.name == "AT-101"]
    probes = tuple(TagPlan(name, f"i.{name}", "pH", 4.0, 10.0, late_s=2.5, stale_s=5.0) for name in NAMES[:2])
    fused = TagPlan("AT-101", "", "pH", 4.0, 10.0, 2.5, 5.0, fusion=FusionPlan(NAMES[:2], TOLERANCE))
    others = tuple(tag for tag in plan.tags if tag is not single)
    alarm = AlarmPlan("AA-101", Cause(Watch.VOTE, "AT-101"), Priority.LOW, on_delay_s=5.0, off_delay_s=5.0)
    return demo(tags=(fused, *others, *probes), alarms=(alarm,), **changes)


def bench() -> Bench:
    made = Bench(plant())
    del made.values["AT-101"]
    made.values |= {"AT-101A": 7.24, "AT-101B": 7.26}
    made.run(3)
    return made


def test_loops_interlocks_and_records_use_the_fused_tag() -> None:
    it = bench()
    assert it.measurement("AT-101").value == pytest.approx(7.25)
    assert it.state.loops["AIC-101"].mode is Mode.AUTO
    assert not it.state.interlocks["ASH-101"].active
    assert AIC_PH.tag == "AT-101"


def test_the_loss_of_one_probe_moves_no_output_and_calls_a_person() -> None:
    it = bench()
    it.run(60)
    before = it.output("FV-102"), it.output("P-101")
    it.status["AT-101A"] = DeviceStatus.FAILURE
    steps = []
    for _ in range(20):
        it.scan()
        steps.append(math.dist(before, (it.output("FV-102"), it.output("P-101"))))
        before = it.output("FV-102"), it.output("P-101")
    assert max(steps) < 0.3
    assert it.measurement("AT-101").quality is GOOD
    assert it.told("vote", "AT-101")[-1] == ("mean of AT-101A, AT-101B", "AT-101B alone")
    assert it.state.alarms["AA-101"].reason == "AT-101A is BAD: instrument reports failure"
    it.status.clear()
    it.run(20)
    assert it.told("vote", "AT-101")[-1] == ("AT-101B alone", "mean of AT-101A, AT-101B")
    assert it.told("quality", "AT-101") == [("BAD", "GOOD")]


def test_probes_that_differ_hold_the_loop_and_both_lost_fall_back() -> None:
    it = bench()
    it.run(10)
    it.values["AT-101B"] = 7.6
    it.run(2)
    assert it.measurement("AT-101").quality is UNCERTAIN
    assert it.told("quality", "AT-101")[-1] == ("GOOD", "UNCERTAIN")
    assert it.state.interlocks["ASH-101"].active == ((7.24 + 7.6) / 2 > 7.45)
    it.status |= {"AT-101A": DeviceStatus.FAILURE, "AT-101B": DeviceStatus.FAILURE}
    it.run(2)
    assert it.measurement("AT-101").quality is BAD
    assert it.state.interlocks["ASH-101"].active
