"""Gas line, bubbles, head space and what crosses the liquid surface.

Partial pressures in mbar, amounts in mmol, dry gas flows in mL/min at 25 degC and 1 atm. Each molecule is accounted
for: gassed in, dissolved, respired, held in line and head space, or vented.
"""

from __future__ import annotations

import math

from hil.plant.broth import Broth
from hil.plant.chemistry import CO2_MM_PER_MBAR
from hil.plant.vessel import Transfer

STEP_H = 1.0 / 3600.0
STANDARD_MMOL_PER_ML = 1.0 / 24.465
GAS_CONSTANT = 0.0831446
ATM_MBAR = 1013.25
ZERO_C_K = 273.15
AIR_OXYGEN = 0.2095
AIR_CARBON = 0.0004
WATER_ML_PER_MMOL = 0.018015
EVAPORATION_J_PER_MMOL = 43.4
SMALLEST_HEAD_L = 0.02
LEAST_FLOW_ML_MIN = 1e-9  # a controller's lag never quite ends
_T25_K = 298.15
_OXYGEN_25C_MM_PER_ATM = 1.3
_FLAT_ROCKS_PER_MIN = 20.0
_MOST_ROCKS_PER_MIN = 40.0


def water_vapour_mbar(temperature_c: float) -> float:
    """Saturation pressure of water (Magnus form), 62.6 mbar at 37 degC."""
    return 6.112 * math.exp(17.62 * temperature_c / (243.12 + temperature_c))


def oxygen_mm_per_mbar(temperature_c: float, medium_factor: float) -> float:
    """Henry solubility of oxygen in medium."""
    steep = math.exp(1700.0 * (1.0 / (temperature_c + ZERO_C_K) - 1.0 / _T25_K))
    return _OXYGEN_25C_MM_PER_ATM * steep / ATM_MBAR * medium_factor


def surface_kla_per_h(transfer: Transfer, agitation: float) -> float:
    """Transfer through the liquid surface.

    Stirred: a power of the speed. Rocking bag: flat up to 20 rocks/min, then a breaking wave up to the 40 rocks/min
    for which it is known.
    """
    reference = transfer.agitation_reference_rpm
    if not transfer.rocking:
        return transfer.surface_per_h * math.pow(agitation / reference, 1.2)
    if agitation <= _FLAT_ROCKS_PER_MIN:
        return transfer.surface_per_h * min(1.0, 0.2 + 0.16 * agitation)
    return transfer.surface_per_h * math.pow(min(agitation, _MOST_ROCKS_PER_MIN) / reference, 4.2)


def stirring_w(transfer: Transfer, rpm: float) -> float:
    """Impeller power in water, turbulent; none in a rocking bag."""
    if transfer.rocking:
        return 0.0
    return transfer.power_number * 1000.0 * (rpm / 60.0) ** 3 * transfer.impeller_diameter_m**5


def dissolved_step(
    oxygen_mm: float,
    supply_mm_h: float,
    kla_per_h: float,
    demand_mm_h: float,
    half_mm: float,
) -> tuple[float, float]:
    """Oxygen after one second, and what the cells used in it, both mM.

    Solved analytically with the uptake per concentration held at its value in mid-second, so it is never negative;
    `supply_mm_h` is the sum of kLa times saturation over the transfer paths.
    """
    specific = demand_mm_h / (half_mm + oxygen_mm)
    middle = oxygen_mm + 0.5 * STEP_H * (supply_mm_h - (kla_per_h + specific) * oxygen_mm)
    if middle > 0.0:
        specific = demand_mm_h / (half_mm + middle)
    rate = kla_per_h + specific
    if rate == 0.0:
        return oxygen_mm, 0.0
    settled = supply_mm_h / rate
    after = settled + (oxygen_mm - settled) * math.exp(-rate * STEP_H)
    mean = settled + (oxygen_mm - after) / (rate * STEP_H)
    return after, specific * mean * STEP_H


class GasPhase:
    """Gas line composition, head-space contents and the exchange with the broth.

    Bubbles reach a quasi-steady composition between the line's and the liquid's: with little gas it is the flow, not
    kLa, that limits the carbon dioxide carried away.
    """

    __slots__ = (
        "_bubble_factor",
        "_reference_c",
        "_rpm",
        "_surface_kla",
        "_total_l",
        "_transfer",
        "_volume_l",
        "bubble_kla",
        "demand_half_mm",
        "dry_mbar",
        "head_carbon_mmol",
        "head_oxygen_mmol",
        "kla_per_h",
        "line_carbon",
        "line_mmol",
        "line_oxygen",
        "oxygen_mm_per_mbar",
        "oxygen_saturation_mm",
        "oxygen_uptake_mm_h",
        "pressure_mbar",
        "quotient",
        "rt",
        "stirring_w",
        "transfer_share",
        "vapour_loss_w",
        "vapour_mbar",
    )

    def __init__(self, transfer: Transfer, total_l: float, demand_half_mm: float, quotient: float) -> None:
        self._transfer = transfer
        self._total_l = total_l
        self.demand_half_mm = demand_half_mm
        self.quotient = quotient
        self._rpm = self._volume_l = self._reference_c = math.nan
        self._surface_kla = self._bubble_factor = self.bubble_kla = self.kla_per_h = self.stirring_w = 0.0
        self.pressure_mbar = self.oxygen_uptake_mm_h = self.vapour_loss_w = 0.0
        self.transfer_share = 1.0
        self.line_oxygen, self.line_carbon = AIR_OXYGEN, AIR_CARBON
        self.line_mmol = transfer.line_dead_ml * STANDARD_MMOL_PER_ML
        self.head_oxygen_mmol = self.head_carbon_mmol = 0.0

    def fill_head(self, volume_l: float, temperature_c: float) -> None:
        """Start with humid air over the liquid."""
        self.set_temperature(temperature_c)
        self.dry_mbar = self._transfer.atmosphere_mbar - self.vapour_mbar
        dry_mmol = self.head_mmol(volume_l)
        self.head_oxygen_mmol = AIR_OXYGEN * dry_mmol
        self.head_carbon_mmol = AIR_CARBON * dry_mmol

    def set_temperature(self, temperature_c: float) -> None:
        """Refresh what depends on temperature, when it has moved by a hundredth of a degree."""
        if abs(temperature_c - self._reference_c) < 0.01:
            return
        self._reference_c = temperature_c
        self.rt = GAS_CONSTANT * (temperature_c + ZERO_C_K)
        self.vapour_mbar = water_vapour_mbar(temperature_c)
        self.oxygen_mm_per_mbar = oxygen_mm_per_mbar(temperature_c, self._transfer.oxygen_medium_factor)
        self.oxygen_saturation_mm = self.oxygen_mm_per_mbar * AIR_OXYGEN * (ATM_MBAR - self.vapour_mbar)

    def set_agitation(self, rpm: float, volume_l: float) -> None:
        """Refresh what depends on speed and liquid volume, when the speed has moved or the volume by 0.1 %."""
        if rpm == self._rpm and abs(volume_l - self._volume_l) < 1e-3 * volume_l:
            return
        transfer = self._transfer
        self._rpm, self._volume_l = rpm, volume_l
        self._surface_kla = surface_kla_per_h(transfer, rpm) * self.transfer_share
        self.stirring_w = stirring_w(transfer, rpm)
        area_m2 = math.pi / 4.0 * transfer.tank_diameter_m**2
        power_w_m3 = self.stirring_w / (volume_l * 1e-3)
        self._bubble_factor = transfer.bubble_gain * power_w_m3**0.4 / math.sqrt(3.6e6 * area_m2)
        self._bubble_factor *= self.transfer_share

    def hinder(self, transfer_share: float) -> None:
        """Multiply kLa from now on, as antifoam does; the next `set_agitation` applies it."""
        self.transfer_share = transfer_share
        self._rpm = math.nan

    def head_mmol(self, volume_l: float) -> float:
        """All gas over the liquid, water vapour left out."""
        return self.dry_mbar * max(self._total_l - volume_l, SMALLEST_HEAD_L) / self.rt

    def step(self, broth: Broth, gases: tuple[float, float, float, float], demand_mmol_h: float) -> None:
        """One second: air, CO2, O2 and N2 in, exchange with the liquid, the rest out of the vent."""
        air, carbon, oxygen, nitrogen = gases
        flow_ml_min = air + carbon + oxygen + nitrogen
        dry_mmol_h = flow_ml_min * 60.0 * STANDARD_MMOL_PER_ML
        transfer = self._transfer
        self.pressure_mbar = transfer.vent_mbar_per_l_min * flow_ml_min * 1e-3
        self.dry_mbar = transfer.atmosphere_mbar + self.pressure_mbar - self.vapour_mbar
        if flow_ml_min > LEAST_FLOW_ML_MIN:
            oxygen_share = (AIR_OXYGEN * air + oxygen) / flow_ml_min
            carbon_share = (AIR_CARBON * air + carbon) / flow_ml_min
            broth.ledger.oxygen_gassed += dry_mmol_h * STEP_H * oxygen_share
            broth.ledger.carbon_gassed += dry_mmol_h * STEP_H * carbon_share
            oxygen_share, carbon_share = self._through_line(dry_mmol_h, oxygen_share, carbon_share)
        else:
            oxygen_share = carbon_share = 0.0
        sparged = dry_mmol_h * transfer.sparged_fraction
        self.bubble_kla = self._bubble_factor * math.sqrt(sparged * self.rt / self.dry_mbar)
        self.kla_per_h = self.bubble_kla + self._surface_kla
        head_l = max(self._total_l - broth.volume_l, SMALLEST_HEAD_L)
        dissolved = self._dissolve_oxygen(broth, oxygen_share, sparged, head_l, demand_mmol_h)
        degassed = self._dissolve_carbon(broth, carbon_share, sparged, head_l)
        self._vent(
            broth,
            dry_mmol_h,
            head_l,
            dry_mmol_h * oxygen_share * STEP_H - dissolved,
            dry_mmol_h * carbon_share * STEP_H - degassed,
        )
        self._evaporate(broth, dry_mmol_h)

    def _through_line(self, dry_mmol_h: float, oxygen_in: float, carbon_in: float) -> tuple[float, float]:
        """Mean composition leaving the line's dead volume this second."""
        turns = dry_mmol_h * STEP_H / self.line_mmol
        left = math.exp(-turns)
        oxygen, carbon = self.line_oxygen, self.line_carbon
        self.line_oxygen = oxygen_in + (oxygen - oxygen_in) * left
        self.line_carbon = carbon_in + (carbon - carbon_in) * left
        return (
            oxygen_in + (oxygen - self.line_oxygen) / turns,
            carbon_in + (carbon - self.line_carbon) / turns,
        )

    def _dissolve_oxygen(
        self,
        broth: Broth,
        share: float,
        sparged_mmol_h: float,
        head_l: float,
        demand_mmol_h: float,
    ) -> float:
        """Advance dissolved oxygen; mmol taken from the gas."""
        henry, volume, bubble = self.oxygen_mm_per_mbar, broth.volume_l, self.bubble_kla
        if bubble > 0.0:
            bubble /= 1.0 + henry * self.dry_mbar * bubble * volume / sparged_mmol_h
        head_mm = henry * self.head_oxygen_mmol * self.rt / head_l
        before = broth.oxygen_mmol / volume
        after, used = dissolved_step(
            before,
            bubble * henry * share * self.dry_mbar + self._surface_kla * head_mm,
            bubble + self._surface_kla,
            demand_mmol_h / volume,
            self.demand_half_mm,
        )
        self.oxygen_uptake_mm_h = used / STEP_H
        broth.oxygen_mmol += (after - before) * volume
        broth.ledger.oxygen_respired += used * volume
        return (after - before + used) * volume

    def _dissolve_carbon(self, broth: Broth, share: float, sparged_mmol_h: float, head_l: float) -> float:
        """Advance total inorganic carbon, respiration included; mmol taken from the gas."""
        volume, ratio = broth.volume_l, self._transfer.carbon_to_oxygen
        bubble = ratio * self.bubble_kla
        if bubble > 0.0:
            bubble /= 1.0 + CO2_MM_PER_MBAR * self.dry_mbar * bubble * volume / sparged_mmol_h
        dissolved_mm = broth.carbon_mmol / volume * broth.dissolved_share
        head_mm = CO2_MM_PER_MBAR * self.head_carbon_mmol * self.rt / head_l
        taken = (
            bubble * (CO2_MM_PER_MBAR * share * self.dry_mbar - dissolved_mm)
            + ratio * self._surface_kla * (head_mm - dissolved_mm)
        ) * (volume * STEP_H)
        respired = self.quotient * self.oxygen_uptake_mm_h * STEP_H * volume
        broth.carbon_mmol += taken + respired
        broth.ledger.carbon_respired += respired
        return taken

    def _vent(
        self,
        broth: Broth,
        dry_mmol_h: float,
        head_l: float,
        oxygen_mmol: float,
        carbon_mmol: float,
    ) -> None:
        """Put this second's gas into the head space and let the mixed head space out at the flow that came in."""
        turns = dry_mmol_h * STEP_H * self.rt / (self.dry_mbar * head_l)
        left = math.exp(-turns)
        stays = (1.0 - left) / turns if turns > 0.0 else 1.0
        before = self.head_oxygen_mmol
        self.head_oxygen_mmol = before * left + oxygen_mmol * stays
        broth.ledger.oxygen_vented += before + oxygen_mmol - self.head_oxygen_mmol
        before = self.head_carbon_mmol
        self.head_carbon_mmol = before * left + carbon_mmol * stays
        broth.ledger.carbon_vented += before + carbon_mmol - self.head_carbon_mmol

    def _evaporate(self, broth: Broth, dry_mmol_h: float) -> None:
        """Dry gas leaves humid; the condenser returns most of the water but not its heat."""
        water_mmol_h = dry_mmol_h * self.vapour_mbar / self.dry_mbar
        self.vapour_loss_w = water_mmol_h * EVAPORATION_J_PER_MMOL / 3600.0
        lost_mmol = water_mmol_h * (1.0 - self._transfer.condenser_efficiency) * STEP_H
        broth.evaporate(lost_mmol * WATER_ML_PER_MMOL * 1e-3)
