"""The journal keeps everything, never makes control wait, and says what it could not keep."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgectl.model.uplink_plan import JournalPlan
from edgectl.store.journal import FileJournal
from edgectl.store.loop_value import unpack_loops
from edgectl.store.reader import Reader
from edgectl.store.record import Kind, Record, ScanInput, unpack_commands, unpack_measurements, words
from edgectl.store.run import steps
from tests.store.disk import Disk
from tests.store.recording import Course, event, record, retarget, unit

pytestmark = pytest.mark.slow

FAST = JournalPlan(commit_s=0.02)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def records(path: Path, *kinds: Kind) -> list[Record]:
    """All records of a journal, or those of some kinds."""
    with Reader(path) as reader:
        return reader.records(0, reader.head(), 1_000_000, kinds or tuple(Kind))


def bodies(path: Path, kind: Kind) -> list[dict[str, Any]]:
    """The bodies of single records."""
    return [json.loads(found.body) for found in records(path, kind)]


def scans(path: Path, run: int = 0) -> list[int]:
    """The scan numbers whose inputs are in the journal and whose seals hold."""
    with Reader(path) as reader:
        return [step.scan for step in steps(reader, reader.runs()[run]) if isinstance(step, ScanInput)]


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for another thread."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.released.set()


def start(path: Path, course: Course, disk: Disk | None = None, **more: Any) -> FileJournal:
    connect = disk.connect if disk else sqlite3.connect
    return FileJournal(path, course.plan, course.initial, course.clock, connect=connect, **more)


def test_what_control_handed_over_can_be_read_back_exactly(path: Path) -> None:
    course = Course(unit())
    journal = start(path, course, version="1.2.3")
    entries = [
        course.entry((retarget(36.8),) if n == 30 else (), (event(course.now, "bus"),) if n == 7 else ())
        for n in range(100)
    ]
    for entry in entries:
        journal.scan(entry)
    journal.event(event(course.now, "outside"))
    assert journal.close()

    with Reader(path) as reader:
        [run] = reader.runs()
        read = [step for step in steps(reader, run) if isinstance(step, ScanInput)]
    assert (run.plan, run.state, run.version) == (course.plan, course.initial, "1.2.3")
    kept = [(s.scan, s.now, s.dt_s, s.samples, s.achieved, s.requests) for s in read]
    assert kept == [(e.scan, e.now, e.dt_s, e.samples, e.achieved, e.requests) for e in entries]
    [request] = bodies(path, Kind.REQUEST)
    assert (request["actor"], request["reason"], request["value"]) == ("anna", retarget(0).reason, 36.8)
    [reply] = bodies(path, Kind.REPLY)
    assert reply["accepted"]
    subjects = [body["subject"] for body in bodies(path, Kind.EVENT)]
    assert "bus" in subjects
    assert subjects[-1] == "outside"
    assert [found.kind for found in records(path)][:: len(records(path)) - 1] == [Kind.RUN, Kind.END]


def test_values_loops_and_commands_are_recorded_with_their_reasons(path: Path) -> None:
    course = Course(unit())
    record(path, course, 200)
    names = words(course.plan)
    measured = [
        row for found in records(path, Kind.MEASUREMENTS) for row in unpack_measurements(found.body, names)
    ]
    assert {row.measurement.tag for row in measured} == {"TT-101", "AT-101"}
    assert 2 < len(measured) < 150  # of 400: report by exception
    commands = [row for found in records(path, Kind.COMMANDS) for row in unpack_commands(found.body, names)]
    assert {row.actuator for row in commands} == {"EH-101", "FV-101"}
    assert {row.source for row in commands} >= {"temperature", "ph"}
    loops = [row for found in records(path, Kind.LOOPS) for row in unpack_loops(found.body, names)]
    assert {row.mode for row in loops} == {"AUTO"}
    assert any(row.condition == "regulating" for row in loops)


def test_the_last_values_are_found_from_the_end(path: Path) -> None:
    course = Course(unit())
    record(path, course, 300)
    with Reader(path) as reader:
        values = reader.last_values()
    assert set(values) == {"TT-101", "AT-101"}
    measured = values["TT-101"]
    assert measured.value == pytest.approx(course.image.samples["rtd.temperature"].value, abs=0.1)


def test_a_record_number_is_never_used_twice(path: Path) -> None:
    """Also not across runs, and the order of numbers is the order of events."""
    for _ in range(3):
        record(path, Course(unit()), 20)
    found = records(path)
    assert [item.seq for item in found] == list(range(1, len(found) + 1))
    assert [item.run for item in found] == sorted(item.run for item in found)
    assert not records(path, Kind.GAP)


def test_an_end_without_a_goodbye_is_a_gap_in_the_next_run(path: Path) -> None:
    record(path, Course(unit()), 20)
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM record WHERE kind = 'end'")
    db.close()
    record(path, Course(unit()), 20)
    [gap] = bodies(path, Kind.GAP)
    assert gap["what"] == "stopped"
    assert gap["from_utc_ns"] <= gap["to_utc_ns"]


def test_a_disk_stuck_for_30_s_loses_nothing_and_stops_nobody(path: Path, disk: Disk) -> None:
    course = Course(unit(journal=FAST))
    journal = start(path, course, disk)
    journal.scan(course.entry())
    assert journal.flush()
    disk.released.clear()
    journal.scan(course.entry())
    assert disk.stuck.wait(5)

    entries = list(course.entries(300))  # 30 s at 10 Hz
    slowest = 0.0
    for entry in entries:
        begun = time.perf_counter()
        journal.scan(entry)
        slowest = max(slowest, time.perf_counter() - begun)
    assert slowest < 0.05
    assert journal.health().waiting >= 300
    disk.released.set()
    assert journal.close()
    assert scans(path) == list(range(1, 303))
    assert not records(path, Kind.GAP)
    assert journal.health().lost == 0


def test_what_no_longer_fits_while_the_disk_is_stuck_is_counted_and_recorded(path: Path, disk: Disk) -> None:
    course = Course(unit(journal=FAST))
    journal = start(path, course, disk)
    journal.scan(course.entry())
    assert journal.flush()
    disk.released.clear()
    journal.scan(course.entry())
    assert disk.stuck.wait(5)
    entries = list(course.entries(700))
    for entry in entries:
        journal.scan(entry)
    lost = journal.health().lost
    assert 0 < lost <= 101  # the queue holds 60 s at 10 Hz
    disk.released.set()
    assert journal.flush()
    later = list(course.entries(30))
    for entry in later:
        journal.scan(entry)
    assert journal.close()
    [gap] = bodies(path, Kind.GAP)
    assert (gap["what"], gap["count"]) == ("everything", lost)
    assert gap["from_utc_ns"] == entries[-lost].now.utc_ns
    assert gap["to_utc_ns"] == entries[-1].now.utc_ns
    # The first scan behind the gap is there as a recorded state; those after it can be replayed.
    kept = [1, 2, *(entry.scan for entry in entries[:-lost]), *(entry.scan for entry in later[1:])]
    assert scans(path) == kept


def test_a_slow_disk_never_slows_control(path: Path, disk: Disk) -> None:
    """fsync takes 0.2 s, every time."""
    disk.commit_s = lambda: 0.2
    course = Course(unit(journal=FAST))
    journal = start(path, course, disk)
    entries = list(course.entries(300))
    begun = time.perf_counter()
    for entry in entries:
        journal.scan(entry)
    assert time.perf_counter() - begun < 0.1
    assert journal.close()
    assert scans(path) == list(range(1, 301))


def test_a_full_disk_is_an_ailment_and_everything_is_there_once_it_has_room(path: Path, disk: Disk) -> None:
    course = Course(unit(journal=FAST))
    journal = start(path, course, disk)
    for entry in course.entries(20):
        journal.scan(entry)
    assert journal.flush()
    disk.pages = 1  # no room for another page
    entries = list(course.entries(500))
    for entry in entries:
        journal.scan(entry)
        time.sleep(0.0002)
    eventually(lambda: journal.health().fault == "disk full")
    disk.pages = 0
    assert journal.flush()
    assert journal.health().fault == ""
    assert journal.close()
    assert scans(path) == list(range(1, 521))
    told = [
        (body["before"], body["after"]) for body in bodies(path, Kind.EVENT) if body["subject"] == "journal"
    ]
    assert told == [("writing", "disk full"), ("disk full", "writing")]


def test_while_the_disk_stays_full_inputs_go_first_and_events_last(path: Path, disk: Disk) -> None:
    course = Course(unit(journal=FAST))
    journal = start(path, course, disk, memory_bytes=60_000)
    for entry in course.entries(20):
        journal.scan(entry)
    assert journal.flush()
    disk.pages = 1
    for number in range(3000):
        journal.scan(course.entry())
        journal.event(event(course.now, f"n{number}"))
        if number % 20 == 0:
            journal.flush(0.05)
        if journal._pending_bytes > 60_000:
            break
    eventually(lambda: journal.health().waiting > 0 and not journal._queue)
    peak = journal._pending_bytes
    disk.pages = 0
    assert journal.flush()
    for entry in course.entries(50):
        journal.scan(entry)
    assert journal.close()
    assert peak < 90_000
    gaps = {gap["what"]: gap for gap in bodies(path, Kind.GAP)}
    assert set(gaps) >= {"inputs", "values"}
    assert gaps["inputs"]["from_utc_ns"] < gaps["values"]["from_utc_ns"]
    assert all(gap["reason"] == "disk full" for gap in gaps.values())
    # stored + recorded gaps == produced
    kept = scans(path)
    assert len(kept) + gaps["inputs"]["count"] + 1 == course.state.scan
    assert kept[-49:] == list(range(course.state.scan - 48, course.state.scan + 1))


def test_a_read_only_file_system_is_told_as_such(path: Path, disk: Disk) -> None:
    course = Course(unit(journal=FAST))
    journal = start(path, course, disk)
    journal.scan(course.entry())
    assert journal.flush()
    disk.read_only = True
    journal.scan(course.entry())
    eventually(lambda: journal.health().fault == "file system is read-only")
    disk.read_only = False
    assert journal.close()
    assert scans(path) == [1, 2]


def test_a_folder_that_does_not_exist_yet_only_delays_the_journal(tmp_path: Path) -> None:
    course = Course(unit(journal=FAST))
    journal = start(tmp_path / "later" / "journal.db", course)
    journal.scan(course.entry())
    eventually(lambda: "cannot be opened" in journal.health().fault)
    (tmp_path / "later").mkdir()
    assert journal.close()
    assert scans(tmp_path / "later" / "journal.db") == [1]


def test_a_journal_deleted_under_the_running_unit_is_begun_anew(path: Path) -> None:
    course = Course(unit(journal=FAST))
    journal = start(path, course)
    for entry in course.entries(10):
        journal.scan(entry)
    assert journal.flush()
    for file in path.parent.iterdir():
        file.unlink()
    for _ in range(2):
        for entry in course.entries(10):
            journal.scan(entry)
        assert journal.flush()
    assert journal.close()
    with Reader(path) as reader:
        [run] = reader.runs()
    assert run.state is None
    assert scans(path) == list(range(22, 31))
    assert ("writing", "begun anew") in [(e["before"], e["after"]) for e in bodies(path, Kind.EVENT)]
