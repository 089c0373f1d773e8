"""Which tests can notice a mistake: those that enter the function it is in. Found by running them all once; the quick ones are asked first."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest

MARK = "_entered"  # the name under which a module finds the set of functions that were entered
SLOW = frozenset({"test_a_day_at_one_hertz_holds_its_set_point"})  # long, for what quicker tests show as well
_EXAMPLES = 20
_QUICK_S = 0.5  # of another module's tests only those are asked that take no longer


class Witness(NamedTuple):
    """One test: the functions that it entered, as module and line, and the processor time it took."""

    test: str
    entered: frozenset[str]
    took_s: float


def observed(module: str, source: str) -> str:
    """A module with each of its functions telling that it was entered."""
    tree = ast.parse(source)
    for function in _functions(tree):
        function.body.insert(0, ast.parse(f"{MARK}.add('{module}:{function.lineno}')").body[0])
    return ast.unparse(tree)


def place(source: str, line: int) -> int:
    """The function a line is in, 0 for none."""
    for function in _functions(ast.parse(source)):
        if function.lineno <= line <= (function.end_lineno or line):
            return function.lineno
    return 0


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Functions and methods; what is inside them belongs to them."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    bodies = [tree.body, *(node.body for node in classes)]
    return [node for body in bodies for node in body if isinstance(node, ast.FunctionDef)]


def choose(witnesses: Sequence[Witness], module: str, function: int) -> list[str]:
    """The tests for a mistake in ``function`` (0: outside of any, which everything may notice): the module's own first, then the quick ones."""
    able = [witness for witness in witnesses if not function or f"{module}:{function}" in witness.entered]
    own = [witness for witness in able if f"test_core_{module}.py" in witness.test]
    others = [witness for witness in able if witness not in own and witness.took_s <= _QUICK_S]
    return [witness.test for tests in (own, others) for witness in sorted(tests, key=lambda w: w.took_s)]


def read(path: Path) -> list[Witness]:
    """What an ``Observer`` wrote."""
    rows = json.loads(path.read_text())
    return [Witness(test, frozenset(entered), took_s) for test, entered, took_s in rows]


class Observer:
    """Writes who witnesses what. A function that is entered while tests are collected is witnessed by all of them."""

    def __init__(self, entered: set[str], path: Path) -> None:
        self._entered, self._path = entered, path
        self._always: set[str] = set()
        self._found: list[tuple[str, list[str], float]] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._always = set(self._entered)
        items[:] = [item for item in items if item.name not in SLOW]
        shorten(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._entered.clear()
        begun = time.process_time()
        done = yield
        self._found.append(
            (item.nodeid, sorted(self._entered | self._always), time.process_time() - begun),
        )
        return done

    def pytest_sessionfinish(self) -> None:
        self._path.write_text(json.dumps(self._found))


class Chooser:
    """Runs the chosen tests alone, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._order: Mapping[str, int] = {test: i for i, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(chosen, key=lambda item: self._order[item.nodeid])
        shorten(items)


def shorten(items: Sequence[pytest.Item]) -> None:
    """Properties are shown by a few examples, always the same, also where a test asks for more; no profile can say so."""
    name = "_hypothesis_internal_use_settings"
    for item in items:
        function = getattr(item, "obj", None)
        if (asked := getattr(function, name, None)) is not None:
            few = min(asked.max_examples, _EXAMPLES)
            same = hypothesis.settings(
                asked, max_examples=few, deadline=None, derandomize=True, database=None
            )
            setattr(function, name, same)
