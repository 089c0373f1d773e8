"""Objects to Sparkplug B payloads (chapter 6.4): for commands, and for sessions that tests make by hand."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hil.host.wire import bytes_field, fixed_field, number_field

if TYPE_CHECKING:
    from hil.host.payload import Metric, Payload, Properties, Property, Raw

_FLOAT, _DOUBLE = 12, 13
_PROPERTY_SHIFT = 7  # value fields of a property are numbered so much lower than those of a metric


def encode(payload: Payload) -> bytes:
    """The bytes of a payload."""
    metrics = b"".join(bytes_field(2, _metric(metric)) for metric in payload.metrics)
    return b"".join(
        (
            number_field(1, payload.timestamp),
            metrics,
            number_field(3, payload.seq),
            bytes_field(4, _text(payload.uuid)),
            bytes_field(5, payload.body),
        )
    )


def _metric(metric: Metric) -> bytes:
    return b"".join(
        (
            bytes_field(1, _text(metric.name)),
            number_field(2, metric.alias),
            number_field(3, metric.timestamp),
            number_field(4, metric.datatype),
            number_field(5, metric.historical or None),
            number_field(6, metric.transient or None),
            number_field(7, metric.null or None),
            bytes_field(9, None if metric.properties is None else _properties(metric.properties)),
            _value(metric.at, metric.raw, 0),
        )
    )


def _properties(properties: Properties) -> bytes:
    keys = b"".join(bytes_field(1, key.encode()) for key in properties.keys)
    return keys + b"".join(bytes_field(2, _property(value)) for value in properties.values)


def _property(value: Property) -> bytes:
    head = number_field(1, value.kind) + number_field(2, value.null or None)
    return head + _value(value.at, value.raw, _PROPERTY_SHIFT)


def _value(at: int | None, raw: Raw | None, shift: int) -> bytes:
    if at is None or raw is None:
        return b""
    if at in (_FLOAT, _DOUBLE):
        return fixed_field(at - shift, struct.pack("<f" if at == _FLOAT else "<d", raw))
    if isinstance(raw, int):  # booleans too
        return number_field(at - shift, int(raw))
    return bytes_field(
        at - shift, raw.encode() if isinstance(raw, str) else bytes(raw) if isinstance(raw, bytes) else None
    )


def _text(value: str | None) -> bytes | None:
    return None if value is None else value.encode()
