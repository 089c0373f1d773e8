"""How far a value may be believed, and what a technician reads when it may not."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.core.judge import gate_of, judge
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement, Sample
from edgectl.model.plan import TagPlan
from edgectl.model.quality import DeviceStatus, Quality
from edgectl.model.state import TagState

NS = 1_000_000_000
BAD, UNCERTAIN, GOOD = Quality.BAD, Quality.UNCERTAIN, Quality.GOOD
PLAN = TagPlan("TT-101", "rtd.t", "degC", 0.0, 60.0, late_s=2.0, stale_s=5.0, flat_s=60.0, rate_per_s=0.5)


def at(time_s: float) -> Instant:
    mono_ns = round(time_s * NS)
    return Instant(mono_ns, mono_ns + 7 * NS)


@dataclass
class Judge:
    """Judges a row of samples of one tag."""

    plan: TagPlan = PLAN
    state: TagState = field(default_factory=TagState)

    def __call__(
        self,
        now_s: float,
        value: float | None,
        *,
        taken_s: float | None = None,
        status: DeviceStatus = DeviceStatus.GOOD,
        detail: str = "",
    ) -> Measurement:
        taken = at(now_s if taken_s is None else taken_s)
        sample = Sample(self.plan.channel, value, status, detail, taken)
        self.state, measurement = judge(gate_of(self.plan), self.state, sample, at(now_s))
        assert measurement.quality is self.state.quality
        return measurement


def test_a_channel_never_read_is_bad() -> None:
    state, measurement = judge(gate_of(PLAN), TagState(quality=GOOD), None, at(10))
    assert state.quality is BAD
    assert measurement == Measurement(
        "TT-101", None, BAD, "no value yet: its channel has not been read", at(10)
    )


@pytest.mark.parametrize(
    ("value", "status", "detail", "quality", "reason"),
    [
        (36.5, DeviceStatus.GOOD, "", GOOD, ""),
        (36.5, DeviceStatus.MAINTENANCE_REQUIRED, "sensor cap old", GOOD, ""),
        (
            36.5,
            DeviceStatus.OUT_OF_SPECIFICATION,
            "",
            UNCERTAIN,
            "instrument reports out of specification",
        ),
        (
            36.5,
            DeviceStatus.OUT_OF_SPECIFICATION,
            "T high",
            UNCERTAIN,
            "instrument reports out of specification: T high",
        ),
        (36.5, DeviceStatus.FUNCTION_CHECK, "", BAD, "instrument reports function check"),
        (
            None,
            DeviceStatus.FAILURE,
            "no reply within 0.5 s",
            BAD,
            "instrument reports failure: no reply within 0.5 s",
        ),
        (None, DeviceStatus.GOOD, "", BAD, "instrument gave no value"),
        (None, DeviceStatus.GOOD, "*WA", BAD, "instrument gave no value: *WA"),
        (math.nan, DeviceStatus.GOOD, "", BAD, "nan is not a number"),
        (-math.inf, DeviceStatus.GOOD, "", BAD, "-inf is not a number"),
        (850.0, DeviceStatus.GOOD, "", BAD, "850 degC is outside 0 to 60 degC"),
        (-0.001, DeviceStatus.GOOD, "", BAD, "-0.001 degC is outside 0 to 60 degC"),
        (3276.7, DeviceStatus.GOOD, "", BAD, "3276.7 degC is outside 0 to 60 degC"),
        (1.2e-38, DeviceStatus.GOOD, "", BAD, "1.2e-38 is not a measurement (denormal or swapped words)"),
        (0.0, DeviceStatus.GOOD, "", GOOD, ""),
        (60.0, DeviceStatus.GOOD, "", GOOD, ""),
    ],
)
def test_first_sample(
    value: float | None, status: DeviceStatus, detail: str, quality: Quality, reason: str
) -> None:
    """What is no plausible value is BAD at once, with the instrument's own words where it has some (M03, N07, N10)."""
    measurement = Judge()(10.0, value, status=status, detail=detail)
    assert (measurement.quality, measurement.reason) == (quality, reason)
    assert measurement.value is None or math.isfinite(measurement.value)


def test_minus_zero_is_zero() -> None:
    value = Judge()(10.0, -0.0).value
    assert value is not None
    assert math.copysign(1.0, value) == 1.0


@pytest.mark.parametrize(
    ("age_s", "quality", "reason"),
    [
        (0.0, GOOD, ""),
        (2.0, GOOD, ""),
        (2.1, UNCERTAIN, "value is 2.1 s old (late after 2.0 s)"),
        (5.0, UNCERTAIN, "value is 5.0 s old (late after 2.0 s)"),
        (6.2, BAD, "no value for 6.2 s (stale after 5.0 s)"),
        (600.0, BAD, "no value for 10.0 min (stale after 5.0 s)"),
        (9000.0, BAD, "no value for 2.5 h (stale after 5.0 s)"),
        (-1.0, GOOD, ""),
        (-2.0, GOOD, ""),
        (-3.0, BAD, "time of the value is 3.0 s ahead of the clock"),
    ],
)
def test_age(age_s: float, quality: Quality, reason: str) -> None:
    """Quality falls with the age of a value on the monotonic clock, and keeps the value's own time (U2)."""
    judged = Judge()
    judged(9_999.0, 36.5)
    measurement = judged(10_000.0 + age_s, 36.5, taken_s=10_000.0)
    assert (measurement.quality, measurement.reason) == (quality, reason)
    assert measurement.at == at(10_000.0)
    assert judged(10_000.0 + age_s, 36.5, taken_s=10_000.0) == measurement


def test_one_nan_is_held_for_one_sample_and_a_second_is_bad() -> None:
    """N01: one rejected sample, then BAD; the first number after it counts."""
    judged = Judge()
    judged(10.0, 36.5)
    first = judged(11.0, math.nan)
    assert first == Measurement(
        "TT-101", 36.5, UNCERTAIN, "nan is not a number: rejected, sample 1 of at most 1", at(10.0)
    )
    assert judged(11.5, math.nan, taken_s=11.0) == first, "the same sample seen again is the same doubt"
    second = judged(12.0, math.nan)
    assert (second.quality, second.value, second.reason) == (BAD, None, "nan is not a number")
    assert judged(13.0, math.nan).quality is BAD
    assert judged(14.0, 36.6).quality is GOOD


def test_what_stands_in_for_a_nan_goes_stale() -> None:
    judged = Judge()
    judged(10.0, 36.5)
    assert judged(14.0, math.nan).quality is UNCERTAIN
    assert judged(15.0, math.nan, taken_s=14.0).quality is UNCERTAIN
    assert judged(15.1, math.nan, taken_s=14.0).quality is BAD


def test_a_nan_makes_a_bad_tag_no_better() -> None:
    judged = Judge()
    judged(10.0, 36.5)
    judged(11.0, 99.0)
    measurement = judged(12.0, math.nan)
    assert measurement.quality is BAD


def test_a_spike_is_rejected_once() -> None:
    """N02: the value before the spike stands in, under its own time."""
    judged = Judge()
    judged(10.0, 36.5)
    spike = judged(11.0, 41.0)
    assert spike == Measurement(
        "TT-101",
        36.5,
        UNCERTAIN,
        "step to 41 degC in 1.0 s is faster than 0.5 degC/s: rejected, sample 1 of at most 2",
        at(10.0),
    )
    assert judged(11.2, 41.0, taken_s=11.0) == spike
    after = judged(12.0, 36.6)
    assert (after.quality, after.value) == (GOOD, 36.6)
    assert judged.state.rejected == 0


def test_a_fast_excursion_is_believed_after_two_samples() -> None:
    """N03: what goes on is real, and goes on being believed until it calms down."""
    judged = Judge()
    judged(10.0, 36.5)
    assert [judged(11.0 + i, 40.0 + 3 * i).quality for i in range(4)] == [UNCERTAIN, UNCERTAIN, GOOD, GOOD]
    assert judged(15.0, 49.1).quality is GOOD
    assert judged(16.0, 55.0).quality is UNCERTAIN, "calm in between: doubted again"


def test_after_an_outage_there_is_nothing_to_compare_with() -> None:
    judged = Judge()
    judged(10.0, 36.5)
    assert judged(20.0, 52.0).quality is GOOD


@pytest.mark.parametrize(
    ("elapsed_s", "step", "quality"),
    [
        (1.0, 0.5, GOOD),
        (1.0, 0.51, UNCERTAIN),
        (4.0, 2.0, GOOD),
        (4.0, 2.01, UNCERTAIN),
        (5.0, 2.6, UNCERTAIN),
    ],
)
def test_a_step_may_be_as_large_as_its_time_allows(elapsed_s: float, step: float, quality: Quality) -> None:
    judged = Judge()
    judged(10.0, 36.5)
    assert judged(10.0 + elapsed_s, 36.5 - step).quality is quality


def test_a_believed_excursion_seen_again_is_still_believed() -> None:
    """A scan faster than the poll judges one sample several times; that calms nothing."""
    judged = Judge()
    judged(10.0, 36.5)
    for i in range(3):
        judged(11.0 + i, 40.0 + 3 * i)
    assert judged(15.5, 46.0, taken_s=13.0).quality is UNCERTAIN
    assert judged(16.0, 52.0).quality is GOOD


def test_a_new_word_under_an_old_time_counts() -> None:
    """Two samples of the same instant: the later one is judged for itself."""
    judged = Judge()
    judged(10.0, 36.5)
    assert judged(10.5, None, taken_s=10.0).quality is BAD
    assert judged(10.5, 36.5, taken_s=10.0).quality is GOOD
    assert judged(10.6, 36.5, taken_s=10.0, status=DeviceStatus.FUNCTION_CHECK).quality is BAD


def test_an_older_sample_is_no_step() -> None:
    judged = Judge()
    judged(10.0, 36.5)
    older = judged(10.5, 30.0, taken_s=9.0)
    assert (older.quality, older.value, older.at) == (GOOD, 30.0, at(9.0))
    assert judged.state.value == 36.5


def test_a_rate_of_zero_limits_nothing() -> None:
    judged = Judge(TagPlan("TT-101", "rtd.t", "degC", 0.0, 60.0, late_s=2.0, stale_s=5.0))
    judged(10.0, 1.0)
    assert judged(11.0, 59.0).quality is GOOD


def test_a_frozen_value_is_bad_within_its_flat_time() -> None:
    """M02, N05: new samples keep coming, and say the same."""
    judged = Judge()
    row = [judged(10.0 + i, 36.5) for i in range(61)]
    assert [m.quality for m in row] == [GOOD] * 60 + [BAD]
    assert row[-1].reason == "frozen: the same value for 60.0 s"
    assert judged(70.5, 36.5, taken_s=70.0).quality is BAD
    assert judged(71.0, 36.51).quality is GOOD


def test_a_nan_makes_a_frozen_value_no_better() -> None:
    judged = Judge()
    for i in range(61):
        judged(10.0 + i, 36.5)
    assert judged(71.0, math.nan).quality is BAD


def test_silence_is_not_a_flat_line() -> None:
    """A probe that returns after two minutes with the same rounded value is not frozen."""
    judged = Judge()
    judged(10.0, 36.5)
    assert judged(130.0, 36.5).quality is GOOD
    slow = Judge()
    assert [slow(10.0 + 5 * i, 36.5).quality for i in range(13)] == [GOOD] * 12 + [BAD]


def test_a_bad_sample_leaves_the_memory_of_accepted_values_alone() -> None:
    judged = Judge()
    judged(10.0, 36.5)
    judged(11.0, 99.0)
    assert (judged.state.value, judged.state.at) == (36.5, at(10.0))
    assert judged(12.0, 36.6).quality is GOOD


samples = st.tuples(
    st.floats(0.0, 4.0),
    st.floats() | st.sampled_from([36.5, 36.6, 0.0, 60.0]) | st.none(),
    st.sampled_from(DeviceStatus),
    st.floats(0.0, 8.0),
)


@given(st.lists(samples, max_size=30))
def test_good_is_always_fresh_finite_plausible_and_vouched_for(
    row: list[tuple[float, float | None, DeviceStatus, float]],
) -> None:
    """U2 and M03 hold whatever an instrument says, and no value is given a time that is not its own."""
    judged = Judge()
    given_at: dict[Instant, float | None] = {}
    now_s = 100.0
    for step_s, value, status, age_s in row:
        now_s += step_s + 0.001
        taken = at(now_s - age_s)
        given_at[taken] = value
        measurement = judged(now_s, value, taken_s=now_s - age_s, status=status)
        assert (measurement.reason == "") == (measurement.quality is GOOD)
        if measurement.value is not None:
            assert math.isfinite(measurement.value)
            assert given_at[measurement.at] == measurement.value
        if measurement.quality is GOOD:
            assert measurement.value is not None
            assert PLAN.low <= measurement.value <= PLAN.high
            assert age_s <= 2.0 + 1e-6
            assert status in (DeviceStatus.GOOD, DeviceStatus.MAINTENANCE_REQUIRED)


def test_n12_a_plan_may_doubt_a_fast_step_for_longer_until_the_value_before_it_is_stale() -> None:
    """A bubble passes the probe: what was measured before it stands in, and the value after it is believed at once."""
    judged = Judge(replace(PLAN, rate_per_s=0.5, rate_samples=4, stale_s=30.0))
    assert judged(10.0, 36.5).quality is GOOD
    for second in (15.0, 20.0, 25.0, 30.0):
        assert (judged(second, 55.0).quality, judged(second, 55.0).value) == (UNCERTAIN, 36.5)
    assert (judged(35.0, 36.6).quality, judged(35.0, 36.6).value) == (GOOD, 36.6)
