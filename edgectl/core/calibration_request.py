"""What is asked of calibrations: to begin, renew and end a session, to weigh what an actuator gives, to put a calibration into force, and to take one back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from edgectl.core.calibration import CHECKED, KIND
from edgectl.core.calibration_record import Around, Bench, Change, Wish, adopt, assign, back, grab, number
from edgectl.core.interlock import locked_by
from edgectl.core.refusal import Refusal
from edgectl.core.text import figure, span
from edgectl.core.unit import Unit
from edgectl.model.calibration import CalibrationSession, Kind
from edgectl.model.feed import Stage
from edgectl.model.loop import Mode
from edgectl.model.request import Origin, Request

LEASE_S = 60.0
LONGEST_S = 4.0 * 3600.0
LONGEST_RUN_S = 3600.0
_SAY = "begin SECONDS, renew, end, run VALUE SECONDS, stop, adopt RECORD, grab READING, assign RECORD or back"
_UNITS: Mapping[str, Kind] = {"pH": Kind.PH, "%-sat": Kind.OXYGEN, "%": Kind.OXYGEN, "degC": Kind.TEMPERATURE,
    "kg": Kind.SCALE, "g": Kind.SCALE, "mL/min": Kind.FLOW, "L/min": Kind.FLOW, "SCCM": Kind.FLOW}  # fmt: skip
_PUMPED = frozenset({"mL/min", "mL/h", "L/h", "L/min", "g/min"})


def kind_of(unit: Unit, name: str) -> tuple[Kind, str]:
    """What kind of calibration a tag or an actuator has, and its channel.

    Raises:
        Refusal: it has none.
    """
    gate = next((gate for gate in unit.gates if gate.name == name), None)
    if gate is not None:
        if gate.plan.unit not in _UNITS:
            raise Refusal(
                f"{name} measures in {gate.plan.unit or 'no unit'}: there is no calibration for that"
            )
        return _UNITS[gate.plan.unit], gate.channel
    output = unit.outputs.get(name)
    if output is None:
        raise Refusal(f"there is no tag or actuator named {name}")
    if output.plan.unit not in _PUMPED:
        raise Refusal(
            f"{name} is told {output.plan.unit or 'on or off'}: only flows are calibrated by weighing"
        )
    return Kind.PUMP, output.plan.channel


def serve_calibrate(around: Around, bench: Bench, request: Request) -> Change:
    """Begin, renew or end a session, run a pump, put a calibration into force or take it back.

    Raises:
        Refusal: nobody beside the unit asks, there is no such session, or the calibration is not plausible; the text says why and what to do.
    """
    if request.origin is Origin.REMOTE:
        raise Refusal("a calibration needs somebody beside the unit")
    words = request.value.split(maxsplit=1) if isinstance(request.value, str) else []
    verb, rest = (words[0], words[1] if len(words) > 1 else "") if words else ("", "")
    wish = Wish(around, bench, request, *kind_of(around.unit, request.target), rest)
    if (free := _FREE.get(verb)) is not None:
        return free(wish)
    if (bound := _BOUND.get(verb)) is None:
        raise Refusal(f"calibrate must be {_SAY}, not {request.value!r:.40}")
    return bound(wish, _session(bench, request))


def _session(bench: Bench, request: Request) -> CalibrationSession:
    session = bench.sessions.get(request.target)
    if session is None:
        raise Refusal(
            f"nobody calibrates {request.target}: begin first; a session ends {span(LEASE_S)} after its person was heard last"
        )
    if session.who != request.who:
        raise Refusal(
            f"{session.who} calibrates {request.target}; it ends by itself in {span(session.left_s)} at most"
        )
    return session


def _begin(wish: Wish) -> Change:
    bench, request = wish.bench, wish.request
    session = bench.sessions.get(request.target)
    if session is not None and session.who != request.who:
        raise Refusal(f"{session.who} calibrates {request.target} already")
    seconds = number(wish.rest, "the time of a calibration", 1.0, LONGEST_S)
    bench.sessions[request.target] = CalibrationSession(request.who, seconds, LEASE_S)
    return KIND, CHECKED if session else "measures", f"{CHECKED} for {span(seconds)}"


def _renew(wish: Wish, session: CalibrationSession) -> Change:
    wish.bench.sessions[wish.request.target] = replace(session, lease_s=LEASE_S)
    return KIND, CHECKED, CHECKED


def _end(wish: Wish, _: CalibrationSession) -> Change:
    del wish.bench.sessions[wish.request.target]
    return KIND, CHECKED, "over"


def _stop(wish: Wish, session: CalibrationSession) -> Change:
    wish.bench.sessions[wish.request.target] = replace(session, lease_s=LEASE_S, run=0.0, run_s=0.0)
    return KIND, "runs" if session.run_s > 0.0 else "stands", "stands"


def _run(wish: Wish, session: CalibrationSession) -> Change:
    """A weighed run: through the interlock chain, and never where something else wants the actuator."""
    around, bench, name = wish.around, wish.bench, wish.request.target
    output = around.unit.outputs.get(name)
    if output is None:
        raise Refusal(f"{name} is a tag: only an actuator can run")
    words = wish.rest.split()
    if len(words) != 2:
        raise Refusal("run needs a value and a time in seconds")
    plan = output.plan
    value = number(words[0], f"the run of {name} in {plan.unit}", max(plan.low, 0.0), plan.high)
    seconds = number(words[1], "the time of a run in s", 1.0, LONGEST_RUN_S)
    if reason := _taken(around, name):
        raise Refusal(reason)
    bench.sessions[name] = replace(session, lease_s=LEASE_S, run=value, run_s=seconds, given=0.0)
    return KIND, "stands", f"runs at {figure(value, plan.unit)} for {span(seconds)}"


def _taken(around: Around, name: str) -> str:
    """Why an actuator is not free for a run; empty if it is."""
    output, state = around.unit.outputs[name], around.actuators[name]
    if (order := around.orders.get(name)) is not None:
        return f"{name} is not free: {', '.join(order.names)}"
    if locks := locked_by(output, around.interlocks):
        return f"{name} is held by interlock {', '.join(locks)}"
    if output.loop and around.loops[output.loop].mode not in (Mode.MAN, Mode.OOS):
        return f"{output.loop} drives {name}: put it in MAN or OOS first"
    if owner := _user(around, name):
        return f"{owner} uses {name}: stop it first"
    if abs(state.value - output.plan.safe) > output.tolerance:
        return f"{name} stands at {figure(state.value, output.plan.unit)}: bring it to its safe value first"
    return ""


def _user(around: Around, name: str) -> str:
    """The feed or perfusion that has begun to use an actuator; empty if none has."""
    begun = (Stage.RUNNING, Stage.PAUSED)
    for feed in around.unit.feeds.values():
        if feed.actuator == name and around.liquids[feed.name].stage in begun:
            return feed.name
    for perfusion in around.unit.perfusions.values():
        pumps = {pump.actuator for pump in perfusion.pumps}
        if name in pumps and around.liquids[perfusion.name].stage in begun:
            return perfusion.name
    return ""


_FREE: Mapping[str, Callable[[Wish], Change]] = {
    "begin": _begin,
    "back": back,
    "grab": grab,
    "assign": assign,
}
_BOUND: Mapping[str, Callable[[Wish, CalibrationSession], Change]] = {
    "renew": _renew,
    "end": _end,
    "stop": _stop,
    "run": _run,
    "adopt": adopt,
}
