"""What people and hosts may ask, what they are told, and that a refused request changes nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.model.event import Event
from edgectl.model.loop import Mode
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Request
from edgectl.model.safety import InterlockPlan, Relation
from tests.core.rig import AIC_DO, Bench, demo, request, with_loop

LOCKS = (
    InterlockPlan("ASH-101", "AT-103", Relation.ABOVE, 50.0, ("P-101",)),
    InterlockPlan("WSH-101", "AT-103", Relation.ABOVE, 50.0, ("P-102",)),
)


def unit() -> Bench:
    """The demo unit: TIC-101 in AUTO, AIC-101 in MAN, AIC-102 out of service, two interlocks active."""
    bench = Bench(demo(interlocks=LOCKS))
    bench.run(5)
    bench.ask(Ask.MODE, "AIC-101", "MAN")
    bench.ask(Ask.MODE, "AIC-102", "OOS")
    bench.values["AT-103"] = 60.0
    bench.scan()
    bench.events.clear()
    return bench


@pytest.mark.parametrize(
    ("ask", "target", "value", "kind", "before", "after"),
    [
        (Ask.SETPOINT, "TIC-101", 36.5, "setpoint", "37 degC", "36.5 degC"),
        (Ask.SETPOINT, "TIC-101", 36, "setpoint", "37 degC", "36 degC"),
        (Ask.SETPOINT, "AIC-101", 7.1, "setpoint", "7.2 pH", "7.1 pH"),
        (Ask.MODE, "TIC-101", "MAN", "mode", "AUTO", "MAN"),
        (Ask.MODE, "AIC-102", "AUTO", "mode", "OOS", "AUTO"),
        (Ask.OUTPUT, "AIC-101", -40.0, "request", "-1.11111", "-40"),
        (Ask.OUTPUT, "SC-101", 120.0, "request", "normal", "120 rpm"),
        (Ask.OUTPUT, "HS-101", 0, "request", "normal", "0"),
        (Ask.OUTPUT, "P-102", 0.0, "request", "normal", "0 mL/min"),
        (Ask.MODE, "SC-101", "MAN", "mode", "AUTO", "MAN"),
    ],
)
def test_granted(ask: Ask, target: str, value: float | str, kind: str, before: str, after: str) -> None:
    """A granted request is answered with before and after, and recorded with who asked and why."""
    bench = unit()
    if before.startswith("-1.1"):
        before = f"{bench.loop('AIC-101').output:.6g}"
    reply = bench.ask(ask, target, value)
    assert (reply.identity, reply.accepted) == ("r1", True)
    assert reply.reason == f"{target} goes from {before} to {after}"
    assert bench.events == [Event(bench.now, kind, target, before, after, "anna", "trial")]


@pytest.mark.parametrize(
    ("ask", "target", "value", "reason"),
    [
        (Ask.SHELVE, "TIC-101", 37.0, "there is no alarm named TIC-101"),
        (Ask.SETPOINT, "TIC-999", 37.0, "there is no loop or actuator named TIC-999"),
        (Ask.SETPOINT, "TIC-101", 60.0, "60 degC is outside 20 to 39 degC"),
        (Ask.SETPOINT, "TIC-101", 19.9, "19.9 degC is outside 20 to 39 degC"),
        (Ask.SETPOINT, "TIC-101", math.nan, "setpoint must be a finite number, not nan"),
        (Ask.SETPOINT, "TIC-101", math.inf, "setpoint must be a finite number, not inf"),
        (Ask.SETPOINT, "TIC-101", 10**400, f"setpoint must be a finite number, not {10**39}"),
        (Ask.SETPOINT, "TIC-101", "37", "setpoint must be a finite number, not '37'"),
        (Ask.SETPOINT, "TIC-101", True, "setpoint must be a finite number, not True"),
        (Ask.SETPOINT, "AIC-102", 40.0, "AIC-102 is out of service: put it in AUTO or MAN first"),
        (Ask.SETPOINT, "SC-101", 100.0, "SC-101 is an actuator and has no set point: ask for its output"),
        (Ask.MODE, "TIC-101", "CAS", "TIC-101 has no master loop: use AUTO"),
        (Ask.MODE, "TIC-101", "auto", "mode must be one of OOS, MAN, AUTO, CAS, not 'auto'"),
        (Ask.MODE, "TIC-101", 1.0, "mode must be one of OOS, MAN, AUTO, CAS, not 1.0"),
        (Ask.MODE, "SC-101", "CAS", "mode must be one of MAN, AUTO, not 'CAS'"),
        (Ask.OUTPUT, "TIC-101", 30.0, "TIC-101 is in AUTO: put it in MAN first"),
        (Ask.OUTPUT, "AIC-101", 101.0, "101 is outside -100 to 100"),
        (Ask.OUTPUT, "AIC-101", 40.0, "P-101 is held at 0 mL/min by interlock ASH-101"),
        (
            Ask.OUTPUT,
            "FV-103",
            10.0,
            "FV-103 belongs to loop AIC-102: put AIC-102 in MAN and set its output",
        ),
        (Ask.OUTPUT, "SC-101", 401.0, "401 rpm is outside 0 to 400 rpm"),
        (Ask.OUTPUT, "HS-101", 0.5, "HS-101 is on or off: ask for 1 or 0, not 0.5"),
        (Ask.OUTPUT, "P-102", 1.0, "P-102 is held at 0 mL/min by interlock WSH-101"),
    ],
)
def test_refused(ask: Ask, target: str, value: float | str, reason: str) -> None:
    """A refusal says why and what to do; it is recorded, and nothing else differs from a scan without it (B10)."""
    bench, quiet = unit(), unit()
    reply = bench.ask(ask, target, value)
    quiet.scan()
    assert (reply.accepted, reply.reason) == (False, reason)
    assert bench.events == [
        Event(bench.now, "request", target, f"{ask.value} {value!s:.40}", "refused", "anna", reason)
    ]
    assert bench.state == quiet.state
    assert bench.result is not None
    assert quiet.result is not None
    assert bench.result.commands == quiet.result.commands


def test_a_loop_cannot_be_made_to_regulate_on_a_bad_input() -> None:
    bench = unit()
    bench.status["AT-101"] = DeviceStatus.FAILURE
    reply = bench.ask(Ask.MODE, "AIC-101", "AUTO")
    assert reply.reason == "AT-101 is BAD (instrument reports failure): AIC-101 cannot regulate on it"
    assert bench.loop("AIC-101").mode is Mode.MAN


def test_a_loop_in_cascade_has_no_set_point_of_its_own() -> None:
    bench = Bench(with_loop(replace(AIC_DO, mode=Mode.CAS, master="TIC-101")))
    reply = bench.ask(Ask.SETPOINT, "AIC-102", 30.0)
    assert reply.reason == "AIC-102 is in CAS and takes its set point from TIC-101: put it in AUTO first"


def test_asking_for_what_is_already_so_is_granted_and_no_event() -> None:
    bench = unit()
    for ask, target, value in (
        (Ask.MODE, "TIC-101", "AUTO"),
        (Ask.SETPOINT, "TIC-101", 37.0),
        (Ask.MODE, "SC-101", "AUTO"),
    ):
        reply = bench.ask(ask, target, value)
        assert reply.accepted
        assert "already" in reply.reason
    assert bench.events == []


def test_asking_again_gains_nothing() -> None:
    """AUTO asked of a loop that holds in AUTO does not lengthen the hold, nor does MAN stop a move under way."""
    bench = unit()
    bench.status["TT-101"] = DeviceStatus.OUT_OF_SPECIFICATION
    bench.run(10)
    bench.ask(Ask.MODE, "TIC-101", "AUTO")
    assert bench.loop("TIC-101").unsure_s == 11.0
    bench.ask(Ask.OUTPUT, "SC-101", 300.0)
    bench.ask(Ask.MODE, "SC-101", "MAN")
    assert bench.state.actuators["SC-101"].manual == 300.0


def test_an_actuator_without_loop_goes_by_hand_and_back_to_normal() -> None:
    bench = unit()
    bench.ask(Ask.OUTPUT, "HS-101", 0.0)
    assert (bench.output("HS-101"), bench.command("HS-101").source) == (0.0, "manual")
    bench.ask(Ask.MODE, "HS-101", "AUTO")
    assert (bench.output("HS-101"), bench.command("HS-101").source) == (1.0, "normal")
    bench.ask(Ask.MODE, "SC-101", "MAN")
    assert (bench.output("SC-101"), bench.command("SC-101").source) == (bench.output("SC-101"), "manual")
    assert bench.state.actuators["SC-101"].manual == bench.output("SC-101")


def test_requests_of_one_scan_see_each_other_in_order() -> None:
    bench = unit()
    result = bench.scan(
        request(Ask.OUTPUT, "TIC-101", 30.0),
        request(Ask.MODE, "TIC-101", "MAN"),
        request(Ask.OUTPUT, "TIC-101", 30.0),
    )
    assert [reply.accepted for reply in result.replies] == [False, True, True]
    assert bench.output("TY-101") == 30.0


PLAN = demo()
NAMES = [p.name for p in PLAN.tags] + [p.name for p in PLAN.loops] + [p.name for p in PLAN.actuators]
names = st.sampled_from(NAMES) | st.text()
values = (
    st.floats()
    | st.integers()
    | st.booleans()
    | st.text(max_size=5)
    | st.sampled_from(["OOS", "MAN", "AUTO", "CAS"])
)


@given(
    st.lists(st.builds(Request, st.just("r"), st.sampled_from(Ask), names, values, st.just("x"), st.just("")))
)
def test_no_request_brings_a_loop_or_an_output_outside_its_limits(requests: list[Request]) -> None:
    """B10: whatever is asked is answered, refused requests leave no trace, and outputs stay inside their limits."""
    bench, quiet = unit(), unit()
    result = bench.scan(*requests)
    assert len(result.replies) == len(requests)
    granted = [r for r, reply in zip(requests, result.replies, strict=True) if reply.accepted]
    quiet.scan(*granted)
    assert bench.state == quiet.state
    for plan, command in zip(bench.plan.actuators, result.commands, strict=True):
        assert plan.low <= command.value <= plan.high
    for loop in bench.plan.loops:
        assert loop.setpoint_low <= bench.loop(loop.name).target <= loop.setpoint_high
