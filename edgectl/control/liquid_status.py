"""Feeds and perfusions as people and scripts see them."""

from __future__ import annotations

from typing import Any

from edgectl.model.feed import PerfusionState, Stage, totals
from edgectl.model.feed_plan import PerfusionPlan
from edgectl.model.plan import Plan
from edgectl.model.state import State


def feeds(plan: Plan, state: State) -> dict[str, Any]:
    """Every feed. ``delivered`` is what was confirmed, ``left`` what of its total may yet pass (None: it has no total)."""
    units = {actuator.name: actuator.unit for actuator in plan.actuators}
    return {
        feed.name: {
            "stage": found.stage.value,
            "actuator": feed.actuator,
            "clock_s": found.clock_s,
            "flow": found.flow if found.stage is Stage.RUNNING and not found.blocked else 0.0,
            "flow_unit": units[feed.actuator],
            "unit": feed.unit,
            "planned": found.planned,
            "delivered": found.delivered,
            "at_most": found.passed.amount,
            "left": max(0.0, feed.total - found.passed.amount) if feed.total else None,
            "bolus": found.bolus,
            "made_up": found.made_up,
            "waits_for": found.blocked,
            "behind": found.astray,
        }
        for feed in plan.feeds
        if (found := state.feeds.get(feed.name)) is not None
    }


def perfusions(plan: Plan, state: State) -> dict[str, Any]:
    """Every perfusion: flows in mL/min, totals in mL, rate in vessel volumes per day, error as a share of what entered."""
    return {
        perfusion.name: _perfusion(perfusion, found)
        for perfusion in plan.perfusions
        if (found := state.perfusions.get(perfusion.name)) is not None
    }


def _perfusion(plan: PerfusionPlan, found: PerfusionState) -> dict[str, Any]:
    entered, left = totals(plan, found)
    return {
        "stage": found.stage.value,
        "clock_s": found.clock_s,
        "rate": found.rate,
        "feed": found.feed,
        "permeate": found.permeate,
        "bleed": found.bleed,
        "entered": entered,
        "left": left,
        "weight": found.weight,
        "error": found.ledger.error,
        "off": found.ledger.told,
        "waits_for": ", ".join(filter(None, (found.blocked, found.shut))),
    }
