"""Oxygen transfer and uptake: kLa from the nameplate, learned on the way, and uptake from the liquid's balance or the off-gas.

dC/dt = kLa' (C* - C) - OUR        C in the liquid, C* of the gas that enters, kLa' with what the bubbles leave behind
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.soft_gas import (
    Gas,
    dissolved_mm,
    drained,
    flow_ml_min,
    gas_of,
    nameplate_kla,
    volume_l,
)
from edgectl.core.soft_learn import learn
from edgectl.core.soft_window import follow, unfilled
from edgectl.model.instant import Instant
from edgectl.model.soft import Bin, SoftState
from edgectl.model.soft_plan import Role, SoftPlan

Inputs = Mapping[Role, float]


def transfer(plan: SoftPlan, x: Inputs, kla_per_h: float, gas: Gas) -> tuple[float, float]:
    """KLa' (1/h) and what it brings into the liquid (mM/h)."""
    seen = drained(kla_per_h, gas.oxygen_mm_per_mbar, gas, volume_l(plan.gas, x))
    return seen, seen * (gas.saturation_mm - dissolved_mm(plan.gas, x[Role.OXYGEN], x[Role.TEMPERATURE]))


def kla(plan: SoftPlan, state: SoftState, x: Inputs, at: Instant) -> SoftState:
    """KLa by the nameplate, times what has been learned of it."""
    assert plan.transfer is not None  # of every such sensor
    nameplate = nameplate_kla(plan.transfer, x[Role.AGITATION], flow_ml_min(x), volume_l(plan.gas, x))
    if plan.learns:
        state, fit = learn(plan, state, x, at, nameplate)
        error = math.sqrt(fit.factor_var) * nameplate
        return replace(state, value=fit.factor * nameplate, error=error, doubt="", fit=fit)
    return replace(state, at=at, value=nameplate, error=plan.transfer.error * nameplate, doubt="")


def uptake(plan: SoftPlan, state: SoftState, x: Inputs, at: Instant, kla_error: float) -> SoftState:
    """OUR: what comes in less what stays. ``kla_error`` is the standard error of kLa as a share."""
    if Role.OFFGAS_O2 in x:
        return _uptake_of_gas(plan, state, x, at)
    gas = gas_of(plan.gas, x)
    if gas.mmol_h <= 0.0:
        doubt = "no gas flows, and what the head space still gives is not known"
        return replace(state, at=at, slots=(), slot=Bin(), doubt=doubt)
    seen, brought = transfer(plan, x, x[Role.KLA], gas)
    oxygen = dissolved_mm(plan.gas, x[Role.OXYGEN], x[Role.TEMPERATURE])
    state, found = follow(state, at, oxygen, brought, plan.window_s)
    if found is None:
        return state
    # the probe is late by its lag: the liquid is ahead of it by slope x lag, which the gas then brings less
    value = found.other - found.slope * (1.0 + seen * plan.probe_lag_s / 3600.0)
    share = seen / x[Role.KLA] if x[Role.KLA] > 0.0 else 1.0  # bubbles that are drained care less for kLa
    error = math.hypot(found.error, kla_error * share * found.other)
    return judged(plan, state, value, error)


def _uptake_of_gas(plan: SoftPlan, state: SoftState, x: Inputs, at: Instant) -> SoftState:
    """Off-gas balance on dry gas; nitrogen, which nobody uses, tells how much gas leaves."""
    gas, litres = gas_of(plan.gas, x), volume_l(plan.gas, x)
    out, carbon = x[Role.OFFGAS_O2] / 100.0, x.get(Role.OFFGAS_CO2, 100.0 * gas.carbon) / 100.0
    idle = 1.0 - out - carbon
    if litres <= 0.0 or idle <= 0.0 or gas.mmol_h <= 0.0:
        return replace(state, at=at, value=None, doubt="no gas balance: no gas flows, or no nitrogen in it")
    leaving = gas.mmol_h * (1.0 - gas.oxygen - gas.carbon) / idle
    taken = (gas.mmol_h * gas.oxygen - leaving * out) / litres
    state, found = follow(state, at, taken, 0.0, plan.window_s)
    if found is None:
        return state
    # the analyser's own error is in every sample alike, so no averaging makes it less
    return judged(plan, state, found.mean, plan.offgas_error * out * gas.mmol_h / litres)


def judged(plan: SoftPlan, state: SoftState, value: float, error: float) -> SoftState:
    """An estimate that cannot be negative, and may be doubted because its window is not filled."""
    impossible = ""
    if value + 2.0 * error < 0.0:
        impossible = f"{value:.3g} {plan.unit} cannot be: more oxygen in the liquid than this gas brings"
    return replace(
        state, value=value, error=error, doubt=unfilled(state, plan.window_s), impossible=impossible
    )
