"""The journal that control is given: two calls that return at once, and one thread that writes.

The loop only puts references on a bounded queue. The writer thread packs them, commits once a second and waits for the disk. While the disk fails,
packed rows wait in bounded memory; when that runs short, inputs for replay are given up first, then values and commands, then events.
Whatever is given up is a gap record as soon as the disk works again.
"""

from __future__ import annotations

import collections
import itertools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.journal import JournalHealth, ScanEntry
from edgectl.model.plan import Plan
from edgectl.model.state import State
from edgectl.store.database import Connect, Damaged, fault_text, is_damage, probe, set_aside
from edgectl.store.file import JournalFile, Run
from edgectl.store.record import Kind, Row, plain
from edgectl.store.recorder import Keep, Missing, Recorder

HOLD_S = 60.0
COMMIT_ROWS = 256
_BREATH_S = 5e-5
_EARLY = 0.8  # of the commit interval, so that with a turn of the thread and the disk's own time nothing waits for longer than all of it
# From which share of the memory for packed rows on only so much of a scan is kept.
_SHED = ((1.0, Keep.NOTHING), (0.75, Keep.RECORDS), (0.5, Keep.VALUES))
_ROW_BYTES = 200

Item = ScanEntry | Event | Missing | Run


class FileJournal:
    """The journal of one run of control, in the file ``path``; implements ``edgectl.model.journal.Journal``.

    ``now`` gives times to the journal's own records. ``readers`` are cursor files (``edgectl.store.cursor``) whose unread records are spared.
    ``connect`` opens the database. The queue holds a minute of scans (600 to 3000), packed rows take at most ``memory_bytes`` while the disk fails.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        state: State,
        now: Callable[[], Instant],
        *,
        version: str = "",
        readers: Iterable[Path] = (),
        connect: Connect = sqlite3.connect,
        memory_bytes: int = 8_000_000,
    ) -> None:
        self._path = path
        self._now = now
        self._readers = tuple(readers)
        self._connect = connect
        self._memory = memory_bytes
        self._commit_s = plan.journal.commit_s
        self._limit = min(3000, max(600, int(HOLD_S / plan.period_s)))
        self._queue: collections.deque[Item] = collections.deque()
        self._overflow: Missing | None = None
        self._lost = 0
        self._shed = 0  # of the runs before the present one

        self._run = Run(plan, state, now(), version)
        self._recorder = Recorder(plan, state, self._run.begun)
        self._file: JournalFile | None = None
        self._pending: collections.deque[Row | Run] = collections.deque()
        self._pending_bytes = 0
        self._fault = ""
        self._committed_ns = 0

        self._turned = threading.Condition()
        self._asked = self._served = 0
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    # Called by control: no lock, no I/O, no exception.

    def scan(self, entry: ScanEntry) -> None:
        """Keep one scan."""
        self._put(entry, entry.now)

    def renew(self, plan: Plan, state: State, at: Instant) -> None:
        """From here on the unit goes on under another plan: a run of its own, so that replay knows under which."""
        self._queue.append(
            Run(plan, state, at, self._run.version)
        )  # never refused: all that follows depends on it

    def event(self, event: Event) -> None:
        """Keep something that happened outside the core."""
        self._put(event, event.at)

    def health(self) -> JournalHealth:
        """How the journal is at this moment."""
        waiting = len(self._queue) + len(self._pending)
        return JournalHealth(
            waiting, self._lost + self._shed + self._recorder.shed, self._fault, self._committed_ns
        )

    def _put(self, item: ScanEntry | Event, at: Instant) -> None:
        if len(self._queue) >= self._limit:
            self._lost += 1
            if self._overflow is None:
                self._overflow = Missing(at, at, 0, "the journal writer was stuck and its queue full")
            self._overflow.add(at)
            return
        if self._overflow is not None:
            self._queue.append(self._overflow)
            self._overflow = None
        self._queue.append(item)

    # For those who may wait: tests, rehearsal, the end of the process.

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything handed over so far is durable; False if it is not in time. Never call it from a loop that controls a plant."""
        with self._turned:
            self._asked += 1
            asked = self._asked
            self._wake.set()
            return self._turned.wait_for(lambda: self._served >= asked, timeout_s)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is there and close the file; False if the disk did not let it in time. Nothing may be handed over afterwards."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and not self._pending

    # The writer thread.

    def append(self, item: Item) -> None:
        """Pack one scan, event or loss into rows."""
        keep, reason = self._room()
        if isinstance(item, ScanEntry):
            self._recorder.scan(item, keep, reason)
        elif isinstance(item, Event):
            self._recorder.event(item, keep, reason)
        elif isinstance(item, Run):
            self._pend([*self._recorder.take(final=True), Row(Kind.END, item.begun, plain({}))])
            self._pending.append(item)
            self._shed += self._recorder.shed
            self._recorder = Recorder(item.plan, item.state, item.begun)
        else:
            self._recorder.lost(item)

    def _work(self) -> None:
        try:
            due = time.monotonic() + _EARLY * self._commit_s
            while not self._closing:
                self._wake.wait(self._commit_s / 10)
                due = self._turn(due)
            self._end()
        except BaseException as error:
            self._fault = f"the journal writer ended: {error!r}"
            raise

    def _turn(self, due: float) -> float:
        self._wake.clear()
        asked = self._asked
        self._drain()
        if time.monotonic() >= due or asked > self._served:
            due = time.monotonic() + _EARLY * self._commit_s
            if self._commit():
                with self._turned:
                    self._served = asked
                    self._turned.notify_all()
        return due

    def _drain(self) -> None:
        for _ in range(len(self._queue)):
            self.append(self._queue.popleft())
            time.sleep(_BREATH_S)  # gives the interpreter lock back, however much has piled up

    def _end(self) -> None:
        self._drain()
        if self._overflow is not None:
            self.append(self._overflow)
        self._commit(final=True)
        self._pend([*self._recorder.take(final=True), Row(Kind.END, self._now(), plain({}))])
        self._commit()
        if self._file is not None:
            self._file.close()

    def _commit(self, *, final: bool = False) -> bool:
        """Whether everything is durable."""
        self._pend(self._recorder.take(final=final))
        try:
            file = self._opened()
            self._pend(self._recorder.take())
            while self._pending:
                self._write_some(file)
        except (sqlite3.Error, OSError) as error:
            self._ail(error)
            return False
        return True

    def _opened(self) -> JournalFile:
        if self._file is not None and not self._file.in_place():
            self._abandon("the journal file is gone from its place")
        if self._file is None:
            self._file = self._open()
        return self._file

    def _write_some(self, file: JournalFile) -> None:
        now = self._now()
        if isinstance(run := self._pending[0], Run):
            file.begin(run, now)
            self._run = run._replace(fresh=False)
            self._pending.popleft()
            return
        rows: list[Row] = []
        for row in itertools.islice(self._pending, COMMIT_ROWS):
            if isinstance(row, Run):
                break
            rows.append(row)
        file.write(rows, now)
        for row in rows:
            self._pending.popleft()
            self._pending_bytes -= len(row.body) + _ROW_BYTES
        self._committed_ns = now.mono_ns
        if self._fault:
            self._note(self._fault, "writing", "the disk works again")
            self._fault = ""

    def _open(self) -> JournalFile:
        if self._path.exists() and self._path.stat().st_size:
            try:
                probe(self._path)
            except Damaged as damage:
                aside = set_aside(self._path, self._now())
                self._note("damaged", "begun anew", f"{damage}; the old file is kept as {aside.name}")
        file = JournalFile(self._path, self._run, self._now(), self._readers, self._connect)
        self._run = self._run._replace(fresh=False)
        return file

    def _abandon(self, reason: str) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        self._recorder.restart()
        self._note("writing", "begun anew", reason)

    def _ail(self, error: sqlite3.Error | OSError) -> None:
        fault = fault_text(error)
        if self._file is not None and isinstance(error, sqlite3.Error) and is_damage(error):
            self._abandon(f"{fault}; the old file is kept as {set_aside(self._path, self._now()).name}")
        if fault != self._fault:
            self._note(self._fault or "writing", fault, str(error))
        self._fault = fault

    def _note(self, before: str, after: str, reason: str) -> None:
        self.append(Event(self._now(), "process", "journal", before, after, "journal", reason))

    def _pend(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._pending.append(row)
            self._pending_bytes += len(row.body) + _ROW_BYTES

    def _room(self) -> tuple[Keep, str]:
        used = self._pending_bytes / self._memory
        return next((keep for share, keep in _SHED if used >= share), Keep.INPUTS), self._fault
