"""Growth, substrates, products and death of the cells, decided once a minute and spread over its seconds."""

from __future__ import annotations

import math

from hil.plant.broth import Broth
from hil.plant.vessel import Kinetics

MINUTE_H = 1.0 / 60.0
SECONDS_PER_MINUTE = 60.0
_PMOL_TO_MMOL = 1e-9
_FMOL_TO_MMOL = 1e-12


class Culture:
    """The living part: rates for the minute at hand, in amounts per second.

    `oxygen_demand_mmol_h` is what the cells would use with oxygen to spare; the saturation term is applied by the
    gas exchange, which follows dissolved oxygen each second.
    """

    __slots__ = (
        "_ammonia",
        "_dead",
        "_glucose",
        "_kinetics",
        "_lactate",
        "_viable",
        "growth_per_h",
        "oxygen_demand_mmol_h",
    )

    def __init__(self, kinetics: Kinetics) -> None:
        self._kinetics = kinetics
        self._viable = self._dead = self._glucose = self._lactate = self._ammonia = 0.0
        self.growth_per_h = 0.0
        self.oxygen_demand_mmol_h = 0.0

    def plan_minute(self, broth: Broth, temperature_c: float) -> None:
        """Decide the rates of the coming minute from the present state."""
        k = self._kinetics
        viable, volume = broth.viable, broth.volume_l
        density_per_ml = viable / (volume * 1e3)
        growth, death = self._growth_and_death(broth, temperature_c, density_per_ml)
        self.growth_per_h = growth
        born = viable * math.expm1((growth - death) * MINUTE_H)
        died = death * viable * MINUTE_H
        self._viable = born / SECONDS_PER_MINUTE
        self._dead = (died + broth.dead * math.expm1(-k.lysis_per_h * MINUTE_H)) / SECONDS_PER_MINUTE
        self._feed_on(broth, growth)
        turned = (density_per_ml / k.oxygen_turning_per_ml) ** 2
        oxygen_fmol_h = k.oxygen_resting_fmol_cell_h + math.exp(-turned) * (
            k.oxygen_growing_fmol_cell_h - k.oxygen_resting_fmol_cell_h
        )
        self.oxygen_demand_mmol_h = oxygen_fmol_h * _FMOL_TO_MMOL * viable

    def live(self, broth: Broth) -> None:
        """One second of the minute's rates; lactate is a strong anion and ammonium a cation."""
        broth.viable += self._viable
        broth.dead += self._dead
        broth.glucose_mmol -= self._glucose
        broth.lactate_mmol += self._lactate
        broth.ammonia_mmol += self._ammonia
        broth.strong_ion_mmol += self._ammonia - self._lactate

    def _growth_and_death(
        self, broth: Broth, temperature_c: float, density_per_ml: float
    ) -> tuple[float, float]:
        k, volume = self._kinetics, broth.volume_l
        glucose, lactate = broth.glucose_mmol / volume, broth.lactate_mmol / volume
        ammonia, oxygen = broth.ammonia_mmol / volume, broth.oxygen_mmol / volume
        off_ph = (broth.ph - k.ph_optimum) / k.ph_width
        off_temperature = (temperature_c - k.temperature_optimum_c) / k.temperature_width_k
        comfort = (
            oxygen
            / (k.oxygen_half_mm + oxygen)
            * math.exp(-(off_ph**4))
            * math.exp(-off_temperature * off_temperature)
        )
        growth = (
            k.growth_max_per_h
            * (glucose / (k.glucose_half_mm + glucose))
            * (k.lactate_half_mm / (k.lactate_half_mm + lactate))
            * (k.ammonia_half_mm / (k.ammonia_half_mm + ammonia))
            * comfort
            * max(0.0, 1.0 - density_per_ml / k.density_max_per_ml)
        )
        return growth, k.death_base_per_h + k.death_stress_per_h * (1.0 - comfort)

    def _feed_on(self, broth: Broth, growth_per_h: float) -> None:
        """Glucose in, lactate and ammonia out; implicit in each substrate, so none is overdrawn."""
        k, volume, viable = self._kinetics, broth.volume_l, broth.viable
        glucose, lactate = broth.glucose_mmol, broth.lactate_mmol
        hunger = (
            (growth_per_h * k.glucose_per_cell_pmol + k.glucose_upkeep_pmol_cell_h) * _PMOL_TO_MMOL * viable
        )
        pull = hunger * MINUTE_H / (k.glucose_half_mm * volume + glucose)
        eaten = glucose * pull / (1.0 + pull)
        scarce = k.glucose_half_mm / (k.glucose_half_mm + glucose / volume)
        thirst = k.lactate_uptake_pmol_cell_h * _PMOL_TO_MMOL * viable * scarce
        pull = thirst * MINUTE_H / (k.lactate_uptake_half_mm * volume + lactate)
        drunk = lactate * pull / (1.0 + pull)
        self._glucose = eaten / SECONDS_PER_MINUTE
        self._lactate = (k.lactate_per_glucose * eaten - drunk) / SECONDS_PER_MINUTE
        self._ammonia = k.ammonia_pmol_cell_h * _PMOL_TO_MMOL * viable * MINUTE_H / SECONDS_PER_MINUTE
