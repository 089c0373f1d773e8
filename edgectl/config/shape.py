"""From nodes to typed records: every value is read as the type that is wanted of it, every misfit is reported where it stands.

The walk turns text into Python values by the declared types, so that ``on``, ``010`` or ``0012`` never become something else on the way, and reports
unknown keys. pydantic then checks what must be there and what fits together. Works for the sections of the files (pydantic models) and
for a driver's ``Options`` (standard dataclasses) alike.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from edgectl.config.draft import Draft, Path, text_at
from edgectl.config.problem import cut
from edgectl.config.quantity import Unreadable, number
from edgectl.config.suggestion import did_you_mean, listed, nearest
from edgectl.config.yaml_node import MappingNode, Node, Scalar, SequenceNode, describe, is_empty

Objection = Callable[[Draft, Path, str], None]
_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")
_HEX = re.compile(r"0x[0-9A-Fa-f]{1,16}")
_QUOTED = re.compile(r"'([^']*)'")
_BROKEN = object()  # stands for a value whose problem is on record
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def read(draft: Draft, path: Path, node: Node, kind: Any, objection: Objection | None = None) -> Any:
    """``node`` as ``kind``, or None with its problems in the draft. Unknown keys are reported and left out.

    ``objection`` places what a record says of itself as a whole (``__post_init__``), where it knows better than the record's own place.
    """
    walk = _Walk(draft)
    data = walk.value(path, node, kind)
    if data is _BROKEN:
        return None
    try:
        return _validated(kind, data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            where = walk.where(path, detail)
            if objection and _is_record(walk.records.get(where)) and detail["type"] == "value_error":
                objection(draft, where, str(detail["ctx"]["error"]))
            else:
                walk.report(where, detail)
        return None


def _validated(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        # JSON mode is strict about types, yet takes lists for tuples and words for enums, as YAML has to
        return TypeAdapter(kind).validate_json(json.dumps(data), strict=True)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind.model_validate(data)
    return TypeAdapter(kind).validate_python(data)


def whole(text: str) -> int:
    """A whole number, decimal or ``0x`` hexadecimal.

    Raises:
        Unreadable: anything else.
    """
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _WHOLE.fullmatch(text):
        return int(text)
    number(text, "a whole number")
    raise Unreadable(f"'{cut(text)}' is not a whole number")


def truth(text: str) -> bool:
    """``true`` or ``false``.

    Raises:
        Unreadable: any other word.
    """
    if text not in ("true", "false"):
        raise Unreadable(f"'{cut(text)}' is neither true nor false", "write true or false")
    return text == "true"


_READERS: tuple[tuple[type[Any], Callable[[str], Any]], ...] = ((bool, truth), (int, whole), (float, number))


class _Walk:
    """One reading: remembers what was probably meant by unknown keys, and which record stands where."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._meant: set[Path] = set()
        self.records: dict[Path, Any] = {}

    def value(self, path: Path, node: Node, kind: Any) -> Any:
        if is_empty(node):
            self._draft.error(
                path, "nothing is written here", "write a value or delete the line", on_key=True
            )
            return _BROKEN
        arms = list(_arms(kind))
        if Any in arms:
            return None
        if isinstance(node, MappingNode):
            return self._mapping(path, node, arms)
        if isinstance(node, SequenceNode):
            return self._sequence(path, node, arms)
        return self._scalar(path, node, arms)

    def _mapping(self, path: Path, node: MappingNode, arms: list[Any]) -> Any:
        for arm in arms:
            if _is_record(arm):
                return self._record(path, node, arm)
            if typing.get_origin(arm) in (dict, Mapping):
                item = typing.get_args(arm)[1]
                found = {
                    key: self.value((*path, key), entry.node, item) for key, entry in node.entries.items()
                }
                return {key: value for key, value in found.items() if value is not _BROKEN}
        return self._misfit(path, node, arms)

    def _record(self, path: Path, node: MappingNode, kind: Any) -> dict[str, Any]:
        hints = _fields(kind)
        self.records[path] = kind
        data: dict[str, Any] = {}
        for key, entry in node.entries.items():
            if key in hints:
                value = self.value((*path, key), entry.node, hints[key])
                data |= {} if value is _BROKEN else {key: value}
                continue
            free = [name for name in hints if name not in node.entries]
            near = nearest(key, free) or nearest(key, hints)
            self._meant.add((*path, near))
            message = f"unknown key '{cut(key)}'; allowed here: {listed(hints)}"
            hint = f"did you mean '{near}'?" if near else ""
            self._draft.error((*path, key), message, hint, on_key=True)
        return data

    def _sequence(self, path: Path, node: SequenceNode, arms: list[Any]) -> Any:
        for arm in arms:
            if typing.get_origin(arm) in (tuple, list, Sequence):
                item = typing.get_args(arm)[0]
                found = [self.value((*path, i), part, item) for i, part in enumerate(node.items)]
                return _BROKEN if _BROKEN in found else found
        return self._misfit(path, node, arms)

    def _misfit(self, path: Path, node: Node, arms: list[Any]) -> object:
        self._draft.error(path, f"expected {_wanted(arms)}, found {describe(node)}")
        return _BROKEN

    def _scalar(self, path: Path, node: Scalar, arms: list[Any]) -> Any:
        try:
            return _scalar(node, arms)
        except Unreadable as error:
            self._draft.error(path, str(error), error.hint)
        except LookupError:
            self._misfit(path, node, arms)
        return _BROKEN

    def report(self, where: Path, detail: ErrorDetails) -> None:
        """One finding of pydantic, in our words."""
        if detail["type"] == "missing":
            if where not in self._meant:
                self._draft.missing(where, self._example(where))
            return
        message, hint = _words(detail, text_at(self._draft.node(where)))
        self._draft.error(where, message, hint)

    def where(self, path: Path, detail: ErrorDetails) -> Path:
        """The location of a finding without the names of union arms."""
        last = len(detail["loc"]) - 1
        for i, part in enumerate(detail["loc"]):
            if self._draft.node((*path, part)) is not None or (i == last and detail["type"] == "missing"):
                path = (*path, part)
        return path

    def _example(self, where: Path) -> str:
        kind = self.records.get(where[:-1])
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return ""
        field = kind.model_fields[str(where[-1])]
        example = f"write for example '{where[-1]}: {field.examples[0]}'" if field.examples else ""
        return "; ".join(part for part in (field.description, example) if part)


def _words(detail: ErrorDetails, text: str) -> tuple[str, str]:
    """Message and hint."""
    context = detail.get("ctx", {})
    shown = f"'{cut(text)}'" if text else "this"
    if isinstance(error := context.get("error"), ValueError):
        return str(error), getattr(error, "hint", "")
    if detail["type"] in _BOUNDS:
        key, words = _BOUNDS[detail["type"]]
        return f"{shown} is out of range; allowed: {words} {context[key]}", ""
    if detail["type"] in ("enum", "literal_error"):
        choice = _QUOTED.findall(context["expected"])
        return f"{shown} is not known here; allowed: {listed(choice)}", did_you_mean(text, choice)
    return f"{shown} does not fit: {detail['msg'].removeprefix('Input should ')}", ""


def _arms(kind: Any) -> list[Any]:
    """The alternatives of a type, None and outer annotations removed; a type with its own reader counts as text."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        if any(isinstance(part, BeforeValidator) for part in kind.__metadata__):
            return [str]
        return _arms(kind.__origin__)
    if origin in (typing.Union, types.UnionType):
        return [arm for part in typing.get_args(kind) for arm in _arms(part)]
    return [] if kind is types.NoneType else [kind]


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or issubclass(kind, BaseModel))


@functools.cache
def _fields(kind: Any) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    names = (
        kind.model_fields
        if issubclass(kind, BaseModel)
        else [f.name for f in dataclasses.fields(kind) if f.init]
    )
    return {name: hints[name] for name in names}


def _is_word(arm: Any) -> bool:
    return (
        arm is str
        or typing.get_origin(arm) is typing.Literal
        or (isinstance(arm, type) and issubclass(arm, enum.Enum))
    )


def _scalar(node: Scalar, arms: list[Any]) -> Any:
    """The value of a scalar as the first alternative that can be it; numbers before words.

    Raises:
        Unreadable: no alternative can be it.
        LookupError: no alternative is a single value.
    """
    failure: Unreadable | None = None
    for kind, reader in _READERS:
        if kind in arms:
            try:
                return reader(node.text)
            except Unreadable as error:
                failure = error
    if any(_is_word(arm) for arm in arms):
        return node.text
    raise failure or LookupError


def _wanted(arms: list[Any]) -> str:
    words = []
    for arm in arms:
        if _is_record(arm) or typing.get_origin(arm) in (dict, Mapping):
            words.append("'key: value' lines")
        elif typing.get_origin(arm) in (tuple, list, Sequence):
            words.append("a list")
        else:
            words.append("one value")
    return " or ".join(dict.fromkeys(words))
