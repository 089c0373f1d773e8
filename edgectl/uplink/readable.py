"""Readable JSON: one flat object a message, scalar values only, one exact topic a point. The schema is in README.md beside this file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator

from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.store.cursor import Batch
from edgectl.store.liquid_value import FeedValue, PerfusionValue, unpack_feeds, unpack_perfusions
from edgectl.store.loop_value import LoopValue, unpack_loops
from edgectl.store.record import CommandValue, Kind, Record, unpack_commands, unpack_measurements, words
from edgectl.uplink.event import Scalar, event_of, utc_text
from edgectl.uplink.session import Message
from edgectl.uplink.told import Told

_NS = 1_000_000_000
_HOUR_S = 3600.0
_FORBIDDEN = str.maketrans("/+#\0", "----")


class ReadableEncoder:
    """The readable dialect of one unit. ``plan`` is the plan the uplink was started with, ``utc_ns`` tells the time of birth."""

    kinds = (
        Kind.MEASUREMENTS,
        Kind.LOOPS,
        Kind.COMMANDS,
        Kind.FEEDS,
        Kind.PERFUSIONS,
        Kind.EVENT,
        Kind.GAP,
        Kind.PURGE,
        Kind.RUN,
        Kind.END,
    )

    def __init__(self, plan: Plan, utc_ns: Callable[[], int], told: Told) -> None:
        self._told = told
        self._base = f"{plan.uplink.topic}/{topic_level(plan.unit)}"
        self._plan = plan
        self._utc_ns = utc_ns
        self._names: tuple[str, bytes] = ("", b"")
        self._units: dict[str, str] = {}
        self._feeds: dict[str, tuple[str, str]] = {}

    def topic(self, name: str) -> str:
        """Where something of this unit belongs."""
        return f"{self._base}/{name}"

    def will(self) -> Message:
        """Offline, as the broker tells it. Without a time: nobody knows then when it will be."""
        return self._status("offline", "connection lost", None)

    def birth(self) -> Iterable[Message]:
        """Online."""
        return (self._status("online", "connected", utc_text(self._utc_ns())),)

    def death(self) -> Iterable[Message]:
        """Offline on purpose."""
        return (self._status("offline", "uplink stopped", utc_text(self._utc_ns())),)

    def encode(self, batch: Batch, *, historical: bool) -> Iterator[Message]:
        """The messages of a batch. A record that cannot be read is told in the log, and passed over."""
        for record in batch.records:
            self._learn(batch.plans[record.run])
            try:
                for topic, body in self._bodies(record):
                    body |= {"historical": historical, "seq": record.seq}
                    yield Message(self.topic(topic), _json(body))
            except ValueError as error:
                self._told.ill(f"record {record.seq} of the journal cannot be read: {error}")

    def _bodies(self, record: Record) -> Iterator[tuple[str, dict[str, Scalar]]]:
        names = self._names[1]
        if record.kind is Kind.MEASUREMENTS:
            return (self._tag(row.measurement, row.age_ns) for row in unpack_measurements(record.body, names))
        if record.kind is Kind.LOOPS:
            return (self._loop(row) for row in unpack_loops(record.body, names))
        if record.kind is Kind.COMMANDS:
            return (self._actuator(row) for row in unpack_commands(record.body, names))
        if record.kind is Kind.FEEDS:
            return (self._feed(row) for row in unpack_feeds(record.body, names))
        if record.kind is Kind.PERFUSIONS:
            return (_perfusion(row) for row in unpack_perfusions(record.body, names))
        return iter([("event", event_of(record))])

    def _learn(self, plan: Plan) -> None:
        if plan.digest != self._names[0]:
            self._names = (plan.digest, words(plan))
            self._feeds = {feed.name: (feed.unit, feed.actuator) for feed in plan.feeds}
            self._units = {
                item.name: item.unit for group in (plan.tags, plan.loops, plan.actuators) for item in group
            }

    def _tag(self, row: Measurement, age_ns: int) -> tuple[str, dict[str, Scalar]]:
        return f"tag/{topic_level(row.tag)}", {
            "tag": row.tag,
            "value": row.value,
            "unit": self._units.get(row.tag, ""),
            "quality": row.quality.name,
            "reason": row.reason,
            "time": utc_text(row.at.utc_ns),
            "age_s": age_ns / _NS,
        }

    def _loop(self, row: LoopValue) -> tuple[str, dict[str, Scalar]]:
        return f"loop/{topic_level(row.loop)}", {
            "loop": row.loop,
            "mode": row.mode,
            "setpoint": row.setpoint,
            "value": row.value,
            "output": row.output,
            "unit": self._units.get(row.loop, ""),
            "condition": row.condition,
            "in_band": row.in_band,
            "health": row.health or None,
            "health_line": row.health_line or None,
            "time": utc_text(row.at.utc_ns),
        }

    def _actuator(self, row: CommandValue) -> tuple[str, dict[str, Scalar]]:
        return f"actuator/{topic_level(row.actuator)}", {
            "actuator": row.actuator,
            "value": row.value,
            "demanded": row.demanded,
            "unit": self._units.get(row.actuator, ""),
            "source": row.source,
            "restricted_by": ", ".join(row.restricted_by),
            "time": utc_text(row.at.utc_ns),
        }

    def _feed(self, row: FeedValue) -> tuple[str, dict[str, Scalar]]:
        unit, actuator = self._feeds.get(row.feed, ("", ""))
        return f"feed/{topic_level(row.feed)}", {
            "feed": row.feed,
            "stage": row.stage,
            "hours": row.clock_s / _HOUR_S,
            "flow": row.flow,
            "flow_unit": self._units.get(actuator, ""),
            "planned": row.planned,
            "delivered": row.delivered,
            "left": row.left,
            "bolus": row.bolus,
            "unit": unit,
            "waits_for": row.waits_for,
            "behind": row.behind,
            "time": utc_text(row.at.utc_ns),
        }

    def _status(self, status: str, reason: str, time: str | None) -> Message:
        body: dict[str, Scalar] = {
            "unit": self._plan.unit,
            "status": status,
            "reason": reason,
            "plan": self._plan.digest,
            "time": time,
        }
        return Message(self.topic("status"), _json(body), retain=True)


def _perfusion(row: PerfusionValue) -> tuple[str, dict[str, Scalar]]:
    return f"perfusion/{topic_level(row.perfusion)}", {
        "perfusion": row.perfusion,
        "stage": row.stage,
        "hours": row.clock_s / _HOUR_S,
        "rate_vvd": row.rate,
        "feed_ml_min": row.feed,
        "permeate_ml_min": row.permeate,
        "bleed_ml_min": row.bleed,
        "entered_ml": row.entered,
        "left_ml": row.left,
        "error": row.error,
        "off": row.off,
        "waits_for": row.waits_for,
        "time": utc_text(row.at.utc_ns),
    }


def _json(body: dict[str, Scalar]) -> bytes:
    known = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in body.items()}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def topic_level(name: str) -> str:
    """A name as one level of a topic: characters with a meaning in MQTT topics become ``-`` (MQTT 3.1.1, section 4.7.1)."""
    return name.translate(_FORBIDDEN)
