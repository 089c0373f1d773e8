"""Gas over and in a culture: what it can dissolve, and how fast. Pressures in mbar, concentrations in mM, amounts in mmol.

Henry's constant of oxygen at 25 degC (1.3 mM/atm, 1700 K) and the Magnus form of water vapour are textbook values; a gas flow in mL/min is counted
at 25 degC and 1 atm, as mass flow controllers for laboratories do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from edgectl.model.soft_plan import GasPlan, Role, TransferPlan

ATM_MBAR = 1013.25
AIR_OXYGEN = 0.2095
AIR_CARBON = 0.0004
CO2_MM_PER_MBAR = 0.0307 / 1.333223684  # 37 degC, physiological ionic strength
_MMOL_H_PER_ML_MIN = 60.0 / 24.465
_ZERO_C_K = 273.15
_T25_K = 298.15
_OXYGEN_25C_MM_PER_MBAR = 1.3 / ATM_MBAR


class Gas(NamedTuple):
    """Gas fed to a vessel, dry: amount per hour, shares of oxygen and carbon dioxide, dry pressure, and oxygen the liquid holds per mbar."""

    mmol_h: float
    oxygen: float
    carbon: float
    dry_mbar: float
    oxygen_mm_per_mbar: float

    @property
    def saturation_mm(self) -> float:
        """C*: dissolved oxygen in balance with this gas."""
        return self.oxygen_mm_per_mbar * self.oxygen * self.dry_mbar


def water_vapour_mbar(temperature_c: float) -> float:
    """Saturation pressure of water."""
    return 6.112 * math.exp(17.62 * temperature_c / (243.12 + temperature_c))


def oxygen_mm_per_mbar(temperature_c: float, solubility: float) -> float:
    """Henry's solubility of oxygen in a medium that holds ``solubility`` of what water holds."""
    steep = math.exp(1700.0 * (1.0 / (temperature_c + _ZERO_C_K) - 1.0 / _T25_K))
    return _OXYGEN_25C_MM_PER_MBAR * steep * solubility


def gas_of(plan: GasPlan, x: Mapping[Role, float]) -> Gas:
    """The gas of the measured flows at the measured temperature and pressure; without any flow its shares are 0."""
    air, oxygen = x.get(Role.AIR, 0.0), x.get(Role.O2, 0.0)
    carbon, nitrogen = x.get(Role.CO2, 0.0), x.get(Role.N2, 0.0)
    flow = max(air, 0.0) + max(oxygen, 0.0) + max(carbon, 0.0) + max(nitrogen, 0.0)
    temperature_c = x[Role.TEMPERATURE]
    dry_mbar = plan.atmosphere_mbar + x.get(Role.PRESSURE, 0.0) - water_vapour_mbar(temperature_c)
    share = 1.0 / flow if flow > 0.0 else 0.0
    return Gas(
        flow * _MMOL_H_PER_ML_MIN,
        (AIR_OXYGEN * max(air, 0.0) + max(oxygen, 0.0)) * share,
        (AIR_CARBON * max(air, 0.0) + max(carbon, 0.0)) * share,
        dry_mbar,
        oxygen_mm_per_mbar(temperature_c, plan.solubility),
    )


def dissolved_mm(plan: GasPlan, percent: float, temperature_c: float) -> float:
    """Oxygen of a probe in % of saturation with humid air at 1 atm, where probes are calibrated."""
    full = (
        oxygen_mm_per_mbar(temperature_c, plan.solubility)
        * AIR_OXYGEN
        * (ATM_MBAR - water_vapour_mbar(temperature_c))
    )
    return percent / 100.0 * full


def volume_l(plan: GasPlan, x: Mapping[Role, float]) -> float:
    """Liquid in the vessel: the measured one, or that of the plan; 0 when nothing is known of it."""
    return max(x.get(Role.WEIGHT, plan.volume_l), 0.0)


def drained(kla_per_h: float, mm_per_mbar: float, gas: Gas, litres: float) -> float:
    """The kLa seen from the gas that enters: bubbles leave with less (or more) than they brought, so little gas carries little.

    From the balance of well-mixed bubbles, n (y_in - y_out) = kLa V (H P y_out - C).
    """
    if gas.mmol_h <= 0.0:
        return 0.0
    return kla_per_h / (1.0 + mm_per_mbar * gas.dry_mbar * kla_per_h * litres / gas.mmol_h)


def nameplate_kla(plan: TransferPlan, agitation: float, gas_ml_min: float, litres: float) -> float:
    """KLa by the nameplate, 1/h; 0 through a liquid that stands still."""
    speed: float = max(agitation / plan.agitation, 0.0) ** plan.agitation_power
    flow: float = max(gas_ml_min / plan.gas_ml_min, 0.0) ** plan.gas_power
    fill: float = (
        (litres / plan.volume_l) ** plan.volume_power if litres > 0.0 and plan.volume_l > 0.0 else 1.0
    )
    return speed * (plan.reference_per_h * flow * fill + plan.surface_per_h)


def flow_ml_min(x: Mapping[Role, float]) -> float:
    """All gas together."""
    return sum(max(x.get(role, 0.0), 0.0) for role in (Role.AIR, Role.O2, Role.N2, Role.CO2))
