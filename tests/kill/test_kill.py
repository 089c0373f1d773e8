"""Outputs are safe in time after their controller is killed or stands still. ``./dev kills`` does it 200 times and more."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.kill import ordeal
from tests.kill.unit import Unit, running

pytestmark = pytest.mark.slow

FAULTS: dict[str, Callable[[Unit], ordeal.Ordeal]] = {
    "kill": lambda unit: ordeal.kill(unit, 2, random.Random(4)),
    "freeze": lambda unit: ordeal.freeze(unit, 1, 5.0),
}


def test_killed_or_frozen_the_outputs_are_safe_in_time(tmp_path: Path) -> None:
    """P01, P06: measured at the instruments, not told by the daemon. A unit for each fault, both at once: most of the time is waiting."""

    def suffer(name: str) -> ordeal.Ordeal:
        with running(tmp_path / name) as unit:
            return FAULTS[name](unit)

    with ThreadPoolExecutor(len(FAULTS)) as pool:
        found = list(pool.map(suffer, FAULTS))
    assert all(one.passed for one in found), ordeal.table(found)
    assert all(one.moved("stir_rpm") for one in found), "driven before, or it proves nothing"
