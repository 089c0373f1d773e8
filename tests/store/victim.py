"""Processes that are killed: one writes a journal, one reads it. Each says through its pipe what is acknowledged."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

from edgectl.model.uplink_plan import JournalPlan
from edgectl.store.cursor import Cursor
from edgectl.store.journal import FileJournal
from edgectl.store.record import Kind
from tests.store.recording import Course, unit


def write(path: Path, say: Connection[tuple[int, ...], tuple[int, ...]]) -> None:
    """Record for ever; says scan numbers up to which all is durable."""
    course = Course(unit(journal=JournalPlan(commit_s=0.003, keep_bytes=2_000_000)))
    journal = FileJournal(path, course.plan, course.initial, course.clock)
    while True:
        for entry in course.entries(20):
            journal.scan(entry)
        if journal.flush():
            say.send((course.state.scan,))


def read(path: Path, say: Connection[tuple[int, ...], tuple[int, ...]]) -> None:
    """Acknowledge the backlog bit by bit; says each range that is acknowledged."""
    cursor = Cursor(path, path.with_name("uplink.db"), tuple(Kind))
    cursor.rejoin()
    while (batch := cursor.backlog(2)).upto > batch.after:
        cursor.advance(batch)
        say.send((batch.after, batch.upto))
