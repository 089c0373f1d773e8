"""SQLite as the store uses it: who may open what, what its errors mean, and what is done with a damaged file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from edgectl.model.instant import Instant

FORMAT = "1"
_PROBE_BYTES = 64_000_000
_NS = 1_000_000_000

Connect = Callable[[str], sqlite3.Connection]


class Damaged(Exception):
    """The file is no journal, or no longer one. The text says what SQLite found."""


def fault_text(error: sqlite3.Error | OSError) -> str:
    """What ails the disk, in words for people."""
    code = getattr(error, "sqlite_errorcode", None)
    known = {
        sqlite3.SQLITE_FULL: "disk full",
        sqlite3.SQLITE_READONLY: "file system is read-only",
        sqlite3.SQLITE_IOERR: "disk does not read or write",
        sqlite3.SQLITE_CANTOPEN: "journal file cannot be opened; check folder and permissions",
        sqlite3.SQLITE_BUSY: "journal file is locked by another process",
    }
    return known.get(code & 0xFF, str(error)) if code is not None else str(error)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the content is wrong, not that the disk is out of reach."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, beside the writer's or after it. Autocommit: every statement reads what is committed then.

    Raises:
        sqlite3.OperationalError: no such file.
    """
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=1.0)


def probe(path: Path) -> None:
    """Look at an existing journal without touching it: identity, oldest and newest record; all of it while it is small.

    Raises:
        Damaged: it must be set aside.
    """
    with contextlib.closing(read_only(path)) as db:
        try:
            row = db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
            db.execute("SELECT * FROM record ORDER BY seq LIMIT 1").fetchone()
            db.execute("SELECT * FROM record ORDER BY seq DESC LIMIT 1").fetchone()
            small = path.stat().st_size <= _PROBE_BYTES
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0] if small else "ok"
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise Damaged(str(error)) from None
            raise
    if row is None or row[0] != FORMAT:
        raise Damaged("not a journal of this format")
    if found != "ok":
        raise Damaged(str(found))


def set_aside(path: Path, now: Instant) -> Path:
    """Rename a journal with its companions, keeping every byte; the new name tells when."""
    stamp = datetime.fromtimestamp(now.utc_ns / _NS, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    for companion in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + companion).rename(aside.with_name(aside.name + companion))
    path.rename(aside)
    return aside
