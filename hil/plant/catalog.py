"""Five vessels: the demo unit, a quick one for short tests, a slow large one, a rocking bag, and a dense culture behind a filter.

Cell-specific rates are tunable defaults of a simulation, not process claims. The demo culture uses less glucose per
cell than an activated, perfused one does, because it lives two weeks in one filling; its growing cells use more
oxygen than most published T-cell figures, inside the span known for cultured mammalian cells, so that
dissolved oxygen falls to its set point within the first half hour.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from hil.plant.vessel import Heat, Kinetics, Medium, Start, Transfer, Vessel

_T_CELL = Kinetics(
    growth_max_per_h=0.035,
    density_max_per_ml=22e6,
    glucose_per_cell_pmol=0.4,
    glucose_upkeep_pmol_cell_h=0.003,
    lactate_per_glucose=1.6,
    lactate_uptake_pmol_cell_h=0.002,
    ammonia_pmol_cell_h=0.0006,
    oxygen_growing_fmol_cell_h=500.0,
    oxygen_resting_fmol_cell_h=100.0,
    oxygen_turning_per_ml=5e6,
)
_MSC = Kinetics(
    growth_max_per_h=0.025,
    density_max_per_ml=1e6,
    ph_optimum=7.3,
    glucose_per_cell_pmol=6.0,
    glucose_upkeep_pmol_cell_h=0.15,
    lactate_per_glucose=1.8,
    lactate_uptake_pmol_cell_h=0.02,
    ammonia_pmol_cell_h=0.02,
    oxygen_growing_fmol_cell_h=98.0,
    oxygen_resting_fmol_cell_h=60.0,
    oxygen_turning_per_ml=1e6,
)
_CHO = Kinetics(
    growth_max_per_h=0.035,
    density_max_per_ml=10e6,
    lactate_half_mm=60.0,
    ammonia_half_mm=8.0,
    ph_optimum=7.1,
    temperature_width_k=4.0,
    glucose_per_cell_pmol=2.0,
    glucose_upkeep_pmol_cell_h=0.01,
    lactate_per_glucose=1.4,
    lactate_uptake_pmol_cell_h=0.01,
    ammonia_pmol_cell_h=0.002,
    oxygen_growing_fmol_cell_h=200.0,
    oxygen_resting_fmol_cell_h=120.0,
    oxygen_turning_per_ml=8e6,
)

_DEMO_2L = Vessel(
    name="demo_2l",
    total_l=3.0,
    start=Start(volume_l=2.0),
    heat=Heat(ua_w_per_k=20.0, ua_environment_w_per_k=0.8),
    transfer=Transfer(
        surface_per_h=0.3, agitation_reference_rpm=150.0, bubble_gain=60.0, sparged_fraction=1.0
    ),
    kinetics=_T_CELL,
)
_QUICK_0L5 = Vessel(
    name="quick_0l5",
    total_l=0.75,
    start=Start(volume_l=0.5, temperature_c=34.0, viable_per_ml=0.2e6),
    heat=Heat(
        ua_w_per_k=12.0, ua_environment_w_per_k=0.3, jacket_l=0.15, bath_lag_s=20.0, bath_up_k_per_min=6.0
    ),
    transfer=Transfer(
        surface_per_h=3.0,
        agitation_reference_rpm=80.0,
        bubble_gain=250.0,
        sparged_fraction=1.0,
        tank_diameter_m=0.08,
        impeller_diameter_m=0.045,
        line_dead_ml=8.0,
    ),
    kinetics=_MSC,
    medium=Medium(glucose_mm=20.0),
    base_mixing_s=8.0,
)
_SLOW_10L = Vessel(
    name="slow_10l",
    total_l=14.0,
    start=Start(volume_l=10.0, viable_per_ml=0.3e6),
    heat=Heat(
        ua_w_per_k=40.0,
        ua_environment_w_per_k=2.0,
        jacket_l=2.0,
        coolant_l_per_min=10.0,
        bath_lag_s=120.0,
        bath_up_k_per_min=1.0,
        bath_down_k_per_min=0.5,
    ),
    transfer=Transfer(
        surface_per_h=0.3,
        agitation_reference_rpm=120.0,
        bubble_gain=90.0,
        sparged_fraction=1.0,
        tank_diameter_m=0.22,
        impeller_diameter_m=0.1,
        line_dead_ml=60.0,
    ),
    kinetics=_CHO,
    base_mixing_s=60.0,
)
_ROCKING_2L = Vessel(
    name="rocking_2l",
    total_l=6.0,
    start=Start(volume_l=2.0, viable_per_ml=0.3e6),
    heat=Heat(
        ua_w_per_k=6.0,
        ua_environment_w_per_k=0.8,
        jacket_l=0.2,
        coolant_l_per_min=2.0,
        bath_lag_s=30.0,
    ),
    transfer=Transfer(surface_per_h=3.5, agitation_reference_rpm=20.0, rocking=True),
    kinetics=_T_CELL,
    base_mixing_s=60.0,
)
_PERFUSION_2L = Vessel(
    name="perfusion_2l",
    total_l=3.0,
    start=Start(volume_l=2.0, temperature_c=36.0, ph=7.3, viable_per_ml=15e6),
    heat=Heat(ua_w_per_k=20.0, ua_environment_w_per_k=0.8),
    transfer=Transfer(
        surface_per_h=0.3, agitation_reference_rpm=150.0, bubble_gain=120.0, sparged_fraction=1.0
    ),
    kinetics=replace(_CHO, density_max_per_ml=60e6),
    base_carbon_mm=500.0,
)

VESSELS = MappingProxyType({v.name: v for v in (_DEMO_2L, _QUICK_0L5, _SLOW_10L, _ROCKING_2L, _PERFUSION_2L)})
