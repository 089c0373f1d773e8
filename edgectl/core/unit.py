"""What follows from a plan alone, worked out once: a scan only looks it up."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from edgectl.core.fuse import Fusion, fusions_of
from edgectl.core.health import Patient, ward_of
from edgectl.core.judge import Gate, gate_of
from edgectl.core.loop import Loop, loop_of
from edgectl.core.output import Output, output_of
from edgectl.model.feed_plan import FeedPlan, PerfusionPlan
from edgectl.model.loop_plan import LoopPlan, SegmentPlan
from edgectl.model.plan import ActuatorPlan, Plan
from edgectl.model.safety import AlarmPlan, AuthorityPlan, DosePlan, HazardPlan, InterlockPlan
from edgectl.model.soft_plan import SOFT, SoftPlan


@dataclass(frozen=True, slots=True)
class Unit:
    """A plan as each scan needs it. In ``loops`` every master stands before its slave; ``units`` are the units of the tags.

    ``remote``: it has an uplink, so that somebody far away may be given authority. ``dosing`` are the actuators that dose in pulses or have rivals.
    """

    gates: tuple[Gate, ...]
    interlocks: tuple[InterlockPlan, ...]
    loops: Mapping[str, Loop]
    slaves_first: tuple[tuple[str, Loop], ...]
    outputs: Mapping[str, Output]
    units: Mapping[str, str]
    alarms: Mapping[str, AlarmPlan]
    name: str
    hazards: tuple[HazardPlan, ...]
    authority: AuthorityPlan
    remote: bool
    doses: Mapping[str, DosePlan]
    dosing: Mapping[str, ActuatorPlan]
    soft: tuple[SoftPlan, ...]
    ward: tuple[Patient, ...]
    feeds: Mapping[str, FeedPlan]
    perfusions: Mapping[str, PerfusionPlan]
    fusions: tuple[Fusion, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """A plan as a cache key: the same object, not an equal one (plans hold dictionaries, which have no hash)."""

    plan: Plan

    def __hash__(self) -> int:
        return id(self.plan)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.plan is other.plan


def unit_of(plan: Plan) -> Unit:
    """The unit of a plan; asked again for the same plan object, the same unit.

    Raises:
        ValueError: the plan cannot run: an actuator in two loops, loops that are each other's masters, a segment without a slope.
    """
    return _unit_of(_Same(plan))


@functools.lru_cache(maxsize=4)
def _unit_of(key: _Same) -> Unit:
    plan = key.plan
    actuators = {actuator.name: actuator for actuator in plan.actuators}
    slaves = {loop.master: loop.name for loop in plan.loops if loop.master}
    owners = _owners(plan.loops)
    loops = {
        loop.name: loop_of(loop, slaves.get(loop.name, ""), actuators) for loop in _masters_first(plan.loops)
    }
    return Unit(
        gates=tuple(
            gate_of(tag) for tag in plan.tags if tag.fusion is None and not tag.channel.startswith(SOFT)
        ),
        interlocks=plan.interlocks,
        loops=loops,
        slaves_first=tuple(reversed(loops.items())),
        outputs={
            actuator.name: output_of(actuator, owners.get(actuator.name, ""), plan.interlocks, plan.period_s)
            for actuator in plan.actuators
        },
        units={tag.name: tag.unit for tag in plan.tags},
        alarms={alarm.name: alarm for alarm in plan.alarms},
        name=plan.unit,
        hazards=plan.hazards,
        authority=plan.authority,
        remote=bool(plan.uplink.host),
        doses={dose.actuator: dose for dose in plan.doses},
        dosing={name: actuator for name, actuator in actuators.items() if actuator.pulse or actuator.rivals},
        soft=plan.soft,
        ward=ward_of(plan, loops),
        feeds={feed.name: feed for feed in plan.feeds},
        perfusions={perfusion.name: perfusion for perfusion in plan.perfusions},
        fusions=fusions_of(plan.tags),
    )


def _owners(loops: Iterable[LoopPlan]) -> dict[str, str]:
    """The loop of each actuator that has one."""
    owners: dict[str, str] = {}
    for loop in loops:
        for segment in loop.segments:
            if not _has_slope(segment):
                raise ValueError(f"loop {loop.name}: the segment of {segment.actuator} has no slope")
            if owners.setdefault(segment.actuator, loop.name) != loop.name:
                raise ValueError(
                    f"actuator {segment.actuator} is in two loops, {owners[segment.actuator]} and {loop.name}"
                )
    return owners


def _has_slope(segment: SegmentPlan) -> bool:
    """Whether the actuator moves with the output, and the outputs of its points rise."""
    points = segment.points or ((segment.out_low, segment.low), (segment.out_high, segment.high))
    rising = all(one < other for (one, _), (other, _) in pairwise(points))
    return rising and len({value for _, value in points}) > 1


def _masters_first(loops: Iterable[LoopPlan]) -> list[LoopPlan]:
    """Loops in plan order, except that a master stands before its slave."""
    waiting = {loop.name: loop for loop in loops}
    ordered: list[LoopPlan] = []
    while waiting:
        ready = [loop for loop in waiting.values() if loop.master not in waiting]
        if not ready:
            raise ValueError(f"loops {', '.join(waiting)} are each other's masters")
        ordered.extend(ready)
        for loop in ready:
            del waiting[loop.name]
    return ordered
