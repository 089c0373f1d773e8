"""What instruments say of themselves decides how far a value is believed: every bit and word of the manuals."""

from __future__ import annotations

import pytest

from edgectl.drivers import alicat_mfc, eurotherm_3200, hamilton_ph_arc
from edgectl.model.measurement import Reading
from edgectl.model.quality import DeviceStatus, Quality, quality_of
from edgectl.wire.alicat import Frame
from edgectl.wire.arc import Block, decode_causes, decode_reading, decode_status
from edgectl.wire.status import worst

BAD, UNCERTAIN, GOOD = Quality.BAD, Quality.UNCERTAIN, Quality.GOOD


def arc(status: int) -> Reading:
    return decode_reading("ph", "pH", Block(0x1000, 7.0, status, 0.0, 14.0))


@pytest.mark.parametrize(
    ("status", "quality"),
    [
        (0, GOOD),
        (0x01, BAD),
        (0x02, BAD),
        (0x04, UNCERTAIN),
        (0x08, UNCERTAIN),
        (0x10, BAD),
        (0x20, UNCERTAIN),
        (1 << 31, UNCERTAIN),
    ],
)
def test_hamilton_status_bits(status: int, quality: Quality) -> None:
    reading = arc(status)
    assert quality_of(reading.status) is quality
    assert bool(reading.detail) == (status != 0)


def test_hamilton_status_is_as_bad_as_its_worst_bit() -> None:
    assert arc(0x1C).status is DeviceStatus.FAILURE
    assert all(text in arc(0x1C).detail for _, text in decode_status(0x1C))


@pytest.mark.parametrize(
    ("group", "bit", "text"),
    [
        (0, 0x20, "glass resistance too high"),
        (0, 0x40, "glass resistance too low"),
        (0, 0x80, "reference resistance too high"),
        (0, 0x100, "reference resistance too low"),
        (0, 0x8000, "auxiliary potential high"),
        (0, 0x10000, "auxiliary potential low"),
        (0, 0x20000, "auxiliary resistance high"),
        (0, 0x40000, "auxiliary resistance low"),
        (0, 0x2000000, "temperature sensor defective"),
        (1, 0x2, "quality below 15 %"),
        (3, 0x1000000, "internal communication"),
    ],
)
def test_hamilton_errors_have_names(group: int, bit: int, text: str) -> None:
    """Register 4800: four groups of two registers, low word first."""
    words = [0] * 8
    words[2 * group], words[2 * group + 1] = bit & 0xFFFF, bit >> 16
    assert decode_causes(words, hamilton_ph_arc.ERRORS) == ((DeviceStatus.FAILURE, text),)


@pytest.mark.parametrize(("unit", "value"), [(0x200000, 7.0), (0x1000 | 0x4, 7.0), (0, 7.0), (0x1000, 1e-42)])
def test_hamilton_gives_no_value_in_another_unit(unit: int, value: float) -> None:
    reading = decode_reading("ph", "pH", Block(unit, value, 0, 0.0, 14.0))
    assert reading.value is None
    assert reading.status is DeviceStatus.FAILURE


def test_hamilton_limits_that_are_no_numbers_limit_nothing_in() -> None:
    reading = decode_reading("ph", "pH", Block(0x1000, 7.0, 0, float("nan"), 14.0))
    assert reading.status is DeviceStatus.OUT_OF_SPECIFICATION


OPTIONS = alicat_mfc.Options(full_scale=500)
NUMBERS = {2: 14.62, 3: 25.48, 4: 104.2, 5: 100.0, 37: 100.0}


@pytest.mark.parametrize(
    ("word", "flow", "setpoint", "pressure", "temperature"),
    [
        ("ADC", BAD, BAD, BAD, BAD),
        ("EXH", BAD, BAD, BAD, BAD),
        ("HLD", BAD, BAD, BAD, BAD),
        ("GTA", BAD, BAD, BAD, BAD),
        ("MOV", UNCERTAIN, GOOD, GOOD, GOOD),
        ("VOV", UNCERTAIN, GOOD, GOOD, GOOD),
        ("POV", UNCERTAIN, GOOD, UNCERTAIN, GOOD),
        ("P2O", GOOD, GOOD, UNCERTAIN, GOOD),
        ("TOV", UNCERTAIN, GOOD, GOOD, UNCERTAIN),
        ("OPL", UNCERTAIN, UNCERTAIN, UNCERTAIN, UNCERTAIN),
        ("COM", GOOD, GOOD, GOOD, GOOD),
        ("LCK", GOOD, GOOD, GOOD, GOOD),
        ("OVR", GOOD, GOOD, GOOD, GOOD),
        ("TMF", GOOD, GOOD, GOOD, GOOD),
        ("NEW", UNCERTAIN, UNCERTAIN, UNCERTAIN, UNCERTAIN),
    ],
)
def test_alicat_status_words(
    word: str, flow: Quality, setpoint: Quality, pressure: Quality, temperature: Quality
) -> None:
    readings = alicat_mfc.decode_readings(Frame(NUMBERS, "Air", (word,)), OPTIONS)
    assert [quality_of(reading.status) for reading in readings] == [flow, setpoint, pressure, temperature]


PV, WORKING, OUTPUT = range(3)


@pytest.mark.parametrize(
    ("bit", "qualities"),
    [
        (0, (GOOD, GOOD, GOOD)),
        (1, (GOOD, GOOD, GOOD)),
        (2, (GOOD, GOOD, GOOD)),
        (3, (GOOD, GOOD, GOOD)),
        (4, (GOOD, BAD, BAD)),
        (5, (BAD, GOOD, GOOD)),
        (6, (GOOD, GOOD, UNCERTAIN)),
        (7, (GOOD, GOOD, UNCERTAIN)),
        (8, (GOOD, GOOD, UNCERTAIN)),
        (9, (GOOD, GOOD, GOOD)),
        (10, (BAD, GOOD, GOOD)),
        (11, (GOOD, GOOD, UNCERTAIN)),
        (12, (GOOD, GOOD, GOOD)),
        (13, (GOOD, GOOD, GOOD)),
        (14, (GOOD, UNCERTAIN, GOOD)),
        (15, (GOOD, BAD, BAD)),
    ],
)
def test_eurotherm_status_bits(bit: int, qualities: tuple[Quality, Quality, Quality]) -> None:
    readings = eurotherm_3200.decode_process((370, 370, 0, 123, 370), 1 << bit, 1)
    assert tuple(quality_of(reading.status) for reading in readings) == qualities
    assert (readings[PV].value is None) == (qualities[PV] is BAD)


def test_without_findings_a_value_is_good() -> None:
    assert worst(()) == (DeviceStatus.GOOD, "")


def test_findings_are_told_together_and_ranked_by_how_little_may_be_believed() -> None:
    found = [(status, status.value) for status in DeviceStatus]
    assert worst(found)[0] is DeviceStatus.FAILURE
    assert all(status.value in worst(found)[1] for status in DeviceStatus)
    assert worst([(DeviceStatus.FUNCTION_CHECK, "a"), (DeviceStatus.OUT_OF_SPECIFICATION, "")]) == (
        DeviceStatus.FUNCTION_CHECK,
        "a",
    )
