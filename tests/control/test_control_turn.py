"""Deadlines on a grid that never drifts, and when to try a dead instrument again."""

from __future__ import annotations

from typing import cast

import pytest

from edgectl.control.breaker import Breaker
from edgectl.control.grid import Grid, Lead
from edgectl.control.instrument import Instrument
from edgectl.control.turn import Turn


def turn(period_s: float = 1.0) -> Turn:
    made = Turn(cast("Instrument", None), "all", ("x",), period_s, Grid(), Lead(Grid()))
    made.begin(100.0)
    return made


def test_late_answers_do_not_move_the_grid() -> None:
    polled = turn()
    for _ in range(10):
        polled.succeed(polled.due + 0.37)
    assert polled.due == 110.0
    assert polled.missed == 0


def test_a_deadline_missed_by_less_than_a_period_is_served_late_and_one_by_more_is_counted() -> None:
    polled = turn()
    polled.succeed(101.4)
    assert (polled.due, polled.missed) == (101.0, 0)
    polled.succeed(105.5)
    assert (polled.due, polled.missed) == (105.0, 3)


def test_the_first_failure_is_tried_again_within_the_period_and_no_later_one() -> None:
    polled = turn()
    assert not polled.fail(100.3, retry=True)
    assert polled.due == pytest.approx(100.4)
    assert not polled.fail(100.7, retry=True)
    assert polled.due == 101.0
    assert polled.fail(101.3, retry=True)
    assert polled.due == 102.0


def test_a_busy_instrument_gets_two_more_chances_in_a_period() -> None:
    polled = turn()
    assert polled.retry_busy(100.1)
    assert polled.due == pytest.approx(100.15)
    assert polled.retry_busy(100.2)
    assert not polled.retry_busy(100.3)


def test_probes_on_a_shared_line_take_less_than_a_tenth_of_it_and_come_every_four_seconds() -> None:
    breaker = Breaker(alone=False)
    waits = [breaker.next_probe_s(0.3) for _ in range(5)]
    assert waits[0] == pytest.approx(2.7)
    assert waits[-1] == pytest.approx(3.7)
    assert all(0.3 / (0.3 + wait) <= 0.1 + 1e-9 for wait in waits)


def test_probes_come_back_within_five_seconds_even_if_they_are_costly() -> None:
    breaker = Breaker(alone=False)
    assert max(breaker.next_probe_s(0.9) + 0.9 for _ in range(10)) <= 4.0 + 1e-9


def test_where_only_a_person_can_help_probes_leave_the_line_alone() -> None:
    breaker = Breaker(alone=False)
    waits = [breaker.next_probe_s(2.0, patient=True) for _ in range(8)]
    assert min(waits) >= 18
    assert max(waits) <= 30


def test_an_instrument_alone_on_its_line_is_probed_every_second() -> None:
    breaker = Breaker(alone=True)
    assert [breaker.next_probe_s(0.5) for _ in range(4)] == [1.0] * 4


def test_three_failures_in_a_row_open_and_one_answer_closes() -> None:
    breaker = Breaker(alone=True)
    assert [breaker.fail() for _ in range(4)] == [False, False, True, True]
    breaker.close()
    assert breaker.fail() is False
    breaker.open()
    assert breaker.fail() is True


def test_polls_begin_so_early_that_the_slowest_of_the_line_is_there_at_its_scan() -> None:
    grid = Grid(period_s=1.0, origin_s=100.0)
    lead = Lead(grid)
    quick, slow = (Turn(cast("Instrument", None), "all", ("x",), 1.0, grid, lead) for _ in range(2))
    for each in (quick, slow):
        each.begin(100.3)
    for _ in range(12):
        begun = quick.due
        quick.succeed(begun + 0.02)
        slow.succeed(begun + 0.2)
    assert quick.due + 0.2 < quick.point
    assert 0.2 < lead.seconds < 0.3
    assert quick.point == 112.0, "the grid is that of the scans, whenever the line came up"


def test_a_line_slower_than_its_scans_begins_no_more_than_half_a_period_early() -> None:
    lead = Lead(Grid(period_s=1.0))
    for point in range(20):
        lead.note(float(point), 3.0)
    assert lead.seconds <= 0.5
