"""What a vessel does, worked out from its nameplate: the processes that its loops move.

Sources of the numbers: water 4.18 kJ/(kg K); apparent carbonic acid constants at 37 degC and physiological ionic strength pK1' 6.10, pKw' 13.6; one mole of gas
at 25 degC and 1 atm 24.5 L. kLa of a stirred vessel goes with agitation^1.2 and gas flow^0.5 (van 't Riet, Ind. Eng. Chem. Process Des. Dev. 18, 1979, 357:
(P/V)^0.4, power with the cube of the speed); in a rocking bag with the square of the rocks per minute and not with the gas flow, which only renews its gas
space (Bai, Moo-Young, Anderson, Biotechnol. Bioeng. 2019, for the size of the effect).
"""

from __future__ import annotations

import math
from dataclasses import replace

from edgectl.config.simc import Process
from edgectl.model.vessel_plan import VesselKind, VesselPlan

_WATER_J_L_K = 4180.0
_CO2_MMOL_ML = 0.041
_CO2_OVER_O2 = 0.93  # of their transfer coefficients
_CO2_MM = 22.0  # mM in medium under pure, humid CO2 of 1 atm at 37 degC
_PK1, _PKW = 6.10, 13.6
_AIR = 0.2095
_GAS_OVER_LIQUID = (
    41.0  # mmol of O2 in a litre of air at 37 degC over those in a litre of saturated medium: 8.23 / 0.20
)
_STIRRED, _ROCKING = 1.2, 2.0
_SAMPLING = 1.5  # periods: hold of the output and wait for the sample


def jacket(vessel: VesselPlan, period_s: float) -> Process:
    """Jacket or blanket, per % of its heater: C dT/dt = P. It loses heat to the content, so that it is a lag of C / UA."""
    slope = vessel.heater_w / 100.0 / vessel.jacket_j_k
    lag_s = vessel.jacket_j_k / vessel.heat_transfer_w_k
    return Process(slope, lag_s, _SAMPLING * period_s, vessel.jacket_probe_s)


def content(vessel: VesselPlan, jacket_s: float, period_s: float) -> Process:
    """The content, per kelvin of jacket: V rho cp dT/dt = UA (Tj - T) - UAloss (T - Troom). ``jacket_s``: how fast the jacket follows."""
    conductance = vessel.heat_transfer_w_k + vessel.heat_loss_w_k
    capacity = vessel.volume_l * _WATER_J_L_K
    slope = vessel.heat_transfer_w_k / capacity
    second_s = jacket_s + vessel.temperature_probe_s
    return Process(slope, capacity / conductance, _SAMPLING * period_s, second_s)


def acidity_slope(vessel: VesselPlan, ph: float) -> float:
    """Closed system: pH per mM of strong base at constant total carbon. d[SID]/dpH = ln 10 ([HCO3][CO2]/CT + [H] + [OH] + A Ka [H]/(Ka + [H])^2)."""
    h: float = math.pow(10.0, -ph)
    ratio = math.pow(10.0, ph - _PK1)
    carbon = vessel.bicarbonate_mm * (1.0 + 1.0 / ratio)
    shared = ratio / (1.0 + ratio)
    part = 1.0 / (1.0 + math.pow(10.0, vessel.buffer_pk - ph))
    water = (h + math.pow(10.0, -_PKW) / h) * 1000.0
    return 1.0 / (
        math.log(10.0) * (carbon * shared * (1.0 - shared) + vessel.buffer_mm * part * (1.0 - part) + water)
    )


def carbon_slope(vessel: VesselPlan, ph: float) -> float:
    """Closed system: fall of pH per mM of CO2 that dissolves. One mM brings [HCO3]/CT mM of acid."""
    ratio = math.pow(10.0, ph - _PK1)
    return acidity_slope(vessel, ph) * ratio / (1.0 + ratio)


def base(vessel: VesselPlan, ph: float, most_ml_min: float, period_s: float) -> Process:
    """The pH, per % of a base pump that gives ``most_ml_min`` at 100 %: it integrates what is added."""
    mm_per_s = most_ml_min / 60.0 / 1000.0 * vessel.base_mm / vessel.volume_l
    slope = acidity_slope(vessel, ph) * mm_per_s / 100.0
    return Process(slope, math.inf, _SAMPLING * period_s + vessel.ph_probe_s, vessel.mixing_s)


def carbon_dioxide(vessel: VesselPlan, ph: float, most_ml_min: float, period_s: float) -> Process:
    """The pH (falling), per % of a CO2 controller that gives ``most_ml_min`` at 100 % into the usual gas flow.

    What is supplied and what goes through the surface of the bubbles stand in series. Over the liquid the gas space has to fill first.
    """
    supply = most_ml_min / 60.0 * _CO2_MMOL_ML / vessel.volume_l
    share = most_ml_min / (most_ml_min + vessel.gas_ml_min)
    transfer = _CO2_OVER_O2 * vessel.transfer_per_h / 3600.0 * share * _CO2_MM
    dead_s = _SAMPLING * period_s + vessel.ph_probe_s + line_s(vessel)
    fall = carbon_slope(vessel, ph) / 100.0
    if vessel.kind is VesselKind.ROCKING:
        # until the gas space is renewed, what goes in stays in it; then the surface decides
        return Process(
            fall * supply, space_s(vessel), dead_s + vessel.mixing_s, 3600.0 / vessel.transfer_per_h
        )
    return Process(fall / (1.0 / supply + 1.0 / transfer), math.inf, dead_s, vessel.mixing_s)


def line_s(vessel: VesselPlan) -> float:
    """Time of the gas in its line."""
    return 60.0 * vessel.gas_line_ml / vessel.gas_ml_min


def space_s(vessel: VesselPlan) -> float:
    """Time constant in which the gas space is renewed."""
    return 60_000.0 * (vessel.total_l - vessel.volume_l) / vessel.gas_ml_min


def oxygen(vessel: VesselPlan, percent_per_h: float, period_s: float) -> Process:
    """DO (%), where one unit of output changes the transfer capacity by ``percent_per_h``: dDO/dt = kLa (DO* - DO) - OUR.

    In a rocking bag the gas space is a lag of its own between controllers and surface; there the slope is that of the slower of the two.
    """
    surface_s = 3600.0 / vessel.transfer_per_h
    dead_s = _SAMPLING * period_s + line_s(vessel)
    if vessel.kind is VesselKind.STIRRED:
        return Process(percent_per_h / 3600.0, surface_s, dead_s, vessel.do_probe_s)
    slow_s, fast_s = sorted((surface_s, space_s(vessel)), reverse=True)
    steady = percent_per_h * surface_s / 3600.0
    return Process(steady / slow_s, slow_s, dead_s + vessel.do_probe_s, fast_s)


def at_flow(vessel: VesselPlan, gas_ml_min: float) -> VesselPlan:
    """The vessel with another gas flow than that of its nameplate; more gas is more surface of bubbles, but no more of a bag's."""
    more = math.sqrt(gas_ml_min / vessel.gas_ml_min) if vessel.kind is VesselKind.STIRRED else 1.0
    return replace(vessel, gas_ml_min=gas_ml_min, transfer_per_h=vessel.transfer_per_h * more)


def capacity(
    vessel: VesselPlan, agitation: float, air: float, oxygen_flow: float, nitrogen: float, do: float
) -> float:
    """What the gas can bring at a DO of ``do`` %, in % of saturation per hour; below 0 it takes away.

    Transfer and supply stand in series: gas that flows slowly is used up on its way.
    """
    total = air + oxygen_flow + nitrogen
    if total <= 0.0:
        return 0.0
    if vessel.kind is VesselKind.STIRRED:
        transfer = (agitation / vessel.agitation) ** _STIRRED * math.sqrt(total / vessel.gas_ml_min)
    else:
        transfer = (agitation / vessel.agitation) ** _ROCKING
    transfer *= vessel.transfer_per_h
    supply = total * 60.0 / 1000.0 / vessel.volume_l * _GAS_OVER_LIQUID
    saturation = 100.0 * (_AIR * air + oxygen_flow) / total / _AIR
    return (saturation - do) / (1.0 / transfer + 1.0 / supply) if transfer > 0.0 else 0.0
