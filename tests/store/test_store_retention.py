"""The journal is bounded by age and size, and says what it deleted."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from edgectl.app.replay import replay
from edgectl.model.codec import seal
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.uplink_plan import JournalPlan
from edgectl.store.cursor import Cursor
from edgectl.store.file import PURGE_ROWS, JournalFile, Run
from edgectl.store.reader import Reader
from edgectl.store.record import Kind, Record, Row
from tests.store.recording import NS, UTC_NS, Course, unit


def plan(keep: JournalPlan) -> Plan:
    return seal(replace(unit(), journal=keep))


class Ledger:
    """A journal file that is given a row of 1000 bytes each second, ten in a commit."""

    def __init__(self, path: Path, keep: JournalPlan, readers: tuple[Path, ...] = ()) -> None:
        self.path = path
        self.second = 0
        course = Course(plan(keep))
        run = Run(course.plan, course.initial, self.now(), "")
        self.file = JournalFile(path, run, self.now(), readers)

    def now(self, jump_s: float = 0.0) -> Instant:
        return Instant(self.second * NS, UTC_NS + self.second * NS + int(jump_s * NS))

    def write(self, count: int, jump_s: float = 0.0) -> None:
        rows = []
        for number in range(1, count + 1):
            self.second += 1
            rows.append(Row(Kind.EVENT, self.now(jump_s), bytes(1000)))
            if number % 10 == 0 or number == count:
                self.file.write(rows, self.now(jump_s))
                rows = []

    def records(self, kind: Kind) -> list[Record]:
        with Reader(self.path) as reader:
            return reader.records(0, reader.head(), 10**9, (kind,))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_records_older_than_keep_s_go_and_a_record_says_which(path: Path) -> None:
    ledger = Ledger(path, JournalPlan(keep_s=1000.0))
    ledger.write(1000)
    assert len(ledger.records(Kind.EVENT)) == 1000
    assert not ledger.records(Kind.PURGE)
    ledger.write(1500)
    events, purges = ledger.records(Kind.EVENT), ledger.records(Kind.PURGE)
    assert 1000 <= len(events) <= 1021
    assert [found.seq for found in events] == sorted(found.seq for found in events)
    told = [json.loads(found.body) for found in purges]
    assert all(purge["reason"] == "older than 1000 s" for purge in told)
    assert purges
    assert len(purges) < 1500 / 15  # bursts, not a part of every commit
    assert told[-1]["last"] == events[0].seq - 1
    assert told[-1]["count"] == told[-1]["last"] - told[-1]["first"] + 1


def test_the_file_stays_within_keep_bytes(path: Path) -> None:
    ledger = Ledger(path, JournalPlan(keep_bytes=1_000_000))
    ledger.write(3000)
    ledger.file.close()
    assert path.stat().st_size < 1_100_000
    assert 600 < len(ledger.records(Kind.EVENT)) < 1000
    told = [json.loads(found.body) for found in ledger.records(Kind.PURGE)]
    assert {purge["reason"] for purge in told} == {"more than 1000000 bytes"}
    [oldest] = [found.seq for found in ledger.records(Kind.EVENT)][:1]
    assert told[-1]["last"] < oldest <= told[-1]["last"] + 2


def test_every_commit_is_synced_before_it_counts(path: Path) -> None:
    """A power cut cannot be made here; that SQLite is told to sync each commit of the write-ahead log can be seen."""
    db = Ledger(path, JournalPlan()).file._db
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_purge_is_bounded_work(path: Path) -> None:
    """A bound made much smaller is reached in many steps of at most 256 records, and the file shrinks."""
    big = Ledger(path, JournalPlan())
    big.write(2000)
    big.file.close()
    small = Ledger(path, JournalPlan(keep_bytes=500_000))
    small.second = 3000
    for _ in range(60):
        before = len(small.records(Kind.EVENT))
        small.write(1)
        assert before - len(small.records(Kind.EVENT)) <= PURGE_ROWS
    small.file.close()
    assert path.stat().st_size < 600_000


def test_what_the_uplink_has_not_read_is_spared_from_age(path: Path, tmp_path: Path) -> None:
    mine = tmp_path / "uplink.db"
    ledger = Ledger(path, JournalPlan(keep_s=100.0), (mine,))
    ledger.write(400)
    assert not ledger.records(Kind.PURGE)
    assert len(ledger.records(Kind.EVENT)) == 400

    cursor = Cursor(path, mine, (Kind.EVENT,))
    cursor.rejoin()
    batch = cursor.backlog(200)
    cursor.advance(batch)
    ledger.write(10)
    left = ledger.records(Kind.EVENT)
    assert left[0].seq == batch.upto + 1
    cursor.close()


def test_size_overrules_the_reader_and_leaves_a_gap_record(path: Path, tmp_path: Path) -> None:
    ledger = Ledger(path, JournalPlan(keep_bytes=500_000), (tmp_path / "uplink.db",))
    ledger.write(1000)
    told = [json.loads(found.body) for found in ledger.records(Kind.GAP)]
    assert {gap["what"] for gap in told} == {"unread"}
    assert all(gap["from_utc_ns"] < gap["to_utc_ns"] for gap in told)


def test_a_wall_clock_that_jumps_ahead_ages_nothing(path: Path) -> None:
    ledger = Ledger(path, JournalPlan(keep_s=1000.0))
    ledger.write(500)
    ledger.write(300, jump_s=365 * 86_400)
    assert len(ledger.records(Kind.EVENT)) == 800
    assert not ledger.records(Kind.PURGE)


def test_a_purged_journal_can_still_be_replayed_from_its_first_recorded_state(path: Path) -> None:
    """Records of the state every hour make this possible."""
    from edgectl.store.journal import FileJournal

    course = Course(plan(JournalPlan()))
    course.plan = seal(replace(course.plan, period_s=10.0))
    journal = FileJournal(path, course.plan, course.initial, course.clock)
    for number, entry in enumerate(course.entries(1000)):
        journal.scan(entry)
        if number % 90 == 0:
            assert journal.flush()
    assert journal.close()
    [whole] = replay(path)
    assert (whole.scans, whole.checkpoints, whole.difference) == (1000, 2, None)

    with sqlite3.connect(path) as db:
        first_state = db.execute("SELECT min(seq) FROM record WHERE kind = 'state'").fetchone()[0]
        db.execute("DELETE FROM record WHERE seq < ?", (first_state - 2,))
    db.close()
    [rest] = replay(path)
    assert rest.difference is None
    assert rest.unproven > 0
    assert 600 <= rest.scans < 700
