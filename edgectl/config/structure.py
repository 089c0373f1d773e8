"""Named structures under ``loops``: what they have in common, and how a set of ordinary loops becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.config.health import Health
from edgectl.config.loop import gain_of, setpoints_of
from edgectl.config.measure import Measure
from edgectl.config.quantity import Span
from edgectl.config.simc import FILTER, Settings
from edgectl.config.tag import Tags
from edgectl.config.tune import Tunable, compile_tune
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan, TagPlan
from edgectl.model.vessel_plan import VesselPlan


class TuningSection(Section):
    """What the nameplate of the vessel decides, unless it is written here."""

    tight: float = Field(
        1.0,
        ge=0.1,
        le=10.0,
        description="How fast the loop may be: 2 answers twice as fast, with less margin",
    )
    gain: Amount | None = Field(
        None, description="Output per deviation. Without it: from 'vessel'", examples=["6 degC/K"]
    )
    integral: Annotated[Duration, within(0.1, 86_400.0)] | None = Field(
        None,
        description="Integral time. Without it: from 'vessel'; with gain alone: none",
        examples=["15 min"],
    )
    derivative: Annotated[Duration, within(0.1, 86_400.0)] | None = Field(
        None,
        description="Derivative time. Without it: from 'vessel'; with gain alone: none",
        examples=["30 s"],
    )
    filter: Annotated[Duration, within(0.1, 3600.0)] | None = Field(
        None, description="Filter of the derivative part. Without it: a third of derivative", examples=["5 s"]
    )
    smooth: Annotated[Duration, within(0.1, 3600.0)] | None = Field(
        None,
        description="First-order filter of the measurement. Without it: from 'vessel'; with gain alone: none",
        examples=["10 s"],
    )
    output_step: Amount | None = Field(
        None,
        description="Smaller moves of the output are not made. Without it: from 'vessel'",
        examples=["1 %"],
    )
    tune: Tunable = None
    tracking: Annotated[Duration, within(0.1, 86_400.0)] | None = Field(
        None, description="Time in which the integral follows what the output really did"
    )
    hold_max: Annotated[Duration, within(0.1, 3600.0)] | None = Field(
        None,
        description="The output holds so long on an UNCERTAIN tag, then takes fallback",
        examples=["60 s"],
    )
    ride_through: Annotated[Duration, within(0.0, 3600.0)] = Field(
        300.0,
        description="Without a value of the tag the output stays so long at the load it had, then takes fallback; 0 s: not at all",
        examples=["5 min"],
    )
    band: Amount | None = Field(
        None, description="Deviation up to which people call the loop in band", examples=["0.1 K"]
    )
    description: str = Field("", description="For people", examples=["Vessel temperature"])


class StructureSection(TuningSection):
    """What every structure has."""

    tag: str = Field(description="The tag that is held", examples=["TT-101"])
    setpoint: Amount = Field(description="Set point after the first start", examples=["37.0 degC"])
    setpoint_range: Range = Field(description="Set points that are accepted", examples=["30..38 degC"])
    setpoint_rate: Amount | None = Field(
        None, description="A new set point is approached so fast. Without it: at once", examples=["0.5 K/min"]
    )
    dead_band: Amount | None = Field(
        None, description="Deviations up to this count as none", examples=["0.03 pH"]
    )
    mode: Mode = Field(Mode.AUTO, description="Mode after the first start", examples=["AUTO"])
    health: Health | None = Field(
        None,
        description="How its health is judged, or off. Without it: by what follows from integral and band",
        examples=["off", "{window: 2 h}"],
    )


@dataclass(slots=True)
class Site:
    """Where one structure is compiled: everything it may refer to. ``actuators`` it changes are replaced in ``changed``."""

    draft: Draft
    name: str
    tags: Tags
    actuators: Actuators
    vessel: VesselPlan | None
    period_s: float
    changed: dict[str, ActuatorPlan] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the structure is written."""
        return ("loops", self.name)

    def tag(self, key: str | Path, name: str) -> TagPlan | None:
        """The tag of that name, or None with an error."""
        return self.draft.refer(self.at(key), name, "tag", self.tags)

    def actuator(self, key: str | Path, name: str) -> ActuatorPlan | None:
        """The actuator of that name, or None with an error; a switch is none a loop can drive."""
        found = self.draft.refer(self.at(key), name, "actuator", self.actuators)
        if found is not None and found.discrete:
            self.draft.error(self.at(key), f"'{name}' is a switch; a loop drives values")
            return None
        return found

    def at(self, key: str | Path) -> Path:
        """Where a part of it is written."""
        return (*self.path, *((key,) if isinstance(key, str) else key))

    def span(self, key: str | Path, written: Span | None, actuator: ActuatorPlan) -> tuple[float, float]:
        """A rising range inside that of the actuator; the whole of it without one."""
        path = self.at(key)
        measure = Measure(self.draft, path[:-1], actuator.unit)
        if written is None:
            return actuator.low, actuator.high
        found = measure.span(str(path[-1]), written)
        if found is None:
            return actuator.low, actuator.high
        if not (actuator.low <= found[0] and found[1] <= actuator.high):
            self.draft.error(path, f"{written.text} reaches outside the range of actuator {actuator.name}")
        return found

    def nameplate(self, section: TuningSection, path: Path) -> VesselPlan | None:
        """The nameplate, with an error where a gain has to come from one and there is none."""
        if self.vessel is None and section.gain is None and self.draft.node(("vessel",)) is None:
            self.draft.missing(
                (*path, "gain"),
                "write it, or describe the vessel under 'vessel:' so that it follows from that",
            )
        return self.vessel


@dataclass(frozen=True, slots=True)
class Law:
    """The settings of one loop, written or derived, in the units of its plan."""

    gain: float
    integral_s: float
    derivative_s: float
    filter_s: float
    smooth_s: float
    step: float = 0.0


def law_of(
    draft: Draft, path: Path, section: TuningSection, out: str, tag: str, derived: Settings | None
) -> Law:
    """What is written; what is not comes from the nameplate.

    A written gain brings no derived integral and derivative time with it, which were made for another one. What keeps a probe's noise quiet stays.
    """
    base = derived or Settings(1.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # without a nameplate there is an error already
    gain, integral_s, derivative_s = base.gain, base.integral_s, base.derivative_s
    if section.gain is not None:
        gain, integral_s, derivative_s = gain_of(draft, path, section.gain, out, tag), 0.0, 0.0
    if section.derivative is not None:
        derivative_s = section.derivative
    own = section.gain is None and section.derivative is None
    step = Measure(draft, path, out).difference("output_step", section.output_step)
    return Law(
        gain,
        section.integral or integral_s,
        derivative_s,
        section.filter or (base.filter_s if own else derivative_s / FILTER),
        base.smooth_s if section.smooth is None else section.smooth,
        base.step * abs(gain / base.gain) if section.output_step is None else step,
    )


def plan_of(
    site: Site,
    section: StructureSection,
    tag: TagPlan,
    law: Law,
    *,
    out: str,
    segments: tuple[SegmentPlan, ...],
    out_low: float,
    out_high: float,
    fallback: float,
    ride_most: float | None = None,
) -> LoopPlan:
    """The loop that holds the tag of a structure."""
    measure = Measure(site.draft, site.path, tag.unit)
    low, high = setpoints_of(measure, section.setpoint_range, tag)
    return LoopPlan(
        name=site.name,
        tag=tag.name,
        unit=tag.unit,
        segments=segments,
        out_low=out_low,
        out_high=out_high,
        setpoint=measure.value_inside("setpoint", section.setpoint, low, high, "setpoint_range"),
        setpoint_low=low,
        setpoint_high=high,
        gain=law.gain,
        integral_s=law.integral_s,
        fallback=fallback,
        derivative_s=law.derivative_s,
        filter_s=law.filter_s,
        dead_band=measure.difference("dead_band", section.dead_band),
        setpoint_rate_per_s=measure.rate("setpoint_rate", section.setpoint_rate),
        tracking_s=section.tracking or 0.0,
        hold_max_s=section.hold_max or 0.0,
        mode=section.mode,
        band=measure.difference("band", section.band),
        description=section.description,
        smooth_s=law.smooth_s,
        output_step=law.step,
        ride_s=section.ride_through,
        ride_most=ride_most,
        tune=compile_tune(site.draft, site.path, section.tune, tag.unit, (out, out_low, out_high)),
    )


Loops = Mapping[str, LoopPlan | None]
Compile = Callable[[Site, StructureSection], dict[str, LoopPlan | None]]
