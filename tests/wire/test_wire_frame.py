"""Answers in noise: an intact frame of the right unit, function and length, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.wire.frame import find, framed, seal, whole
from edgectl.wire.modbus import reading, writing_one
from tests.wire.peer import crc16, rtu, words

READ = framed(3, reading(3, 16, 2))[1]
GOOD = rtu(3, 3, 4, words(3, 16, 2))
REFUSED = rtu(3, 0x83, 2)


@given(st.binary(max_size=300))
def test_whatever_comes_only_an_intact_matching_frame_is_found(noise: bytes) -> None:
    for final in (False, True):
        found = find(noise, READ, final=final)
        if found is not None:
            at, size = found
            frame = noise[at : at + size]
            assert crc16(frame[:-2]) == frame[-2:]
            assert frame[0] == 3
            assert frame[1:3] == b"\x03\x04" or frame[1] == 0x83


@given(st.binary(max_size=20).filter(lambda noise: 3 not in noise), st.binary(max_size=20))
def test_an_answer_is_found_behind_noise(before: bytes, after: bytes) -> None:
    assert find(before + GOOD + after, READ) == (len(before), len(GOOD))


@pytest.mark.parametrize(
    ("buffer", "final", "found"),
    [
        (REFUSED, False, (0, 5)),
        (b"\xff" + REFUSED, False, None),
        (b"\xff" + REFUSED, True, (1, 5)),
        (b"\xff" + REFUSED + b"\0", True, None),
        (GOOD[:-1], False, None),
        (GOOD[:-1], True, None),
        (GOOD[:3] + GOOD, False, (3, 9)),
        (b"", True, None),
    ],
)
def test_a_refusal_in_noise_counts_only_at_the_end(buffer: bytes, final: bool, found: object) -> None:
    assert find(buffer, READ, final=final) == found


@pytest.mark.parametrize("function", [1, 2, 3, 4])
def test_a_whole_read_answer_is_as_long_as_it_says(function: int) -> None:
    frame = rtu(9, function, 6, b"abcdef")
    assert whole(frame + b"more") == len(frame)
    assert whole(frame[:-1]) == 0


@pytest.mark.parametrize("function", [5, 6, 15, 16])
def test_a_whole_write_answer_has_eight_bytes(function: int) -> None:
    frame = rtu(9, function, b"abcd")
    assert whole(frame + b"more") == 8
    assert whole(frame[:-1] + b"\0") == 0


def test_an_unknown_function_is_no_frame() -> None:
    assert whole(rtu(9, 0x2B, b"abcd")) == 0


@given(st.integers(1, 255), st.binary(min_size=1, max_size=252))
def test_the_framer_seals_as_the_tests_do(unit: int, pdu: bytes) -> None:
    assert seal(unit, pdu) == rtu(unit, pdu)


def test_a_write_expects_its_own_words_back() -> None:
    expected = framed(1, writing_one(6, 7, 258))[1]
    assert expected.good == b"\x01\x06\x00\x07\x01\x02"
    assert expected.size == 8
