"""What a birth tells: the newest value of every metric, from the journal, and from control what only it knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from edgectl.model.plan import Plan
from edgectl.store.reader import Reader
from edgectl.store.record import words
from edgectl.uplink.sparkplug.point import Point, points
from edgectl.uplink.sparkplug.sample import VALUES, Sample, of_status, samples

_CHUNK = 64
_FARTHEST = 4096  # records back: minutes more than the heartbeat of any value


class Picture(NamedTuple):
    """The device at one record of the journal. ``digests``: the plans whose metrics it knows."""

    points: Mapping[str, Point]
    values: Mapping[str, Sample]
    as_of_ms: int
    digests: frozenset[str]


def newest(reader: Reader, upto: int) -> dict[str, Sample]:
    """The last value of each metric of the newest run at or before record ``upto``."""
    found: dict[str, Sample] = {}
    run = next((run for run in reversed(reader.runs()) if run.first <= upto), None)
    if run is None:
        return found
    names = words(run.plan)
    wanted = sum(point.told for point in points(run.plan).values())
    lowest = max(run.first - 1, upto - _FARTHEST)
    while upto > lowest and len(found) < wanted:
        after = max(lowest, upto - _CHUNK)
        for record in reversed(reader.records(after, upto, _CHUNK, VALUES)):
            for sample in reversed(list(samples(record, names))):
                found.setdefault(sample.name, sample)
        upto = after
    return found


def picture(
    plans: tuple[Plan, ...], values: Mapping[str, Sample], status: Mapping[str, Any], now_ms: int
) -> Picture:
    """All metrics that may be told: of the plan in force, the last of ``plans``, and of those under which unconfirmed records were made."""
    known: dict[str, Point] = {}
    for plan in plans:
        known |= points(plan)
    as_of_ms = max((sample.at_ms for sample in values.values()), default=now_ms)
    told = {sample.name: sample for sample in of_status(status, as_of_ms)}
    return Picture(known, {**told, **values}, as_of_ms, frozenset(plan.digest for plan in plans))
