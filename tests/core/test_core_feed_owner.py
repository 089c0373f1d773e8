"""Who may start a feed from afar: whoever has authority, while nothing holds the unit."""

from __future__ import annotations

import pytest

from edgectl.model.feed import Stage
from edgectl.model.request import Ask, Origin, Reply
from edgectl.model.uplink_plan import UplinkPlan
from tests.core.rig import Bench, request
from tests.core.test_core_feed import fed, plan
from tests.core.test_core_owner import TRIP, UNIT


def unit(authority: str) -> Bench:
    bench = Bench(plan(hazards=(TRIP,), uplink=UplinkPlan(host="broker")))
    bench.run(10)
    if authority != "local":
        assert bench.ask(Ask.AUTHORITY, UNIT, authority).accepted
    return bench


def far(bench: Bench, value: str, host: str = "scada-1") -> Reply:
    return bench.scan(request(Ask.FEED, "F-1", value)._replace(origin=Origin.REMOTE, host=host)).replies[0]


@pytest.mark.parametrize("authority", ["local", "maintenance"])
def test_a_host_without_authority_starts_no_feed_and_is_told_how_to_get_it(authority: str) -> None:
    bench = unit(authority)
    reply = far(bench, "start")
    assert not reply.accepted
    assert reply.reason.startswith(f"authority is {authority}: ")
    assert fed(bench).stage is Stage.IDLE


def test_a_host_with_authority_starts_and_pauses_a_feed_and_another_one_does_not() -> None:
    bench = unit("remote")
    assert far(bench, "start").accepted
    assert fed(bench).stage is Stage.RUNNING
    assert not far(bench, "pause", "scada-2").accepted
    assert fed(bench).stage is Stage.RUNNING
    assert far(bench, "pause").accepted
    assert fed(bench).stage is Stage.PAUSED


def test_a_host_starts_no_feed_in_a_unit_held_by_a_trip() -> None:
    bench = unit("remote")
    bench.values["TT-101"] = 40.0
    bench.run(2)
    reply = far(bench, "start")
    assert reply.reason == "the unit is held by trip overheated: somebody beside it has to release it first"
    assert fed(bench).stage is Stage.IDLE


def test_while_a_host_has_authority_nobody_beside_the_unit_starts_a_feed_by_accident() -> None:
    bench = unit("remote")
    assert bench.ask(Ask.FEED, "F-1", "start").reason.startswith("authority is remote: take it first")
    assert fed(bench).stage is Stage.IDLE
