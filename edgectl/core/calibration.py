"""Calibration sessions while they run, what tags are worth meanwhile, and calibrations that come due."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from edgectl.core.correction import corrected
from edgectl.core.judge import Gate, judge
from edgectl.core.text import figure, span
from edgectl.core.turn import Turn
from edgectl.model.calibration import Calibration, CalibrationSession, CalibrationState
from edgectl.model.command import Demand
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement, Sample
from edgectl.model.plan import Plan
from edgectl.model.quality import DeviceStatus, Quality, quality_of
from edgectl.model.state import ActuatorState, TagState

Tell = Callable[[str, str, str, str, str], None]
KIND: Final = "calibration"
CHECKED: Final = "function check"
DUE_SOON: Final = "due soon"
OVERDUE: Final = "overdue"
_DAY_NS = 86_400_000_000_000
_REMIND_NS = 7 * _DAY_NS
_ACTOR = "calibration"


def judge_tag(
    gate: Gate,
    before: TagState,
    sample: Sample | None,
    now: Instant,
    calibration: Calibration | None,
    session: CalibrationSession | None,
) -> tuple[TagState, Measurement]:
    """Judge a tag by its true value. One that somebody calibrates is BAD: it measures something else than the process (NE 107 function check)."""
    if calibration is not None and sample is not None:
        sample = corrected(calibration, sample)
    if session is None:
        return judge(gate, before, sample, now)
    value = (
        None if sample is None or sample.value is None or not math.isfinite(sample.value) else sample.value
    )
    reason = f"{CHECKED}: calibration by {session.who}"
    at = now if sample is None else sample.at
    return replace(before, quality=Quality.BAD), Measurement(gate.name, value, Quality.BAD, reason, at)


def follow_sessions(
    this: Turn, sessions: Mapping[str, CalibrationSession], actuators: Mapping[str, ActuatorState]
) -> dict[str, CalibrationSession]:
    """The sessions that go on, each with what its instrument says now and what its actuator has given."""
    going = dict(sessions)
    channels = {gate.name: gate.channel for gate in this.unit.gates} if sessions else {}
    for name, session in sessions.items():
        left_s, lease_s = session.left_s - this.dt_s, session.lease_s - this.dt_s
        if left_s <= 0.0 or lease_s <= 0.0:
            reason = "its time is over" if left_s <= 0.0 else "nobody has been heard of it any more"
            this.tell(KIND, name, CHECKED, "over", _ACTOR, reason)
            del going[name]
            continue
        after = replace(session, left_s=left_s, lease_s=lease_s)
        if name in channels:
            going[name] = _seen(after, this.image.samples.get(channels[name]))
        else:
            going[name] = _ran(this, name, after, actuators[name].value)
    return going


def _seen(session: CalibrationSession, sample: Sample | None) -> CalibrationSession:
    fault = "no value yet"
    if sample is not None:
        usable = sample.value is not None and math.isfinite(sample.value)
        bad = quality_of(sample.status) is Quality.BAD and sample.status is not DeviceStatus.FUNCTION_CHECK
        if usable and not bad:
            value = sample.value
            assert value is not None
            low = value if session.low is None else min(session.low, value)
            high = value if session.high is None else max(session.high, value)
            return replace(session, reading=value, reading_ns=sample.at.mono_ns, fault="", low=low, high=high)
        fault = sample.detail or (f"instrument reports {sample.status.value}" if bad else "no value")
    return replace(session, reading=None, fault=fault)


def _ran(this: Turn, name: str, session: CalibrationSession, value: float) -> CalibrationSession:
    """One scan more of a weighed run; what was commanded before has stood until now."""
    if session.run_s <= 0.0:
        return session
    run_s = session.run_s - this.dt_s
    given = session.given + value * this.dt_s
    if run_s > 1e-6:
        return replace(session, run_s=run_s, given=given)
    unit = this.unit.outputs[name].plan.unit
    this.tell(KIND, name, f"runs at {figure(session.run, unit)}", "stands", _ACTOR, "the weighed run is over")
    return replace(session, run=0.0, run_s=0.0, given=given)


def runs(sessions: Mapping[str, CalibrationSession]) -> dict[str, Demand]:
    """What weighed runs ask of actuators, before anybody else."""
    return {
        name: Demand(name, session.run, KIND) for name, session in sessions.items() if session.run_s > 0.0
    }


def remind(this: Turn, calibrations: Mapping[str, CalibrationState]) -> dict[str, CalibrationState]:
    """Tell once when a calibration is about to be due, and once when it is."""
    after = dict(calibrations)
    for name, state in calibrations.items():
        current = state.current
        word = "" if current is None else standing(current, this.at.utc_ns)
        if word == state.warned:
            continue
        after[name] = replace(state, warned=word)
        if current is not None and word:
            apart_s = abs(current.due_utc_ns - this.at.utc_ns) / 1e9
            when = f"{span(apart_s)} ago" if word == OVERDUE else f"in {span(apart_s)}"
            reason = f"maintenance required: its calibration of {current.person} was due {when}"
            if word == DUE_SOON:
                reason = f"maintenance required: its calibration of {current.person} is due {when}"
            this.tell(KIND, name, state.warned or "in date", word, _ACTOR, reason)
    return after


def standing(calibration: Calibration, utc_ns: int) -> str:
    """Whether a calibration is due: empty, ``due soon`` (a week before) or ``overdue``."""
    due_ns = calibration.due_utc_ns
    if not due_ns or utc_ns < due_ns - _REMIND_NS:
        return ""
    return OVERDUE if utc_ns >= due_ns else DUE_SOON


def kept(plan: Plan, saved: Mapping[str, CalibrationState], tell: Tell) -> dict[str, CalibrationState]:
    """The calibrations that still belong to something; one of another channel is of another probe, and ends."""
    channels = {tag.name: tag.channel for tag in plan.tags}
    channels |= {actuator.name: actuator.channel for actuator in plan.actuators}
    going = {}
    for name, state in saved.items():
        if state.current is not None and channels.get(name) != state.current.channel:
            now = channels.get(name) or "nothing"
            tell(
                KIND,
                name,
                "calibrated",
                "not calibrated",
                f"it was of {state.current.channel}, and {name} is {now}",
            )
        elif name in channels:
            going[name] = state
    return going
