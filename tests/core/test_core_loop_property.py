"""What holds for a loop with everything a law can have, whatever happens to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core.restart import Outage, begin
from edgectl.model.codec import from_plain, seal, to_plain
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import FeedforwardPlan, LoopPlan, SchedulePlan
from edgectl.model.plan import ActuatorPlan, Plan, TagPlan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask
from edgectl.model.safety import DosePlan, InterlockPlan, Relation
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import State
from tests.core.cascade_rig import Vessel, cascade
from tests.core.rig import SMALL_LOOP, SMALL_TAG, SMALL_VALVE, Bench, demo, request

SPAN = 100.0
GOOD, DOUBTFUL, BAD = DeviceStatus.GOOD, DeviceStatus.OUT_OF_SPECIFICATION, DeviceStatus.FAILURE
BY_STIRRER = SchedulePlan("ST-1", ((0.0, 0.5, 2.0), (50.0, 1.0, 1.0), (100.0, 3.0, 0.5)))
FORWARD = (
    FeedforwardPlan("LT-1", 0.4, about=20.0, lag_s=5.0),
    FeedforwardPlan("LT-1", 0.5, lead_s=20.0, lag_s=5.0, delay_s=7.0, washout_s=60.0),
    FeedforwardPlan("setpoint", 0.5, about=50.0),
    FeedforwardPlan("SC-1", -0.1),
)
RICH = replace(
    SMALL_LOOP,
    gain=2.0,
    derivative_s=10.0,
    filter_s=5.0,
    weight=0.4,
    smooth_s=4.0,
    probe_lag_s=12.0,
    schedule=BY_STIRRER,
    feedforward=FORWARD,
    startup_zone=15.0,
    output_rate_per_s=20.0,
    setpoint_rate_per_s=0.0,
)
LAWS = (
    RICH,
    replace(RICH, startup_zone=0.0),
    replace(RICH, integral_s=0.0, weight=1.0, startup_zone=0.0),
    SMALL_LOOP,
)
LOCK = InterlockPlan("LSHH-1", "XT-1", Relation.ABOVE, 80.0, ("PV-1",), hysteresis=5.0)


def tag(name: str) -> TagPlan:
    return replace(SMALL_TAG, name=name, channel=f"i.{name}")


def unit_plan(loop: LoopPlan = RICH, valve: ActuatorPlan = SMALL_VALVE, **changes: object) -> Plan:
    """One loop and what its law reads: a stirrer, a load, a speed, and a tag that locks its valve."""
    parts: dict[str, object] = {
        "tags": (SMALL_TAG, tag("ST-1"), tag("LT-1"), tag("XT-1")),
        "actuators": (valve, ActuatorPlan("SC-1", "o.SC-1", "rpm", 0.0, 100.0, safe=0.0)),
        "interlocks": (LOCK,),
        "loops": (loop,),
    }
    return seal(demo(**{**parts, **changes}))


@dataclass
class Unit(Bench):
    """The unit with every measurement in the test's hand."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.values = {"PT-1": 50.0, "ST-1": 50.0, "LT-1": 20.0, "XT-1": 0.0}

    @property
    def valve(self) -> float:
        return self.output("PV-1")

    @property
    def pid_integral(self) -> float:
        return self.loop("PIC-1").pid.integral

    def restart(self) -> None:
        """Ten seconds without control, and on from the snapshot; every output has gone safe meanwhile."""
        stamp = Stamp("boot", self.now.mono_ns, self.now.utc_ns)
        state: State = from_plain(State, json.loads(json.dumps(to_plain(self.state))))
        snapshot = Snapshot(self.plan.unit, self.plan.digest, "1", self.now, stamp, state, {})
        self.now_s += 10.0
        self.achieved.clear()
        self.samples.clear()
        self.state = begin(self.plan, snapshot, "", Outage(10.0, ""), self.now).state
        assert not self.state.unit.held


values = st.floats(0.0, 100.0) | st.sampled_from([0.0, 50.0, 100.0]) | st.none()
status = st.sampled_from([GOOD, GOOD, GOOD, DOUBTFUL, BAD])
asks = st.sampled_from(
    [
        (Ask.MODE, "MAN"),
        (Ask.MODE, "AUTO"),
        (Ask.MODE, "OOS"),
        (Ask.SETPOINT, 0.0),
        (Ask.SETPOINT, 90.0),
        (Ask.OUTPUT, 0.0),
        (Ask.OUTPUT, 100.0),
        ("restart", ""),
        ("stuck", 100.0),
        ("free", ""),
    ]
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["PT-1", "ST-1", "LT-1", "XT-1"]),
        values,
        status,
        st.none() | asks,
        st.sampled_from([1.0, 1.0, 1.0, 0.5, 5.0]),
        st.integers(1, 15),
    ),
    min_size=1,
    max_size=25,
)
Steps = list[tuple[str, float | None, DeviceStatus, tuple[object, object] | None, float, int]]


def act(unit: Unit, asked: tuple[object, object] | None) -> None:
    if asked is None:
        return
    ask, value = asked
    if ask == "restart":
        unit.restart()
    elif ask == "stuck":
        unit.stuck["PV-1"] = 30.0
    elif ask == "free":
        unit.stuck.clear()
    elif isinstance(ask, Ask) and isinstance(value, str | float):
        unit.scan(request(ask, "PIC-1", value))


def play(unit: Unit, sequence: Steps, check: Callable[[], None]) -> list[float]:
    """The valve over a sequence of anything."""
    course = []
    for name, value, quality, asked, dt_s, times in sequence:
        unit.values[name], unit.status[name] = value, quality
        act(unit, asked)
        for _ in range(times):
            unit.scan(dt_s=dt_s)
            check()
            course.append(unit.valve)
    return course


@settings(max_examples=60, deadline=None)
@given(law=st.sampled_from(LAWS), sequence=steps)
def test_whatever_happens_the_output_stays_inside_its_limits_and_the_integral_bounded(
    law: LoopPlan, sequence: Steps
) -> None:
    """The integral can stand for no more than the output's span and what all other parts can add up to."""
    valve = replace(SMALL_VALVE, rate_per_s=30.0)
    unit = Unit(unit_plan(replace(law, segments=(replace(law.segments[0], low=5.0, high=80.0),)), valve))

    def check() -> None:
        loop = unit.loop("PIC-1")
        assert 0.0 <= loop.output <= 100.0
        assert 0.0 <= unit.valve <= 80.0 or loop.mode is Mode.MAN
        assert abs(loop.pid.integral) < 3000.0
        assert abs(loop.pid.offset) < 3000.0

    play(unit, sequence, check)


@settings(max_examples=25, deadline=None)
@given(sequence=steps)
def test_the_same_things_happening_give_the_same_outputs_to_the_bit(sequence: Steps) -> None:
    """Also when the memory goes through its stored form between any two scans."""
    plain, stored = Unit(unit_plan()), Unit(unit_plan())

    def through_store() -> None:
        stored.state = from_plain(State, json.loads(json.dumps(to_plain(stored.state))))

    assert play(plain, sequence, lambda: None) == play(stored, sequence, through_store)
    assert plain.state == stored.state


# Each change: what happens, how many scans it lasts, and what brings it back
Act = Callable[["Unit"], object]
CHANGES: dict[str, tuple[Act, Act]] = {
    "manual": (lambda u: u.ask(Ask.MODE, "PIC-1", "MAN"), lambda u: u.ask(Ask.MODE, "PIC-1", "AUTO")),
    "doubt": (lambda u: u.status.update({"PT-1": DOUBTFUL}), lambda u: u.status.clear()),
    "schedule": (lambda u: u.values.update({"ST-1": 95.0}), lambda u: u.values.update({"ST-1": 5.0})),
    "schedule lost": (lambda u: u.status.update({"ST-1": BAD}), lambda u: u.status.clear()),
    "source lost": (lambda u: u.status.update({"LT-1": BAD}), lambda u: u.status.clear()),
    "retuned": (
        lambda u: retune(u, gain=6.0, derivative_s=30.0),
        lambda u: retune(u, weight=1.0, feedforward=FORWARD[:1]),
    ),
    "other filter": (lambda u: retune(u, smooth_s=0.0, probe_lag_s=0.0), lambda u: retune(u, dead_band=1.0)),
}


def retune(unit: Unit, **changes: object) -> None:
    unit.plan = replace(unit.plan, loops=(replace(unit.plan.loops[0], **changes),))  # type: ignore[arg-type]


def in_control(pressure: float, load: float = 20.0) -> Unit:
    """A unit that regulates in the middle of its output, its set point within 10 of its value."""
    unit = Unit(unit_plan(replace(RICH, output_rate_per_s=0.0)))
    unit.values |= {"PT-1": pressure, "LT-1": load}
    unit.scan()
    unit.ask(Ask.MODE, "PIC-1", "MAN")
    unit.ask(Ask.OUTPUT, "PIC-1", 50.0)
    unit.ask(Ask.MODE, "PIC-1", "AUTO")
    unit.run(3)
    return unit


def worst_step(unit: Unit, scans: int) -> float:
    worst, before = 0.0, unit.valve
    for _ in range(scans):
        unit.scan()
        worst, before = max(worst, abs(unit.valve - before)), unit.valve
    return worst


@settings(max_examples=15, deadline=None)
@given(pressure=st.floats(44.0, 56.0), lasts=st.integers(1, 9), moved=st.floats(10.0, 40.0))
@pytest.mark.parametrize("change", CHANGES)
def test_no_change_of_who_or_what_decides_moves_the_output(
    change: str, pressure: float, lasts: int, moved: float
) -> None:
    """Mode, re-tune, schedule, doubt about the probe, loss of a source: less than a hundredth of the span, there and back."""
    begins, ends = CHANGES[change]
    unit = in_control(pressure)
    before = unit.valve
    begins(unit)
    if change == "source lost":
        unit.values["LT-1"] = moved
    assert abs(unit.valve - before) < 0.01 * SPAN
    assert worst_step(unit, lasts) < 0.01 * SPAN
    before = unit.valve
    ends(unit)
    assert abs(unit.valve - before) < 0.01 * SPAN
    assert worst_step(unit, 3) < 0.01 * SPAN


@settings(max_examples=15, deadline=None)
@given(pressure=st.floats(44.0, 56.0), back=st.floats(44.0, 56.0), status=st.sampled_from([DOUBTFUL, BAD]))
def test_a_probe_that_comes_back_moves_nothing_at_once(
    pressure: float, back: float, status: DeviceStatus
) -> None:
    """Elsewhere than it was, after a hold or after the fallback."""
    unit = in_control(pressure)
    unit.status["PT-1"] = status
    unit.run(5)
    unit.values["PT-1"] = back
    unit.status.clear()
    before = unit.valve
    assert worst_step(unit, 5) < 0.011 * SPAN
    assert unit.loop("PIC-1").condition == "regulating"
    assert abs(before - unit.valve) < 0.05 * SPAN


@settings(max_examples=15, deadline=None)
@given(pressure=st.floats(44.0, 56.0), load=st.floats(0.0, 40.0), lost=st.booleans())
def test_a_restart_goes_on_where_it_was(pressure: float, load: float, lost: bool) -> None:
    """Also where a source of feed-forward, or of the schedule, is not there yet."""
    unit = in_control(pressure, load)
    unit.values["ST-1"] = 80.0
    unit.run(200 if not lost else 100)
    before = unit.valve
    if not 5.0 < before < 95.0:
        return  # at an end of the output nothing shows
    if lost:
        unit.status |= {"LT-1": BAD, "ST-1": BAD}
    unit.restart()
    unit.scan()
    assert abs(unit.valve - before) < 0.01 * SPAN


def test_after_a_doubt_the_loop_goes_on_with_the_load_it_knew() -> None:
    """While the output was held the process moved on. What the loop owes after the hold fades; its integral is not bent to it."""
    unit = in_control(50.0)
    unit.run(60)
    load = unit.pid_integral
    unit.status["PT-1"] = DOUBTFUL
    unit.run(8)
    unit.status.clear()
    unit.values["PT-1"] = 45.0
    before = unit.valve
    unit.scan()
    assert abs(unit.valve - before) < 0.01 * SPAN
    assert unit.pid_integral == pytest.approx(load, abs=0.5)
    unit.run(40)
    assert unit.valve > before + 5.0


def locked(unit: Unit) -> None:
    unit.values["XT-1"] = 90.0


def stuck(unit: Unit) -> None:
    unit.stuck["PV-1"] = unit.valve


RESTRICTIONS: dict[str, tuple[Plan, Callable[[Unit], None]]] = {
    "range": (unit_plan(), lambda _: None),
    "narrow actuator": (unit_plan(valve=replace(SMALL_VALVE, high=60.0)), lambda _: None),
    "interlock": (unit_plan(), locked),
    "not following": (unit_plan(), stuck),
    "rate limit": (unit_plan(valve=replace(SMALL_VALVE, rate_per_s=0.05)), lambda _: None),
    "output rate": (unit_plan(replace(RICH, output_rate_per_s=0.05)), lambda _: None),
    "minimum off time": (unit_plan(valve=replace(SMALL_VALVE, min_off_s=600.0)), lambda _: None),
    "dosing limit": (
        unit_plan(doses=(DosePlan("PV-1", 60.0, per_hour=60.0, per_batch=100.0),)),
        lambda _: None,
    ),
}


@pytest.mark.parametrize("pressure", [20.0, 80.0])
@pytest.mark.parametrize("restriction", RESTRICTIONS)
def test_no_restriction_winds_the_integral_up(restriction: str, pressure: float) -> None:
    """Half an hour of it. The integral stays within what the output can be, and with the error turned round the output turns within seconds."""
    plan, begin_it = RESTRICTIONS[restriction]
    unit = Unit(replace(plan, loops=(replace(plan.loops[0], startup_zone=0.0),)))
    unit.run(30)
    begin_it(unit)
    unit.values["PT-1"] = pressure
    unit.run(1800)
    loop = unit.loop("PIC-1")
    assert -130.0 < loop.pid.integral < 160.0
    unit.values["XT-1"] = 0.0
    unit.stuck.clear()
    unit.run(5)
    before = unit.loop("PIC-1").output
    unit.values["PT-1"] = 100.0 - pressure
    unit.run(15)
    after = unit.loop("PIC-1").output
    assert (after - before) * (pressure - 50.0) >= 0.0
    assert abs(after - before) > 0.5 or after in (0.0, 100.0)


def test_a_slave_at_its_end_or_out_of_cascade_winds_no_master_up() -> None:
    """An hour of either; then the vessel is back without overshoot."""
    for trouble in ("weak heater", "out of cascade"):
        unit = Vessel(cascade())
        list(unit.after(3 * 3600))
        load = unit.loop("TIC-101").pid.integral
        if trouble == "weak heater":
            unit.reach = 10.0
        else:
            unit.ask(Ask.MODE, "TIC-102", "AUTO")
            unit.ask(Ask.SETPOINT, "TIC-102", 30.0)
        list(unit.after(3600))
        assert unit.vessel < 36.0
        if trouble == "weak heater":
            assert unit.loop("TIC-101").pid.integral == pytest.approx(load, abs=0.3)
        unit.reach = 40.0
        if trouble != "weak heater":
            before = unit.output("EY-101")
            unit.ask(Ask.MODE, "TIC-102", "CAS")
            assert abs(unit.output("EY-101") - before) < 2.0
        unit.peak = 0.0
        course = list(unit.after(3 * 3600))
        assert unit.peak < 37.1, trouble
        assert course[-1] == pytest.approx(37.0, abs=0.05), trouble


@settings(max_examples=20, deadline=None)
@given(
    noise=st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5]), min_size=8, max_size=8), every=st.integers(4, 9)
)
@pytest.mark.parametrize("held", ["instrument", "register"])
def test_a_probe_slower_than_the_scan_makes_no_comb(held: str, noise: list[float], every: int) -> None:
    """Between two samples nothing moves but the integral, whether the sample keeps its time or is read again with a new one."""
    unit = in_control(50.0)
    slow = tuple(replace(part, late_s=20.0, stale_s=30.0) for part in unit.plan.tags)
    unit.plan = replace(unit.plan, tags=slow)
    unit.run(20)
    for place, part in enumerate(noise):
        unit.silent.discard("PT-1")
        unit.values["PT-1"] = 50.0 + part + 0.001 * place
        unit.scan()
        if held == "instrument":
            unit.silent.add("PT-1")
        for _ in range(every - 1):
            before, grown = unit.valve, unit.pid_integral
            unit.scan()
            assert unit.valve - before == pytest.approx(unit.pid_integral - grown, abs=1e-9)
