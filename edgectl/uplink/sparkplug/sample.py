"""Records of the journal as values of metrics.

A value's time is that of the scan which judged it, not of the sample: the same sample may be judged GOOD and, later, stale, and a host that
drops doubles by metric and time must keep both.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from edgectl.model.quality import Quality
from edgectl.store.liquid_value import FeedValue, PerfusionValue, unpack_feeds, unpack_perfusions
from edgectl.store.loop_value import LoopValue, unpack_loops
from edgectl.store.record import CommandValue, Kind, Record, Reported, unpack_commands, unpack_measurements
from edgectl.uplink.event import Scalar, event_of
from edgectl.uplink.sparkplug import point

GOOD, STALE, BAD = 192, 500, 0

_QUALITY = {Quality.GOOD: GOOD, Quality.UNCERTAIN: STALE, Quality.BAD: BAD}
_MS = 1_000_000
_HOUR_S = 3600.0


class Sample(NamedTuple):
    """The value a metric had at ``at_ms`` (UTC), and why its quality is not good. ``repeats``: told even if it says nothing new."""

    name: str
    value: Scalar
    at_ms: int
    quality: int = GOOD
    reason: str = ""
    repeats: bool = False


def samples(record: Record, names: bytes) -> Iterator[Sample]:
    """What a record of values or an event says of single metrics; ``names`` are the ``words`` of its plan.

    Raises:
        ValueError: the record cannot be read.
    """
    if (known := _ROWS.get(record.kind)) is None:
        yield from _change(event_of(record), record.at.utc_ns // _MS)
        return
    unpack, told = known
    for row in unpack(record.body, names):
        yield from told(row)


def _tag(row: Reported) -> Iterator[Sample]:
    measurement, age_ns = row
    at_ms = (measurement.at.utc_ns + age_ns) // _MS
    quality = _QUALITY[measurement.quality]
    yield Sample(
        f"Tags/{measurement.tag}", measurement.value, at_ms, quality, measurement.reason, repeats=True
    )


def _loop(row: LoopValue) -> Iterator[Sample]:
    base, at_ms = f"Loops/{row.loop}", row.at.utc_ns // _MS
    yield Sample(f"{base}/Setpoint", row.setpoint, at_ms)
    yield Sample(f"{base}/Value", row.value, at_ms, BAD if row.value is None else GOOD)
    yield Sample(f"{base}/Output", row.output, at_ms)
    yield Sample(f"{base}/Mode", row.mode, at_ms)
    yield Sample(f"{base}/Condition", row.condition, at_ms)
    yield Sample(f"{base}/In Band", row.in_band, at_ms)
    if row.health:
        yield Sample(f"{base}/Health", row.health, at_ms)
        yield Sample(f"{base}/Health Line", row.health_line, at_ms)


def _actuator(row: CommandValue) -> Iterator[Sample]:
    base, at_ms = f"Actuators/{row.actuator}", row.at.utc_ns // _MS
    yield Sample(f"{base}/Value", row.value, at_ms)
    yield Sample(f"{base}/Demanded", row.demanded, at_ms)
    yield Sample(f"{base}/Source", row.source, at_ms)
    yield Sample(f"{base}/Restricted By", ", ".join(row.restricted_by), at_ms)


def _feed(row: FeedValue) -> Iterator[Sample]:
    told: dict[str, Scalar] = {
        "Stage": row.stage,
        "Hours": row.clock_s / _HOUR_S,
        "Flow": row.flow,
        "Planned": row.planned,
        "Delivered": row.delivered,
        "Left": row.left,
        "Bolus": row.bolus,
        "Waits For": row.waits_for,
        "Behind": row.behind,
    }
    for name, value in told.items():
        yield Sample(f"Feeds/{row.feed}/{name}", value, row.at.utc_ns // _MS)


def _perfusion(row: PerfusionValue) -> Iterator[Sample]:
    told: dict[str, Scalar] = {
        "Stage": row.stage,
        "Hours": row.clock_s / _HOUR_S,
        "Rate": row.rate,
        "Feed": row.feed,
        "Permeate": row.permeate,
        "Bleed": row.bleed,
        "Entered": row.entered,
        "Left": row.left,
        "Error": row.error,
        "Off": row.off,
        "Waits For": row.waits_for,
    }
    for name, value in told.items():
        yield Sample(f"Perfusions/{row.perfusion}/{name}", value, row.at.utc_ns // _MS)


_ROWS: Mapping[Kind, tuple[Callable[[bytes, bytes], list[Any]], Callable[[Any], Iterator[Sample]]]] = {
    Kind.MEASUREMENTS: (unpack_measurements, _tag),
    Kind.LOOPS: (unpack_loops, _loop),
    Kind.COMMANDS: (unpack_commands, _actuator),
    Kind.FEEDS: (unpack_feeds, _feed),
    Kind.PERFUSIONS: (unpack_perfusions, _perfusion),
}
VALUES = tuple(_ROWS)


def events(records: Iterable[Record]) -> Iterator[Sample]:
    """All events of one millisecond as one value: a host that drops doubles by metric and time must keep each of them.

    Raises:
        ValueError: a record cannot be read.
    """
    ordered = sorted(records, key=_at_ms)
    for at_ms, group in itertools.groupby(ordered, key=_at_ms):
        found = [event_of(record) | {"seq": record.seq} for record in group]
        yield Sample(point.EVENT, json.dumps(found, ensure_ascii=False), at_ms, repeats=True)


def _at_ms(record: Record) -> int:
    return record.at.utc_ns // _MS


def _change(event: Mapping[str, Scalar], at_ms: int) -> Iterator[Sample]:
    """What an event changes of a metric of its own."""
    after, reason = str(event.get("after", "")), str(event.get("reason", ""))
    match event["kind"]:
        case "alarm":
            yield Sample(f"Alarms/{event['subject']}/State", after.split(" ", maxsplit=1)[0], at_ms)
            yield Sample(f"Alarms/{event['subject']}/Reason", reason, at_ms)
        case "authority":
            whose, _, owner = after.partition(" of ")
            yield Sample(point.AUTHORITY, whose, at_ms)
            yield Sample(point.OWNER, owner, at_ms)
        case "unit":
            yield Sample(point.HELD, f"{event['actor']}: {reason}" if after == "held" else "", at_ms)
        case "batch":
            yield Sample(point.BATCH, after, at_ms)
        case "uplink":
            yield Sample(point.UPLINK, after, at_ms)
        case _:
            pass


def of_status(status: Mapping[str, Any], at_ms: int) -> Iterator[Sample]:
    """What only control itself knows: how each alarm stands, and the unit as a whole.

    ``at_ms`` is the time of the newest record that goes with it, so that nothing told later is older than this.
    """
    for name, alarm in status["alarms"].items():
        yield Sample(f"Alarms/{name}/State", alarm["state"], at_ms)
        yield Sample(f"Alarms/{name}/Reason", alarm["reason"], at_ms)
    unit = status["unit_state"]
    told = (unit["authority"], unit["owner"], unit["held"], unit["batch"], unit["uplink"])
    for name, value in zip(point.TOLD_OF_UNIT, told, strict=True):
        yield Sample(name, value, at_ms)
