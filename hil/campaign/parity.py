"""Whether both dialects told the same: what readable JSON said of every record, the Sparkplug host must have as well."""

from __future__ import annotations

import bisect
import json
import math
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from hil.campaign.far import DEVICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hil.campaign.far import Far
    from hil.campaign.stage import Stage

KINDS = ("measurements", "loops", "commands", "event")
_EVENTS = ("event", "gap", "purge", "run", "end")
_FIELDS = {
    "loop": {"setpoint": "Setpoint", "output": "Output", "mode": "Mode", "condition": "Condition"},
    "actuator": {"value": "Value", "demanded": "Demanded", "source": "Source"},
}


class Absent(NamedTuple):
    """What of a stretch of the journal did not arrive: events at the Sparkplug host, values there, records in JSON; and how many values were looked for."""

    events: int
    values: int
    records: int
    looked: int

    @property
    def all(self) -> int:
        """How many of either."""
        return self.events + self.values + self.records


def absent(stage: Stage, far: Far, after: int, upto: int) -> Absent:
    """Compare the journal from `after` to `upto` with what arrived."""
    assert stage.ear is not None
    heard = [message.body for message in stage.ear.of("edgectl/") if "seq" in message.body]
    heard = [body for body in heard if after < body["seq"] <= upto]
    records = stage.journal.numbers(KINDS, after, upto) - {body["seq"] for body in heard}
    events = stage.journal.numbers(_EVENTS, after, upto) - told_events(far)
    values = list(_compared(stage, far, heard))
    return Absent(len(events), values.count(False), len(records), len(values))


def told_events(far: Far) -> set[int]:
    """The numbers of all events that the Sparkplug host was told of."""
    texts = [str(v.value) for v in list(far.host.values) if v.metric == "Journal/Event" and not v.birth]
    return {event["seq"] for text in texts for event in json.loads(text)}


def _compared(stage: Stage, far: Far, heard: list[dict[str, Any]]) -> Iterator[bool]:
    """Of each value in JSON, whether the host has it: of a tag at its time, of loops and actuators as the one that stands then."""
    series: dict[str, dict[int, object]] = defaultdict(dict)
    for value in list(far.host.values):
        if value.node == stage.bed.unit and value.device == DEVICE:
            series[value.metric][value.timestamp] = value.value
    times = {metric: sorted(known) for metric, known in series.items()}
    for body in heard:
        if "tag" in body:
            known, at_ms = series[f"Tags/{body['tag']}"], _ms(body["time"], body["age_s"])
            yield any(at in known and _same(known[at], body["value"]) for at in (at_ms - 1, at_ms, at_ms + 1))
        for kind, fields in _FIELDS.items():
            for field, name in fields.items() if kind in body else ():
                metric = f"{kind.title()}s/{body[kind]}/{name}"
                place = bisect.bisect_right(times.get(metric, ()), _ms(body["time"]))
                yield place > 0 and _same(series[metric][times[metric][place - 1]], body[field])


def _ms(time: str, age_s: float = 0.0) -> int:
    return math.floor((datetime.fromisoformat(time).timestamp() + age_s) * 1000 + 1e-3)


def _same(one: object, other: object) -> bool:
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return one == other
