"""The journal's file: SQLite in WAL mode, every commit synced, one writer.

Age and size are bounded by deleting the oldest records, a bounded number with each commit; each such purge is itself a record.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from edgectl.model.codec import canonical, to_plain
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.state import State
from edgectl.store.database import FORMAT, Connect, read_only
from edgectl.store.record import Kind, Row, plain

PURGE_ROWS = 256
VACUUM_PAGES = 64
_WAL_BYTES = 4_000_000
_NS = 1_000_000_000

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE plan (digest TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE run (
    run INTEGER PRIMARY KEY AUTOINCREMENT, digest TEXT NOT NULL, state TEXT, boot TEXT NOT NULL, version TEXT NOT NULL,
    mono_ns INTEGER NOT NULL, utc_ns INTEGER NOT NULL, first INTEGER NOT NULL
);
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, kind TEXT NOT NULL,
    utc_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL, body BLOB NOT NULL
);
"""


class Run(NamedTuple):
    """What a run begins with. ``fresh`` is False when the journal was begun anew in the middle of it: its initial state is then elsewhere."""

    plan: Plan
    state: State
    begun: Instant
    version: str
    fresh: bool = True


class JournalFile:
    """The open file, bound to one run. Every method may raise ``sqlite3.Error`` or ``OSError``; what was not committed then has not happened.

    ``readers`` are the cursor files of those who read the journal: what they have not read is purged only when the size bound demands it.
    """

    def __init__(
        self,
        path: Path,
        run: Run,
        now: Instant,
        readers: Iterable[Path] = (),
        connect: Connect = sqlite3.connect,
    ) -> None:
        self._readers = tuple(readers)
        self._purging = False
        self._opened = now
        self._path = path
        self._db = connect(str(path))
        try:
            self._prepare()
            self.begin(run, now)
            self._inode = path.stat().st_ino
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file; its write-ahead log is folded in."""
        self._db.close()

    def in_place(self) -> bool:
        """Whether the path still leads to the file that is open."""
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def write(self, rows: Sequence[Row], now: Instant) -> None:
        """All of ``rows`` durable, or none of them. Old records may go in the same commit."""
        with self._transaction():
            self._insert(rows)
            if purged := self._purge(now):
                self._insert([purged])
            self._shrink()

    def _prepare(self) -> None:
        self._db.isolation_level = None
        for pragma in (
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            "synchronous = FULL",
            "busy_timeout = 1000",
        ):
            self._db.execute(f"PRAGMA {pragma}").fetchone()
        self._db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}").fetchone()
        if self._one("SELECT count(*) FROM sqlite_schema") == 0:
            with self._transaction():
                for statement in _SCHEMA.split(";")[:-1]:
                    self._db.execute(statement)
                self._db.executemany(
                    "INSERT INTO meta VALUES (?, ?)", [("format", FORMAT), ("journal", uuid.uuid4().hex)]
                )
        self._journal = str(self._one("SELECT value FROM meta WHERE key = 'journal'"))
        self._page = int(self._one("PRAGMA page_size"))

    def begin(self, run: Run, now: Instant) -> None:
        """What is written from here on belongs to this run."""
        self._keep = run.plan.journal
        newest = self._db.execute("SELECT utc_ns, kind FROM record ORDER BY seq DESC LIMIT 1").fetchone()
        self._newest_utc_ns = newest[0] if newest else now.utc_ns
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state = json.dumps(to_plain(run.state)) if run.fresh else None
        with self._transaction():
            first = self._one("SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'record'")
            self._db.execute(
                "INSERT OR IGNORE INTO plan VALUES (?, ?)", (run.plan.digest, canonical(run.plan).decode())
            )
            self._run = self._db.execute(
                "INSERT INTO run (digest, state, boot, version, mono_ns, utc_ns, first) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (run.plan.digest, state, boot, run.version, run.begun.mono_ns, run.begun.utc_ns, first),
            ).lastrowid
            body = {"plan": run.plan.digest, "unit": run.plan.unit, "version": run.version, "boot": boot}
            self._insert([Row(Kind.RUN, now, plain(body))])
            if newest and newest[1] != Kind.END:
                self._insert([_unclean(newest[0], now)])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _one(self, statement: str) -> int | str:
        value: int | str = self._db.execute(statement).fetchone()[0]
        return value

    def _insert(self, rows: Iterable[Row]) -> None:
        self._db.executemany(
            "INSERT INTO record (run, kind, utc_ns, mono_ns, body) VALUES (?, ?, ?, ?, ?)",
            [(self._run, row.kind.value, row.at.utc_ns, row.at.mono_ns, row.body) for row in rows],
        )

    def _purge(self, now: Instant) -> Row | None:
        """Delete at most ``PURGE_ROWS`` of the oldest records, if size or age asks for it, and say so in a record.

        Age counts on the calendar of the file itself, which moves on with the monotonic clock: a wall clock that jumps ahead ages nothing.
        A purge begins 2 % late and goes on to the bound, so that it is a burst now and then and not a part of every commit.
        """
        slack = 0.0 if self._purging else 0.02
        keep_ns = int(self._keep.keep_s * _NS)
        calendar_ns = min(now.utc_ns, self._newest_utc_ns + now.mono_ns - self._opened.mono_ns)
        oversize = self._size() > self._keep.keep_bytes * (0.98 + slack)
        oldest = self._db.execute("SELECT utc_ns FROM record ORDER BY seq LIMIT 1").fetchone()
        if not oversize and (oldest is None or oldest[0] >= calendar_ns - keep_ns * (1 + slack)):
            self._purging = False
            return None
        rows = self._db.execute(
            "SELECT seq, utc_ns FROM record ORDER BY seq LIMIT ?", (PURGE_ROWS,)
        ).fetchall()
        read = min((floor(reader, self._journal) for reader in self._readers), default=rows[-1][0])
        if oversize:
            return self._delete(rows, f"more than {self._keep.keep_bytes} bytes", read, now)
        doomed = [row for row in rows if row[1] < calendar_ns - keep_ns and row[0] <= read]
        return self._delete(doomed, f"older than {self._keep.keep_s:.0f} s", read, now)

    def _shrink(self) -> None:
        """Give some of the free pages of an oversize file back. sqlite3 steps this pragma once, so that each call gives one page."""
        if self._file_size() > self._keep.keep_bytes * 1.02:
            for _ in range(VACUUM_PAGES):
                self._db.execute("PRAGMA incremental_vacuum(1)")

    def _delete(self, rows: Sequence[tuple[int, int]], reason: str, read: int, now: Instant) -> Row | None:
        self._purging = len(rows) == PURGE_ROWS
        if not rows:
            return None
        last = rows[-1][0]
        self._db.execute("DELETE FROM record WHERE seq <= ?", (last,))
        self._db.execute("DELETE FROM run WHERE run < (SELECT run FROM record ORDER BY seq LIMIT 1)")
        self._db.execute("DELETE FROM plan WHERE digest NOT IN (SELECT digest FROM run)")
        body = {
            "what": "purged" if last <= read else "unread",
            "from_utc_ns": rows[0][1],
            "to_utc_ns": rows[-1][1],
            "count": len(rows),
            "reason": reason,
            "first": rows[0][0],
            "last": last,
        }
        return Row(Kind.PURGE if last <= read else Kind.GAP, now, plain(body))

    def _file_size(self) -> int:
        return int(self._one("PRAGMA page_count")) * self._page

    def _size(self) -> int:
        return self._file_size() - int(self._one("PRAGMA freelist_count")) * self._page


def _unclean(last_utc_ns: int, now: Instant) -> Row:
    body = {
        "what": "stopped",
        "from_utc_ns": last_utc_ns,
        "to_utc_ns": now.utc_ns,
        "count": None,
        "reason": "the process before ended without closing the journal; what it had not committed is missing",
    }
    return Row(Kind.GAP, now, plain(body))


def floor(cursor: Path, journal: str) -> int:
    """Up to which record a reader has read everything, by its own cursor file; 0 when that cannot be told."""
    try:
        with contextlib.closing(read_only(cursor)) as db:
            row = db.execute("SELECT upto FROM sent WHERE journal = ? AND after = 0", (journal,)).fetchone()
    except sqlite3.Error:
        return 0
    return int(row[0]) if row else 0
