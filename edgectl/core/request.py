"""What a person or a host asks: checked against plan and state, answered, and applied only if nothing speaks against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from edgectl.core.dose import told
from edgectl.core.dose_request import for_doses
from edgectl.core.guard import Guarded
from edgectl.core.interlock import held_at, locked_by
from edgectl.core.loop import Loop, asked
from edgectl.core.output import Output
from edgectl.core.refusal import Refusal
from edgectl.core.text import figure
from edgectl.core.unit import Unit
from edgectl.model.event import Event
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.request import Ask, Reply, Request
from edgectl.model.state import ActuatorState, InterlockState

_HUGE = 1e300  # beyond it a whole number may be no float any more


@dataclass(frozen=True, slots=True)
class Desk:
    """What requests are checked against and applied to, in one scan. ``guarded``, ``loops`` and ``actuators`` are changed in place."""

    unit: Unit
    now: Instant
    measured: Mapping[str, Measurement]
    interlocks: Mapping[str, InterlockState]
    guarded: Guarded
    loops: dict[str, LoopState]
    actuators: dict[str, ActuatorState]


def serve(desk: Desk, requests: tuple[Request, ...], events: list[Event]) -> tuple[Reply, ...]:
    """Answer requests in order; each sees what those before it changed. A refused one changes nothing."""
    return tuple(_serve(desk, request, events) for request in requests)


def _serve(desk: Desk, request: Request, events: list[Event]) -> Reply:
    try:
        kind, before, after = _apply(desk, request)
    except Refusal as refusal:
        reason = str(refusal)
        wish = f"{request.ask.value} {request.value!s:.40}"
        events.append(Event(desk.now, "request", request.target, wish, "refused", request.actor, reason))
        return Reply(request.identity, accepted=False, reason=reason)
    if before == after:
        return Reply(request.identity, accepted=True, reason=f"{request.target} already is at {after}")
    events.append(Event(desk.now, kind, request.target, before, after, request.actor, request.reason))
    return Reply(request.identity, accepted=True, reason=f"{request.target} goes from {before} to {after}")


def _apply(desk: Desk, request: Request) -> tuple[str, str, str]:
    """Kind of event, before and after of one granted request."""
    name = request.target
    if (serve_dose := for_doses(desk.guarded, request)) is not None:
        return serve_dose(desk.unit, desk.guarded, request)
    if (loop := desk.unit.loops.get(name)) is not None:
        if request.ask is Ask.SETPOINT:
            return _setpoint(desk, loop, _number(request))
        if request.ask is Ask.MODE:
            return _mode(desk, loop, _mode_named(request, Mode))
        return _loop_output(desk, loop, _number(request))
    if (output := desk.unit.outputs.get(name)) is not None:
        if output.loop:
            raise Refusal(
                f"{name} belongs to loop {output.loop}: put {output.loop} in MAN and set its output"
            )
        if request.ask is Ask.SETPOINT:
            raise Refusal(f"{name} is an actuator and has no set point: ask for its output")
        if request.ask is Ask.MODE:
            return _actuator_mode(desk, output, _mode_named(request, (Mode.MAN, Mode.AUTO)))
        return _actuator_output(desk, output, _number(request))
    raise Refusal(f"there is no loop or actuator named {name}")


def _number(request: Request) -> float:
    value = request.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE:
        raise Refusal(f"{request.ask.value} must be a finite number, not {value!r:.40}")
    return float(value)


def _mode_named(request: Request, allowed: Iterable[Mode]) -> Mode:
    names = {mode.value: mode for mode in allowed}
    if not isinstance(request.value, str) or request.value not in names:
        raise Refusal(f"mode must be one of {', '.join(names)}, not {request.value!r:.40}")
    return names[request.value]


def _check_limits(value: float, low: float, high: float, unit: str) -> None:
    if not low <= value <= high:
        raise Refusal(f"{figure(value, unit)} is outside {low:.6g} to {figure(high, unit)}")


def _check_locks(desk: Desk, output: Output, value: float) -> None:
    """An interlock would override the value at once; better to say so."""
    locks = locked_by(output, desk.interlocks)
    if locks and (held := held_at(output, locks)) != value:
        raise Refusal(
            f"{output.name} is held at {figure(held, output.plan.unit)} by interlock {', '.join(locks)}"
        )


def _check_dose(desk: Desk, name: str, value: float) -> None:
    """A limit that is reached would block the value at once; better to say so."""
    dose = desk.guarded.doses.get(name)
    if dose is not None and dose.reached and value > 0.0:
        raise Refusal(f"{name} is blocked by {dose.reached}: {told(desk.unit.doses[name], dose)}")


def _setpoint(desk: Desk, loop: Loop, value: float) -> tuple[str, str, str]:
    plan, state = loop.plan, desk.loops[loop.name]
    if state.mode is Mode.CAS:
        raise Refusal(
            f"{loop.name} is in CAS and takes its set point from {plan.master}: put it in AUTO first"
        )
    if state.mode is Mode.OOS:
        raise Refusal(f"{loop.name} is out of service: put it in AUTO or MAN first")
    _check_limits(value, plan.setpoint_low, plan.setpoint_high, plan.unit)
    desk.loops[loop.name] = replace(state, target=value)
    return "setpoint", figure(state.target, plan.unit), figure(value, plan.unit)


def _mode(desk: Desk, loop: Loop, mode: Mode) -> tuple[str, str, str]:
    state = desk.loops[loop.name]
    if mode is Mode.CAS and not loop.plan.master:
        raise Refusal(f"{loop.name} has no master loop: use AUTO")
    measured = desk.measured[loop.tag]
    if (
        mode in (Mode.AUTO, Mode.CAS)
        and state.mode in (Mode.MAN, Mode.OOS)
        and measured.quality is Quality.BAD
    ):
        raise Refusal(f"{loop.tag} is BAD ({measured.reason}): {loop.name} cannot regulate on it")
    if mode is not state.mode:
        desk.loops[loop.name] = replace(state, mode=mode, output=state.achieved, unsure_s=0.0)
    return "mode", state.mode.value, mode.value


def _loop_output(desk: Desk, loop: Loop, value: float) -> tuple[str, str, str]:
    plan, state = loop.plan, desk.loops[loop.name]
    if state.mode is not Mode.MAN:
        raise Refusal(f"{loop.name} is in {state.mode.value}: put it in MAN first")
    if loop.slave and desk.loops[loop.slave].mode is not Mode.CAS:
        raise Refusal(f"{loop.slave} does not listen to {loop.name}: put {loop.slave} in CAS first")
    _check_limits(value, plan.out_low, plan.out_high, "")
    for share in loop.shares:
        _check_locks(desk, desk.unit.outputs[share.actuator], asked(share, value))
        _check_dose(desk, share.actuator, asked(share, value))
    desk.loops[loop.name] = replace(state, output=value)
    return "request", figure(state.output, ""), figure(value, "")


def _actuator_mode(desk: Desk, output: Output, mode: Mode) -> tuple[str, str, str]:
    """MAN keeps the actuator where it is; AUTO gives it back to its normal value."""
    state = desk.actuators[output.name]
    before = Mode.AUTO if state.manual is None else Mode.MAN
    if mode is not before:
        manual = state.value if mode is Mode.MAN else None
        desk.actuators[output.name] = replace(state, manual=manual)
    return "mode", before.value, mode.value


def _actuator_output(desk: Desk, output: Output, value: float) -> tuple[str, str, str]:
    plan, state = output.plan, desk.actuators[output.name]
    if plan.discrete and value not in (0.0, 1.0):
        raise Refusal(f"{output.name} is on or off: ask for 1 or 0, not {value:.6g}")
    _check_limits(value, plan.low, plan.high, plan.unit)
    _check_locks(desk, output, value)
    _check_dose(desk, output.name, value)
    desk.actuators[output.name] = replace(state, manual=value)
    before = "normal" if state.manual is None else figure(state.manual, plan.unit)
    return "request", before, figure(value, plan.unit)
