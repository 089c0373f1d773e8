"""Time: T01 to T04. The clock of the process is stepped by a shim, so only at wall pace."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from hil.campaign import oracle
from hil.campaign.bed import WALL
from hil.campaign.row import Absent, Finding, Row
from hil.campaign.shim import Shim

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

_HOUR_S = 3600


def _forward(stage: Stage) -> Finding:
    return _stepped(stage, _HOUR_S)


def _back(stage: Stage) -> Finding:
    return _stepped(stage, -_HOUR_S)


def _stepped(stage: Stage, step_s: int) -> Finding:
    shim = Shim(stage.folder)
    stage.start(env=shim.env)
    last = stage.journal.last()

    def step() -> None:
        stage.sleep(3.0)
        shim.order(clock_s=step_s)
        stage.sleep(8.0)

    complaint = oracle.over(stage, step)
    stage.request("setpoint", "AIC-101", 7.19)
    stage.sleep(2.0)
    disordered = _disordered(stage)
    marks = [
        event
        for event in stage.journal.events(last)
        if "clock" in f"{event.body['subject']} {event.body['reason']}"
    ]
    moved_s = (stage.journal.events()[-1].utc_ns - stage.journal.events()[0].utc_ns) / 1e9
    shifted = abs(moved_s - step_s) < 120.0
    return Finding(
        f"wall clock moved by {moved_s:.0f} s for the unit; step on record: {len(marks)} events; "
        f"{disordered} records out of order{'; ' if complaint else ''}{complaint}",
        shifted and bool(marks) and not disordered and not complaint,
    )


def _disordered(stage: Stage) -> int:
    """Records of one run whose monotonic time is before that of the record in front of them, by more than a block holds."""
    pairs = pairwise(stage.journal.times())
    return sum(one[0] == other[0] and other[2] < one[2] - 2_000_000_000 for one, other in pairs)


def _boot_at_1970(stage: Stage) -> Finding:
    """A record's true time is that of the step's own record, less what its monotonic clock says lies between."""
    shim = Shim(stage.folder)
    shim.order(clock_s=-int(time.time()))
    stage.start_bench()
    stage.start_broker()
    stage.start_unit(env=shim.env)
    took_s = stage.await_control()
    stage.request("setpoint", "AIC-101", 7.19)
    asked_at = time.time()  # its answer comes with the scan that decided it
    stage.sleep(5.0)
    shim.order()
    stage.sleep(5.0)
    steps = stage.journal.events(0, kind="process", subject="wall clock")
    (asked,) = stage.journal.records("request")
    true_ns = steps[0].utc_ns - (steps[0].mono_ns - asked.mono_ns) if steps else 0
    off_s = abs(true_ns / 1e9 - asked_at)
    return Finding(
        f"in control after {took_s:.0f} s in {time.gmtime(asked.utc_ns // 10**9).tm_year}; {len(steps)} step on record; "
        f"a record from before maps to true time within {off_s:.2f} s",
        took_s <= 60.0 and len(steps) == 1 and asked.utc_ns < 86_400 * 10**9 and off_s <= 1.0,
        "records carry no mark of time quality of their own: the record of the step is what maps them",
    )


_SUMMER_ENDS = 1_792_889_995  # 2026-10-25 00:59:55 UTC: at 01:00 UTC clocks in Berlin go back from 3 to 2


def _summer_ends(stage: Stage) -> Finding:
    shim = Shim(stage.folder)
    stage.start_bench()
    stage.start_broker()
    stage.start_unit(env={**shim.env, "TZ": "Europe/Berlin"})
    stage.await_health()
    shim.order(clock_s=_SUMMER_ENDS - int(time.time()))
    stage.sleep(2.0)
    assert stage.ear is not None
    heard_s = len(stage.ear.heard)
    stage.sleep(12.0)
    times = [
        m.body["time"] for m in stage.ear.heard[heard_s:] if "/loop/" in m.topic and not m.body["historical"]
    ]
    ordered = sorted(times)
    hours = sorted({time[:13] for time in times})
    return Finding(
        f"{len(times)} messages across the change, hours told: {', '.join(hours)}",
        len(times) > 5 and hours == ["2026-10-25T00", "2026-10-25T01"] and ordered[-1] > ordered[0],
        "the other direction is the same code: nothing reads local time",
    )


ROWS: tuple[Row | Absent, ...] = (
    Row("T01", "Wall clock stepped +1 h", "U2, U4 hold; step on record; order by sequence is the true order", WALL, _forward, own=True),
    Row("T02", "Wall clock stepped -1 h", "U2, U4 hold; step on record; order by sequence is the true order", WALL, _back, own=True),
    Row("T03", "Boot at 1970, network time later", "control starts; step on record; every record maps to true time within 1 s (10 min scaled to 10 s)", WALL, _boot_at_1970, own=True),
    Row("T04", "Daylight-saving change with a local time zone", "UTC everywhere: no hour doubled or missing", WALL, _summer_ends, own=True),
)  # fmt: skip
