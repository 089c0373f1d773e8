"""Dead man's time: what was put in manual goes back by itself, on time, told before, and without a bump."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgectl.core.manual import endings
from edgectl.model.event import Event
from edgectl.model.loop import LoopState, Mode
from edgectl.model.request import Ask
from edgectl.model.safety import Action, AuthorityPlan, Cause, HazardPlan, Watch
from edgectl.model.state import ActuatorState
from tests.core.rig import TIC, Bench, demo, with_loop

TEN = AuthorityPlan(manual_s=10.0, warn_s=3.0)


def unit(**changes: object) -> Bench:
    bench = Bench(demo(**{"authority": TEN, **changes}))
    bench.run(10)
    bench.events.clear()
    return bench


def test_a_loop_in_manual_goes_back_on_time_told_before_and_bumpless() -> None:
    """A12: within one scan of the set time, to the mode it was in, from where its actuators stand."""
    bench = unit()
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.run(6)
    assert bench.told("manual", "TIC-101") == []
    bench.scan()
    assert bench.told("manual", "TIC-101") == [("", "ending")]
    assert bench.events[-1].reason == "ends in 3.0 s unless somebody asks again"
    before = bench.run(2)
    assert bench.loop("TIC-101").mode is Mode.MAN
    stands = bench.output("TY-101")
    assert before is not None
    bench.scan()
    assert (bench.loop("TIC-101").mode, bench.loop("TIC-101").condition) == (Mode.AUTO, "regulating")
    assert bench.output("TY-101") == pytest.approx(stands, abs=0.1)
    reason = "by hand for 10.0 s, and nobody asked again"
    assert Event(bench.now, "mode", "TIC-101", "MAN", "AUTO", "dead man", reason) in bench.events
    assert bench.loop("TIC-101").manual_left_s is None
    assert bench.loop("TIC-101").prior is None


def test_to_ask_again_is_to_begin_again() -> None:
    bench = unit()
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.run(8)
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.run(8)
    bench.ask(Ask.OUTPUT, "TIC-101", 33.0)
    bench.run(9)
    assert (bench.loop("TIC-101").mode, bench.output("TY-101")) == (Mode.MAN, 33.0)
    bench.scan()
    assert bench.loop("TIC-101").mode is Mode.AUTO


@pytest.mark.parametrize("prior", [Mode.OOS, Mode.CAS])
def test_it_goes_back_to_the_mode_it_was_in(prior: Mode) -> None:
    plan = with_loop(replace(TIC, mode=prior, master="AIC-102" if prior is Mode.CAS else ""), authority=TEN)
    bench = Bench(plan)
    bench.run(3)
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.run(10)
    assert bench.loop("TIC-101").mode is prior


def test_an_actuator_goes_back_to_its_normal_value_and_keeps_its_rate() -> None:
    bench = unit()
    bench.ask(Ask.OUTPUT, "SC-101", 100.0)
    bench.run(9)
    assert bench.output("SC-101") == 100.0
    bench.scan()
    assert (bench.output("SC-101"), bench.command("SC-101").source) == (110.0, "normal")
    assert bench.told("mode", "SC-101") == [("MAN", "AUTO")]
    assert bench.state.actuators["SC-101"].manual_left_s is None


def test_an_actuator_asked_again_stays() -> None:
    bench = unit()
    bench.ask(Ask.OUTPUT, "SC-101", 140.0)
    bench.run(5)
    bench.ask(Ask.MODE, "SC-101", "MAN")
    bench.run(9)
    assert bench.output("SC-101") == 140.0
    bench.scan()
    assert bench.state.actuators["SC-101"].manual is None


def test_a_loop_that_the_plan_has_in_manual_stays_there() -> None:
    bench = Bench(with_loop(replace(TIC, mode=Mode.MAN), authority=TEN))
    bench.run(5)
    bench.ask(Ask.OUTPUT, "TIC-101", 33.0)
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.run(60)
    assert (bench.loop("TIC-101").mode, bench.output("TY-101")) == (Mode.MAN, 33.0)
    assert bench.events[-1].kind == "request"


def test_without_a_time_it_stays_until_somebody_says_so() -> None:
    bench = unit(authority=AuthorityPlan(manual_s=0.0))
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.ask(Ask.OUTPUT, "SC-101", 100.0)
    bench.run(4000)
    assert bench.loop("TIC-101").mode is Mode.MAN
    assert bench.output("SC-101") == 100.0


def test_to_leave_manual_ends_the_time() -> None:
    bench = unit()
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bench.ask(Ask.OUTPUT, "SC-101", 140.0)
    bench.ask(Ask.MODE, "TIC-101", "AUTO")
    bench.ask(Ask.MODE, "SC-101", "AUTO")
    bench.events.clear()
    bench.run(30)
    assert bench.events == []
    assert bench.loop("TIC-101").prior is None


@pytest.mark.parametrize(
    ("left_s", "text"),
    [
        (None, ""),
        (4.5, ""),
        (4.0, "the manual output of A ends in 3.0 s"),
        (1.1, "the manual output of A ends in 0.1 s"),
        (1.0, ""),
    ],
)
def test_what_is_about_to_end_is_a_cause(left_s: float | None, text: str) -> None:
    loop = LoopState(Mode.MAN, 0.0, 0.0, 0.0, 0.0, manual_left_s=left_s)
    assert endings(3.0, {"A": loop}, {}, 1.0).get("A", "") == text
    assert endings(3.0, {}, {"A": ActuatorState(0.0, manual_left_s=left_s)}, 1.0).get("A", "") == text


def test_a_hazard_may_be_about_it() -> None:
    warn = HazardPlan("forgotten", Cause(Watch.MANUAL, "SC-101"), Action.WARN)
    bench = unit(hazards=(warn,))
    bench.ask(Ask.OUTPUT, "SC-101", 140.0)
    bench.run(12)
    assert bench.told("hazard", "forgotten") == [("clear", "warn"), ("warn", "clear")]


def test_time_goes_on_while_an_interlock_holds_the_output() -> None:
    bench = unit()
    bench.ask(Ask.OUTPUT, "HS-102", 1.0)
    bench.values["AT-101"] = 7.6
    bench.run(9)
    assert bench.state.actuators["HS-102"].manual == 0.0
    bench.scan()
    assert bench.state.actuators["HS-102"].manual is None


def test_no_manual_output_escapes_the_count() -> None:
    """Brought back by a restart without its time, it gets the whole time from there."""
    bench = unit()
    loops = {**bench.state.loops, "TIC-101": replace(bench.loop("TIC-101"), mode=Mode.MAN)}
    actuators = {**bench.state.actuators, "SC-101": ActuatorState(140.0, manual=140.0)}
    bench.state = replace(bench.state, loops=loops, actuators=actuators)
    bench.run(9)
    assert (bench.loop("TIC-101").mode, bench.output("SC-101")) == (Mode.MAN, 140.0)
    bench.scan()
    assert bench.loop("TIC-101").mode is Mode.AUTO
    assert bench.state.actuators["SC-101"].manual is None


def test_a_loop_taken_over_without_a_time_has_its_way_back() -> None:
    bench = unit(authority=AuthorityPlan(manual_s=0.0))
    loops = {**bench.state.loops, "TIC-101": replace(bench.loop("TIC-101"), mode=Mode.MAN)}
    bench.state = replace(bench.state, loops=loops)
    bench.run(20)
    assert (bench.loop("TIC-101").mode, bench.loop("TIC-101").prior) == (Mode.MAN, Mode.AUTO)
