"""The PID law against hand-worked figures, in both directions of control."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.core.pid import step, track, tuning_of
from edgectl.model.loop import ForwardState, PidState
from tests.core.rig import loop_plan

PI = loop_plan("TIC-101", gain=2.0, integral_s=20.0)
PID = loop_plan("TIC-101", gain=2.0, integral_s=20.0, derivative_s=5.0, filter_s=4.0)


@pytest.mark.parametrize("gain", [2.0, -2.0])
def test_standard_form(gain: float) -> None:
    """P = gain * error, I grows by gain / integral_s * error * dt; a negative gain turns the direction round."""
    tuning = tuning_of(loop_plan("TIC-101", gain=gain, integral_s=20.0))
    output, state = step(tuning, PidState(30.0), 37.0, 36.0, 1.0, 1.0)
    assert output == pytest.approx(30.0 + gain * 1.0 + gain / 20.0)
    assert state.integral == pytest.approx(30.0 + gain / 20.0)
    assert state.filtered is None


@pytest.mark.parametrize(
    ("error", "counts"), [(0.0, 0.0), (0.03, 0.0), (-0.03, 0.0), (0.05, 0.02), (-0.13, -0.10)]
)
def test_dead_band(error: float, counts: float) -> None:
    """Inside the dead band nothing moves; beyond it the error counts from the edge, so that crossing it is no step."""
    tuning = tuning_of(loop_plan("AIC-101", gain=200.0, integral_s=600.0, dead_band=0.03))
    output, _ = step(tuning, PidState(5.0), 7.2, 7.2 - error, 1.0, 1.0)
    assert output == pytest.approx(5.0 + 200.0 * counts * (1 + 1 / 600.0))


def test_derivative_acts_on_the_filtered_measurement_and_never_on_the_set_point() -> None:
    tuning = tuning_of(PID)
    first, state = step(tuning, PidState(30.0), 37.0, 36.0, 1.0, 1.0)
    assert first == pytest.approx(32.1)
    assert state.filtered == 36.0
    output, state = step(tuning, state, 37.0, 36.5, 1.0, 1.0)
    assert state.filtered == pytest.approx(36.1)  # 0.5 * 1 / (4 + 1)
    assert output - state.integral == pytest.approx(2.0 * 0.5 - 2.0 * 5.0 * 0.1)
    before = step(tuning, state, 37.0, 36.5, 1.0, 1.0)[0]
    after, moved = step(tuning, state, 38.0, 36.5, 1.0, 1.0)
    assert after - before == pytest.approx(2.0 * 1.0 + 0.1)
    assert moved.filtered == pytest.approx(36.18)


def test_a_late_step_integrates_less_than_has_passed_and_differentiates_over_all_of_it() -> None:
    tuning = tuning_of(PID)
    output, state = step(tuning, PidState(30.0, 36.0), 37.0, 36.5, 4.0, 2.0)
    assert state.integral == pytest.approx(30.0 + 0.1 * 0.5 * 2.0)
    assert output == pytest.approx(state.integral + 1.0 - 10.0 * (0.5 * 4.0 / 8.0) / 4.0)


@given(
    start=st.floats(-1e3, 1e3),
    value=st.floats(20.0, 45.0),
    filtered=st.none() | st.floats(20.0, 45.0),
    integral=st.floats(-1e3, 1e3),
)
def test_a_start_takes_over_without_a_bump(
    start: float, value: float, filtered: float | None, integral: float
) -> None:
    """Whatever error, derivative and old integral are: the first output is the start plus one step of integration."""
    tuning = tuning_of(PID)
    output, state = step(tuning, PidState(integral, filtered), 37.0, value, 1.0, 1.0, start)
    assert output == pytest.approx(start + 0.1 * (37.0 - value), abs=1e-9)
    assert state.integral + 2.0 * (37.0 - value) - output == pytest.approx(-_derivative_part(filtered, value))


def _derivative_part(filtered: float | None, value: float) -> float:
    """gain * derivative_s * change of the filter, a fifth of the way in one second."""
    return 0.0 if filtered is None else -2.0 * 5.0 * (value - filtered) / 5.0


@pytest.mark.parametrize(
    ("tracking_s", "integral_s", "expected_s"),
    [(7.0, 20.0, 7.0), (0.0, 20.0, 2.5), (0.0, 0.0, 60.0)],
)
def test_tracking_time(tracking_s: float, integral_s: float, expected_s: float) -> None:
    plan = loop_plan("TIC-101", tracking_s=tracking_s, integral_s=integral_s)
    assert tuning_of(plan).tracking_s == pytest.approx(expected_s)


def test_beyond_a_limit_the_integral_stands() -> None:
    """Where the proportional part alone is too much, the integral neither grows nor forgets; the wanted output is bounded by that."""
    tuning = tuning_of(PI)
    state = PidState(30.0)
    for _ in range(1000):
        wanted, state = step(tuning, state, 37.0, 30.0, 1.0, 1.0)
        state = track(tuning, state, wanted, 42.0, 42.0, 1.0)
    assert state.integral == pytest.approx(30.0)
    assert wanted == pytest.approx(30.0 + 2.0 * 7.0 + 0.7)


def test_an_integral_beyond_a_limit_comes_back_to_it() -> None:
    """Alone, or with what feed-forward adds; in the tracking time (2.5 s), and not further."""
    tuning = tuning_of(PI)
    once = track(tuning, PidState(50.0), 51.0, 42.0, 42.0, 1.0)
    assert once.integral == pytest.approx(50.0 - 8.0 / 2.5)
    assert track(tuning, PidState(50.0), 51.0, 42.0, 42.0, 1e9).integral == pytest.approx(42.0)
    with_load = PidState(30.0, forward=(ForwardState(15.0),))
    assert track(tuning, with_load, 51.0, 42.0, 42.0, 1e9).integral == pytest.approx(27.0)
    assert track(tuning, PidState(50.0), 51.0, 42.0, 60.0, 1e9).integral == 50.0, "that was not its limit"
    assert track(tuning, PidState(20.0), 19.0, 25.0, 25.0, 1e9).integral == pytest.approx(25.0), "nor below"


def test_without_integral_action_a_start_fades_and_nothing_winds_up() -> None:
    tuning = tuning_of(loop_plan("TIC-101", gain=2.0, integral_s=0.0))
    output, state = step(tuning, PidState(), 37.0, 36.0, 1.0, 1.0, 40.0)
    assert output == pytest.approx(40.0)
    assert track(tuning, state, 47.0, 42.0, 42.0, 1.0) is state
    for _ in range(600):
        output, state = step(tuning, state, 37.0, 36.0, 1.0, 1.0)
    assert output == pytest.approx(2.0, abs=0.01)


def test_an_output_that_is_no_number_ends_the_process() -> None:
    with pytest.raises(AssertionError, match="PID output"):
        step(tuning_of(PI), PidState(math.inf), 37.0, 36.0, 1.0, 1.0)
