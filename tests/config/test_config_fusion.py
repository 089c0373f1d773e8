"""Tags that are voted from several probes: what a unit folder may say of them, and each mistake at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.model.fusion import FusionPlan, Rule
from edgectl.model.plan import TagPlan
from edgectl.model.safety import Cause, Watch
from tests.config.unit_folder import SAFETY, UNIT, Bad, compiled

SINGLE = "  AT-101:\n    channel: ph1.ph\n    unit: pH\n    range: 3..11 pH\n"
PROBES = (
    "  AT-101A:\n    channel: ph1.ph\n    unit: pH\n    range: 3..11 pH\n"
    "  AT-101B:\n    channel: ph2.ph\n    unit: pH\n    range: 2..10 pH\n"
)
VOTED = f"  AT-101:\n    voted: [AT-101A, AT-101B]\n    tolerance: 0.05 pH\n    range: 3..10 pH\n{PROBES}"
SECOND = "  ph1:\n    driver: hamilton_ph_arc\n    line: probes\n    address: 1\n    poll: 5 s\n"


def unit(tags: str = VOTED) -> str:
    """The right folder with a second pH probe."""
    second = SECOND.replace("ph1", "ph2").replace("address: 1", "address: 7")
    assert UNIT.count(SINGLE) == UNIT.count(SECOND) == 1
    return UNIT.replace(SINGLE, tags).replace(SECOND, SECOND + second)


def fused(folder: Path, tags: str = VOTED, safety: str = SAFETY) -> TagPlan:
    found = compiled(folder, unit=unit(tags), safety=safety)
    assert found.plan is not None, "\n".join(problem.render() for problem in found.problems)
    return next(tag for tag in found.plan.tags if tag.name == "AT-101")


def test_a_voted_tag_stands_for_its_members(tmp_path: Path) -> None:
    tag = fused(tmp_path / "u")
    assert tag.fusion == FusionPlan(("AT-101A", "AT-101B"), 0.05, Rule.MEAN, "", 60.0)
    assert (tag.channel, tag.unit, tag.low, tag.high) == ("", "pH", 3.0, 10.0)


def test_it_may_stand_before_its_members_and_has_their_whole_range(tmp_path: Path) -> None:
    tag = fused(tmp_path / "u", VOTED.replace("    range: 3..10 pH\n", ""))
    assert (tag.low, tag.high) == (2.0, 11.0)


@pytest.mark.parametrize(
    ("prefer", "rule", "preferred"),
    [
        ("mean", Rule.MEAN, ""),
        ("lower", Rule.LOWER, ""),
        ("higher", Rule.HIGHER, ""),
        ("AT-101B", Rule.MEMBER, "AT-101B"),
    ],
)
def test_a_preference_is_a_word_or_a_member(tmp_path: Path, prefer: str, rule: Rule, preferred: str) -> None:
    tag = fused(
        tmp_path / "u", VOTED.replace("    range", f"    prefer: {prefer}\n    blend: 90 s\n    range", 1)
    )
    assert tag.fusion is not None
    assert (tag.fusion.rule, tag.fusion.preferred, tag.fusion.blend_s) == (rule, preferred, 90.0)


def test_a_cause_may_be_that_not_all_members_agree(tmp_path: Path) -> None:
    safety = SAFETY.replace("{bad: AT-101}", "{vote: AT-101}")
    found = compiled(tmp_path / "u", unit=unit(), safety=safety)
    assert found.plan is not None
    assert found.plan.hazards[1].cause == Cause(Watch.VOTE, "AT-101")


def test_a_cause_about_votes_needs_a_voted_tag(tmp_path: Path) -> None:
    Bad("{bad: AT-101}", "{vote: §AT-101}", ("is not made of several probes",), "safety").check(
        tmp_path / "u"
    )


WRONG = {
    "one": ("[AT-101A, AT-101B]", "§[AT-101A]", ("1 cannot vote", "2 to 5")),
    "twice": ("[AT-101A, AT-101B]", "[AT-101A, §AT-101A]", ("there twice",)),
    "unknown": ("[AT-101A, AT-101B]", "[AT-101A, §AT-101C]", ("unknown tag", "did you mean")),
    "itself": ("[AT-101A, AT-101B]", "[AT-101A, §AT-101]", ("is voted itself",)),
    "another unit": ("[AT-101A, AT-101B]", "[AT-101A, §TT-101]", ("TT-101 is in degC", "the same unit")),
    "no tolerance": (
        "  AT-101:\n    voted: [AT-101A, AT-101B]\n    tolerance: 0.05 pH",
        "  §AT-101:\n    voted: [AT-101A, AT-101B]",
        ("'tolerance' is missing",),
    ),
    "tolerance in another unit": ("0.05 pH", "§0.05 K", ("pH",)),
    "no room": ("0.05 pH", "§0 pH", ("above 0",)),
    "everything agrees": ("0.05 pH", "§9 pH", ("smaller than the range",)),
    "preference": (
        "0.05 pH\n",
        "0.05 pH\n    prefer: §AT-101C\n",
        ("none of AT-101A, AT-101B, higher, lower, mean",),
    ),
    "misspelt preference": ("0.05 pH\n", "0.05 pH\n    prefer: §lowre\n", ("did you mean 'lower'",)),
    "channel too": ("0.05 pH\n", "0.05 pH\n    §channel: ph1.ph\n", ("belongs to the members",)),
    "times of its own": ("0.05 pH\n", "0.05 pH\n    §stale: 5 s\n", ("belongs to the members",)),
    "range outside": ("range: 3..10 pH", "range: §1..10 pH", ("outside the members: 2..11 pH",)),
    "unit of its own": ("0.05 pH\n", "0.05 pH\n    unit: §mV\n", ("not the unit of the members",)),
    "tolerance without a vote": (
        "channel: ph2.ph\n",
        "channel: ph2.ph\n    §tolerance: 0.05 pH\n",
        ("goes with 'voted'",),
    ),
    "one probe as two": ("channel: ph2.ph", "channel: ph1.ph", ("that is one probe",)),
    "blend": ("0.05 pH\n", "0.05 pH\n    blend: §0 s\n", ("out of range",)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_said_once_and_at_its_place(name: str, tmp_path: Path) -> None:
    old, new, says = WRONG[name]
    assert VOTED.count(old) == 1
    text = unit(VOTED.replace(old, new))
    before, mark, after = text.partition("§")
    found = compiled(tmp_path / "u", unit=before + after)
    said = "\n".join(problem.render() for problem in found.problems)
    assert found.plan is None, said
    assert len(found.errors) == 1, said
    for part in says:
        assert part in said
    if mark:
        line, column = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
        assert (found.errors[0].place.line, found.errors[0].place.column) == (line, column), said


def test_a_check_of_a_voted_tag_looks_as_seldom_as_its_slowest_member(tmp_path: Path) -> None:
    """Both probes are read every 5 s, so a window of 40 s has no ten of them."""
    check = "checks:\n  ph-alive:\n    kind: noise loss\n    tag: AT-101\n    window: 40 s\n    amount: 0.001 pH\n    actuator: FV-102\n    drive: 3 mL/min\n"
    found = compiled(tmp_path / "u", unit=unit(), safety=SAFETY + check)
    said = "\n".join(problem.render() for problem in found.problems)
    assert "which is read every 5 s" in said
