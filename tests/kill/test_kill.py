"""Outputs are safe in time after their controller is killed or stands still. ``./dev kills`` does it 200 times and more."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.kill import ordeal
from tests.kill.unit import running

pytestmark = pytest.mark.slow


def test_killed_or_frozen_the_outputs_are_safe_in_time(tmp_path: Path) -> None:
    """P01, P06: measured at the instruments, not told by the daemon."""
    with running(tmp_path) as unit:
        for found in (ordeal.freeze(unit, 1, 5.0), ordeal.kill(unit, 1, random.Random(4))):
            assert found.passed, ordeal.table([found])
