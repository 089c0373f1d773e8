"""What may change of a plan while its unit runs, and what the unit remembers across it.

Three classes, the most careful one of all changes counts: *live* moves no output by itself, *at hold* needs every output at its safe
value, *restart* touches wires and with them the process itself.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

from edgectl.core.initial import initial_state
from edgectl.core.restart import Outage, begin
from edgectl.core.text import figure
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.plan import Plan
from edgectl.model.snapshot import Snapshot, Stamp
from edgectl.model.state import State


class When(enum.IntEnum):
    """When a change may be taken."""

    LIVE = 0
    AT_HOLD = 1
    RESTART = 2

    @property
    def words(self) -> str:
        """For people."""
        return ("live", "at hold", "restart, idle only")[self]


class Change(NamedTuple):
    """One difference of two plans. ``name`` is empty for what the unit has only one of, ``field`` for a part that was added or removed."""

    part: str
    name: str
    field: str
    before: str
    after: str
    when: When

    @property
    def subject(self) -> str:
        """``loops.TIC-101.gain``."""
        return ".".join(word for word in (self.part, self.name, self.field) if word)


# What a running loop or tag takes without a bump. Anything not named here needs the class of its part.
_LIVE: Mapping[str, frozenset[str]] = {
    "loops": frozenset(
        {
            "gain", "integral_s", "derivative_s", "filter_s", "smooth_s", "probe_lag_s", "weight", "schedule", "feedforward",
            "startup_zone", "output_rate_per_s", "dead_band", "tracking_s", "setpoint_rate_per_s", "hold_max_s", "band",
            "description", "health", "tune", "setpoint",
        }
    ),
    "tags": frozenset({"report", "heartbeat_s", "description"}),
    "actuators": frozenset({"description"}),
}  # fmt: skip
_OF_PART: Mapping[str, When] = {
    "description": When.LIVE,
    "vessel": When.LIVE,
    "alarms": When.LIVE,
    "unit": When.RESTART,
    "period_s": When.RESTART,
    "lines": When.RESTART,
    "instruments": When.RESTART,
    "actuators": When.RESTART,
    "tags": When.RESTART,
    "uplink": When.RESTART,
    "journal": When.RESTART,
}  # everything else: AT_HOLD
_LONGEST = 60
_JUDGING = frozenset({"low", "high", "late_s", "stale_s", "flat_s", "rate_per_s", "rate_samples", "voted"})


def changes(before: Plan, after: Plan) -> tuple[Change, ...]:
    """Every difference, in the order of the plan."""
    return tuple(
        change
        for part in (f.name for f in fields(Plan) if f.name != "digest")
        for change in _of_part(part, getattr(before, part), getattr(after, part))
    )


def _of_part(part: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    old, new = _named(before), _named(after)
    if old is None or new is None:
        yield Change(part, "", "", *_pair(before, after), _OF_PART.get(part, When.AT_HOLD))
        return
    whole = max(_OF_PART.get(part, When.AT_HOLD), When.AT_HOLD if part == "loops" else When.LIVE)
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield Change(part, name, "", "there", "removed", whole)
        elif name not in old:
            yield Change(part, name, "", "none", "added", whole)
        else:
            yield from _of_item(part, name, old[name], new[name])


def _of_item(part: str, name: str, before: Any, after: Any) -> Iterator[Change]:
    for item in fields(before):
        old, new = getattr(before, item.name), getattr(after, item.name)
        if old != new:
            yield Change(part, name, item.name, *_pair(old, new), _when(part, item.name))


def _when(part: str, field: str) -> When:
    if field in _LIVE.get(part, ()):
        return When.LIVE
    if part == "tags" and field in _JUDGING:
        return When.AT_HOLD
    return _OF_PART.get(part, When.AT_HOLD)


def _named(part: Any) -> dict[str, Any] | None:
    """The items of a part by name; None for a part that has no items with names."""
    if not isinstance(part, tuple):
        return None
    found = {}
    for item in part:
        name = getattr(item, "name", None) or getattr(item, "actuator", None)
        if not isinstance(name, str):
            return None
        found[name] = item
    return found


def _pair(before: Any, after: Any) -> tuple[str, str]:
    """Both values in at most 60 characters each; of longer ones the part where they begin to differ."""
    old, new = _show(before), _show(after)
    if max(len(old), len(new)) <= _LONGEST:
        return old, new
    same = next(
        (at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    first = max(0, same - _LONGEST // 3)
    return _cut(old, first), _cut(new, first)


def _cut(text: str, first: int) -> str:
    part = f"...{text[first:]}" if first else text
    return part if len(part) <= _LONGEST else f"{part[: _LONGEST - 3]}..."


def _show(value: Any) -> str:
    return figure(value, "") if isinstance(value, float) else str(getattr(value, "value", value))


def objection(found: tuple[Change, ...], state: State) -> str:
    """Why a running unit cannot take these changes now; empty if it can."""
    most = max((change.when for change in found), default=When.LIVE)
    culprits = ", ".join(change.subject for change in found if change.when is most)
    batch = f"batch {state.unit.batch} runs" if state.unit.batch else ""
    if most is When.RESTART:
        return f"{culprits}: taken at a restart only, with outputs safe in between" + (batch and f"; {batch}")
    if most is When.AT_HOLD and not state.unit.held:
        return f"{culprits}: taken only while the unit is held (edgectl hold)"
    return ""


def carried(before: Plan, after: Plan, state: State, now: Instant) -> tuple[State, tuple[Event, ...]]:
    """The memory with which a unit goes on under another plan, once nothing objects.

    Live changes keep all of it, running set points too: a loop takes a new tuning without a bump by itself. A held unit begins as after a restart, and stays held.
    """
    if max((change.when for change in changes(before, after)), default=When.LIVE) is When.LIVE:
        fresh = initial_state(after)
        alarms = {name: state.alarms.get(name, alarm) for name, alarm in fresh.alarms.items()}
        return replace(state, alarms=alarms), ()
    taken = Stamp("same", now.mono_ns, now.utc_ns)
    setpoints = {loop.name: loop.setpoint for loop in before.loops}
    saved = Snapshot(before.unit, before.digest, "", now, taken, state, setpoints)
    begun = begin(after, saved, "", Outage(0.0, "the same process"), now)
    return begun.state, begun.events
