"""G9: how soon a dropped connection is known, and how soon values are back; Modbus TCP against a served rig."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from edgectl.store.reader import Reader
from edgectl.store.record import Kind, ScanInput
from hil.serve import ask
from tests.bench.stage import edgectl, loops_plan, loops_rig, scans, served, wait_for
from tests.bench.verdict import Verdict

LOOPS, POLL_S, PERIOD_S = 10, 0.1, 0.02
AWAY_S = (0.33, 0.71, 1.17, 1.93, 2.51)  # at odds with every period in play


class Outage(NamedTuple):
    """One drop: how long the rig was away, how long the order to drop took, and the delays from giving each order; seconds."""

    away_s: float
    order_s: float
    known_s: float
    back_s: float


def outages(away_s: Sequence[float], poll_s: float = POLL_S) -> list[Outage]:
    """Reset every connection and stop listening for so long, each time in turn, and read from the journal what control saw when."""
    marks = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "loops.toml").write_text(loops_rig(LOOPS))
        with served("serve", str(folder / "loops.toml"), "--dir", str(folder / "lines")) as rig:
            plan = loops_plan(LOOPS, PERIOD_S, rig["lines"]["tcp"], poll_s=poll_s)
            with edgectl("control", plan, folder / "state") as control:
                wait_for(control.place.socket)
                time.sleep(1.5)
                for away in away_s:
                    dropped = _order(rig["control"], "fault", verb="unplug")
                    obeyed = time.monotonic_ns()
                    time.sleep(away)
                    returned = _order(rig["control"], "fault", verb="replug")
                    marks.append((dropped, obeyed, returned))
                    time.sleep(1.0 + 2 * poll_s)
        journal = folder / "state" / "journal.db"
        recorded, lost = scans(journal), lost_ns(journal)
    return [
        Outage(
            (returned - dropped) / 1e9,
            (obeyed - dropped) / 1e9,
            first_after(lost, dropped) / 1e9,
            (back_ns(recorded, returned) - returned) / 1e9,
        )
        for dropped, obeyed, returned in marks
    ]


def _order(control: str, do: str, **more: object) -> int:
    """Give the order; returns the moment before, so that every delay counts the order's own way too."""
    at = time.monotonic_ns()
    ask(control, {"do": do, "target": "tcp", **more})
    return at


def lost_ns(journal: Path) -> list[int]:
    """When control recorded that the line was lost."""
    with Reader(journal) as reader:
        records = list(reader.each(reader.runs()[-1], (Kind.EVENT,)))
    events = ((record.at.mono_ns, json.loads(record.body)) for record in records)
    return [at for at, event in events if (event["kind"], event["after"]) == ("line", "lost")]


def first_after(times: Sequence[int], mark: int) -> int:
    """How long after ``mark`` the first of these times came."""
    return min(at for at in times if at >= mark) - mark


def back_ns(recorded: Sequence[ScanInput], mark: int) -> int:
    """The scan by which every instrument had given a value that was asked for after ``mark``."""
    waiting = {f"i{unit}.value" for unit in range(1, LOOPS + 1)}
    for scan in recorded:
        waiting -= {s.channel for s in scan.samples if s.value is not None and s.at.mono_ns >= mark}
        if not waiting:
            return scan.now.mono_ns
    raise ValueError(f"never heard of again: {', '.join(sorted(waiting))}")


def judge(longest_s: float) -> list[Verdict]:
    """G9, with the longest outage last."""
    seen = outages([*AWAY_S, longest_s])
    slowest = max(seen, key=lambda outage: outage.known_s)
    known_s, back_s = slowest.known_s, max(outage.back_s for outage in seen)
    drops = f"{len(seen)} resets by the rig, the longest {longest_s:g} s"
    typical_s = statistics.median(outage.known_s for outage in seen)
    return [
        Verdict(
            "G9", "drop known <= 10 ms after the connection is reset",
            f"median {typical_s * 1e3:.1f}, worst {known_s * 1e3:.1f} ms", f"{drops}; one monotonic clock", known_s <= 0.010,
            "" if known_s <= 0.010 else f"the rig took {slowest.order_s * 1e3:.1f} ms of it to obey and answer",
        ),
        Verdict(
            "G9", f"values of all {LOOPS} instruments back <= poll period ({POLL_S:g} s) + 0.2 s",
            f"worst {back_s * 1e3:.0f} ms, after {longest_s:g} s away {seen[-1].back_s * 1e3:.0f} ms", drops, back_s <= POLL_S + 0.2,
        ),
    ]  # fmt: skip
