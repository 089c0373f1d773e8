"""pH by split range: CO2 or acid below, base above, never both, and nothing within the dead band."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from edgectl.config.field import Amount, Duration, Range, within
from edgectl.config.measure import Measure
from edgectl.config.nameplate import base, carbon_dioxide
from edgectl.config.quantity import Quantity
from edgectl.config.simc import Aim, Settings, simc
from edgectl.config.structure import Site, StructureSection, law_of, plan_of
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan
from edgectl.model.vessel_plan import VesselKind, VesselPlan

_CALM = 0.7  # dead times
_WORTH = 1.7  # deviations of the noise: the pH of a gassed culture answers to little
_CALM_BAG = 0.25  # of the time in which the surface of a bag takes up what is above it
_NOISE = 0.003  # pH
_LOUD = 300.0  # % per pH: 0.003 pH of noise is 0.9 %
_SAMPLE_S = 5.0


class PhSplitRange(StructureSection):
    """CO2 (or acid) lowers, base raises; after one has stopped, the other waits."""

    structure: Literal["ph_split_range"] = Field(description="This structure")
    acid: str = Field(description="Actuator that lowers: CO2 or acid", examples=["FV-102"])
    base: str = Field("", description="Actuator that raises. Without it: one-sided", examples=["P-101"])
    acid_range: Range | None = Field(
        None, description="What the loop may use of it. Without it: all", examples=["0..60 mL/min"]
    )
    base_range: Range | None = Field(
        None, description="What the loop may use of it. Without it: all", examples=["0..2 mL/min"]
    )
    lockout: Annotated[Duration, within(0.0, 7200.0)] = Field(
        300.0, description="After one side has stopped, the other waits so long", examples=["5 min"]
    )
    fallback: Amount = Field(
        Quantity(0.0, "%", "0 %"), description="Output on a BAD tag; 0 % is neither", examples=["0 %"]
    )


def ph_split_range(site: Site, section: StructureSection) -> dict[str, LoopPlan | None]:
    """The loop; its two actuators become rivals."""
    assert isinstance(section, PhSplitRange)
    tag = site.tag("tag", section.tag)
    acid = site.actuator("acid", section.acid)
    lye = site.actuator("base", section.base) if section.base else None
    if tag is None or acid is None or (section.base and lye is None):
        return {site.name: None}
    low = site.span("acid_range", section.acid_range, acid)
    high = site.span("base_range", section.base_range, lye) if lye else (0.0, 0.0)
    vessel = site.nameplate(section, site.path)
    setpoint = Measure(site.draft, site.path, tag.unit).value("setpoint", section.setpoint, tag.low)
    sides = vessel and _sides(site, section, vessel, setpoint, low[1], high[1])
    below, above, derived = sides or (100.0, 100.0, None)
    segments = [SegmentPlan(acid.name, -below, 0.0, low[1], low[0])]
    if lye is not None:
        segments.append(SegmentPlan(lye.name, 0.0, above, *high))
        _make_rivals(site, section, acid, lye)
    ends = -below, above if lye is not None else 0.0
    return {
        site.name: plan_of(
            site,
            section,
            tag,
            law_of(site.draft, site.path, section, "%", tag.unit, derived),
            out="%",
            segments=tuple(segments),
            out_low=ends[0],
            out_high=ends[1],
            fallback=Measure(site.draft, site.path, "%").value_inside(
                "fallback", section.fallback, *ends, "the output range"
            ),
            ride_most=0.0,  # CO2 may go on for a while; base never runs into a culture whose pH nobody knows
        )
    }


def _sides(
    site: Site, section: PhSplitRange, vessel: VesselPlan, ph: float, co2: float, lye: float
) -> tuple[float, float, Settings]:
    """Widths of the shares (%) such that one gain fits both sides, and the settings; the slower side gives the integral time."""
    aim = Aim(section.tight, _CALM, _LOUD, _SAMPLE_S, derivative=False, noise=_NOISE, worth=_WORTH)
    down = simc(carbon_dioxide(vessel, ph, co2, site.period_s), _answer_to_gas(vessel, aim))
    if not lye:
        return 100.0, 100.0, down
    up = simc(base(vessel, ph, lye, site.period_s), aim)
    # the side that moves less per cent of its actuator, and so bears more gain, has the narrower share: in it each per cent of output moves the actuator more
    slower = max(up, down, key=lambda side: side.integral_s)
    gain = min(up.gain, down.gain)
    settings = replace(slower, gain=gain, step=slower.step * gain / slower.gain)
    return 100.0 * settings.gain / down.gain, 100.0 * settings.gain / up.gain, settings


def _answer_to_gas(vessel: VesselPlan, aim: Aim) -> Aim:
    """Over the liquid of a bag the gas space is a long second lag, which only a derivative part can answer."""
    return replace(aim, calm=_CALM_BAG, derivative=True) if vessel.kind is VesselKind.ROCKING else aim


def _make_rivals(site: Site, section: PhSplitRange, acid: ActuatorPlan, lye: ActuatorPlan) -> None:
    for key, actuator, other in (("acid", acid, lye), ("base", lye, acid)):
        if actuator.low != 0.0 or actuator.safe != 0.0:
            site.draft.error(
                site.at(key), f"{actuator.name} does not stand still at 0, so the two would act together"
            )
        site.changed[actuator.name] = replace(
            actuator, rivals=(*actuator.rivals, other.name), lockout_s=section.lockout
        )
