"""Which registers are read together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgectl.wire.coalesce import Span, Table, coalesce

H, C = Table.HOLDING, Table.COILS


@pytest.mark.parametrize(
    ("points", "gap", "blocks"),
    [
        ([], 0, ()),
        ([Span(H, 0, 2)], 0, (Span(H, 0, 2),)),
        ([Span(H, 0, 2), Span(H, 2, 2)], 0, (Span(H, 0, 4),)),
        ([Span(H, 2, 2), Span(H, 0, 2)], 0, (Span(H, 0, 4),)),
        ([Span(H, 0, 2), Span(H, 3, 2)], 0, (Span(H, 0, 2), Span(H, 3, 2))),
        ([Span(H, 0, 2), Span(H, 3, 2)], 1, (Span(H, 0, 5),)),
        ([Span(H, 0, 8), Span(H, 2, 2)], 0, (Span(H, 0, 8),)),
        ([Span(H, 0, 2), Span(Table.INPUT, 2, 2)], 9, (Span(H, 0, 2), Span(Table.INPUT, 2, 2))),
        ([Span(H, 0, 124), Span(H, 124, 2)], 0, (Span(H, 0, 124), Span(H, 124, 2))),
        ([Span(H, 0, 123), Span(H, 123, 2)], 0, (Span(H, 0, 125),)),
        ([Span(C, 0, 1990), Span(C, 1995, 5)], 5, (Span(C, 0, 2000),)),
        ([Span(C, 0, 1990), Span(C, 1995, 6)], 5, (Span(C, 0, 1990), Span(C, 1995, 6))),
    ],
)
def test_neighbours_share_a_request(points: list[Span], gap: int, blocks: tuple[Span, ...]) -> None:
    assert coalesce(points, max_gap=gap) == blocks


@pytest.mark.parametrize("point", [Span(H, 0, 0), Span(H, 0, 126), Span(C, 0, 2001)])
def test_a_point_that_no_request_can_read_is_an_error(point: Span) -> None:
    with pytest.raises(ValueError, match=r"one request reads 1\.\."):
        coalesce([point])


@given(
    st.lists(st.builds(Span, st.sampled_from(Table), st.integers(0, 60), st.integers(1, 8)), max_size=12),
    st.integers(0, 5),
    st.integers(8, 20),
)
def test_each_point_lies_whole_in_a_block_and_no_block_reads_more_than_it_may(
    points: list[Span], gap: int, longest: int
) -> None:
    blocks = coalesce(points, max_gap=gap, max_registers=longest, max_bits=longest)
    for point in points:
        assert any(block.holds(point) for block in blocks)
    for block in blocks:
        assert block.count <= longest
        unasked = 0
        for address in range(block.address, block.end):
            asked = any(
                p.table is block.table and p.address <= address < p.end and block.holds(p) for p in points
            )
            unasked = 0 if asked else unasked + 1
            assert unasked <= gap
    assert list(blocks) == sorted(blocks)
    assert len(blocks) <= len(set(points))
