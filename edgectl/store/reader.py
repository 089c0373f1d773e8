"""The journal seen by those who only read it, from any process, while it is being written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from edgectl.model.codec import from_plain, load_plan
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.model.state import State
from edgectl.store.database import fault_text, read_only
from edgectl.store.record import Kind, Record, unpack_measurements, words

_CHUNK = 64


class JournalFault(Exception):
    """A journal or a cursor cannot be read or written at this moment. The text says which file and why."""


class Run(NamedTuple):
    """One start of control. ``state`` is None when the journal was begun anew in the middle of the run; ``first`` is its first record.

    ``recorded`` is the state letter by letter: what was sealed, when a later version remembers more.
    """

    number: int
    plan: Plan
    state: State | None
    begun: Instant
    boot: str
    version: str
    first: int
    recorded: Mapping[str, Any] | None


class Reader:
    """An open journal, read only. Every call sees what is committed at that moment, and raises ``JournalFault`` if it cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._db = read_only(path)
        except sqlite3.Error as error:
            raise self._explained(error) from None
        try:
            self.identity: str = self._rows("SELECT value FROM meta WHERE key = 'journal'")[0][0]
        except JournalFault:
            self._db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def head(self) -> int:
        """The number of the newest record ever written; 0 before the first."""
        return int(
            self._rows("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'record'")[0][0]
        )

    def oldest(self) -> int:
        """The number of the oldest record that has not been purged; 0 if there is none."""
        return int(self._rows("SELECT coalesce(min(seq), 0) FROM record")[0][0])

    def runs(self) -> list[Run]:
        """All runs of which there are records, oldest first."""
        return [
            Run(number, self._plan(digest), _state(plain), Instant(mono, utc), boot, version, first, plain)
            for number, digest, state, mono, utc, boot, version, first in self._rows(
                "SELECT run, digest, state, mono_ns, utc_ns, boot, version, first FROM run ORDER BY run"
            )
            for plain in [None if state is None else json.loads(state)]
        ]

    def plan(self, run: int) -> Plan:
        """The plan of a run."""
        rows = self._rows("SELECT digest FROM run WHERE run = ?", run)
        if not rows:
            raise JournalFault(f"{self._path}: there is no run {run}")
        return self._plan(rows[0][0])

    def records(self, after: int, upto: int, limit: int, kinds: Iterable[Kind]) -> list[Record]:
        """At most ``limit`` records of ``kinds`` in ``(after, upto]``, in order."""
        names = ",".join(f"'{kind.value}'" for kind in kinds)
        rows = self._rows(
            "SELECT seq, run, kind, mono_ns, utc_ns, body FROM record"  # noqa: S608  (names of an enum)
            f" WHERE seq > ? AND seq <= ? AND kind IN ({names}) ORDER BY seq LIMIT ?",
            after,
            upto,
            limit,
        )
        return [
            Record(seq, run, Kind(kind), Instant(mono, utc), body) for seq, run, kind, mono, utc, body in rows
        ]

    def each(self, run: Run, kinds: Iterable[Kind]) -> Iterator[Record]:
        """All records of ``kinds`` of one run, in order."""
        wanted, after, head = tuple(kinds), run.first - 1, self.head()
        later = [other.first for other in self.runs() if other.number > run.number]
        upto = min([head, *(first - 1 for first in later)])
        while batch := self.records(after, upto, _CHUNK, wanted):
            after = batch[-1].seq
            yield from batch

    def last_values(self) -> dict[str, Measurement]:
        """The last recorded measurement of every tag of the newest run. Its age is for the reader to judge."""
        runs = self.runs()
        values: dict[str, Measurement] = {}
        if not runs:
            return values
        run, names = runs[-1], words(runs[-1].plan)
        upto = self.head()
        while len(values) < len(run.plan.tags) and upto >= run.first:
            after = max(run.first - 1, upto - _CHUNK)
            for record in reversed(self.records(after, upto, _CHUNK, (Kind.MEASUREMENTS,))):
                for reported in reversed(unpack_measurements(record.body, names)):
                    values.setdefault(reported.measurement.tag, reported.measurement)
            upto = after
        return values

    def _plan(self, digest: str) -> Plan:
        rows = self._rows("SELECT body FROM plan WHERE digest = ?", digest)
        try:
            return load_plan(rows[0][0])
        except (ValueError, IndexError) as error:
            raise JournalFault(f"{self._path}: plan {digest[:12]}: {error}") from None

    def _rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def _explained(self, error: sqlite3.Error) -> JournalFault:
        return JournalFault(f"{self._path}: {fault_text(error)}")


def _state(plain: Mapping[str, Any] | None) -> State | None:
    return None if plain is None else from_plain(State, plain)
