"""Alarms as technicians write them: what becomes of them, and every mistake at its place (C06)."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.compile import compile_folder
from edgectl.model.plan import Plan
from edgectl.model.safety import AlarmPlan, Cause, Priority, Relation, Watch
from tests.config.unit_folder import SAFETY, Bad, compiled

CONFIGS = Path(__file__).parents[2] / "configs"
WHEN = "when: {tag: AT-102, above: 120 %, hysteresis: 20 %}"
MISTAKES = {
    "limit above the range of its tag": Bad(
        "above: 120 %", "above: §260 %", ("260 %-sat is not inside the range of tag AT-102 (0..250 %-sat)", "never be reached"), "safety",
    ),
    "limit at the end of the range of its tag": Bad(
        "above: 120 %", "above: §250 %", ("never be reached",), "safety"
    ),
    "dead band to the end of the range": Bad(
        "hysteresis: 20 %", "hysteresis: §120 %", ("normal again at 0 %-sat, outside the range of AT-102",), "safety"
    ),
    "dead band to the end of the range, from below": Bad(
        WHEN, "when: {tag: AT-102, below: 120 %, hysteresis: §130 %}", ("normal again at 250 %-sat, outside",), "safety"
    ),
    "its own suppressor": Bad(
        WHEN, "when: {interlock: co2-stop}\n    suppressed_by: §co2-stop", ("co2-stop is the cause and suppresses the alarm, so it never calls",), "safety",
    ),
    "unknown suppressor": Bad(
        WHEN, f"{WHEN}\n    suppressed_by: §co2-stp", ("unknown interlock or hazard 'co2-stp'", "did you mean 'co2-stop'?"), "safety",
    ),
    "unknown tag": Bad("tag: AT-102", "tag: §AT-120", ("unknown tag 'AT-120'", "did you mean"), "safety"),
    "unknown actuator": Bad(WHEN, "when: {stuck: §P-103}", ("unknown actuator 'P-103'",), "safety"),
    "unknown loop": Bad(WHEN, "when: {loop: §TIC-100}", ("unknown loop 'TIC-100'",), "safety"),
    "two causes": Bad(WHEN, "§when: {bad: AT-102, loop: TIC-101}", ("a cause is about one thing",), "safety"),
    "no cause": Bad(WHEN, "§when: {hysteresis: 1 %}", ("a cause is about something",), "safety"),
    "misspelt key": Bad("on_delay: 30 s", "§on_dealy: 30 s", ("did you mean 'on_delay'?",), "safety"),
    "misspelt priority": Bad("priority: high", "priority: §hihg", ("allowed: high, low, medium", "did you mean 'high'?"), "safety"),
    "time without a unit": Bad("on_delay: 30 s", "on_delay: §30", ("has no unit",), "safety"),
    "re-alarm too often": Bad("re_alarm: 30 min", "re_alarm: §4.9 min", ("allowed: 5 min to 7 d",), "safety"),
    "a name with a meaning of its own": Bad("  oxygen-high:", "  §all:", ("'all' has a meaning of its own",), "safety"),
    "the flood's name": Bad("  oxygen-high:", "  §flood:", ("'flood' has a meaning of its own",), "safety"),
    "the name of an interlock": Bad("  oxygen-high:", "  §co2-stop:", ("names one of the interlocks already",), "safety"),
    "the name of a tag": Bad("  oxygen-high:", "  §TT-101:", ("names one of the tags already",), "safety"),
    "neither true nor false": Bad(WHEN, f"{WHEN}\n    latching: §on", ("neither true nor false",), "safety"),
}  # fmt: skip


@pytest.mark.parametrize("bad", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_at_its_place(bad: Bad, tmp_path: Path) -> None:
    bad.check(tmp_path / "u")


def says(tmp_path: Path, old: str, new: str) -> list[str]:
    assert SAFETY.count(old) == 1
    found = compiled(tmp_path / "u", safety=SAFETY.replace(old, new))
    assert found.plan is None
    return [problem.render() for problem in found.problems]


def test_crossed_limits_name_both_places(tmp_path: Path) -> None:
    low = "  oxygen-low:\n    when: {tag: AT-102, below: 120 %}\n    priority: low\n    response: Look\n  oxygen-high:"
    (text,) = says(tmp_path, "  oxygen-high:", low)
    assert "safety.yaml:22:" in text
    assert (
        "above 120 %-sat is not over below 120 %-sat of 'oxygen-low' (safety.yaml line 18), so one of them always calls"
        in text
    )
    room = low.replace("120 %", "119 %")
    assert compiled(tmp_path / "u", safety=SAFETY.replace("  oxygen-high:", room)).plan is not None
    other = low.replace("AT-102", "AT-101").replace("120 %", "7.1 pH")
    assert compiled(tmp_path / "u", safety=SAFETY.replace("  oxygen-high:", other)).plan is not None


@pytest.mark.parametrize(
    ("when", "limit"),
    [
        ("tag: TT-101, above: 37 degC", "above 37 degC"),
        ("tag: TT-101, below: 37 degC", "below 37 degC"),
        ("tag: TT-101, below: 37.1 degC", "below 37.1 degC"),
        ("tag: TT-101, above: 36.9 degC", "above 36.9 degC"),
    ],
)
def test_a_set_point_where_an_alarm_calls_names_both_places(when: str, limit: str, tmp_path: Path) -> None:
    (text,) = says(tmp_path, WHEN, f"when: {{{when}}}")
    assert "unit.yaml:" in text
    assert f"37 degC is where alarm 'oxygen-high' (safety.yaml line 18) calls: {limit}" in text


@pytest.mark.parametrize("when", ["tag: TT-101, above: 37.1 degC", "tag: TT-101, below: 36.9 degC", "bad: TT-101"])  # fmt: skip
def test_a_set_point_beside_an_alarm_is_right(when: str, tmp_path: Path) -> None:
    assert compiled(tmp_path / "u", safety=SAFETY.replace(WHEN, f"when: {{{when}}}")).problems == ()


@pytest.mark.parametrize(
    ("line", "key"),
    [("    priority: high\n", "priority"), ("    response: Check the O2 flow\n", "response")],
)
def test_what_every_alarm_needs(line: str, key: str, tmp_path: Path) -> None:
    (text,) = says(tmp_path, line, "")
    assert f"'{key}' is missing" in text


def test_an_alarm_as_planned(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u").plan
    assert plan is not None
    assert plan.alarms == (
        AlarmPlan(
            name="oxygen-high",
            cause=Cause(Watch.TAG, "AT-102", Relation.ABOVE, 120.0, 20.0),
            priority=Priority.HIGH,
            on_delay_s=30.0,
            off_delay_s=20.0,
            re_alarm_s=1800.0,
            response="Check the O2 flow",
            response_s=900.0,
        ),
    )


def test_what_is_left_out_has_a_quiet_default(tmp_path: Path) -> None:
    alarms = SAFETY.partition("alarms:")[0] + (
        "alarms:\n  base:\n    when: {stuck: P-102}\n    priority: medium\n    latching: true\n"
        "    suppressed_by: co2-stop\n    description: D\n    consequence: C\n    response: R\n"
    )
    plan = compiled(tmp_path / "u", safety=alarms).plan
    assert plan is not None
    assert plan.alarms == (
        AlarmPlan(
            name="base",
            cause=Cause(Watch.STUCK, "P-102"),
            priority=Priority.MEDIUM,
            off_delay_s=10.0,
            latching=True,
            suppressed_by="co2-stop",
            description="D",
            consequence="C",
            response="R",
        ),
    )


def test_a_unit_without_alarms_is_fit_to_run(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u", safety=SAFETY.partition("alarms:")[0]).plan
    assert plan is not None
    assert plan.alarms == ()


def shipped(name: str) -> Plan:
    plan = compile_folder(CONFIGS / name).plan
    assert plan is not None
    return plan


@pytest.mark.parametrize("name", ["demo", "example-2l", "perfusion-2l", "rocking-2l"])
def test_a_shipped_unit_calls_for_what_a_technician_expects(name: str) -> None:
    """Every loop's tag has limits on both sides and is missed when it is lost; every alarm tells what to do and by when."""
    plan = shipped(name)
    causes = [alarm.cause for alarm in plan.alarms]
    for loop in plan.loops:
        sides = {c.relation for c in causes if c.watch is Watch.TAG and c.subject == loop.tag}
        assert sides == {Relation.ABOVE, Relation.BELOW}, loop.tag
        assert Cause(Watch.BAD, loop.tag) in causes
        for segment in loop.segments:
            assert Cause(Watch.STUCK, segment.actuator) in causes
    assert {Watch.UPLINK, Watch.JOURNAL, Watch.CONFLICT, Watch.LOOP, Watch.HEALTH, Watch.INTERLOCK} <= {
        c.watch for c in causes
    }
    for alarm in plan.alarms:
        assert alarm.description, alarm.name
        assert alarm.consequence, alarm.name
        assert alarm.response_s >= 60.0, alarm.name
        assert alarm.off_delay_s > 0.0, alarm.name


@pytest.mark.parametrize("name", ["demo", "example-2l", "perfusion-2l", "rocking-2l"])
def test_a_dead_probe_calls_before_what_follows_from_it(name: str) -> None:
    """The loss of a tag calls sooner than the loop that falls back for it, so that it is first-out."""
    alarms = {alarm.cause: alarm for alarm in shipped(name).alarms}
    for loop in shipped(name).loops:
        fallback = alarms.get(Cause(Watch.LOOP, loop.name))
        if fallback is not None:
            assert alarms[Cause(Watch.BAD, loop.tag)].on_delay_s < fallback.on_delay_s
