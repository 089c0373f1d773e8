"""Feeds and perfusions in a scan: what passed, what is asked of pumps that no loop drives, and what the chain made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgectl.core import balance, feed, perfusion
from edgectl.core.chain import Chain, overruled
from edgectl.core.dose import passing
from edgectl.core.turn import Turn
from edgectl.model.command import Demand
from edgectl.model.feed import FeedState, PassedState, PerfusionState, Stage
from edgectl.model.feed_plan import PerfusionPlan
from edgectl.model.measurement import Measurement
from edgectl.model.state import ActuatorState, State

BY_HAND = "by hand"
_MINUTE_S = 60.0

Measured = Mapping[str, Measurement]


@dataclass(slots=True)
class Liquids:
    """The memory of all feeds and perfusions; requests change it in place."""

    feeds: dict[str, FeedState]
    perfusions: dict[str, PerfusionState]


def pass_all(this: Turn, state: State, measured: Measured) -> Liquids:
    """Every feed and perfusion after the time since the scan before: what passed, and whether one is over."""
    liquids = Liquids({}, {})
    for name, plan in this.unit.feeds.items():
        before = state.feeds[name]
        passed = _passed(this, state, plan.actuator, before.passed, plan.rate_s)
        delivered = before.delivered + _confirmed(this, plan.actuator) * this.dt_s / plan.rate_s
        after = replace(feed.elapsed(plan, before, measured, this.dt_s), passed=passed, delivered=delivered)
        if after.stage is Stage.RUNNING and (reason := feed.is_over(plan, after)):
            this.tell("feed", name, after.stage.value, Stage.DONE.value, "feed", reason)
            after = replace(after, stage=Stage.DONE, blocked="")
        after = feed.judged(plan, after)
        if after.astray is not before.astray:
            words = ("behind", "as planned") if before.astray else ("as planned", "behind")
            this.tell("feed", name, *words, "feed", feed.difference(plan, after))
        liquids.feeds[name] = before if after == before else after
    for name, whole in this.unit.perfusions.items():
        liquids.perfusions[name] = _exchanged(this, state, whole, state.perfusions[name], measured)
    return liquids


def _exchanged(
    this: Turn, state: State, plan: PerfusionPlan, before: PerfusionState, measured: Measured
) -> PerfusionState:
    counted = {
        pump.actuator: _passed(
            this,
            state,
            pump.actuator,
            before.passed.get(pump.actuator, PassedState()),
            _MINUTE_S / pump.scale,
        )
        for pump in plan.pumps
    }
    runs = before.stage is Stage.RUNNING and not before.blocked
    after = replace(before, passed=counted, clock_s=before.clock_s + this.dt_s * runs)
    if after.stage is Stage.RUNNING:
        after = replace(after, ledger=balance.weighed(plan, after, measured, this.dt_s))
    old, new = before.ledger, after.ledger
    if new.told is not old.told:
        words = ("off", "balanced") if old.told else ("balanced", "off")
        this.tell("balance", plan.name, *words, "perfusion", balance.words(plan, after, old))
    return before if after == before else after


def _confirmed(this: Turn, actuator: str) -> float:
    """What the instrument confirms; nothing where it confirms nothing."""
    found = this.image.achieved.get(actuator)
    value = None if found is None else found.value
    return max(0.0, value) if value is not None and math.isfinite(value) else 0.0


def _passed(this: Turn, state: State, name: str, before: PassedState, rate_s: float) -> PassedState:
    amount, rate, confirmed_ns = passing(
        before.rate,
        before.confirmed_ns,
        this.unit.outputs[name].plan,
        state.actuators[name].value,
        this.image.achieved.get(name),
        this.at.mono_ns,
        this.dt_s,
    )
    return PassedState(before.amount + amount / rate_s, rate, confirmed_ns)


def demand_all(
    this: Turn,
    liquids: Liquids,
    measured: Measured,
    actuators: Mapping[str, ActuatorState],
    period_s: float,
) -> dict[str, Demand]:
    """What feeds and perfusions ask of their actuators. One that does not run asks for standstill, at once."""
    asked: dict[str, Demand] = {}
    for name, plan in this.unit.feeds.items():
        own = liquids.feeds[name] = feed.asking(plan, liquids.feeds[name], period_s)
        asked[plan.actuator] = _demand(plan.actuator, own.flow, name, own.stage)
    for name, whole in this.unit.perfusions.items():
        all_of = perfusion.asking(whole, liquids.perfusions[name], measured, actuators, this.step_s)
        liquids.perfusions[name] = all_of
        flows = [(whole.feed, all_of.feed), (whole.permeate, all_of.permeate)]
        flows += [(whole.bleed.pump, all_of.bleed)] if whole.bleed else []
        for pump, flow in flows:
            asked[pump.actuator] = _demand(pump.actuator, flow / pump.scale, name, all_of.stage)
    return asked


def _demand(actuator: str, flow: float, name: str, stage: Stage) -> Demand:
    runs = stage is Stage.RUNNING
    return Demand(actuator, flow, name if runs else f"{name} {stage.value}", protective=not runs)


def settle_all(this: Turn, liquids: Liquids, chain: Chain) -> None:
    """What the chain made of it: whoever was overruled waits, and says by whom."""
    for name, plan in this.unit.feeds.items():
        own = liquids.feeds[name]
        blocked = _held(chain, plan.actuator) if own.stage is Stage.RUNNING else ""
        if blocked != own.blocked:
            _tell_blocked(this, name, own.blocked, blocked)
            liquids.feeds[name] = replace(own, blocked=blocked)
    for name, whole in this.unit.perfusions.items():
        every = liquids.perfusions[name]
        runs = every.stage is Stage.RUNNING
        blocked = _held(chain, whole.feed.actuator) if runs else ""
        shut = _held(chain, whole.permeate.actuator, whole.balance.below) if runs else ""
        if blocked != every.blocked:
            _tell_blocked(this, name, every.blocked, blocked)
        if (blocked, shut) != (every.blocked, every.shut):
            liquids.perfusions[name] = replace(every, blocked=blocked, shut=shut)


def _held(chain: Chain, actuator: str, own: str = "") -> str:
    """What took an actuator out of our hands, apart from our ``own`` interlock; empty if nothing did."""
    names = [name for name in overruled(chain.commands[actuator].restricted_by) if name != own]
    if chain.actuators[actuator].manual is not None:
        names.append(BY_HAND)
    return ", ".join(names)


def _tell_blocked(this: Turn, name: str, before: str, after: str) -> None:
    if bool(before) is not bool(after):
        words = ("flowing", "waiting") if after else ("waiting", "flowing")
        this.tell("feed", name, *words, "feed", after or f"free again of {before}")
