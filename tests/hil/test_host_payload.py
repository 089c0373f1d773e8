"""Payloads survive the way to bytes and back, and bytes that are none are refused with a reason."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.host.encode import encode
from hil.host.payload import (
    BOOLEAN,
    DATETIME,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    STRING,
    Metric,
    Payload,
    Properties,
    Property,
    Raw,
    decode,
    make,
)
from hil.host.wire import PayloadError, bytes_field, number_field

T0 = 1_767_225_600_000


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (1, -128),
        (2, -32768),
        (INT32, -1),
        (INT32, 2**31 - 1),
        (INT64, -(2**63)),
        (INT64, 2**63 - 1),
        (7, 2**32 - 1),
        (8, 2**64 - 1),
        (FLOAT, 0.5),
        (DOUBLE, 36.999999999999),
        (BOOLEAN, False),
        (BOOLEAN, True),
        (STRING, ""),
        (STRING, "37 °C"),
        (DATETIME, T0),
        (17, b"\x00\xff"),
    ],
)
def test_a_value_of_each_type_comes_back_as_it_was(datatype: int, value: Raw) -> None:
    metric = make("m", value, datatype, T0)
    back = decode(encode(Payload(T0, (metric,), 255))).metrics[0]
    assert back == metric
    assert back.value() == value


def test_a_value_without_datatype_is_read_with_that_of_its_birth() -> None:
    metric = replace(make("m", -5, INT32, T0), datatype=None)
    assert decode(encode(Payload(metrics=(metric,)))).metrics[0].value(INT32) == -5


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_no_number_goes_as_null(value: float | None) -> None:
    back = decode(encode(Payload(metrics=(make("m", value, DOUBLE, T0),)))).metrics[0]
    assert (back.null, back.at, back.value()) == (True, None, None)


def test_everything_a_payload_can_say_comes_back() -> None:
    properties = Properties(
        ("Quality", "engUnit", "engLow"),
        (Property(INT32, 10, 500), Property(STRING, 15, "C"), Property(DOUBLE, null=True)),
    )
    metric = Metric("a/b", 7, T0, DOUBLE, True, True, False, properties, 13, 1.5)
    content = Payload(T0, (metric, Metric(alias=0, at=14, raw=False)), 0, "uuid", b"body")
    assert decode(encode(content)) == content


def test_bytes_typed_from_the_schema_are_understood_and_made() -> None:
    raw = bytes.fromhex("08ac02 120e 0a056264536571 18ac02 2004 5803 1800")
    content = Payload(300, (make("bdSeq", 3, INT64, 300),), 0)
    assert decode(raw) == content
    assert encode(content) == raw


def test_a_signed_property_and_a_double_are_typed_from_the_schema() -> None:
    raw = bytes.fromhex("121e 0a0154 4a10 0a075175616c697479 1205 0803 18f403 69000000000000f83f")
    metric = Metric("T", properties=Properties(("Quality",), (Property(INT32, 10, 500),)), at=13, raw=1.5)
    assert decode(raw).metrics == (metric,)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x08", "ends inside a number"),
        (b"\x08" + b"\xff" * 10, "more than 64 bits"),
        (b"\x08" + b"\xff" * 9 + b"\x7f", "more than 64 bits"),
        (b"\x00\x00", "field number 0"),
        (b"\x0b", "field 1 has wire type 3"),
        (b"\x0a\x00", "field 1 has wire type 2, not 0"),
        (b"\x12\x05ab", "field 2 wants 5 bytes, 2 are left"),
        (b"\x08\x01\x08\x02", "field 1 comes 2 times"),
        (number_field(6, 1), "field 6 is unknown"),
        (bytes_field(2, bytes_field(1, b"\xff")), "metric 0: field 1 is not UTF-8"),
        (bytes_field(2, bytes_field(1, b"a") + number_field(14, 2)), r"metric 0 \(a\): field 14 is 2"),
        (bytes_field(2, number_field(10, 1) + number_field(11, 1)), "metric 0: 2 values at once"),
        (bytes_field(2, number_field(20, 1)), "metric 0: field 20 is unknown"),
        (bytes_field(2, bytes_field(9, number_field(1, 1))), "properties: field 1 has wire type 0"),
        (bytes_field(2, bytes_field(9, bytes_field(2, number_field(11, 1)))), "field 11 is unknown"),
        (b"\x69" + struct.pack("<d", 1.0), "field 13 is unknown"),
        (b'{"online": true}', "payload"),
    ],
)
def test_malformed_bytes_say_what_is_wrong_with_them(raw: bytes, reason: str) -> None:
    with pytest.raises(PayloadError, match=reason):
        decode(raw)


@given(st.binary(max_size=80))
def test_no_bytes_do_anything_worse_than_be_refused(raw: bytes) -> None:
    try:
        content = decode(raw)
    except PayloadError:
        return
    assert isinstance(content, Payload)
