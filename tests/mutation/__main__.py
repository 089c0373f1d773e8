"""``./dev mutants``: how many mistakes in the safety code its tests notice.

Each mutant runs in a forked process: the module is replaced before anything of edgectl is imported, then the core's tests run until the first fails.
A mutant is killed when a test fails, or when it does not come to an end.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest

from tests.mutation.mutant import Mutant, mutants

ROOT = Path(__file__).parents[2]
CORE = ROOT / "edgectl" / "core"
MODULES = ("supervisor", "interlock", "alarm")
WANTED = 0.95
_LONGEST_S = 120


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source."""

    def __init__(self, name: str, source: str) -> None:
        self._name, self._source = name, source

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the changed module, and of no other."""
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self._source, f"<mutant of {self._name}>", "exec"), vars(module))


def _run(module: str, mutant: Mutant, tests: Sequence[str]) -> int:
    """Start a process that judges one mutant; its exit code is pytest's."""
    if child := os.fork():
        return child
    with contextlib.suppress(BaseException):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        signal.alarm(_LONGEST_S)
        sys.meta_path.insert(0, _Changed(f"edgectl.core.{module}", mutant.source))
        hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None)
        hypothesis.settings.load_profile("mutants")
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:warnings", *tests])
        os._exit(int(code))
    os._exit(1)


def _tests(module: str) -> list[str]:
    """The tests of the core, those of the module first."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "core").glob("test_*.py"))
    return sorted(files, key=lambda name: module not in name)


def _survivors(module: str, every: int, jobs: int) -> tuple[int, list[Mutant]]:
    source = (CORE / f"{module}.py").read_text()
    _run(module, Mutant(0, "nothing", source), _tests(module))
    if os.wait()[1] != 0:
        raise SystemExit(f"{module}: its tests fail without any mistake; mend them first")
    found = list(mutants(source))[::every]
    waiting, running, survived = list(reversed(found)), dict[int, Mutant](), list[Mutant]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[_run(module, mutant, _tests(module))] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        if status == 0:
            survived.append(mutant)
            print(f"  survived: {module}.py line {mutant.line}: {mutant.what}", flush=True)
    return len(found), survived


def _judge(modules: Sequence[str], every: int, jobs: int) -> Iterator[tuple[int, int]]:
    for module in modules:
        begun = time.monotonic()
        count, survived = _survivors(module, every, jobs)
        killed = count - len(survived)
        print(
            f"{module}: {killed} of {count} mutants killed ({killed / count:.1%}), {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        yield killed, count


def main(arguments: Sequence[str]) -> int:
    """Judge and print; exit code 1 if too many survive."""
    parser = argparse.ArgumentParser(
        prog="./dev mutants", description="Mutate the safety code and see whether its tests notice."
    )
    parser.add_argument("modules", nargs="*", default=MODULES, help="modules of edgectl/core")
    parser.add_argument("--every", type=int, default=1, help="only every N-th mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    asked = parser.parse_args(arguments)
    os.chdir(ROOT)
    results = list(_judge(asked.modules, asked.every, asked.jobs))
    killed, count = (sum(column) for column in zip(*results, strict=True))
    print(f"together: {killed} of {count} mutants killed ({killed / count:.1%}); wanted: {WANTED:.0%}")
    return 0 if killed >= WANTED * count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
