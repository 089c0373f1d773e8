"""What people ask of alarms. Nothing here moves an output."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from edgectl.core.alarm import (
    ABNORMAL,
    acknowledged,
    hidden,
    label,
    quiet,
    release,
    reset,
    shown,
    unshelved,
)
from edgectl.core.refusal import Refusal
from edgectl.core.text import span
from edgectl.core.unit import Unit
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.request import Ask, Request
from edgectl.model.safety import AlarmCode, AlarmPlan
from edgectl.model.state import AlarmState

ALL = "all"


class _Wish(NamedTuple):
    """One request about one alarm, and the longest it may be shelved."""

    plan: AlarmPlan
    state: AlarmState
    request: Request
    most_s: float


def serve_alarm(
    unit: Unit, alarms: dict[str, AlarmState], request: Request, now: Instant, events: list[Event]
) -> str | None:
    """Grant a request about alarms and say what it did; None when the request is not about alarms. ``alarms`` is changed in place.

    Raises:
        Refusal: it may not be granted, and nothing has changed.
    """
    answer = _ANSWERS.get(request.ask)
    if answer is None or (request.ask is Ask.RESET and request.target not in alarms):
        return None
    if not request.reason.strip():
        raise Refusal("say why: the reason belongs to the record")
    name = request.target
    if name == ALL and request.ask in _ALL_ANSWERS:
        if not (served := serve_all(alarms, request, now, events)):
            raise Refusal(f"there is no alarm to {request.ask.value}")
        return f"{request.ask.value} of {served} alarm" + "s" * (served > 1)
    if name not in alarms:
        raise Refusal(f"there is no alarm named {name}")
    before = alarms[name]
    after = answer(_Wish(unit.alarms[name], before, request, unit.authority.shelve_s))
    if after is before:
        return f"{name} already is at {label(before)}"
    alarms[name] = _told(name, before, after, request, now, events)
    return f"{name} goes from {label(before)} to {label(after)}"


def serve_all(alarms: dict[str, AlarmState], request: Request, now: Instant, events: list[Event]) -> int:
    """Acknowledge every alarm that waits for it, or reset every one; how many there were."""
    served = 0
    for name, before in alarms.items():
        after = before if hidden(before) else _ALL_ANSWERS[request.ask](before)
        if after is not before:
            alarms[name] = _told(name, before, after, request, now, events)
            served += 1
    return served


def _told(
    name: str, before: AlarmState, after: AlarmState, request: Request, now: Instant, events: list[Event]
) -> AlarmState:
    events.append(Event(now, "alarm", name, label(before), label(after), request.who, request.reason))
    return replace(after, since=now)


def _acknowledge(wish: _Wish) -> AlarmState:
    _check_visible(wish)
    if wish.state.code is AlarmCode.NORM:
        raise Refusal(f"{wish.plan.name} is normal: there is nothing to acknowledge")
    return acknowledged(wish.state)


def _reset(wish: _Wish) -> AlarmState:
    _check_visible(wish)
    name, state = wish.plan.name, wish.state
    if state.code is AlarmCode.LTACK:
        return reset(state)
    if state.code is AlarmCode.LTUNK:
        raise Refusal(f"{name} is not acknowledged: acknowledge it first")
    if state.code in ABNORMAL and wish.plan.latching:
        raise Refusal(f"the cause of {name} still stands: {state.reason}")
    raise Refusal(f"{name} is not latched: there is nothing to reset")


def _shelve(wish: _Wish) -> AlarmState:
    _check_visible(wish)
    value, most_s = wish.request.value, wish.most_s
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise Refusal(f"shelve for a number of seconds, or 0 for until it is normal again, not {value!r:.40}")
    if value > most_s:
        raise Refusal(f"{span(value)} is longer than an alarm may be shelved ({span(most_s)})")
    return quiet(
        replace(
            wish.state,
            shelved=_who(wish.request),
            shelve_s=float(value) or most_s,
            once=value == 0,
        )
    )


def _unshelve(wish: _Wish) -> AlarmState:
    if not wish.state.shelved:
        raise Refusal(f"{wish.plan.name} is not shelved")
    return _uncovered(unshelved(wish.state))


def _retire(wish: _Wish) -> AlarmState:
    if wish.state.retired:
        raise Refusal(f"{wish.plan.name} is out of service already ({wish.state.retired})")
    return quiet(replace(wish.state, retired=_who(wish.request)))


def _return(wish: _Wish) -> AlarmState:
    if not wish.state.retired:
        raise Refusal(f"{wish.plan.name} is in service")
    return _uncovered(replace(wish.state, retired=""))


def _uncovered(state: AlarmState) -> AlarmState:
    return state if hidden(state) else release(state)


def _who(request: Request) -> str:
    return f"{request.who}: {request.reason}"


_HIDES: Mapping[AlarmCode, str] = {
    AlarmCode.OOSRV: "is out of service: return it to service first",
    AlarmCode.DSUPR: "is suppressed by design: it calls nobody",
    AlarmCode.SHLVD: "is shelved: unshelve it first",
}


def _check_visible(wish: _Wish) -> None:
    if says := _HIDES.get(shown(wish.state)):
        raise Refusal(f"{wish.plan.name} {says}")


_ANSWERS: Mapping[Ask, Callable[[_Wish], AlarmState]] = {
    Ask.ACKNOWLEDGE: _acknowledge,
    Ask.RESET: _reset,
    Ask.SHELVE: _shelve,
    Ask.UNSHELVE: _unshelve,
    Ask.RETIRE: _retire,
    Ask.RETURN: _return,
}
_ALL_ANSWERS: Mapping[Ask, Callable[[AlarmState], AlarmState]] = {
    Ask.ACKNOWLEDGE: acknowledged,
    Ask.RESET: reset,
}
