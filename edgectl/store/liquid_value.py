"""Feeds and perfusions as people want to see them: what feeds and perfusions records of the journal hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgectl.model.feed import FeedState, PerfusionState, Stage, totals
from edgectl.model.feed_plan import FeedPlan, PerfusionPlan
from edgectl.model.instant import Instant
from edgectl.store.block import pack, unpack


class FeedValue(NamedTuple):
    """One feed. ``flow`` is in its actuator's unit, and 0 unless it runs; amounts are in its own unit.

    ``delivered`` is what the pump confirmed. ``left`` is what of the total may yet pass, None without a total. ``waits_for`` names what keeps the pump
    from it (empty: nothing), ``behind`` says that it gave other than planned.
    """

    feed: str
    stage: str
    clock_s: float
    flow: float
    planned: float
    delivered: float
    left: float | None
    bolus: float
    waits_for: str
    behind: bool
    at: Instant


class PerfusionValue(NamedTuple):
    """One perfusion: flows in mL/min, amounts in mL, ``rate`` in vessel volumes per day (None: none was yet).

    ``error`` is the share of what entered that the weight does not account for, over the latest window (None: none is over); ``off`` says that it is told.
    """

    perfusion: str
    stage: str
    clock_s: float
    rate: float | None
    feed: float
    permeate: float
    bleed: float
    entered: float
    left: float
    error: float | None
    off: bool
    waits_for: str
    at: Instant


def feed_value(plan: FeedPlan, state: FeedState, now: Instant) -> FeedValue:
    """A feed as it stands."""
    flows = state.stage is Stage.RUNNING and not state.blocked
    return FeedValue(
        plan.name,
        state.stage.value,
        state.clock_s,
        state.flow if flows else 0.0,
        state.planned,
        state.delivered,
        max(0.0, plan.total - state.passed.amount) if plan.total else None,
        state.bolus,
        state.blocked,
        state.astray,
        now,
    )


def perfusion_value(plan: PerfusionPlan, state: PerfusionState, now: Instant) -> PerfusionValue:
    """A perfusion as it stands."""
    entered, left = totals(plan, state)
    return PerfusionValue(
        plan.name,
        state.stage.value,
        state.clock_s,
        state.rate,
        state.feed,
        state.permeate,
        state.bleed,
        entered,
        left,
        state.ledger.error,
        state.ledger.told,
        ", ".join(filter(None, (state.blocked, state.shut))),
        now,
    )


_FEEDS = ("ssffffffsbii",)
_PERFUSIONS = ("ssffffffffbsii",)


def pack_feeds(rows: Sequence[FeedValue], names: bytes) -> bytes:
    """The body of a feeds record."""
    table = [(*row[:-1], row.at.mono_ns, row.at.utc_ns - row.at.mono_ns) for row in rows]
    return pack(_FEEDS, (table,), names)


def unpack_feeds(body: bytes, names: bytes) -> list[FeedValue]:
    """The rows of a feeds record."""
    (table,) = unpack(_FEEDS, body, names)
    return [
        FeedValue._make((*found, bool(behind), Instant(mono, mono + offset)))
        for *found, behind, mono, offset in table
    ]


def pack_perfusions(rows: Sequence[PerfusionValue], names: bytes) -> bytes:
    """The body of a perfusions record."""
    table = [(*row[:-1], row.at.mono_ns, row.at.utc_ns - row.at.mono_ns) for row in rows]
    return pack(_PERFUSIONS, (table,), names)


def unpack_perfusions(body: bytes, names: bytes) -> list[PerfusionValue]:
    """The rows of a perfusions record."""
    (table,) = unpack(_PERFUSIONS, body, names)
    return [
        PerfusionValue._make((*found, bool(off), waits_for, Instant(mono, mono + offset)))
        for *found, off, waits_for, mono, offset in table
    ]
