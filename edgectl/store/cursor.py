"""A reader's way through the journal, and how far it has come: in a small file of the reader's own.

There are two lanes. The live lane carries what is recorded after ``rejoin``; the backlog lane carries what was not acknowledged by then, oldest
first. What was acknowledged is kept as ranges of record numbers, each added in one durable step: killed at any
moment, a reader finds again all it had acknowledged and nothing more.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from edgectl.model.plan import Plan
from edgectl.store.database import fault_text, is_damage
from edgectl.store.reader import JournalFault, Reader
from edgectl.store.record import Kind, Record

T = TypeVar("T")

_MS = 1_000_000
_FEW = 8
_SAME_MOMENT = 256  # records; the batch that a limit alone would part

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sent (
    journal TEXT NOT NULL, after INTEGER NOT NULL, upto INTEGER NOT NULL, PRIMARY KEY (journal, after)
) WITHOUT ROWID
"""


class Batch(NamedTuple):
    """All records of interest in ``(after, upto]`` of one journal, in order, and the plans of their runs.

    ``behind`` is how many records of any kind the journal has beyond ``upto``.
    """

    journal: str
    after: int
    upto: int
    records: tuple[Record, ...]
    plans: Mapping[int, Plan]
    behind: int


class Cursor:
    """How far one reader has come in the journal at ``journal``; kept in ``path``, which nobody else writes.

    ``whole_moments``: a batch is never parted within a millisecond, for a dialect that tells all of one as one; it may be longer than its limit then.

    Calls wait for the disk, so an event loop makes them from a thread, one at a time. All may raise ``JournalFault``.
    """

    def __init__(
        self, journal: Path, path: Path, kinds: Iterable[Kind], *, whole_moments: bool = False
    ) -> None:
        self._whole_moments = whole_moments
        self._journal_path = journal
        self._path = path
        self._kinds = tuple(kinds)
        self._db: sqlite3.Connection | None = None
        self._identity = ""
        self._live = 0
        self._plans: dict[int, Plan] = {}

    def close(self) -> None:
        """Close the cursor file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def rejoin(self) -> None:
        """From here on, what is in the journal by now is backlog, and what comes is live."""
        with self._reader() as reader:
            self._live = reader.head()

    def live(self, limit: int) -> Batch:
        """The oldest records not yet taken from the live lane, at most ``limit``."""
        with self._reader() as reader:
            return self._batch(reader, self._live, reader.head(), limit)

    def backlog(self, limit: int) -> Batch:
        """The oldest records of all that were not acknowledged and are not live, at most ``limit``."""
        with self._reader() as reader:
            after, upto = self._unsent()
            return self._batch(reader, after, min(upto, self._live), limit)

    def advance(self, batch: Batch) -> None:
        """All of ``batch`` is acknowledged: durable when this returns, and never read again."""
        if batch.journal == self._identity:
            self._live = batch.upto if batch.after == self._live else self._live
        touching = (batch.journal, batch.upto, batch.after)
        with self._own() as db:
            db.execute("DELETE FROM sent WHERE journal != ?", (batch.journal,))
            after, upto = db.execute(
                "SELECT min(min(after), ?), max(max(upto), ?) FROM sent WHERE journal = ? AND after <= ? AND upto >= ?",
                (batch.after, batch.upto, *touching),
            ).fetchone()
            db.execute("DELETE FROM sent WHERE journal = ? AND after <= ? AND upto >= ?", touching)
            union = (batch.after, batch.upto) if after is None else (after, upto)
            db.execute("INSERT INTO sent VALUES (?, ?, ?)", (batch.journal, *union))

    def survey(self, look: Callable[[Reader, int], T]) -> T:
        """What ``look`` finds in the journal; it is told the number of the newest record that is not live."""
        with self._reader() as reader:
            return look(reader, self._live)

    def waiting(self) -> int:
        """How many records of any kind have not been acknowledged, of those the journal still holds."""
        with self._reader() as reader:
            head, gone = reader.head(), max(0, reader.oldest() - 1)
            with self._own() as db:
                (sent,) = db.execute(
                    "SELECT coalesce(sum(max(0, upto - max(after, ?))), 0) FROM sent WHERE journal = ?",
                    (gone, self._identity),
                ).fetchone()
            return max(0, head - gone - int(sent))

    def unsent_plans(self) -> tuple[Plan, ...]:
        """The plans of all runs that have records which were not acknowledged, oldest first; the newest run's in any case."""
        with self._reader() as reader:
            after, _ = self._unsent()
            runs = reader.runs()
            ends = [run.first for run in runs[1:]] + [0]
            return tuple(run.plan for run, end in zip(runs, ends, strict=True) if not end or end > after)

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Reader]:
        with Reader(self._journal_path) as reader:
            if reader.identity != self._identity:
                self._identity, self._live, self._plans = reader.identity, 0, {}
            if self._newest_sent() > reader.head():
                # An older copy of the journal was put in its place: its numbers are being given out a second time.
                self._forget()
            yield reader

    def _batch(self, reader: Reader, after: int, bound: int, limit: int) -> Batch:
        records = reader.records(after, bound, limit, self._kinds)
        upto = max(after, bound)
        if len(records) == limit:
            if self._whole_moments:
                records += self._of_same_moment(reader, records[-1], bound)
            upto = records[-1].seq
        plans = {run: self._plan(reader, run) for run in {record.run for record in records}}
        return Batch(self._identity, after, upto, tuple(records), plans, reader.head() - upto)

    def _of_same_moment(self, reader: Reader, last: Record, bound: int) -> list[Record]:
        """What follows ``last`` within its millisecond: seldom any, so a few are looked at first."""
        found: list[Record] = []
        for limit in (_FEW, _SAME_MOMENT):
            following = reader.records(last.seq, bound, limit, self._kinds)
            found = list(
                itertools.takewhile(
                    lambda record: record.at.utc_ns // _MS == last.at.utc_ns // _MS, following
                )
            )
            if len(found) < limit:
                break
        return found

    def _plan(self, reader: Reader, run: int) -> Plan:
        if run not in self._plans:
            self._plans[run] = reader.plan(run)
        return self._plans[run]

    def _unsent(self) -> tuple[int, int]:
        with self._own() as db:
            sent = db.execute(
                "SELECT after, upto FROM sent WHERE journal = ? ORDER BY after LIMIT 2", (self._identity,)
            ).fetchall()
        if not sent or sent[0][0] > 0:
            return 0, sent[0][0] if sent else self._live
        return sent[0][1], sent[1][0] if len(sent) > 1 else self._live

    def _newest_sent(self) -> int:
        with self._own() as db:
            newest = db.execute("SELECT max(upto) FROM sent WHERE journal = ?", (self._identity,)).fetchone()[
                0
            ]
        return int(newest or 0)

    def _forget(self) -> None:
        with self._own() as db:
            db.execute("DELETE FROM sent")
        self._live = 0

    @contextlib.contextmanager
    def _own(self) -> Iterator[sqlite3.Connection]:
        try:
            db = self._db = self._db or _open(self._path)
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self.close()
            raise JournalFault(f"{self._path}: {fault_text(error)}") from None


def _open(path: Path) -> sqlite3.Connection:
    """The cursor file; a damaged one is set aside, and everything the journal still holds counts as not acknowledged."""
    db = sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)
    try:
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", _SCHEMA):
            db.execute(statement).fetchone()
    except sqlite3.Error as error:
        db.close()
        if not is_damage(error):
            raise
        path.rename(path.with_name(f"{path.name}.damaged"))
        return _open(path)
    return db
