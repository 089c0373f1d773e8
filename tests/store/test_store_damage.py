"""A damaged file is kept byte for byte and never keeps the unit from starting (D04)."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edgectl.store.database import Damaged, probe
from edgectl.store.reader import Reader
from edgectl.store.record import Kind
from tests.store.recording import Course, record, unit


def _header(data: bytearray) -> None:
    data[0:16] = b"\0" * 16


def _page(data: bytearray) -> None:
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096


def _cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


def _zero(data: bytearray) -> None:
    data[:] = bytes(len(data))


def _text(data: bytearray) -> None:
    data[:] = b"this is somebody's note, not a journal\n" * 30


@pytest.mark.parametrize("harm", [_header, _page, _cut, _zero, _text])
def test_a_damaged_journal_is_set_aside_unchanged(tmp_path: Path, harm: Callable[[bytearray], None]) -> None:
    path = tmp_path / "journal.db"
    record(path, Course(unit()), 600)
    data = bytearray(path.read_bytes())
    harm(data)
    path.write_bytes(data)

    record(path, Course(unit()), 20)
    [aside] = tmp_path.glob("journal.damaged-*.db")
    assert aside.read_bytes() == data
    with Reader(path) as reader:
        assert len(reader.runs()) == 1
        events = [json.loads(found.body) for found in reader.each(reader.runs()[0], (Kind.EVENT,))]
    told = [event for event in events if event["before"] == "damaged"]
    assert aside.name in told[0]["reason"]


def test_a_foreign_database_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE somebody (s)")
    db.close()
    before = path.read_bytes()
    record(path, Course(unit()), 5)
    [aside] = tmp_path.glob("journal.damaged-*.db")
    assert aside.read_bytes() == before


def test_looking_at_a_healthy_journal_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    record(path, Course(unit()), 50)
    before = path.read_bytes()
    probe(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("companion", ["-wal", "-shm"])
def test_a_damaged_log_or_its_index_does_not_keep_the_journal_from_opening(
    tmp_path: Path, companion: str
) -> None:
    """What SQLite cannot verify of the write-ahead log it leaves out; the records before it are there and in order."""
    path, copy = tmp_path / "journal.db", tmp_path / "copy"
    copy.mkdir()
    course = Course(unit())
    from edgectl.store.journal import FileJournal

    journal = FileJournal(path, course.plan, course.initial, course.clock)
    for entry in course.entries(100):
        journal.scan(entry)
    assert journal.flush()
    for file in tmp_path.glob("journal.db*"):
        shutil.copy(file, copy / file.name)
    assert journal.close()
    harmed = copy / f"journal.db{companion}"
    data = bytearray(harmed.read_bytes())
    half = len(data) // 2
    data[half : half + 64] = b"\xff" * 64
    harmed.write_bytes(data)

    record(copy / "journal.db", Course(unit()), 20)
    with Reader(copy / "journal.db") as reader:
        numbers = [found.seq for run in reader.runs() for found in reader.each(run, tuple(Kind))]
    assert numbers == sorted(set(numbers))


def test_damaged_is_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(Damaged, match="not a database"):
        probe(path)
