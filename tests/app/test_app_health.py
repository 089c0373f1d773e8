"""``edgectl status`` shows one line a loop, and the uplink says the same."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from edgectl.app.status import tables
from edgectl.control.executive import Executive
from edgectl.control.status import snapshot
from edgectl.core.health import BINS
from edgectl.model.health import Ailment, Chart, Finding, HealthState, Word
from edgectl.model.safety import AlarmCode, AlarmPlan, Cause, Priority, Watch
from tests.core.clinic import plan_with_health
from tests.core.rig import Bench, demo

LINE = "TIC-101: swings +-0.3 K every 14.0 min since 02:10 UTC; gain may be too high"


def picture(bench: Bench) -> dict[str, Any]:
    executive = SimpleNamespace(
        state=bench.state, result=bench.result, punctuality=SimpleNamespace(late=0, skipped=0)
    )
    found = snapshot(bench.plan, bench.now, cast("Executive", executive), (), {}, None, None)
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def printed(bench: Bench) -> str:
    said = io.StringIO()
    Console(width=200, file=said).print(tables(picture(bench)))
    return said.getvalue()


def ill(word: Word) -> Bench:
    """The demo unit, after a scan that leaves TIC-101 ill."""
    bench = Bench(plan_with_health())
    health = HealthState(chart=Chart(Finding(word, Ailment.SWINGING, LINE), since_ns=7))
    bench.state = replace(bench.state, health={**bench.state.health, "TIC-101": health})
    bench.scan()
    return bench


@pytest.mark.parametrize("word", Word)
def test_the_status_shows_the_line_of_a_loop(word: Word) -> None:
    bench = ill(word)
    assert f"{word.value:8}{LINE}" in printed(bench)
    loop = picture(bench)["loops"]["TIC-101"]
    assert (loop["health"], loop["health_line"], loop["health_since_utc_ns"]) == (word.value, LINE, 7)


def test_a_loop_whose_health_is_off_has_no_line() -> None:
    bench = Bench(demo())
    bench.scan()
    assert picture(bench)["loops"]["TIC-101"]["health"] is None
    assert "too early" not in printed(bench)


def test_a_loop_that_becomes_ill_is_told_as_an_event_once() -> None:
    """The whole way through the scan, and to an alarm: the pump of the jacket stands, so the vessel stays as cold as it is."""
    plan = plan_with_health(
        alarms=(AlarmPlan("TIC-101-health", Cause(Watch.HEALTH, "TIC-101"), Priority.LOW),)
    )
    bench = Bench(replace(plan, health=tuple(replace(h, settle_s=60.0) for h in plan.health)))
    bench.values |= {"TT-101": 35.0}
    window_s = bench.plan.health[0].window_s
    bench.run(window_s + 2 * window_s / BINS)
    assert bench.told("health", "TIC-101")[-1] == ("unknown", "bad: no effect")
    [event] = [e for e in bench.events if e.kind == "health" and e.subject == "TIC-101"]
    assert event.actor == "health"
    assert "and TT-101 does not respond: look at TY-101" in event.reason
    assert bench.state.alarms["TIC-101-health"].code is AlarmCode.UNACK
    assert bench.state.alarms["TIC-101-health"].reason.startswith("TIC-101: the output has moved by ")
