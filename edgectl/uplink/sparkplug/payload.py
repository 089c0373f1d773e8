"""Sparkplug B payloads to bytes and back, on the protobuf runtime.

The message types are declared here, field by field, from chapter 6.4 of the Sparkplug specification 3.0; only what an edge node
needs is declared, and protobuf keeps what it does not know apart. Declared, not generated: no compiler's version binds the runtime's.
"""

from __future__ import annotations

import enum
import functools
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from edgectl.uplink.event import Scalar

_MASK_32, _MASK_64 = (1 << 32) - 1, (1 << 64) - 1
_TYPES = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "float": descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}
_REPEATED = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
_OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_PACKAGE = "edgectl.sparkplug"
_DOUBLE = struct.Struct("<d")
_MESSAGES: Mapping[str, tuple[tuple[str, int, str], ...]] = {
    "Value": (
        ("type", 1, "uint32"),
        ("is_null", 2, "bool"),
        ("int_value", 3, "uint32"),
        ("long_value", 4, "uint64"),
        ("float_value", 5, "float"),
        ("double_value", 6, "double"),
        ("boolean_value", 7, "bool"),
        ("string_value", 8, "string"),
    ),
    "Properties": (("keys", 1, "string*"), ("values", 2, "Value*")),
    "Metric": (
        ("name", 1, "string"),
        ("alias", 2, "uint64"),
        ("timestamp", 3, "uint64"),
        ("datatype", 4, "uint32"),
        ("is_historical", 5, "bool"),
        ("is_null", 7, "bool"),
        ("properties", 9, "Properties"),
        ("int_value", 10, "uint32"),
        ("long_value", 11, "uint64"),
        ("float_value", 12, "float"),
        ("double_value", 13, "double"),
        ("boolean_value", 14, "bool"),
        ("string_value", 15, "string"),
    ),
    "Payload": (("timestamp", 1, "uint64"), ("metrics", 2, "Metric*"), ("seq", 3, "uint64")),
}


class Datatype(enum.IntEnum):
    """The types in use: those that all known decoders agree on (specification, 6.4.16)."""

    INT32 = 3
    INT64 = 4
    FLOAT = 9
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATETIME = 13


class Metric(NamedTuple):
    """One metric on its way out. ``value`` None is told as null, and so is what is no number. ``at_ms``: UTC. ``alias`` 0: none.

    ``name`` empty: the alias stands for it. ``datatype`` is always needed to word the value; ``typed`` says whether it is told.
    """

    name: str
    datatype: Datatype
    value: Scalar
    at_ms: int
    alias: int = 0
    historical: bool = False
    typed: bool = True
    properties: Mapping[str, Scalar] = {}


class Written(NamedTuple):
    """One metric of a command, as it came: ``name`` or ``alias``, and its value as far as it has one that is understood."""

    name: str | None
    alias: int | None
    value: Scalar
    at_ms: int | None


class Command(NamedTuple):
    """The payload of an NCMD or DCMD."""

    at_ms: int | None
    metrics: tuple[Written, ...]


def encode(at_ms: int, seq: int | None, metrics: Iterable[Metric]) -> bytes:
    """A payload of this moment; ``seq`` None only for NDEATH.

    In protobuf a message is the sum of its parts, so that each metric can be worded by itself. Nearly all are plain numbers, which differ in
    time and value only: those two are put behind what the runtime once wrote for their name.
    """
    parts = [_PAYLOAD(timestamp=at_ms).SerializeToString()]
    # looked up once: this is done for each value
    add, number, pack = parts.append, Datatype.DOUBLE, _DOUBLE.pack
    isfinite, moment, heads, tail = math.isfinite, None, _Heads(0), b""
    for metric in metrics:
        name, datatype, value, metric_ms, alias, historical, typed, properties = metric
        if (
            properties
            or datatype is not number
            or (name and alias)
            or type(value) is not float
            or not isfinite(value)
        ):
            add(_PAYLOAD(metrics=[_filled(metric)]).SerializeToString())
            continue
        if moment != (now := (metric_ms, historical, typed)):
            moment, tail = now, _tail(*now)
            heads = _heads(len(tail) + _DOUBLE.size)
        add(heads[name or alias] + tail + pack(value))
    if seq is not None:
        add(_PAYLOAD(seq=seq).SerializeToString())
    return b"".join(parts)


def decode(data: bytes) -> Command:
    """A command.

    Raises:
        ValueError: these bytes are no Sparkplug payload; the text says why.
    """
    payload = _PAYLOAD()
    try:
        payload.ParseFromString(data)
        return Command(_of(payload, "timestamp"), tuple(_written(metric) for metric in payload.metrics))
    except DecodeError:
        raise ValueError("these bytes are no Sparkplug payload") from None


class _Heads(dict[str | int, bytes]):
    """By name or alias: how a metric of one double begins, up to its timestamp, if ``size`` bytes follow from there on."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __missing__(self, key: str | int) -> bytes:
        named = _METRIC(name=key) if isinstance(key, str) else _METRIC(alias=key)
        begun: bytes = named.SerializeToString()
        self[key] = head = b"\x12" + _varint(len(begun) + self._size) + begun  # field 2 of the payload
        return head


@functools.lru_cache(maxsize=16)
def _heads(size: int) -> _Heads:
    return _Heads(size)


def _tail(at_ms: int, historical: bool, typed: bool) -> bytes:
    """What comes between the name of a metric and its double."""
    metric = _METRIC(timestamp=at_ms)
    if typed:
        metric.datatype = Datatype.DOUBLE
    if historical:
        metric.is_historical = True
    told: bytes = metric.SerializeToString()
    return told + b"\x69"  # field 13, 64 bits


def _varint(number: int) -> bytes:
    """As protobuf writes the length of a metric: seven bits a byte, the lowest first."""
    low, rest = number & 0x7F, number >> 7
    return bytes((low | 0x80,)) + _varint(rest) if rest else bytes((low,))


def _filled(metric: Metric) -> Any:
    message = _METRIC(timestamp=metric.at_ms)
    if metric.name:
        message.name = metric.name
    if metric.alias:
        message.alias = metric.alias
    if metric.typed:
        message.datatype = metric.datatype
    if metric.historical:
        message.is_historical = True
    value = metric.value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        message.is_null = True
    else:
        _put(message, metric.datatype, value)
    for key, item in metric.properties.items():
        message.properties.keys.append(key)
        _property(message.properties.values.add(), item)
    return message


def _put(message: Any, datatype: Datatype, value: Scalar) -> None:
    match datatype:
        case Datatype.DOUBLE:
            message.double_value = value
        case Datatype.STRING:
            message.string_value = value
        case Datatype.BOOLEAN:
            message.boolean_value = value
        case Datatype.INT32:
            message.int_value = int(value or 0) & _MASK_32
        case Datatype.FLOAT:
            message.float_value = value
        case _:
            message.long_value = int(value or 0) & _MASK_64


def _property(message: Any, value: Scalar) -> None:
    """Properties need their type in births; it costs two bytes, so they have it always."""
    match value:
        case bool():
            datatype = Datatype.BOOLEAN
        case int():
            datatype = Datatype.INT32
        case float():
            datatype = Datatype.DOUBLE
        case _:
            datatype = Datatype.STRING
    message.type = datatype
    if value is None:
        message.is_null = True
    else:
        _put(message, datatype, value)


def _written(metric: Any) -> Written:
    return Written(_of(metric, "name"), _of(metric, "alias"), _value(metric), _of(metric, "timestamp"))


def _of(message: Any, field: str) -> Any:
    if not message.HasField(field):
        return None
    value = getattr(message, field)
    if isinstance(value, bytes):  # how the runtime hands out a text that is none
        raise ValueError("a text in this payload is not UTF-8")
    return value


def _value(metric: Any) -> Scalar:
    """By the field it stands in: a command need not name its type. Whole numbers are signed, as their declared types are."""
    if metric.HasField("int_value"):
        number = int(metric.int_value)
        return number - (1 << 32) if number >> 31 and metric.datatype in (1, 2, 3) else number
    if metric.HasField("long_value"):
        number = int(metric.long_value)
        return number - (1 << 64) if number >> 63 and metric.datatype == Datatype.INT64 else number
    fields = ("double_value", "float_value", "boolean_value", "string_value")
    found: Scalar = next((_of(metric, field) for field in fields if metric.HasField(field)), None)
    return found


def _declare() -> tuple[Any, Any]:
    """The classes of the messages Payload and Metric."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, shape in fields:
            kind = shape.removesuffix("*")
            declared = message.field.add(
                name=field, number=number, label=_REPEATED if kind != shape else _OPTIONAL
            )
            if kind in _TYPES:
                declared.type = _TYPES[kind]
            else:
                declared.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
                declared.type_name = f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    payload, metric = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("Payload", "Metric")
    )
    return payload, metric


_PAYLOAD, _METRIC = _declare()
