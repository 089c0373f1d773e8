"""Blocks give back what went in, to the bit, or say that they are damaged."""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgectl.store.block import pack, unpack

LAYOUT = "sfibh"
INTEGERS = st.integers(-(2**62), 2**62)
ROWS = st.lists(
    st.tuples(
        st.text(max_size=20),
        st.none() | st.floats(allow_nan=False),
        INTEGERS,
        st.integers(0, 255),
        st.binary(min_size=8, max_size=8),
    ),
    max_size=40,
)
WORDS = b'["TT-101","AT-101"]'


@given(ROWS, ROWS)
@settings(max_examples=80, deadline=None)
def test_every_row_comes_back_as_it_was(first: list[Any], second: list[Any]) -> None:
    block = pack((LAYOUT, LAYOUT), (first, second), WORDS)
    assert unpack((LAYOUT, LAYOUT), block, WORDS) == [first, second]


@pytest.mark.parametrize(
    "bits", [0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000, 0x0000000000000001]
)
def test_a_float_keeps_every_bit(bits: int) -> None:
    """NaN with a payload, minus infinity, minus zero and the smallest denormal are inputs like any other."""
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    [[(again,)]] = unpack(("f",), pack(("f",), ([(value,)],)))
    assert struct.pack("<d", again) == struct.pack("<d", value)
    assert again != 0 or math.copysign(1, again) == math.copysign(1, value)


def test_a_damaged_block_is_an_error_and_never_other_values() -> None:
    rows = [("TT-101", 37.0 + n / 7, 1000 * n, n % 3, bytes(8)) for n in range(50)]
    block = pack((LAYOUT,), (rows,), WORDS)
    for place in range(len(block)):
        damaged = bytearray(block)
        damaged[place] ^= 0x10
        try:
            assert unpack((LAYOUT,), bytes(damaged), WORDS) == [rows]
        except ValueError:
            continue


@pytest.mark.parametrize("cut", [0, 1, 5, 20, -1])
def test_a_block_cut_short_is_an_error(cut: int) -> None:
    block = pack((LAYOUT,), ([("a", 1.0, 2, 3, bytes(8))],))
    with pytest.raises(ValueError, match="damaged block"):
        unpack((LAYOUT,), block[:cut])


def test_a_block_of_another_layout_is_an_error() -> None:
    block = pack(("ff",), ([(1.0, 2.0)],))
    with pytest.raises(ValueError, match="damaged block"):
        unpack(("f",), block)
    with pytest.raises(ValueError, match="damaged block"):
        unpack(("ff",), zlib.compress(b"\xff" * 30))
