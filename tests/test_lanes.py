"""Real-time tests run in their own lane, everything is run once, and a worker that has begun to yield gets no real-time test."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests import lanes

ROOT = Path(__file__).parents[1]
REAL_TIME = re.compile(
    r"(monotonic|perf_counter)\(\) - \w+ <|from tests\.(app|kill)\.unit import .*running|campaign\.runner"
)
CLOCKS = ["tests/campaign/test_campaign.py", "tests/kill/test_kill.py", "tests/store/test_store_kill.py"]


class Worker:
    """Stands in for a process: as there, a test begins only when the next one is known or it is said that there is none."""

    def __init__(self, number: int) -> None:
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.shutting_down = False
        self.waiting: list[int] = []
        self.done: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.waiting += indices

    @property
    def ready(self) -> bool:
        return len(self.waiting) > 1 or (self.shutting_down and bool(self.waiting))

    def shutdown(self) -> None:
        self.shutting_down = True


def played(collection: list[str], workers: int) -> list[list[str]]:
    """What each worker did, all of them in turn."""
    option = SimpleNamespace(loadscopereorder=False)
    config = SimpleNamespace(option=option, getvalue=lambda _: ["popen"] * workers)
    scheduler = lanes.Lanes(cast("pytest.Config", config))
    team: list[Any] = [Worker(number) for number in range(workers)]
    for worker in team:
        scheduler.add_node(worker)
    for worker in team:
        scheduler.add_node_collection(worker, collection)
    scheduler.schedule()
    while ready := [worker for worker in team if worker.ready]:
        for worker in ready:
            worker.done.append(worker.waiting.pop(0))
            scheduler.mark_test_complete(worker, worker.done[-1])
        if scheduler.tests_finished:
            for worker in team:
                worker.shutdown()
    return [[collection[index] for index in worker.done] for worker in team]


@pytest.mark.parametrize("computing", [0, 1, 40])
@pytest.mark.parametrize("timed", [0, 1, 3])
def test_everything_runs_once_and_real_time_first_and_in_its_lane(timed: int, computing: int) -> None:
    collection = [f"{file}::test_{n}" for file in CLOCKS[:timed] for n in range(4)]
    collection += [f"tests/model/test_codec.py::test_{n}" for n in range(computing)]
    done = played(collection, 4)
    assert sorted(test for tests in done for test in tests) == sorted(collection)
    for number, tests in enumerate(done):
        lane = [lanes.measures_time(test) for test in tests]
        assert lane == sorted(lane, reverse=True), "no real-time test after the worker has begun to yield"
        assert number < lanes.CLOCK or not any(lane)
    for file in CLOCKS[:timed]:
        assert sum(any(test.startswith(file) for test in tests) for tests in done) == 1, (
            "what is set up is shared"
        )


def test_what_measures_real_time_says_so() -> None:
    """A file that limits elapsed time or runs the whole unit would be flaky beside what computes."""
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    found = [
        file
        for file in files
        if REAL_TIME.search((ROOT / file).read_text()) and file != "tests/test_lanes.py"
    ]
    assert len(found) > 5
    assert [file for file in found if not lanes.measures_time(file)] == []


def test_what_begins_first_is_there() -> None:
    assert [start for start in lanes.FIRST if not (ROOT / start).exists()] == []
