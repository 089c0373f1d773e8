"""The nameplate of the vessel: what the gains of named structures follow from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgectl.config.draft import Draft
from edgectl.config.field import Amount, Duration, Section, within
from edgectl.config.measure import Measure
from edgectl.config.quantity import Quantity, show
from edgectl.config.shape import read
from edgectl.config.unit import allowed
from edgectl.model.vessel_plan import VesselKind, VesselPlan

_LINE_ML, _LINE_POWER = 17.0, 0.55  # tubing of a usual 0.5, 2 and 10 L vessel: 12, 25 and 60 mL
_WATER_J_L_K = 4180.0
_PATH = ("vessel",)
_PROBE = within(0.1, 600.0)


class ProbesSection(Section):
    """Time constants of the probes: 63 % of a step."""

    temperature: Annotated[Duration, _PROBE] = Field(12.0, description="Of the vessel", examples=["12 s"])
    jacket: Annotated[Duration, _PROBE] = Field(5.0, description="Of jacket or blanket", examples=["5 s"])
    ph: Annotated[Duration, _PROBE] = Field(8.0, description="pH", examples=["8 s"])
    do: Annotated[Duration, _PROBE] = Field(8.0, description="Dissolved oxygen", examples=["8 s"])


class MediumSection(Section):
    """What holds the pH: at its set point."""

    bicarbonate: Amount = Field(Quantity(23.0, "mM", "23 mM"), description="Bicarbonate", examples=["23 mM"])
    buffer: Amount = Field(
        Quantity(4.0, "mM", "4 mM"), description="Phosphate, protein and amino acids", examples=["4 mM"]
    )
    buffer_pk: Amount = Field(
        Quantity(6.9, "pH", "6.9 pH"), description="pK of that buffer", examples=["6.9 pH"]
    )


class VesselSection(Section):
    """One vessel. Every value may be replaced from the command line, so that one folder serves several: ``--set vessel.volume=5 L``."""

    kind: VesselKind = Field(VesselKind.STIRRED, description="stirred or rocking", examples=["stirred"])
    volume: Amount = Field(description="Working volume", examples=["2 L"])
    total: Amount | None = Field(
        None, description="Volume with the gas space. Without it: 1.4 times volume", examples=["3 L"]
    )
    heat_transfer: Amount = Field(description="Jacket or blanket to content", examples=["20 W/K"])
    heat_loss: Amount = Field(
        Quantity(0.8, "W/K", "0.8 W/K"), description="Content to the room", examples=["0.8 W/K"]
    )
    heater: Amount | None = Field(None, description="Power of the heater at 100 %", examples=["300 W"])
    cooler: Amount | None = Field(
        None, description="Power of the cooler at 100 %; 0 W: there is none", examples=["200 W"]
    )
    jacket: Amount | None = Field(
        None,
        description="Heat capacity of jacket or blanket with what is in it; in L: as so much water",
        examples=["2800 J/K", "0.5 L"],
    )
    transfer: Amount = Field(description="kLa at agitation and gas_flow", examples=["10 /h"])
    agitation: Amount = Field(
        description="Stirrer speed (or rocks per minute) of transfer", examples=["150 rpm"]
    )
    gas_flow: Amount = Field(description="Total gas flow of transfer", examples=["100 mL/min"])
    gas_line: Amount | None = Field(
        None,
        description="Volume of the gas line up to the liquid. Without it: what a vessel of this volume usually has, 25 mL for 2 L",
        examples=["25 mL"],
    )
    base: Amount = Field(
        Quantity(0.5, "mol/L", "0.5 mol/L"), description="Strong base in the bottle", examples=["0.5 mol/L"]
    )
    mixing: Annotated[Duration, within(0.5, 1800.0)] = Field(
        20.0, description="Time constant in which an addition disperses", examples=["20 s"]
    )
    probes: ProbesSection | None = Field(
        None, description="Time constants of the probes. Without it: usual ones"
    )
    medium: MediumSection | None = Field(None, description="What holds the pH. Without it: a usual medium")


def compile_vessel(draft: Draft) -> VesselPlan | None:
    """The nameplate, or None when there is none or it has errors."""
    node = draft.node(_PATH)
    if node is None:
        return None
    section: VesselSection | None = read(draft, _PATH, node, VesselSection)
    if section is None:
        return None
    volume_l = _positive(draft, "volume", section.volume, "L")
    total_l = 1.4 * volume_l if section.total is None else _positive(draft, "total", section.total, "L")
    if total_l <= volume_l:
        draft.error(
            (*_PATH, "total"), f"{show(total_l, 'L')} is not more than volume ({show(volume_l, 'L')})"
        )
    medium, probes = (
        section.medium or MediumSection.model_validate({}),
        section.probes or ProbesSection.model_validate({}),
    )
    amounts = Measure(draft, (*_PATH, "medium"), "mM")
    return VesselPlan(
        kind=section.kind,
        volume_l=volume_l,
        total_l=total_l,
        heat_transfer_w_k=_positive(draft, "heat_transfer", section.heat_transfer, "W/K"),
        heat_loss_w_k=_positive(draft, "heat_loss", section.heat_loss, "W/K"),
        heater_w=_optional(draft, "heater", section.heater, "W"),
        cooler_w=_optional(draft, "cooler", section.cooler, "W"),
        jacket_j_k=_capacity(draft, section.jacket),
        transfer_per_h=_positive(draft, "transfer", section.transfer, "/h"),
        agitation=_positive(draft, "agitation", section.agitation, "rpm"),
        gas_ml_min=_positive(draft, "gas_flow", section.gas_flow, "mL/min"),
        gas_line_ml=_gas_line(draft, section, volume_l),
        base_mm=_positive(draft, "base", section.base, "mM"),
        mixing_s=section.mixing,
        bicarbonate_mm=amounts.difference("bicarbonate", medium.bicarbonate),
        buffer_mm=amounts.difference("buffer", medium.buffer),
        buffer_pk=Measure(draft, (*_PATH, "medium"), "pH").value("buffer_pk", medium.buffer_pk),
        temperature_probe_s=probes.temperature,
        jacket_probe_s=probes.jacket,
        ph_probe_s=probes.ph,
        do_probe_s=probes.do,
    )


def _positive(draft: Draft, key: str, written: Quantity, unit: str) -> float:
    value = Measure(draft, _PATH, unit).value(key, written, 1.0)
    if value <= 0.0:
        draft.error((*_PATH, key), f"{written.text} is not more than 0")
        return 1.0
    return value


def _gas_line(draft: Draft, section: VesselSection, volume_l: float) -> float:
    if section.gas_line is not None:
        return _positive(draft, "gas_line", section.gas_line, "mL")
    return _LINE_ML * float(volume_l**_LINE_POWER)


def _capacity(draft: Draft, written: Quantity | None) -> float:
    if written is not None and written.unit in allowed("L"):
        return _WATER_J_L_K * _optional(draft, "jacket", written, "L")
    return _optional(draft, "jacket", written, "J/K")


def _optional(draft: Draft, key: str, written: Quantity | None, unit: str) -> float:
    return 0.0 if written is None else Measure(draft, _PATH, unit).difference(key, written)
