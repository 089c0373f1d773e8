"""The mutator itself: it makes the mistakes it claims to make, and no others."""

from __future__ import annotations

import pytest

from tests.mutation.mutant import mutants
from tests.mutation.witness import MARK, Witness, choose, observed, place

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


SOURCE = (
    "a = 1\ndef f():\n    return a\nclass C:\n    b = 2\n    def g(self):\n        return [h for h in self]"
)


def test_a_function_tells_that_it_was_entered() -> None:
    names: dict[str, object] = {MARK: set()}
    exec(observed("m", SOURCE), names)
    assert names[MARK] == set()
    exec("f()", names)
    assert names[MARK] == {"m:2"}
    assert [place(SOURCE, line) for line in range(1, 8)] == [0, 2, 2, 0, 0, 6, 6]


def test_only_what_enters_a_function_is_asked_about_it_and_the_quick_first() -> None:
    witnesses = [
        Witness("test_core_x.py::slow", frozenset({"m:2"}), 0.3),
        Witness("test_core_x.py::quick", frozenset({"m:2"}), 0.1),
        Witness("test_core_m.py::own", frozenset({"m:2", "n:6"}), 9.0),
        Witness("test_core_m.py::other", frozenset({"n:2"}), 0.1),
    ]
    witnesses.append(Witness("test_core_x.py::long", frozenset({"m:2"}), 9.0))
    assert choose(witnesses, "m", 2) == [
        "test_core_m.py::own",
        "test_core_x.py::quick",
        "test_core_x.py::slow",
    ]
    assert len(choose(witnesses, "m", 0)) == 4, "a constant is everybody's"
