"""One picture of the running unit, for people and scripts: plain data made from the last result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgectl.control.executive import Executive
from edgectl.control.instrument import Instrument
from edgectl.control.poller import Poller
from edgectl.core.dose import in_hour
from edgectl.model.codec import to_plain
from edgectl.model.instant import Instant
from edgectl.model.journal import JournalHealth
from edgectl.model.measurement import Achieved, Measurement
from edgectl.model.plan import Plan
from edgectl.model.state import Result, State

_NS = 1_000_000_000


def snapshot(
    plan: Plan,
    now: Instant,
    executive: Executive,
    pollers: Iterable[Poller],
    achieved: Mapping[str, Achieved],
    journal: JournalHealth | None,
) -> dict[str, Any]:
    """The unit at ``now``; ages in seconds. Before the first scan there are no tags, loops and actuators."""
    punctuality = executive.punctuality
    picture: dict[str, Any] = {
        "unit": plan.unit,
        "plan": plan.digest,
        "period_s": plan.period_s,
        "utc_ns": now.utc_ns,
        "scan": executive.state.scan,
        "late_scans": punctuality.late,
        "skipped_scans": punctuality.skipped,
        "tags": {},
        "loops": {},
        "actuators": {},
        "batch": executive.state.unit.batch,
        "doses": _doses(plan, executive.state),
        "checks": _checks(executive.state),
        "lines": {poller.branch.plan.name: _line(poller) for poller in pollers},
        "journal": journal._asdict() if journal else None,
    }
    if executive.result is not None:
        picture["tags"] = _tags(plan, executive.result.measurements, now)
        picture["loops"] = _loops(plan, executive.result)
        picture["actuators"] = _actuators(plan, executive.result, achieved, now)
    return picture


def _tags(plan: Plan, measurements: Iterable[Measurement], now: Instant) -> dict[str, Any]:
    units = {tag.name: tag.unit for tag in plan.tags}
    return {
        m.tag: {
            "value": m.value,
            "unit": units[m.tag],
            "quality": m.quality.name,
            "age_s": (now.mono_ns - m.at.mono_ns) / _NS,
            "reason": m.reason,
        }
        for m in measurements
    }


def _loops(plan: Plan, result: Result) -> dict[str, Any]:
    values = {m.tag: m.value for m in result.measurements}
    return {
        loop.name: {
            "tag": loop.tag,
            "unit": loop.unit,
            "band": loop.band,
            "value": values.get(loop.tag),
            "mode": state.mode.value,
            "target": state.target,
            "setpoint": state.setpoint,
            "output": state.output,
            "condition": state.condition,
        }
        for loop in plan.loops
        if (state := result.state.loops.get(loop.name)) is not None
    }


def _actuators(plan: Plan, result: Result, achieved: Mapping[str, Achieved], now: Instant) -> dict[str, Any]:
    plans = {actuator.name: actuator for actuator in plan.actuators}
    return {
        command.actuator: {
            "value": command.value,
            "unit": plans[command.actuator].unit,
            "safe": plans[command.actuator].safe,
            "demanded": command.demanded,
            "restricted_by": list(command.restricted_by),
            "source": command.source,
            "lease_s": (command.expires_ns - now.mono_ns) / _NS,
            **_confirmed(achieved.get(command.actuator), now),
        }
        for command in result.commands
    }


def _doses(plan: Plan, state: State) -> dict[str, Any]:
    return {
        dose.actuator: {
            "unit": dose.unit,
            "hour": in_hour(ledger),
            "per_hour": dose.per_hour or None,
            "batch": ledger.batch,
            "per_batch": dose.per_batch or None,
            "granted": ledger.granted,
            "reached": ledger.reached,
        }
        for dose in plan.doses
        if (ledger := state.doses.get(dose.actuator)) is not None
    }


def _checks(state: State) -> dict[str, Any]:
    return {
        name: {"failed": check.failed, "reason": check.reason, "suspended": check.suspended}
        for name, check in state.checks.items()
    }


def _confirmed(achieved: Achieved | None, now: Instant) -> dict[str, Any]:
    if achieved is None:
        return {"achieved": None, "achieved_age_s": None, "detail": "not written yet"}
    age_s = (now.mono_ns - achieved.at.mono_ns) / _NS
    return {"achieved": achieved.value, "achieved_age_s": age_s, "detail": achieved.detail}


def _line(poller: Poller) -> dict[str, Any]:
    return {
        "condition": poller.condition,
        "reason": poller.reason,
        "statistics": to_plain(poller.branch.line.statistics),
        "instruments": {i.name: _instrument(i) for i in poller.branch.instruments},
    }


def _instrument(instrument: Instrument) -> dict[str, Any]:
    return {
        "condition": instrument.condition,
        "reason": instrument.reason,
        "identity": to_plain(instrument.identity),
        "missed_polls": sum(turn.missed for turn in instrument.polls),
    }
