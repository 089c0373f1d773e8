"""Lines of EZO circuits: where a reply ends, in which forms it comes, and what is a reading."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.model.fault import InstrumentFault
from edgectl.wire import ezo

patient = settings(deadline=None)  # a shared machine is slow at times


@pytest.mark.parametrize(
    ("raw", "whole"),
    [
        (b"7.156\r", False),
        (b"7.156\r*OK", False),
        (b"7.156\r*OK\r", True),
        (b"7.156\r\n*OK\r\n", True),
        (b"*ok\r", True),
        (b"*ER\r", True),
        (b"*RS\r", True),
        (b"*UV\r", False),
        (b"", False),
    ],
)
def test_an_ezo_reply_ends_with_its_response_code(raw: bytes, whole: bool) -> None:
    assert ezo.complete(raw) is whole


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("?O,%,mg", ("%", "mg")),
        ("?,O,%,mg", ("%", "mg")),
        ("?o,%", ("%",)),
        ("?O,", ()),
        ("?O", ()),
    ],
)
def test_ezo_queries_are_answered_in_several_forms(line: str, fields: tuple[str, ...]) -> None:
    assert ezo.decode_fields(("25.1", line), "O") == fields


@patient
@given(st.floats(-999, 999))
def test_an_ezo_reading_is_the_number_it_shows(value: float) -> None:
    text = f"{value:.3f}"
    reading = ezo.decode_number("t", ezo.Reply((text,)), -1000, 1000, "")
    assert reading.value == float(text)
    assert math.copysign(1, float(reading.value)) == (
        1 if float(text) == 0 else math.copysign(1, float(text))
    )


@pytest.mark.parametrize(
    "text", ["7", "7.", "7,1", "+7.1", "7.1e0", "7.1234", "12345.1", "nan", "\u0667.\u0661"]
)
def test_what_is_no_ezo_reading_is_refused(text: str) -> None:
    with pytest.raises(InstrumentFault):
        ezo.decode_number("t", ezo.Reply((text,)), 0, 14, "")
