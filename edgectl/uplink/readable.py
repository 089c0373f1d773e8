"""Readable JSON: one flat object a message, scalar values only, one exact topic a point. The schema is in README.md beside this file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from edgectl.model.measurement import Measurement
from edgectl.model.plan import Plan
from edgectl.store.record import (
    CommandValue,
    Kind,
    LoopValue,
    Record,
    unpack_commands,
    unpack_loops,
    unpack_measurements,
    words,
)
from edgectl.uplink.session import Message

Scalar = str | float | bool | None

_NS = 1_000_000_000
_FORBIDDEN = str.maketrans("/+#\0", "----")


class ReadableEncoder:
    """The readable dialect of one unit. ``plan`` is the plan the uplink was started with, ``utc_ns`` tells the time of birth."""

    kinds = (
        Kind.MEASUREMENTS,
        Kind.LOOPS,
        Kind.COMMANDS,
        Kind.EVENT,
        Kind.GAP,
        Kind.PURGE,
        Kind.RUN,
        Kind.END,
    )

    def __init__(self, plan: Plan, utc_ns: Callable[[], int]) -> None:
        self._base = f"{plan.uplink.topic}/{_level(plan.unit)}"
        self._plan = plan
        self._utc_ns = utc_ns
        self._names: tuple[str, bytes] = ("", b"")
        self._units: dict[str, str] = {}

    def will(self) -> Message:
        """Offline, as the broker tells it. Without a time: nobody knows then when it will be."""
        return self._status("offline", "connection lost", None)

    def birth(self) -> Iterable[Message]:
        """Online."""
        return (self._status("online", "connected", _utc(self._utc_ns())),)

    def death(self) -> Iterable[Message]:
        """Offline on purpose."""
        return (self._status("offline", "uplink stopped", _utc(self._utc_ns())),)

    def encode(self, record: Record, plan: Plan, *, historical: bool) -> Iterator[Message]:
        """The messages of one record."""
        self._learn(plan)
        for topic, body in self._bodies(record):
            body |= {"historical": historical, "seq": record.seq}
            yield Message(f"{self._base}/{topic}", _json(body))

    def _bodies(self, record: Record) -> Iterator[tuple[str, dict[str, Scalar]]]:
        names = self._names[1]
        if record.kind is Kind.MEASUREMENTS:
            return (self._tag(row.measurement, row.age_ns) for row in unpack_measurements(record.body, names))
        if record.kind is Kind.LOOPS:
            return (self._loop(row) for row in unpack_loops(record.body, names))
        if record.kind is Kind.COMMANDS:
            return (self._actuator(row) for row in unpack_commands(record.body, names))
        return iter([("event", _event(record))])

    def _learn(self, plan: Plan) -> None:
        if plan.digest != self._names[0]:
            self._names = (plan.digest, words(plan))
            self._units = {
                item.name: item.unit for group in (plan.tags, plan.loops, plan.actuators) for item in group
            }

    def _tag(self, row: Measurement, age_ns: int) -> tuple[str, dict[str, Scalar]]:
        return f"tag/{_level(row.tag)}", {
            "tag": row.tag,
            "value": row.value,
            "unit": self._units.get(row.tag, ""),
            "quality": row.quality.name,
            "reason": row.reason,
            "time": _utc(row.at.utc_ns),
            "age_s": age_ns / _NS,
        }

    def _loop(self, row: LoopValue) -> tuple[str, dict[str, Scalar]]:
        return f"loop/{_level(row.loop)}", {
            "loop": row.loop,
            "mode": row.mode,
            "setpoint": row.setpoint,
            "value": row.value,
            "output": row.output,
            "unit": self._units.get(row.loop, ""),
            "condition": row.condition,
            "in_band": row.in_band,
            "time": _utc(row.at.utc_ns),
        }

    def _actuator(self, row: CommandValue) -> tuple[str, dict[str, Scalar]]:
        return f"actuator/{_level(row.actuator)}", {
            "actuator": row.actuator,
            "value": row.value,
            "demanded": row.demanded,
            "unit": self._units.get(row.actuator, ""),
            "source": row.source,
            "restricted_by": ", ".join(row.restricted_by),
            "time": _utc(row.at.utc_ns),
        }

    def _status(self, status: str, reason: str, time: str | None) -> Message:
        body: dict[str, Scalar] = {
            "unit": self._plan.unit,
            "status": status,
            "reason": reason,
            "plan": self._plan.digest,
            "time": time,
        }
        return Message(f"{self._base}/status", _json(body), retain=True)


def _event(record: Record) -> dict[str, Scalar]:
    body: dict[str, Any] = json.loads(record.body)
    event: dict[str, Scalar] = {"time": _utc(record.at.utc_ns)}
    if record.kind is Kind.EVENT:
        return event | body
    event |= {"kind": "journal", "before": "", "actor": "journal"}
    if record.kind is Kind.RUN:
        return event | {"subject": "run", "after": "begun", "reason": f"plan {body['plan'][:12]}"}
    if record.kind is Kind.END:
        return event | {"subject": "run", "after": "ended", "reason": ""}
    return event | {
        "subject": body["what"],
        "after": "missing" if record.kind is Kind.GAP else "deleted",
        "reason": body["reason"],
        "from": _utc(body["from_utc_ns"]),
        "to": _utc(body["to_utc_ns"]),
        "count": body["count"],
    }


def _json(body: dict[str, Scalar]) -> bytes:
    known = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in body.items()}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _utc(utc_ns: int) -> str:
    """ISO 8601 to the microsecond, so that two scans never share a time."""
    seconds, rest = divmod(utc_ns, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _level(name: str) -> str:
    """A name as one level of a topic: characters with a meaning in MQTT topics become ``-`` (MQTT 3.1.1, section 4.7.1)."""
    return name.translate(_FORBIDDEN)
