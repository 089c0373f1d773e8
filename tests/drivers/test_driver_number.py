"""Numbers on the wire: what is written can be read back, and nothing is written that means something else."""

from __future__ import annotations

import math
import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.drivers import (
    alicat_mfc,
    eurotherm_3200,
    ismatec_reglo_icc,
    waveshare_analog_output,
    waveshare_relay,
)
from edgectl.model.fault import BadReply, InstrumentFault
from edgectl.model.quality import DeviceStatus
from edgectl.wire.current import current_of, judge, value_of
from edgectl.wire.word import (
    Kind,
    Order,
    decode,
    encode,
    float32_low_first,
    length,
    measured,
    uint32_low_first,
)

patient = settings(deadline=None)  # a shared machine is slow at times
words = st.integers(0, 0xFFFF)
flows = st.floats(1e-9, 9.999e8)


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        (2.5, "2500+0"),
        (0.012, "1200-2"),
        (1, "1000+0"),
        (9.9996, "1000+1"),
        (12.346, "1235+1"),
        (0.0009999, "9999-4"),
        (1e-9, "1000-9"),
        (35, "3500+1"),
    ],
)
def test_a_pump_flow_is_four_digits_and_an_exponent(flow: float, text: str) -> None:
    assert ismatec_reglo_icc.encode_flow(flow) == text


@patient
@given(flows)
def test_a_pump_reads_the_flow_that_was_meant(flow: float) -> None:
    text = ismatec_reglo_icc.encode_flow(flow)
    assert re.fullmatch(r"[1-9]\d{3}[+-]\d", text)
    answer = f"{text[:4]}E{text[4:]}"
    assert ismatec_reglo_icc.decode_flow(answer) == pytest.approx(flow, rel=0.00051)


@pytest.mark.parametrize(
    "text", ["", "250E+0", "25000E+0", "2500E+10", "2.50E+0", "2500e+0", "2500+0", "nanE+0", "²500E+0"]
)
def test_what_is_no_pump_flow_is_refused(text: str) -> None:
    with pytest.raises(BadReply):
        ismatec_reglo_icc.decode_flow(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("C", "cycle count is 0"),
        ("R 4.2", "flow limit: 4.2"),
        ("V|10", "volume limit: 10"),
        ("", "not told"),
        ("X", "not told"),
    ],
)
def test_a_pump_says_why_it_does_not_start(text: str, reason: str) -> None:
    assert ismatec_reglo_icc.decode_reason(text) == reason


@patient
@given(st.floats(0, 1e6), st.integers(0, 3))
def test_a_gas_set_point_can_never_be_the_legacy_integer_command(value: float, decimals: int) -> None:
    """``A49408`` would mean three quarters of full scale; every set point is ``LS`` and a plain number."""
    request = alicat_mfc.encode("A", f"LS {alicat_mfc.encode_setpoint(value, decimals)}")
    assert re.fullmatch(rb"ALS \d+(\.\d*[1-9])?\r", request)
    assert float(request[4:-1]) == pytest.approx(value, abs=0.5001 * 10**-decimals)


@pytest.mark.parametrize("command", ["49408", " 49408", "+5", "-5", ".5", "0"])
def test_a_legacy_set_point_is_never_sent(command: str) -> None:
    with pytest.raises(ValueError, match="legacy"):
        alicat_mfc.encode("A", command)


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("A   10v20.0-R24 Jan  9 2025,15:04:07", (10, 20)),
        ("A   9v00.0", (9, 0)),
        ("A  GP07R100", None),
        ("A", None),
    ],
)
def test_firmware_versions_are_compared_as_numbers(line: str, version: tuple[int, int] | None) -> None:
    assert alicat_mfc.decode_version(line) == version


@patient
@given(st.floats(-320, 320), st.integers(0, 2))
def test_implied_decimals_come_back(value: float, decimals: int) -> None:
    (word,) = encode(value * 10**decimals, Kind.INT16)
    assert eurotherm_3200.decode_value(word, decimals) == pytest.approx(value, abs=0.50001 * 10**-decimals)


@pytest.mark.parametrize("word", [0x8000, 0x7FFF])
def test_the_ends_of_the_word_are_no_temperature(word: int) -> None:
    assert eurotherm_3200.decode_value(word, 1) is None


@patient
@given(st.floats(0, 400), st.sampled_from([0.0, 4.0]))
def test_a_current_stands_for_the_value_that_was_meant(value: float, zero_ma: float) -> None:
    output = waveshare_analog_output.Output("stirrer", 1, "rpm", 0, 400, 0, zero_ma)
    word = waveshare_analog_output.encode(value, output)
    assert 0 <= word <= 20_000
    assert waveshare_analog_output.decode(word, output).value == pytest.approx(value, abs=0.0126)


@patient
@given(st.floats(0, 1), st.floats(-1000, 1000), st.floats(0.1, 1000))
def test_current_and_value_are_inverse(share: float, low: float, span: float) -> None:
    value = low + share * span
    current = current_of(value, low, low + span)
    assert 4 - 1e-9 <= current <= 20 + 1e-9
    assert value_of(current, low, low + span) == pytest.approx(value, abs=1e-9 * (abs(low) + span))


@pytest.mark.parametrize(
    ("current_ma", "status"),
    [
        (3.5, DeviceStatus.FAILURE),
        (3.6, DeviceStatus.FAILURE),
        (3.7, DeviceStatus.OUT_OF_SPECIFICATION),
        (3.8, DeviceStatus.GOOD),
        (3.9, DeviceStatus.GOOD),
        (20.4, DeviceStatus.GOOD),
        (20.5, DeviceStatus.GOOD),
        (20.7, DeviceStatus.OUT_OF_SPECIFICATION),
        (21.0, DeviceStatus.FAILURE),
        (21.2, DeviceStatus.FAILURE),
        (0.0, DeviceStatus.FAILURE),
        (math.nan, DeviceStatus.FAILURE),
    ],
)
def test_a_current_outside_the_live_zero_is_no_value(current_ma: float, status: DeviceStatus) -> None:
    assert judge(current_ma)[0] is status


@pytest.mark.parametrize(
    ("relay", "closed", "hold_s", "written"),
    [
        (0, True, 0, (0x0000, 0xFF00)),
        (7, True, 0, (0x0007, 0xFF00)),
        (3, False, 0, (0x0003, 0x0000)),
        (0, True, 10, (0x0200, 100)),
        (7, True, 5.5, (0x0207, 55)),
        (7, False, 10, (0x0007, 0x0000)),
    ],
)
def test_a_relay_is_closed_for_good_or_for_a_time_and_opened_at_once(
    relay: int, closed: bool, hold_s: float, written: tuple[int, int]
) -> None:
    assert waveshare_relay.encode(relay, closed, hold_s) == written


@pytest.mark.parametrize(
    ("order", "registers"),
    [
        (Order.ABCD, (0x40E0, 0xA3D7)),
        (Order.CDAB, (0xA3D7, 0x40E0)),
        (Order.BADC, (0xE040, 0xD7A3)),
        (Order.DCBA, (0xD7A3, 0xE040)),
    ],
)
def test_the_four_word_orders(order: Order, registers: tuple[int, int]) -> None:
    assert decode(registers, Kind.FLOAT32, order) == pytest.approx(7.02)
    assert encode(7.02, Kind.FLOAT32, order) == registers


def test_a_64_bit_value_with_the_last_register_first() -> None:
    registers = struct.unpack(">4H", struct.pack(">d", 7.02))
    assert decode(registers[::-1], Kind.FLOAT64, Order.CDAB) == 7.02


@patient
@given(words, words, st.sampled_from([Kind.INT32, Kind.UINT32]), st.sampled_from(Order))
def test_whole_numbers_come_back_in_every_order(high: int, low: int, kind: Kind, order: Order) -> None:
    assert encode(decode((high, low), kind, order), kind, order) == (high, low)


@patient
@given(words)
def test_signed_words_are_two_s_complement(word: int) -> None:
    assert decode((word,), Kind.INT16) == (word - 0x10000 if word & 0x8000 else word)
    assert decode((word,), Kind.UINT16) == word
    assert decode((word,), Kind.BOOL) == (word != 0)


@patient
@given(words, words)
def test_low_word_first(low: int, high: int) -> None:
    assert uint32_low_first((low, high)) == high * 0x10000 + low
    expected = struct.unpack("<f", struct.pack("<2H", low, high))[0]
    assert float32_low_first((low, high)) == expected or math.isnan(expected)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (65536, Kind.UINT16),
        (-1, Kind.UINT16),
        (32768, Kind.INT16),
        (1e39, Kind.FLOAT32),
        (2**32, Kind.UINT32),
    ],
)
def test_what_does_not_fit_is_not_sent(value: float, kind: Kind) -> None:
    with pytest.raises(InstrumentFault, match="not sent"):
        encode(value, kind)


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (7.02, 7.02),
        (-1e6, -1e6),
        (0.0, 0.0),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        (1e-39, None),
        (-1.2e-38, None),
    ],
)
def test_only_what_can_be_measured_is_a_value(value: float, seen: float | None) -> None:
    assert measured(value) == seen


def test_minus_zero_is_zero() -> None:
    zero = measured(-0.0)
    assert zero is not None
    assert math.copysign(1, zero) == 1


def test_registers_of_a_value() -> None:
    assert [length(kind) for kind in Kind] == [1, 1, 1, 2, 2, 2, 4]
