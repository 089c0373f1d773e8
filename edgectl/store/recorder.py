"""Scans and events to the rows of the journal. No file, no clock: time comes with what is recorded."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.journal import ScanEntry
from edgectl.model.plan import Plan
from edgectl.model.request import Reply, Request
from edgectl.model.state import State
from edgectl.store.digest import fold
from edgectl.store.history import History
from edgectl.store.liquid_value import FeedValue, PerfusionValue, pack_feeds, pack_perfusions
from edgectl.store.loop_value import LoopValue, pack_loops
from edgectl.store.record import (
    CommandValue,
    Kind,
    Reported,
    Row,
    ScanInput,
    first_seal,
    pack_checkpoint,
    pack_commands,
    pack_inputs,
    pack_measurements,
    plain,
    seal,
    words,
)

T = TypeVar("T")

BLOCK_ROWS = 128
CHECKPOINT_S = 3600.0


class Keep(enum.IntEnum):
    """What is kept of a scan while memory is short: the inputs go first, then values and commands, then everything."""

    NOTHING = 0
    RECORDS = 1
    VALUES = 2
    INPUTS = 3


@dataclass(slots=True)
class Missing:
    """What was not kept, from the first to the last moment of it."""

    begun: Instant
    ended: Instant
    count: int
    reason: str

    def add(self, at: Instant) -> None:
        """One more."""
        self.ended = at
        self.count += 1


def gap(what: str, missing: Missing) -> Row:
    """The record of something missing: nothing is lost in silence."""
    body = {
        "what": what,
        "from_utc_ns": missing.begun.utc_ns,
        "to_utc_ns": missing.ended.utc_ns,
        "count": missing.count,
        "reason": missing.reason,
    }
    return Row(Kind.GAP, missing.ended, plain(body))


class _Open(NamedTuple):
    """The blocks that are being filled."""

    measurements: list[Reported]
    loops: list[LoopValue]
    commands: list[CommandValue]
    feeds: list[FeedValue]
    perfusions: list[PerfusionValue]
    inputs: list[ScanInput]


class Recorder:
    """Memory of one run of the journal: what was reported last, the blocks being filled, the chain of seals.

    ``shed`` counts the scans and events of which something was not kept.
    """

    def __init__(self, plan: Plan, state: State, begun: Instant) -> None:
        self._plan = plan
        self._names = words(plan)
        self._history = History(plan)
        self._seal = first_seal(plan, state, begun)
        self._chained = True
        self._checkpoint_ns = begun.mono_ns
        self._open = _Open([], [], [], [], [], [])
        self._samples = 0
        self._last = begun
        self._rows: list[Row] = []
        self._missing: dict[Keep, Missing] = {}
        self.shed = 0

    def restart(self) -> None:
        """Everything said so far is out of reach of readers: report all values again, and begin a new chain of inputs."""
        self._history = History(self._plan)
        self._chained = False

    def scan(self, entry: ScanEntry, keep: Keep, reason: str) -> None:
        """Keep of one scan what ``keep`` allows, and count the rest as missing because of ``reason``."""
        self._last = entry.now
        self._resume(keep)
        if self._allowed(Keep.RECORDS, keep, entry.now, reason):
            self._records(entry)
        if self._allowed(Keep.VALUES, keep, entry.now, reason):
            self._values(entry)
        if self._allowed(Keep.INPUTS, keep, entry.now, reason):
            self._inputs(entry)
        else:
            self._chained = False
            self.shed += 1

    def event(self, event: Event, keep: Keep, reason: str) -> None:
        """Keep one event, if ``keep`` allows."""
        if self._allowed(Keep.RECORDS, keep, event.at, reason):
            self._rows.append(_event(event))
        else:
            self.shed += 1

    def lost(self, missing: Missing) -> None:
        """Scans and events that never came this far."""
        self._rows.append(gap("everything", missing))
        self._chained = False

    def take(self, *, final: bool = False) -> list[Row]:
        """Close the open blocks and hand over all rows; ``final`` also closes what is still missing."""
        self._close_values()
        self._close_inputs()
        if final:
            self._resume(Keep.INPUTS)
        rows, self._rows = self._rows, []
        return rows

    def _allowed(self, what: Keep, keep: Keep, at: Instant, reason: str) -> bool:
        if keep >= what:
            return True
        missing = self._missing.setdefault(what, Missing(at, at, 0, reason))
        missing.add(at)
        return False

    def _resume(self, keep: Keep) -> None:
        for what in [what for what in self._missing if what <= keep]:
            self._rows.append(gap(what.name.lower(), self._missing.pop(what)))

    def _records(self, entry: ScanEntry) -> None:
        self._rows.extend(_request(entry.now, request) for request in entry.requests)
        self._rows.extend(_reply(entry.now, reply) for reply in entry.replies)
        self._rows.extend(_event(event) for event in entry.events)

    def _values(self, entry: ScanEntry) -> None:
        self._open.measurements.extend(self._history.measurements(entry.now, entry.measurements))
        self._open.loops.extend(self._history.loops(entry.now, entry.measurements, entry.state))
        self._open.commands.extend(self._history.commands(entry.now, entry.commands))
        self._open.feeds.extend(self._history.feeds(entry.now, entry.state))
        self._open.perfusions.extend(self._history.perfusions(entry.now, entry.state))
        if max(len(rows) for rows in self._open[:-1]) >= BLOCK_ROWS:
            self._close_values()

    def _inputs(self, entry: ScanEntry) -> None:
        if not self._chained:
            self._checkpoint(entry)
            return
        digest = fold(b"", entry.commands)[:8]
        self._open.inputs.append(
            ScanInput(
                entry.scan, entry.now, entry.dt_s, entry.samples, entry.achieved, entry.requests, digest
            )
        )
        self._samples += len(entry.samples)
        if self._samples >= BLOCK_ROWS:
            self._close_inputs()
        if entry.now.mono_ns - self._checkpoint_ns >= CHECKPOINT_S * 1e9:
            self._checkpoint(entry)

    def _checkpoint(self, entry: ScanEntry) -> None:
        self._close_inputs()
        self._append_sealed(Kind.STATE, pack_checkpoint(entry.scan, entry.state, entry.image, self._seal))
        self._checkpoint_ns = entry.now.mono_ns
        self._chained = True

    def _close_values(self) -> None:
        self._close(Kind.MEASUREMENTS, self._open.measurements, pack_measurements)
        self._close(Kind.LOOPS, self._open.loops, pack_loops)
        self._close(Kind.COMMANDS, self._open.commands, pack_commands)
        self._close(Kind.FEEDS, self._open.feeds, pack_feeds)
        self._close(Kind.PERFUSIONS, self._open.perfusions, pack_perfusions)

    def _close(self, kind: Kind, rows: list[T], pack: Callable[[Sequence[T], bytes], bytes]) -> None:
        if rows:
            self._rows.append(Row(kind, self._last, pack(rows, self._names)))
            rows.clear()

    def _close_inputs(self) -> None:
        if self._open.inputs:
            self._append_sealed(Kind.INPUTS, pack_inputs(self._open.inputs, self._names))
            self._open.inputs.clear()
            self._samples = 0

    def _append_sealed(self, kind: Kind, body: bytes) -> None:
        self._seal = seal(self._seal, kind, self._last, body)
        self._rows.append(Row(kind, self._last, self._seal + body))


def _event(event: Event) -> Row:
    return Row(
        Kind.EVENT, event.at, plain({key: value for key, value in event._asdict().items() if key != "at"})
    )


def _request(now: Instant, request: Request) -> Row:
    return Row(
        Kind.REQUEST,
        now,
        plain({**request._asdict(), "ask": request.ask.value, "origin": request.origin.value}),
    )


def _reply(now: Instant, reply: Reply) -> Row:
    return Row(Kind.REPLY, now, plain(reply._asdict()))
