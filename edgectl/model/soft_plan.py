"""Soft sensors of a plan: values nobody measures, worked out from those that are measured."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

SOFT = "soft:"  # what the channel of a tag begins with that no instrument has


class SoftKind(enum.Enum):
    """What is worked out."""

    KLA = "kla"
    OXYGEN_UPTAKE = "oxygen_uptake"
    VIABLE_DENSITY = "viable_density"
    GROWTH_RATE = "growth_rate"
    LACTATE = "lactate"
    ACTIVITY = "activity"


class Role(enum.StrEnum):
    """What an input is to a soft sensor, and the unit the core reads it in.

    Dissolved oxygen in % of air saturation, temperatures in degC, pressure in mbar over atmosphere, gases and base in mL/min, agitation in
    its own unit, weight in kg (counted as litres), oxygen and carbon dioxide of the off-gas in %, kLa in 1/h, uptake in mM/h, density in
    Mcells/mL, growth in 1/h.
    """

    OXYGEN = "oxygen"
    TEMPERATURE = "temperature"
    PRESSURE = "pressure"
    AGITATION = "agitation"
    AIR = "air"
    O2 = "o2"
    N2 = "n2"
    CO2 = "co2"
    WEIGHT = "weight"
    OFFGAS_O2 = "offgas_o2"
    OFFGAS_CO2 = "offgas_co2"
    KLA = "kla"
    UPTAKE = "uptake"
    PERMITTIVITY = "permittivity"
    SOURCE = "source"
    PH = "ph"
    BASE = "base"
    GROWTH = "growth"


@dataclass(frozen=True, slots=True)
class SoftInput:
    """One input: the tag's value times ``factor`` is the role's value in the role's unit."""

    role: Role
    tag: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class GasPlan:
    """What gas and liquid are like: absolute pressure of the room, oxygen the medium holds as a share of what water holds, liquid volume (L)."""

    atmosphere_mbar: float = 1013.25
    solubility: float = 0.975
    volume_l: float = 0.0


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """kLa of a vessel from its nameplate (van 't Riet's form), in 1/h.

    ``reference_per_h`` through bubbles at ``agitation``, ``gas_ml_min`` and ``volume_l``, each with its power, and ``surface_per_h`` through the
    surface at that agitation. ``error`` is the standard error of it all as a share.
    """

    reference_per_h: float
    agitation: float
    agitation_power: float
    gas_ml_min: float
    gas_power: float
    volume_l: float = 0.0
    volume_power: float = 0.0
    surface_per_h: float = 0.0
    error: float = 0.2


@dataclass(frozen=True, slots=True)
class SoftPlan:
    """One soft sensor; its tag, and those of its companions, are among the tags of the plan with the channel ``soft:NAME``.

    The first of ``inputs`` is the one whose new sample makes it work. It is GOOD only while its standard error is within ``limit`` (a share
    of the value where ``relative``). ``window_s`` is how far back it looks (0: not at all). ``error_tag`` and ``ratio_tag`` name companions (empty: none).

    kLa: ``transfer``, and ``learns`` it from dissolved oxygen with ``noise`` (%-sat). Uptake: ``probe_lag_s`` of the oxygen probe, ``offgas_error``
    (share) of the off-gas analyser. Density: ``per_cell`` (fmol/cell/h) with ``per_cell_error``, ``factor`` and ``offset`` of permittivity with
    ``permittivity_error``, two that differ by more than ``disagreement`` (shares) are doubted. Lactate: ``base_mm`` of the base,
    ``quotient`` CO2 per O2, ``strong_ions_mm`` and ``buffer_mm`` of the medium. Activity: up to ``resting_per_h`` cells neither grow nor die.
    """

    name: str
    kind: SoftKind
    inputs: tuple[SoftInput, ...]
    limit: float
    relative: bool = True
    window_s: float = 0.0
    low: float = 0.0
    high: float = 0.0
    unit: str = ""
    error_tag: str = ""
    ratio_tag: str = ""
    gas: GasPlan = field(default_factory=GasPlan)
    transfer: TransferPlan | None = None
    learns: bool = False
    noise: float = 0.3
    probe_lag_s: float = 0.0
    offgas_error: float = 0.0
    per_cell: float = 0.0
    per_cell_error: float = 0.0
    factor: float = 1.0
    offset: float = 0.0
    permittivity_error: float = 0.0
    disagreement: float = 0.0
    base_mm: float = 0.0
    quotient: float = 1.0
    strong_ions_mm: float = 0.0
    buffer_mm: float = 0.0
    resting_per_h: float = 0.0
