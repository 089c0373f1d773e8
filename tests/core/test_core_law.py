"""The parts of a law against figures worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from edgectl.core.feedforward import contribute, forward_of
from edgectl.core.law import Given, law_of, regulate
from edgectl.core.pid import track
from edgectl.core.probe import Probe, probe_of, see
from edgectl.core.schedule import factors_at, schedule_of
from edgectl.model.loop import ForwardState, PidState
from edgectl.model.loop_plan import FeedforwardPlan, SchedulePlan
from tests.core.rig import loop_plan

NS = 1_000_000_000
POINTS = SchedulePlan("SC-1", ((50.0, 2.0, 1.0), (150.0, 1.0, 2.0), (200.0, 0.5, 2.0)))


@pytest.mark.parametrize(
    ("place", "factors"),
    [
        (0.0, (2.0, 1.0)),
        (50.0, (2.0, 1.0)),
        (75.0, (1.75, 1.25)),
        (150.0, (1.0, 2.0)),
        (180.0, (0.7, 2.0)),
        (999.0, (0.5, 2.0)),
    ],
)
def test_factors_lie_on_straight_lines(place: float, factors: tuple[float, float]) -> None:
    assert factors_at(schedule_of(POINTS), place) == pytest.approx(factors)


def test_a_schedule_that_was_never_known_is_at_its_calmest() -> None:
    assert schedule_of(POINTS).calm == (0.5, 2.0)


@pytest.mark.parametrize(
    "points", [(), ((1.0, 1.0, 1.0), (1.0, 2.0, 1.0)), ((1.0, 0.0, 1.0),), ((1.0, 1.0, -1.0),)]
)
def test_a_schedule_without_sense_is_refused(points: tuple[tuple[float, float, float], ...]) -> None:
    with pytest.raises(ValueError, match="points must rise and factors be above 0"):
        schedule_of(SchedulePlan("SC-1", points))


def seen(probe: Probe, course: list[float], every_s: float = 1.0) -> list[float]:
    """What the law sees of samples every so often."""
    state, shown = PidState(), []
    for place, sample in enumerate(course):
        value, state, _ = see(probe, state, sample, round((place + 1) * every_s * NS))
        shown.append(value)
    return shown


@pytest.mark.parametrize("every_s", [0.5, 1.0, 5.0])
def test_the_lag_of_a_probe_is_made_up_for(every_s: float) -> None:
    """A medium that rises steadily is shown late by the probe's lag; after a few filter times the law sees it in time."""
    lag_s, rise = 30.0, 0.01
    probe = probe_of(loop_plan("TIC-101", probe_lag_s=lag_s))
    times = [every_s * i for i in range(round(300.0 / every_s))]
    shown = [rise * (t - lag_s * (1.0 - math.exp(-t / lag_s))) for t in times]
    medium = rise * times[-1]
    assert abs(shown[-1] - medium) == pytest.approx(rise * lag_s, rel=0.01)
    law = seen(probe, shown, every_s)[-1]
    filter_lag_s = probe.filter_s  # the filter's own, which is left
    assert law == pytest.approx(medium - rise * filter_lag_s, abs=0.1 * rise * lag_s)


@pytest.mark.parametrize(("smooth_s", "most"), [(0.0, 4.0), (15.0, 2.0), (60.0, 1.0)])
def test_noise_grows_by_no_more_than_the_lag_over_the_filter(smooth_s: float, most: float) -> None:
    """A single sample off by 1 comes out (lag + h)/(filter + h) as large, at most four times."""
    probe = probe_of(loop_plan("TIC-101", probe_lag_s=30.0, smooth_s=smooth_s))
    for every_s in (0.1, 1.0, 10.0):
        spike = seen(probe, [0.0, 1.0], every_s)[1]
        assert spike == pytest.approx((30.0 + every_s) / (probe.filter_s + every_s))
        assert spike <= max(most, 1.0)


def test_a_smoothed_measurement_comes_in_its_time() -> None:
    probe = probe_of(loop_plan("TIC-101", smooth_s=10.0))
    course = seen(probe, [0.0] + [1.0 + 1e-9 * i for i in range(1000)], 0.1)
    assert course[100] == pytest.approx(1.0 - math.exp(-1.0), abs=0.01)


def test_a_sample_read_twice_counts_once_and_a_clock_that_went_back_begins_anew() -> None:
    probe = Probe(10.0, 0.0)
    first, state, _ = see(probe, PidState(), 5.0, 100 * NS)
    assert (first, state.smoothed) == (5.0, 5.0)
    _, state, fresh_s = see(probe, state, 6.0, 102 * NS)
    assert fresh_s == 2.0
    assert state.smoothed == pytest.approx(5.0 + 2.0 / 12.0)
    for at_s in (102, 103, 111):
        _, again, fresh_s = see(probe, state, 6.0, at_s * NS)
        assert (fresh_s, again) == (0.0, state)
    assert see(probe, state, 6.0, 112 * NS)[2] == 10.0, (
        "a value that stays is a sample again after ten seconds"
    )
    back, state, fresh_s = see(probe, state, 7.0, 50 * NS)
    assert (back, fresh_s, state.smoothed, state.filtered) == (7.0, 0.0, 7.0, None)


def course(plan: FeedforwardPlan, values: Sequence[float | None], dt_s: float = 1.0) -> list[float]:
    """What one feed-forward adds, from the first value on."""
    forward, shares = forward_of(plan), []
    states: tuple[ForwardState, ...] = (ForwardState(),)
    for place, value in enumerate(values):
        total, _, states = contribute((forward,), states, (value,), dt_s, anew=place == 0)
        shares.append(total)
    return shares


def test_a_plain_feedforward_is_gain_times_the_distance() -> None:
    assert course(FeedforwardPlan("F", 2.0, about=3.0), [3.0, 4.0, 1.0]) == [0.0, 2.0, -4.0]


@pytest.mark.parametrize(("delay_s", "dt_s"), [(7.0, 1.0), (0.5, 1.0), (90.0, 1.0), (90.0, 2.0), (45.0, 7.0)])
def test_a_delay_is_as_long_as_it_is_written(delay_s: float, dt_s: float) -> None:
    """A ramp comes out the same, later by the delay (to a scan), however late the scans are."""
    values = [0.1 * dt_s * i for i in range(200)]
    shares = course(FeedforwardPlan("F", 1.0, delay_s=delay_s), values, dt_s)
    late_s = (values[-1] - shares[-1]) / 0.1
    assert late_s == pytest.approx(delay_s, abs=1.01 * max(dt_s, delay_s / 30.0))


def test_a_lag_comes_later_and_a_lead_stronger_at_first() -> None:
    step = [0.0] + [1.0] * 60
    lagged = course(FeedforwardPlan("F", 1.0, lag_s=10.0), step)
    assert lagged[10] == pytest.approx(1.0 - math.exp(-1.0), abs=0.03)
    led = course(FeedforwardPlan("F", 1.0, lead_s=20.0, lag_s=10.0), step)
    assert led[1] == pytest.approx(21.0 / 11.0)
    assert led[-1] == pytest.approx(1.0, abs=0.01)
    alone = course(FeedforwardPlan("F", 1.0, lead_s=20.0), step)
    assert alone[1] == pytest.approx(21.0 / 3.0), "the lag is at least a tenth of the lead"


def test_what_stays_is_washed_out() -> None:
    """Only the change acts: a bolus that stands adds nothing in the end, from the start nothing at all."""
    shares = course(FeedforwardPlan("F", 3.0, washout_s=50.0), [7.0] * 5 + [8.0] * 400)
    assert shares[4] == 0.0
    assert shares[5] == pytest.approx(3.0, abs=0.1)
    assert shares[55] == pytest.approx(3.0 * math.exp(-1.0), abs=0.05)
    assert shares[-1] == pytest.approx(0.0, abs=0.01)


def test_a_source_that_is_lost_stands_and_says_what_it_brings_back() -> None:
    forward = forward_of(FeedforwardPlan("F", 2.0))
    total, found, states = contribute((forward,), (ForwardState(),), (5.0,), 1.0, anew=True)
    total, found, states = contribute((forward,), states, (None,), 1.0, anew=False)
    assert (total, found) == (10.0, 0.0)
    total, found, states = contribute((forward,), states, (8.0,), 1.0, anew=False)
    assert (total, found) == (16.0, 6.0)
    assert contribute((forward,), states, (9.0,), 1.0, anew=False)[:2] == (18.0, 0.0)


def test_the_weight_lets_the_proportional_part_see_its_share_of_a_step() -> None:
    """(b Ti s + 1)/(Ti s + 1): b at once, the rest with the integral time."""
    law = law_of(loop_plan("TIC-101", gain=2.0, integral_s=100.0, weight=0.25))
    state, last = PidState(30.0), 36.0
    first, state = regulate(law, state, Given(36.0, 36.0, 36.0, 0, (), 1.0, 1.0, None))
    assert first == pytest.approx(30.0)
    references = []
    for _ in range(100):
        wanted, state = regulate(law, state, Given(37.0, last, 36.0, 0, (), 1.0, 1.0, None))
        last = 37.0
        references.append((wanted - state.integral) / 2.0)
    assert references[0] == pytest.approx(0.25 + 0.75 / 101.0)
    assert references[-1] == pytest.approx(1.0 - 0.75 * math.exp(-1.0), abs=0.01)


def test_a_start_up_that_stops_short_of_its_zone_gets_its_integral() -> None:
    """Proportional part alone cannot carry the load: after an integral time without progress the integral begins."""
    law = law_of(loop_plan("TIC-101", gain=2.0, integral_s=100.0, startup_zone=0.5))
    _, state = regulate(law, PidState(30.0), Given(37.0, 37.0, 35.0, 0, (), 1.0, 1.0, None, begins=True))
    for _ in range(100):
        wanted, state = regulate(law, state, Given(37.0, 37.0, 35.0, 0, (), 1.0, 1.0, None))
    assert (state.integral, wanted) == (30.0, 34.0)
    for _ in range(10):
        _, state = regulate(law, state, Given(37.0, 37.0, 35.0, 0, (), 1.0, 1.0, None))
    assert state.integral == pytest.approx(30.0 + 10 * 0.04)
    again = Given(30.0, 37.0, 35.0, 0, (), 1.0, 1.0, None)
    assert regulate(law, state, again)[1].nearest == 5.0, "a set-point step beyond the zone begins another"


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_the_border_of_the_start_up_zone_moves_nothing(side: float) -> None:
    law = law_of(loop_plan("TIC-101", gain=2.0, integral_s=100.0, weight=0.5, startup_zone=0.5))
    _, state = regulate(
        law, PidState(30.0), Given(37.0, 37.0, 37.0 + side, 0, (), 1.0, 1.0, None, begins=True)
    )
    before, state = regulate(law, state, Given(37.0, 37.0, 37.0 + 0.5001 * side, 0, (), 1.0, 1.0, None))
    after, state = regulate(law, state, Given(37.0, 37.0, 37.0 + 0.4999 * side, 0, (), 1.0, 1.0, None))
    assert after == pytest.approx(before, abs=0.02)
    assert state.nearest is None


START_UP = loop_plan(
    "TIC-101", gain=2.0, integral_s=100.0, startup_zone=0.5, feedforward=(FeedforwardPlan("F", 3.0),)
)


def far_off(source: float | None, start: float | None = None, *, begins: bool = False) -> Given:
    """A step two kelvin below the set point."""
    return Given(37.0, 37.0, 35.0, 0, (source,), 1.0, 1.0, start, begins=begins)


def test_what_a_start_up_takes_over_from_fades_and_stays_out_of_the_integral() -> None:
    """It would have to be lost again as overshoot."""
    law = law_of(START_UP)
    wanted, state = regulate(law, PidState(), far_off(1.0, 60.0, begins=True))
    assert (wanted, state.integral, state.offset) == (60.0, 0.0, 60.0 - 4.0 - 3.0)
    later, state = regulate(law, state, far_off(1.0))
    assert 59.0 < later < 60.0
    assert state.integral == 0.0


def test_a_source_that_comes_back_in_a_start_up_moves_nothing_and_stays_out_of_the_integral() -> None:
    law = law_of(START_UP)
    _, state = regulate(law, PidState(), far_off(1.0, begins=True))
    before, state = regulate(law, state, far_off(None))
    after, state = regulate(law, state, far_off(5.0))
    assert after == pytest.approx(before, abs=0.1)  # what it owes begins to fade
    assert state.integral == 0.0
    assert state.offset == pytest.approx(-12.0, abs=0.1)


def test_an_output_that_is_not_to_be_had_takes_nothing_from_an_integral_that_waits() -> None:
    law = law_of(START_UP)
    waits = PidState(30.0, nearest=2.0)
    assert track(law.tuning, waits, 80.0, 20.0, 20.0, 1.0) == waits
    regulates = waits._replace(nearest=None)
    assert track(law.tuning, regulates, 80.0, 20.0, 20.0, 1.0).integral < 30.0
