"""Text lines, PB frames and ProPar messages: the worked examples of their manuals, and nothing else is understood."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.model.fault import BadReply, InstrumentFault, NoReply, Refused
from edgectl.wire import pb, propar
from edgectl.wire.propar import Kind, Parameter
from edgectl.wire.text_line import ended, number, one_line, quoted

patient = settings(deadline=None)
MEASURE = Parameter(1, 0, Kind.INT, "measure")
SETPOINT = Parameter(1, 1, Kind.INT, "setpoint")
MODE = Parameter(1, 4, Kind.CHAR, "control mode")
FLOW = Parameter(33, 0, Kind.FLOAT, "fmeasure")
FLOW_SETPOINT = Parameter(33, 3, Kind.FLOAT, "fsetpoint")
UNIT = Parameter(1, 31, Kind.STRING, "capacity unit")


@pytest.mark.parametrize(
    ("text", "value"),
    [("36.98", 36.98), ("-1.20", -1.2), ("+5", 5.0), ("0", 0.0), ("-0.0", 0.0), ("0012", 12.0)],
)
def test_plain_numbers(text: str, value: float) -> None:
    assert number(text) == value
    assert math.copysign(1, number(text)) == (-1 if value < 0 else 1)


@pytest.mark.parametrize(
    "text", ["", ".", "1.", ".5", "1e3", "nan", "inf", "1,5", "--.--", "7" * 40, "1 2", "²", "0x1F"]
)
def test_what_is_no_plain_number(text: str) -> None:
    with pytest.raises(BadReply):
        number(text)


def test_a_line_has_one_end_and_no_flow_control() -> None:
    assert one_line(b"\x1136.98 \r\n\x13") == "36.98"
    assert ended(b"36.98\r\n\x13")
    assert not ended(b"36.98\r")
    assert quoted(' "XS204 " ') == "XS204"
    for raw in (b"\r\n", b"1\r\n2\r\n", b"1\r2\r\n", b"\xb61\r\n", b" \r\n"):
        with pytest.raises(BadReply):
            one_line(raw)


@pytest.mark.parametrize(
    ("address", "value", "frame"),
    [
        (0x00, 3750, b"{M000EA6\r\n"),
        (0x00, -500, b"{M00FE0C\r\n"),
        (0x14, 1, b"{M140001\r\n"),
        (0x14, 0, b"{M140000\r\n"),
    ],
)
def test_a_pb_write_is_that_of_the_examples(address: int, value: int, frame: bytes) -> None:
    assert pb.encode_write(address, value) == frame
    assert pb.decode(frame.replace(b"{M", b"{S"), address) == value


def test_pb_reads_and_what_is_no_reply() -> None:
    assert pb.encode_read(0x01) == bytes.fromhex("7B 4D 30 31 2A 2A 2A 2A 0D 0A")
    assert pb.decode(b"{S010E74\r\n", 0x01) == 3700
    assert pb.decode(b"{S07C504\r\n", 0x07) == -15100
    for raw in (
        b"{M010E74\r\n",
        b"{S010e74\r\n",
        b"{S010E7\r\n",
        b"{S010E744\r\n",
        b"{S01****\r\n",
        b"{S020E74\r\n",
    ):
        with pytest.raises(BadReply):
            pb.decode(raw, 0x01)
    for value in (32768, -32769):
        with pytest.raises(InstrumentFault, match="not sent"):
            pb.encode_write(0, value)


@patient
@given(st.integers(0, 255), st.integers(-32768, 32767))
def test_a_pb_value_comes_back(address: int, value: int) -> None:
    assert pb.decode(pb.encode_write(address, value).replace(b"{M", b"{S"), address) == value


def test_propar_examples() -> None:
    """9.17.027 pages 23 to 25; the position behind a status is not looked at."""
    assert propar.encode_read(0x80, MEASURE) == b":06800401200120\r\n"
    assert propar.decode_number(b":06800201203E80\r\n", 0x80, MEASURE) == 16000
    assert propar.encode_write(0x80, SETPOINT, 16000) == b":06800101213E80\r\n"
    assert propar.encode_read(3, FLOW) == b":06030421402140\r\n"
    assert propar.decode_number(b":08030221403E800000\r\n", 3, FLOW) == 0.25
    assert propar.encode_write(3, FLOW_SETPOINT, 0.25) == b":08030121433E800000\r\n"
    assert propar.encode_write(0x80, MODE, 18) == b":058001010412\r\n"
    for raw, node in ((b":0403000007\r\n", 3), (b":0480000004\r\n", 0x80), (b":0480000005\r\n", 0x80)):
        propar.check_status(raw, node)
    with pytest.raises(Refused, match="parameter error"):
        propar.check_status(b":0480000405\r\n", 0x80)


@pytest.mark.parametrize(
    "raw",
    [
        b":06800201203E80\r\n",
        b":08030221403E8000\r\n",
        b":07030221403E800000\r\n",
        b":08030221433E800000\r\n",
        b":08030421403E800000\r\n",
        b":0403000007\r\n",
        b"08030221403E800000\r\n",
        b":08030221403e800000\r\n",
        b":08030221403E80000\r\n",
        b":08040221403E800000\r\n",
        b":\r\n",
        b":00\r\n",
        b":0104\r\n",
    ],
)
def test_what_is_no_answer_to_a_float_of_node_3(raw: bytes) -> None:
    with pytest.raises(BadReply):
        propar.decode_number(raw, 3, FLOW)


def test_propar_errors_without_a_node() -> None:
    with pytest.raises(Refused, match="rejected"):
        propar.decode_number(b":0105\r\n", 3, FLOW)
    with pytest.raises(NoReply):
        propar.decode_number(b":0109\r\n", 3, FLOW)


def test_a_float_that_nobody_measured_is_no_number() -> None:
    for bits in ("7FC00000", "7F800000", "FF800000", "00000001"):
        assert propar.decode_number(f":0803022140{bits}\r\n".encode(), 3, FLOW) is None


def test_propar_texts() -> None:
    assert propar.encode_read(3, UNIT) == b":070304017F017F00\r\n"
    for text, wanted in (
        (b"\0mln/min\0", "mln/min"),
        (b"\x07mln/min", "mln/min"),
        (b"\x09mln/min  ", "mln/min"),
        (b"\0", ""),
    ):
        data = bytes((len(text) + 4, 3, 2, 1, 0x7F)) + text
        assert propar.decode_text(b":" + data.hex().upper().encode() + b"\r\n", 3, UNIT) == wanted
    for text in (b"", b"\x08mln/min", b"\0ml\xb5\0", b"\0a\rb\0"):
        data = bytes((len(text) + 4, 3, 2, 1, 0x7F)) + text
        with pytest.raises(BadReply):
            propar.decode_text(b":" + data.hex().upper().encode() + b"\r\n", 3, UNIT)


@pytest.mark.parametrize(
    ("parameter", "value"), [(MODE, 256), (SETPOINT, -1), (SETPOINT, 65536), (FLOW_SETPOINT, 1e39)]
)
def test_what_does_not_fit_into_a_propar_parameter_is_not_sent(parameter: Parameter, value: float) -> None:
    with pytest.raises(InstrumentFault, match="not sent"):
        propar.encode_write(3, parameter, value)
