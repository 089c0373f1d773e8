"""Numbers with units as technicians write them: ``37.0 degC``, ``100 ms``, ``0..14 pH``, ``0.5 K/min``, ``6 degC/K``.

Syntax first (``Quantity``, ``Span``), meaning later, when it is known which unit is wanted: ``value_in``, ``difference_in``, ``rate_in``,
``gain_in``. Nothing is guessed: a comma, a missing, wrong or unknown unit, ``nan`` and ``inf`` are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from edgectl.config.character import visible
from edgectl.config.suggestion import did_you_mean
from edgectl.config.unit import SWITCH, UNITS, allowed, allowed_difference, respelled, unit_of

_NUMBER = r"[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?"
_UNIT = r"(?:[^\s0-9.,_:+].*)?"
_PLAIN_NUMBER = re.compile(_NUMBER)
_QUANTITY = re.compile(rf"({_NUMBER})\s*({_UNIT})")
_SPAN = re.compile(rf"({_NUMBER})\s*({_UNIT}?)\s*\.\.\s*({_NUMBER})\s*({_UNIT})")
_TIMES = ("s", "ms", "min", "h", "d")
_ANSWERS = ("yes", "no", "y", "n", "true", "false", "on", "off")


class Unreadable(ValueError):
    """A value that cannot be taken as what is wanted. ``hint`` says what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and the unit it was written with; ``on`` and ``off`` have the unit ``SWITCH``."""

    value: float
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """Two numbers with one unit, ``low..high`` as written."""

    low: float
    high: float
    unit: str
    text: str


def number(text: str, wanted: str = "a number") -> float:
    """A plain decimal number.

    Raises:
        Unreadable: anything else, with the reason.
    """
    if not _PLAIN_NUMBER.fullmatch(text):
        raise _not_a_number(text, wanted)
    value = float(text)
    if not math.isfinite(value):
        raise Unreadable(f"{visible(text)} is larger than any number here")
    return value


_MISTAKES: tuple[tuple[str, str, str | None], ...] = (
    # what it looks like, what is wrong with it, and the text that repairs it (None: nothing can be guessed)
    (r"([0-9]),([0-9])", "has a decimal comma", r"\1.\2"),
    ("[\N{MINUS SIGN}\N{EN DASH}]", "has a dash that is no minus sign", "-"),
    (r"^[0-9]+(?::[0-9]+)+$", "is a clock time", None),
    (r"(?<=[0-9])_(?=[0-9])", "has an underscore in the number", ""),
    (r"^([+-]?)0+(?=[0-9])", "begins with a zero", r"\1"),
    (r"^([+-]?)\.(?=[0-9])", "begins with a point", r"\g<1>0."),
    (r"^([0-9]+) (?=[0-9])", "has a blank inside the number", r"\1"),
)


def _not_a_number(text: str, wanted: str) -> Unreadable:
    shown = visible(text)
    if text.lstrip("+-.").casefold().startswith(("nan", "inf")):
        return Unreadable(f"{shown} is not a number a process can have", f"write {wanted}")
    if text.casefold() in _ANSWERS:
        return Unreadable(f"{shown} is not known here", f"a switch is on or off; anything else is {wanted}")
    for pattern, fault, repair in _MISTAKES:
        if re.search(pattern, text):
            hint = f"write {wanted}" if repair is None else f"write {re.sub(pattern, repair, text)}"
            return Unreadable(f"{shown} {fault}", hint)
    return Unreadable(f"{shown} is not {wanted}")


def parse_quantity(text: str, wanted: str = "a number with its unit") -> Quantity:
    """One number with its unit, or ``on``/``off``.

    Raises:
        Unreadable: the text is nothing of the kind.
    """
    if text in ("on", "off"):
        return Quantity(1.0 if text == "on" else 0.0, SWITCH, text)
    if ".." in text and _SPAN.fullmatch(text):
        raise Unreadable(f"{visible(text)} is a range; one value is wanted here")
    found = _QUANTITY.fullmatch(text)
    if not found:
        raise _not_a_number(text, wanted)
    return Quantity(number(found[1]), found[2].strip(), text)


def parse_span(text: str) -> Span:
    """``low..high unit``.

    Raises:
        Unreadable: the text is nothing of the kind, or the two ends have different units.
    """
    found = _SPAN.fullmatch(text)
    if not found:
        if _QUANTITY.fullmatch(text):
            raise Unreadable(
                f"{visible(text)} is one value; a range is wanted", f"write for example 0..{text}"
            )
        raise _not_a_number(text, "a range such as 0..14 pH")
    first, last = found[2].strip(), found[4].strip()
    if first not in ("", last):
        raise Unreadable(
            f"the two ends of {visible(text)} have different units", "write the unit once, at the end"
        )
    return Span(number(found[1]), number(found[3]), last, text)


def parse_duration(text: str) -> float:
    """A length of time in seconds.

    Raises:
        Unreadable: not a number, or not with one of ``ms``, ``s``, ``min``, ``h``, ``d``.
    """
    quantity = parse_quantity(text, "a time such as 5 s")
    return _convert(quantity.value, quantity.unit, "s", _TIMES, text)


def value_in(quantity: Quantity, unit: str) -> float:
    """The value in ``unit``.

    Raises:
        Unreadable: written in a unit that does not fit.
    """
    return _convert(quantity.value, quantity.unit, unit, allowed(unit), quantity.text)


def span_in(span: Span, unit: str) -> tuple[float, float]:
    """Both ends in ``unit``, in the order written.

    Raises:
        Unreadable: written in a unit that does not fit.
    """
    names = allowed(unit)
    low = _convert(span.low, span.unit, unit, names, span.text)
    return low, _convert(span.high, span.unit, unit, names, span.text)


def difference_in(quantity: Quantity, unit: str) -> float:
    """A difference of two values of ``unit``, in ``unit``; for ``degC`` it is written in ``K``.

    Raises:
        Unreadable: written in a unit that does not fit.
    """
    return _convert(quantity.value, quantity.unit, unit, allowed_difference(unit), quantity.text)


def rate_in(quantity: Quantity, unit: str) -> float:
    """A rate of change (``0.5 K/min``) in ``unit`` per second.

    Raises:
        Unreadable: written in a unit that does not fit.
    """
    names = allowed_difference(unit)
    for left, right in _ratios(quantity.unit):
        if left in names and right in _TIMES:
            return quantity.value * _factor(left) / _factor(unit) / _factor(right)
    examples = [f"{_shown(names[0], rate=True)}/{time}" for time in ("s", "min", "h")]
    raise _wrong_unit(quantity.text, quantity.unit, examples)


def gain_in(quantity: Quantity, out: str, tag: str) -> float:
    """A gain (``6 degC/K``) in ``out`` per ``tag``.

    Raises:
        Unreadable: written in units that do not fit.
    """
    outs, tags = allowed_difference(out), allowed_difference(tag)
    for left, right in _ratios(quantity.unit):
        if left in outs and right in tags:
            return quantity.value * _factor(left) / _factor(out) / (_factor(right) / _factor(tag))
    raise _wrong_unit(quantity.text, quantity.unit, [f"{_shown(out)}/{_shown(tags[0], rate=True)}"])


def show_duration(seconds: float) -> str:
    """A length of time for people, in the largest unit that keeps it at one or more."""
    for name in ("d", "h", "min", "s"):
        if abs(seconds) >= _factor(name):
            return f"{seconds / _factor(name):.6g} {name}"
    return f"{seconds * 1000:.6g} ms"


def show(value: float, unit: str) -> str:
    """A value with its unit for people."""
    if unit == SWITCH:
        return "on" if value else "off"
    return f"{value:.10g} {unit}".rstrip()


def _factor(unit: str) -> float:
    return unit_of(unit).factor


def _shown(unit: str, *, rate: bool = False) -> str:
    name = "K" if rate and unit == "degC" else unit
    return f"({name})" if "/" in name and not rate else name or "1"


def _ratios(unit: str) -> Iterator[tuple[str, str]]:
    for position, character in enumerate(unit):
        if character == "/":
            left, right = unit[:position].strip(), unit[position + 1 :].strip()
            yield left.strip("()"), right.strip("()")


def _convert(value: float, unit: str, wanted: str, names: tuple[str, ...], text: str) -> float:
    if unit not in names:
        raise _wrong_unit(text, unit, names)
    ratio = unit_of(unit).factor / unit_of(wanted).factor
    converted = value if ratio == 1.0 else float(f"{value * ratio:.15g}")
    if not math.isfinite(converted):
        raise Unreadable(f"{visible(text)} is larger than any number here")
    return converted


def _wrong_unit(text: str, unit: str, names: list[str] | tuple[str, ...]) -> Unreadable:
    choice = [name for name in names if name and name != SWITCH]
    if SWITCH in names:
        return Unreadable(f"{visible(text)} is not a state of a switch", "write on or off")
    if not choice:
        return Unreadable(
            f"{visible(text)} has the unit '{unit}', but this value has none", "write the number alone"
        )
    said = f"allowed: {', '.join(choice)}"
    if unit == SWITCH:
        return Unreadable(f"'{text}' is a word; a number with a unit is wanted here; {said}")
    if not unit:
        return Unreadable(
            f"'{text}' has no unit; {said}", f"write {text} {choice[0]}, if that is what you mean"
        )
    meant = respelled(unit, choice)
    hint = f"write {meant}" if meant else did_you_mean(unit, choice)
    if unit not in UNITS and "/" not in unit:
        return Unreadable(f"unknown unit {visible(unit)}; {said}", f"{unit}: {hint}" if hint else "")
    return Unreadable(f"{visible(text)} has the wrong unit; {said}", f"{unit}: {hint}" if hint else "")
