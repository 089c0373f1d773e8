"""The uplink's ladder: what changes when nobody outside can see the unit, when, and that its return gives nothing away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgectl.core.ladder import climb, effect, steer, stopped, trouble
from edgectl.model.image import UPLINK_CHANNEL, Image
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Sample
from edgectl.model.plan import Plan
from edgectl.model.quality import DeviceStatus
from edgectl.model.request import Ask, Authority, Origin, Request
from edgectl.model.safety import LadderPlan
from edgectl.model.state import UnitState
from edgectl.model.uplink_plan import UplinkPlan
from tests.core.rig import Bench, demo, request

NS = 1_000_000_000
LADDER = LadderPlan(
    alarm_s=5.0,
    local_hold_s=20.0,
    return_s=3.0,
    setpoints=(("TIC-101", 35.0), ("AIC-102", 20.0)),
    ramps=(("TIC-101", 0.5),),
    stop=("P-102", "SC-101"),
)


def image(word: str, at_s: float = 0.0) -> Image:
    """What is known of the uplink: u up, d down, - nothing."""
    if word == "-":
        return Image()
    at = Instant(round(at_s * NS), 0)
    return Image({UPLINK_CHANNEL: Sample(UPLINK_CHANNEL, float(word == "u"), DeviceStatus.GOOD, "", at)})


def rungs(words: str, *, configured: bool = True, plan: LadderPlan = LADDER) -> str:
    """The rung after each second; every word is news of that second."""
    state, seen = UnitState(), ""
    for second, word in enumerate(words, 1):
        now = Instant(second * NS, 0)
        state = climb(plan, state, image(word, second), now, 1.0, configured=configured)
        seen += str(state.rung)
    return seen


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        # Never heard of: lost after alarm_s, the fallback set after local_hold_s.
        ("-" * 22, "0000" + "1" * 15 + "222"),
        ("d" * 22, "0000" + "1" * 15 + "222"),
        # Connected in time, and for long enough, it was never lost.
        ("ddd" + "uuuuuu", "000" + "000000"),
        ("uuu" + "dddd" + "d", "000" + "0000" + "1"),
        # Back only after return_s on end: up for two seconds and down again counts for nothing.
        ("d" * 6 + "uu" + "d" + "uuu" + "u", "000011" + "11" + "1" + "110" + "0"),
        ("uuu" + "duu" * 6, "000" + "000000" + "1" * 12),
        # From the last rung straight back.
        ("d" * 21 + "uuuu", "0000" + "1" * 15 + "22" + "2200"),
    ],
)
def test_rungs(words: str, seen: str) -> None:
    assert rungs(words) == seen


def test_without_an_uplink_nothing_is_lost() -> None:
    assert rungs("-" * 30, configured=False) == "0" * 30
    assert rungs("d" * 6, configured=False) == "000011", "but what says it is down is believed"


def test_the_silence_before_control_noticed_counts() -> None:
    """Control calls the uplink lost 15 s after its last word: lost is since that word."""
    state = climb(LADDER, UnitState(), image("d", 1.0), Instant(16 * NS, 0), 1.0, configured=True)
    assert (state.uplink_lost_s, state.rung) == (15.0, 1)
    state = climb(LADDER, state, image("d", 1.0), Instant(17 * NS, 0), 1.0, configured=True)
    assert state.uplink_lost_s == 16.0


def test_the_ladder_goes_on_from_where_it_was_after_a_restart() -> None:
    before = UnitState(uplink_lost_s=19.0, rung=1)
    after = climb(LADDER, before, Image(), Instant(NS, 0), 1.0, configured=True)
    assert (after.uplink_lost_s, after.rung) == (20.0, 2)


def test_a_steady_uplink_keeps_the_state_object() -> None:
    state = UnitState(uplink_back_s=3.0)
    assert climb(LADDER, state, image("u"), Instant(NS, 0), 1.0, configured=True) is state


@pytest.mark.parametrize(
    ("before", "word", "after"),
    [
        (Authority.REMOTE, "d", Authority.LOCAL),
        (Authority.MAINTENANCE, "d", Authority.MAINTENANCE),
        (Authority.LOCAL, "d", Authority.LOCAL),
        (Authority.REMOTE, "u", Authority.REMOTE),
    ],
)
def test_losing_it_ends_remote_authority_and_no_other(before: Authority, word: str, after: Authority) -> None:
    state = UnitState(uplink_lost_s=4.0, uplink_back_s=2.0, authority=before)
    assert climb(LADDER, state, image(word), Instant(NS, 0), 1.0, configured=True).authority is after


def test_it_says_what_it_does() -> None:
    units = {"TIC-101": "degC", "AIC-102": "%"}
    assert trouble(UnitState()) == ""
    assert effect(LADDER, UnitState(), units) == "connected for 3.0 s"
    lost = UnitState(uplink_lost_s=60.0, rung=1)
    assert trouble(lost) == "the uplink has been lost for 60.0 s"
    assert effect(LADDER, lost, units).endswith("remote authority and remote manual outputs end")
    fallen = replace(lost, rung=2)
    assert effect(LADDER, fallen, units) == (
        "the uplink has been lost for 60.0 s: set points TIC-101 to 35 degC, AIC-102 to 20 %; held safe: P-102, SC-101"
    )
    assert effect(LadderPlan(), fallen, units).endswith("set points stay; held safe: nothing")
    assert (stopped(LADDER, lost), stopped(LADDER, fallen)) == ((), ("P-102", "SC-101"))


def test_set_points_ramp_there_and_back() -> None:
    loops = {
        "TIC-101": LoopState(Mode.AUTO, 37.0, 36.8, 0.0, 0.0),
        "AIC-102": LoopState(Mode.AUTO, 40.0, 40.0, 0.0, 0.0),
    }
    state = steer(LADDER, UnitState(rung=1), loops, 1.0)
    assert state.setpoints == {}
    seen = []
    for rung in (2, 2, 2, 2, 2, 0, 0, 0, 0, 0):
        state = steer(LADDER, replace(state, rung=rung), loops, 1.0)
        seen.append((round(state.setpoints.get("TIC-101", -1.0), 6), state.setpoints.get("AIC-102", -1.0)))
    # From the set point in force, not from the target; without a ramp at once; at the target the loop has its own again.
    assert [t for t, _ in seen] == [36.3, 35.8, 35.3, 35.0, 35.0, 35.5, 36.0, 36.5, -1.0, -1.0]
    assert [d for _, d in seen] == [20.0] * 5 + [-1.0] * 5
    assert steer(LADDER, state, loops, 1.0) is state
    fallen = replace(state, rung=2, setpoints={"TIC-101": 35.0, "AIC-102": 20.0})
    assert steer(LADDER, fallen, loops, 1.0) is fallen


def test_it_falls_again_from_half_way_back() -> None:
    loops = {
        "TIC-101": LoopState(Mode.AUTO, 37.0, 36.0, 0.0, 0.0),
        "AIC-102": LoopState(Mode.AUTO, 40.0, 40.0, 0.0, 0.0),
    }
    half = UnitState(rung=2, setpoints={"TIC-101": 36.0})
    assert steer(LADDER, half, loops, 1.0).setpoints["TIC-101"] == 35.5


def remote(ask: Ask, target: str, value: float | str) -> Request:
    return request(ask, target, value)._replace(origin=Origin.REMOTE, host="scada-1")


def linked(ladder: LadderPlan = LADDER, **changes: object) -> Bench:
    """The demo unit with an uplink that is connected, and authority far away."""
    plan: Plan = demo(uplink=UplinkPlan(host="broker"), ladder=ladder, **changes)
    bench = Bench(plan)
    word(bench, up=True)
    bench.run(10)
    assert bench.ask(Ask.AUTHORITY, "BR-DEMO", "remote").accepted
    return bench


def word(bench: Bench, *, up: bool) -> None:
    sample = Sample(UPLINK_CHANNEL, float(up), DeviceStatus.GOOD, "", bench.now)
    bench.samples[UPLINK_CHANNEL] = sample


def test_a_remote_manual_output_ends_with_the_uplink_and_a_local_one_does_not() -> None:
    """B19: within Tu and a second."""
    bench = linked()
    bench.scan(remote(Ask.OUTPUT, "P-102", 2.0), remote(Ask.MODE, "TIC-101", "MAN"))
    bench.scan(remote(Ask.OUTPUT, "TIC-101", 35.0))
    bench.ask(Ask.AUTHORITY, "BR-DEMO", "local")
    bench.ask(Ask.OUTPUT, "HS-102", 0.0)
    bench.ask(Ask.AUTHORITY, "BR-DEMO", "remote")
    bench.run(3)
    assert (bench.output("P-102"), bench.output("TY-101")) == (2.0, 35.0)
    bench.events.clear()
    word(bench, up=False)
    bench.run(4)
    assert (bench.output("P-102"), bench.loop("TIC-101").mode) == (2.0, Mode.MAN)
    bench.scan()
    assert (bench.output("P-102"), bench.loop("TIC-101").mode) == (0.0, Mode.AUTO)
    assert abs(bench.output("TY-101") - 35.0) < 2.0, "bumpless"
    assert bench.output("HS-102") == 0.0
    told = [(e.kind, e.subject, e.before, e.after, e.actor) for e in bench.events]
    assert ("uplink", "BR-DEMO", "connected", "lost", "ladder") in told
    assert ("authority", "BR-DEMO", "remote", "local", "ladder") in told
    assert ("mode", "TIC-101", "MAN", "AUTO", "dead man") in told
    assert ("mode", "P-102", "MAN", "AUTO", "dead man") in told


def test_back_again_authority_stays_here_until_somebody_gives_it_away() -> None:
    bench = linked()
    word(bench, up=False)
    bench.run(6)
    word(bench, up=True)
    bench.run(10)
    assert bench.state.unit.rung == 0
    assert bench.state.unit.authority is Authority.LOCAL
    reply = bench.scan(remote(Ask.SETPOINT, "TIC-101", 36.5)).replies[0]
    assert not reply.accepted
    assert bench.ask(Ask.AUTHORITY, "BR-DEMO", "remote").accepted
    assert bench.scan(remote(Ask.SETPOINT, "TIC-101", 36.5)).replies[0].accepted


def test_a_remote_output_of_a_loop_that_is_manual_for_good_ends_at_its_fallback() -> None:
    """B19: there is no automatic mode to return to, so it returns as configured."""
    plan = demo()
    loops = tuple(replace(loop, mode=Mode.MAN) if loop.name == "TIC-101" else loop for loop in plan.loops)
    bench = linked(loops=loops)
    bench.scan(remote(Ask.OUTPUT, "TIC-101", 36.0))
    assert bench.output("TY-101") == 36.0
    word(bench, up=False)
    bench.run(5)
    assert (bench.output("TY-101"), bench.loop("TIC-101").mode) == (30.0, Mode.MAN)
    assert bench.told("manual", "TIC-101") == [("36", "30")]
    bench.ask(Ask.OUTPUT, "TIC-101", 33.0)
    bench.run(5)
    assert bench.output("TY-101") == 33.0


def test_the_fallback_set_and_the_way_back() -> None:
    """After local_hold set points go down and additions stop; the target asked for is kept and comes back."""
    bench = linked(replace(LADDER, stop=("P-102",)))
    bench.ask(Ask.AUTHORITY, "BR-DEMO", "local")
    bench.ask(Ask.OUTPUT, "P-102", 1.0)
    bench.run(2)
    word(bench, up=False)
    bench.run(19)
    assert (bench.loop("TIC-101").setpoint, bench.output("P-102")) == (37.0, 1.0)
    bench.scan()
    assert (bench.loop("TIC-101").setpoint, bench.loop("TIC-101").target) == (36.5, 37.0)
    assert (bench.output("P-102"), bench.command("P-102").restricted_by) == (0.0, ("uplink lost",))
    bench.run(10)
    assert (bench.loop("TIC-101").setpoint, bench.loop("AIC-102").setpoint) == (35.0, 20.0)
    bench.ask(Ask.SETPOINT, "TIC-101", 36.0)
    assert bench.loop("TIC-101").setpoint == 35.0
    word(bench, up=True)
    bench.run(3)
    assert bench.loop("TIC-101").setpoint == 35.5
    bench.run(3)
    assert (bench.loop("TIC-101").setpoint, bench.loop("AIC-102").setpoint) == (36.0, 40.0)
    assert bench.state.unit.setpoints == {}
    assert bench.told("uplink", "BR-DEMO") == [
        ("connected", "lost"),
        ("lost", "fallback set"),
        ("fallback set", "connected"),
    ]


def test_a_late_scan_ramps_by_two_periods_only() -> None:
    bench = linked()
    word(bench, up=False)
    bench.scan(dt_s=30.0)
    assert bench.loop("TIC-101").setpoint == 36.0


def test_authority_is_not_given_to_somebody_who_cannot_be_reached() -> None:
    bench = linked()
    word(bench, up=False)
    bench.run(6)
    reply = bench.ask(Ask.AUTHORITY, "BR-DEMO", "remote")
    assert not reply.accepted
    assert reply.reason.startswith("the uplink has been lost for 7.0 s")
    alone = Bench(demo())
    assert "has no uplink" in alone.ask(Ask.AUTHORITY, "BR-DEMO", "remote").reason
