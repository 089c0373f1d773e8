"""Dead man's time: what was put in manual goes back by itself, unless somebody asks again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from edgectl.core.text import figure, span
from edgectl.core.unit import Unit
from edgectl.model.loop import LoopState, Mode
from edgectl.model.state import ActuatorState

Tell = Callable[[str, str, str, str, str, str], None]
ACTOR = "dead man"
LOST = "the uplink is lost"


def endings(
    warn_s: float, loops: Mapping[str, LoopState], actuators: Mapping[str, ActuatorState], dt_s: float
) -> dict[str, str]:
    """Which manual outputs are about to end, in words."""
    states: Mapping[str, LoopState | ActuatorState] = {**loops, **actuators}
    return {
        name: f"the manual output of {name} ends in {span(left_s)}"
        for name, state in states.items()
        if state.manual_left_s is not None and 0.0 < (left_s := state.manual_left_s - dt_s) <= warn_s
    }


def lapse(
    unit: Unit,
    loops: dict[str, LoopState],
    actuators: dict[str, ActuatorState],
    *,
    lost: bool,
    dt_s: float,
    tell: Tell,
) -> None:
    """Count down every manual output, and end those whose time is over; those from far away also when the uplink is ``lost``.

    One that nobody counts (a restart brought it, under another plan perhaps) is counted from now on: none escapes.
    """
    for name, loop in loops.items():
        if loop.mode is Mode.MAN:
            counted = _counted_loop(unit, name, loop)
            loops[name] = _loop(unit, name, counted, lost=lost, dt_s=dt_s, tell=tell)
    for name, actuator in actuators.items():
        if actuator.manual is not None:
            left_s = unit.authority.manual_s or None
            uncounted = actuator.manual_left_s is None and left_s is not None
            own = replace(actuator, manual_left_s=left_s) if uncounted else actuator
            actuators[name] = _actuator(unit, name, own, lost=lost, dt_s=dt_s, tell=tell)


def _counted_loop(unit: Unit, name: str, state: LoopState) -> LoopState:
    planned = unit.loops[name].plan.mode
    prior = planned if state.prior is None and planned is not Mode.MAN else state.prior
    if prior is None or state.manual_left_s is not None:
        return state
    return replace(state, prior=prior, manual_left_s=unit.authority.manual_s or None)


def _loop(unit: Unit, name: str, state: LoopState, *, lost: bool, dt_s: float, tell: Tell) -> LoopState:
    left_s, end = _count(unit, name, state.manual_left_s, state.remote and lost, dt_s, tell)
    if not end:
        return state if left_s == state.manual_left_s else replace(state, manual_left_s=left_s)
    if state.prior is None:
        # In MAN for good: there is no mode to go back to, and what came from far away may not stand.
        fallback = unit.loops[name].plan.fallback
        tell("manual", name, figure(state.output, ""), figure(fallback, ""), ACTOR, end)
        return replace(state, output=fallback, remote=False)
    tell("mode", name, Mode.MAN.value, state.prior.value, ACTOR, end)
    return by_itself(state, state.prior)


def _actuator(
    unit: Unit, name: str, state: ActuatorState, *, lost: bool, dt_s: float, tell: Tell
) -> ActuatorState:
    left_s, end = _count(unit, name, state.manual_left_s, state.remote and lost, dt_s, tell)
    if not end:
        return state if left_s == state.manual_left_s else replace(state, manual_left_s=left_s)
    tell("mode", name, Mode.MAN.value, Mode.AUTO.value, ACTOR, end)
    return given_back(state)


def _count(
    unit: Unit, name: str, left_s: float | None, cut: bool, dt_s: float, tell: Tell
) -> tuple[float | None, str]:
    """The time left, and why the manual output ends now (empty: it does not)."""
    if cut:
        return None, LOST
    if left_s is None:
        return None, ""
    after_s, warn_s = left_s - dt_s, unit.authority.warn_s
    if after_s <= 0.0:
        return None, f"by hand for {span(unit.authority.manual_s)}, and nobody asked again"
    if after_s <= warn_s < left_s:
        tell("manual", name, "", "ending", ACTOR, f"ends in {span(after_s)} unless somebody asks again")
    return after_s, ""


def by_itself(state: LoopState, mode: Mode) -> LoopState:
    """A loop that leaves MAN: it goes on from what its actuators really did."""
    return replace(
        state,
        mode=mode,
        output=state.achieved,
        unsure_s=0.0,
        prior=None,
        manual_left_s=None,
        remote=False,
    )


def by_hand(unit: Unit, state: LoopState, *, remote: bool) -> LoopState:
    """A loop in MAN, from now on for the dead man's time; one that the plan puts in MAN stays there."""
    prior = state.prior if state.mode is Mode.MAN else state.mode
    left_s = None if prior is None else unit.authority.manual_s or None
    return replace(state, mode=Mode.MAN, prior=prior, manual_left_s=left_s, remote=remote)


def taken(unit: Unit, state: ActuatorState, value: float, *, remote: bool) -> ActuatorState:
    """An actuator by hand, from now on for the dead man's time."""
    return replace(state, manual=value, manual_left_s=unit.authority.manual_s or None, remote=remote)


def given_back(state: ActuatorState) -> ActuatorState:
    """An actuator that nobody holds by hand any more."""
    return replace(state, manual=None, manual_left_s=None, remote=False)
