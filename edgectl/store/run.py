"""The inputs of one run in order, for replay: believed only where the chain of seals holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from edgectl.model.instant import Instant
from edgectl.store.reader import Reader, Run
from edgectl.store.record import (
    SEAL,
    Checkpoint,
    Kind,
    Record,
    ScanInput,
    first_seal,
    sealed,
    unpack_checkpoint,
    unpack_inputs,
    words,
)


class Unproven(NamedTuple):
    """An inputs record from before the first checkpoint, of a run whose beginning is no longer in the journal."""

    seq: int


class Damage(NamedTuple):
    """The first record whose seal does not fit: nothing of the run is believed from here on."""

    seq: int
    at: Instant
    reason: str


Step = ScanInput | Checkpoint | Unproven | Damage


def steps(reader: Reader, run: Run) -> Iterator[Step]:
    """Scans and checkpoints of a run as they were recorded; ends with the first damage. A gap shows as a jump of scan numbers."""
    previous = None
    if run.recorded is not None and reader.oldest() <= run.first:
        previous = first_seal(run.plan, run.recorded, run.begun)
    names = words(run.plan)
    for record in reader.each(run, (Kind.INPUTS, Kind.STATE)):
        if previous is None and record.kind is Kind.INPUTS:
            yield Unproven(record.seq)
            continue
        try:
            yield from _open(record, previous, names)
        except ValueError as error:
            yield Damage(record.seq, record.at, str(error))
            return
        previous = record.body[:SEAL]


def _open(record: Record, previous: bytes | None, names: bytes) -> list[ScanInput] | list[Checkpoint]:
    if record.kind is Kind.STATE:
        return [_checkpoint(record, previous)]
    if previous is None or not sealed(previous, record):
        raise ValueError(
            "the seal does not fit: this record, one deleted before it, or the run's plan or initial state was changed"
        )
    return unpack_inputs(record.body[SEAL:], names)


def _checkpoint(record: Record, previous: bytes | None) -> Checkpoint:
    checkpoint, named = unpack_checkpoint(record.body[SEAL:])
    if not sealed(named, record) or (previous is not None and named != previous):
        raise ValueError("the seal does not fit: this record or one before it was changed")
    return checkpoint
