"""One alarm after ISA-18.2: the table of its states, and what hides them. All alarms together: ``edgectl.core.annunciator``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgectl.core.cause import Standing
from edgectl.model.safety import AlarmCode, AlarmPlan, Held
from edgectl.model.state import AlarmState

ABNORMAL = (AlarmCode.UNACK, AlarmCode.ACKED)

_RETURNS: Mapping[tuple[AlarmCode, bool], AlarmCode] = {
    (AlarmCode.UNACK, False): AlarmCode.RTNUN,
    (AlarmCode.UNACK, True): AlarmCode.LTUNK,
    (AlarmCode.ACKED, False): AlarmCode.NORM,
    (AlarmCode.ACKED, True): AlarmCode.LTACK,
}  # from the code and whether the alarm latches
_ACKNOWLEDGED: Mapping[AlarmCode, AlarmCode] = {
    AlarmCode.UNACK: AlarmCode.ACKED,
    AlarmCode.RTNUN: AlarmCode.NORM,
    AlarmCode.LTUNK: AlarmCode.LTACK,
}


def hidden(state: AlarmState) -> bool:
    """Whether something keeps the alarm from calling and flashing; it is evaluated all the same."""
    return bool(state.retired or state.suppressed or state.shelved)


def shown(state: AlarmState) -> AlarmCode:
    """The state that is displayed: out of service before suppressed before shelved before what is underneath."""
    if state.retired:
        return AlarmCode.OOSRV
    if state.suppressed:
        return AlarmCode.DSUPR
    return AlarmCode.SHLVD if state.shelved else state.code


def label(state: AlarmState) -> str:
    """The state for records: ``ACKED``, ``SHLVD over ACKED``, ``UNACK held back by flood``."""
    if hidden(state):
        return f"{shown(state).value} over {state.code.value}"
    return f"{state.code.value} {state.held.value}".rstrip()


def step(plan: AlarmPlan, state: AlarmState, standing: Standing, dt_s: float) -> AlarmState:
    """The states A to F after ``dt_s`` more of a cause that stands or does not."""
    if state.code in ABNORMAL:
        return _last(plan, state, dt_s) if standing else _leave(plan, state, dt_s)
    if not standing:
        return replace(state, stood_s=0.0) if state.stood_s else state
    stood_s = state.stood_s + dt_s
    code = AlarmCode.UNACK if stood_s >= plan.on_delay_s else state.code
    return replace(state, code=code, stood_s=stood_s)


def _last(plan: AlarmPlan, state: AlarmState, dt_s: float) -> AlarmState:
    """Still abnormal. An acknowledged alarm calls again after its re-alarm time."""
    if state.code is AlarmCode.UNACK or not plan.re_alarm_s:
        return replace(state, gone_s=0.0) if state.gone_s else state
    acked_s = state.acked_s + dt_s
    code = AlarmCode.UNACK if acked_s >= plan.re_alarm_s else state.code
    return replace(state, code=code, gone_s=0.0, acked_s=acked_s)


def _leave(plan: AlarmPlan, state: AlarmState, dt_s: float) -> AlarmState:
    """On the way back: normal after the off-delay."""
    gone_s = state.gone_s + dt_s
    if gone_s < plan.off_delay_s:
        return replace(state, gone_s=gone_s)
    return replace(state, code=_RETURNS[state.code, plan.latching], stood_s=0.0, gone_s=0.0)


def screen(before: AlarmState, stepped: AlarmState, suppressed: bool, dt_s: float) -> AlarmState:
    """What hides the alarm after ``dt_s`` more, and whether it is due to call. ``before`` is its memory before the step."""
    state = _shelved(before, stepped, dt_s) if stepped.shelved else stepped
    if suppressed is not state.suppressed:
        state = replace(state, suppressed=suppressed)
    if hidden(state):
        return quiet(state)
    if hidden(before):
        return release(state)
    if state.code is AlarmCode.UNACK and before.code is not AlarmCode.UNACK:
        return replace(state, due=True)
    return state if state.code in (AlarmCode.UNACK, AlarmCode.LTUNK) else quiet(state)


def _shelved(before: AlarmState, state: AlarmState, dt_s: float) -> AlarmState:
    """A shelve ends with its time; a one-shot one also when the alarm is normal again."""
    shelve_s = state.shelve_s - dt_s
    cleared = state.once and before.code in ABNORMAL and state.code not in ABNORMAL
    return unshelved(state) if shelve_s <= 0.0 or cleared else replace(state, shelve_s=shelve_s)


def unshelved(state: AlarmState) -> AlarmState:
    """The alarm without its shelve."""
    return replace(state, shelved="", shelve_s=0.0, once=False)


def quiet(state: AlarmState) -> AlarmState:
    """The alarm without a wish to call."""
    return replace(state, due=False, held=Held.NOT) if state.due else state


def release(state: AlarmState) -> AlarmState:
    """The alarm when nothing hides it any more: unacknowledged if abnormal, else normal. Only a reset ends a latch, so that one stays."""
    if state.code in ABNORMAL:
        return replace(state, code=AlarmCode.UNACK, due=True)
    return replace(state, code=AlarmCode.NORM) if state.code is AlarmCode.RTNUN else state


def acknowledged(state: AlarmState) -> AlarmState:
    """The alarm after somebody acknowledged it; the same if that changes nothing."""
    code = _ACKNOWLEDGED.get(state.code, state.code)
    return quiet(replace(state, code=code, acked_s=0.0)) if code is not state.code else state


def reset(state: AlarmState) -> AlarmState:
    """The alarm after an operator's reset: the end of an acknowledged latch; the same if it is none."""
    return replace(state, code=AlarmCode.NORM) if state.code is AlarmCode.LTACK else state
