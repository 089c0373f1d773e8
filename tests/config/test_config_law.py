"""What may be written of a loop's law, and what is said of what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.model.loop_plan import FeedforwardPlan, SchedulePlan
from tests.config.unit_folder import UNIT, Bad, compiled

AT = "    band: 0.2 K\n"
RIGHT = """\
    band: 0.2 K
    weight: 0.5
    smooth: 10 s
    probe_lag: 30 s
    startup_zone: 0.5 K
    output_rate: 6 K/min
    schedule:
      source: FV-103
      points:
        - {at: 10 SCCM, gain: 2}
        - {at: 0.1 SLPM, gain: 0.5, integral: 3}
    feedforward:
      - {source: setpoint, gain: 1 K/K, about: 36 degC}
      - source: AT-102
        gain: -0.02 K/%
        lead: 1 min
        lag: 10 s
        delay: 20 s
        washout: 10 min
"""


def test_everything_a_law_can_have(tmp_path: Path) -> None:
    result = compiled(tmp_path / "u", unit=UNIT.replace(AT, RIGHT))
    assert result.problems == ()
    assert result.plan is not None
    loop = result.plan.loops[0]
    assert (loop.weight, loop.smooth_s, loop.probe_lag_s) == (0.5, 10.0, 30.0)
    assert loop.startup_zone == 0.5
    assert loop.output_rate_per_s == pytest.approx(0.1)
    assert loop.schedule == SchedulePlan("FV-103", ((10.0, 2.0, 1.0), (100.0, 0.5, 3.0)))
    assert loop.feedforward == (
        FeedforwardPlan("setpoint", 1.0, 36.0),
        FeedforwardPlan("AT-102", -0.02, 0.0, 60.0, 10.0, 20.0, 600.0),
    )


def test_without_any_of_it_the_plan_says_so(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u").plan
    assert plan is not None
    loop = plan.loops[1]
    assert (loop.weight, loop.smooth_s, loop.probe_lag_s, loop.startup_zone) == (1.0, 0.0, 0.0, 0.0)
    assert (loop.output_rate_per_s, loop.schedule, loop.feedforward) == (0.0, None, ())


def bad(written: str, *says: str, others: int = 0) -> Bad:
    return Bad(AT, AT + written, says, others=others)


SCHEDULE = "    schedule:\n      source: FV-103\n      points:\n"
WRONG = {
    "weight above 1": bad("    weight: §1.5\n", "at most 1"),
    "weight with a unit": bad("    weight: §50 %\n", "50 %"),
    "zone in another unit": bad("    startup_zone: §5 %\n", "wrong unit", "K"),
    "zone that is negative": bad("    startup_zone: §-1 K\n", "is negative"),
    "smoothing for a day": bad("    smooth: §1 d\n", "out of range", "1 h"),
    "rate in another unit": bad("    output_rate: §1 pH/s\n", "wrong unit"),
    "rate that is none": bad("    output_rate: §1 K\n", "K/s"),
    "no such source of a schedule": bad(
        "    schedule:\n      source: §FV-104\n      points: [{at: 0 SCCM, gain: 1}, {at: 1 SCCM, gain: 1}]\n",
        "unknown source 'FV-104'",
        "FV-103",
    ),
    "points that fall": bad(
        SCHEDULE + "        - {at: 10 SCCM, gain: 1}\n        - {at: §5 SCCM, gain: 2}\n",
        "5 SCCM does not lie above the point before it, 10 SCCM",
        "rising",
    ),
    "points in another unit": bad(
        SCHEDULE + "        - {at: §10 rpm, gain: 1}\n        - {at: 20 SCCM, gain: 2}\n",
        "wrong unit",
        "SCCM",
    ),
    "a single point": bad(
        "    schedule:\n      source: FV-103\n      points: §[{at: 10 SCCM, gain: 1}]\n",
        "at least two points",
    ),
    "a factor of nothing": bad(
        SCHEDULE + "        - {at: 10 SCCM, gain: §0}\n        - {at: 20 SCCM, gain: 2}\n", "at least 0.01"
    ),
    "own tag": bad("    feedforward: [{source: §TT-101, gain: 1 K/K}]\n", "own tag", "feedback"),
    "own actuator": bad("    feedforward: [{source: §TY-101, gain: 1 K/K}]\n", "driven by this loop"),
    "no such source": bad(
        "    feedforward: [{source: §setpiont, gain: 1 K/K}]\n", "unknown source 'setpiont'", "setpoint"
    ),
    "gain of nothing": bad("    feedforward: [{source: AT-102, gain: §0 K/%}]\n", "does nothing"),
    "gain in other units": bad("    feedforward: [{source: AT-102, gain: §1 %/K}]\n", "wrong unit"),
    "about in another unit": bad(
        "    feedforward: [{source: AT-102, gain: 1 K/%, about: §1 K}]\n", "wrong unit"
    ),
    "unknown key": bad("    feedforward: [{source: AT-102, gain: 1 K/%, §delai: 1 s}]\n", "delay"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG.keys())
def test_a_mistake_in_a_law_is_named_where_it_stands(case: Bad, tmp_path: Path) -> None:
    case.check(tmp_path / "u")


@pytest.mark.parametrize("key", ["weight: §0.5", "startup_zone: §0.5 K"])
def test_what_acts_on_the_integral_wants_one(key: str, tmp_path: Path) -> None:
    old = "    integral: 15 min\n    derivative: 30 s\n"
    Bad(old, f"    {key}\n", ("which this loop has not", "write 'integral' too")).check(tmp_path / "u")
