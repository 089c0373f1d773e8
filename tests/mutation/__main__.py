"""``./dev mutants``: how many mistakes in the safety code its tests notice.

Each mutant runs in a forked process: the module is replaced before anything of edgectl is imported, then the tests of the core that enter the changed
function run until the first fails. A mutant is killed when a test fails, or when it does not come to an end.
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
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.mutant import Mutant, mutants
from tests.mutation.witness import MARK, Chooser, Observer, Witness, choose, observed, place, read

ROOT = Path(__file__).parents[2]
CORE = ROOT / "edgectl" / "core"
MODULES = ("supervisor", "interlock", "alarm", "annunciator", "alarm_request", "owner")
WANTED = 0.95
_LONGEST_S = 120
_TESTS = "tests/core"


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives modules of the core another source, and in it the set of functions that were entered."""

    def __init__(self, sources: Mapping[str, str], entered: set[str]) -> None:
        self._sources = {f"edgectl.core.{module}": source for module, source in sources.items()}
        self._entered = entered

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a changed module, and of no other."""
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname in self._sources else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        vars(module)[MARK] = self._entered
        source = self._sources[module.__name__]
        exec(compile(source, f"<mutant of {module.__name__}>", "exec"), vars(module))


def _run(changed: _Changed, tests: Sequence[str], plugin: object, longest_s: int) -> int:
    """Start a process that runs tests with a changed module; its exit code is pytest's."""
    if child := os.fork():
        return child
    with contextlib.suppress(BaseException):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        signal.alarm(longest_s)
        sys.meta_path.insert(0, changed)
        code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:warnings", *tests], [plugin])
        os._exit(0 if code is pytest.ExitCode.NO_TESTS_COLLECTED else int(code))
    os._exit(1)


def _witnesses(sources: Mapping[str, str]) -> list[Witness]:
    """Every test of the core and what it enters of these modules; all of them pass as long as there is no mistake."""
    with tempfile.TemporaryDirectory() as folder:
        path, entered = Path(folder) / "witnesses.json", set[str]()
        changed = _Changed({module: observed(module, source) for module, source in sources.items()}, entered)
        _run(changed, [_TESTS], Observer(entered, path), 10 * _LONGEST_S)
        if os.wait()[1] != 0:
            raise SystemExit("the tests fail without any mistake; mend them first")
        return read(path)


def _start(module: str, source: str, mutant: Mutant, witnesses: Sequence[Witness]) -> int:
    """Start the judging of one mutant; a function that no test enters is judged by all of them, so that it survives."""
    chosen = choose(witnesses, module, place(source, mutant.line)) or choose(witnesses, module, 0)
    files = sorted({test.partition("::")[0] for test in chosen})
    return _run(_Changed({module: mutant.source}, set()), files, Chooser(chosen), _LONGEST_S)


def _survivors(
    module: str, source: str, witnesses: Sequence[Witness], every: int, jobs: int
) -> tuple[int, list[Mutant]]:
    found = list(mutants(source))[::every]
    waiting, running, survived = list(reversed(found)), dict[int, Mutant](), list[Mutant]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[_start(module, source, mutant, witnesses)] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        if status == 0:
            survived.append(mutant)
            print(f"  survived: {module}.py line {mutant.line}: {mutant.what}", flush=True)
    return len(found), survived


def _judge(modules: Sequence[str], every: int, jobs: int) -> Iterator[tuple[int, int]]:
    sources = {module: (CORE / f"{module}.py").read_text() for module in modules}
    witnesses = _witnesses(sources)
    for module, source in sources.items():
        begun = time.monotonic()
        count, survived = _survivors(module, source, witnesses, every, jobs)
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
    with tempfile.TemporaryDirectory() as folder:
        # Every process imports the core and its tests anew: compiled once, and beside nothing that others use.
        sys.dont_write_bytecode, sys.pycache_prefix = False, folder
        results = list(_judge(asked.modules, asked.every, asked.jobs))
    killed, count = (sum(column) for column in zip(*results, strict=True))
    print(f"together: {killed} of {count} mutants killed ({killed / count:.1%}); wanted: {WANTED:.0%}")
    return 0 if killed >= WANTED * count else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
