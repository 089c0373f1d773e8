"""kLa learned while it is used: whenever gas or set point change, slope and drive of dissolved oxygen tell how far the nameplate is off."""

from __future__ import annotations

import math
from collections.abc import Mapping

from edgectl.core.soft_gas import dissolved_mm, drained, gas_of, volume_l
from edgectl.core.soft_window import elapsed_s, take
from edgectl.model.instant import Instant
from edgectl.model.soft import Bin, Fit, SoftState
from edgectl.model.soft_plan import Role, SoftPlan

_UPTAKE_STEP = 0.15  # of the uptake, how far it may wander in an hour (standard deviation)
_FACTOR_STEP = 0.01  # how far the factor on kLa may: antifoam, a sparger that clogs
_EXCITED = 0.15  # of the usual drive, from which its change is an experiment
_USUAL_H = 1.0 / 3.0  # over which the usual drive is meant
_LEAST_UPTAKE = 0.05  # mM/h, for which the uptake's wandering is counted at least
_FACTOR_SPAN = (0.2, 5.0)  # a vessel further from its nameplate is another vessel
_LEAST_OXYGEN = 5.0  # %-sat, below which cells use what there is and no longer what they want
_STRANGE = 25.0  # squared standard deviations, beyond which a slope is no news of the transfer
_SLOT_S = 60.0  # over which a slope of dissolved oxygen is taken to learn from


def learn(
    plan: SoftPlan, state: SoftState, x: Mapping[Role, float], at: Instant, nameplate: float
) -> tuple[SoftState, Fit]:
    """Take a sample of dissolved oxygen in, and what is known with it; each full slot tells how transfer and slope went together."""
    assert plan.transfer is not None
    prior = plan.transfer.error**2
    fit = state.fit if state.fit.factor_var else Fit(factor_var=prior)
    gas = gas_of(plan.gas, x)
    seen = drained(fit.factor * nameplate, gas.oxygen_mm_per_mbar, gas, volume_l(plan.gas, x))
    oxygen = dissolved_mm(plan.gas, x[Role.OXYGEN], x[Role.TEMPERATURE])
    if gas.mmol_h > 0.0:
        brought = seen * (gas.saturation_mm - oxygen)
        drive = brought / fit.factor
        fit = fit._replace(head=oxygen + brought / max(fit.factor * nameplate, 1e-9))
    else:
        # through the surface alone, from the gas that was left over it
        drive = nameplate * (fit.head - oxygen)
    passed_s = elapsed_s(state, at)
    if fit.drive is None or not 0.0 <= passed_s < 3.0 * _SLOT_S:
        var, cross, uptake_var = _widened(prior, fit, max(passed_s, 0.0) / 3600.0)
        fit = fit._replace(factor_var=var, cross=cross, uptake_var=uptake_var, drive=drive)
    elif plan.probe_lag_s:
        # the probe shows the liquid through its lag, so it must see the drive through the same
        fit = fit._replace(drive=fit.drive + (drive - fit.drive) * -math.expm1(-passed_s / plan.probe_lag_s))
    else:
        fit = fit._replace(drive=drive)
    assert fit.drive is not None
    per_percent = oxygen / x[Role.OXYGEN] if x[Role.OXYGEN] else 0.0
    before = state.slots[-1:]
    state, closed = take(state, at, oxygen, fit.drive, _SLOT_S * 24.0)
    if closed and before and x[Role.OXYGEN] > _LEAST_OXYGEN:
        fit = _learned(plan, fit, before[0], state.slots[-1], plan.noise * per_percent)
    return state, fit


def _learned(plan: SoftPlan, fit: Fit, before: Bin, after: Bin, noise_mm: float) -> Fit:
    """Recursive least squares on slope = factor x drive - uptake; both may wander, which is how the old is forgotten.

    The factor learns only while the drive is far from usual (gas or set point changed, gas interrupted). In between a controller makes the drive
    follow the uptake, and growth would look like a kLa that falls; then the factor's error is only allowed for (Schmidt).
    """
    assert plan.transfer is not None
    hours = (after.time / after.samples - before.time / before.samples) / 3600.0
    if not 0.0 < hours < 3.0 * _SLOT_S / 3600.0:
        return fit
    slope = (after.value / after.samples - before.value / before.samples) / hours
    drive = 0.5 * (before.other / before.samples + after.other / after.samples)
    if not fit.uptake:
        fit = fit._replace(uptake=fit.factor * drive - slope, uptake_var=(abs(drive) + 1.0) ** 2, usual=drive)
    usual = fit.usual + (drive - fit.usual) * min(1.0, hours / _USUAL_H)
    excited = abs(drive - fit.usual) > _EXCITED * abs(fit.usual)
    ff, fu, uu = _widened(plan.transfer.error**2, fit, hours)
    noise = noise_mm * noise_mm * (1.0 / before.samples + 1.0 / after.samples) / (hours * hours)
    gain_f, gain_u = ff * drive - fu, fu * drive - uu
    sum_var = gain_f * drive - gain_u + max(noise, 1e-12)
    surprise = slope - (fit.factor * drive - fit.uptake)
    if surprise * surprise > _STRANGE * sum_var:
        # a bubble, a probe that was moved: no gas does this, so nothing is learned but that less is known
        return fit._replace(factor_var=ff, cross=fu, uptake_var=uu + surprise * surprise * hours, usual=usual)
    factor = fit.factor + gain_f / sum_var * surprise
    fit = fit._replace(
        uptake=fit.uptake + gain_u / sum_var * surprise,
        cross=fu - gain_f * gain_u / sum_var,
        uptake_var=max(uu - gain_u * gain_u / sum_var, 1e-12),
        usual=usual,
    )
    if not excited:
        return fit._replace(factor_var=ff)
    return fit._replace(
        factor=min(max(factor, _FACTOR_SPAN[0]), _FACTOR_SPAN[1]),
        factor_var=max(ff - gain_f * gain_f / sum_var, 1e-9),
    )


def _widened(prior: float, fit: Fit, hours: float) -> tuple[float, float, float]:
    """The covariance after so long; what the nameplate promises is never forgotten."""
    ff = fit.factor_var + _FACTOR_STEP**2 * hours
    uu = fit.uptake_var + (_UPTAKE_STEP * max(abs(fit.uptake), _LEAST_UPTAKE)) ** 2 * hours
    if ff <= prior:
        return ff, fit.cross, uu
    return prior, fit.cross * math.sqrt(prior / ff), uu
