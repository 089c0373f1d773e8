"""Acid the cells make, from the base it takes and the pH that is left, with what carbon dioxide does to pH taken out.

The strong ions of the liquid follow from pH and total inorganic carbon (charge balance), and carbon from its own balance:
    dC/dt = kLa' (CO2* - CO2) + RQ OUR        acid made = base added - change of strong ions
Lactate is by far the most of it; ammonium counts against it. Below zero, cells take lactate back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.soft_gas import CO2_MM_PER_MBAR, Gas, drained, gas_of, volume_l
from edgectl.core.soft_window import elapsed_s, follow, unfilled
from edgectl.model.instant import Instant
from edgectl.model.soft import Account, SoftState
from edgectl.model.soft_plan import Role, SoftPlan

_K1: float = 10.0**-6.10  # mol/L, 37 degC, physiological ionic strength
_K2: float = 10.0**-10.2
_KW: float = 10.0**-13.6
_KA_BUFFER: float = 10.0**-6.9
_CARBON_TO_OXYGEN = 0.93  # kLa of CO2 over that of O2
_CARBON_DOUBT = 0.1  # of all carbon, how wrong the medium's recipe may be
_MODEL_DOUBT = 0.1  # of the result, what the constants of buffers and carbon leave open
_LN10 = math.log(10.0)


def account(plan: SoftPlan, state: SoftState, x: Mapping[Role, float], at: Instant) -> SoftState:
    """Acid production, mmol/h, and acid per oxygen, mol/mol."""
    litres = volume_l(plan.gas, x)
    if litres <= 0.0:
        return replace(state, doubt="no volume")
    hours = elapsed_s(state, at) / 3600.0
    if not 0.0 <= hours < plan.window_s / 3600.0:
        state, hours = replace(state, account=Account()), 0.0
    h = math.exp(-_LN10 * x[Role.PH])
    seen = drained(_CARBON_TO_OXYGEN * x[Role.KLA], CO2_MM_PER_MBAR, gas := gas_of(plan.gas, x), litres)
    carbon, carbon_error = _carbon(plan, state.account, x, h, (seen, hours), gas)
    added = x[Role.BASE] * 1e-3 * plan.base_mm / litres * 60.0 * hours
    books = Account(carbon, carbon_error, state.account.base + max(added, 0.0))
    made = books.base - _strong_ions_mm(h, carbon, plan.buffer_mm)
    state, found = follow(replace(state, account=books), at, made, 0.0, plan.window_s)
    if found is None:
        return state
    value = found.slope * litres
    settles = carbon_error * seen * _dissolved_share(h)
    error = math.hypot(found.error, settles, _MODEL_DOUBT * found.slope) * litres
    oxygen = x[Role.UPTAKE] * litres
    ratio = value / oxygen if oxygen > 0.0 else None
    return replace(state, value=value, error=error, ratio=ratio, doubt=unfilled(state, plan.window_s))


def _carbon(
    plan: SoftPlan,
    books: Account,
    x: Mapping[Role, float],
    h: float,
    passed: tuple[float, float],
    gas: Gas,
) -> tuple[float, float]:
    """Carbon, and its error, one step on, implicit so that a long step does not overshoot; at first what the medium's recipe and its pH say."""
    if books.carbon is None:
        weak = plan.buffer_mm / (1.0 + h / _KA_BUFFER)
        carbon = max(plan.strong_ions_mm - weak, 0.0) / _charge(h)
        return carbon, _CARBON_DOUBT * carbon
    seen, hours = passed
    share = _dissolved_share(h)
    comes = seen * CO2_MM_PER_MBAR * gas.carbon * gas.dry_mbar + plan.quotient * x[Role.UPTAKE]
    stays = 1.0 / (1.0 + hours * seen * share)
    return (books.carbon + hours * comes) * stays, books.carbon_error * stays


def _dissolved_share(h: float) -> float:
    """Of total inorganic carbon, what is dissolved CO2."""
    return h * h / (h * h + _K1 * h + _K1 * _K2)


def _charge(h: float) -> float:
    """Charges per total inorganic carbon."""
    return (_K1 * h + 2.0 * _K1 * _K2) / (h * h + _K1 * h + _K1 * _K2)


def _strong_ions_mm(h: float, carbon_mm: float, buffer_mm: float) -> float:
    """Strong ion difference at which the charges balance."""
    return carbon_mm * _charge(h) + buffer_mm / (1.0 + h / _KA_BUFFER) + 1e3 * (_KW / h - h)
