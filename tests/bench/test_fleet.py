"""Three nodes on one broker: the experiment of two hundred in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.fleet import fleet
from tests.uplink.peer import need

pytestmark = pytest.mark.slow


def test_three_nodes_share_a_broker_and_each_tells_its_data(tmp_path: Path) -> None:
    need("mosquitto", "mosquitto_sub")
    found = fleet(tmp_path, 3, 8, 2, "sparkplug", settle_s=3.0)
    assert found.told == found.nodes == 3
    assert found.messages > 0.1
    assert 0.0 < found.cpu < 0.5
