"""What goes into the plant and what is true inside it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Inputs:
    """What the actuators do to the vessel from the present plant time on.

    Gas in mL/min at 25 degC and 1 atm, liquids in mL/min, agitation in rpm (rocks per minute in a bag), bath set point
    in degC, heater and cooler of an electric jacket in percent (0 to 100).
    """

    air_ml_min: float = 0.0
    co2_ml_min: float = 0.0
    o2_ml_min: float = 0.0
    n2_ml_min: float = 0.0
    base_ml_min: float = 0.0
    feed_ml_min: float = 0.0
    harvest_ml_min: float = 0.0
    stir_rpm: float = 0.0
    jacket_setpoint_c: float = 30.0
    heater_enabled: bool = False
    heater: float = 0.0
    cooler: float = 0.0


@dataclass(slots=True)
class Surroundings:
    """What happens to the vessel from outside, from the next whole second on.

    `environment_k` shifts the room's temperature, `draught` multiplies what the vessel and jacket lose to it (an open door
    does both), `transfer_share` multiplies kLa (antifoam leaves 0.5 to 0.7 of it).
    """

    environment_k: float = 0.0
    draught: float = 1.0
    transfer_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Truth:
    """The vessel as it is, without probes, at the last whole second not after `time_s`."""

    time_s: float
    temperature_c: float
    jacket_c: float
    bath_c: float
    ph: float
    do_percent: float
    oxygen_mm: float
    po2_mmhg: float
    pco2_mmhg: float
    carbon_mm: float
    bicarbonate_mm: float
    strong_ion_mm: float
    charge_residual_mm: float
    viable_per_ml: float
    dead_per_ml: float
    viability: float
    growth_per_h: float
    glucose_mm: float
    lactate_mm: float
    ammonia_mm: float
    osmolality: float
    volume_l: float
    weight_kg: float
    base_total_ml: float
    feed_total_ml: float
    harvest_total_ml: float
    kla_per_h: float
    our_mm_h: float
    head_oxygen_share: float
    head_carbon_share: float
    pressure_mbar: float
