"""A unit's past on virtual time: an hour of it in seconds, in a journal file as control's own writer would have left it."""

from __future__ import annotations

from pathlib import Path

from edgectl.app.rehearse import EPOCH_NS, Rig, rehearse
from edgectl.core.initial import initial_state
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.journal import ScanEntry
from edgectl.model.plan import Plan
from edgectl.store.file import JournalFile, Run
from edgectl.store.recorder import Keep, Recorder


class Recording:
    """A journal for ``rehearse``: the same recorder and the same file, committed by the clock of the records instead of the wall's."""

    def __init__(self, path: Path, plan: Plan) -> None:
        begun, state = Instant(0, EPOCH_NS), initial_state(plan)
        self._commit_ns = int(plan.journal.commit_s * 1e9)
        self._due_ns = 0
        self._now = begun
        self._recorder = Recorder(plan, state, begun)
        self._file = JournalFile(path, Run(plan, state, begun, ""), begun)

    def scan(self, entry: ScanEntry) -> None:
        """Keep one scan, and commit when the interval is over."""
        self._now = entry.now
        self._recorder.scan(entry, Keep.INPUTS, "")
        if entry.now.mono_ns >= self._due_ns:
            self._due_ns = entry.now.mono_ns + self._commit_ns
            self._file.write(self._recorder.take(), entry.now)

    def event(self, event: Event) -> None:
        """Keep what happened outside the core."""
        self._recorder.event(event, Keep.INPUTS, "")

    def close(self) -> None:
        """Write what is left, and no end of the run: what follows is a control process that was killed and started again."""
        self._file.write(self._recorder.take(final=True), self._now)
        self._file.close()


def record(path: Path, plan: Plan, rig: Rig, seconds: float) -> None:
    """``seconds`` of ``plan`` on ``rig`` into the journal at ``path``."""
    recording = Recording(path, plan)
    rehearse(plan, rig, seconds, recording, lambda _: None)
    recording.close()
