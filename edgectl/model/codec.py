"""Model dataclasses to JSON and back, exactly; and the digest of a plan."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from edgectl.model.plan import Plan

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """A value of model types as JSON types. Floats keep every bit (``repr`` round trip)."""
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return value


def from_plain(kind: type[T], data: Any) -> T:
    """The inverse of ``to_plain`` for a dataclass, NamedTuple or enum.

    Raises:
        ValueError: ``data`` does not fit ``kind``; the text names the field.
    """
    return typing.cast("T", _build(kind, data, kind.__name__))


def _build(kind: Any, data: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _build_union(kind, data, where)
    if origin is not None:
        return _build_container(kind, data, where)
    if kind is Any:
        return data
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(data)
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        return _build_record(kind, data, where)
    return _build_scalar(kind, data, where)


def _build_container(kind: Any, data: Any, where: str) -> Any:
    if typing.get_origin(kind) is tuple and isinstance(data, list | tuple):
        items = typing.get_args(kind)
        if items[-1] is Ellipsis:
            items = items[:1] * len(data)
        if len(items) != len(data):
            raise ValueError(f"{where}: expected {len(items)} parts, found {len(data)}")
        return tuple(
            _build(item, part, f"{where}[{i}]")
            for i, (item, part) in enumerate(zip(items, data, strict=True))
        )
    if typing.get_origin(kind) is not tuple and isinstance(data, Mapping):
        item = typing.get_args(kind)[1]
        return {key: _build(item, part, f"{where}.{key}") for key, part in data.items()}
    raise ValueError(f"{where}: expected {kind}, found {data!r}")


def _build_union(kind: Any, data: Any, where: str) -> Any:
    if data is None:
        return None
    choices = [arm for arm in typing.get_args(kind) if arm is not types.NoneType]
    for arm in choices[:-1]:
        try:
            return _build(arm, data, where)
        except ValueError:
            continue
    return _build(choices[-1], data, where)


def _build_record(kind: Any, data: Any, where: str) -> Any:
    hints = typing.get_type_hints(kind)
    if isinstance(data, list | tuple):
        data = dict(zip(hints, data, strict=False))
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: expected an object")
    if unknown := sorted(set(data) - set(hints)):
        raise ValueError(f"{where}: unknown field {unknown[0]!r}")
    try:
        return kind(**{key: _build(hints[key], part, f"{where}.{key}") for key, part in data.items()})
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None


def _build_scalar(kind: Any, data: Any, where: str) -> Any:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if type(data) is not kind:
        raise ValueError(f"{where}: expected {kind.__name__}, found {data!r}")
    return data


def canonical(value: Any) -> bytes:
    """The one JSON form that digests are taken of: sorted keys, no blanks, UTF-8, no NaN."""
    text = json.dumps(
        to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def digest_of(plan: Plan) -> str:
    """SHA-256 (hex) over the canonical JSON of the plan without its digest."""
    return hashlib.sha256(canonical(dataclasses.replace(plan, digest=""))).hexdigest()


def seal(plan: Plan) -> Plan:
    """The plan with its digest filled in."""
    return dataclasses.replace(plan, digest=digest_of(plan))


def load_plan(text: str | bytes) -> Plan:
    """A compiled plan from its JSON, believed only if its digest fits.

    Raises:
        ValueError: not JSON, not a plan, or altered since it was compiled.
    """
    plan = from_plain(Plan, json.loads(text))
    if plan.digest != digest_of(plan):
        raise ValueError("plan: the digest does not fit the content; compile the unit folder again")
    return plan
