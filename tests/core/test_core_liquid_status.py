"""What people see of feeds and perfusions, and what calls them."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from edgectl.app.liquid_table import liquid_tables
from edgectl.control.liquid_status import feeds, perfusions
from edgectl.model.request import Ask
from edgectl.model.safety import AlarmPlan, Cause, Priority, Watch
from tests.core.fibre import Fibre, Tank
from tests.core.fibre import plan as perfused
from tests.core.test_core_feed import FEED, started


def shown(picture: dict[str, object]) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    for table in liquid_tables(picture):
        console.print(table)
    return console.export_text()


def test_the_status_tells_stage_flow_delivered_and_left() -> None:
    bench = started(replace(FEED, total=20.0))
    bench.run(60)
    found = feeds(bench.plan, bench.state)["F-1"]
    assert (found["stage"], found["flow"], round(found["delivered"], 6)) == ("running", 6.0, 6.0)
    assert round(found["left"], 6) == 14.0
    assert bench.ask(Ask.HOLD, "BR-DEMO", "hold").accepted
    bench.run(2)
    found = feeds(bench.plan, bench.state)["F-1"]
    assert (found["flow"], found["waits_for"]) == (0.0, "held")
    text = shown({"feeds": feeds(bench.plan, bench.state)})
    assert "F-1" in text
    assert "held" in text


def test_the_status_tells_rate_flows_and_totals_of_a_perfusion() -> None:
    fibre = Fibre(perfused(), Tank())
    fibre.ask("start")
    fibre.run(1.0)
    found = perfusions(fibre.plan, fibre.state)["KIC-1"]
    assert (found["stage"], found["rate"]) == ("running", 1.0)
    assert abs(found["entered"] - 2000.0 / 24.0) < 0.5
    assert abs(found["entered"] - found["left"]) < 5.0
    assert "VVD" in shown({"perfusions": {"KIC-1": found}})


def test_a_picture_of_a_unit_without_liquids_has_no_tables() -> None:
    assert shown({}) == ""
    assert shown({"feeds": {}, "perfusions": {}}) == ""


def test_a_feed_that_gives_less_than_planned_calls_somebody() -> None:
    alarm = AlarmPlan("F-1-behind", Cause(Watch.FEED, "F-1"), Priority.MEDIUM)
    bench = started(alarms=(alarm,))
    bench.stuck["P-102"] = 5.0
    bench.run(150)
    assert bench.state.alarms["F-1-behind"].code.value == "UNACK"
    assert bench.state.alarms["F-1-behind"].reason.startswith("F-1 gave ")


def test_pumps_that_disagree_with_the_weight_call_somebody() -> None:
    alarm = AlarmPlan("KIC-1-off", Cause(Watch.FEED, "KIC-1"), Priority.LOW)
    fibre = Fibre(perfused(period_s=60.0, alarms=(alarm,)), Tank(), {"P-102": 1.1})
    fibre.ask("start")
    fibre.run(26.0)
    assert fibre.state.alarms["KIC-1-off"].code.value == "UNACK"
    assert "by -1" in fibre.state.alarms["KIC-1-off"].reason
