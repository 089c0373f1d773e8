"""The hazard matrix, the uplink's ladder and the times of manual outputs: read as written, and every mistake named where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgectl.config.compile import compile_folder
from edgectl.model.safety import Action, AuthorityPlan, Cause, HazardPlan, LadderPlan, Relation, Watch
from tests.config.unit_folder import SAFETY, UNIT, Bad, compiled

CONFIGS = Path(__file__).parents[2] / "configs"
WITHOUT = SAFETY[: SAFETY.index("hazards:")]
FEED = "    normal: 1 mL/min\n"
TRIP = "    action: trip\n"
WHEN = "    when: {tag: TT-101, above: 39.0 degC, hysteresis: 0.4 K}\n"
SETPOINT = "    TIC-101: {to: 34.0 degC, rate: 1 K/h}\n"


def test_the_matrix_is_read_as_written(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u").plan
    assert plan is not None
    assert plan.hazards == (
        HazardPlan(
            "overheated",
            Cause(Watch.TAG, "TT-101", Relation.ABOVE, 39.0, 0.4),
            Action.TRIP,
            delay_s=5.0,
            clear_s=30.0,
            latched=True,
        ),
        HazardPlan(
            "no-ph", Cause(Watch.BAD, "AT-101"), Action.FALLBACK, actuators=("FV-102", "FV-103"), latched=True
        ),
    )
    assert plan.ladder == LadderPlan(
        60.0, 14_400.0, 10.0, (("TIC-101", 34.0),), (("TIC-101", 1 / 3600),), ("FV-103",)
    )
    assert plan.authority == AuthorityPlan(1800.0, 60.0, 28_800.0)


def test_without_the_sections_there_are_no_hazards_and_usual_times(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u", safety=WITHOUT).plan
    assert plan is not None
    assert (plan.hazards, plan.ladder, plan.authority) == ((), LadderPlan(), AuthorityPlan())


def test_a_ramp_may_be_written_as_the_time_it_takes(tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u", safety=SAFETY.replace("rate: 1 K/h", "over: 30 min")).plan
    assert plan is not None
    assert dict(plan.ladder.ramps) == {"TIC-101": pytest.approx(3.0 / 1800.0)}


def test_an_actuator_has_a_fallback_and_may_be_held(tmp_path: Path) -> None:
    text = UNIT.replace(FEED, FEED + "    fallback: 500 uL/min\n    hold_max: 2 min\n")
    text = text.replace("    normal: on\n", "    normal: on\n    fallback: on\n    hold_max: 1 s\n")
    plan = compiled(tmp_path / "u", unit=text).plan
    assert plan is not None
    found = {actuator.name: (actuator.fallback, actuator.hold_max_s) for actuator in plan.actuators}
    assert (found["P-102"], found["HS-101"], found["TY-101"]) == ((0.5, 120.0), (1.0, 1.0), (None, 0.0))


@pytest.mark.parametrize(
    ("action", "meant"), [(a.name.lower(), a) for a in Action if a not in (Action.NONE, Action.WARN)]
)
def test_every_action_has_its_word(action: str, meant: Action, tmp_path: Path) -> None:
    plan = compiled(tmp_path / "u", safety=SAFETY.replace("action: trip", f"action: {action}")).plan
    assert plan is not None
    assert (plan.hazards[0].action, plan.hazards[0].latched) == (meant, meant is Action.TRIP)


@pytest.mark.parametrize(
    ("cause", "watch", "subject"),
    [
        ("{stuck: HS-101}", Watch.STUCK, "HS-101"),
        ("{loop: TIC-101}", Watch.LOOP, "TIC-101"),
        ("{health: TIC-101}", Watch.HEALTH, "TIC-101"),
        ("{manual: TIC-101}", Watch.MANUAL, "TIC-101"),
        ("{manual: P-102}", Watch.MANUAL, "P-102"),
        ("{interlock: co2-stop}", Watch.INTERLOCK, "co2-stop"),
        ("{hazard: overheated}", Watch.HAZARD, "overheated"),
        ("{uplink: lost}", Watch.UPLINK, ""),
        ("{journal: failing}", Watch.JOURNAL, ""),
        ("{conflict: standing}", Watch.CONFLICT, ""),
    ],
)
def test_a_hazard_may_be_about_everything_a_cause_can_name(
    cause: str, watch: Watch, subject: str, tmp_path: Path
) -> None:
    found = compiled(tmp_path / "u", safety=SAFETY.replace("{bad: AT-101}", cause))
    assert found.plan is not None, found.problems
    assert found.plan.hazards[1].cause == Cause(watch, subject)


WRONG = {
    "unknown action": Bad(TRIP, "    action: §stop\n", ("trip",), "safety"),
    "unknown tag": Bad("tag: TT-101, above: 39", "tag: §TT-110, above: 39", ("did you mean",), "safety"),
    "trip on some outputs": Bad(
        TRIP, TRIP + "    §act_on: [FV-102]\n", ("every output of the unit",), "safety"
    ),
    "trip that is not latched": Bad(TRIP, TRIP + "    latched: §false\n", ("always latched",), "safety"),
    "warning that moves": Bad(
        "action: fallback\n    act_on", "action: warn\n    §act_on", ("moves no output",), "safety"
    ),
    "unknown output": Bad("[FV-102, FV-103]", "[FV-102, §FV-130]", ("did you mean 'FV-103'",), "safety"),
    "hazard below": Bad(WHEN, "    when: {hazard: §no-ph}\n", ("not written above 'overheated'",), "safety"),
    "hazard about itself": Bad(
        WHEN, "    when: {hazard: §overheated}\n", ("not written above 'overheated'",), "safety"
    ),
    "hazard that is not there": Bad(
        WHEN, "    when: {hazard: §overheat}\n", ("did you mean 'overheated'",), "safety"
    ),
    "name of an interlock": Bad("  no-ph:", "  §co2-stop:", ("'co2-stop' names one",), "safety"),
    "delay too long": Bad("delay: 5 s", "delay: §2 h", ("allowed: 0 ms to 1 h",), "safety"),
    "hold shorter than alarm": Bad("local_hold: 4 h", "local_hold: §60 s", ("not longer than",), "safety"),
    "return as long as alarm": Bad("return_after: 10 s", "return_after: §60 s", ("not shorter",), "safety"),
    "unknown loop": Bad("    TIC-101: {to", "    §TIC-110: {to", ("did you mean 'TIC-101'",), "safety"),
    "set point out of range": Bad("to: 34.0", "to: §29.0", ("setpoint_range of loop TIC-101",), "safety"),
    "no ramp": Bad(SETPOINT, "    §TIC-101: {to: 34.0 degC}\n", ("either 'over' or 'rate'",), "safety"),
    "two ramps": Bad(
        SETPOINT,
        "    §TIC-101: {to: 34.0 degC, over: 1 h, rate: 1 K/h}\n",
        ("either 'over' or 'rate'",),
        "safety",
    ),
    "ramp that stands": Bad("rate: 1 K/h", "rate: §0 K/h", ("never arrives",), "safety"),
    "nowhere to go": Bad(
        "to: 34.0 degC, rate: 1 K/h", "to: 37.0 degC, §over: 1 h", ("is at 37.0 degC already",), "safety"
    ),
    "unknown stop": Bad("stop: [FV-103]", "stop: [§FV-104]", ("unknown actuator",), "safety"),
    "warned from the start": Bad("warn_before: 60 s", "warn_before: §30 min", ("not shorter",), "safety"),
    "fallback out of range": Bad(FEED, FEED + "    fallback: §6 mL/min\n", ("outside the range",)),
    "switch with a fallback": Bad(
        "    normal: on\n", "    normal: on\n    fallback: §7 mL/min\n", ("on or off",)
    ),
}


@pytest.mark.parametrize("bad", WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_where_it_stands(bad: Bad, tmp_path: Path) -> None:
    bad.problem(tmp_path / "u")


def test_a_loop_in_cascade_has_no_fallback_set_point(tmp_path: Path) -> None:
    text = UNIT.replace("    tag: TT-101\n", "    tag: TT-101\n    mode: CAS\n    master: AIC-101\n")
    said = [problem.message for problem in compiled(tmp_path / "u", unit=text).problems]
    assert "TIC-101 is in CAS and takes its set point from AIC-101" in said


@pytest.mark.parametrize("name", ["demo", "example-2l", "perfusion-2l", "rocking-2l"])
def test_a_shipped_unit_trips_above_its_interlock(name: str) -> None:
    """The contactor opens first; the trip is for when that did not help."""
    plan = compile_folder(CONFIGS / name).plan
    assert plan is not None
    trip = next(hazard for hazard in plan.hazards if hazard.name == "overheated")
    lock = next(lock for lock in plan.interlocks if lock.name == "over-temperature")
    assert (trip.action, trip.cause.subject) == (Action.TRIP, lock.tag)
    assert trip.cause.limit - trip.cause.hysteresis >= lock.limit
    assert plan.ladder.setpoints
