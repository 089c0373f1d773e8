"""The journal as any SQLite shell sees it: the single records are JSON, documented in edgectl/store/record.py."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SINGLE = ("event", "request", "reply", "gap", "end", "purge")


@dataclass(frozen=True, slots=True)
class Record:
    """One single record. Times are nanoseconds."""

    seq: int
    run: int
    kind: str
    utc_ns: int
    mono_ns: int
    body: dict[str, Any]


class Journal:
    """Reads a journal beside its writer; an absent file has no records."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=2.0)) as base:
            return base.execute(query, values).fetchall()

    def last(self) -> int:
        """The number of the newest record, 0 without any."""
        if not self.path.exists():
            return 0
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM record")[0][0])

    def records(self, kind: str, after: int = 0) -> list[Record]:
        """The single records of a kind behind the number `after`, in order."""
        rows = self._rows(
            "SELECT seq, run, kind, utc_ns, mono_ns, body FROM record WHERE kind = ? AND seq > ? ORDER BY seq",
            kind,
            after,
        )
        return [
            Record(seq, run, name, utc, mono, json.loads(body)) for seq, run, name, utc, mono, body in rows
        ]

    def events(self, behind: int = 0, /, **fields: str) -> list[Record]:
        """The events behind the number `behind` in which each field has this value."""
        return [
            record
            for record in self.records("event", behind)
            if all(record.body.get(key) == value for key, value in fields.items())
        ]

    def numbers(self, kinds: Sequence[str], after: int, upto: int) -> set[int]:
        """The numbers of the records of these kinds in a stretch."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT seq FROM record WHERE kind IN ({marks}) AND seq > ? AND seq <= ?"  # noqa: S608 - marks only
        return {row[0] for row in self._rows(query, *kinds, after, upto)}

    def times(self) -> list[tuple[int, int, int]]:
        """Run, sequence number and monotonic time of every record, in the order of the sequence."""
        rows = self._rows("SELECT run, seq, mono_ns FROM record ORDER BY seq")
        return [(row[0], row[1], row[2]) for row in rows]

    def fingerprint(self, upto: int) -> str:
        """A hash over every byte of the records up to `upto`: equal later means nothing was lost, changed or doubled."""
        digest = hashlib.blake2b()
        for row in self._rows(
            "SELECT seq, run, kind, utc_ns, mono_ns, body FROM record WHERE seq <= ? ORDER BY seq", upto
        ):
            digest.update(repr(row).encode())
        return digest.hexdigest()

    def holes(self) -> list[int]:
        """The numbers after which one is missing."""
        seqs = [row[0] for row in self._rows("SELECT seq FROM record ORDER BY seq")]
        return [one for one, other in itertools.pairwise(seqs) if other != one + 1]

    def sound(self) -> bool:
        """Whether SQLite finds nothing wrong in the file."""
        return bool(self._rows("PRAGMA integrity_check")[0][0] == "ok")
