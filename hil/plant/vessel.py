"""What a simulated bioreactor is made of: frozen parameters, units in their names."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinetics:
    """Growth, turnover and death of one cell type.

    Growth is a product of saturation, inhibition and window factors; oxygen use falls from the growing to the
    resting rate as the density passes the turning density.
    """

    growth_max_per_h: float
    density_max_per_ml: float
    glucose_half_mm: float = 0.5
    lactate_half_mm: float = 40.0
    ammonia_half_mm: float = 4.0
    oxygen_half_mm: float = 0.004
    ph_optimum: float = 7.2
    ph_width: float = 0.45
    temperature_optimum_c: float = 37.0
    temperature_width_k: float = 3.0
    glucose_per_cell_pmol: float
    glucose_upkeep_pmol_cell_h: float
    lactate_per_glucose: float
    lactate_uptake_pmol_cell_h: float
    lactate_uptake_half_mm: float = 5.0
    ammonia_pmol_cell_h: float
    oxygen_growing_fmol_cell_h: float
    oxygen_resting_fmol_cell_h: float
    oxygen_turning_per_ml: float
    respiratory_quotient: float = 1.0
    death_base_per_h: float = 0.001
    death_stress_per_h: float = 0.03
    lysis_per_h: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """What the vessel is filled with at the start and what the feed pump brings."""

    strong_ion_mm: float = 24.0
    buffer_mm: float = 4.0
    hepes_mm: float = 0.0
    chloride_mm: float = 106.0
    glucose_mm: float = 30.0
    lactate_mm: float = 0.0
    ammonia_mm: float = 0.3
    carbon_mm: float = 22.1
    oxygen_mm: float = 0.20
    temperature_c: float = 22.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Electric:
    """A jacket or blanket with an electric heater in it and, with `cooler_w_per_k`, a cold supply behind a valve.

    `jacket_j_per_k` is all that warms with the jacket: wall, water or mat. Heater and cooler are driven in percent:
    `heater_w` at 100, `cooler_w_per_k` to `cooler_supply_c` at 100. The outside of the jacket loses to the room as well.
    """

    jacket_j_per_k: float
    heater_w: float
    ua_jacket_environment_w_per_k: float = 0.0
    cooler_w_per_k: float = 0.0
    cooler_supply_c: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """Jacket loop, bath and losses; the bath follows its set point with a lag and a rate limit.

    With `electric` the jacket is heated by itself, and there is neither bath nor coolant.
    """

    ua_w_per_k: float
    ua_environment_w_per_k: float
    jacket_l: float = 0.5
    coolant_l_per_min: float = 5.0
    bath_lag_s: float = 60.0
    bath_up_k_per_min: float = 3.0
    bath_down_k_per_min: float = 1.5
    bath_coast_s: float = 2400.0
    environment_c: float = 22.0
    medium_j_per_kg_k: float = 4180.0
    coolant_j_per_kg_k: float = 4180.0
    electric: Electric | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Gas side: surface and bubble transfer, dead volume of the gas line, vent resistance.

    A rocking bag has no impeller and no sparger; its agitation is in rocks per minute.
    """

    surface_per_h: float
    agitation_reference_rpm: float
    rocking: bool = False
    bubble_gain: float = 0.0
    sparged_fraction: float = 0.0
    tank_diameter_m: float = 0.13
    impeller_diameter_m: float = 0.06
    power_number: float = 1.45
    carbon_to_oxygen: float = 0.93
    oxygen_medium_factor: float = 0.975
    line_dead_ml: float = 25.0
    vent_mbar_per_l_min: float = 12.0
    atmosphere_mbar: float = 1013.25
    condenser_efficiency: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One sensor: first-order lag, noise per reading, a drift that slows with age, a smallest step."""

    lag_s: float
    noise: float
    quantum: float
    noise_of_value: float = 0.0
    drift_per_day: float = 0.0
    drift_decay_days: float = 7.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """The probes of a vessel.

    Units: pH, % air saturation, degC, kg, 1e6 viable cells/mL, mbar over atmosphere, rpm; membrane: mbar across the filter.
    """

    ph: Probe = Probe(lag_s=8.0, noise=0.003, quantum=0.0005, drift_per_day=0.004, drift_decay_days=3.0)
    do: Probe = Probe(lag_s=7.7, noise=0.2, quantum=0.01, drift_per_day=-0.05, drift_decay_days=14.0)
    temperature: Probe = Probe(lag_s=12.0, noise=0.02, quantum=0.001)
    ph_temperature: Probe = Probe(lag_s=20.0, noise=0.03, quantum=0.01)
    do_temperature: Probe = Probe(lag_s=20.0, noise=0.03, quantum=0.01)
    jacket: Probe = Probe(lag_s=5.0, noise=0.06, quantum=0.01)
    weight: Probe = Probe(lag_s=0.7, noise=0.002, quantum=0.0001)
    density: Probe = Probe(lag_s=30.0, noise=0.01, quantum=0.0001, noise_of_value=0.01)
    pressure: Probe = Probe(lag_s=0.5, noise=0.2, quantum=0.01)
    stirrer: Probe = Probe(lag_s=0.5, noise=0.4, quantum=0.01)
    membrane: Probe = Probe(lag_s=1.0, noise=0.3, quantum=0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A hollow fibre by Darcy's law: pressure is flow times resistance, and resistance grows with the cells that were held back.

    `fouling` is the share of the clean resistance that one litre through a broth of 1e6 cells/mL adds: after 30 L at 20e6 cells/mL
    the pressure is nineteen times that of the first hour. Both are orders of magnitude of bench filters, not of one maker.
    """

    clean_mbar_per_ml_min: float = 8.0
    fouling: float = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The filled, inoculated vessel at plant time zero."""

    volume_l: float
    temperature_c: float = 30.0
    ph: float = 7.4
    do_percent: float = 90.0
    viable_per_ml: float = 1e6
    viability: float = 0.97


@dataclass(frozen=True, slots=True, kw_only=True)
class Vessel:
    """A bioreactor with its culture, medium, probes and starting state.

    `cell_retention` is the share of cells a harvest leaves behind (1 is a perfect perfusion filter).
    `base_mixing_s` is how long base takes to disperse; `base_strong_ion_mm` counts its sodium and
    `base_carbon_mm` its bicarbonate.
    """

    name: str
    total_l: float
    start: Start
    heat: Heat
    transfer: Transfer
    kinetics: Kinetics
    medium: Medium = field(default_factory=Medium)
    probes: Probes = field(default_factory=Probes)
    heel_l: float = 0.05
    cell_retention: float = 1.0
    base_mixing_s: float = 20.0
    base_strong_ion_mm: float = 500.0
    base_carbon_mm: float = 0.0
    base_temperature_c: float = 22.0
    filter: Filter = field(default_factory=Filter)
