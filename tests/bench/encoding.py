"""G18: one payload of 60 numbers to bytes, beside a bare message of the same shape filled field by field in the same process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from edgectl.uplink.sparkplug.payload import Datatype, Metric, encode
from tests.bench.verdict import Verdict

METRICS = 60
_AT_MS = 1_790_000_000_000
_TURNS, _ROUNDS = 500, 9


def bare() -> Callable[[Sequence[tuple[int, float]]], bytes]:
    """The anchor: protobuf (upb) and nothing else, for one shape."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="bare.proto", package="bare", syntax="proto2")
    metric, payload = file.message_type.add(name="Metric"), file.message_type.add(name="Payload")
    for name, number, kind in (("alias", 2, field.TYPE_UINT64), ("timestamp", 3, field.TYPE_UINT64), ("double_value", 13, field.TYPE_DOUBLE)):  # fmt: skip
        metric.field.add(name=name, number=number, type=kind, label=field.LABEL_OPTIONAL)
    for name, number in (("timestamp", 1), ("seq", 3)):
        payload.field.add(name=name, number=number, type=field.TYPE_UINT64, label=field.LABEL_OPTIONAL)
    payload.field.add(name="metrics", number=2, type=field.TYPE_MESSAGE, type_name=".bare.Metric", label=field.LABEL_REPEATED)  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message: Callable[[], object] = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("bare.Payload")
    )
    return lambda values: _filled(message(), values)


def _filled(message: object, values: Sequence[tuple[int, float]]) -> bytes:
    message.timestamp, message.seq = _AT_MS, 7  # type: ignore[attr-defined]
    add = message.metrics.add  # type: ignore[attr-defined]
    for alias, value in values:
        one = add()
        one.alias = alias
        one.timestamp = _AT_MS
        one.double_value = value
    data: bytes = message.SerializeToString()  # type: ignore[attr-defined]
    return data


def beside(functions: Sequence[Callable[[], object]]) -> list[float]:
    """What each takes (us of processor time, median), in turns, so that a disturbance meets all."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(_ROUNDS):
        for column, function in zip(times, functions, strict=True):
            begun = time.process_time()
            for _ in range(_TURNS):
                function()
            column.append((time.process_time() - begun) / _TURNS * 1e6)
    return [statistics.median(column) for column in times]


def judge() -> list[Verdict]:
    """G18."""
    values = [(alias, 37.0 + alias / 7) for alias in range(1, METRICS + 1)]
    metrics = [Metric("", Datatype.DOUBLE, value, _AT_MS, alias, typed=False) for alias, value in values]
    anchor = bare()
    data = encode(_AT_MS, 7, metrics)
    if data != anchor(values):
        raise AssertionError("not the bytes of the anchor")
    ours_us, anchor_us = beside([lambda: encode(_AT_MS, 7, metrics), lambda: anchor(values)])
    good = ours_us <= 10.0 and len(data) <= 1250
    why = (
        ""
        if good
        else "any metric may be null, text or of poor quality, so each is looked at before its bytes are put together"
    )
    return [
        Verdict(
            "G18", f"one payload of {METRICS} numbers by alias: <= 10 us, <= 1250 bytes",
            f"{ours_us:.1f} us, {len(data)} bytes, {ours_us / anchor_us:.2f}x", f"bare protobuf message, the same bytes: {anchor_us:.1f} us", good, why,
        )
    ]  # fmt: skip
