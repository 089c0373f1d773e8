"""What a person or a host asks: checked against plan and state, answered, and applied only if nothing speaks against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from edgectl.core.alarm_request import serve_alarm, serve_all
from edgectl.core.authority import MOVES, check_heard
from edgectl.core.calibration_record import Around, Bench
from edgectl.core.calibration_request import serve_calibrate
from edgectl.core.dose import told
from edgectl.core.dose_request import for_doses
from edgectl.core.experiment_request import serve_tune
from edgectl.core.experiment_watch import Scene
from edgectl.core.feed_request import serve_feed
from edgectl.core.guard import Guarded
from edgectl.core.interlock import held_at, locked_by
from edgectl.core.liquid import Liquids
from edgectl.core.loop import Loop
from edgectl.core.manual import by_hand, by_itself, given_back, taken
from edgectl.core.output import Output
from edgectl.core.owner import FIRST, claimed, disputed
from edgectl.core.owner import label as whose
from edgectl.core.refusal import Refusal
from edgectl.core.share import asked
from edgectl.core.text import figure
from edgectl.core.unit import Unit
from edgectl.core.unit_request import ALL, SERVE
from edgectl.model.event import Event
from edgectl.model.experiment import Experiment
from edgectl.model.instant import Instant
from edgectl.model.loop import LoopState, Mode
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.request import Ask, Origin, Reply, Request
from edgectl.model.safety import Action
from edgectl.model.state import ActuatorState, InterlockState

_HUGE = 1e300  # beyond it a whole number may be no float any more


@dataclass(frozen=True, slots=True)
class Desk:
    """What requests are checked against and applied to, in one scan. ``guarded``, ``loops``, ``actuators`` and ``liquids`` are changed in place."""

    unit: Unit
    now: Instant
    measured: Mapping[str, Measurement]
    interlocks: Mapping[str, InterlockState]
    guarded: Guarded
    loops: dict[str, LoopState]
    actuators: dict[str, ActuatorState]
    liquids: Liquids
    experiments: dict[str, Experiment] = field(default_factory=dict)
    bench: Bench = field(default_factory=Bench)

    def scene(self) -> Scene:
        """What experiments are judged by."""
        return Scene(self.unit, self.guarded, self.measured, self.interlocks, self.loops, self.actuators)


def serve(desk: Desk, requests: tuple[Request, ...], events: list[Event]) -> tuple[Reply, ...]:
    """Answer requests in order; each sees what those before it changed. A refused one moves nothing; at most it stands as a conflict."""
    return tuple(_serve(desk, request, events) for request in requests)


def _serve(desk: Desk, request: Request, events: list[Event]) -> Reply:
    try:
        check_heard(desk.unit, desk.guarded, request)
        reply = _answer(desk, request, events)
    except Refusal as refusal:
        reason = str(refusal)
        wish = f"{request.ask.value} {request.value!s:.40}"
        events.append(Event(desk.now, "request", request.target, wish, "refused", request.who, reason))
        desk.guarded.unit = disputed(desk.guarded.unit, request)
        return Reply(request.identity, accepted=False, reason=reason)
    _claim(desk, request, events)
    return reply


def _answer(desk: Desk, request: Request, events: list[Event]) -> Reply:
    about_alarms = serve_alarm(desk.unit, desk.guarded.alarms, request, desk.now, events)
    if about_alarms is not None:
        return Reply(request.identity, accepted=True, reason=about_alarms)
    if request.ask is Ask.RESET and request.target == ALL:
        return _reset_all(desk, request, events)
    return _grant(desk, request, events, _apply(desk, request))


def _claim(desk: Desk, request: Request, events: list[Event]) -> None:
    before = desk.guarded.unit
    after = desk.guarded.unit = claimed(before, request)
    if after is not before:
        words = (whose(before), whose(after))
        events.append(Event(desk.now, "authority", desk.unit.name, *words, request.who, FIRST))


def _grant(desk: Desk, request: Request, events: list[Event], change: tuple[str, str, str]) -> Reply:
    kind, before, after = change
    if before == after:
        return Reply(request.identity, accepted=True, reason=f"{request.target} already is at {after}")
    events.append(Event(desk.now, kind, request.target, before, after, request.who, request.reason))
    return Reply(request.identity, accepted=True, reason=f"{request.target} goes from {before} to {after}")


def _reset_all(desk: Desk, request: Request, events: list[Event]) -> Reply:
    """Every latch of alarms and hazards that may be ended. What may not is named; it is a refusal only where nothing could be ended.

    Raises:
        Refusal: latches stand, and none of them may be ended.
    """
    served = serve_all(desk.guarded.alarms, request, desk.now, events)
    said = f"{served} alarm{'s' * (served > 1)} reset; " if served else ""
    try:
        change = _apply(desk, request)
    except Refusal as refusal:
        if not served:
            raise
        return Reply(request.identity, accepted=True, reason=f"{said}{refusal}")
    reply = _grant(desk, request, events, change)
    return reply._replace(reason=f"{said}{reply.reason}")


def _apply(desk: Desk, request: Request) -> tuple[str, str, str]:
    """Kind of event, before and after of one granted request."""
    if (serve_dose := for_doses(desk.guarded, request)) is not None:
        return serve_dose(desk.unit, desk.guarded, request)
    if (serve_unit := SERVE.get(request.ask)) is not None:
        return serve_unit(desk.unit, desk.guarded, request)
    if request.ask is Ask.TUNE:
        return serve_tune(desk.scene(), desk.experiments, desk.loops, request)
    if request.ask is Ask.FEED:
        return serve_feed(desk.unit, desk.guarded.unit.held, desk.liquids, desk.actuators, request)
    if request.ask is Ask.CALIBRATE:
        return serve_calibrate(_around(desk), desk.bench, request)
    if request.ask not in MOVES:
        raise Refusal(f"there is nothing to {request.ask.value} under the name {request.target}")
    return _move(desk, request)


def _around(desk: Desk) -> Around:
    """What stands around a calibration."""
    return Around(
        desk.unit,
        desk.guarded.orders,
        desk.interlocks,
        desk.loops,
        desk.actuators,
        {**desk.liquids.feeds, **desk.liquids.perfusions},
        desk.measured,
        desk.now.utc_ns,
    )


def _move(desk: Desk, request: Request) -> tuple[str, str, str]:
    """A set point, a mode or an output of a loop or an actuator."""
    name, remote = request.target, request.origin is Origin.REMOTE
    if (loop := desk.unit.loops.get(name)) is not None:
        if request.ask is Ask.SETPOINT:
            return _setpoint(desk, loop, _number(request))
        if request.ask is Ask.MODE:
            return _mode(desk, loop, _mode_named(request, Mode), remote=remote)
        return _loop_output(desk, loop, _number(request), remote=remote)
    if (output := desk.unit.outputs.get(name)) is not None:
        if output.loop:
            raise Refusal(
                f"{name} belongs to loop {output.loop}: put {output.loop} in MAN and set its output"
            )
        if request.ask is Ask.SETPOINT:
            raise Refusal(f"{name} is an actuator and has no set point: ask for its output")
        if request.ask is Ask.MODE:
            return _actuator_mode(desk, output, _mode_named(request, (Mode.MAN, Mode.AUTO)), remote=remote)
        return _actuator_output(desk, output, _number(request), remote=remote)
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
    """An interlock or an order would override the value at once; better to say so."""
    unit, order = output.plan.unit, desk.guarded.orders.get(output.name)
    if locks := locked_by(output, desk.interlocks):
        if (held := held_at(output, locks)) != value:
            raise Refusal(f"{output.name} is held at {figure(held, unit)} by interlock {', '.join(locks)}")
    elif order is not None and not (order.action >= Action.SAFE and value == output.plan.safe):
        raise Refusal(f"{output.name} is not free: {', '.join(order.names)}")


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


def _mode(desk: Desk, loop: Loop, mode: Mode, *, remote: bool) -> tuple[str, str, str]:
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
        desk.loops[loop.name] = replace(by_itself(state, mode), faults=0)
    if mode is Mode.MAN:
        hand = by_hand(desk.unit, state, remote=remote)
        desk.loops[loop.name] = (
            hand if mode is state.mode else replace(hand, output=state.achieved, unsure_s=0.0)
        )
    return "mode", state.mode.value, mode.value


def _loop_output(desk: Desk, loop: Loop, value: float, *, remote: bool) -> tuple[str, str, str]:
    plan, state = loop.plan, desk.loops[loop.name]
    if state.mode is not Mode.MAN:
        raise Refusal(f"{loop.name} is in {state.mode.value}: put it in MAN first")
    if loop.slave and desk.loops[loop.slave].mode is not Mode.CAS:
        raise Refusal(f"{loop.slave} does not listen to {loop.name}: put {loop.slave} in CAS first")
    _check_limits(value, plan.out_low, plan.out_high, "")
    for share in loop.shares:
        _check_locks(desk, desk.unit.outputs[share.actuator], asked(share, value))
        _check_dose(desk, share.actuator, asked(share, value))
    desk.loops[loop.name] = replace(by_hand(desk.unit, state, remote=remote), output=value)
    return "request", figure(state.output, ""), figure(value, "")


def _actuator_mode(desk: Desk, output: Output, mode: Mode, *, remote: bool) -> tuple[str, str, str]:
    """MAN keeps the actuator where it is; AUTO gives it back to its normal value."""
    state = desk.actuators[output.name]
    before = Mode.AUTO if state.manual is None else Mode.MAN
    if mode is Mode.MAN:
        value = state.value if state.manual is None else state.manual
        desk.actuators[output.name] = taken(desk.unit, state, value, remote=remote)
    elif before is Mode.MAN:
        desk.actuators[output.name] = given_back(state)
    return "mode", before.value, mode.value


def _actuator_output(desk: Desk, output: Output, value: float, *, remote: bool) -> tuple[str, str, str]:
    plan, state = output.plan, desk.actuators[output.name]
    if plan.discrete and value not in (0.0, 1.0):
        raise Refusal(f"{output.name} is on or off: ask for 1 or 0, not {value:.6g}")
    _check_limits(value, plan.low, plan.high, plan.unit)
    _check_locks(desk, output, value)
    _check_dose(desk, output.name, value)
    desk.actuators[output.name] = taken(desk.unit, state, value, remote=remote)
    before = "normal" if state.manual is None else figure(state.manual, plan.unit)
    return "request", before, figure(value, plan.unit)
