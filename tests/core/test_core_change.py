"""What of a plan may change under a running unit, and what it remembers across it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgectl.core.change import When, carried, changes, objection
from edgectl.core.initial import initial_state
from edgectl.model.codec import seal
from edgectl.model.instant import Instant
from edgectl.model.loop_plan import SegmentPlan
from edgectl.model.plan import Plan
from edgectl.model.state import State
from tests.core.rig import Bench, demo

PLAN = seal(demo())

NOW = Instant(5_000_000_000, 6_000_000_000)


def with_item(part: str, name: str, **new: Any) -> Plan:
    items = tuple(replace(i, **new) if i.name == name else i for i in getattr(PLAN, part))
    changed: dict[str, Any] = {part: items}
    return seal(replace(PLAN, **changed))


@pytest.mark.parametrize(
    ("part", "name", "new", "when"),
    [
        ("loops", "TIC-101", {"gain": 2.0}, When.LIVE),
        ("loops", "TIC-101", {"integral_s": 900.0}, When.LIVE),
        ("loops", "TIC-101", {"setpoint": 36.5}, When.LIVE),
        ("loops", "TIC-101", {"fallback": 31.0}, When.AT_HOLD),
        ("loops", "TIC-101", {"segments": (SegmentPlan("TY-101", 25.0, 41.0, 25.0, 41.0),)}, When.AT_HOLD),
        ("tags", "TT-101", {"report": 0.5}, When.LIVE),
        ("tags", "TT-101", {"high": 50.0}, When.AT_HOLD),
        ("tags", "TT-101", {"channel": "rtd2.temperature"}, When.RESTART),
        ("actuators", "TY-101", {"channel": "jacket.sp2"}, When.RESTART),
        ("actuators", "TY-101", {"safe": 31.0}, When.RESTART),
        ("interlocks", PLAN.interlocks[0].name, {"limit": 39.0}, When.AT_HOLD),
    ],
)
def test_each_change_has_its_time(part: str, name: str, new: dict[str, Any], when: When) -> None:
    [change] = changes(PLAN, with_item(part, name, **new))
    assert (change.subject, change.when) == (f"{part}.{name}.{next(iter(new))}", when)


def test_equal_plans_have_no_changes_and_a_new_name_is_one() -> None:
    assert changes(PLAN, seal(replace(PLAN))) == ()
    [change] = changes(PLAN, seal(replace(PLAN, loops=PLAN.loops[1:])))
    assert (change.subject, change.after, change.when) == ("loops.TIC-101", "removed", When.AT_HOLD)
    [change] = changes(PLAN, seal(replace(PLAN, period_s=3.0)))
    assert (change.subject, change.when) == ("period_s", When.RESTART)


def test_long_values_show_where_they_differ() -> None:
    """An audit that shows twice the same says nothing."""
    after = with_item("loops", "TIC-101", segments=(SegmentPlan("TY-101", 25.0, 42.0, 25.0, 41.5),))
    [change] = changes(PLAN, after)
    assert max(len(change.before), len(change.after)) <= 60
    assert "=42.0" in change.before
    assert "=41.5" in change.after
    assert change.before.startswith("...")
    longer = "d" * 100
    [change] = changes(PLAN, seal(replace(PLAN, description=longer)))
    assert change.after == "d" * 57 + "..."


def refused(after: Plan, **unit: Any) -> str:
    state = initial_state(PLAN)
    state = replace(state, unit=replace(state.unit, **unit))
    return objection(changes(PLAN, after), state)


def test_what_moves_outputs_waits_for_hold_and_what_touches_wires_for_a_restart() -> None:
    tuning = with_item("loops", "TIC-101", gain=2.0)
    limit = with_item("interlocks", PLAN.interlocks[0].name, limit=39.0)
    wiring = with_item("actuators", "TY-101", channel="jacket.sp2")
    assert refused(tuning) == refused(tuning, batch="B7") == refused(limit, held="service") == ""
    assert "only while the unit is held" in refused(limit)
    assert "restart" in refused(wiring, held="service")
    assert "batch B7 runs" in refused(wiring, held="service", batch="B7")


def test_a_live_change_keeps_everything_the_unit_remembers() -> None:
    bench = Bench(PLAN)
    bench.run(30)
    after = with_item("loops", "TIC-101", gain=2.0)
    state, events = carried(PLAN, after, bench.state, NOW)
    assert (state, events) == (bench.state, ())


def test_a_change_at_hold_begins_as_after_a_restart_and_stays_held() -> None:
    bench = Bench(PLAN)
    bench.run(30)
    held: State = replace(bench.state, unit=replace(bench.state.unit, held="service", batch="B7"))
    after = with_item("interlocks", PLAN.interlocks[0].name, limit=39.0)
    state, events = carried(PLAN, after, held, NOW)
    assert state.unit.batch == "B7"
    assert "service" in state.unit.held
    assert [event.kind for event in events] == ["restart"]
    assert all(loop.condition == "waiting" for loop in state.loops.values())
