"""An experiment on a loop: never outside its limits, ended by everything that speaks against it, and nobody notices that it is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgectl.core import experiment_request
from edgectl.core.experiment import MOST_POINTS
from edgectl.core.experiment_request import KEEP_S
from edgectl.core.loop import REGULATING, TUNING
from edgectl.core.restart import Outage, begin
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.experiment import Experiment, Stage, TunePlan
from edgectl.model.instant import Instant
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Authority, Origin, Reply, Request
from edgectl.model.safety import (
    Action,
    AlarmPlan,
    Cause,
    DosePlan,
    HazardPlan,
    InterlockPlan,
    Priority,
    Relation,
    Watch,
)
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import State
from tests.core.rig import SMALL_LOOP, SMALL_TAG, SMALL_VALVE, Closed, demo, request, small

LIMITS = TunePlan(10.0, 4.0, 3600.0, "%")
LOOP = replace(SMALL_LOOP, tune=LIMITS)
NAME = "PIC-1"
HIGH = AlarmPlan("PAH-1", Cause(Watch.TAG, "PT-1", Relation.ABOVE, 53.0), Priority.LOW)


def steady(loop: LoopPlan = LOOP, **plan: Any) -> Closed:
    """A unit whose loop has held its set point for a while."""
    bench = Closed(replace(small(loop), **plan))
    bench.run(600)
    return bench


def ask(bench: Closed, value: str = "relay") -> Reply:
    return bench.ask(Ask.TUNE, NAME, value)


def swinging(bench: Closed) -> Closed:
    """An experiment that has the output."""
    assert ask(bench).accepted
    bench.run(70)
    assert bench.loop(NAME).condition == TUNING
    return bench


def found(bench: Closed) -> Experiment:
    return bench.state.experiments[NAME]


def test_a_relay_listens_swings_and_ends_by_itself() -> None:
    bench = steady()
    assert ask(bench).accepted
    bench.run(50)
    assert bench.loop(NAME).condition == REGULATING
    bench.run(15)
    assert bench.loop(NAME).condition == TUNING
    bench.run(400)
    assert (found(bench).stage, found(bench).complete, found(bench).swings) == (Stage.OVER, True, 7)
    assert bench.loop(NAME).condition == REGULATING
    assert [after for _, after in bench.told("experiment", NAME)] == [
        "listening, relay",
        "swinging, relay",
        "over",
    ]


def test_the_loop_goes_on_from_the_output_that_held_before() -> None:
    bench = swinging(steady())
    while found(bench).stage is not Stage.OVER:
        before = bench.output("PV-1")
        bench.scan()
    assert abs(before - found(bench).base) > 1.0
    assert bench.output("PV-1") == pytest.approx(found(bench).base, abs=0.1)
    bench.run(60)
    assert bench.worst_step(59) < 1.0


def test_what_is_recorded_is_what_the_plant_got_and_did() -> None:
    bench = steady()
    ask(bench)
    bench.run(100)
    points = found(bench).points
    assert len(points) == 101
    assert points[-1].output == bench.outputs[-1]
    assert points[-1].t_s - points[-2].t_s == 1.0


def test_a_long_record_stays_small_and_keeps_its_means() -> None:
    slow = replace(LOOP, tune=replace(LIMITS, longest_s=36_000.0))
    bench = steady(slow)
    ask(bench)
    for _ in range(2 * MOST_POINTS + 10):
        bench.scan()
        bench.pressure = 50.0
    assert len(found(bench).points) < MOST_POINTS
    assert found(bench).every in (2, 4)
    steps = {b.t_s - a.t_s for a, b in zip(found(bench).points, found(bench).points[1:], strict=False)}
    assert steps == {float(found(bench).every)}


def _bad(bench: Closed) -> None:
    bench.values["PT-1"] = None


def _uncertain(bench: Closed) -> None:
    bench.status["PT-1"] = DeviceStatus.OUT_OF_SPECIFICATION


def _far(bench: Closed) -> None:
    bench.pressure += 4.5


def _held(bench: Closed) -> None:
    bench.scan(request(Ask.HOLD, "BR-DEMO", "hold"))


def _manual(bench: Closed) -> None:
    bench.scan(request(Ask.MODE, NAME, "MAN"))


def _setpoint(bench: Closed) -> None:
    bench.scan(request(Ask.SETPOINT, NAME, 51.0))


def _stop(bench: Closed) -> None:
    assert ask(bench, "stop").accepted


def _astray(bench: Closed) -> None:
    bench.stuck["PV-1"] = 20.0


def _given_away(bench: Closed) -> None:
    unit = replace(bench.state.unit, authority=Authority.REMOTE, owner="host")
    bench.state = replace(bench.state, unit=unit)


def _late(bench: Closed) -> None:
    bench.scan(dt_s=4000.0)


ENDS = {
    "authority is remote": _given_away,
    "its time is over": _late,
    "PT-1 is BAD": _bad,
    "PT-1 is UNCERTAIN": _uncertain,
    "from the set point": _far,
    "the unit is held": _held,
    "PIC-1 is in MAN": _manual,
    "on its way to another": _setpoint,
    "stopped by anna": _stop,
    "PV-1 is restricted: not following": _astray,
}


@pytest.mark.parametrize("reason", ENDS)
def test_everything_that_speaks_against_it_ends_it_and_says_why(reason: str) -> None:
    bench = swinging(steady(small(LOOP).loops[0]))
    ENDS[reason](bench)
    bench.run(5)
    assert found(bench).stage is Stage.OVER
    assert not found(bench).complete
    assert reason in found(bench).ended
    assert bench.loop(NAME).condition != TUNING
    assert any(e.kind == "experiment" and e.after == "over" for e in bench.events)


def _load(bench: Closed) -> None:
    bench.load = 30.0


GUARDS: dict[str, dict[str, Any]] = {
    "alarm PAH-1": {"alarms": (HIGH,)},
    "is held by interlock PSH-1": {
        "interlocks": (InterlockPlan("PSH-1", "PT-1", Relation.ABOVE, 53.0, ("PV-1",)),)
    },
    "PV-1 is not free": {
        "hazards": (
            HazardPlan("high", Cause(Watch.TAG, "PT-1", Relation.ABOVE, 53.0), Action.SAFE, ("PV-1",)),
        )
    },
}


@pytest.mark.parametrize("reason", GUARDS)
def test_whatever_guards_the_unit_ends_it(reason: str) -> None:
    bench = swinging(steady(**GUARDS[reason]))
    bench.pressure = 53.5
    bench.run(3)
    assert reason in found(bench).ended


def test_an_alarm_that_stood_before_does_not_end_it_but_its_return_does() -> None:
    low = replace(HIGH, cause=Cause(Watch.TAG, "PT-1", Relation.BELOW, 50.5))
    bench = steady(alarms=(low,))
    assert ask(bench).accepted
    bench.run(70)
    assert found(bench).stage is Stage.SWINGING
    bench.run(300)
    assert "alarm PAH-1" in found(bench).ended


def test_a_dosing_limit_that_is_near_forbids_it() -> None:
    bench = steady(doses=(DosePlan("PV-1", 60.0, per_hour=600.0, unit="mL"),))
    assert "PV-1 has given" in ask(bench).reason


def test_time_over_ends_it() -> None:
    """A plant that does not answer: each swing has its time, and all of them the declared one."""
    bench = steady(replace(LOOP, tune=replace(LIMITS, longest_s=600.0)))
    bench.scan()
    ask(bench)
    for _ in range(620):
        bench.scan()
        bench.pressure = 50.0
    assert found(bench).stage is Stage.OVER
    assert found(bench).elapsed_s <= 600.0


def test_a_swing_ends_when_the_plant_has_come_to_rest() -> None:
    """Limits so wide that the value never gets to them: the time for a swing would be more than an hour."""
    bench = steady(replace(LOOP, tune=TunePlan(10.0, 40.0, 36_000.0, "%")))
    ask(bench)
    while found(bench).stage is not Stage.OVER:
        bench.scan()
    assert found(bench).complete
    assert found(bench).elapsed_s < 7200.0


def test_an_output_on_its_way_elsewhere_is_no_base() -> None:
    bench = steady(replace(LOOP, tune=replace(LIMITS, amplitude=3.0)))
    ask(bench)
    for _ in range(70):
        bench.load -= 0.2
        bench.scan()
    assert "not steady: the output moved" in found(bench).ended


def test_a_mistake_in_its_own_arithmetic_costs_the_experiment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = swinging(steady())

    def broken(*_: object) -> Experiment:
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr(experiment_request, "swing", broken)
    bench.scan()
    assert found(bench).ended == "aborted: ZeroDivisionError: by hand"
    assert bench.loop(NAME).condition == REGULATING


REFUSALS: dict[str, tuple[LoopPlan, str]] = {
    "no limits of experiments are declared": (SMALL_LOOP, "relay"),
    "tune must be one of relay, step or stop": (LOOP, "wobble"),
    "too near an end of its range": (replace(LOOP, setpoint=2.0), "relay down"),
    "no experiment runs on PIC-1": (LOOP, "stop"),
}


@pytest.mark.parametrize("reason", REFUSALS)
def test_what_cannot_be_is_refused_with_its_reason(reason: str) -> None:
    loop, value = REFUSALS[reason]
    reply = ask(steady(loop), value)
    assert not reply.accepted
    assert reason in reply.reason


def test_a_loop_that_does_not_hold_its_set_point_is_not_tried() -> None:
    bench = steady()
    bench.pressure = 52.5
    bench.scan()
    assert "from the set point; allowed: 2 mbar" in ask(bench).reason
    assert "must be in AUTO" in _in_manual().reason


def _in_manual() -> Reply:
    bench = steady()
    bench.ask(Ask.MODE, NAME, "MAN")
    return ask(bench)


def test_nobody_far_away_begins_one_and_only_one_runs() -> None:
    bench = steady()
    far = Request("r9", Ask.TUNE, NAME, "relay", "eve", "why not", Origin.REMOTE, "host")
    assert not bench.scan(far).replies[0].accepted
    assert ask(bench).accepted
    assert "runs on PIC-1 already" in ask(bench).reason


def test_too_much_noise_is_told_before_anything_moves() -> None:
    bench = steady()
    ask(bench)
    for scan in range(80):
        bench.pressure = 50.0 + (0.9 if scan % 2 else -0.9)
        bench.scan()
        assert bench.loop(NAME).condition == REGULATING
    assert "the noise of PT-1" in found(bench).ended


def test_what_it_found_is_kept_for_an_hour() -> None:
    bench = steady()
    ask(bench)
    while found(bench).stage is not Stage.OVER:
        bench.scan()
    bench.run(KEEP_S - 10)
    assert NAME in bench.state.experiments
    bench.run(20)
    assert bench.state.experiments == {}


def test_memory_of_an_experiment_survives_its_way_through_a_file() -> None:
    bench = swinging(steady())
    assert from_plain(State, to_plain(bench.state)) == bench.state


@pytest.mark.parametrize("outage_s", [5.0, 50_000.0])
def test_an_experiment_does_not_outlive_control(outage_s: float) -> None:
    bench = swinging(steady())
    base, now = found(bench).base, bench.now
    stamp = Stamp("boot", now.mono_ns, now.utc_ns, "")
    snapshot = Snapshot(
        plan=bench.plan.digest,
        at=now,
        taken=stamp,
        clean=False,
        setpoints={},
        state=bench.state,
        unit="",
        version="",
    )
    later = Instant(now.mono_ns + round(outage_s * 1e9), now.utc_ns)
    begun = begin(bench.plan, snapshot, "", Outage(outage_s, "by the clock"), later)
    assert begun.state.experiments == {}
    assert any(e.kind == "experiment" and "control was stopped" in e.reason for e in begun.events)
    if outage_s < 60.0:
        assert begun.state.loops[NAME].kept == pytest.approx(base)


SPLIT = replace(
    LOOP,
    segments=(SegmentPlan("PV-0", -100.0, 0.0, 100.0, 0.0), SegmentPlan("PV-1", 0.0, 100.0, 0.0, 100.0)),
    out_low=-100.0,
)


def test_a_split_range_is_tried_one_side_at_a_time() -> None:
    plan = demo(
        tags=(SMALL_TAG,),
        actuators=(replace(SMALL_VALVE, name="PV-0", channel="o.PV-0"), SMALL_VALVE),
        interlocks=(),
        loops=(replace(SPLIT, setpoint=0.0),),
    )
    bench = _Split(plan, pressure=0.0)
    bench.run(600)
    assert "say which, up or down" in ask(bench).reason
    assert ask(bench, "relay up").accepted
    for _ in range(400):
        bench.scan()
        assert bench.output("PV-0") == pytest.approx(0.0, abs=0.3)
    assert found(bench).low == pytest.approx(found(bench).base)


class _Split(Closed):
    """The opening of PV-0 counts against that of PV-1."""

    def scan(self, *requests: Request, dt_s: float | None = None) -> Any:
        result = super().scan(*requests, dt_s=dt_s)
        self.load = -self.output("PV-0")
        return result


CASCADE = (
    replace(LOOP, name="MIC-1", segments=(), out_low=0.0, out_high=90.0),
    replace(LOOP, master="MIC-1", mode=Mode.CAS),
)


def test_a_master_is_tried_through_its_slave_and_only_while_that_follows() -> None:
    bench = Closed(replace(small(), loops=CASCADE))
    bench.run(900)
    assert "PIC-1 is in CAS, and must be in AUTO" in ask(bench).reason
    assert bench.ask(Ask.TUNE, "MIC-1", "relay").accepted
    bench.run(80)
    assert bench.loop("MIC-1").condition == TUNING
    assert bench.loop(NAME).setpoint == pytest.approx(bench.loop("MIC-1").output)
    bench.ask(Ask.MODE, NAME, "AUTO")
    assert "PIC-1 below it is in AUTO" in bench.state.experiments["MIC-1"].ended


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amplitude=st.floats(1.0, 30.0),
    within=st.floats(0.5, 10.0),
    setpoint=st.floats(3.0, 87.0),
    method=st.sampled_from(["relay", "step", "relay up", "step down", "relay both"]),
    shocks=st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=8),
    load=st.floats(-15.0, 15.0),
)
def test_the_output_never_leaves_its_range_whatever_the_plant_does(
    amplitude: float, within: float, setpoint: float, method: str, shocks: list[float], load: float
) -> None:
    tune = TunePlan(amplitude, within, 900.0, "%")
    bench = Closed(small(replace(LOOP, setpoint=setpoint, tune=tune)), load=load)
    bench.run(300)
    if not ask(bench, method).accepted:
        return
    for scan in range(950):
        bench.pressure += shocks[scan % len(shocks)] * 0.2 * within
        bench.scan()
        state = found(bench)
        if bench.loop(NAME).condition == TUNING:
            assert state.base - amplitude - 1e-9 <= bench.loop(NAME).output <= state.base + amplitude + 1e-9
            assert 0.0 <= bench.output("PV-1") <= 100.0
    assert found(bench).stage is Stage.OVER
