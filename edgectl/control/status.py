"""One picture of the running unit, for people and scripts: plain data made from the last result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from edgectl.control.executive import Executive
from edgectl.control.instrument import Instrument
from edgectl.control.liquid_status import feeds, perfusions
from edgectl.control.poller import Poller
from edgectl.core.alarm import hidden, shown
from edgectl.core.dose import in_hour
from edgectl.core.ladder import RUNGS
from edgectl.core.supervisor import condition, is_latched
from edgectl.model.codec import to_plain
from edgectl.model.instant import Instant
from edgectl.model.journal import JournalHealth
from edgectl.model.measurement import Achieved, Measurement
from edgectl.model.plan import Plan
from edgectl.model.snapshot import SnapshotHealth
from edgectl.model.soft_plan import SOFT
from edgectl.model.state import Result, State

_NS = 1_000_000_000


def snapshot(
    plan: Plan,
    now: Instant,
    executive: Executive,
    pollers: Iterable[Poller],
    achieved: Mapping[str, Achieved],
    journal: JournalHealth | None,
    saved: SnapshotHealth | None,
    notice: str = "",
) -> dict[str, Any]:
    """The unit at ``now``; ages in seconds; ``notice`` is what the uplink would have people know. Before the first scan there are no tags, loops and actuators."""
    punctuality = executive.punctuality
    picture: dict[str, Any] = {
        "unit": plan.unit,
        "plan": plan.digest,
        "period_s": plan.period_s,
        "utc_ns": now.utc_ns,
        "held": executive.state.unit.held,
        "scan": executive.state.scan,
        "late_scans": punctuality.late,
        "skipped_scans": punctuality.skipped,
        "unit_state": _unit(plan, executive.state),
        "hazards": _hazards(plan, executive.state),
        "tags": {},
        "loops": {},
        "actuators": {},
        "alarms": {},
        "flood": False,
        "doses": _doses(plan, executive.state),
        "feeds": feeds(plan, executive.state),
        "perfusions": perfusions(plan, executive.state),
        "checks": _checks(executive.state),
        "lines": {poller.branch.plan.name: _line(poller) for poller in pollers},
        "journal": journal._asdict() if journal else None,
        "snapshot": saved._asdict() if saved else None,
        "notice": notice,
        "experiments": _experiments(plan, executive.state),
        "calibrations": to_plain(executive.state.calibrations),
        "sessions": to_plain(executive.state.sessions),
    }
    if executive.result is not None:
        picture["tags"] = _tags(plan, executive.result.measurements, now)
        picture["loops"] = _loops(plan, executive.result)
        picture["actuators"] = _actuators(plan, executive.result, achieved, now)
        picture["alarms"] = _alarms(plan, executive.state, now)
        picture["flood"] = executive.state.annunciator.flood
    return picture


def _alarms(plan: Plan, state: State, now: Instant) -> dict[str, Any]:
    """Every alarm as it stands; ``underneath`` is the state that a hidden one has nevertheless."""
    return {
        alarm.name: {
            "state": shown(stands).value,
            "underneath": stands.code.value,
            "hidden": hidden(stands),
            "priority": alarm.priority.value,
            "age_s": (now.utc_ns - stands.since.utc_ns) / _NS if stands.since else None,
            "since_utc_ns": stands.since.utc_ns if stands.since else None,
            "reason": stands.reason,
            "held_back": stands.held.value,
            "first_out": stands.first_out,
            "hidden_by": stands.retired or (stands.suppressed and alarm.suppressed_by) or stands.shelved,
            "shelve_s": stands.shelve_s or None,
            "description": alarm.description,
            "consequence": alarm.consequence,
            "response": alarm.response,
            "response_s": alarm.response_s or None,
        }
        for alarm in plan.alarms
        if (stands := state.alarms.get(alarm.name)) is not None
    }


def _unit(plan: Plan, state: State) -> dict[str, Any]:
    unit = state.unit
    return {
        "held": unit.held,
        "authority": unit.authority.value,
        "owner": unit.owner,
        "conflict": unit.conflict,
        "uplink": RUNGS[unit.rung] if plan.uplink.host or unit.rung else "none",
        "uplink_lost_s": unit.uplink_lost_s,
        "batch": unit.batch,
        "first_out": next((name for name, hazard in state.hazards.items() if hazard.first_out), ""),
    }


def _hazards(plan: Plan, state: State) -> dict[str, Any]:
    """All rows of the matrix as they stand. ``condition`` is clear, acts, gone (latched, may be reset) or unknown (safe until it is known)."""
    return {
        hazard.name: {
            "action": hazard.action.name.lower(),
            "condition": condition(hazard, found),
            "first_out": found.first_out,
            "latched": is_latched(hazard),
            "since_utc_ns": found.since.utc_ns if found.since else None,
            "reason": found.reason,
            "description": hazard.description,
        }
        for hazard in plan.hazards
        if (found := state.hazards.get(hazard.name)) is not None
    }


def _tags(plan: Plan, measurements: Iterable[Measurement], now: Instant) -> dict[str, Any]:
    plans = {tag.name: tag for tag in plan.tags}
    return {
        m.tag: {
            "value": m.value,
            "unit": plans[m.tag].unit,
            "estimated": plans[m.tag].channel.startswith(SOFT),
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
            "limit": state.limit,
            **_health(loop.name, result.state),
        }
        for loop in plan.loops
        if (state := result.state.loops.get(loop.name)) is not None
    }


def _health(name: str, state: State) -> dict[str, Any]:
    """How a loop does: a word, a line, and since when; None where nobody watches that."""
    health = state.health.get(name)
    if health is None:
        return {"health": None, "health_line": "", "health_since_utc_ns": None}
    told, since_ns = health.chart.told, health.chart.since_ns
    return {"health": told.word.value, "health_line": told.line, "health_since_utc_ns": since_ns or None}


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


def _experiments(plan: Plan, state: State) -> dict[str, Any]:
    """Every experiment that runs or ended lately; what it recorded is a question of its own (``do: experiment``)."""
    limits = {loop.name: loop.tune for loop in plan.loops}
    return {
        name: {
            "method": found.method.value,
            "side": found.side.value,
            "stage": found.stage.value,
            "actor": found.actor,
            "elapsed_s": found.elapsed_s,
            "longest_s": tune.longest_s,
            "swings": found.swings,
            "ended": found.ended,
            "complete": found.complete,
        }
        for name, found in state.experiments.items()
        if (tune := limits.get(name)) is not None
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
