"""What is recorded of feeds and perfusions, and when."""

from __future__ import annotations

from dataclasses import replace

from edgectl.model.feed import FeedState, LedgerState, PassedState, PerfusionState, Stage
from edgectl.model.feed_plan import FeedPlan, PerfusionPlan, Profile
from edgectl.model.instant import Instant
from edgectl.model.journal import ScanEntry
from edgectl.model.plan import Plan
from edgectl.model.state import State
from edgectl.store.history import History
from edgectl.store.liquid_value import (
    FeedValue,
    PerfusionValue,
    pack_feeds,
    pack_perfusions,
    unpack_feeds,
    unpack_perfusions,
)
from edgectl.store.record import Kind, words
from edgectl.store.recorder import Keep, Recorder
from tests.core import fibre
from tests.store.recording import NS, UTC_NS, Course, unit

FEED = FeedPlan("F-1", "EH-101", "mL", 60.0, Profile.CONSTANT, most=10.0, flow=6.0, total=100.0)
RUNNING = FeedState(
    Stage.RUNNING, 36.0, passed=PassedState(30.0), planned=32.0, delivered=29.0, flow=6.0, bolus=1.5
)
PERFUSION = fibre.PERFUSION
PERFUSED = PerfusionState(
    Stage.RUNNING, 7200.0, 0.5, feed=0.7, permeate=0.6, bleed=0.1, ledger=LedgerState(error=-0.02, told=True),
    passed={"P-102": PassedState(80.0), "P-103": PassedState(60.0), "P-104": PassedState(9.0)},
)  # fmt: skip


def at(seconds: float) -> Instant:
    return Instant(round(seconds * NS), UTC_NS + round(seconds * NS))


def plan(*, feeds: tuple[FeedPlan, ...] = (), perfusions: tuple[PerfusionPlan, ...] = ()) -> Plan:
    return replace(unit(), feeds=feeds, perfusions=perfusions)


def fed(state: FeedState, now: Instant) -> list[FeedValue]:
    return History(plan(feeds=(FEED,))).feeds(now, State(feeds={"F-1": state}))


def test_a_feed_is_told_with_its_flow_its_amounts_and_what_is_left_of_its_total() -> None:
    assert fed(RUNNING, at(3)) == [
        FeedValue("F-1", "running", 36.0, 6.0, 32.0, 29.0, 70.0, 1.5, "", False, at(3))
    ]


def test_a_feed_that_waits_is_told_with_no_flow_and_with_what_it_waits_for() -> None:
    [row] = fed(replace(RUNNING, blocked="hot"), at(3))
    assert (row.flow, row.waits_for) == (0.0, "hot")
    [row] = fed(replace(RUNNING, stage=Stage.PAUSED), at(3))
    assert (row.flow, row.stage) == (0.0, "paused")


def test_a_feed_without_a_total_has_nothing_left_to_tell() -> None:
    history = History(plan(feeds=(replace(FEED, total=0.0),)))
    [row] = history.feeds(at(3), State(feeds={"F-1": RUNNING}))
    assert row.left is None


def test_a_perfusion_is_told_with_flows_amounts_and_its_balance() -> None:
    [row] = History(plan(perfusions=(PERFUSION,))).perfusions(
        at(3), State(perfusions={PERFUSION.name: PERFUSED})
    )
    expected = PerfusionValue(
        PERFUSION.name, "running", 7200.0, 0.5, 0.7, 0.6, 0.1, 80.0, 69.0, -0.02, True, "", at(3)
    )
    assert row == expected


def test_words_of_a_feed_are_recorded_at_once_and_numbers_every_ten_seconds() -> None:
    history = History(plan(feeds=(FEED,)))
    steps: list[tuple[float, FeedState, bool]] = [
        (0.0, RUNNING, True),
        (1.0, replace(RUNNING, delivered=29.1), False),
        (9.9, replace(RUNNING, delivered=29.9), False),
        (10.0, replace(RUNNING, delivered=30.0), True),
        (11.0, replace(RUNNING, delivered=30.0, blocked="hot"), True),
        (12.0, replace(RUNNING, delivered=30.0, blocked="hot", astray=True), True),
        (13.0, replace(RUNNING, delivered=30.0, stage=Stage.PAUSED, astray=True), True),
        (25.0, replace(RUNNING, delivered=30.0, stage=Stage.PAUSED, astray=True), False),  # nothing moved
        (72.9, replace(RUNNING, delivered=30.0, stage=Stage.PAUSED, astray=True), False),
        (
            73.0,
            replace(RUNNING, delivered=30.0, stage=Stage.PAUSED, astray=True),
            True,
        ),  # a minute of silence
    ]
    for seconds, state, expected in steps:
        assert bool(history.feeds(at(seconds), State(feeds={"F-1": state}))) is expected, seconds


def test_words_of_a_perfusion_are_recorded_at_once_and_numbers_every_ten_seconds() -> None:
    history = History(plan(perfusions=(PERFUSION,)))
    steps: list[tuple[float, PerfusionState, bool]] = [
        (0.0, PERFUSED, True),
        (1.0, replace(PERFUSED, feed=0.8), False),
        (2.0, replace(PERFUSED, feed=0.8, shut="low"), True),
        (12.0, replace(PERFUSED, feed=0.9, shut="low"), True),
        (13.0, replace(PERFUSED, feed=0.9, shut="low", ledger=LedgerState(error=-0.02)), True),
    ]
    for seconds, state, expected in steps:
        found = history.perfusions(at(seconds), State(perfusions={PERFUSION.name: state}))
        assert bool(found) is expected, seconds


def test_rows_come_back_from_the_journal_as_they_went_in() -> None:
    feeds = [
        FeedValue("F-1", "running", 36.0, 6.0, 32.0, 29.0, 70.0, 1.5, "hot, limit", True, at(3)),
        FeedValue("F-2", "idle", 0.0, 0.0, 0.0, 0.0, None, 0.0, "", False, at(4)),
    ]
    assert unpack_feeds(pack_feeds(feeds, b""), b"") == feeds
    perfusions = [
        PerfusionValue("K-1", "running", 7.0, 0.5, 0.7, 0.6, 0.1, 80.0, 69.0, -0.02, True, "low", at(3)),
        PerfusionValue("K-2", "idle", 0.0, None, 0.0, 0.0, 0.0, 0.0, 0.0, None, False, "", at(4)),
    ]
    assert unpack_perfusions(pack_perfusions(perfusions, b""), b"") == perfusions


def recorded(its_plan: Plan, entry: ScanEntry) -> Recorder:
    recorder = Recorder(its_plan, State(), entry.now)
    recorder.scan(entry, Keep.INPUTS, "")
    return recorder


def test_the_recorder_keeps_feeds_and_perfusions_in_records_of_their_own() -> None:
    entry = Course(unit()).entry()
    its_plan = plan(feeds=(FEED,), perfusions=(PERFUSION,))
    both = replace(entry.state, feeds={"F-1": RUNNING}, perfusions={PERFUSION.name: PERFUSED})
    rows = {row.kind: row for row in recorded(its_plan, entry._replace(state=both)).take()}
    [feed] = unpack_feeds(rows[Kind.FEEDS].body, words(its_plan))
    [perfusion] = unpack_perfusions(rows[Kind.PERFUSIONS].body, words(its_plan))
    assert (feed.feed, feed.at, perfusion.perfusion) == ("F-1", entry.now, PERFUSION.name)


def test_a_unit_without_feeds_has_no_such_records() -> None:
    kinds = {row.kind for row in recorded(unit(), Course(unit()).entry()).take()}
    assert kinds.isdisjoint({Kind.FEEDS, Kind.PERFUSIONS})
