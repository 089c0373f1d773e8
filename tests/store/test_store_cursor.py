"""A reader finds again what it acknowledged, and nothing is skipped or read twice."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from edgectl.model.uplink_plan import JournalPlan
from edgectl.store.cursor import Batch, Cursor
from edgectl.store.journal import FileJournal
from edgectl.store.reader import JournalFault, Reader
from edgectl.store.record import Kind, Record
from tests.store.recording import Course, event, record, unit

EVERYTHING = tuple(Kind)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def cursor(path: Path, kinds: tuple[Kind, ...] = EVERYTHING) -> Cursor:
    return Cursor(path, path.with_name("uplink.db"), kinds)


def numbers(batch: Batch) -> list[int]:
    return [found.seq for found in batch.records]


def drain(reader: Cursor, limit: int = 7) -> list[int]:
    """Acknowledge the whole backlog."""
    read: list[int] = []
    while (batch := reader.backlog(limit)).upto > batch.after:
        read += numbers(batch)
        reader.advance(batch)
    return read


def head(path: Path) -> int:
    with Reader(path) as reader:
        return reader.head()


def test_a_reader_comes_by_every_record_once_in_order(path: Path) -> None:
    record(path, Course(unit()), 300)
    reader = cursor(path)
    reader.rejoin()
    assert drain(reader) == list(range(1, head(path) + 1))
    assert drain(reader) == []
    reader.close()
    again = cursor(path)
    again.rejoin()
    assert drain(again) == []
    again.close()


def test_what_was_not_acknowledged_is_read_again(path: Path) -> None:
    record(path, Course(unit()), 100)
    reader = cursor(path)
    reader.rejoin()
    first = reader.backlog(5)
    reader.advance(first)
    reader.backlog(5)
    reader.close()
    again = cursor(path)
    again.rejoin()
    assert numbers(again.backlog(5)) == [6, 7, 8, 9, 10]
    again.close()


def test_what_comes_is_live_and_what_was_there_is_backlog(path: Path) -> None:
    """Three outages in a row, each while the backlog of the one before is still waiting: the oldest goes first."""
    read: list[int] = []
    for _ in range(3):
        course = Course(unit())
        record(path, course, 50)
        reader = cursor(path)
        reader.rejoin()
        assert reader.live(100).records == ()
        old = head(path)
        record(path, Course(unit()), 20)
        live = reader.live(1000)
        assert numbers(live) == list(range(old + 1, head(path) + 1))
        reader.advance(live)
        read += numbers(live)
        for _ in range(2):
            batch = reader.backlog(3)
            reader.advance(batch)
            read += numbers(batch)
        reader.close()
    reader = cursor(path)
    reader.rejoin()
    rest = drain(reader, 4)
    assert rest == sorted(rest)
    assert sorted(read + rest) == list(range(1, head(path) + 1))
    reader.close()


def test_records_of_no_interest_are_passed_over_and_count_as_read(path: Path) -> None:
    record(path, Course(unit()), 100)
    reader = cursor(path, (Kind.MEASUREMENTS,))
    reader.rejoin()
    read = drain(reader)
    assert 0 < len(read) < head(path)
    assert reader.backlog(5).upto == head(path)
    assert reader.backlog(5).after == head(path)
    reader.close()


def test_a_batch_brings_the_plans_of_its_runs(path: Path) -> None:
    first, second = Course(unit()), Course(unit(period_s=0.2))
    record(path, first, 20)
    record(path, second, 20)
    reader = cursor(path)
    reader.rejoin()
    assert reader.backlog(1000).plans == {1: first.plan, 2: second.plan}
    reader.close()


def test_a_journal_begun_anew_is_read_from_its_beginning(path: Path) -> None:
    """The old file was set aside; the numbers of the new one say nothing about the old."""
    record(path, Course(unit()), 300)
    reader = cursor(path)
    reader.rejoin()
    drain(reader)
    path.rename(path.with_name("aside.db"))
    record(path, Course(unit()), 30)
    assert numbers(reader.live(1000)) == list(range(1, head(path) + 1))
    reader.close()


def test_an_older_copy_of_the_journal_is_read_from_its_beginning(path: Path) -> None:
    record(path, Course(unit()), 50)
    copy = path.read_bytes()
    record(path, Course(unit()), 50)
    reader = cursor(path)
    reader.rejoin()
    drain(reader)
    reader.close()
    path.write_bytes(copy)
    reader = cursor(path)
    reader.rejoin()
    assert drain(reader) == list(range(1, head(path) + 1))
    reader.close()


def test_a_damaged_cursor_file_costs_repetition_and_no_record(path: Path) -> None:
    record(path, Course(unit()), 50)
    reader = cursor(path)
    reader.rejoin()
    drain(reader)
    reader.close()
    path.with_name("uplink.db").write_bytes(b"not a database" * 400)
    reader = cursor(path)
    reader.rejoin()
    assert drain(reader) == list(range(1, head(path) + 1))
    reader.close()


def test_no_journal_yet_is_a_fault_that_names_the_file(path: Path) -> None:
    reader = cursor(path)
    with pytest.raises(JournalFault, match=r"journal\.db"):
        reader.rejoin()
    reader.close()


def test_something_that_is_no_journal_is_a_fault(path: Path) -> None:
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(JournalFault, match="not a database"):
        Reader(path)
    with sqlite3.connect(path.with_name("other.db")) as db:
        db.execute("CREATE TABLE t (a)")
    db.close()
    with pytest.raises(JournalFault, match="no such table"):
        Reader(path.with_name("other.db"))


def test_reading_while_it_is_written_misses_and_repeats_nothing(path: Path) -> None:
    course = Course(unit(journal=JournalPlan(commit_s=0.001)))
    journal = FileJournal(path, course.plan, course.initial, course.clock)
    assert journal.flush()
    reader = cursor(path, (Kind.EVENT,))
    reader.rejoin()
    done = threading.Event()

    def write() -> None:
        for number in range(1500):
            journal.event(event(course.now, f"n{number}"))
            if number % 10 == 0:
                journal.flush()
        journal.flush()
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    read: list[Record] = []
    while not done.is_set() or reader.live(1).upto > reader.live(1).after:
        batch = reader.live(40)
        read += batch.records
        if batch.upto > batch.after:
            reader.advance(batch)
    writer.join()
    assert journal.close()
    subjects = [f'"subject":"n{number}"'.encode() for number in range(1500)]
    assert all(subject in found.body for subject, found in zip(subjects, read, strict=True))
    reader.close()


@pytest.mark.parametrize("together", [1, 5, 8, 9, 40])
def test_a_batch_of_whole_moments_ends_where_its_last_millisecond_ends(path: Path, together: int) -> None:
    """However many records share a millisecond: first a single event, then those, then the next single one."""
    course = Course(unit())
    journal = FileJournal(path, course.plan, course.initial, course.clock)
    for number in (1, together, 1):
        entry = course.entry()
        for place in range(number):
            journal.event(event(entry.now, f"{number} {place}"))
    assert journal.flush()
    assert journal.close()
    whole = Cursor(path, path.with_name("uplink.db"), (Kind.EVENT,), whole_moments=True)
    whole.rejoin()
    sizes = []
    while (batch := whole.backlog(1)).records:
        sizes.append(len(batch.records))
        whole.advance(batch)
    whole.close()
    assert sizes == [1, together, 1]
