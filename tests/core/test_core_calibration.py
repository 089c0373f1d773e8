"""Calibrations: what guards meanwhile, what comes into force, what is refused, and what is believed afterwards."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from edgectl.core.calibration_limit import fitted, objection
from edgectl.core.correction import most, reading_of, settings, true_of
from edgectl.core.restart import Outage, begin
from edgectl.core.scan import scan
from edgectl.model.calibration import Calibration, CalibrationState, Kind, Standard
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.command import Command
from edgectl.model.image import Image
from edgectl.model.loop import Mode
from edgectl.model.plan import ActuatorPlan
from edgectl.model.quality import Quality
from edgectl.model.request import Ask, Origin, Reply
from edgectl.model.safety import DosePlan
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import State
from edgectl.store.snapshot import essence
from tests.core.rig import GOOD, NS, UTC_NS, Bench, demo, request

DAY_NS = 86_400 * NS
FRESH = UTC_NS + 400 * DAY_NS
OLD = Calibration(Kind.PH, "i.AT-101", 0.95, 0.4, person="bert", at_utc_ns=1)
PUMP = Calibration(Kind.PUMP, "cell.feed", 0.8, 0.0, person="bert")


def unit(calibrations: dict[str, CalibrationState] | None = None, **changes: object) -> Bench:
    bench = Bench(demo(**changes))
    bench.state = replace(bench.state, calibrations=calibrations or {})
    bench.run(5)
    bench.events.clear()
    return bench


def ask(bench: Bench, value: str, target: str = "AT-101") -> Reply:
    return bench.ask(Ask.CALIBRATE, target, value)


def record(*rows: tuple[float, float, str], lot: str = "L1", expires: int = FRESH, due: float = 30.0) -> str:
    data = [[true, reading, name, lot, expires] for true, reading, name in rows]
    return "adopt " + json.dumps({"standards": data, "person": "anna", "due_days": due})


def see(bench: Bench, *readings: float, tag: str = "AT-101") -> None:
    for reading in readings:
        bench.values[tag] = reading
        bench.scan()


def calibrated(bench: Bench, *rows: tuple[float, float, str], **kind: object) -> Reply:
    """A whole session: begin, see every reading, adopt, end."""
    ask(bench, "begin 600")
    see(bench, *(reading for _, reading, _ in rows))
    reply = ask(bench, record(*rows, **kind))  # type: ignore[arg-type]
    ask(bench, "end")
    bench.values["AT-101"] = GOOD["AT-101"]
    return reply


def test_a_tag_in_calibration_is_in_function_check_and_the_unit_guards_itself() -> None:
    bench = unit()
    assert bench.measurement("AT-101").quality is Quality.GOOD
    assert ask(bench, "begin 600").accepted
    see(bench, 4.0, 4.0, 4.0, 4.0)
    measured = bench.measurement("AT-101")
    assert measured.quality is Quality.BAD
    assert measured.reason == "function check: calibration by anna"
    assert bench.loop("AIC-101").condition == "fallback"
    assert bench.state.interlocks["ASH-101"].unknown
    assert (bench.output("FV-102"), bench.output("P-101")) == (0.0, 0.0)
    assert bench.loop("TIC-101").condition == "regulating"
    ask(bench, "end")
    bench.values["AT-101"] = GOOD["AT-101"]
    bench.run(2)
    assert bench.measurement("AT-101").quality is Quality.GOOD


def test_a_session_ends_when_its_person_is_not_heard_of_any_more() -> None:
    bench = unit()
    ask(bench, "begin 3600")
    bench.run(50)
    ask(bench, "renew")
    bench.run(50)
    assert bench.measurement("AT-101").quality is Quality.BAD
    bench.run(15)
    assert bench.measurement("AT-101").quality is Quality.GOOD
    assert any(event.reason == "nobody has been heard of it any more" for event in bench.events)


def test_a_session_ends_after_its_declared_time_however_often_it_is_renewed() -> None:
    bench = unit()
    ask(bench, "begin 70")
    for _ in range(10):
        ask(bench, "renew")
        bench.run(9)
    assert "AT-101" not in bench.state.sessions
    assert any(event.reason == "its time is over" for event in bench.events)


def test_what_is_adopted_is_believed_and_what_was_before_comes_back() -> None:
    bench = unit({"AT-101": CalibrationState(OLD)})
    reply = calibrated(bench, (7.0, 7.1, "7.00"), (4.0, 4.4, "4.01"))
    assert reply.accepted, reply.reason
    state = bench.state.calibrations["AT-101"]
    assert state.current is not None
    assert state.current.slope == pytest.approx(0.9)
    assert state.current.standards[0].found == pytest.approx((7.1 - 0.4) / 0.95)
    assert [s.left for s in state.current.standards] == pytest.approx([7.0, 4.0])
    assert (state.current.person, state.current.reason) == ("anna", "trial")
    see(bench, 7.28)
    assert bench.measurement("AT-101").value == pytest.approx(7.2)
    assert ask(bench, "back").accepted
    see(bench, 7.24)
    assert bench.measurement("AT-101").value == pytest.approx(7.2)
    assert bench.state.calibrations["AT-101"].current == OLD
    assert ask(bench, "back").accepted
    assert bench.state.calibrations["AT-101"].current == state.current


GOOD_ROWS = ((7.0, 7.1, "7.00"), (4.0, 4.2, "4.01"))


@pytest.mark.parametrize(
    ("rows", "kind", "why"),
    [
        (((7.0, 4.2, "7.00"), (4.0, 7.1, "4.01")), {}, "swapped"),
        (((7.0, 7.1, "7.00"), (4.0, 4.9, "4.01")), {}, "the slope would be 73.3 %"),
        (((7.0, 7.1, "7.00"), (4.0, 3.8, "4.01")), {}, "the slope would be 110.0 %"),
        (((7.0, 8.2, "7.00"), (4.0, 5.3, "4.01")), {}, "the offset would be 71.0 mV"),
        (((7.0, 7.1, "7.00"), (6.0, 6.1, "6.00")), {}, "only 1 apart"),
        (((7.0, 7.1, "7.00"), (4.0, 4.2, "4.01"), (9.2, 9.0, "9.21")), {}, "disagree by"),
        (GOOD_ROWS, {"expires": UTC_NS}, "lot L1, has expired"),
        (GOOD_ROWS, {"expires": 0}, "has no date of expiry"),
        (GOOD_ROWS, {"lot": " "}, "has no lot"),
        (((7.0, 7.1, "off-line sample"), (4.0, 4.2, "4.01")), {"lot": ""}, "cannot be called"),
        (((float("nan"), 7.1, "7.00"),), {}, "have to be numbers"),
        (((1e308, 7.1, "7.00"), (-1e308, 7.1, "4.01")), {}, "have to be numbers"),
        ((), {}, "1 to 10 standards"),
        (GOOD_ROWS, {"due": 5000.0}, "due within 1000 days"),
    ],
)
def test_what_is_not_plausible_is_refused_with_the_reason_and_changes_nothing(
    rows: tuple[tuple[float, float, str], ...], kind: dict[str, object], why: str
) -> None:
    bench = unit({"AT-101": CalibrationState(OLD)})
    reply = calibrated(bench, *rows, **kind)
    assert not reply.accepted
    assert why in reply.reason
    assert bench.state.calibrations["AT-101"] == CalibrationState(OLD)


def test_a_reading_that_the_unit_never_saw_is_refused() -> None:
    bench = unit()
    ask(bench, "begin 600")
    see(bench, 7.1, 4.2)
    assert "never seen" in ask(bench, record((7.0, 7.1, "7.00"), (4.0, 4.1, "4.01"))).reason


@pytest.mark.parametrize(
    ("value", "target", "why"),
    [
        ("adopt {}", "AT-101", "nobody calibrates AT-101"),
        ("renew", "AT-101", "nobody calibrates AT-101"),
        ("begin 1e9", "AT-101", "must be 1 to 14400"),
        ("begin soon", "AT-101", "must be 1 to 14400"),
        ("begin 600", "ST-101", "measures in rpm"),
        ("begin 600", "HS-101", "is told on or off"),
        ("begin 600", "XX-1", "no tag or actuator named XX-1"),
        ("dance", "AT-101", "calibrate must be begin SECONDS"),
        ("back", "AT-101", "no earlier calibration"),
        ("assign {}", "AT-101", "no sample of AT-101 was taken"),
        ("grab 5.0", "AT-101", "must be 7.15 to 7.35"),
        ("grab 1.0", "P-102", "is no tag"),
    ],
)
def test_what_cannot_be_done_is_said(value: str, target: str, why: str) -> None:
    reply = ask(unit(), value, target)
    assert not reply.accepted
    assert why in reply.reason


def test_nobody_far_away_calibrates_and_nobody_takes_over_a_session() -> None:
    bench = unit()
    far = request(Ask.CALIBRATE, "AT-101", "begin 600")._replace(origin=Origin.REMOTE, host="scada")
    assert not bench.scan(far).replies[0].accepted
    assert ask(bench, "begin 600").accepted
    other = request(Ask.CALIBRATE, "AT-101", "end")._replace(actor="bert")
    assert "anna calibrates AT-101" in bench.scan(other).replies[0].reason
    assert not bench.scan(other._replace(value="begin 5")).replies[0].accepted
    assert "AT-101" in bench.state.sessions


def test_a_record_that_is_not_understood_is_refused() -> None:
    bench = unit()
    ask(bench, "begin 600")
    for text in (
        "",
        "{",
        "[]",
        '{"standards": [[1]]}',
        '{"standards": 3}',
        '{"standards": [[1,2,"","","x"]]}',
    ):
        assert "not understood" in ask(bench, f"adopt {text}").reason


def test_a_sample_of_the_process_moves_the_offset_and_disturbs_nothing() -> None:
    bench = unit({"AT-101": CalibrationState(OLD)})
    bench.values["AT-101"] = 7.24
    bench.run(3)
    assert ask(bench, "grab 7.24").accepted
    assert bench.measurement("AT-101").quality is Quality.GOOD
    row = [[7.3, 0.0, "", "", 0]]
    far = "assign " + json.dumps({"standards": [[7.9, 0.0, "", "", 0]]})
    assert "differs by 0.7" in ask(bench, far).reason
    reply = ask(bench, "assign " + json.dumps({"standards": row, "due_days": 10}))
    assert reply.accepted, reply.reason
    current = bench.state.calibrations["AT-101"].current
    assert current is not None
    assert current.slope == OLD.slope
    bench.run(3)
    assert bench.measurement("AT-101").value == pytest.approx(7.3)
    assert bench.loop("AIC-101").condition == "regulating"


def test_a_sample_of_the_day_before_is_too_old() -> None:
    bench = unit()
    ask(bench, "grab 7.25")
    bench.state = replace(
        bench.state,
        calibrations={"AT-101": replace(bench.state.calibrations["AT-101"], grabbed_utc_ns=1)},
    )
    assert (
        "older than a day" in ask(bench, "assign " + json.dumps({"standards": [[7.3, 0, "", "", 0]]})).reason
    )


def test_a_calibration_that_comes_due_is_told_once_before_and_once_when_it_is() -> None:
    current = replace(OLD, due_utc_ns=UTC_NS + 1000 * NS + 7 * DAY_NS + 20 * NS)
    bench = unit({"AT-101": CalibrationState(current)})
    bench.run(30)
    assert bench.told("calibration", "AT-101") == [("in date", "due soon")]
    assert "maintenance required" in bench.events[-1].reason
    assert bench.measurement("AT-101").quality is Quality.GOOD
    bench.now_s += 7 * 86_400
    bench.run(3)
    assert bench.told("calibration", "AT-101") == [("in date", "due soon"), ("due soon", "overdue")]


def weighed(bench: Bench, seconds: int = 20) -> Reply:
    ask(bench, "begin 600", "P-102")
    reply = ask(bench, f"run 6 {seconds}", "P-102")
    bench.run(seconds + 2)
    return reply


def test_a_weighed_run_gives_exactly_what_is_counted_and_stops_by_itself() -> None:
    bench = unit()
    total = 0.0
    ask(bench, "begin 600", "P-102")
    assert ask(bench, "run 6 20", "P-102").accepted
    for _ in range(30):
        total += bench.output("P-102")
        bench.scan()
    assert total == pytest.approx(120.0)
    assert bench.state.sessions["P-102"].given == pytest.approx(120.0)
    assert bench.output("P-102") == 0.0


def test_a_pump_gives_what_it_is_asked_for_after_its_calibration() -> None:
    """It was told 120 and gave 150: from then on it is told 80 % of what shall flow."""
    bench = unit()
    weighed(bench)
    rows = [(150.0, 120.0, f"run {i}") for i in range(3)]
    assert ask(bench, record(*rows, lot="", expires=0), "P-102").accepted
    ask(bench, "end", "P-102")
    bench.ask(Ask.OUTPUT, "P-102", 5.0)
    bench.run(5)
    assert bench.output("P-102") == 5.0
    assert bench.achieved["P-102"].commanded == pytest.approx(4.0)
    assert bench.state.actuators["P-102"].confirmed == pytest.approx(5.0)
    assert bench.command("P-102").restricted_by == ()


def test_runs_that_disagree_are_refused() -> None:
    bench = unit()
    weighed(bench)
    rows = [(150.0, 120.0, "run 1"), (150.0, 120.0, "run 2"), (156.0, 120.0, "run 3")]
    assert "off the others" in ask(bench, record(*rows, lot="", expires=0), "P-102").reason


def test_a_pump_that_gives_less_than_it_is_told_cannot_be_asked_for_more_than_it_has() -> None:
    slow = replace(PUMP, slope=1.25)
    bench = unit({"P-102": CalibrationState(slow)})
    bench.ask(Ask.OUTPUT, "P-102", 10.0)
    assert bench.output("P-102") == pytest.approx(8.0)
    assert bench.achieved["P-102"].commanded == pytest.approx(10.0)
    assert bench.command("P-102").restricted_by == ("high limit",)


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ((Ask.HOLD, "BR-DEMO", "hold"), "is not free"),
        ((Ask.OUTPUT, "P-102", 3.0), "stands at 3"),
    ],
)
def test_a_run_waits_for_a_free_pump(before: tuple[Ask, str, float | str], why: str) -> None:
    bench = unit()
    ask(bench, "begin 600", "P-102")
    bench.ask(*before)
    bench.scan()
    assert why in ask(bench, "run 6 20", "P-102").reason
    assert bench.state.sessions["P-102"].run_s == 0.0


def test_a_pump_of_a_loop_runs_only_while_the_loop_is_off() -> None:
    bench = unit()
    ask(bench, "begin 600", "P-101")
    assert "AIC-101 drives P-101" in ask(bench, "run 2 20", "P-101").reason
    bench.ask(Ask.MODE, "AIC-101", "OOS")
    bench.run(3)
    assert ask(bench, "run 2 20", "P-101").accepted
    assert bench.output("P-101") == 2.0
    bench.values["AT-101"] = 7.6
    bench.run(2)
    assert bench.output("P-101") == 0.0, "the interlock has the last word"
    assert bench.loop("AIC-101").mode is Mode.OOS


def test_a_dosing_limit_stops_a_run() -> None:
    bench = unit(doses=(DosePlan("P-102", 60.0, per_hour=1.0),))
    weighed(bench, 40)
    assert bench.state.sessions["P-102"].given <= 66.0
    assert bench.output("P-102") == 0.0


def test_a_run_stops_when_it_is_told_to_and_when_its_person_is_gone() -> None:
    bench = unit()
    ask(bench, "begin 600", "P-102")
    ask(bench, "run 6 300", "P-102")
    assert bench.output("P-102") == 6.0
    ask(bench, "stop", "P-102")
    assert bench.output("P-102") == 0.0
    ask(bench, "run 6 300", "P-102")
    bench.run(62)
    assert bench.output("P-102") == 0.0
    assert "P-102" not in bench.state.sessions


@pytest.mark.parametrize("outage_s", [5.0, 1e6])
def test_calibrations_outlive_control_and_sessions_do_not(outage_s: float) -> None:
    bench = unit({"AT-101": CalibrationState(OLD, (None,)), "P-102": CalibrationState(PUMP)})
    ask(bench, "begin 600")
    stored = from_plain(State, json.loads(json.dumps(to_plain(bench.state))))
    saved = Snapshot(bench.plan.unit, bench.plan.digest, "", bench.now, Stamp("b", 0, 0), stored, {})
    moved = replace(
        bench.plan,
        tags=tuple(replace(t, channel="other.ph") if t.name == "AT-101" else t for t in bench.plan.tags),
    )
    begun = begin(bench.plan, saved, "", Outage(outage_s, "test"), bench.now)
    assert begun.state.sessions == {}
    assert begun.state.calibrations == bench.state.calibrations
    other = begin(replace(moved, digest="other"), saved, "", Outage(outage_s, "test"), bench.now)
    assert set(other.state.calibrations) == {"P-102"}, "a calibration belongs to its probe"


def test_a_new_calibration_is_worth_saving_at_once() -> None:
    bench = unit()
    before = essence(bench.state)
    assert calibrated(bench, *GOOD_ROWS).accepted
    assert essence(bench.state) != before


def test_replay_decides_the_same_from_the_stored_state() -> None:
    bench = unit({"AT-101": CalibrationState(OLD), "P-102": CalibrationState(PUMP)})
    ask(bench, "begin 600")
    again = from_plain(State, json.loads(json.dumps(to_plain(bench.state))))
    image = Image(dict(bench.samples), dict(bench.achieved))
    asked = (request(Ask.CALIBRATE, "AT-101", "renew"),)
    assert scan(bench.plan, again, image, asked, bench.now, 1.0) == scan(
        bench.plan, bench.state, image, asked, bench.now, 1.0
    )


def test_a_correction_and_its_way_back_cancel_and_no_pump_is_told_more_than_its_range() -> None:
    dice = random.Random(6)
    plan = ActuatorPlan("P-1", "p.flow", "mL/min", 0.0, 10.0, safe=0.0)
    for _ in range(500):
        calibration = Calibration(Kind.PUMP, "p.flow", dice.uniform(0.5, 2.0), 0.0)
        value = dice.uniform(0.0, 10.0)
        assert true_of(calibration, reading_of(calibration, value)) == pytest.approx(value)
        command = Command("P-1", value, 0, value, (), "manual")
        (told,) = settings((command,), {"P-1": CalibrationState(calibration)}, {"P-1": plan})
        assert 0.0 <= told.value <= 10.0
        if value <= most(plan, calibration):
            assert true_of(calibration, told.value) == pytest.approx(value)


def test_lines_through_exact_standards_are_exact_for_every_kind() -> None:
    dice = random.Random(7)
    ends = {
        Kind.PH: (4.0, 9.0),
        Kind.OXYGEN: (0.0, 100.0),
        Kind.TEMPERATURE: (20.0, 40.0),
        Kind.SCALE: (0.0, 4.0),
    }
    for _ in range(200):
        for kind, (low, high) in ends.items():
            slope, offset = dice.uniform(0.985, 1.015), dice.uniform(-0.2, 0.2)
            rows = [
                Standard(true, offset + slope * true, lot="L", expires_utc_ns=FRESH) for true in (low, high)
            ]
            found = fitted(kind, rows, None)
            assert found == pytest.approx((slope, offset), abs=1e-9)
            assert objection(kind, rows, *found, UTC_NS) == ""


@pytest.mark.parametrize(
    ("kind", "row", "line"),
    [
        (Kind.PH, Standard(7.0, 7.15), (0.95, 0.5)),
        (Kind.OXYGEN, Standard(100.0, 90.4), (0.9, 0.4)),
        (Kind.OXYGEN, Standard(0.0, 1.0), (0.95, 1.0)),
        (Kind.SCALE, Standard(2.0, 2.4), (1.0, 0.4)),
        (Kind.FLOW, Standard(50.0, 55.0), (1.1, 0.0)),
    ],
)
def test_one_standard_moves_one_number(kind: Kind, row: Standard, line: tuple[float, float]) -> None:
    before = replace(OLD, slope=0.95, offset=0.4)
    assert fitted(kind, [row], before) == pytest.approx(line)
