"""The temperature cascade: the vessel's loop sets the temperature of jacket or blanket, whose own loop or thermostat holds it below its limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from edgectl.config.draft import Path
from edgectl.config.field import Amount, Name
from edgectl.config.law import SETPOINT
from edgectl.config.measure import Measure
from edgectl.config.nameplate import content, jacket
from edgectl.config.quantity import Quantity
from edgectl.config.simc import Aim, Settings, simc
from edgectl.config.structure import Law, Site, StructureSection, TuningSection, law_of, plan_of
from edgectl.config.tune import compile_tune
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import FeedforwardPlan, LoopPlan, SegmentPlan
from edgectl.model.plan import TagPlan

_CALM = 2.0  # dead times
_NOISE_INNER, _NOISE_OUTER = 0.06, 0.02  # K: a jacket probe, and a Pt100 in its well
_LOUD_INNER = 9.0  # % per K: the jacket's noise is 0.5 % of the heater
_LOUD_OUTER = 2.5  # K per K: that of the vessel is 0.05 K of the jacket's set point
_SAMPLE_S = 2.0
_ZONE = 0.15  # K: so near, a start-up is over and the integral begins
_THERMOSTAT_S = 60.0


class InnerSection(TuningSection):
    """The loop of jacket or blanket, in cascade below the vessel's."""

    name: Name = Field(description="Name of this loop", examples=["TIC-102"])
    tag: str = Field(description="Temperature of jacket or blanket", examples=["TT-102"])
    fallback: Amount = Field(
        Quantity(0.0, "%", "0 %"), description="Output on a BAD tag of the jacket", examples=["0 %"]
    )


class TemperatureCascade(StructureSection):
    """Vessel over jacket or blanket. Either a thermostat takes the set point, or this unit heats (and cools) by a loop of its own."""

    structure: Literal["temperature_cascade"] = Field(description="This structure")
    limit: Amount = Field(
        Quantity(42.0, "degC", "42 degC"),
        description="Highest temperature jacket or blanket may have",
        examples=["42 degC"],
    )
    margin: Amount = Field(
        Quantity(1.0, "K", "1 K"),
        description="So much below limit the jacket's own loop is asked for at most, as it may overshoot",
        examples=["1 K"],
    )
    floor: Amount = Field(Quantity(15.0, "degC", "15 degC"), description="Lowest one", examples=["15 degC"])
    thermostat: str = Field(
        "", description="Actuator that takes the set point of the jacket", examples=["TY-101"]
    )
    heater: str = Field("", description="Actuator that heats the jacket", examples=["EY-101"])
    cooler: str = Field("", description="Actuator that cools it", examples=["EY-102"])
    inner: InnerSection | None = Field(None, description="The jacket's loop, with heater")
    fallback: Amount = Field(
        description="Jacket temperature on a BAD tag of the vessel", examples=["30 degC"]
    )


def temperature_cascade(site: Site, section: StructureSection) -> dict[str, LoopPlan | None]:
    """The vessel's loop, and with a heater the jacket's below it."""
    assert isinstance(section, TemperatureCascade)
    found: dict[str, LoopPlan | None] = {site.name: None}
    tag = site.tag("tag", section.tag)
    span = _limits(site, section)
    if bool(section.thermostat) == bool(section.heater):
        site.draft.error(
            site.path,
            "a temperature cascade has either 'thermostat' or 'heater'",
            "write one of them",
            on_key=True,
        )
        return found
    if section.thermostat:
        segments, follows_s = _thermostat(site, section, span), _THERMOSTAT_S
    else:
        inner, follows_s = _inner(site, section, span)
        if section.inner is not None:
            found[section.inner.name] = inner
        segments = ()
    if tag is None or segments is None:
        return found
    vessel = site.nameplate(section, site.path)
    derived = (
        simc(
            content(vessel, follows_s, site.period_s),
            Aim(
                section.tight, _CALM, _LOUD_OUTER, _SAMPLE_S, derivative=False, noise=_NOISE_OUTER, worth=3.5
            ),
        )
        if vessel
        else None
    )
    law = law_of(site.draft, site.path, section, "degC", tag.unit, derived)
    fallback = Measure(site.draft, site.path, "degC").value_inside(
        "fallback", section.fallback, *span, "floor to limit"
    )
    ends = {
        "out": "degC",
        "segments": segments,
        "out_low": span[0],
        "out_high": span[1],
        "fallback": fallback,
    }
    plan = plan_of(site, section, tag, law, **ends)  # type: ignore[arg-type]
    found[site.name] = replace(plan, feedforward=(FeedforwardPlan(SETPOINT, 1.0),), startup_zone=_ZONE)
    return found


def _limits(site: Site, section: TemperatureCascade) -> tuple[float, float]:
    measure = Measure(site.draft, site.path, "degC")
    low, high = measure.value("floor", section.floor), measure.value("limit", section.limit, 42.0)
    high -= measure.difference("margin", section.margin) if section.heater else 0.0
    if low >= high:
        site.draft.error(site.at("limit"), f"{section.limit.text} is not above floor ({section.floor.text})")
        return 15.0, 42.0
    return low, high


def _thermostat(
    site: Site, section: TemperatureCascade, span: tuple[float, float]
) -> tuple[SegmentPlan, ...] | None:
    for key in ("cooler", "inner"):
        if getattr(section, key):
            site.draft.error(site.at(key), "a thermostat does this by itself", "delete the line", on_key=True)
    actuator = site.actuator("thermostat", section.thermostat)
    if actuator is None:
        return None
    if not (actuator.low <= span[0] and span[1] <= actuator.high):
        key = "limit" if span[1] > actuator.high else "floor"
        site.draft.error(site.at(key), f"outside the range of actuator {actuator.name}")
    return (SegmentPlan(actuator.name, *span, *span),)


def _inner(
    site: Site, section: TemperatureCascade, span: tuple[float, float]
) -> tuple[LoopPlan | None, float]:
    """The jacket's loop, and how fast it follows."""
    part = section.inner
    if part is None:
        site.draft.missing(site.at("inner"), "write for example 'inner: {name: TIC-102, tag: TT-102}'")
        return None, _THERMOSTAT_S
    path = site.at("inner")
    _check_free(site, part.name, (*path, "name"))
    tag = site.tag(("inner", "tag"), part.tag)
    derived = _jacket(site, part, path)
    segments = _heat_and_cool(site, section)
    if tag is None or segments is None:
        return None, derived.response_s if derived else _THERMOSTAT_S
    law = law_of(site.draft, path, part, "%", tag.unit, derived)
    return _slave(site, part, tag, law, segments, span), derived.response_s if derived else _THERMOSTAT_S


def _jacket(site: Site, part: InnerSection, path: Path) -> Settings | None:
    vessel = site.nameplate(part, path)
    if vessel is None:
        return None
    for key, value in (("heater", vessel.heater_w), ("jacket", vessel.jacket_j_k)):
        if not value:
            site.draft.missing(("vessel", key), f"the gain of loop {part.name} follows from it")
            return None
    return simc(
        jacket(vessel, site.period_s),
        Aim(part.tight, _CALM, _LOUD_INNER, _SAMPLE_S, derivative=False, noise=_NOISE_INNER, worth=6.0),
    )


def _check_free(site: Site, name: str, path: Path) -> None:
    """The name of the inner loop means nothing else."""
    for section in ("loops", "tags", "actuators", "interlocks", "hazards", "alarms", "checks"):
        if site.draft.node((section, name)) is not None:
            first = site.draft.line_of((section, name))
            site.draft.error(path, f"'{name}' names one of the {section} already ({first})")


def _heat_and_cool(site: Site, section: TemperatureCascade) -> tuple[SegmentPlan, ...] | None:
    """Heater from 0 % up. The cooler below 0 %, so far that a per cent of output moves as much heat on both sides."""
    heater = site.actuator("heater", section.heater)
    cooler = site.actuator("cooler", section.cooler) if section.cooler else None
    if heater is None or (section.cooler and cooler is None):
        return None
    if section.cooler == section.heater:
        site.draft.error(
            site.at("cooler"), f"{section.heater} is the heater already", "name the other actuator"
        )
        return None
    if (
        site.vessel is not None
        and not site.vessel.cooler_w
        and site.draft.node(("vessel", "cooler")) is not None
    ):
        cooler = None  # the nameplate says there is none
    heats = SegmentPlan(heater.name, 0.0, 100.0, heater.low, heater.high)
    if cooler is None:
        return (heats,)
    vessel = site.vessel
    width = 100.0
    if vessel is not None and vessel.cooler_w and vessel.heater_w:
        width *= vessel.cooler_w / vessel.heater_w
    return (heats, SegmentPlan(cooler.name, -width, 0.0, cooler.high, cooler.low))


def _slave(
    site: Site,
    part: InnerSection,
    tag: TagPlan,
    law: Law,
    segments: tuple[SegmentPlan, ...],
    span: tuple[float, float],
) -> LoopPlan:
    path = site.at("inner")
    low, high = min(s.out_low for s in segments), max(s.out_high for s in segments)
    if not (tag.low <= span[0] and span[1] <= tag.high):
        site.draft.error(
            (*path, "tag"), f"the range of {tag.name} does not hold floor and limit of the jacket"
        )
    return LoopPlan(
        name=part.name,
        tag=tag.name,
        unit=tag.unit,
        segments=segments,
        out_low=low,
        out_high=high,
        setpoint=min(max(30.0, span[0]), span[1]),
        setpoint_low=span[0],
        setpoint_high=span[1],
        gain=law.gain,
        integral_s=law.integral_s,
        fallback=Measure(site.draft, path, "%").value_inside(
            "fallback", part.fallback, low, high, "the output range"
        ),
        derivative_s=law.derivative_s,
        filter_s=law.filter_s,
        output_step=law.step,
        ride_s=part.ride_through,
        tune=compile_tune(site.draft, path, part.tune, tag.unit, ("%", low, high)),
        tracking_s=part.tracking or 0.0,
        hold_max_s=part.hold_max or 0.0,
        mode=Mode.CAS,
        master=site.name,
        band=Measure(site.draft, path, tag.unit).difference("band", part.band),
        description=part.description,
        smooth_s=law.smooth_s,
    )
