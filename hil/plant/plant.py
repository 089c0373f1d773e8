"""The simulated bioreactor: a fixed one-second grid of physics, with biology decided each minute."""

from __future__ import annotations

import math
from dataclasses import fields
from operator import attrgetter

from hil.plant.broth import Broth, Ledger
from hil.plant.chemistry import CO2_MM_PER_MMHG, MBAR_PER_MMHG, carbonate_fractions
from hil.plant.culture import Culture
from hil.plant.gas import GasPhase
from hil.plant.heat import STEP_S, ElectricThermal, Thermal
from hil.plant.membrane import Membrane
from hil.plant.sensor import ProbeSet, Sensor
from hil.plant.state import Inputs, Surroundings, Truth
from hil.plant.vessel import Heat, Vessel

STEPS_PER_MINUTE = 60
KG_PER_L = 1.0
OXYGEN_HEAT_J_PER_MMOL = 460.0

_read_inputs = attrgetter(*(f.name for f in fields(Inputs)))


def _thermal(heat: Heat, start_c: float) -> Thermal | ElectricThermal:
    if heat.electric is not None:
        return ElectricThermal(heat, heat.electric, start_c)
    return Thermal(heat, start_c)


class Plant:
    """A vessel on its own clock, starting at plant time zero.

    Set `inputs`, then `advance`: inputs act from the time already reached. Inputs that change inside a grid second enter
    as their time-weighted mean, so a short pump pulse delivers its whole volume and the truth at a time
    does not depend on how the way there was split. The truth is that of the last whole second.
    """

    __slots__ = (
        "_base_mixing",
        "_broth",
        "_culture",
        "_gas",
        "_held",
        "_held_from_s",
        "_membrane",
        "_now_s",
        "_probes",
        "_rpm",
        "_steps",
        "_sums",
        "_thermal",
        "inputs",
        "vessel",
    )

    def __init__(self, vessel: Vessel, seed: int = 0) -> None:
        self.vessel = vessel
        self.inputs = Inputs(jacket_setpoint_c=vessel.start.temperature_c)
        start = vessel.start
        self._thermal = _thermal(vessel.heat, start.temperature_c)
        self._gas = GasPhase(
            vessel.transfer,
            vessel.total_l,
            vessel.kinetics.oxygen_half_mm,
            vessel.kinetics.respiratory_quotient,
        )
        self._gas.fill_head(start.volume_l, start.temperature_c)
        self._broth = Broth(vessel, start.do_percent / 100.0 * self._gas.oxygen_saturation_mm)
        self._culture = Culture(vessel.kinetics)
        self._base_mixing = 1.0 - math.exp(-STEP_S / vessel.base_mixing_s)
        self._rpm = 0.0
        self._membrane = Membrane(vessel.filter)
        self._probes = ProbeSet(vessel.probes, self._seen(), seed)
        self._now_s = self._held_from_s = 0.0
        self._steps = 0
        self._held: tuple[float, ...] = _read_inputs(self.inputs)
        self._sums: list[float] | None = None

    @property
    def time_s(self) -> float:
        """Plant time reached."""
        return self._now_s

    @property
    def ledger(self) -> Ledger:
        """Running totals of what entered, left and was turned over."""
        return self._broth.ledger

    def surround(self, surroundings: Surroundings) -> None:
        """From the next grid second on, the room and the liquid's surface are like this."""
        self._thermal.expose(surroundings.environment_k, surroundings.draught)
        self._gas.hinder(surroundings.transfer_share)

    def pour(self, feed_ml: float = 0.0, lactate_mmol: float = 0.0) -> None:
        """A bolus, at once: medium at its own temperature, and lactic acid."""
        if feed_ml > 0.0:
            self._move_liquids(0.0, feed_ml, 0.0, 0.0)
        self._broth.add_lactate(lactate_mmol)

    def controlled(self) -> tuple[float, float, float, float]:
        """The truth a control loop is judged by: vessel and jacket temperature, pH, DO (degC, degC, pH, % air saturation)."""
        broth, thermal = self._broth, self._thermal
        dissolved = 100.0 * broth.oxygen_mmol / (broth.volume_l * self._gas.oxygen_saturation_mm)
        return thermal.vessel_c, thermal.jacket_c, broth.ph, dissolved

    def sensor(self, name: str) -> Sensor:
        """The probe called `name`, the same object each time; ValueError names the ones there are."""
        return self._probes.named(name)

    def advance(self, t_s: float) -> None:
        """Move the plant to absolute plant time `t_s`; ValueError if that is in its past."""
        if t_s < self._now_s:
            raise ValueError(f"plant {self.vessel.name}: cannot go back from {self._now_s} s to {t_s} s")
        given = _read_inputs(self.inputs)
        if given != self._held:
            self._close_segment(self._now_s)
            self._held = given
        boundary = (self._steps + 1) * STEP_S
        while boundary <= t_s:
            if self._sums is None:
                mean = self._held
            else:
                self._close_segment(boundary)
                mean = tuple(total / STEP_S for total in self._sums)
                self._sums = None
            self._held_from_s = boundary
            self._step(mean)
            self._steps += 1
            boundary = (self._steps + 1) * STEP_S
        self._now_s = t_s

    def _close_segment(self, until_s: float) -> None:
        """Add the held inputs, for as long as they held, to the sums of this grid second."""
        duration_s = until_s - self._held_from_s
        if duration_s > 0.0:
            sums = self._sums or [0.0] * len(self._held)
            self._sums = [total + value * duration_s for total, value in zip(sums, self._held, strict=True)]
            self._held_from_s = until_s

    def _step(self, mean: tuple[float, ...]) -> None:
        """One grid second at these inputs, in the order of `Inputs`."""
        air, co2, o2, n2, base, feed, harvest, rpm, jacket_setpoint_c, heating, heater, cooler, bleed = mean
        broth, gas, culture, thermal = self._broth, self._gas, self._culture, self._thermal
        if self._steps % STEPS_PER_MINUTE == 0:
            culture.plan_minute(broth, thermal.vessel_c)
        if base > 0.0 or feed > 0.0 or harvest > 0.0 or bleed > 0.0:
            minutes = STEP_S / 60.0
            self._move_liquids(base * minutes, feed * minutes, harvest * minutes, bleed * minutes)
        self._membrane.pass_through(harvest, STEP_S, (broth.viable + broth.dead) / (broth.volume_l * 1e9))
        gas.set_temperature(thermal.vessel_c)
        gas.set_agitation(rpm, broth.volume_l)
        gas.step(broth, (air, co2, o2, n2), culture.oxygen_demand_mmol_h)
        culture.live(broth)
        broth.mix_base(self._base_mixing)
        broth.balance_charge()
        volume = broth.volume_l
        thermal.drive(jacket_setpoint_c, heating, heater, cooler)
        thermal.step_vessel(
            volume * KG_PER_L,
            gas.stirring_w
            + gas.oxygen_uptake_mm_h * volume * OXYGEN_HEAT_J_PER_MMOL / 3600.0
            - gas.vapour_loss_w,
        )
        self._rpm = rpm
        self._probes.follow(self._seen())

    def _move_liquids(self, base_ml: float, feed_ml: float, harvest_ml: float, bleed_ml: float) -> None:
        broth, vessel = self._broth, self.vessel
        mass_kg = broth.volume_l * KG_PER_L
        if base_ml > 0.0:
            broth.add_base(base_ml)
            self._thermal.add_liquid(mass_kg, base_ml * 1e-3 * KG_PER_L, vessel.base_temperature_c)
        if feed_ml > 0.0:
            broth.add_feed(feed_ml)
            self._thermal.add_liquid(mass_kg, feed_ml * 1e-3 * KG_PER_L, vessel.medium.temperature_c)
        if harvest_ml > 0.0:
            broth.harvest(harvest_ml)
        if bleed_ml > 0.0:
            broth.bleed(bleed_ml)
        broth.spill()

    def _seen(self) -> tuple[float, ...]:
        """What the probes respond to, in the order of `Probes`."""
        broth, thermal, gas = self._broth, self._thermal, self._gas
        volume, vessel_c = broth.volume_l, thermal.vessel_c
        return (
            broth.ph,
            100.0 * broth.oxygen_mmol / (volume * gas.oxygen_saturation_mm),
            vessel_c,
            vessel_c,
            vessel_c,
            thermal.jacket_c,
            volume * KG_PER_L,
            broth.viable / (volume * 1e9),
            gas.pressure_mbar,
            self._rpm,
            self._membrane.pressure_mbar,
        )

    def truth(self) -> Truth:
        """Everything that is so inside the vessel."""
        broth, gas, thermal, ledger = self._broth, self._gas, self._thermal, self._broth.ledger
        volume, vessel_c = broth.volume_l, thermal.vessel_c
        oxygen_mm, carbon_mm = broth.oxygen_mmol / volume, broth.carbon_mmol / volume
        head_mmol, (dissolved, bicarbonate, _) = gas.head_mmol(volume), carbonate_fractions(broth.ph)
        return Truth(
            time_s=self._now_s,
            temperature_c=vessel_c,
            jacket_c=thermal.jacket_c,
            bath_c=thermal.bath_c,
            ph=broth.ph,
            do_percent=100.0 * oxygen_mm / gas.oxygen_saturation_mm,
            oxygen_mm=oxygen_mm,
            po2_mmhg=oxygen_mm / (gas.oxygen_mm_per_mbar * MBAR_PER_MMHG),
            pco2_mmhg=carbon_mm * dissolved / CO2_MM_PER_MMHG,
            carbon_mm=carbon_mm,
            bicarbonate_mm=carbon_mm * bicarbonate,
            strong_ion_mm=broth.strong_ion_mmol / volume,
            charge_residual_mm=broth.charge_residual_mm,
            viable_per_ml=broth.viable / (volume * 1e3),
            dead_per_ml=broth.dead / (volume * 1e3),
            viability=broth.viable / max(broth.viable + broth.dead, 1.0),
            growth_per_h=self._culture.growth_per_h,
            glucose_mm=broth.glucose_mmol / volume,
            lactate_mm=broth.lactate_mmol / volume,
            ammonia_mm=broth.ammonia_mmol / volume,
            osmolality=broth.osmolality,
            volume_l=volume,
            weight_kg=volume * KG_PER_L,
            base_total_ml=ledger.base_ml,
            feed_total_ml=ledger.feed_ml,
            harvest_total_ml=ledger.harvest_ml,
            kla_per_h=gas.kla_per_h,
            our_mm_h=gas.oxygen_uptake_mm_h,
            head_oxygen_share=gas.head_oxygen_mmol / head_mmol,
            head_carbon_share=gas.head_carbon_mmol / head_mmol,
            pressure_mbar=gas.pressure_mbar,
        )
