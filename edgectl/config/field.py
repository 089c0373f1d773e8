"""The kinds of value that stand in the files, as annotated types: how each is read, bounded and shown to editors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from edgectl.config.character import visible
from edgectl.config.quantity import (
    Quantity,
    Span,
    Unreadable,
    parse_duration,
    parse_quantity,
    parse_span,
    show_duration,
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_NUMBER = r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"


class Section(BaseModel):
    """A part of a file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Within:
    """Bounds of a duration in seconds."""

    low_s: float
    high_s: float

    def __call__(self, value: float) -> float:
        """``value`` if it lies inside.

        Raises:
            Unreadable: outside.
        """
        if not self.low_s <= value <= self.high_s:
            raise Unreadable(f"{show_duration(value)} is out of range; allowed: {self}")
        return value

    def __str__(self) -> str:
        return f"{show_duration(self.low_s)} to {show_duration(self.high_s)}"


def within(low_s: float, high_s: float) -> AfterValidator:
    """A duration has to lie in ``low_s``..``high_s``."""
    return AfterValidator(Within(low_s, high_s))


def check_name(text: str) -> str:
    """A name of a part: it becomes a key in records and a level in topics.

    Raises:
        Unreadable: other characters, or too long.
    """
    if not _NAME.fullmatch(text):
        raise Unreadable(
            f"{visible(text)} cannot be a name", "use a letter, then letters, digits, '-' and '_', at most 32"
        )
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise Unreadable(f"{visible(text)} is not a full path", "begin it with '/'")
    return text


def _secret(text: str) -> str:
    if "/" in text and not text.startswith("/"):
        raise Unreadable(
            f"{visible(text)} is neither a name nor a full path",
            "write the name of a file in the secrets directory",
        )
    return text


Name = Annotated[
    str, BeforeValidator(check_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})
]
# A word that may look like a number, such as an address or a serial number
Word = Annotated[str, WithJsonSchema({"type": ["string", "integer"]})]
SecretFile = Annotated[
    str, BeforeValidator(_secret), WithJsonSchema({"type": "string", "pattern": "^(/.*|[^/]*)$"})
]
FilePath = Annotated[str, BeforeValidator(_path), WithJsonSchema({"type": "string", "pattern": "^/"})]
Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{_NUMBER} ?(ms|s|min|h|d)$"}),
]
Amount = Annotated[
    Quantity,
    BeforeValidator(parse_quantity),
    # a number alone is right for a value without a unit
    WithJsonSchema({"type": ["string", "number"], "pattern": f"^({_NUMBER}.*|on|off)$"}),
]
Range = Annotated[
    Span,
    BeforeValidator(parse_span),
    WithJsonSchema({"type": "string", "pattern": rf"^{_NUMBER}.*\.\..*$"}),
]
