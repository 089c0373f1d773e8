"""Journals of these tests live in memory; their broker is a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.folder import tmp_path
from tests.uplink.peer import Mosquitto

__all__ = ["mosquitto", "tmp_path"]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()
