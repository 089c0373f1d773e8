"""kill -9 at any moment: what was acknowledged is there, once, in order (D05, U6)."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from edgectl.app.replay import replay
from edgectl.store.cursor import Cursor
from edgectl.store.database import probe
from edgectl.store.reader import Reader
from edgectl.store.record import Kind
from tests.store.recording import Course, record, unit
from tests.store.victim import read, write

pytestmark = pytest.mark.slow

_CONTEXT = multiprocessing.get_context("forkserver")


def kill(
    work: Callable[[Path, Connection[tuple[int, ...], tuple[int, ...]]], None], path: Path, after_s: float
) -> list[tuple[int, ...]]:
    """Everything a process said before it was killed, ``after_s`` after its first word."""
    _CONTEXT.set_forkserver_preload(["tests.store.victim"])
    ear, mouth = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=work, args=(path, mouth))
    process.start()
    mouth.close()
    said = []
    try:
        said.append(ear.recv())
        time.sleep(after_s)
        process.kill()
        while True:
            said.append(ear.recv())
    except EOFError:
        return said
    finally:
        process.kill()
        process.join()
        ear.close()


def test_21_kills_of_the_writer_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    chance = random.Random(7)
    acknowledged: list[int] = []
    for _ in range(21):
        [*_, (scan,)] = kill(write, path, chance.uniform(0.0, 0.04))
        acknowledged.append(scan)

    assert not list(tmp_path.glob("*damaged*"))
    probe(path)
    reports = replay(path)
    assert [report.difference for report in reports] == [None] * len(reports)
    # Retention has taken the oldest runs; of those that are whole, every acknowledged scan is there.
    whole = [report for report in reports if not report.unproven]
    assert len(whole) >= 5
    for report in whole:
        assert report.scans >= acknowledged[report.run - 1]
    with Reader(path) as reader:
        found = reader.records(0, reader.head(), 10**9, tuple(Kind))
        numbers = [item.seq for item in found]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    gaps = [item for item in found if item.kind is Kind.GAP]
    assert len(gaps) >= len(reports) - 1  # each run but the first begins with saying how the one before ended


def test_20_kills_of_the_reader_lose_no_acknowledgement(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for _ in range(8):
        record(path, Course(unit()), 400)
    chance = random.Random(3)
    position = 0
    for _ in range(20):
        told = kill(read, path, chance.uniform(0.0, 0.01))
        if told:
            # Exactly where it was, or one batch further: acknowledged, and killed before it was said.
            assert position <= told[0][0] <= position + 2
            assert [after for after, _ in told[1:]] == [upto for _, upto in told[:-1]]
            position = told[-1][1]
    cursor = Cursor(path, path.with_name("uplink.db"), tuple(Kind))
    cursor.rejoin()
    rest = cursor.backlog(10**6)
    with Reader(path) as reader:
        assert rest.after in range(position, position + 3)
        assert [found.seq for found in rest.records] == list(range(rest.after + 1, reader.head() + 1))
    cursor.close()
