"""Soft sensors as they are written: the keys, and which kind wants or may have which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.model.soft_plan import SoftKind

DAY_S = 86_400.0


class SoftSection(Section):
    """A value nobody measures, worked out each scan from tags that are; a tag like any other under its own name.

    GOOD only while all it is made of is GOOD and its own standard error is within `uncertainty`; a key of another kind is an error. It may
    be made of soft sensors that stand above it.
    """

    kind: SoftKind = Field(description="What is worked out", examples=["oxygen_uptake"])
    uncertainty: Amount | None = Field(
        None,
        description="Greatest standard error of a GOOD value, in its unit or in %. Without it: 20 %, for growth_rate 0.005 /h, for lactate 25 %",
        examples=["15 %"],
    )
    window: Annotated[Duration, within(60.0, 7 * DAY_S)] | None = Field(
        None,
        description="How far back it looks; at least 24 samples. Without it: 5 min, for growth_rate and lactate 6 h",
        examples=["6 h"],
    )
    standard_error: bool = Field(False, description="Also a tag NAME-SE with its standard error")
    range: Range | None = Field(
        None, description="Outside it is BAD. Without it: what the kind can be", examples=["0..20 mM/h"]
    )
    report: Amount | None = Field(
        None, description="A smaller change is not recorded", examples=["0.01 mM/h"]
    )
    heartbeat: Annotated[Duration, within(1.0, 3600.0)] = Field(
        60.0, description="Recorded at least so often, changed or not", examples=["60 s"]
    )
    oxygen: str | None = Field(
        None,
        description="Tag of dissolved oxygen. For kla: it is learned from it where the nameplate may be wrong",
        examples=["AT-102"],
    )
    temperature: str | None = Field(None, description="Tag of the liquid's temperature", examples=["TT-101"])
    pressure: str | None = Field(
        None, description="Tag of the head-space pressure over atmosphere", examples=["PT-101"]
    )
    agitation: str | None = Field(None, description="Tag of the stirrer or rocker", examples=["ST-101"])
    air: str | None = Field(None, description="Tag of the air flow", examples=["FT-101"])
    o2: str | None = Field(None, description="Tag of the oxygen flow", examples=["FT-103"])
    n2: str | None = Field(None, description="Tag of the nitrogen flow", examples=["FT-104"])
    co2: str | None = Field(None, description="Tag of the carbon dioxide flow", examples=["FT-102"])
    weight: str | None = Field(None, description="Tag of the liquid's weight or volume", examples=["WT-101"])
    volume: Amount | None = Field(None, description="Liquid volume where none is measured", examples=["2 L"])
    kla: str | None = Field(None, description="Tag of kLa", examples=["KLA-101"])
    uptake: str | None = Field(None, description="Tag of oxygen uptake", examples=["OUR-101"])
    offgas_o2: str | None = Field(
        None, description="Tag of oxygen in the dry off-gas: uptake from the gas", examples=["AT-120"]
    )
    offgas_co2: str | None = Field(None, description="Tag of CO2 in the dry off-gas", examples=["AT-121"])
    offgas_error: Amount | None = Field(
        None, description="Standard error of the off-gas oxygen, of its reading", examples=["0.5 %"]
    )
    permittivity: str | None = Field(
        None, description="Tag of permittivity or of a density probe", examples=["AT-103"]
    )
    source: str | None = Field(
        None, description="Tag whose growth it is: density or oxygen uptake", examples=["AT-103"]
    )
    ph: str | None = Field(None, description="Tag of pH", examples=["AT-101"])
    base: str | None = Field(None, description="Tag of the base flow the pump confirms", examples=["FT-104"])
    growth: str | None = Field(None, description="Soft sensor of growth", examples=["MU-101"])
    reference: Amount | None = Field(
        None, description="kLa through bubbles at at_agitation, at_gas, at_volume", examples=["1.7 /h"]
    )
    at_agitation: Amount | None = Field(None, description="See reference", examples=["150 rpm"])
    agitation_power: float = Field(1.2, ge=0.0, le=6.0, description="kLa goes with this power of agitation")
    at_gas: Amount | None = Field(None, description="See reference", examples=["100 mL/min"])
    gas_power: float = Field(0.5, ge=0.0, le=2.0, description="and this power of the gas flow")
    at_volume: Amount | None = Field(None, description="See reference", examples=["2 L"])
    volume_power: float = Field(-0.4, ge=-2.0, le=0.0, description="and this power of the volume")
    surface: Amount | None = Field(
        None, description="kLa through the surface at at_agitation", examples=["0.3 /h"]
    )
    reference_error: Amount | None = Field(
        None, description="Standard error of the nameplate. Without it: 20 %", examples=["15 %"]
    )
    noise: Amount | None = Field(
        None, description="Noise of dissolved oxygen. Without it: 0.3 %", examples=["0.3 %"]
    )
    probe_lag: Annotated[Duration, within(0.1, 600.0)] | None = Field(
        None, description="Time constant of the oxygen probe", examples=["8 s"]
    )
    solubility: Amount | None = Field(
        None,
        description="Oxygen the medium holds, of what water holds. Without it: 97.5 %",
        examples=["97.5 %"],
    )
    atmosphere: Amount | None = Field(
        None, description="Pressure of the room. Without it: 1013.25 mbar", examples=["960 mbar"]
    )
    per_cell: Amount | None = Field(None, description="Oxygen a cell uses", examples=["300 fmol/cell/h"])
    per_cell_error: Amount | None = Field(
        None, description="Standard error of per_cell. Without it: 20 %", examples=["20 %"]
    )
    factor: float = Field(
        1.0, gt=0.0, le=1e6, description="Mcells/mL per unit of permittivity", examples=["0.8"]
    )
    blank: Amount | None = Field(
        None, description="What a vessel without cells would show, times factor", examples=["0.1 Mcells/mL"]
    )
    permittivity_error: Amount | None = Field(
        None, description="Standard error of the density by permittivity. Without it: 10 %", examples=["10 %"]
    )
    disagreement: Amount | None = Field(
        None,
        description="Two densities that differ by more than this of their mean are UNCERTAIN. Without it: 50 %",
        examples=["50 %"],
    )
    base_concentration: Amount | None = Field(
        None, description="Hydroxide or bicarbonate in the base", examples=["500 mM"]
    )
    quotient: float = Field(1.0, ge=0.5, le=2.0, description="CO2 made per O2 used")
    strong_ions: Amount | None = Field(
        None, description="Strong ion difference of the medium: its bicarbonate when made", examples=["24 mM"]
    )
    buffer: Amount | None = Field(
        None, description="Other buffers of the medium. Without it: 4 mM", examples=["4 mM"]
    )
    resting: Amount | None = Field(
        None,
        description="Up to this rate cells neither grow nor die. Without it: 0.005 /h",
        examples=["0.005 /h"],
    )
    description: str = Field("", description="For people", examples=["Oxygen uptake"])


@dataclass(frozen=True, slots=True)
class Nature:
    """What a kind is: unit, what it can be, dead band of the journal, greatest error (a share where ``relative``), window (0: none), keys."""

    unit: str
    low: float
    high: float
    report: float
    limit: float
    relative: bool
    window_s: float
    needed: tuple[str, ...]
    allowed: tuple[str, ...]


GASES = ("air", "o2", "n2", "co2")
_LIQUID = ("pressure", "weight", "volume", "solubility", "atmosphere")
_NAMEPLATE = ("agitation_power", "gas_power", "at_volume", "volume_power", "surface", "reference_error")

NATURES: Mapping[SoftKind, Nature] = MappingProxyType(
    {
        SoftKind.KLA: Nature(
            "/h", 0.0, 1000.0, 0.02, 0.2, True, 0.0,
            ("agitation", "reference", "at_agitation", "at_gas"),
            (*GASES, *_NAMEPLATE, *_LIQUID, "oxygen", "temperature", "noise", "probe_lag"),
        ),
        SoftKind.OXYGEN_UPTAKE: Nature(
            "mM/h", -5.0, 200.0, 0.005, 0.2, True, 300.0,
            ("temperature",),
            (*GASES, *_LIQUID, "oxygen", "kla", "probe_lag", "offgas_o2", "offgas_co2", "offgas_error"),
        ),
        SoftKind.VIABLE_DENSITY: Nature(
            "Mcells/mL", -1.0, 1000.0, 0.02, 0.3, True, 0.0,
            (),
            ("uptake", "per_cell", "per_cell_error", "permittivity", "factor", "blank", "permittivity_error",
             "disagreement"),
        ),
        SoftKind.GROWTH_RATE: Nature("/h", -1.0, 1.0, 0.0005, 0.005, False, 21_600.0, ("source",), ()),
        SoftKind.LACTATE: Nature(
            "mmol/h", -1000.0, 1000.0, 0.002, 0.25, True, 21_600.0,
            ("ph", "base", "base_concentration", "kla", "uptake", "temperature", "strong_ions"),
            (*GASES, *_LIQUID, "quotient", "buffer"),
        ),
        SoftKind.ACTIVITY: Nature("", 0.0, 4.0, 0.0, 0.0, True, 0.0, ("growth",), ("uptake", "resting")),
    }
)  # fmt: skip
ALWAYS = ("kind", "range", "report", "heartbeat", "description")
