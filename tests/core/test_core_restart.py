"""After a short outage a unit goes on where it was; after anything else it waits, and forgets nothing that protects."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.core.initial import initial_state
from edgectl.core.restart import Begun, Outage, begin, outage_since
from edgectl.model.codec import from_plain, seal, to_plain
from edgectl.model.fusion import FusionState
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode, PidState
from edgectl.model.plan import Plan
from edgectl.model.request import Ask, Authority
from edgectl.model.safety import (
    Action,
    AlarmCode,
    AlarmPlan,
    Cause,
    CheckKind,
    CheckPlan,
    DosePlan,
    HazardPlan,
    Priority,
    Watch,
)
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import (
    ActuatorState,
    AlarmState,
    CheckState,
    DoseState,
    HazardState,
    State,
    UnitState,
)
from tests.core import rig
from tests.core.rig import NS, SMALL_LOOP, Closed, small

NOW = Instant(5_000 * NS, rig.UTC_NS)
SAVED_AT = Instant(1_000 * NS, 7)
TAKEN = Stamp("boot-1", 100 * NS, rig.UTC_NS)
CAUSE = Cause(Watch.BAD, "TT-101")


def guarded(**changes: object) -> Plan:
    """The demo unit with one of everything that guards."""
    return seal(
        rig.demo(
            checks=(CheckPlan("warms", CheckKind.NO_EFFECT, "TT-101", 60.0, 0.1, "HS-101"),),
            hazards=(HazardPlan("no-temperature", CAUSE, Action.TRIP, latched=True),),
            alarms=(AlarmPlan("temperature-lost", CAUSE, Priority.HIGH),),
            doses=(DosePlan("P-101", 60.0, per_batch=100.0),),
            **changes,
        )
    )


def remembered(plan: Plan) -> State:
    """The demo unit in the middle of a batch."""
    state = initial_state(plan)
    regulating = LoopState(
        Mode.AUTO, 36.0, 36.0, 33.0, 33.0, PidState(33.5, 36.1), condition="regulating", faults=1, calm_s=4.0
    )
    return replace(
        state,
        scan=77,
        loops={
            **state.loops,
            "TIC-101": regulating,
            "AIC-101": replace(regulating, mode=Mode.MAN, target=7.0, output=40.0, condition="manual"),
        },
        actuators={
            **state.actuators,
            "TY-101": ActuatorState(
                33.0, confirmed=33.0, restricted_by=("rate limit",), stuck=1.0, astray_s=3.0
            ),
            "P-102": ActuatorState(4.0, manual=4.0),
        },
        checks={"warms": CheckState(failed=True, reason="cold")},
        hazards={
            "no-temperature": HazardState(
                active=True, first_out=True, since=Instant(990 * NS, 5), reason="why"
            )
        },
        alarms={"temperature-lost": AlarmState(AlarmCode.UNACK)},
        doses={"P-101": DoseState(batch=12.0)},
        unit=UnitState(authority=Authority.REMOTE, uplink_lost_s=9.0, batch="B7", owner="scada-1"),
    )


def saved(plan: Plan, state: State | None = None, *, clean: bool = False) -> Snapshot:
    setpoints = {loop.name: loop.setpoint for loop in plan.loops}
    return Snapshot("BR-DEMO", plan.digest, "0", SAVED_AT, TAKEN, state or remembered(plan), setpoints, clean)


def begun(plan: Plan, snapshot: Snapshot | None, seconds: float | None = 3.0, trouble: str = "") -> Begun:
    return begin(plan, snapshot, trouble, Outage(seconds, "by the monotonic clock"), NOW)


def told(start: Begun, kind: str) -> list[tuple[str, str, str]]:
    return [(e.subject, e.before, e.after) for e in start.events if e.kind == kind]


# How long nobody controlled.


@pytest.mark.parametrize(
    ("taken", "now", "seconds"),
    [
        (("a", 10, 99, ""), ("a", 13, 7, ""), 3.0),  # one boot: the wall clock does not count
        (("a", 10, 99, "doubt"), ("a", 10, 7, "doubt"), 0.0),
        (("a", 10, 50, ""), ("b", 2, 57, ""), 7.0),  # another boot: the wall clock
        (("a", 10, 50, ""), ("b", 2, 50, ""), 0.0),
        (("a", 10, 50, ""), ("b", 2, 49, ""), None),  # it went back
        (("a", 10, 50, ""), ("a", 9, 60, ""), None),
        (("a", 10, 50, "doubt"), ("b", 2, 57, ""), None),  # it may not be believed at one end
        (("a", 10, 50, ""), ("b", 2, 57, "doubt"), None),
        (("", 10, 50, ""), ("", 12, 57, ""), 7.0),  # a kernel that tells no boot
    ],
)
def test_an_outage_is_measured_by_the_clock_that_can_know(
    taken: tuple[str, int, int, str], now: tuple[str, int, int, str], seconds: float | None
) -> None:
    first, second = (Stamp(boot, mono * NS, utc * NS, doubt) for boot, mono, utc, doubt in (taken, now))
    assert outage_since(first, second).seconds == seconds
    assert outage_since(first, second).reason
    if seconds is not None:
        assert outage_since(first, second, speed=10.0).seconds == 10.0 * seconds


# The first start, and a state that cannot be used.


def test_the_first_start_ever_is_not_held() -> None:
    plan = guarded()
    start = begun(plan, None)
    assert start.state == initial_state(plan)
    assert told(start, "restart") == [("BR-DEMO", "stopped", "started")]


def test_a_state_that_cannot_be_used_holds_the_unit_and_says_why() -> None:
    plan = guarded()
    start = begun(plan, None, None, "state.json: it was changed: its checksum does not fit")
    assert "checksum" in start.state.unit.held
    assert replace(start.state, unit=UnitState()) == initial_state(plan)
    assert told(start, "restart") == [("BR-DEMO", "stopped", "held")]


# Resumed.


@pytest.mark.parametrize(("seconds", "held"), [(0.0, False), (120.0, False), (120.001, True), (None, True)])
def test_only_a_short_and_known_outage_resumes(seconds: float | None, held: bool) -> None:
    plan = guarded()
    start = begun(plan, saved(plan), seconds)
    assert bool(start.state.unit.held) is held
    assert told(start, "restart") == [("BR-DEMO", "stopped", "held" if held else "resumed")]


def test_a_resumed_unit_remembers_everything_but_what_must_be_judged_anew() -> None:
    plan = guarded()
    before, fresh = remembered(plan), initial_state(plan)
    state = begun(plan, saved(plan)).state
    assert state.scan == 0
    assert (state.tags, state.interlocks) == (fresh.tags, fresh.interlocks)
    assert (state.checks, state.alarms, state.unit) == (before.checks, before.alarms, before.unit)
    assert state.loops["TIC-101"] == LoopState(
        Mode.AUTO, 36.0, 36.0, 30.0, 30.0, condition="waiting", kept=33.5, faults=1, calm_s=4.0
    )
    assert (state.loops["AIC-101"].mode, state.loops["AIC-101"].output) == (Mode.MAN, 40.0)
    assert state.loops["AIC-101"].kept is None
    assert state.actuators["TY-101"] == fresh.actuators["TY-101"]
    assert state.actuators["P-102"] == replace(fresh.actuators["P-102"], manual=4.0)


def test_instants_of_the_run_before_keep_their_ages() -> None:
    """A hazard that stood for 10 s, and 3 s of outage: on the new clock it began 13 s ago."""
    plan = guarded()
    for seconds in (3.0, 3_000.0):
        since = begun(plan, saved(plan), seconds).state.hazards["no-temperature"].since
        assert since == Instant(NOW.mono_ns - round((10 + seconds) * NS), 5)
    since = begun(plan, saved(plan), None).state.hazards["no-temperature"].since
    assert since == Instant(NOW.mono_ns - 10 * NS, 5)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [("regulating", 33.5), ("holding", 33.0), ("waiting", 8.0), ("fallback", None), ("tracking", None)],
)
def test_a_loop_goes_on_with_the_integral_it_had(condition: str, kept: float | None) -> None:
    plan = guarded()
    state = remembered(plan)
    loop = replace(state.loops["TIC-101"], condition=condition, kept=8.0)
    state = replace(state, loops={**state.loops, "TIC-101": loop})
    assert begun(plan, saved(plan, state)).state.loops["TIC-101"].kept == kept


def test_a_state_of_an_older_version_lacks_nothing() -> None:
    """The same plan, but no memory yet of guards and loops that this version has."""
    plan = guarded()
    assert begun(plan, saved(plan, State(scan=3))).state == initial_state(plan)


def test_a_unit_that_was_held_stays_held() -> None:
    plan = guarded()
    held = replace(remembered(plan), unit=UnitState(held="held by anna"))
    assert begun(plan, saved(plan, held)).state.unit.held == "held by anna"
    assert begun(plan, saved(plan, held), 1e4).state.unit.held.endswith("; held before: held by anna")


def settled() -> Closed:
    unit = Closed(small(SMALL_LOOP), pressure=50.0)
    unit.run(900)
    return unit


def restarted(unit: Closed, seconds: float) -> Closed:
    """The same plant under the next process, after ``seconds`` at its safe value."""
    plan = seal(unit.plan)
    snapshot = Snapshot("BR-DEMO", plan.digest, "0", unit.now, TAKEN, unit.state, {})
    again = Closed(plan, pressure=unit.pressure, load=unit.load, now_s=unit.now_s + seconds)
    for _ in range(round(seconds)):
        again.pressure -= again.pressure / 60.0
    again.values["PT-1"] = again.pressure
    again.state = begin(plan, snapshot, "", Outage(seconds, ""), again.now).state
    return again


def test_a_resumed_loop_asks_for_what_the_plant_needed_before() -> None:
    """Two seconds without control: the first output after is within 5 % of the last before, and the plant hardly notices."""
    before = settled()
    after = restarted(before, 2.0)
    after.run(1)
    assert after.loop("PIC-1").condition == "regulating"
    assert after.outputs[0] == pytest.approx(before.outputs[-1], abs=5.0)
    after.run(300)
    assert abs(after.pressure - 50.0) < 0.5


def test_a_resumed_loop_waits_for_a_good_input_with_its_actuator_safe() -> None:
    after = restarted(settled(), 2.0)
    after.values["PT-1"] = None
    after.run(5)
    assert after.outputs == [0.0] * 5
    after.values["PT-1"] = after.pressure
    after.run(1)
    assert after.outputs[-1] > 40.0


def test_a_resumed_ramp_goes_on_where_it_was() -> None:
    ramped = Closed(small(replace(SMALL_LOOP, setpoint_rate_per_s=0.1)), pressure=50.0)
    ramped.run(600)
    ramped.ask(Ask.SETPOINT, "PIC-1", 80.0)
    ramped.run(20)
    on_its_way = ramped.loop("PIC-1").setpoint
    after = restarted(ramped, 10.0)
    after.run(1)
    assert after.loop("PIC-1").setpoint == pytest.approx(on_its_way + 0.1)


def test_what_a_loop_kept_is_used_once() -> None:
    after = restarted(settled(), 2.0)
    after.run(1)
    assert after.loop("PIC-1").kept is None


@given(st.floats(-1e6, 1e6), st.floats(0.0, 120.0))
def test_whatever_was_kept_outputs_stay_in_their_range(integral: float, seconds: float) -> None:
    plan = seal(small(SMALL_LOOP))
    state = initial_state(plan)
    loop = replace(state.loops["PIC-1"], condition="regulating", pid=PidState(integral, 3.0))
    snapshot = Snapshot(
        "BR-DEMO", plan.digest, "0", SAVED_AT, TAKEN, replace(state, loops={"PIC-1": loop}), {}
    )
    unit = Closed(plan, pressure=20.0)
    unit.state = begin(plan, snapshot, "", Outage(seconds, ""), unit.now).state
    unit.run(3)
    assert all(math.isfinite(value) and 0.0 <= value <= 100.0 for value in unit.outputs)


def test_a_beginning_survives_the_journal() -> None:
    """Replay starts from the recorded state: it must come back to the bit."""
    plan = guarded()
    for seconds in (3.0, 1e6):
        state = begun(plan, saved(plan), seconds).state
        assert from_plain(State, to_plain(state)) == state


# Held.


def test_a_held_unit_keeps_what_protects_and_what_was_asked_for() -> None:
    plan = guarded()
    before, fresh = remembered(plan), initial_state(plan)
    start = begun(plan, saved(plan), 3600.0 * 5)
    state = start.state
    assert state.hazards["no-temperature"].active
    assert (state.alarms, state.checks) == (before.alarms, fresh.checks)
    assert state.unit.batch == "B7"
    assert (state.unit.authority, state.unit.owner) == (Authority.LOCAL, "")
    assert state.unit.uplink_lost_s == 9.0
    assert state.unit.held.startswith(
        "out of control for 5.0 h, by the monotonic clock; loops go on by themselves"
    )
    loop = state.loops["TIC-101"]
    assert loop == replace(fresh.loops["TIC-101"], target=36.0, setpoint=36.0)
    assert state.loops["AIC-101"].mode is Mode.MAN
    assert state.loops["AIC-101"].output == 0.0, "a manual output of hours ago does not come back by itself"
    assert state.actuators["P-102"].manual == 0.0
    assert told(start, "request") == [("P-102", "4 mL/min", "0 mL/min")]


def test_an_actuator_held_safe_by_hand_stays_so_without_a_word() -> None:
    plan = guarded()
    state = replace(remembered(plan), actuators={"P-102": ActuatorState(0.0, manual=0.0)})
    start = begun(plan, saved(plan, state), None)
    assert start.state.actuators["P-102"].manual == 0.0
    assert told(start, "request") == []
    assert "unknown time" in start.state.unit.held


def test_a_changed_plan_holds_even_after_a_blink() -> None:
    plan, changed = guarded(), guarded(description="new")
    start = begun(changed, saved(plan), 0.5)
    assert start.state.unit.held.startswith(
        f"the plan has changed from {plan.digest[:12]} to {changed.digest[:12]}; out of control for 0.5 s"
    )
    assert start.state.loops["TIC-101"].target == 36.0
    assert start.state.hazards["no-temperature"].active


def test_what_a_changed_plan_has_no_place_for_is_dropped_aloud() -> None:
    plan = guarded()
    changed = seal(
        replace(plan, hazards=(), alarms=(), doses=(), loops=plan.loops[2:], actuators=plan.actuators[:-1])
    )
    start = begun(changed, saved(plan))
    assert told(start, "hazard") == [("no-temperature", "saved", "dropped")]
    assert told(start, "alarm") == [("temperature-lost", "saved", "dropped")]
    assert told(start, "dose") == [("P-101", "saved", "dropped")]
    assert told(start, "loop") == [("AIC-101", "saved", "dropped"), ("TIC-101", "saved", "dropped")]
    assert start.state.hazards == {}
    assert set(start.state.loops) == {"AIC-102"}
    assert "P-102" not in start.state.actuators


@pytest.mark.parametrize(
    ("low", "high", "target", "said"),
    [
        (20.0, 39.0, 36.0, []),
        (36.0, 39.0, 36.0, []),
        (36.01, 39.0, 37.0, [("TIC-101", "36 degC", "37 degC")]),
        (20.0, 36.0, 36.0, []),
        (20.0, 35.99, 37.0, [("TIC-101", "36 degC", "37 degC")]),
    ],
)
def test_a_set_point_survives_only_inside_the_limits_of_the_plan(
    low: float, high: float, target: float, said: list[tuple[str, str, str]]
) -> None:
    plan = guarded()
    loop = rig.loop_plan("TIC-101", setpoint_low=low, setpoint_high=high)
    changed = seal(replace(plan, loops=(loop, *plan.loops[1:])))
    start = begun(changed, saved(plan))
    assert start.state.loops["TIC-101"].target == start.state.loops["TIC-101"].setpoint == target
    assert told(start, "setpoint") == said


def test_a_set_point_changed_in_the_folder_is_the_one_that_counts() -> None:
    plan = guarded()
    changed = seal(replace(plan, loops=(rig.loop_plan("TIC-101", setpoint=36.5), *plan.loops[1:])))
    start = begun(changed, saved(plan))
    assert start.state.loops["TIC-101"].target == 36.5
    assert told(start, "setpoint") == [("TIC-101", "36 degC", "36.5 degC")]
    unheard = replace(saved(plan), setpoints={})
    assert begun(changed, unheard).state.loops["TIC-101"].target == 36.0


def test_a_cascade_without_its_master_goes_back_to_what_is_planned() -> None:
    plan = guarded()
    state = remembered(plan)
    loop = replace(state.loops["TIC-101"], mode=Mode.CAS)
    start = begun(plan, saved(plan, replace(state, loops={"TIC-101": loop})), None)
    assert start.state.loops["TIC-101"].mode is Mode.AUTO
    assert told(start, "mode") == [("TIC-101", "CAS", "AUTO")]
    assert start.state.loops["AIC-102"] == initial_state(plan).loops["AIC-102"], "it did not exist then"
    mastered = seal(replace(plan, loops=(rig.loop_plan("TIC-101", master="AIC-102"), *plan.loops[1:])))
    kept = begun(mastered, saved(plan, replace(state, loops={"TIC-101": loop})), None)
    assert kept.state.loops["TIC-101"].mode is Mode.CAS


# What may have passed while nobody looked.


@pytest.mark.parametrize(
    ("clean", "seconds", "pump", "amount"),
    [
        (False, 30.0, ActuatorState(2.0, confirmed=1.5), 0.75),
        (False, 30.0, ActuatorState(2.0), 1.0),
        (False, 30.0, ActuatorState(2.0, confirmed=0.0), 0.0),
        (False, 30.0, ActuatorState(2.0, confirmed=-1.0), 0.0),
        (True, 30.0, ActuatorState(2.0, confirmed=1.5), 0.0),
        (False, None, ActuatorState(2.0, confirmed=1.5), 0.0),
        (False, 0.0, ActuatorState(2.0, confirmed=1.5), 0.0),
        (False, 9000.0, ActuatorState(2.0, confirmed=1.5), 225.0),
        (False, 30.0, None, 0.0),
    ],
)
def test_a_ledger_counts_the_most_that_may_have_passed(
    clean: bool, seconds: float | None, pump: ActuatorState | None, amount: float
) -> None:
    """A pump without a watchdog goes on as it was told last; after an end in order it stood at its safe value."""
    plan = guarded()
    pumps = {} if pump is None else {"P-101": pump}
    start = begun(plan, saved(plan, replace(remembered(plan), actuators=pumps), clean=clean), seconds)
    assert start.state.doses["P-101"].batch == pytest.approx(12.0 + amount)
    assert len(told(start, "dose")) == (amount > 0.0)


def test_a_pump_without_a_ledger_any_more_is_counted_by_nobody() -> None:
    plan = guarded()
    changed = seal(replace(plan, doses=()))
    start = begun(changed, saved(plan), 30.0)
    assert (start.state.doses, told(start, "dose")) == ({}, [("P-101", "saved", "dropped")])


@pytest.mark.parametrize("seconds", [3.0, 36_000.0])
def test_redundant_probes_are_asked_anew_after_any_outage(seconds: float) -> None:
    """What was faded out, and who had been outvoted, belongs to values that nobody knows any more."""
    plan = guarded()
    memory = {"AT-101": FusionState("AT-101A alone", ("AT-101B",), "AT-101B is BAD: gone", offset=0.04)}
    start = begun(plan, saved(plan, replace(remembered(plan), fusions=memory)), seconds)
    assert start.state.fusions == {}
