"""Ten minutes of the demo unit without a broker, then drained: the experiment of seven days in small."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.outage import DAY_S, Heard, missing, outage
from tests.uplink.peer import need

pytestmark = pytest.mark.slow


def test_what_was_recorded_in_an_outage_comes_once_and_whole(tmp_path: Path) -> None:
    need("mosquitto", "mosquitto_sub")
    found = outage(600.0 / DAY_S, tmp_path)
    assert found.old > 1000
    assert (found.lost, found.twice, found.gaps, found.unknown) == ((0, 0), 0, 0, 0)
    assert found.pss_mib < 60.0
    # a host that was told nothing misses everything: the comparison itself can fail
    assert min(missing(tmp_path / "state" / "journal.db", 10**9, Heard())) > 10
