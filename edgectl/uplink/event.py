"""An event record as one flat object, in every dialect the same."""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime
from typing import Any

from edgectl.store.record import Kind, Record

Scalar = str | float | bool | None

EVENTS = (Kind.EVENT, Kind.GAP, Kind.PURGE, Kind.RUN, Kind.END)
_NS = 1_000_000_000


def event_of(record: Record) -> dict[str, Scalar]:
    """What happened: of the unit, or of the journal itself.

    Raises:
        ValueError: the record cannot be read.
    """
    body: dict[str, Any] = json.loads(record.body)
    event: dict[str, Scalar] = {"time": utc_text(record.at.utc_ns)}
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
        "from": utc_text(body["from_utc_ns"]),
        "to": utc_text(body["to_utc_ns"]),
        "count": body["count"],
    }


def utc_text(utc_ns: int) -> str:
    """ISO 8601 to the microsecond, so that two scans never share a time."""
    seconds, rest = divmod(utc_ns, _NS)
    return f"{_second_text(seconds)}.{rest // 1000:06d}Z"


@functools.lru_cache(maxsize=256)
def _second_text(seconds: int) -> str:
    # values of one scan, and of one batch, share their second, and a calendar costs more than the rest of a message
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
