"""The oracles that hold whatever the fault was, judged over what was seen from outside.

U5 and U8 belong to single rows; U10 is asked once a stage, by `replayed`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.campaign.child import Resources
from hil.campaign.witness import Eye

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hil.campaign.stage import Stage
    from hil.campaign.witness import Heard, Look

GROWTH_KB = 5000
LOG_BYTES_AN_HOUR = 1_000_000
LOG_BYTES_AT_ONCE = 20_000
MOST_A_MINUTE = 3
_REACH = {
    "TY-101": ("jacket_setpoint_c", 0.06),
    "HS-101": ("heater_enabled", 0.0),
    "HS-102": ("gate.base_ml_min", 0.0),
    "FV-101": ("air_ml_min", 2.5),
    "FV-102": ("co2_ml_min", 0.6),
    "FV-103": ("o2_ml_min", 1.6),
    "P-101": ("base_ml_min", 0.01),
    "SC-101": ("stir_rpm", 1.0),
    "P-102": ("feed_ml_min", 0.02),
    "OUT": ("feed_ml_min", 0.02),
}


@dataclass(frozen=True, slots=True)
class Before:
    """How a stage was when a row began."""

    at_s: float
    held: Resources
    last: int
    fingerprint: str
    log_bytes: int


def before(stage: Stage) -> Before:
    """Take note of a healthy stage. The uplink is the last to connect; what it opens there is no leak of what follows."""
    stage.until(lambda: stage.status()["unit_state"]["uplink_lost_s"] == 0.0, 60.0)
    last = stage.journal.last()
    log = stage.folder / "run.log"
    return Before(stage.now_s(), stage.resources(), last, stage.journal.fingerprint(last), log.stat().st_size)


def broken(stage: Stage, begun: Before, looks: Sequence[Look], back_s: float) -> dict[str, str]:
    """Which oracles do not hold over a row that began at `begun`; `back_s` is how long recovery took."""
    heard = [] if stage.ear is None else stage.ear.of("/tag/", begun.at_s / stage.bed.clock)
    heard = [message for message in heard if message.body["seq"] > begun.last]
    found = {
        "U1": moved_without_cause(stage),
        "U2": aged(stage, looks, heard),
        "U3": strayed(stage, heard),
        "U4": missed(stage, looks),
        "U6": lost(stage, begun),
        "U7": repeated(stage, begun),
        "U9": grown(stage, begun),
        "U11": "" if math.isfinite(back_s) else f"not healthy again: {stage.ailing()}",
    }
    return {name: text for name, text in found.items() if text}


def over(stage: Stage, what: Callable[[], None], *waived: str) -> str:
    """The complaints over something done on a stage of the row's own; what it broke must be mended when it returns."""
    begun = before(stage)
    eye = Eye(stage.glance)
    try:
        what()
    finally:
        back_s = stage.until(lambda: not stage.ailing(), 60.0)
        looks = eye.stop()
    found = broken(stage, begun, looks, back_s)
    return "; ".join(f"{name} BROKEN: {text}" for name, text in found.items() if name not in waived)


def moved_without_cause(stage: Stage) -> str:
    """U1: what the bench's actuators do is what is on record, and each value has a source."""
    outputs = stage.outputs()
    status = stage.status()
    for name, actuator in status["actuators"].items():
        if not actuator["source"]:
            return f"{name} has no source"
        reach = _REACH.get(name)
        if reach is None or actuator["achieved"] is None:
            continue
        sink, tolerance = reach
        if abs(outputs[sink] - actuator["value"]) > tolerance and not _settles(stage, name, sink, tolerance):
            return f"{name} is {outputs[sink]:g} on the bench, {actuator['value']:g} on record"
    return ""


def _settles(stage: Stage, actuator: str, sink: str, tolerance: float) -> bool:
    """A value may be on its way: it must arrive within three periods."""

    def agrees() -> bool:
        recorded = stage.status()["actuators"][actuator]["value"]
        return bool(abs(stage.outputs()[sink] - recorded) <= tolerance)

    return math.isfinite(stage.until(agrees, 6.0))


def aged(stage: Stage, looks: Iterable[Look], heard: Iterable[Heard]) -> str:
    """U2: nothing older than Ts is GOOD. The status may show a quality that is one scan old."""
    for look in looks:
        if look.status is None:
            continue
        late_s = 1.5 * look.status["period_s"] + (0.1 + look.took_s) * stage.bed.clock
        for name, tag in look.status["tags"].items():
            limit = stage.bed.stale_s.get(name, math.inf)
            if tag["quality"] == "GOOD" and tag["age_s"] > limit + late_s:
                return f"{name} GOOD at an age of {tag['age_s']:.1f} s"
    for message in heard:
        tag, body = message.body["tag"], message.body
        if body["quality"] == "GOOD" and body["age_s"] > stage.bed.stale_s.get(tag, math.inf):
            return f"{tag} sent GOOD at an age of {body['age_s']:.1f} s"
    return ""


def strayed(stage: Stage, heard: Iterable[Heard]) -> str:
    """U3: on a plant that stands still every value anybody was told is the one its instrument had."""
    for message in heard:
        tag, body = message.body["tag"], message.body
        known = stage.bed.truth.get(tag)
        if known is None or tag in stage.untrue or body["quality"] != "GOOD":
            continue
        if abs(body["value"] - known[0]) > known[1]:
            return f"{tag} = {body['value']} was told, {known[0]} is true"
    return ""


def missed(stage: Stage, looks: Sequence[Look]) -> str:
    """U4: no scan was left out, by the product's count and by our own clock."""
    seen = [look for look in looks if look.status is not None and look.status["tags"]]
    if len(seen) < 2:
        return ""
    first, last = seen[0], seen[-1]
    assert first.status is not None
    assert last.status is not None
    if last.status["scan"] < first.status["scan"]:
        return ""  # another process; the row judges how it came to that
    skipped = last.status["skipped_scans"] - first.status["skipped_scans"]
    period_s = last.status["period_s"]
    due = (last.at_s - first.at_s) * stage.bed.clock / period_s
    done = last.status["scan"] - first.status["scan"]
    slack = 1.0 + 0.3 * stage.bed.clock / period_s
    if skipped or abs(due - done) > slack:
        return f"{skipped} scans skipped, {done} done of {due:.1f} due"
    return ""


def lost(stage: Stage, begun: Before) -> str:
    """U6: what was stored is there still, byte for byte, and no number is missing."""
    if stage.journal.last() < begun.last or stage.journal.fingerprint(begun.last) != begun.fingerprint:
        return "records that were stored have changed"
    holes = stage.journal.holes()
    return f"record numbers missing after {holes[0]}" if holes else ""


def repeated(stage: Stage, begun: Before) -> str:
    """U7: no transition is told more than three times in any minute."""
    told: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for event in stage.journal.events(begun.last):
        if event.body["kind"] != "request":
            key = (event.body["kind"], event.body["subject"], event.body["after"])
            told[key].append(event.mono_ns / 1e9)
    for key, times in told.items():
        for one, other in zip(times, times[MOST_A_MINUTE:], strict=False):
            if other - one < 60.0:
                return f"{' '.join(key)} told {MOST_A_MINUTE + 1} times in {other - one:.0f} s"
    return ""


def grown(stage: Stage, begun: Before) -> str:
    """U9: memory, descriptors, threads and log are as they were."""
    now, then = stage.resources(), begun.held
    if now.pid != then.pid:
        return ""
    if now.rss_kb - then.rss_kb > GROWTH_KB:
        return f"memory grew by {now.rss_kb - then.rss_kb} kB"
    if now.threads != then.threads:
        return f"{then.threads} threads became {now.threads}"
    if now.descriptors > then.descriptors and math.isinf(
        stage.until(lambda: stage.resources().descriptors <= then.descriptors, 10.0)
    ):
        return f"{then.descriptors} descriptors became {now.descriptors}"
    written = (stage.folder / "run.log").stat().st_size - begun.log_bytes
    allowed = LOG_BYTES_AT_ONCE + (stage.now_s() - begun.at_s) * LOG_BYTES_AN_HOUR / 3600.0
    return f"{written} bytes of log" if written > allowed else ""


def replayed(stage: Stage) -> str:
    """U10: every seal of the journal holds, and every command follows again from its recorded inputs. The unit is stopped."""
    if not stage.journal.path.exists():
        return ""
    said = stage.edgectl("replay", str(stage.journal.path))
    return "" if said.returncode == 0 else (said.stdout or said.stderr).strip().splitlines()[-1]
