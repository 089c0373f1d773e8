"""The whole suite side by side: what measures real time keeps a lane of its own, what computes fills the processors around it.

A file with a test marked ``slow`` talks to real processes, sockets or clocks and mostly waits. At most ``CLOCK`` of these files run at once, in
workers of ordinary priority. Everything else runs in one worker a processor that yields to them, so that a busy machine delays no measured moment.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

ROOT = Path(__file__).parents[1]
CLOCK = 2
YIELDING = 10

# What takes longest begins first, or it would be waited for alone in the end.
FIRST = (
    "tests/campaign/",
    "tests/app/test_app_process.py",
    "tests/hil/plant/test_plant_demo.py",
)


def workers() -> int:
    """So many that every processor computes while real-time tests wait."""
    return CLOCK + len(os.sched_getaffinity(0))


@functools.cache
def _holds(file: str, words: str) -> bool:
    return words in (ROOT / file).read_text()


def measures_time(nodeid: str) -> bool:
    """Whether a test stands in a file for the clock lane."""
    return _holds(nodeid.partition("::")[0], "pytest.mark.slow")


def unit_of_work(nodeid: str) -> str:
    """What one worker does in one go: a test, or a whole file whose tests share what they have set up."""
    file = nodeid.partition("::")[0]
    return file if measures_time(nodeid) or _holds(file, 'scope="module"') else nodeid


def _place(nodeid: str) -> int:
    return next((place for place, start in enumerate(FIRST) if nodeid.startswith(start)), len(FIRST))


class Lanes(LoadScopeScheduling):
    """Hands real-time files to the first workers only; these help with the rest once there are none left."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of_work(nodeid)

    def _next(self, node: WorkerController) -> str | None:
        """The unit this worker does next."""
        clock = [unit for unit in self.workqueue if measures_time(unit)]
        if clock and int(node.gateway.id.removeprefix("gw")) < CLOCK:
            return clock[0]
        return next((unit for unit in self.workqueue if not measures_time(unit)), None)

    def _assign_work_unit(self, node: WorkerController) -> None:
        unit = self._next(node)
        if unit is None:
            node.shutdown()
            return
        self.workqueue.move_to_end(unit, last=False)
        super()._assign_work_unit(node)


class Worker:
    """The plug-in of a process that runs a share of the tests."""

    def __init__(self) -> None:
        self._yields = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: _place(item.nodeid))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Give way from the first test on that only computes: no worker gets real-time tests after one of these."""
        if not self._yields and not measures_time(item.nodeid):
            self._yields = True
            os.nice(YIELDING)
