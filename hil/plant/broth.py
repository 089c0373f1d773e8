"""The liquid: volume and amounts, and what flows do to them.

Amounts (mmol, cells) are the states, so dilution needs no equation of its own and nothing is lost in rounding a
concentration.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.plant.chemistry import carbon_for_ph, charge_mm, dissolved_share, solve_ph
from hil.plant.vessel import Vessel

BRIM_SHARE = 0.98


@dataclass(slots=True)
class Ledger:
    """Everything that crossed the vessel's wall or was turned over since the start.

    mmol of oxygen and inorganic carbon, mL of liquids; a test sums it up against what is in the vessel.
    """

    oxygen_gassed: float = 0.0
    oxygen_vented: float = 0.0
    oxygen_respired: float = 0.0
    oxygen_fed: float = 0.0
    oxygen_harvested: float = 0.0
    carbon_gassed: float = 0.0
    carbon_vented: float = 0.0
    carbon_respired: float = 0.0
    carbon_fed: float = 0.0
    carbon_harvested: float = 0.0
    base_ml: float = 0.0
    feed_ml: float = 0.0
    harvest_ml: float = 0.0
    evaporated_ml: float = 0.0


class Broth:
    """Liquid volume in L, amounts in mmol, cells as a count, pH."""

    __slots__ = (
        "_vessel",
        "ammonia_mmol",
        "base_pool_mmol",
        "carbon_mmol",
        "chloride_mmol",
        "dead",
        "dissolved_share",
        "glucose_mmol",
        "lactate_mmol",
        "ledger",
        "oxygen_mmol",
        "ph",
        "strong_ion_mmol",
        "viable",
        "volume_l",
    )

    def __init__(self, vessel: Vessel, oxygen_mm: float) -> None:
        start, medium = vessel.start, vessel.medium
        self._vessel = vessel
        self.base_pool_mmol = 0.0
        self.ledger = Ledger()
        self.volume_l = volume = start.volume_l
        self.viable = start.viable_per_ml * 1e3 * volume
        self.dead = self.viable * (1.0 / start.viability - 1.0)
        self.glucose_mmol = medium.glucose_mm * volume
        self.lactate_mmol = medium.lactate_mm * volume
        self.ammonia_mmol = medium.ammonia_mm * volume
        self.chloride_mmol = medium.chloride_mm * volume
        self.strong_ion_mmol = medium.strong_ion_mm * volume
        self.oxygen_mmol = oxygen_mm * volume
        self.ph = start.ph
        self.dissolved_share = dissolved_share(start.ph)
        carbon_mm = carbon_for_ph(start.ph, medium.strong_ion_mm, medium.buffer_mm, medium.hepes_mm)
        self.carbon_mmol = carbon_mm * volume

    def add_base(self, volume_ml: float) -> None:
        """Base enters as volume at once; its ions wait in a pool until mixed."""
        self.volume_l += volume_ml * 1e-3
        self.base_pool_mmol += volume_ml * 1e-3 * self._vessel.base_strong_ion_mm
        carbon = volume_ml * 1e-3 * self._vessel.base_carbon_mm
        self.carbon_mmol += carbon
        self.ledger.carbon_fed += carbon
        self.ledger.base_ml += volume_ml

    def mix_base(self, share: float) -> None:
        """This share of the waiting base disperses."""
        if self.base_pool_mmol > 0.0:
            mixed = self.base_pool_mmol * share
            self.base_pool_mmol -= mixed
            self.strong_ion_mmol += mixed

    def add_feed(self, volume_ml: float) -> None:
        """Fresh medium enters and is mixed."""
        volume, medium, ledger = volume_ml * 1e-3, self._vessel.medium, self.ledger
        self.volume_l += volume
        self.glucose_mmol += medium.glucose_mm * volume
        self.lactate_mmol += medium.lactate_mm * volume
        self.ammonia_mmol += medium.ammonia_mm * volume
        self.chloride_mmol += medium.chloride_mm * volume
        self.strong_ion_mmol += medium.strong_ion_mm * volume
        self.carbon_mmol += medium.carbon_mm * volume
        self.oxygen_mmol += medium.oxygen_mm * volume
        ledger.carbon_fed += medium.carbon_mm * volume
        ledger.oxygen_fed += medium.oxygen_mm * volume
        ledger.feed_ml += volume_ml

    def add_lactate(self, lactate_mmol: float) -> None:
        """Lactic acid enters and is mixed: a strong anion."""
        self.lactate_mmol += lactate_mmol
        self.strong_ion_mmol -= lactate_mmol

    def harvest(self, volume_ml: float) -> None:
        """Mixed liquid leaves through the filter; the pump draws air once only the heel is left."""
        volume = min(volume_ml * 1e-3, self.volume_l - self._vessel.heel_l)
        if volume > 0.0:
            self._remove(volume, 1.0 - self._vessel.cell_retention)

    def spill(self) -> None:
        """What rises over the brim leaves through the vent, cells and all."""
        excess = self.volume_l - BRIM_SHARE * self._vessel.total_l
        if excess > 0.0:
            self._remove(excess, 1.0)

    def balance_charge(self) -> None:
        """Find the pH and the dissolved share of inorganic carbon at the present composition."""
        medium, volume = self._vessel.medium, self.volume_l
        self.ph = solve_ph(
            self.strong_ion_mmol / volume,
            self.carbon_mmol / volume,
            medium.buffer_mm,
            medium.hepes_mm,
            self.ph,
        )
        self.dissolved_share = dissolved_share(self.ph)

    @property
    def charge_residual_mm(self) -> float:
        """Charge left over by the pH solution."""
        medium, volume = self._vessel.medium, self.volume_l
        return charge_mm(
            self.ph,
            self.strong_ion_mmol / volume,
            self.carbon_mmol / volume,
            medium.buffer_mm,
            medium.hepes_mm,
        )

    @property
    def osmolality(self) -> float:
        """An estimate in mOsm/kg: cations equal anions, plus glucose; 2 more per mM of base added."""
        anions_mmol = self.strong_ion_mmol + self.chloride_mmol + self.lactate_mmol
        return (2.0 * anions_mmol + self.glucose_mmol) / self.volume_l

    def evaporate(self, volume_l: float) -> None:
        """Water leaves with the gas."""
        self.volume_l -= volume_l
        self.ledger.evaporated_ml += volume_l * 1e3

    def _remove(self, volume_l: float, cell_passage: float) -> None:
        share, ledger = volume_l / self.volume_l, self.ledger
        kept, cells_kept = 1.0 - share, 1.0 - share * cell_passage
        ledger.oxygen_harvested += self.oxygen_mmol * share
        ledger.carbon_harvested += self.carbon_mmol * share
        ledger.harvest_ml += volume_l * 1e3
        self.volume_l -= volume_l
        self.viable *= cells_kept
        self.dead *= cells_kept
        self.glucose_mmol *= kept
        self.lactate_mmol *= kept
        self.ammonia_mmol *= kept
        self.chloride_mmol *= kept
        self.strong_ion_mmol *= kept
        self.carbon_mmol *= kept
        self.oxygen_mmol *= kept
        self.base_pool_mmol *= kept
