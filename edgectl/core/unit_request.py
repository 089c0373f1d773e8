"""What is asked of the unit as a whole: reset, hold, resume, authority."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from edgectl.core.cause import explain, judge_cause
from edgectl.core.guard import Guarded
from edgectl.core.ladder import trouble
from edgectl.core.owner import label as whose
from edgectl.core.owner import passed
from edgectl.core.refusal import Refusal
from edgectl.core.supervisor import ended, hold_all, is_gone, is_latched, label, mark_first
from edgectl.core.text import span
from edgectl.core.unit import Unit
from edgectl.model.request import Ask, Authority, Request
from edgectl.model.safety import Action, HazardPlan

Change = tuple[str, str, str]
ALL = "all"
_RUNNING, _HELD, _CLEAR = "running", "held", "clear"


def reset(unit: Unit, guarded: Guarded, request: Request) -> Change:
    """End latched hazards whose causes are gone. Outputs stay where they are in this scan; the next one decides afresh.

    Raises:
        Refusal: a cause stands, or nothing is latched under that name.
    """
    if request.target == ALL:
        return _reset_all(unit, guarded)
    plan = next((plan for plan in unit.hazards if plan.name == request.target), None)
    if plan is None:
        known = ", ".join(hazard.name for hazard in unit.hazards)
        raise Refusal(f"there is no hazard named {request.target}; known: {known or 'none'}, or {ALL}")
    before = label(plan, guarded.hazards[plan.name])
    if before != _CLEAR:
        if not is_latched(plan):
            raise Refusal(
                f"{plan.name} is not latched: it ends by itself when its cause is gone ({_now(plan, guarded)})"
            )
        if reason := _standing(plan, guarded):
            raise Refusal(f"{plan.name} cannot be reset: {reason}")
        _end(unit, guarded, (plan,))
    return "hazard", before, _CLEAR


def _reset_all(unit: Unit, guarded: Guarded) -> Change:
    latched = [plan for plan in unit.hazards if guarded.hazards[plan.name].active and is_latched(plan)]
    stand = {plan.name: reason for plan in latched if (reason := _standing(plan, guarded))}
    ready = tuple(plan for plan in latched if plan.name not in stand)
    if stand and not ready:
        text = "; ".join(f"{name}: {reason}" for name, reason in stand.items())
        raise Refusal(f"nothing can be reset: {text}")
    _end(unit, guarded, ready)
    before = ", ".join(plan.name for plan in latched) or _CLEAR
    return "hazard", before, ", ".join(stand) or _CLEAR


def _end(unit: Unit, guarded: Guarded, plans: tuple[HazardPlan, ...]) -> None:
    over = {plan.name: ended(guarded.hazards[plan.name]) for plan in plans}
    guarded.hazards = mark_first(unit.hazards, guarded.hazards | over)


def _standing(plan: HazardPlan, guarded: Guarded) -> str:
    """Why a hazard that acts may not be reset; empty if it may."""
    state = guarded.hazards[plan.name]
    if is_gone(plan, state):
        return ""
    if state.gone_s:
        return f"its cause has been gone for {span(state.gone_s)} of {span(plan.clear_s)} ({_now(plan, guarded)})"
    return _now(plan, guarded)


def _now(plan: HazardPlan, guarded: Guarded) -> str:
    return explain(plan.cause, guarded.hazards[plan.name].beyond, guarded.facts)


def hold(unit: Unit, guarded: Guarded, request: Request) -> Change:
    """Bring every output to its safe value, at once, until somebody resumes."""
    before = _HELD if guarded.unit.held else _RUNNING
    if before == _RUNNING:
        guarded.unit = replace(guarded.unit, held=f"{request.who}: {request.reason}")
    guarded.orders = hold_all(guarded.orders, tuple(unit.outputs))
    return "unit", before, _HELD


def resume(unit: Unit, guarded: Guarded, _: Request) -> Change:
    """Let the unit go on; the next scan decides what that means.

    Raises:
        Refusal: a trip is latched, or its cause stands.
    """
    before = _HELD if guarded.unit.held else _RUNNING
    if before == _HELD:
        trips = [plan for plan in unit.hazards if plan.action is Action.TRIP]
        if names := [plan.name for plan in trips if guarded.hazards[plan.name].active]:
            raise Refusal(f"latched: {', '.join(names)}; reset first")
        standing = {plan.name: _stands(plan, guarded) for plan in trips}
        if reasons := [f"{name} ({reason})" for name, reason in standing.items() if reason]:
            raise Refusal(f"standing: {', '.join(reasons)}")
        guarded.unit = replace(guarded.unit, held="")
    return "unit", before, _RUNNING


def _stands(plan: HazardPlan, guarded: Guarded) -> str:
    """Why the cause of a trip stands, or is not known to be absent; empty if it is."""
    state = guarded.hazards[plan.name]
    stands = judge_cause(plan.cause, state.beyond, guarded.facts)
    return _now(plan, guarded) if stands or not state.proven else ""


def authority(unit: Unit, guarded: Guarded, request: Request) -> Change:
    """Give authority away or take it. Whether whoever asks may is decided before.

    Raises:
        Refusal: no such authority, or nobody far away to have it.
    """
    words = {authority.value: authority for authority in Authority}
    if not isinstance(request.value, str) or request.value not in words:
        raise Refusal(f"authority must be one of {', '.join(words)}, not {request.value!r:.40}")
    wanted, before = words[request.value], guarded.unit
    if wanted is Authority.REMOTE and not unit.remote:
        raise Refusal(f"{unit.name} has no uplink, so nobody far away could have authority")
    if wanted is Authority.REMOTE and (reason := trouble(guarded.unit)):
        raise Refusal(f"{reason}: nobody far away could have authority")
    guarded.unit = passed(before, wanted)
    return "authority", whose(before), whose(guarded.unit)


SERVE: Mapping[Ask, Callable[[Unit, Guarded, Request], Change]] = {
    Ask.RESET: reset,
    Ask.HOLD: hold,
    Ask.RESUME: resume,
    Ask.AUTHORITY: authority,
}
