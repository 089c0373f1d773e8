"""Loops: which tag is held at which set point by which actuators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from edgectl.config.actuator import Actuators
from edgectl.config.cascade import check_cascade, check_owners
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Range, Section, within
from edgectl.config.health import Health
from edgectl.config.law import (
    Forwarded,
    OutputRate,
    ProbeLag,
    Scheduled,
    Smooth,
    StartupZone,
    Weight,
    complete,
)
from edgectl.config.measure import Measure
from edgectl.config.quantity import Quantity, Span, Unreadable, gain_in, show, span_in
from edgectl.config.shape import read
from edgectl.config.tag import Tags
from edgectl.config.tune import Tunable, compile_tune
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan, TagPlan


class Share(Section):
    """One actuator's share of a split range: this part of the loop's output moves it over this range."""

    output: Range = Field(description="Part of the loop's output, in %", examples=["-100..0 %"])
    range: Range = Field(
        description="What the actuator does over it; falling where the actuator closes as the output rises",
        examples=["60..0 mL/min"],
    )
    wait: Annotated[Duration, within(0.0, 7200.0)] = Field(
        0.0,
        description="On the way from 0 % this share is entered only when it has been wanted for so long",
        examples=["60 s"],
    )


def _form(value: object) -> str:
    return "(share)" if isinstance(value, dict | Share) else "(span)"


Driven = Annotated[Annotated[Share, Tag("(share)")] | Annotated[Range, Tag("(span)")], Discriminator(_form)]


class LoopSection(Section):
    """One PID loop."""

    tag: str = Field(description="The tag that is held", examples=["TT-101"])
    drives: dict[str, Driven] = Field(
        {},
        description="Actuators and the range the loop may use; with several each has a share of the output. None for a master",
        examples=["{TY-101: 25..42 degC}"],
    )
    output: Range | None = Field(
        None,
        description="Output range of a master loop, in the unit of the loop below it",
        examples=["30..40 degC"],
    )
    setpoint: Amount = Field(description="Set point after the first start", examples=["37.0 degC"])
    setpoint_range: Range = Field(description="Set points that are accepted", examples=["30..38 degC"])
    setpoint_rate: Amount | None = Field(
        None, description="A new set point is approached so fast. Without it: at once", examples=["0.5 K/min"]
    )
    gain: Amount = Field(
        description="Output per deviation; negative when more output lowers the tag", examples=["6 degC/K"]
    )
    integral: Annotated[Duration, within(0.1, 86_400.0)] | None = Field(
        None, description="Integral time. Without it: no integral part", examples=["15 min"]
    )
    derivative: Annotated[Duration, within(0.1, 86_400.0)] | None = Field(
        None,
        description="Derivative time, on the measurement. Without it: no derivative part",
        examples=["30 s"],
    )
    filter: Annotated[Duration, within(0.1, 3600.0)] | None = Field(
        None,
        description="Filter of the measurement for the derivative. Without it: a tenth of derivative",
        examples=["5 s"],
    )
    dead_band: Amount | None = Field(
        None, description="Deviations up to this count as none", examples=["0.03 pH"]
    )
    tracking: Annotated[Duration, within(0.1, 86_400.0)] | None = Field(
        None,
        description="Time in which the integral follows what the output really did. Without it: an eighth of integral, or what the derivative time asks for",
    )
    weight: Weight = 1.0
    smooth: Smooth = None
    probe_lag: ProbeLag = None
    schedule: Scheduled = None
    feedforward: Forwarded = ()
    startup_zone: StartupZone = None
    output_rate: OutputRate = None
    hold_max: Annotated[Duration, within(0.1, 3600.0)] | None = Field(
        None,
        description="The output holds so long on an UNCERTAIN tag, then takes fallback. Without it: not at all",
        examples=["60 s"],
    )
    fallback: Amount = Field(
        description="Output on a BAD tag, in the unit of the output", examples=["30 degC", "0 %"]
    )
    mode: Mode = Field(
        Mode.AUTO, description="Mode after the first start: OOS, MAN, AUTO, CAS", examples=["AUTO"]
    )
    master: str = Field("", description="Loop whose output is the set point in CAS")
    band: Amount | None = Field(
        None, description="Deviation up to which people call the loop in band", examples=["0.2 K"]
    )
    description: str = Field("", description="For people", examples=["Vessel temperature"])
    health: Health | None = Field(
        None,
        description="How its health is judged, or off. Without it: by what follows from integral and band",
        examples=["off", "{window: 2 h}"],
    )
    tune: Tunable = None


Loops = Mapping[str, LoopPlan | None]


def compile_loops(
    draft: Draft, tags: Tags, actuators: Actuators, structures: Mapping[str, Loops]
) -> dict[str, LoopPlan | None]:
    """All loops of ``loops``; None for one that has errors. ``structures`` are the loops of the entries that name a structure."""
    section = draft.node(("loops",))
    if not isinstance(section, MappingNode):
        return {}
    loops: dict[str, LoopPlan | None] = {}
    for name, entry in section.entries.items():
        built = structures.get(name)
        loops |= {name: _loop(draft, name, entry.node, tags, actuators)} if built is None else built
    check_owners(draft, loops)
    check_cascade(draft, loops)
    return loops


def _loop(draft: Draft, name: str, node: Node, tags: Tags, actuators: Actuators) -> LoopPlan | None:
    path: Path = ("loops", name)
    section: LoopSection | None = read(draft, path, node, LoopSection)
    if section is None:
        return None
    tag = draft.refer((*path, "tag"), section.tag, "tag", tags)
    output = _Output(draft, path, section).read(actuators)
    if tag is None or output is None:
        return None
    out_unit, segments, out_low, out_high = output
    measure = Measure(draft, path, tag.unit)
    low, high = setpoints_of(measure, section.setpoint_range, tag)
    drive = Measure(draft, path, out_unit)
    derivative_s = section.derivative or 0.0
    plan = LoopPlan(
        name=name,
        tag=tag.name,
        unit=tag.unit,
        segments=segments,
        out_low=out_low,
        out_high=out_high,
        setpoint=measure.value_inside("setpoint", section.setpoint, low, high, "setpoint_range"),
        setpoint_low=low,
        setpoint_high=high,
        gain=gain_of(draft, path, section.gain, out_unit, tag.unit),
        integral_s=section.integral or 0.0,
        fallback=drive.value_inside("fallback", section.fallback, out_low, out_high, "the output range"),
        derivative_s=derivative_s,
        filter_s=section.filter or derivative_s / 10,
        dead_band=measure.difference("dead_band", section.dead_band),
        setpoint_rate_per_s=measure.rate("setpoint_rate", section.setpoint_rate),
        tracking_s=section.tracking or 0.0,
        hold_max_s=section.hold_max or 0.0,
        mode=section.mode,
        master=section.master,
        band=measure.difference("band", section.band),
        description=section.description,
        tune=compile_tune(draft, path, section.tune, tag.unit, (out_unit, out_low, out_high)),
    )
    return complete(draft, path, plan, section, out_unit, tags, actuators)


def setpoints_of(measure: Measure, written: Span, tag: TagPlan) -> tuple[float, float]:
    """The set points that are accepted, inside the range of the tag."""
    found = measure.span("setpoint_range", written)
    if found is None:
        return tag.low, tag.high
    if not (tag.low <= found[0] and found[1] <= tag.high):
        span = f"{show(tag.low, '')}..{show(tag.high, tag.unit)}"
        measure.draft.error(
            (*measure.path, "setpoint_range"),
            f"{written.text} reaches outside the range of tag {tag.name}: {span}",
        )
    return found


def gain_of(draft: Draft, path: Path, written: Quantity, out: str, tag: str) -> float:
    """A written gain in ``out`` per ``tag``; 1 with an error where it is none."""
    try:
        gain = gain_in(written, out, tag)
    except Unreadable as error:
        draft.error((*path, "gain"), str(error), error.hint)
        return 1.0
    if gain == 0:
        draft.error(
            (*path, "gain"), "a gain of 0 does nothing", "put the loop out of service with 'mode: OOS'"
        )
    return gain


class _Output:
    """What a loop drives, and the common scale of it."""

    def __init__(self, draft: Draft, path: Path, section: LoopSection) -> None:
        self._draft = draft
        self._path = path
        self._section = section

    def read(self, actuators: Actuators) -> tuple[str, tuple[SegmentPlan, ...], float, float] | None:
        """Unit, segments, low and high end of the output; None when something is missing."""
        if not self._section.drives:
            return self._of_master()
        if self._section.output is not None:
            self._draft.error(
                (*self._path, "output"),
                "a loop that drives actuators takes its output range from them",
                "delete the line",
            )
        found = {
            name: self._segment(name, driven, actuators) for name, driven in self._section.drives.items()
        }
        segments = tuple(segment for segment, _ in found.values() if segment is not None)
        if len(segments) < len(found):
            return None
        unit = next(unit for _, unit in found.values())
        return unit, segments, min(s.out_low for s in segments), max(s.out_high for s in segments)

    def _of_master(self) -> tuple[str, tuple[SegmentPlan, ...], float, float] | None:
        span = self._section.output
        if span is None:
            self._draft.missing(
                (*self._path, "drives"),
                "the loop drives nothing; write for example 'drives: {TY-101: 25..42 degC}'",
            )
            return None
        found = Measure(self._draft, self._path, span.unit).span("output", span)
        return None if found is None else (span.unit, (), *found)

    def _segment(
        self, name: str, driven: Share | Span, actuators: Actuators
    ) -> tuple[SegmentPlan | None, str]:
        path = (*self._path, "drives", name)
        actuator = self._draft.refer(path, name, "actuator", actuators, on_key=True)
        if actuator is None:
            return None, ""
        if actuator.discrete:
            self._draft.error(path, f"'{name}' is a switch; a loop drives values", on_key=True)
            return None, ""
        if isinstance(driven, Share):
            return self._share(path, driven, actuator), "%"
        if len(self._section.drives) > 1:
            self._draft.error(
                path,
                "with several actuators each needs its share of the output",
                f"write {{output: 0..100 %, range: {driven.text}}}",
            )
            return None, ""
        span = self._span(path, driven, actuator, rising=True)
        return (span and SegmentPlan(name, *span, *span)), actuator.unit

    def _share(self, path: Path, share: Share, actuator: ActuatorPlan) -> SegmentPlan | None:
        output = Measure(self._draft, path, "%").span("output", share.output)
        span = self._span((*path, "range"), share.range, actuator, rising=False)
        return SegmentPlan(actuator.name, *output, *span, wait_s=share.wait) if output and span else None

    def _span(
        self, path: Path, written: Span, actuator: ActuatorPlan, *, rising: bool
    ) -> tuple[float, float] | None:
        try:
            low, high = span_in(written, actuator.unit)
        except Unreadable as error:
            self._draft.error(path, str(error), error.hint)
            return None
        if low == high or (rising and low > high):
            self._draft.error(path, f"{written.text}: the low end is not below the high end")
            return None
        if not (actuator.low <= min(low, high) and max(low, high) <= actuator.high):
            span = f"{show(actuator.low, '')}..{show(actuator.high, actuator.unit)}"
            self._draft.error(
                path, f"{written.text} reaches outside the range of actuator {actuator.name}: {span}"
            )
        return low, high
