"""Cells from what they do: viable density, growth rate, and whether they are active."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.soft_window import follow, unfilled
from edgectl.model.instant import Instant
from edgectl.model.soft import SoftState
from edgectl.model.soft_plan import Role, SoftPlan

_FEW = 0.01  # Mcells/mL, below which nobody weighs anything
_MM_H_TO_FMOL_ML = 1e3  # mM/h over fmol/cell/h gives Mcells/mL
CODES = {"dying": 1.0, "resting": 2.0, "growing": 3.0}

Inputs = Mapping[Role, float]


def density(plan: SoftPlan, state: SoftState, x: Inputs, at: Instant, uptake_error: float) -> SoftState:
    """Viable density, Mcells/mL: uptake over uptake per cell, permittivity over a blank, or both weighed by their variances."""
    found: list[tuple[str, float, float]] = []
    if Role.UPTAKE in x:
        value = x[Role.UPTAKE] / plan.per_cell * _MM_H_TO_FMOL_ML
        found.append(("uptake", value, uptake_error / plan.per_cell * _MM_H_TO_FMOL_ML))
    if Role.PERMITTIVITY in x:
        value = plan.factor * x[Role.PERMITTIVITY] - plan.offset
        found.append(("permittivity", value, 0.0))
    # errors that are shares are taken of the plain mean: of its own value, the lower would always weigh more
    scale = max(abs(sum(value for _, value, _ in found)) / len(found), abs(plan.offset), _FEW)
    shares = {"uptake": plan.per_cell_error, "permittivity": plan.permittivity_error}
    weights = [1.0 / max(error**2 + (shares[word] * scale) ** 2, 1e-12) for word, _, error in found]
    mean = sum(w * value for w, (_, value, _) in zip(weights, found, strict=True)) / sum(weights)
    impossible = (
        f"{mean:.3g} Mcells/mL cannot be: check the blank" if mean < -2.0 / sum(weights) ** 0.5 else ""
    )
    return replace(
        state,
        at=at,
        value=mean,
        error=1.0 / math.sqrt(sum(weights)),
        doubt=_disagreement(plan, state, found),
        impossible=impossible,
    )


def _disagreement(plan: SoftPlan, state: SoftState, found: list[tuple[str, float, float]]) -> str:
    if len(found) < 2 or not plan.disagreement:
        return ""
    (one, a, _), (other, b, _) = found
    limit = plan.disagreement * (0.8 if state.doubt else 1.0)  # as a whole, doubt does not flicker
    if abs(a - b) <= limit * 0.5 * (abs(a) + abs(b)):
        return ""
    return f"{one} says {a:.3g} Mcells/mL, {other} {b:.3g}"


def growth(plan: SoftPlan, state: SoftState, x: Inputs, at: Instant) -> SoftState:
    """Growth less death, 1/h: the slope of the logarithm over the window."""
    value = x[Role.SOURCE]
    if value <= 0.0:
        return replace(state, doubt="its source is not above zero")
    state, found = follow(state, at, math.log(value), 0.0, plan.window_s)
    if found is None:
        return state
    return replace(state, value=found.slope, error=found.error, doubt=unfilled(state, plan.window_s))


def activity(plan: SoftPlan, state: SoftState, x: Inputs, at: Instant, growth_error: float) -> SoftState:
    """Growing, resting or dying, as far as the growth rate and its 95 % interval tell them apart."""
    rate, rest = x[Role.GROWTH], plan.resting_per_h
    spread = 2.0 * growth_error * (1.25 if state.doubt else 1.0)
    state = replace(state, at=at, error=None)
    for word, low, high in (
        ("growing", rest, math.inf),
        ("resting", -rest, rest),
        ("dying", -math.inf, -rest),
    ):
        if low <= rate - spread and rate + spread <= high:
            return replace(state, value=CODES[word], doubt="", said=word)
    near = "growing" if rate > rest else "dying" if rate < -rest else "resting"
    return replace(
        state,
        value=CODES[near],
        doubt=f"perhaps {near}: {evidence(x, growth_error)} does not tell it from its neighbour",
    )


def evidence(x: Inputs, growth_error: float) -> str:
    """What speaks for it."""
    text = f"growth {x[Role.GROWTH]:.3g} +- {2.0 * growth_error:.2g} /h"
    return text + (f", oxygen uptake {x[Role.UPTAKE]:.3g} mM/h" if Role.UPTAKE in x else "")
