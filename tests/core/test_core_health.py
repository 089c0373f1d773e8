"""How well a loop does, by signals that are known: what must be found, how soon, and what must never be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.core import health
from edgectl.core.health_finding import label
from edgectl.core.loop import FALLBACK, HOLDING, MANUAL, TRACKING, WAITING
from edgectl.core.output import NOT_FOLLOWING
from edgectl.core.restart import Outage, begin
from edgectl.model.codec import from_plain, to_plain
from edgectl.model.health import Ailment, Finding, HealthState, Word
from edgectl.model.loop import Mode
from edgectl.model.safety import CheckKind, CheckPlan
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import ActuatorState, CheckState, State
from tests.core.clinic import HOUR_S, Clinic, plan_with_health
from tests.core.rig import Bench, Closed, demo, small

GOOD, WATCH, BAD, UNKNOWN = Word.GOOD, Word.WATCH, Word.BAD, Word.UNKNOWN
Signal = Callable[[float], float]
DAY_S = 86_400.0


def noise(seed: int, deviation: float, memory: float = 0.9) -> Signal:
    """Gaussian noise whose neighbours are alike by ``memory``, as those of a filtered probe in a loop are."""
    chance, last = Random(seed), [0.0]

    def signal(_: float) -> float:
        last[0] = memory * last[0] + math.sqrt(1.0 - memory**2) * chance.gauss(0.0, deviation)
        return last[0]

    return signal


def sine(amplitude: float, period_s: float, seed: int = 1, deviation: float = 0.03) -> Signal:
    rough = noise(seed, deviation)
    return lambda t_s: amplitude * math.sin(2.0 * math.pi * t_s / period_s) + rough(t_s)


def settled(name: str = "TIC-101", hours: float = 3.0, dt_s: float = 6.0) -> Clinic:
    """A loop that has been doing well for some hours."""
    clinic = Clinic(name, dt_s)
    assert clinic.course(hours * HOUR_S, noise(7, clinic.ward[0].plan.band / 8.0)).word is GOOD
    return clinic


class Sticky:
    """A first-order plant under PI whose valve moves only when it is asked for more than ``stick`` (output units) from where it stands."""

    def __init__(self, gain: float, integral_s: float, lag_s: float, stick: float) -> None:
        self.gain, self.integral_s, self.lag_s, self.stick = gain, integral_s, lag_s, stick
        self.value = self.valve = self.integral = 0.0
        self.pipe = [0.0] * 3
        self.chance = Random(3)

    def run(self, clinic: Clinic, seconds: float) -> Finding:
        for _ in range(round(seconds / clinic.dt_s)):
            error = -self.value + self.chance.gauss(0.0, 0.02)
            self.integral = min(
                8.5, max(-8.5, self.integral + self.gain * error * clinic.dt_s / self.integral_s)
            )
            output = min(8.5, max(-8.5, self.gain * error + self.integral))
            if abs(output - self.valve) > self.stick:
                self.valve = output
            self.pipe.append(self.valve)
            self.value += (self.pipe.pop(0) - 1.3 - self.value) * clinic.dt_s / self.lag_s
            clinic.see(error, 33.5 + output)
        return clinic.told


# Oscillation


@pytest.mark.parametrize("period_s", [120.0, 840.0, 3600.0])
def test_a_regular_swing_is_found_within_nine_periods_and_measured(period_s: float) -> None:
    clinic = settled()
    within_s = clinic.until(12 * period_s + 1800.0, sine(0.3, period_s), BAD)
    assert within_s is not None
    assert within_s <= max(9 * period_s, 7 * period_s + 900.0)
    found = clinic.told
    assert found.ailment is Ailment.SWINGING
    amplitude = float(found.line.split("+-")[1].split(" ")[0])
    assert amplitude == pytest.approx(0.3, rel=0.2)


def test_the_line_tells_how_far_how_often_since_when_and_what_to_do() -> None:
    clinic = settled()
    begun_s = clinic.now_s
    clinic.course(3 * HOUR_S, sine(0.3, 840.0))
    head, _, advice = clinic.told.line.partition("; ")
    assert head.startswith("TIC-101: swings +-0.3 K every 14.0 min since ")
    clock = head.split("since ")[1].removesuffix(" UTC")
    begun = (1_750_000_000 + begun_s) % DAY_S
    told = int(clock[:2]) * 3600 + int(clock[3:]) * 60
    proven_s = 12 * 420.0
    assert begun - 60.0 <= told <= (1_750_000_000 + clinic.now_s - proven_s) % DAY_S + 60.0
    assert advice == "gain may be too high, or the valve or pump sticks: tune the loop, and look at TY-101"


def test_a_swing_within_half_of_the_band_is_well_and_within_the_band_is_worth_a_look() -> None:
    assert settled().course(6 * HOUR_S, sine(0.07, 840.0)).word is GOOD
    assert settled().course(6 * HOUR_S, sine(0.15, 840.0)).word is WATCH


def test_a_disturbance_is_no_oscillation() -> None:
    """One large area, and then another, are what loads do."""
    clinic = settled()

    def loads(t_s: float) -> float:
        since_s = t_s % 5000.0 - 1000.0 * math.sin(t_s // 5000.0)
        return 0.6 * math.exp(-abs(since_s) / 300.0)

    clinic.course(2 * DAY_S, loads)
    assert not [word for word in clinic.words() if "sw" in word or "stick" in word]


@pytest.mark.parametrize("first", range(0, 20, 5))
def test_two_weeks_of_noise_are_well_all_the_time(first: int) -> None:
    """However loud within its band, and however slow."""
    for seed in range(first, first + 5):
        clinic = Clinic("AIC-101", 30.0)
        memory = Random(seed).choice((0.0, 0.5, 0.9, 0.98))
        clinic.course(14 * DAY_S, noise(seed, 0.05 * Random(seed).choice((0.2, 0.4, 0.6)), memory))
        assert clinic.words() == ["good"]


def test_an_oscillation_that_ended_is_forgotten_after_half_a_window_and_told_once() -> None:
    clinic = settled()
    clinic.course(3 * HOUR_S, sine(0.3, 840.0))
    clinic.course(1.25 * HOUR_S, lambda _: 0.0)
    assert clinic.words() == ["good", "bad: swings", "good"]


def test_an_oscillation_around_its_limit_does_not_chatter() -> None:
    """Its amplitude is now above, now below what counts."""
    clinic = settled()

    def breathing(t_s: float) -> float:
        return (0.2 + 0.02 * math.sin(t_s / 7000.0)) * math.sin(2.0 * math.pi * t_s / 600.0)

    clinic.course(2 * DAY_S, breathing)
    assert clinic.words() in (["good", "bad: swings"], ["good", "watch: swings", "bad: swings"])


# Stiction


def test_a_square_error_under_a_ramping_output_is_a_valve_that_sticks() -> None:
    clinic = settled()
    found = clinic.course(
        4 * HOUR_S,
        lambda t_s: 0.25 if t_s % 840.0 < 420.0 else -0.25,
        lambda t_s: 33.0 + abs(t_s % 840.0 / 420.0 - 1.0),
    )
    assert (found.word, found.ailment) == (BAD, Ailment.STICKING)
    assert found.line.endswith("valve or pump that sticks: look at TY-101")


def test_a_sticking_valve_is_found_in_a_loop_and_the_same_loop_is_well_without() -> None:
    assert Sticky(0.5, 300.0, 60.0, stick=0.0).run(Clinic(), 12 * HOUR_S).word is GOOD
    found = Sticky(0.5, 300.0, 60.0, stick=0.5).run(Clinic(), 12 * HOUR_S)
    assert (found.word, found.ailment) == (BAD, Ailment.STICKING)


def test_an_output_that_goes_from_end_to_end_has_too_high_a_gain() -> None:
    found = Sticky(60.0, 240.0, 300.0, stick=0.0).run(Clinic(), 6 * HOUR_S)
    assert (found.word, found.ailment) == (BAD, Ailment.SLAMMING)
    assert "gain is too high" in found.line


def test_an_actuator_that_does_not_follow_is_named() -> None:
    clinic = settled()
    clinic.actuators["TY-101"] = ActuatorState(30.0, restricted_by=(NOT_FOLLOWING,))
    found = clinic.course(900.0, lambda _: 0.0)
    assert (found.word, found.ailment) == (BAD, Ailment.ASTRAY)
    assert "TY-101 does not follow" in found.line


@pytest.mark.parametrize(("tag", "actuator"), [("TT-101", ""), ("WT-101", "TY-101")])
def test_a_plausibility_check_that_fails_is_referred_to(tag: str, actuator: str) -> None:
    check = CheckPlan("no-heat", CheckKind.NO_EFFECT, tag, 600.0, 1.0, actuator)
    clinic = Clinic(plan=plan_with_health(checks=(check,)))
    clinic.checks["no-heat"] = CheckState(failed=True, reason="no rise in 10 min")
    found = clinic.course(1800.0, lambda _: 0.0)
    assert (found.ailment, found.line) == (
        Ailment.IMPLAUSIBLE,
        "TIC-101: check no-heat fails: no rise in 10 min",
    )


@pytest.mark.parametrize("gain", [3.0, -3.0])
def test_an_output_that_moves_far_without_effect_is_told_before_it_reaches_its_end(gain: float) -> None:
    plan = plan_with_health()
    loops = tuple(replace(loop, gain=gain) if loop.name == "TIC-101" else loop for loop in plan.loops)
    clinic = Clinic(plan=replace(plan, loops=loops))
    clinic.course(3 * HOUR_S, noise(7, 0.02))
    sense = math.copysign(1.0, gain)
    found = clinic.course(2400.0, lambda _: 0.4, lambda t_s: 33.5 + sense * t_s / 400.0)
    assert (found.word, found.ailment) == (BAD, Ailment.NO_EFFECT)
    assert "TT-101 does not respond" in found.line


def test_an_output_that_moves_far_and_brings_the_error_down_has_its_effect() -> None:
    clinic = settled()
    clinic.course(2400.0, lambda t_s: 0.9 - t_s / 4000.0, lambda t_s: 33.5 + t_s / 400.0)
    assert clinic.words() == ["good"]


# Limits, idleness, history


def test_a_loop_at_its_limit_and_out_of_band_says_that_its_actuator_is_not_enough() -> None:
    clinic = settled("AIC-102")
    within_s = clinic.until(HOUR_S, lambda _: 9.0, BAD, lambda _: 200.0)
    assert within_s is not None
    assert 1800.0 <= within_s <= 2700.0
    clinic.course(1500.0, lambda _: 9.0, lambda _: 200.0)
    assert clinic.told.ailment is Ailment.AT_LIMIT
    assert clinic.told.line.startswith("AIC-102: at its upper limit ")
    assert clinic.told.line.endswith(
        "of the last 60.0 min: FV-103 is not enough: look at supply and set point"
    )


def test_a_loop_at_its_limit_in_band_has_no_reserve_which_is_worth_a_look() -> None:
    found = settled("AIC-102").course(2 * HOUR_S, lambda _: 0.5, lambda _: 200.0)
    assert (found.word, found.ailment) == (WATCH, Ailment.AT_LIMIT)


def test_a_loop_with_nothing_to_do_is_well_however_far_its_value_is() -> None:
    """Air alone gives more oxygen than is asked for: the O2 valve is shut, as it should be."""
    found = settled("AIC-102").course(DAY_S, lambda _: -40.0, lambda _: 0.0)
    assert (found.word, found.line) == (GOOD, "AIC-102: has nothing to do")


def test_an_output_that_is_held_back_names_what_holds_it() -> None:
    clinic = settled("AIC-102")
    clinic.actuators["FV-103"] = ActuatorState(50.0, restricted_by=("dose limit",))
    found = clinic.course(2 * HOUR_S, lambda _: 9.0, lambda _: 150.0, achieved=50.0)
    assert found.ailment is Ailment.AT_LIMIT
    assert found.line.endswith("held back by dose limit")


@pytest.mark.parametrize("condition", [HOLDING, FALLBACK, TRACKING, WAITING])
def test_a_loop_that_often_does_not_regulate_is_worth_a_look(condition: str) -> None:
    clinic = settled()
    for i in range(600):
        if i % 3:
            clinic.see(0.0)
        else:
            clinic.see(0.0, condition=condition)
    assert (clinic.told.word, clinic.told.ailment) == (WATCH, Ailment.IDLE)
    assert "did not regulate 3" in clinic.told.line


@pytest.mark.parametrize("mode", [Mode.MAN, Mode.OOS])
def test_a_loop_that_nobody_wants_to_regulate_is_not_judged(mode: Mode) -> None:
    clinic = settled()
    found = clinic.course(600.0, lambda _: 5.0, mode=mode, condition=MANUAL)
    assert found == Finding(UNKNOWN, Ailment.NONE, f"TIC-101: in {mode.value}, not judged")


def test_an_error_much_larger_than_it_used_to_be_is_told_and_one_twice_as_large_is_not() -> None:
    usual = noise(11, 0.03)
    for factor, words in ((2.0, ["good"]), (5.0, ["good", "watch: spreads"])):
        clinic = Clinic()
        clinic.course(12 * HOUR_S, usual)
        clinic.course(3 * HOUR_S, lambda t_s, by=factor: by * usual(t_s))  # type: ignore[misc]
        assert clinic.words() == words
    assert "times as much as it used to be" in clinic.told.line


def test_a_bad_history_does_not_become_the_usual() -> None:
    """What is ill is not learned: the same error stands as ill for days."""
    clinic = Clinic()
    clinic.course(12 * HOUR_S, noise(11, 0.03))
    clinic.course(4 * DAY_S, noise(12, 0.15))
    assert clinic.told.ailment is Ailment.SPREADING


def test_a_new_batch_has_a_history_of_its_own() -> None:
    clinic = Clinic()
    clinic.course(12 * HOUR_S, noise(11, 0.03))
    clinic.batch = "B-2"
    clinic.course(5 * HOUR_S, noise(12, 0.13))
    assert clinic.words() == ["good"]


# What is left alone


def test_a_new_set_point_is_left_alone_until_it_has_settled() -> None:
    clinic = settled()
    clinic.setpoint -= 3.0
    clinic.course(HOUR_S - 60.0, lambda t_s: -3.0 * math.exp(-t_s / 900.0), lambda _: 25.0)
    assert not [event for event in clinic.events if event.after not in ("good", "unknown")]
    assert "too early to say" in clinic.told.line


def test_a_start_is_left_alone_until_it_has_settled() -> None:
    clinic = Clinic()
    clinic.course(HOUR_S - 60.0, lambda t_s: 15.0 - t_s / 300.0, lambda _: 42.0)
    assert clinic.told.word is UNKNOWN
    assert not clinic.events


def test_a_slave_in_cascade_is_judged_although_its_set_point_moves() -> None:
    clinic = Clinic()
    for i in range(3000):
        clinic.setpoint = 37.0 + 2.0 * math.sin(i / 900.0)
        clinic.see(0.01, mode=Mode.CAS)
    assert clinic.told.word is GOOD


def test_what_ails_a_loop_is_not_forgotten_because_of_a_new_set_point() -> None:
    clinic = settled()
    clinic.course(3 * HOUR_S, sine(0.3, 840.0))
    clinic.setpoint -= 1.0
    assert clinic.course(1200.0, sine(0.3, 840.0)).word is BAD


def test_what_one_look_finds_is_not_told_and_what_is_told_stands_for_half_a_window() -> None:
    """Whether it is well after that, or nobody can say yet."""
    for clinic in (settled(), Clinic()):
        clinic.actuators["TY-101"] = ActuatorState(30.0, restricted_by=(NOT_FOLLOWING,))
        clinic.course(300.0, lambda _: 0.0)
        assert clinic.told.ailment.name == "NONE"
        clinic.course(300.0, lambda _: 0.0)
        assert clinic.told.ailment is Ailment.ASTRAY
        clinic.actuators["TY-101"] = ActuatorState(30.0)
        assert clinic.course(1200.0, lambda _: 0.0).ailment is Ailment.ASTRAY
        assert clinic.course(900.0, lambda _: 0.0).ailment is Ailment.NONE


def test_a_move_has_time_for_its_effect() -> None:
    clinic = settled()
    clinic.course(780.0, lambda _: 0.4, lambda t_s: 33.5 + min(t_s / 10.0, 6.0))
    clinic.course(600.0, lambda _: 0.0)
    assert clinic.words() == ["good"]


def test_what_is_no_number_is_not_seen() -> None:
    clinic = settled()
    clinic.course(30.0, lambda _: math.nan)
    swing = clinic.states["TIC-101"].chart.swing
    assert swing.centre is not None
    assert math.isfinite(swing.centre)


# Cost, faults, memory


def test_an_exception_in_health_costs_nobody_his_regulation(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("float division by zero")

    bench = Closed(replace(small(), health=(replace(SMALL_HEALTH, settle_s=60.0),)))
    bench.run(300)
    monkeypatch.setattr(health, "swung", broken)
    bench.run(1200)
    assert bench.loop("PIC-1").condition == "regulating"
    assert bench.state.health["PIC-1"].chart.told.line == (
        "PIC-1: cannot be judged: ZeroDivisionError: float division by zero"
    )


@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=True),
            st.floats(allow_nan=True, allow_infinity=True),
            st.sampled_from(["regulating", "holding", "manual", "waiting"]),
            st.sampled_from(list(Mode)),
            st.floats(1e-3, 1e6),
        ),
        max_size=60,
    )
)
@settings(max_examples=150, deadline=None)
def test_nothing_that_comes_can_make_it_raise(course: list[tuple[float, float, str, Mode, float]]) -> None:
    clinic = Clinic()
    for error, output, condition, mode, dt_s in course:
        clinic.dt_s = dt_s
        clinic.see(error, output, condition=condition, mode=mode)
        assert "cannot be judged" not in clinic.told.line
        json.dumps(to_plain(clinic.states["TIC-101"].chart), allow_nan=False)


def test_its_memory_does_not_grow() -> None:
    clinic = settled()
    sizes = set()
    for _ in range(4):
        clinic.course(3 * HOUR_S, sine(0.3, 300.0))
        chart = clinic.states["TIC-101"].chart
        sizes.add((len(chart.bins), len(chart.swing.halves)))
    assert sizes == {(12, 12)}


def test_its_state_survives_json_to_the_bit() -> None:
    clinic = settled()
    clinic.course(3 * HOUR_S, sine(0.3, 840.0))
    state = clinic.states["TIC-101"]
    assert from_plain(HealthState, json.loads(json.dumps(to_plain(state)))) == state


SMALL_HEALTH = replace(plan_with_health().health[0], loop="PIC-1", band=0.5, swing=0.25)


def snapshot_of(bench: Bench) -> Snapshot:
    setpoints = {loop.name: loop.setpoint for loop in bench.plan.loops}
    stamp = Stamp("boot", bench.now.mono_ns, bench.now.utc_ns)
    return Snapshot(
        bench.plan.unit, bench.plan.digest, "1", bench.now, stamp, bench.state, setpoints, clean=True
    )


def test_a_short_outage_forgets_nothing_and_a_long_one_keeps_the_history_alone() -> None:
    bench = Bench(plan_with_health())
    clinic = settled()
    kept = clinic.states["TIC-101"]
    bench.state = replace(bench.state, health={**bench.state.health, "TIC-101": kept})
    saved = from_plain(State, json.loads(json.dumps(to_plain(bench.state))))
    snapshot = replace(snapshot_of(bench), state=saved)
    assert begin(bench.plan, snapshot, "", Outage(5.0, ""), bench.now).state.health["TIC-101"] == kept
    long = begin(bench.plan, snapshot, "", Outage(5e5, ""), bench.now).state.health
    assert long["TIC-101"] == HealthState(chart=HealthState().chart._replace(history=kept.chart.history))
    other = replace(snapshot, plan="another")
    assert begin(bench.plan, other, "", Outage(5.0, ""), bench.now).state.health["TIC-101"] == HealthState()


def test_a_state_from_before_there_was_health_goes_on() -> None:
    bench = Bench(plan_with_health())
    bench.state = replace(bench.state, health={})
    bench.run(10)
    assert set(bench.state.health) == {"TIC-101", "AIC-101", "AIC-102"}


def test_a_loop_without_health_has_no_memory_of_it() -> None:
    bench = Bench(demo())
    bench.run(10)
    assert bench.state.health == {}


def test_a_label_says_what_ails() -> None:
    assert label(Finding(BAD, Ailment.AT_LIMIT)) == "bad: at its limit"
    assert label(Finding(GOOD)) == "good"
