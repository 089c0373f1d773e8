"""The bench's vessels: as their nameplates say, and as they turn out to be."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from hil.bench_control.seam import Nameplate
from hil.plant.broth import Broth
from hil.plant.gas import GasPhase
from hil.plant.vessel import Electric, Heat, Kinetics, Medium, Probe, Probes, Start, Transfer, Vessel

_SPREAD = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchVessel:
    """A vessel with the actuators around it: full scale of each (mL/min, percent), true over nominal base flow."""

    vessel: Vessel
    gas_ml_min: float
    stirrer: float
    span: Mapping[str, float]
    pump_gain: float = 1.0


_T_CELL = Kinetics(
    growth_max_per_h=0.035,
    density_max_per_ml=22e6,
    glucose_per_cell_pmol=0.4,
    glucose_upkeep_pmol_cell_h=0.003,
    lactate_per_glucose=1.6,
    lactate_uptake_pmol_cell_h=0.002,
    ammonia_pmol_cell_h=0.0006,
    oxygen_growing_fmol_cell_h=300.0,
    oxygen_resting_fmol_cell_h=100.0,
    oxygen_turning_per_ml=8e6,
)
_MSC = Kinetics(
    growth_max_per_h=0.025,
    density_max_per_ml=4e6,
    ph_optimum=7.3,
    glucose_per_cell_pmol=3.0,
    glucose_upkeep_pmol_cell_h=0.05,
    lactate_per_glucose=1.8,
    lactate_uptake_pmol_cell_h=0.02,
    ammonia_pmol_cell_h=0.02,
    oxygen_growing_fmol_cell_h=150.0,
    oxygen_resting_fmol_cell_h=90.0,
    oxygen_turning_per_ml=3e6,
)
_CHO = Kinetics(
    growth_max_per_h=0.03,
    density_max_per_ml=10e6,
    lactate_half_mm=60.0,
    ammonia_half_mm=8.0,
    ph_optimum=7.1,
    temperature_width_k=4.0,
    glucose_per_cell_pmol=1.5,
    glucose_upkeep_pmol_cell_h=0.01,
    lactate_per_glucose=1.4,
    lactate_uptake_pmol_cell_h=0.01,
    ammonia_pmol_cell_h=0.002,
    oxygen_growing_fmol_cell_h=200.0,
    oxygen_resting_fmol_cell_h=120.0,
    oxygen_turning_per_ml=8e6,
)


def _span(air: float, co2: float, o2: float, n2: float, base: float, stirrer: float) -> Mapping[str, float]:
    liquids = {"base": base, "feed": 10.0 * base, "harvest": 10.0 * base}
    gases = {"air": air, "co2": co2, "o2": o2, "n2": n2}
    return MappingProxyType({"heater": 100.0, "cooler": 100.0, **gases, **liquids, "stirrer": stirrer})


_QUICK_0L5 = BenchVessel(
    vessel=Vessel(
        name="quick_0l5",
        total_l=0.75,
        start=Start(volume_l=0.5, viable_per_ml=2e6),
        heat=Heat(
            ua_w_per_k=3.0,
            ua_environment_w_per_k=0.3,
            electric=Electric(
                jacket_j_per_k=250.0,
                heater_w=45.0,
                ua_jacket_environment_w_per_k=0.15,
            ),
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
    ),
    gas_ml_min=40.0,
    stirrer=90.0,
    span=_span(100.0, 20.0, 60.0, 100.0, 0.5, 200.0),
)
_STIRRED_2L = BenchVessel(
    vessel=Vessel(
        name="stirred_2l",
        total_l=3.0,
        start=Start(volume_l=2.0, viable_per_ml=3e6),
        heat=Heat(
            ua_w_per_k=15.0,
            ua_environment_w_per_k=0.8,
            electric=Electric(
                jacket_j_per_k=2800.0,
                heater_w=300.0,
                ua_jacket_environment_w_per_k=0.4,
                cooler_w_per_k=10.0,
            ),
        ),
        transfer=Transfer(
            surface_per_h=0.4, agitation_reference_rpm=150.0, bubble_gain=180.0, sparged_fraction=1.0
        ),
        kinetics=_T_CELL,
    ),
    gas_ml_min=100.0,
    stirrer=150.0,
    span=_span(200.0, 50.0, 150.0, 200.0, 2.0, 300.0),
)
_SLOW_10L = BenchVessel(
    vessel=Vessel(
        name="slow_10l",
        total_l=14.0,
        start=Start(volume_l=10.0, viable_per_ml=3e6),
        heat=Heat(
            ua_w_per_k=50.0,
            ua_environment_w_per_k=2.0,
            electric=Electric(
                jacket_j_per_k=12000.0,
                heater_w=1000.0,
                ua_jacket_environment_w_per_k=1.5,
                cooler_w_per_k=40.0,
            ),
        ),
        transfer=Transfer(
            surface_per_h=0.4,
            agitation_reference_rpm=120.0,
            bubble_gain=150.0,
            sparged_fraction=1.0,
            tank_diameter_m=0.22,
            impeller_diameter_m=0.1,
            line_dead_ml=60.0,
        ),
        kinetics=_CHO,
        base_mixing_s=60.0,
    ),
    gas_ml_min=300.0,
    stirrer=120.0,
    span=_span(600.0, 150.0, 500.0, 600.0, 8.0, 250.0),
)
_ROCKING_2L = BenchVessel(
    vessel=Vessel(
        name="rocking_2l",
        total_l=6.0,
        start=Start(volume_l=2.0, viable_per_ml=2e6),
        heat=Heat(
            ua_w_per_k=7.0,
            ua_environment_w_per_k=0.8,
            electric=Electric(
                jacket_j_per_k=1800.0,
                heater_w=120.0,
                ua_jacket_environment_w_per_k=0.6,
            ),
        ),
        transfer=Transfer(surface_per_h=3.5, agitation_reference_rpm=20.0, rocking=True),
        kinetics=_T_CELL,
        base_mixing_s=45.0,
    ),
    gas_ml_min=200.0,
    stirrer=25.0,
    span=_span(400.0, 60.0, 300.0, 400.0, 2.0, 40.0),
)

VESSELS = MappingProxyType({b.vessel.name: b for b in (_QUICK_0L5, _STIRRED_2L, _SLOW_10L, _ROCKING_2L)})


def scattered(bench: BenchVessel, seed: int) -> BenchVessel:
    """The vessel as it turns out to be: each property off its nameplate by up to a quarter, the base pump by a tenth."""
    dice = random.Random(f"{seed}/{bench.vessel.name}")

    def off(value: float, spread: float = _SPREAD) -> float:
        return value * dice.uniform(1.0 - spread, 1.0 + spread)

    vessel = bench.vessel
    return replace(
        bench,
        vessel=replace(
            vessel,
            heat=_scattered_heat(vessel.heat, off),
            transfer=replace(
                vessel.transfer,
                surface_per_h=off(vessel.transfer.surface_per_h),
                bubble_gain=off(vessel.transfer.bubble_gain),
                line_dead_ml=off(vessel.transfer.line_dead_ml),
            ),
            kinetics=replace(
                vessel.kinetics,
                oxygen_growing_fmol_cell_h=off(vessel.kinetics.oxygen_growing_fmol_cell_h, 0.3),
                glucose_upkeep_pmol_cell_h=off(vessel.kinetics.glucose_upkeep_pmol_cell_h, 0.3),
            ),
            medium=replace(
                vessel.medium,
                strong_ion_mm=off(vessel.medium.strong_ion_mm, 0.15),
                buffer_mm=off(vessel.medium.buffer_mm, 0.3),
            ),
            probes=_scattered_probes(vessel.probes, off),
            start=replace(vessel.start, viable_per_ml=off(vessel.start.viable_per_ml, 0.3)),
            base_mixing_s=off(vessel.base_mixing_s, 0.3),
            base_strong_ion_mm=off(vessel.base_strong_ion_mm, 0.02),
        ),
        pump_gain=off(bench.pump_gain, 0.1),
    )


def _scattered_heat(heat: Heat, off: Callable[..., float]) -> Heat:
    jacket = electric(heat)
    return replace(
        heat,
        ua_w_per_k=off(heat.ua_w_per_k),
        ua_environment_w_per_k=off(heat.ua_environment_w_per_k),
        electric=replace(
            jacket,
            jacket_j_per_k=off(jacket.jacket_j_per_k),
            heater_w=off(jacket.heater_w, 0.2),
            cooler_w_per_k=off(jacket.cooler_w_per_k),
        ),
    )


def _scattered_probes(probes: Probes, off: Callable[..., float]) -> Probes:
    def shaken(probe: Probe) -> Probe:
        return replace(probe, lag_s=off(probe.lag_s, 0.3), noise=off(probe.noise, 0.3))

    return replace(
        probes,
        temperature=shaken(probes.temperature),
        jacket=shaken(probes.jacket),
        ph=shaken(probes.ph),
        do=shaken(probes.do),
    )


def electric(heat: Heat) -> Electric:
    """The electric jacket; every vessel of this bench has one."""
    assert heat.electric is not None
    return heat.electric


def nameplate(bench: BenchVessel) -> Nameplate:
    """What a technician can know of the vessel."""
    vessel, heat, jacket = bench.vessel, bench.vessel.heat, electric(bench.vessel.heat)
    probes = vessel.probes
    lags = {"temperature": probes.temperature.lag_s, "ph": probes.ph.lag_s, "do": probes.do.lag_s}
    return Nameplate(
        name=vessel.name,
        kind="rocking" if vessel.transfer.rocking else "stirred",
        volume_l=vessel.start.volume_l,
        total_l=vessel.total_l,
        heater_w=jacket.heater_w,
        heat_transfer_w_per_k=heat.ua_w_per_k,
        jacket_j_per_k=jacket.jacket_j_per_k,
        cooler_w_per_k=jacket.cooler_w_per_k,
        room_w_per_k=heat.ua_environment_w_per_k + jacket.ua_jacket_environment_w_per_k,
        base_molar=vessel.base_strong_ion_mm / 1e3,
        mixing_s=vessel.base_mixing_s,
        kla_per_h=_kla_per_h(bench),
        gas_ml_min=bench.gas_ml_min,
        stirrer=bench.stirrer,
        span=bench.span,
        probe_lag_s=MappingProxyType(lags),
    )


def _kla_per_h(bench: BenchVessel) -> float:
    """As a gassing-out at the reference would have measured it."""
    vessel = bench.vessel
    gas = GasPhase(vessel.transfer, vessel.total_l, 0.0, 1.0)
    gas.fill_head(vessel.start.volume_l, 37.0)
    gas.set_agitation(bench.stirrer, vessel.start.volume_l)
    broth = Broth(vessel, 0.2)
    gas.step(broth, (bench.gas_ml_min, 0.0, 0.0, 0.0), 0.0)
    return gas.kla_per_h
