"""Numbers with units mean what they say, and nothing else."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.config.quantity import (
    Unreadable,
    difference_in,
    gain_in,
    parse_duration,
    parse_quantity,
    parse_span,
    rate_in,
    show_duration,
    span_in,
    value_in,
)
from edgectl.config.unit import UNITS, allowed, same


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("37.0 degC", "degC", 37.0),
        ("37degC", "degC", 37.0),
        ("-1.5e-2 bar", "mbar", -15.0),
        ("2 L/min", "mL/min", 2000.0),
        ("120 mL/h", "mL/min", 2.0),
        ("100 mL/min", "SCCM", 100.0),
        ("0.1 SLPM", "SCCM", 100.0),
        ("40 %", "%-sat", 40.0),
        ("5 g", "kg", 0.005),
        ("1.5 Mcells/mL", "cells/mL", 1.5e6),
        ("0.1 L", "mL", 100.0),
        ("3", "", 3.0),
    ],
)
def test_a_value_is_converted(text: str, unit: str, value: float) -> None:
    assert value_in(parse_quantity(text), unit) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("100 ms", 0.1), ("2 s", 2.0), ("1.5 min", 90.0), ("2 h", 7200.0), ("90 d", 7_776_000.0)],
)
def test_a_time_is_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_differences_rates_and_gains_have_their_own_units() -> None:
    assert difference_in(parse_quantity("0.5 K"), "degC") == 0.5
    assert rate_in(parse_quantity("0.5 K/min"), "degC") == 0.5 / 60
    assert rate_in(parse_quantity("36 %/h"), "%") == 0.01
    assert rate_in(parse_quantity("60 mL/min/min"), "mL/min") == 1.0
    assert gain_in(parse_quantity("6 degC/K"), "degC", "degC") == 6.0
    assert gain_in(parse_quantity("2 mL/min/%"), "SCCM", "%-sat") == 2.0
    assert gain_in(parse_quantity("2 (L/min)/%"), "mL/min", "%-sat") == 2000.0
    assert span_in(parse_span("60..0 mL/min"), "SCCM") == (60.0, 0.0)
    assert span_in(parse_span("0.5..1.5 bar"), "mbar") == (500.0, 1500.0)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("100 SCCM", "mL/min"),
        ("40 %-vol", "%-sat"),
        ("40 %-sat", "%"),
        ("310 K", "degC"),
        ("1 kg", "mL"),
        ("5", "pH"),
    ],
)
def test_what_only_looks_alike_is_refused(text: str, unit: str) -> None:
    """A liquid has no standard conditions; saturation is no volume fraction."""
    with pytest.raises(Unreadable):
        value_in(parse_quantity(text), unit)


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_a_reason(text: str) -> None:
    for reader in (parse_quantity, parse_span, parse_duration):
        with contextlib.suppress(Unreadable):
            assert reader(text) is not None


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_a_number_written_out_is_read_back_to_the_bit(value: float) -> None:
    text = repr(value) if "e" not in repr(value) else f"{value:.17e}"
    assert parse_quantity(f"{text} pH").value == value


@given(st.floats(min_value=0.001, max_value=1e7))
def test_a_time_shown_is_a_time_that_can_be_written(seconds: float) -> None:
    assert math.isclose(parse_duration(show_duration(seconds)), seconds, rel_tol=1e-5)


def test_every_unit_accepts_itself_and_only_equal_units_are_the_same() -> None:
    for unit in UNITS:
        assert allowed(unit)[0] == unit
        assert same(unit, unit)
    assert same("mL/min", "SCCM")
    assert not same("L/min", "SCCM")
    assert not same("kPa", "mbar")
    assert not same("furlong", "mbar")
