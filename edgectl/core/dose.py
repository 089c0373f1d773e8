"""Dosing limits: what may really have passed, and the end of it.

Nothing is ever under-counted. A confirmed value stands until the next confirmation; what was written and not confirmed may have been done, so
until then the largest of all such values counts. The running minute and the sixty whole ones before it cover every part of the last hour, so what passes in
any hour is at most ``per_hour``. While no scan runs, no time passes in the ledger: an outage empties no minute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.text import figure
from edgectl.core.unit import Unit
from edgectl.model.event import Event
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved
from edgectl.model.plan import ActuatorPlan
from edgectl.model.safety import DosePlan
from edgectl.model.state import ActuatorState, DoseState

PER_HOUR = "dose limit per hour"
PER_BATCH = "dose limit per batch"

_MINUTE_S = 60.0
_MINUTES = 60
_FULL = 0.999  # of a limit: what is left is less than a pump can be trusted with
_ROOM = 0.9  # of the limit per hour: a reset with less room would be reached again at once
_HORIZON = 2.0  # periods that a command may stand before the next one is in force
_NS = 1_000_000_000


def meter(
    plan: DosePlan,
    state: DoseState,
    output: ActuatorPlan,
    commanded: float,
    achieved: Achieved | None,
    now_ns: int,
    dt_s: float,
) -> DoseState:
    """One ledger after ``dt_s`` more, in which ``commanded`` was on its way and ``achieved`` was confirmed last."""
    passed, after, confirmed_ns = passing(
        state.rate, state.confirmed_ns, output, commanded, achieved, now_ns, dt_s
    )
    amount = passed / plan.rate_s
    minutes, minute, minute_s = state.minutes, state.minute + amount, state.minute_s + dt_s
    if not amount and not minutes and not minute:
        minute_s = 0.0
    while minute_s >= _MINUTE_S:
        minutes, minute, minute_s = _aged((*minutes, minute)), 0.0, minute_s - _MINUTE_S
    counted = DoseState(
        batch=state.batch + amount,
        reached=state.reached,
        granted=state.granted,
        minutes=minutes,
        minute=minute,
        minute_s=minute_s,
        rate=after,
        confirmed_ns=confirmed_ns,
    )
    if not counted.reached and (reached := _reached(plan, counted)):
        counted = replace(counted, reached=reached)
    return state if counted == state else counted


def passing(
    rate: float,
    last_ns: int,
    output: ActuatorPlan,
    commanded: float,
    achieved: Achieved | None,
    now_ns: int,
    dt_s: float,
) -> tuple[float, float, int]:
    """What passed in ``dt_s`` (the actuator's unit times s), the largest rate since, and when that was confirmed.

    ``rate`` is the largest before, ``last_ns`` when that was confirmed.
    """
    before, after, confirmed_ns = _rates(rate, last_ns, output, commanded, achieved)
    since_s = dt_s
    if confirmed_ns != last_ns:
        since_s = min(max(0.0, (now_ns - confirmed_ns) / _NS), dt_s)
    else:
        before = after
    return before * (dt_s - since_s) + after * since_s, after, confirmed_ns


def _rates(
    rate: float, last_ns: int, output: ActuatorPlan, commanded: float, achieved: Achieved | None
) -> tuple[float, float, int]:
    """The largest rates before and after the latest confirmation, and when that was.

    A command within the resolution of what was sent is not sent, so it changes nothing.
    """
    before = max(rate, commanded)
    if achieved is None or achieved.value is None or not math.isfinite(achieved.value):
        return before, before, last_ns
    at_ns = achieved.at.mono_ns
    pending = abs(commanded - achieved.commanded) > output.resolution
    astray = abs(achieved.value - achieved.commanded) > max(output.tolerance, output.resolution)
    confirmed = max(0.0, achieved.value)
    if pending or astray:
        confirmed = max(confirmed, commanded, achieved.commanded if astray else 0.0)
        if at_ns == last_ns:
            confirmed = max(confirmed, rate)
    return before, confirmed, at_ns


def _aged(minutes: tuple[float, ...]) -> tuple[float, ...]:
    """The last hour of whole minutes, from the first in which anything passed."""
    kept = minutes[-_MINUTES:]
    first = next((place for place, amount in enumerate(kept) if amount), len(kept))
    return kept[first:]


def in_hour(state: DoseState) -> float:
    """What has passed within the last hour, at most a minute more."""
    return math.fsum(state.minutes) + state.minute


def _reached(plan: DosePlan, state: DoseState) -> str:
    if plan.per_batch and state.batch - state.granted >= _FULL * plan.per_batch:
        return PER_BATCH
    return PER_HOUR if plan.per_hour and in_hour(state) >= _FULL * plan.per_hour else ""


def ceiling(plan: DosePlan, state: DoseState, period_s: float) -> tuple[float, str]:
    """The greatest value the actuator may take now, and the limit that says so.

    It is such that the limit is not passed before the next command is in force. Reached, it is 0.
    """
    if state.reached:
        return 0.0, state.reached
    rooms = []
    if plan.per_hour:
        rooms.append((plan.per_hour - in_hour(state), PER_HOUR))
    if plan.per_batch:
        rooms.append((plan.per_batch - (state.batch - state.granted), PER_BATCH))
    room, name = min(rooms)
    return max(0.0, room) * plan.rate_s / (_HORIZON * period_s), name


def in_room(plan: DosePlan, state: DoseState) -> bool:
    """Whether the last hour leaves enough room for a reset to be of use."""
    return not plan.per_hour or in_hour(state) <= _ROOM * plan.per_hour


def released(plan: DosePlan, state: DoseState) -> DoseState:
    """A ledger after a reset. A batch that had its limit gets the same amount once more; its total goes on counting."""
    full = bool(plan.per_batch) and state.batch - state.granted >= _FULL * plan.per_batch
    return replace(state, reached="", granted=state.batch if full else state.granted)


def begun(state: DoseState) -> DoseState:
    """A ledger at the beginning of a batch. The last hour is no less long ago for that."""
    reached = "" if state.reached == PER_BATCH else state.reached
    return replace(state, batch=0.0, granted=0.0, reached=reached)


def meter_all(
    unit: Unit,
    states: Mapping[str, DoseState],
    actuators: Mapping[str, ActuatorState],
    image: Image,
    now: Instant,
    dt_s: float,
    events: list[Event],
) -> dict[str, DoseState]:
    """Every ledger after ``dt_s`` more; a limit that is reached is told."""
    ledgers: dict[str, DoseState] = {}
    for name, plan in unit.doses.items():
        before, commanded, output = states[name], actuators[name].value, unit.outputs[name].plan
        after = meter(plan, before, output, commanded, image.achieved.get(name), now.mono_ns, dt_s)
        ledgers[name] = after
        if after.reached != before.reached:
            events.append(Event(now, "dose", name, "within limits", after.reached, "dose", told(plan, after)))
    return ledgers


def told(plan: DosePlan, state: DoseState) -> str:
    """What has passed, for people."""
    hour, batch = figure(in_hour(state), plan.unit), figure(state.batch, plan.unit)
    return f"{hour} in the last hour, {batch} in this batch"
