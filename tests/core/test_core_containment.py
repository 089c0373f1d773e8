"""P04: an exception in one loop's arithmetic costs that loop its regulation, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgectl.core import containment
from edgectl.core.cause import Facts, judge_cause
from edgectl.core.loop import Loop, Move, move, settle
from edgectl.model.loop import LoopState, Mode
from edgectl.model.request import Ask
from edgectl.model.safety import Cause, Watch
from tests.core.rig import Bench, demo, loop_plan, with_loop


class Bug:
    """Makes the law, or the learning, of one loop raise while it is on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, where: str, name: str) -> None:
        self.on, self.tried = False, 0
        real: Callable[..., Any] = move if where == "move" else settle

        def broken(loop: Loop, *more: Any, **named: Any) -> Move | LoopState:
            if loop.name == name:
                self.tried += 1
                if self.on:
                    raise ZeroDivisionError("float division by zero")
            found: Move | LoopState = real(loop, *more, **named)
            return found

        monkeypatch.setattr(containment, where, broken)


@pytest.fixture(params=["move", "settle"])
def bug(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bug:
    return Bug(monkeypatch, request.param, "TIC-101")


def regulating() -> Bench:
    bench = Bench(demo())
    bench.run(20)
    assert bench.loop("TIC-101").condition == "regulating"
    return bench


def test_one_loop_falls_back_and_the_others_do_not_notice(bug: Bug) -> None:
    bench, twin = regulating(), regulating()
    bug.on = True
    bench.run(30)
    bug.on = False
    twin.run(30)
    assert bench.output("TY-101") == 30.0
    for name in ("AIC-101", "AIC-102"):
        assert bench.loop(name) == twin.loop(name)
    for actuator in ("FV-101", "FV-102", "FV-103", "P-101", "SC-101", "HS-101"):
        assert bench.command(actuator) == twin.command(actuator)


def test_the_exception_is_told_each_time_it_strikes(bug: Bug) -> None:
    bench = regulating()
    bug.on = True
    bench.run(60)
    told = [e for e in bench.events if e.kind == "loop" and "ZeroDivisionError" in e.reason]
    assert [(e.before, e.after) for e in told] == [
        ("regulating", "fallback"),
        ("fallback", "fallback"),
        ("fallback", "fallback"),
    ]
    assert (
        told[0].reason
        == "ZeroDivisionError: float division by zero; failed 1 of 3 times, tried again in 10 s"
    )
    assert told[2].reason.endswith("failed 3 of 3 times, not tried again until somebody sets its mode")


def test_a_failed_loop_is_a_cause_for_an_alarm_in_the_next_scan(bug: Bug) -> None:
    bench = regulating()
    bug.on = True
    bench.scan()
    facts = Facts({}, {}, {}, {}, {}, {}, bench.state.loops, {}, {}, "", "", "")
    assert judge_cause(Cause(Watch.LOOP, "TIC-101"), False, facts)


def test_it_is_tried_again_after_ten_seconds_and_goes_on_without_a_bump(bug: Bug) -> None:
    bench = regulating()
    bug.on = True
    bench.scan()
    bug.on, tried = False, bug.tried
    bench.run(10)
    assert bench.loop("TIC-101").condition == "fallback"
    bench.run(1)
    assert bug.tried > tried
    assert bench.loop("TIC-101").condition == "regulating"
    assert bench.output("TY-101") == pytest.approx(30.0, abs=0.1), "from the fallback it was at"
    assert bench.told("loop", "TIC-101")[-1] == ("fallback", "regulating")


def test_ten_quiet_minutes_are_forgiven() -> None:
    for faults, calm_s, left in ((2, 599.0, 0), (2, 598.9, 2), (3, 599.0, 3)):
        bench = regulating()
        loop = bench.loop("TIC-101")
        bench.state.loops["TIC-101"] = (  # type: ignore[index]
            LoopState(
                loop.mode,
                loop.target,
                loop.setpoint,
                30.0,
                30.0,
                condition="fallback",
                faults=faults,
                calm_s=calm_s,
            )
        )
        bench.scan()
        assert bench.loop("TIC-101").faults == left


def test_after_the_third_time_only_a_person_tries_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = Bug(monkeypatch, "move", "TIC-101")
    bench = regulating()
    bug.on = True
    bench.run(40)
    assert bench.loop("TIC-101").faults == 3
    bug.on, bug.tried = False, 0
    bench.run(1000)
    assert (bug.tried, bench.loop("TIC-101").condition) == (0, "fallback")
    assert bench.ask(Ask.MODE, "TIC-101", "MAN").accepted
    bench.run(2)
    assert bench.loop("TIC-101").condition == "manual"
    bench.ask(Ask.MODE, "TIC-101", "AUTO")
    bench.run(1)
    assert (bench.loop("TIC-101").condition, bench.loop("TIC-101").faults) == ("regulating", 0)


def test_a_loop_in_manual_that_cannot_even_learn_does_not_flood_the_record(bug: Bug) -> None:
    bench = regulating()
    bench.ask(Ask.MODE, "TIC-101", "MAN")
    bug.on = True
    bench.run(60)
    assert len([e for e in bench.events if "ZeroDivisionError" in e.reason]) <= 3
    assert bench.loop("TIC-101").mode is Mode.MAN
    assert bench.loop("AIC-102").condition == "regulating"


@pytest.mark.parametrize("mode", [Mode.MAN, Mode.OOS])
def test_a_loop_that_does_not_regulate_is_not_barred(mode: Mode) -> None:
    """A person can always take a failed loop in hand."""
    bench = regulating()
    loop = bench.loop("TIC-101")
    bench.state.loops["TIC-101"] = LoopState(mode, 37.0, 37.0, 33.0, 33.0, condition=loop.condition, faults=3)  # type: ignore[index]
    bench.scan()
    assert bench.loop("TIC-101").condition in ("manual", "out of service")
    assert bench.loop("TIC-101").faults == 3


def test_numbers_that_run_away_are_such_an_exception() -> None:
    """Not only a patched one: a law that computes infinity fails its own assertion."""
    bench = Bench(with_loop(loop_plan("TIC-101", gain=1e308, integral_s=1.0)))
    bench.values["TT-101"] = 30.0
    bench.run(5)
    assert bench.loop("TIC-101").condition == "fallback"
    assert bench.loop("TIC-101").faults >= 1
    assert bench.loop("AIC-102").condition == "regulating"


def test_an_exception_in_what_protects_is_contained_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judging, interlocks, the chain: nobody knows any more what is protected, so the process ends with outputs safe."""
    for name in ("scan.judge_tag", "scan.watch", "chain.permit", "scan.guard", "chain.follow"):
        bench = regulating()
        with monkeypatch.context() as patch:
            patch.setattr(f"edgectl.core.{name}", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                bench.scan()
