"""What a loop's law has beyond gain, integral and derivative: set-point weight, filter, schedule, feed-forward, start-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Section, within
from edgectl.config.measure import Measure
from edgectl.config.quantity import Quantity, Unreadable, gain_in
from edgectl.model.loop_plan import FeedforwardPlan, LoopPlan, SchedulePlan
from edgectl.model.plan import ActuatorPlan, TagPlan

if TYPE_CHECKING:
    from edgectl.config.loop import LoopSection

SETPOINT = "setpoint"
_LEAST_POINTS = 2
_DAY_S = 86_400.0
_SOURCE = "A tag, an actuator (its last command), or 'setpoint' for the set point in force"

Factor = Annotated[float, Field(ge=0.01, le=100.0)]
FilterTime = Annotated[Duration, within(0.1, 3600.0)]
LongTime = Annotated[Duration, within(0.1, _DAY_S)]


class PointSection(Section):
    """One point of a schedule. Between points the factors lie on straight lines, outside they are those of the nearer end."""

    at: Amount = Field(description="Value of the source", examples=["100 rpm"])
    gain: Factor = Field(description="Factor on gain there", examples=["0.5"])
    integral: Factor = Field(1.0, description="Factor on integral there", examples=["2"])


class ScheduleSection(Section):
    """Gain and integral time that follow what the process gain depends on. A change of them never moves the output.

    While the source is not GOOD the factors stay as they are; before it ever was, the least gain and the longest integral time hold.
    """

    source: str = Field(description=_SOURCE, examples=["SC-101"])
    points: tuple[PointSection, ...] = Field(
        description="At least two, rising", examples=["[{at: 50 rpm, gain: 2}, {at: 200 rpm, gain: 0.5}]"]
    )


class FeedforwardSection(Section):
    """What is added to the output as soon as its source changes, before the tag shows it.

    While the source is not GOOD the contribution stands still; when it comes back, the output goes on from where it is.
    """

    source: str = Field(description=_SOURCE, examples=["FT-102"])
    gain: Amount = Field(description="Output per source", examples=["0.8 %/(mL/min)"])
    about: Amount | None = Field(
        None, description="Value of the source that adds nothing. Without it: 0", examples=["5 mL/min"]
    )
    lead: LongTime | None = Field(
        None,
        description="Acts stronger at first: (lead s + 1)/(lag s + 1). The lag is at least a tenth of it",
        examples=["60 s"],
    )
    lag: LongTime | None = Field(None, description="Acts slower", examples=["20 s"])
    delay: LongTime | None = Field(None, description="Acts so much later", examples=["30 s"])
    washout: LongTime | None = Field(
        None,
        description="What stays fades with this time, so that only changes act, such as those by a bolus",
        examples=["10 min"],
    )


Weight = Annotated[
    float,
    Field(
        ge=0.0,
        le=1.0,
        description="Share of a set-point step that the proportional part sees at once; the rest comes with the integral time",
        examples=["0.5"],
    ),
]
Smooth = Annotated[
    FilterTime | None,
    Field(description="First-order filter of the measurement. Without it: none", examples=["10 s"]),
]
ProbeLag = Annotated[
    FilterTime | None,
    Field(
        description=(
            "Time constant of the probe, which is made up for with the slope of the filtered measurement."
            " Noise grows by about probe_lag / smooth, and never more than four times"
        ),
        examples=["30 s"],
    ),
]
StartupZone = Annotated[
    Amount | None,
    Field(
        description=(
            "From a start, or a set-point step larger than this, the integral waits until the deviation is within it,"
            " so that a start-up does not overshoot"
        ),
        examples=["0.5 K"],
    ),
]
OutputRate = Annotated[
    Amount | None,
    Field(description="The output moves no faster. Without it: no limit", examples=["2 %/s"]),
]
Scheduled = Annotated[
    ScheduleSection | None,
    Field(
        description="Gain and integral time that follow another value",
        examples=[
            "{source: SC-101, points: [{at: 50 rpm, gain: 2}, {at: 200 rpm, gain: 0.5, integral: 0.8}]}"
        ],
    ),
]
Forwarded = Annotated[
    tuple[FeedforwardSection, ...],
    Field(
        description="Disturbances that are known before the tag shows them",
        examples=["[{source: setpoint, gain: 1 degC/K}]"],
    ),
]


def complete(
    draft: Draft,
    path: Path,
    plan: LoopPlan,
    section: LoopSection,
    out: str,
    tags: Mapping[str, TagPlan | None],
    actuators: Mapping[str, ActuatorPlan | None],
) -> LoopPlan:
    """The plan of a loop with the rest of its law. ``out`` is the unit of its output."""
    law = _Law(draft, path, plan, out, {**tags, **actuators})
    for key, needed in (
        ("weight", section.weight != 1.0),
        ("startup_zone", section.startup_zone is not None),
    ):
        if needed and not plan.integral_s:
            draft.error(
                (*path, key), "acts on the integral part, which this loop has not", "write 'integral' too"
            )
    own = Measure(draft, path, plan.unit)
    return replace(
        plan,
        weight=section.weight,
        smooth_s=section.smooth or 0.0,
        probe_lag_s=section.probe_lag or 0.0,
        schedule=law.schedule(section.schedule),
        feedforward=tuple(law.feedforward(i, part) for i, part in enumerate(section.feedforward)),
        startup_zone=own.difference("startup_zone", section.startup_zone),
        output_rate_per_s=Measure(draft, path, out).rate("output_rate", section.output_rate),
    )


@dataclass(frozen=True, slots=True)
class _Law:
    """The law of one loop in the making. ``sources`` are tags and actuators by name."""

    draft: Draft
    path: Path
    plan: LoopPlan
    out: str
    sources: Mapping[str, TagPlan | ActuatorPlan | None]

    def schedule(self, section: ScheduleSection | None) -> SchedulePlan | None:
        if section is None:
            return None
        path: Path = (*self.path, "schedule")
        unit = self._unit((*path, "source"), section.source)
        if len(section.points) < _LEAST_POINTS:
            self.draft.error((*path, "points"), "a schedule needs at least two points")
        if unit is None:
            return None
        points = tuple(
            (Measure(self.draft, (*path, "points", i), unit).value("at", p.at), p.gain, p.integral)
            for i, p in enumerate(section.points)
        )
        for i, (before, after) in enumerate(pairwise(points)):
            if after[0] <= before[0]:
                self.draft.error(
                    (*path, "points", i + 1, "at"),
                    f"{section.points[i + 1].at.text} does not lie above the point before it,"
                    f" {section.points[i].at.text}",
                    "write the points in rising order",
                )
        return SchedulePlan(section.source, points)

    def feedforward(self, place: int, section: FeedforwardSection) -> FeedforwardPlan:
        path: Path = (*self.path, "feedforward", place)
        if section.source == self.plan.tag:
            self.draft.error(
                (*path, "source"),
                f"{section.source} is the loop's own tag; acting on it is feedback",
                "use gain and derivative for it",
            )
        if section.source in {segment.actuator for segment in self.plan.segments}:
            self.draft.error(
                (*path, "source"),
                f"{section.source} is driven by this loop itself: its output would feed itself",
            )
        unit = self._unit((*path, "source"), section.source)
        gain, about = 1.0, 0.0
        if unit is not None:
            gain = self._gain(path, section.gain, unit)
            about = (
                0.0
                if section.about is None
                else Measure(self.draft, path, unit).value("about", section.about)
            )
        return FeedforwardPlan(
            section.source,
            gain,
            about,
            section.lead or 0.0,
            section.lag or 0.0,
            section.delay or 0.0,
            section.washout or 0.0,
        )

    def _unit(self, path: Path, source: str) -> str | None:
        """The unit of a source; None with an error when there is no such source."""
        units: dict[str, str | None] = {
            name: None if part is None else part.unit for name, part in self.sources.items()
        }
        units[SETPOINT] = self.plan.unit
        unit: str | None = self.draft.refer(path, source, "source", units)
        return unit

    def _gain(self, path: Path, written: Quantity, unit: str) -> float:
        try:
            gain = gain_in(written, self.out, unit)
        except Unreadable as error:
            self.draft.error((*path, "gain"), str(error), error.hint)
            return 1.0
        if gain == 0:
            self.draft.error((*path, "gain"), "a gain of 0 does nothing", "delete this part")
        return gain
