"""From a sample to a judged measurement: how far a value may be believed, and why not further.

Quality only falls on its way: the NE 107 status of the instrument sets the best a value can be, every check may lower it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgectl.core.text import figure, span
from edgectl.model.instant import Instant
from edgectl.model.measurement import Measurement, Sample
from edgectl.model.plan import TagPlan
from edgectl.model.quality import DeviceStatus, Quality, quality_of
from edgectl.model.state import TagState

_NS = 1_000_000_000
_FINE = DeviceStatus.GOOD
_NOT_NUMBERS = 1  # samples in a row that may be no number before the tag is BAD
_TINY = 1e-30  # no quantity of a plant is smaller and not zero: denormals and swapped words are


@dataclass(frozen=True, slots=True)
class Gate:
    """A tag's plan as ``judge`` needs it: times in nanoseconds of the monotonic clock."""

    plan: TagPlan
    name: str
    channel: str
    late_ns: int
    stale_ns: int
    flat_ns: int


def gate_of(plan: TagPlan) -> Gate:
    """The gate of one tag."""
    return Gate(
        plan=plan,
        name=plan.name,
        channel=plan.channel,
        late_ns=round(plan.late_s * _NS),
        stale_ns=round(plan.stale_s * _NS),
        flat_ns=round(plan.flat_s * _NS),
    )


def judge(gate: Gate, state: TagState, sample: Sample | None, now: Instant) -> tuple[TagState, Measurement]:
    """Judge the latest sample of a tag.

    A value that is no number once, or steps faster than the plan allows for at most ``rate_samples``, is rejected: the value
    accepted last stands in for it, under its own time, UNCERTAIN. Whatever is BAD leaves the memory of accepted values alone.
    """
    if sample is None:
        return _lowered(state, Quality.BAD), Measurement(
            gate.name, None, Quality.BAD, "no value yet: its channel has not been read", now
        )
    if (
        sample.at == state.at
        and sample.value == state.value
        and state.quality is Quality.GOOD
        and sample.status is _FINE
        and 0 <= now.mono_ns - sample.at.mono_ns <= gate.late_ns
    ):
        return state, Measurement(gate.name, state.value, Quality.GOOD, "", sample.at)
    return _judge_anew(gate, state, sample, now)


def _judge_anew(gate: Gate, state: TagState, sample: Sample, now: Instant) -> tuple[TagState, Measurement]:
    age_ns = now.mono_ns - sample.at.mono_ns
    value = sample.value
    if fault := _fault(gate, sample, age_ns):
        shown = value if value is not None and math.isfinite(value) else None
        return _lowered(state, Quality.BAD), Measurement(gate.name, shown, Quality.BAD, fault, sample.at)
    assert value is not None  # a missing value is a fault
    if not math.isfinite(value):
        return _reject(
            gate, state, sample, now, f"{value} is not a number{_colon(sample.detail)}", _NOT_NUMBERS
        )
    value += 0.0  # minus zero is zero
    if state.at is None or sample.at.mono_ns > state.at.mono_ns:
        if (fast := _fast_step(gate, state, value, sample.at)) and _doubts(
            state, sample.at
        ) <= gate.plan.rate_samples:
            return _reject(gate, state, sample, now, fast, gate.plan.rate_samples)
        state = _accepted(gate, state, value, sample.at, calm=not fast)
    quality, reason = _verdict(gate, state, sample, age_ns)
    return _lowered(state, quality), Measurement(gate.name, value, quality, reason, sample.at)


def _fault(gate: Gate, sample: Sample, age_ns: int) -> str:
    """Why this sample is no measurement at all; empty if it may be one."""
    plan = gate.plan
    if sample.status is not _FINE and quality_of(sample.status) is Quality.BAD:
        return f"instrument reports {sample.status.value}" + _colon(sample.detail)
    if sample.value is None:
        return "instrument gave no value" + _colon(sample.detail)
    if age_ns > gate.stale_ns:
        return f"no value for {span(age_ns / _NS)} (stale after {span(plan.stale_s)})"
    if age_ns < -gate.late_ns:
        return f"time of the value is {span(-age_ns / _NS)} ahead of the clock"
    return _implausible(plan, sample.value)


def _implausible(plan: TagPlan, value: float) -> str:
    """Why no such value can be; empty if it can. What is no number has its own rule."""
    if not math.isfinite(value):
        return ""
    if not plan.low <= value <= plan.high:
        return f"{figure(value, plan.unit)} is outside {plan.low:.6g} to {figure(plan.high, plan.unit)}"
    if 0.0 < abs(value) < _TINY:
        return f"{value:.2g} is not a measurement (denormal or swapped words)"
    return ""


def _colon(detail: str) -> str:
    return f": {detail}" if detail else ""


def _verdict(gate: Gate, state: TagState, sample: Sample, age_ns: int) -> tuple[Quality, str]:
    """Quality and reason of a value that was accepted."""
    assert state.at is not None  # it was accepted
    flat_ns = state.at.mono_ns - state.flat_since_ns
    if gate.flat_ns and flat_ns >= gate.flat_ns:
        return Quality.BAD, f"frozen: the same value for {span(flat_ns / _NS)}"
    if sample.status is not _FINE and quality_of(sample.status) is Quality.UNCERTAIN:
        return Quality.UNCERTAIN, f"instrument reports {sample.status.value}" + _colon(sample.detail)
    if age_ns > gate.late_ns:
        return Quality.UNCERTAIN, f"value is {span(age_ns / _NS)} old (late after {span(gate.plan.late_s)})"
    return Quality.GOOD, ""


def _fast_step(gate: Gate, state: TagState, value: float, at: Instant) -> str:
    """What the step from the value accepted last is, if it is faster than the plan allows; else empty.

    A value accepted longer ago than ``stale_s`` is nothing to compare with.
    """
    rate = gate.plan.rate_per_s
    if not rate or state.value is None or state.at is None:
        return ""
    elapsed_ns = at.mono_ns - state.at.mono_ns
    elapsed_s = elapsed_ns / _NS
    if elapsed_ns > gate.stale_ns or abs(value - state.value) <= rate * elapsed_s:
        return ""
    unit = gate.plan.unit
    return f"step to {figure(value, unit)} in {span(elapsed_s)} is faster than {figure(rate, unit)}/s"


def _doubts(state: TagState, at: Instant) -> int:
    """How many samples in a row are rejected if this one is; the same sample counts once."""
    return state.rejected + (at.mono_ns != state.rejected_at_ns)


def _reject(
    gate: Gate, state: TagState, sample: Sample, now: Instant, reason: str, limit: int
) -> tuple[TagState, Measurement]:
    """Let the value accepted last stand in while the doubts are within ``limit`` and it is not stale itself.

    It is UNCERTAIN at best: where the tag was BAD before, a doubtful sample makes it no better.
    """
    doubts, last = _doubts(state, sample.at), state.at
    if doubts > limit or last is None or now.mono_ns - last.mono_ns > gate.stale_ns:
        return _lowered(state, Quality.BAD), Measurement(gate.name, None, Quality.BAD, reason, sample.at)
    quality = min(state.quality, Quality.UNCERTAIN)
    if doubts != state.rejected:
        state = TagState(quality, state.value, last, state.flat_since_ns, doubts, sample.at.mono_ns)
    text = f"{reason}: rejected, sample {doubts} of at most {limit}"
    return _lowered(state, quality), Measurement(gate.name, state.value, quality, text, last)


def _accepted(gate: Gate, state: TagState, value: float, at: Instant, *, calm: bool) -> TagState:
    """The memory after believing a value. A fast step that was believed lets the next ones pass until the value is calm."""
    same = (
        value == state.value
        and state.at is not None
        and not state.rejected
        and at.mono_ns - state.at.mono_ns <= gate.stale_ns
    )
    return TagState(
        quality=state.quality,
        value=value,
        at=at,
        flat_since_ns=state.flat_since_ns if same else at.mono_ns,
        rejected=0 if calm else gate.plan.rate_samples,
        rejected_at_ns=state.rejected_at_ns,
    )


def _lowered(state: TagState, quality: Quality) -> TagState:
    if state.quality is quality:
        return state
    return TagState(quality, state.value, state.at, state.flat_since_ns, state.rejected, state.rejected_at_ns)
