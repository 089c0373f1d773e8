"""The ledger of a perfusion against its weight: what the pumps say entered and left, and what the vessel says."""

from __future__ import annotations

from collections.abc import Mapping

from edgectl.core.profile import good
from edgectl.core.text import figure, span
from edgectl.model.feed import LedgerState, PerfusionState, totals
from edgectl.model.feed_plan import PerfusionPlan
from edgectl.model.measurement import Measurement

_ML = 1000.0  # of a kg
_LITTLE = 0.05  # of the vessel: less than this entered in a window says nothing about pumps


def weighed(
    plan: PerfusionPlan, state: PerfusionState, measured: Mapping[str, Measurement], dt_s: float
) -> LedgerState:
    """The ledger ``dt_s`` later. A window ends with a GOOD weight, once enough has entered; then its result stands until the next one ends."""
    ledger = state.ledger
    passed_s = ledger.passed_s + dt_s
    entered, left = totals(plan, state)
    if state.weight is None or good(plan.balance.tag, measured) is None:
        return LedgerState(passed_s, ledger.entered, ledger.left, ledger.weight, ledger.error, ledger.told)
    if ledger.weight is None:
        return LedgerState(0.0, entered, left, state.weight, ledger.error, ledger.told)
    came = entered - ledger.entered
    if passed_s < plan.balance.window_s or came < _LITTLE * plan.volume_ml:
        return LedgerState(passed_s, ledger.entered, ledger.left, ledger.weight, ledger.error, ledger.told)
    error = (came - (left - ledger.left) - (state.weight - ledger.weight) * _ML) / came
    return LedgerState(0.0, entered, left, state.weight, error, abs(error) > plan.balance.tell)


def words(plan: PerfusionPlan, state: PerfusionState, before: LedgerState) -> str:
    """What the window that has just ended found, for people. ``before`` is the ledger as it was in it."""
    ledger = state.ledger
    came, went = ledger.entered - before.entered, ledger.left - before.left
    moved = ((ledger.weight or 0.0) - (before.weight or 0.0)) * _ML
    error = ledger.error or 0.0
    less, more = ("feed", "permeate or bleed") if error > 0.0 else ("permeate or bleed", "feed")
    return (
        f"in {span(plan.balance.window_s)} the pumps brought {figure(came, 'mL')} and took {figure(went, 'mL')}, the weight says {figure(moved, 'mL')}: "
        f"{100.0 * abs(error):.1f} % of the feed is unaccounted for; {less} gives less or {more} more than confirmed, so calibrate them"
    )
