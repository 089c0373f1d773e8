"""All alarms of a unit together: who calls, who is held back, which was first.

A person can take in ten calls in ten minutes (ISA-18.2), so no more are made: an eleventh wish begins a flood, in which only HIGH
priority calls. Three of the ten places are kept for HIGH, so that there is room when it comes. Whatever is held back is listed, evaluated and
recorded like any other alarm, and calls as soon as it may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.alarm import ABNORMAL, hidden, label, screen, step
from edgectl.core.cause import Facts, Standing, explain, judge_cause
from edgectl.core.text import span
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.safety import AlarmCode, AlarmPlan, Held, Priority, Watch
from edgectl.model.state import AlarmState, AnnunciatorState

FLOOD = "flood"  # subject of the flood's own events
_LOGIC = "alarm"
_NORM = AlarmCode.NORM

_WINDOW_S = 600.0
_MOST_CALLS: Mapping[Priority, int] = {
    Priority.HIGH: 10,
    Priority.MEDIUM: 7,
    Priority.LOW: 7,
}  # in the window, of all
_FLOOD_BEGINS = 11  # wishes to call in the window
_FLOOD_ENDS = 5  # it ends with fewer
_MOST_REPEATS = 3  # calls of one alarm in the window
_BURST_S = 300.0  # an alarm that comes so long after the one before begins a burst of its own
_URGENCY = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)


def annunciate(
    plans: tuple[AlarmPlan, ...],
    states: Mapping[str, AlarmState],
    annunciator: AnnunciatorState,
    facts: Facts,
    now: Instant,
    dt_s: float,
    events: list[Event],
) -> tuple[dict[str, AlarmState], AnnunciatorState]:
    """Every alarm, and the annunciator, after ``dt_s`` more."""
    if not plans:
        return {}, annunciator
    alarms: dict[str, AlarmState] = {}
    busy: list[AlarmPlan] = []
    for plan in plans:
        before = states[plan.name]
        standing = judge_cause(plan.cause, before.code in ABNORMAL, facts)
        suppressed = _suppressed(plan, facts)
        if _idle(before) and not (standing or suppressed):
            alarms[plan.name] = before
            continue
        busy.append(plan)
        waits = standing is Standing.UNKNOWN and _tells_loss(plans, plan.cause.subject)
        stepped = before if waits else step(plan, before, standing, dt_s)
        alarms[plan.name] = screen(before, stepped, suppressed, dt_s)
    after = _call(busy, alarms, replace(annunciator, clock_s=annunciator.clock_s + dt_s))
    after = _mark(busy, alarms, after)
    for plan in busy:
        before, state = states[plan.name], alarms[plan.name]
        if state is not before and label(before) != label(state):
            reason = _reason(plan, before, state, facts)
            alarms[plan.name] = _told(plan.name, before, state, reason, now, events)
    if after.flood is not annunciator.flood:
        words = ("over", FLOOD) if after.flood else (FLOOD, "over")
        reason = f"{len(after.raised)} alarms or more in {span(_WINDOW_S)}" if after.flood else "fewer alarms"
        events.append(Event(now, "alarm", FLOOD, *words, _LOGIC, reason))
    return alarms, after


def _idle(state: AlarmState) -> bool:
    """Nothing to count, to hide or to end: nearly always. Without a cause it stays as it is."""
    return state.code is _NORM and not (state.stood_s or state.burst or state.due or hidden(state))


def _tells_loss(plans: tuple[AlarmPlan, ...], tag: str) -> bool:
    """Whether an alarm tells that the tag is lost. A tag that is not known has passed no limit: those about its limits wait."""
    return any(plan.cause.watch is Watch.BAD and plan.cause.subject == tag for plan in plans)


def _suppressed(plan: AlarmPlan, facts: Facts) -> bool:
    name = plan.suppressed_by
    if not name:
        return False
    if name in facts.interlocks:
        return facts.interlocks[name].active
    return name in facts.hazards and facts.hazards[name].active


def _reason(plan: AlarmPlan, before: AlarmState, after: AlarmState, facts: Facts) -> str:
    parts = [explain(plan.cause, before.code in ABNORMAL, facts)]
    if after.suppressed is not before.suppressed:
        parts.insert(0, f"{plan.suppressed_by} " + ("acts" if after.suppressed else "is over"))
    if before.shelved and not after.shelved:
        parts.insert(0, "shelving is over")
    return "; ".join(parts)


def _call(
    busy: list[AlarmPlan], alarms: dict[str, AlarmState], annunciator: AnnunciatorState
) -> AnnunciatorState:
    """Let alarms that are due call, the most urgent first, as far as there are places."""
    clock_s = annunciator.clock_s
    raised, called = _recent(annunciator.raised, clock_s), _recent(annunciator.called, clock_s)
    flood = annunciator.flood and len(raised) >= _FLOOD_ENDS
    due = [plan for plan in busy if alarms[plan.name].due]
    silent: list[AlarmPlan] = []
    for plan in sorted(due, key=lambda plan: (_URGENCY.index(plan.priority), -alarms[plan.name].stood_s)):
        state = alarms[plan.name]
        if state.held in (Held.NOT, Held.REPEATING):
            own = _recent(state.raised, clock_s)
            if len(own) >= _MOST_REPEATS:
                alarms[plan.name] = replace(state, held=Held.REPEATING)
                continue
            state = replace(state, raised=(*own, clock_s))
            raised = (*raised, clock_s)[-_FLOOD_BEGINS:]
            flood = flood or len(raised) >= _FLOOD_BEGINS
        may = not flood or plan.priority is Priority.HIGH
        if calls := may and len(called) < _MOST_CALLS[plan.priority]:
            called = (*called, clock_s)
        else:
            silent.append(plan)
        alarms[plan.name] = replace(state, due=not calls, held=Held.NOT)
    for plan in silent:
        held = Held.FLOOD if flood and plan.priority is not Priority.HIGH else Held.ENOUGH
        alarms[plan.name] = replace(alarms[plan.name], held=held)
    if (raised, called, flood) == (annunciator.raised, annunciator.called, annunciator.flood):
        return annunciator
    return replace(annunciator, raised=raised, called=called, flood=flood)


def _recent(times: tuple[float, ...], clock_s: float) -> tuple[float, ...]:
    return tuple(time for time in times if time > clock_s - _WINDOW_S) if times else times


def _mark(
    busy: list[AlarmPlan], alarms: dict[str, AlarmState], annunciator: AnnunciatorState
) -> AnnunciatorState:
    """Mark the first of a burst, and end the marks of bursts that are over."""
    clock_s, burst, burst_s = annunciator.clock_s, annunciator.burst, annunciator.burst_s
    names = [plan.name for plan in busy]
    live = {alarms[name].burst for name in names if alarms[name].burst and not _over(alarms[name])}
    for name in names:
        if alarms[name].burst and alarms[name].burst not in live:
            alarms[name] = replace(alarms[name], burst=0, first_out=False)
    joining = [
        name
        for name in names
        if not alarms[name].burst and alarms[name].raised and alarms[name].raised[-1] == clock_s
    ]
    if not joining:
        return annunciator
    for name in sorted(joining, key=lambda name: -alarms[name].stood_s):
        first_out = burst not in live or clock_s - burst_s > _BURST_S
        burst, burst_s = burst + first_out, clock_s
        live.add(burst)
        alarms[name] = replace(alarms[name], burst=burst, first_out=first_out)
    return replace(annunciator, burst=burst, burst_s=burst_s)


def _over(state: AlarmState) -> bool:
    return state.code is AlarmCode.NORM or hidden(state)


def _told(
    name: str, before: AlarmState, after: AlarmState, reason: str, now: Instant, events: list[Event]
) -> AlarmState:
    """The alarm after its transition has been told."""
    first = "; first out" if after.first_out and not before.first_out else ""
    events.append(Event(now, "alarm", name, label(before), label(after), _LOGIC, reason + first))
    return replace(after, since=now, reason=reason)
