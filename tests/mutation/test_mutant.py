"""The mutator itself: it makes the mistakes it claims to make, and no others."""

from __future__ import annotations

import pytest

from tests.mutation.mutant import mutants

CASES = {
    "a < b": {"a <= b", "a >= b"},
    "a < b <= c": {"a <= b <= c", "a >= b <= c", "a < b < c", "a < b > c"},
    "a and b": {"a or b"},
    "not a": {"not not a"},
    "a + 2": {"a - 2", "a + 3"},
    "x = min(a, b)": {"x = max(a, b)"},
    "x = True": {"x = False"},
    "x += y": {"x -= y"},
    "f(a)": {"None"},
    "[a for a in b if a if c]": {"[a for a in b]"},
    "x = a if b else c": {"x = a if True else c", "x = a if False else c"},
    "x: int = y": set(),
    "'text'": set(),
}


@pytest.mark.parametrize("source", CASES)
def test_every_kind_of_mistake_is_made_once(source: str) -> None:
    assert {mutant.source for mutant in mutants(source)} == CASES[source]


def test_a_mutant_leaves_the_rest_of_the_module_alone() -> None:
    """Each has one change, and the next one begins from the original again."""
    source = "def f(a, b):\n    if a > 1:\n        return b\n    return a"
    assert all(
        sum(old != new for old, new in zip(source.split("\n"), m.source.split("\n"), strict=True)) == 1
        for m in mutants(source)
    )
