"""Report by exception: what is recorded and what is not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edgectl.model.command import Command
from edgectl.model.health import Ailment, Chart, Finding, HealthState, Word
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.state import State
from edgectl.store.block import pack
from edgectl.store.history import History, moved
from edgectl.store.loop_value import LoopValue, pack_loops, unpack_loops
from tests.store.recording import NS, UTC_NS, unit

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD


def at(seconds: float) -> Instant:
    return Instant(round(seconds * NS), UTC_NS + round(seconds * NS))


@pytest.mark.parametrize(
    ("before", "after", "band", "expected"),
    [
        (37.0, 37.0, 0.0, False),
        (37.0, 37.0000001, 0.0, True),
        (37.0, 37.05, 0.1, False),
        (37.0, 37.11, 0.1, True),
        (37.0, 36.89, 0.1, True),
        (None, None, 0.1, False),
        (None, 37.0, 1e9, True),
        (37.0, None, 1e9, True),
        (37.0, math.nan, 1e9, True),
        (math.nan, 37.0, 1e9, True),
        (37.0, math.inf, 1e9, True),
    ],
)
def test_a_value_that_is_not_a_number_has_always_moved(
    before: float | None, after: float | None, band: float, expected: bool
) -> None:
    assert moved(before, after, band) is expected


def test_a_measurement_is_recorded_when_it_moves_changes_quality_or_was_silent_too_long() -> None:
    """TT-101 has a dead band of 0.05 degC and a heartbeat of 10 s."""
    history = History(unit())
    steps: list[tuple[float, float | None, Quality, bool]] = [
        (0.0, 37.00, GOOD, True),  # the first is always recorded
        (0.1, 37.04, GOOD, False),
        (0.2, 36.96, GOOD, False),
        (0.3, 37.06, GOOD, True),  # 0.06 from the last record
        (0.4, 37.02, GOOD, False),  # 0.04 from the last record, 0.04 from the value before
        (0.5, 37.02, UNCERTAIN, True),  # quality, however small the move
        (0.6, 37.02, UNCERTAIN, False),
        (0.7, None, BAD, True),
        (0.8, None, BAD, False),
        (0.9, 37.02, GOOD, True),
        (10.8, 37.02, GOOD, False),
        (10.9, 37.02, GOOD, True),  # 10 s of silence
        (11.0, 37.02, GOOD, False),
    ]
    for seconds, value, quality, expected in steps:
        due = history.measurements(
            at(seconds), [Measurement("TT-101", value, quality, "", at(seconds - 0.03))]
        )
        assert bool(due) is expected, seconds
        assert [reported.age_ns for reported in due] == [30_000_000] * expected


def test_a_slow_drift_is_recorded_although_no_step_leaves_the_dead_band() -> None:
    history = History(unit())
    recorded = []
    for n in range(200):
        measurement = Measurement("TT-101", 37.0 + 0.0011 * n, GOOD, "", at(n / 100))
        recorded += [row.measurement.value for row in history.measurements(at(n / 100), [measurement])]
    assert recorded == pytest.approx([37.0, 37.0506, 37.1012, 37.1518, 37.2024], abs=1e-9)


COMMAND = Command("EH-101", 40.0, 5 * NS, 40.0, (), "temperature")


def test_a_command_is_recorded_with_every_change_of_its_reasons() -> None:
    """EH-101 has a resolution of 0.1 %."""
    history = History(unit())
    steps: list[tuple[Command, bool]] = [
        (COMMAND, True),
        (COMMAND._replace(expires_ns=6 * NS), False),
        (COMMAND._replace(value=40.09), False),
        (COMMAND._replace(value=40.11), True),
        (COMMAND._replace(value=40.11, demanded=55.0), True),
        (COMMAND._replace(value=40.11, demanded=55.0, restricted_by=("hot",)), True),
        (COMMAND._replace(value=40.11, demanded=55.0, restricted_by=("hot", "limit")), True),
        (COMMAND._replace(value=40.11, demanded=None, restricted_by=("hot", "limit")), True),
        (COMMAND._replace(value=40.11, demanded=None, source="anna", restricted_by=("hot", "limit")), True),
        (COMMAND._replace(value=40.11, demanded=None, source="anna", restricted_by=("hot", "limit")), False),
    ]
    for number, (command, expected) in enumerate(steps):
        due = history.commands(at(number / 10), [command])
        assert bool(due) is expected, number
        assert [row[:5] for row in due] == [
            (command.actuator, command.value, command.demanded, command.restricted_by, command.source)
        ] * expected


def test_an_unchanged_command_is_recorded_once_a_minute() -> None:
    history = History(unit())
    recorded = [n for n in range(1300) if history.commands(at(n / 10), [COMMAND])]
    assert recorded == [0, 600, 1200]


def test_a_loop_is_recorded_at_once_when_its_words_change_and_once_a_second_while_numbers_move() -> None:
    history = History(unit())
    loop = LoopState(Mode.AUTO, 37.0, 37.0, 40.0, 40.0, condition="regulating")
    steps: list[tuple[float, LoopState, float | None, bool]] = [
        (0.0, loop, 37.0, True),
        (0.5, loop, 37.1, False),
        (1.0, loop, 37.1, True),
        (1.5, loop, 37.1, False),
        (2.5, loop, 37.1, False),  # nothing moved
        (2.6, replace(loop, mode=Mode.MAN), 37.1, True),
        (2.7, replace(loop, mode=Mode.MAN, condition="manual"), 37.1, True),
        (2.8, replace(loop, mode=Mode.MAN, condition="manual"), 38.0, True),  # out of band
        (2.9, replace(loop, mode=Mode.MAN, condition="manual"), None, False),  # and still not in band
        (62.8, replace(loop, mode=Mode.MAN, condition="manual"), None, True),
    ]
    for seconds, state, value, expected in steps:
        quality = BAD if value is None else GOOD
        measurement = Measurement("TT-101", value, quality, "", at(seconds))
        due = history.loops(at(seconds), [measurement], State(loops={"temperature": state}))
        assert bool(due) is expected, seconds


@pytest.mark.parametrize(
    ("value", "quality", "shown", "in_band"),
    [
        (37.2, GOOD, 37.2, True),
        (37.4, GOOD, 37.4, False),
        (37.2, UNCERTAIN, 37.2, False),
        (37.2, BAD, None, False),
        (None, BAD, None, False),
    ],
)
def test_only_a_good_value_is_in_band(
    value: float | None, quality: Quality, shown: float | None, in_band: bool
) -> None:
    state = State(loops={"temperature": LoopState(Mode.AUTO, 37.0, 37.0, 40.0, 40.0)})
    measurement = Measurement("TT-101", value, quality, "", at(0))
    [row] = History(unit()).loops(at(0), [measurement], state)
    assert (row.value, row.in_band) == (shown, in_band)


def with_health(word: Word, line: str) -> State:
    loop = LoopState(Mode.AUTO, 37.0, 37.0, 40.0, 40.0, condition="regulating")
    told = HealthState(chart=Chart(Finding(word, Ailment.NONE, line)))
    return State(loops={"temperature": loop}, health={"temperature": told})


def test_a_loop_is_recorded_at_once_when_its_health_changes_but_not_for_another_line() -> None:
    history = History(unit())
    measurement = Measurement("TT-101", 37.0, GOOD, "", at(0))
    steps = [(Word.GOOD, "a", True), (Word.GOOD, "b", False), (Word.BAD, "b", True), (Word.BAD, "c", False)]
    for n, (word, line, expected) in enumerate(steps):
        due = history.loops(at(n / 10), [measurement], with_health(word, line))
        assert bool(due) is expected
        assert [(row.health, row.health_line) for row in due] == [(word.value, line)] * expected


LOOPS_LAYOUT = ("ssfffsbii",)


def test_the_health_of_a_loop_is_kept_and_records_from_before_there_was_any_read_as_they_did() -> None:
    row = LoopValue("ph", "AUTO", 7.2, 7.15, 41.5, "regulating", True, at(3), "bad", "ph: swings, 5 %\tmore")
    bare = row._replace(health="", health_line="")
    assert unpack_loops(pack_loops([row, bare], b""), b"") == [row, bare]
    old = [(*bare[:7], bare.at.mono_ns, bare.at.utc_ns - bare.at.mono_ns)]
    assert unpack_loops(pack(LOOPS_LAYOUT, (old,), b""), b"") == [bare]
    assert pack_loops([bare], b"") == pack(LOOPS_LAYOUT, (old,), b"")
