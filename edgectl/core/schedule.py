"""A gain that follows what the process gain depends on: kLa with stirrer and gas, pH with the slope of the buffer."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from edgectl.model.loop_plan import SchedulePlan


@dataclass(frozen=True, slots=True)
class Schedule:
    """The points of a schedule. ``calm``: the least gain and the longest integral time of all, for a source that was never known."""

    places: tuple[float, ...]
    points: tuple[tuple[float, float, float], ...]
    calm: tuple[float, float]


def schedule_of(plan: SchedulePlan) -> Schedule:
    """The schedule of one loop.

    Raises:
        ValueError: no points, points that do not rise, or a factor that is not above 0.
    """
    places = tuple(point[0] for point in plan.points)
    rising = all(a < b for a, b in pairwise(places))
    if not places or not rising or any(min(point[1:]) <= 0.0 for point in plan.points):
        raise ValueError(f"schedule over {plan.source}: points must rise and factors be above 0")
    calm = min(point[1] for point in plan.points), max(point[2] for point in plan.points)
    return Schedule(places, plan.points, calm)


def factors_at(schedule: Schedule, place: float) -> tuple[float, float]:
    """Factors on gain and integral time: on the straight line between two points, the nearer end outside."""
    points = schedule.points
    right = bisect_right(schedule.places, place)
    if right == 0:
        return points[0][1:]
    if right == len(points):
        return points[-1][1:]
    (x0, gain0, time0), (x1, gain1, time1) = points[right - 1], points[right]
    way = (place - x0) / (x1 - x0)
    return gain0 + way * (gain1 - gain0), time0 + way * (time1 - time0)
