"""Sparkplug B payloads to objects and back (chapter 6.4, "Google Protocol Buffer Schema").

Strict where protobuf is lenient: an unknown field, a wrong wire type, two values in one metric or text that is not
UTF-8 is a `PayloadError`. Numbers too large for their field and list lengths that differ are kept for the judge.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hil.host import wire
from hil.host.wire import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INT32, INT64, FLOAT, DOUBLE, BOOLEAN, STRING, DATETIME, DATASET, TEMPLATE = 3, 4, 9, 10, 11, 12, 13, 16, 19
METRIC_TYPES = frozenset((*range(1, 20), *range(22, 35)))  # 6.4.16; 20 and 21 are for properties only
PROPERTY_TYPES = frozenset((*range(1, 15), 20, 21))

Raw = int | float | bool | str | bytes

# Number of the value field for a data type, in a metric (int, long, float, double, boolean, string, bytes, ...).
_INT, _LONG, _BYTES = 10, 11, 16
FIELD_OF: Mapping[int, int] = {
    **dict.fromkeys((1, 2, 3, 5, 6, 7), _INT),
    **dict.fromkeys((4, 8, 13), _LONG),
    FLOAT: 12,
    DOUBLE: 13,
    BOOLEAN: 14,
    **dict.fromkeys((12, 14, 15), 15),
    **dict.fromkeys((17, 18, *range(22, 35)), _BYTES),
    DATASET: 17,
    TEMPLATE: 18,
}
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
_PROPERTY_SHIFT = 7  # int_value is field 10 of a metric and field 3 of a property, and so on to string_value


@dataclass(frozen=True, slots=True)
class Property:
    """A PropertyValue: its type, and a value as it lies in its field (numbered as in a metric)."""

    kind: int | None = None
    at: int | None = None
    raw: Raw | None = None
    null: bool = False


@dataclass(frozen=True, slots=True)
class Properties:
    """A PropertySet; keys and values are as many as were sent, not always equally many."""

    keys: tuple[str, ...] = ()
    values: tuple[Property, ...] = ()

    def get(self, key: str) -> Property | None:
        """The value behind a key."""
        return dict(zip(self.keys, self.values, strict=False)).get(key)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric; `timestamp` in ms UTC, `at` the number of the field that holds `raw`."""

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: int | None = None
    historical: bool = False
    transient: bool = False
    null: bool = False
    properties: Properties | None = None
    at: int | None = None
    raw: Raw | None = None

    def value(self, datatype: int | None = None) -> Raw | None:
        """The value as its type means it: its own, or the one that its birth gave; None for null."""
        return value_of(self.raw, self.datatype or datatype)


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload; `timestamp` in ms UTC."""

    timestamp: int | None = None
    metrics: tuple[Metric, ...] = ()
    seq: int | None = None
    uuid: str | None = None
    body: bytes | None = None


def value_of(raw: Raw | None, datatype: int | None) -> Raw | None:
    """Signed numbers lie as two's complement in unsigned fields (6.4.16)."""
    bits = _SIGNED_BITS.get(datatype or 0)
    if bits is None or isinstance(raw, bool) or not isinstance(raw, int):
        return raw
    low: int = raw & (1 << bits) - 1
    return low - (1 << bits) if low >> bits - 1 else low


def make(
    name: str | None,
    value: Raw | None,
    datatype: int,
    timestamp: int | None,
    *,
    alias: int | None = None,
    properties: Properties | None = None,
    historical: bool = False,
) -> Metric:
    """A metric of a value; None and numbers that are not finite become null."""
    null = value is None or (isinstance(value, float) and not math.isfinite(value))
    if isinstance(value, int) and not isinstance(value, bool):
        value &= 0xFFFFFFFF if FIELD_OF[datatype] == _INT else 0xFFFFFFFFFFFFFFFF
    return Metric(
        name=name,
        alias=alias,
        timestamp=timestamp,
        datatype=datatype,
        historical=historical,
        null=null,
        properties=properties,
        at=None if null else FIELD_OF[datatype],
        raw=None if null else value,
    )


@dataclass(slots=True)
class _Fields:
    """Fields of one message by number, each taken with its wire type checked."""

    where: str
    found: dict[int, list[tuple[int, int | bytes]]] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: bytes, where: str, last: int) -> _Fields:
        self = cls(where)
        for number, kind, content in wire.fields(raw, where):
            if number > last:
                raise PayloadError(f"{where}: field {number} is unknown")
            self.found.setdefault(number, []).append((kind, content))
        return self

    def all(self, number: int, kind: int) -> list[int | bytes]:
        """Every occurrence of a field."""
        for given, _ in self.found.get(number, ()):
            if given != kind:
                raise PayloadError(f"{self.where}: field {number} has wire type {given}, not {kind}")
        return [content for _, content in self.found.get(number, ())]

    def _one(self, number: int, kind: int) -> int | bytes | None:
        every = self.all(number, kind)
        if len(every) > 1:
            raise PayloadError(f"{self.where}: field {number} comes {len(every)} times")
        return every[0] if every else None

    def number(self, number: int) -> int | None:
        """A varint."""
        value = self._one(number, wire.VARINT)
        return value if isinstance(value, int) else None

    def flag(self, number: int) -> bool | None:
        """A boolean."""
        value = self.number(number)
        if value is not None and value > 1:
            raise PayloadError(f"{self.where}: field {number} is {value}, not true or false")
        return None if value is None else bool(value)

    def data(self, number: int) -> bytes | None:
        """Bytes with a length."""
        value = self._one(number, wire.LENGTH)
        return value if isinstance(value, bytes) else None

    def text(self, number: int) -> str | None:
        """A string."""
        raw = self.data(number)
        return None if raw is None else utf8(raw, f"{self.where}: field {number}")

    def real(self, number: int, kind: int) -> float | None:
        """A float (little-endian, 4 bytes) or a double (8)."""
        raw = self._one(number, kind)
        if not isinstance(raw, bytes):
            return None
        value: float = struct.unpack("<f" if kind == wire.FIXED32 else "<d", raw)[0]
        return value

    def scalar(self, shift: int = 0) -> tuple[int | None, Raw | None]:
        """The one value of a metric (or, shifted, of a property) and the number of its field."""
        readers: tuple[Callable[[], Raw | None], ...] = (
            lambda: self.number(_INT - shift),
            lambda: self.number(_LONG - shift),
            lambda: self.real(12 - shift, wire.FIXED32),
            lambda: self.real(13 - shift, wire.FIXED64),
            lambda: self.flag(14 - shift),
            lambda: self.text(15 - shift),
            *((lambda n=n: self.data(n - shift)) for n in (_BYTES, 17, 18, 19)[: 2 if shift else 4]),
        )
        given = [(_INT + index, value) for index, read in enumerate(readers) if (value := read()) is not None]
        if len(given) > 1:
            raise PayloadError(f"{self.where}: {len(given)} values at once")
        return given[0] if given else (None, None)


def utf8(raw: bytes, where: str) -> str:
    """Text, or a PayloadError that says where it is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise PayloadError(f"{where} is not UTF-8: {error.reason}") from None


def decode(raw: bytes) -> Payload:
    """A payload; PayloadError for anything else."""
    fields = _Fields.of(raw, "payload", 5)
    return Payload(
        timestamp=fields.number(1),
        metrics=tuple(
            _metric(content, f"metric {index}")
            for index, content in enumerate(fields.all(2, wire.LENGTH))
            if isinstance(content, bytes)
        ),
        seq=fields.number(3),
        uuid=fields.text(4),
        body=fields.data(5),
    )


def _metric(raw: bytes, where: str) -> Metric:
    fields = _Fields.of(raw, where, 19)
    name = fields.text(1)
    fields.where = f"{where} ({name})" if name else where
    properties = fields.data(9)
    at, value = fields.scalar()
    return Metric(
        name=name,
        alias=fields.number(2),
        timestamp=fields.number(3),
        datatype=fields.number(4),
        historical=bool(fields.flag(5)),
        transient=bool(fields.flag(6)),
        null=bool(fields.flag(7)),
        properties=None if properties is None else _properties(properties, f"{fields.where}, properties"),
        at=at,
        raw=value,
    )


def _properties(raw: bytes, where: str) -> Properties:
    fields = _Fields.of(raw, where, 2)
    keys = [utf8(key, where) for key in fields.all(1, wire.LENGTH) if isinstance(key, bytes)]
    values = []
    for content in fields.all(2, wire.LENGTH):
        inner = _Fields.of(content if isinstance(content, bytes) else b"", where, 10)
        at, value = inner.scalar(_PROPERTY_SHIFT)
        values.append(Property(inner.number(1), at, value, bool(inner.flag(2))))
    return Properties(tuple(keys), tuple(values))
