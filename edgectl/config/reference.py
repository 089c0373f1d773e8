"""The reference of all keys as Markdown, made from the models and from what the drivers declare.

``python -m edgectl.config.reference FILE`` writes it anew.
"""

from __future__ import annotations

import builtins
import dataclasses
import enum
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edgectl.config.driver_catalog import DriverKind, driver_names, load_driver
from edgectl.config.field import Amount, Duration, FilePath, Name, Range, SecretFile, Within, Word
from edgectl.config.form import FORMS
from edgectl.config.quantity import show_duration
from edgectl.config.unit import UNITS
from edgectl.model.instrument import Channel

_PREFACE = """# What may stand in a unit folder

A unit is a folder with `unit.yaml`, `safety.yaml` and, if it reports to a broker, `uplink.yaml`; `edgectl tune` adds `tuning.yaml`. `edgectl check FOLDER` finds every mistake in
them and says where it is. This page is made from the same models that check the files.

* **Quantities carry their unit**: `37.0 degC`, `100 ms`, `2 mL/min`; ranges are `0..14 pH`, rates `0.5 K/min`, gains `6 degC/K`. A temperature is in
  `degC`, a difference of temperatures in `K`. Numbers have a decimal point. Texts that begin with `%` need quotes: `"%-sat"`.
* **Text stays text**: `on`, `010`, `1:30` are never turned into something else. Switches take `on` and `off`, questions `true` and `false`.
* **No line is without a value**, no key is there twice, and a value stands on its own line. Anchors, aliases and tags of YAML are not used.
* **Names** begin with a letter and go on with letters, digits, `-` and `_`, at most 32.
* Any value can be replaced from the command line: `--set lines.probes.port=/dev/ttyS3`.
"""

_KINDS: Mapping[Any, str] = types.MappingProxyType(
    {
        Duration: "time",
        Amount: "quantity",
        Range: "range",
        Name: "name",
        Word: "text",
        FilePath: "full path",
        SecretFile: "file in the secrets directory, or full path",
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true, false",
    }
)


def reference() -> str:
    """The whole page."""
    parts = [_PREFACE]
    for name, form in FORMS.items():
        parts += [f"## {name}\n", f"{_doc(form)}\n", *_sections(form)]
    parts += ["## Drivers\n", *(_driver(load_driver(name)) for name in driver_names())]
    parts += ["## Units\n", _units()]
    return "\n".join(parts)


def _sections(form: type[BaseModel]) -> Iterator[str]:
    yield _table(form)
    for name, kind in _hints(form).items():
        models = [arm for arm in _leaves(kind) if _is_model(arm)]
        for model in models:
            yield f"### {name}" + (f": {model.__name__}" if len(models) > 1 else "") + "\n"
            yield f"{_doc(model)}\n"
            yield _table(model)
            yield from _inner(model)


def _inner(model: type[BaseModel]) -> Iterator[str]:
    """The sections inside a section."""
    for name, kind in _hints(model).items():
        for inner in filter(_is_model, _leaves(kind)):
            yield f"#### {name}\n"
            yield f"{_doc(inner)}\n"
            yield _table(inner)
            yield from _inner(inner)


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | kind | without it | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        meaning = (field.description or "").replace("|", "\\|")
        example = f" Example: `{field.examples[0]}`" if field.examples else ""
        kind = _kind(_hints(model)[name])
        default = _default(field, number=kind == _KINDS[float])
        rows.append(f"| `{name}` | {kind}{_bounds(field)} | {default} | {meaning}.{example} |")
    return "\n".join(rows) + "\n"


def _hints(model: Any) -> dict[str, Any]:
    return typing.get_type_hints(model, include_extras=True)


def _leaves(kind: Any) -> Iterator[Any]:
    """The types a declared type is made of, the outer one first."""
    yield kind
    for part in typing.get_args(kind):
        yield from _leaves(part)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kind(kind: Any) -> str:
    if kind in _KINDS:
        return _KINDS[kind]
    args = typing.get_args(kind)
    match typing.get_origin(kind):
        case typing.Annotated:
            return _annotated(kind)
        case typing.Union | types.UnionType:
            found = " or ".join(dict.fromkeys(_kind(arm) for arm in args if arm is not types.NoneType))
        case typing.Literal:
            found = ", ".join(f"`{arm}`" for arm in args)
        case builtins.list | builtins.tuple:
            found = f"list of {_kind(args[0])}"
        case builtins.dict:
            found = "keys and values" if args[1] is Any else f"names, each with {_kind(args[1])}"
        case _ if isinstance(kind, type) and issubclass(kind, enum.Enum):
            found = ", ".join(f"`{member.value}`" for member in kind)
        case _:
            found = "section"
    return found


def _annotated(kind: Any) -> str:
    """Annotations of annotations are merged: our own kinds are known by their readers."""
    for known, word in _KINDS.items():
        if typing.get_origin(known) is typing.Annotated and known.__metadata__[0] in kind.__metadata__:
            return word
    return _kind(kind.__origin__)


def _bounds(field: FieldInfo) -> str:
    """Bounds of times and numbers, whether they stand at the field or inside an optional type."""
    metadata = [*field.metadata]
    for part in _leaves(field.annotation):
        metadata += getattr(part, "__metadata__", ())
    for item in metadata:
        if isinstance(within := getattr(item, "func", None), Within):
            return f", {within}"
    low, high = (next((getattr(m, key) for m in metadata if hasattr(m, key)), None) for key in ("ge", "le"))
    return f", {low} to {high}" if low is not None and high is not None else ""


def _default(field: FieldInfo, *, number: bool) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if value in (None, "", {}, [], ()):
        return ""
    if isinstance(value, enum.Enum):
        return f"`{value.value}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{show_duration(value) if isinstance(value, float) and not number else value}`"


def _doc(thing: Any) -> str:
    return " ".join((inspect.getdoc(thing) or "").split())


def _driver(kind: DriverKind) -> str:
    lines = [f"### {kind.name}\n", f"{_doc(inspect.getmodule(kind.options))}", f"Manual: {kind.manual}.\n"]
    lines += [f"Options: {_doc(kind.options)}\n".replace("``", "`"), _option_table(kind.options)]
    try:
        channels = kind.channels(kind.options())
    except TypeError:
        lines.append("Channels depend on the options.\n")
    else:
        lines.append(_channel_table(channels))
    return "\n".join(lines)


def _option_table(options: Any) -> str:
    if not dataclasses.fields(options):
        return ""
    rows = ["| option | kind | without it |", "|---|---|---|"]
    inner: list[str] = []
    hints = _hints(options)
    for field in dataclasses.fields(options):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = "" if field.default in (None, "", (), dataclasses.MISSING) else f"`{_plain(field.default)}`"
        rows.append(
            f"| `{field.name}` | {_kind(hints[field.name])} | {'**required**' if required else default} |"
        )
        for part in _leaves(hints[field.name]):
            if dataclasses.is_dataclass(part):
                inner += [f"Each of `{field.name}`: {_doc(part)}\n".replace("``", "`"), _option_table(part)]
    return "\n".join([*rows, "", *inner])


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value.value if isinstance(value, enum.Enum) else value


def _channel_table(channels: tuple[Channel, ...]) -> str:
    rows = ["| channel | unit | range | written | meaning |", "|---|---|---|---|---|"]
    for c in channels:
        unit = "on, off" if c.discrete and c.writable else c.unit
        written = "yes" if c.writable else ""
        rows.append(f"| `{c.name}` | {unit} | {c.low:g}..{c.high:g} | {written} | {c.description} |")
    return "\n".join(rows) + "\n"


def _units() -> str:
    rows: dict[str, list[str]] = {}
    for unit in UNITS.values():
        rows.setdefault(unit.dimension, []).append(f"`{unit.name}`" if unit.name else "(none)")
    lines = [
        "| quantity | units |",
        "|---|---|",
        *(f"| {dim} | {', '.join(names)} |" for dim, names in rows.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page to the file named on the command line."""
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
