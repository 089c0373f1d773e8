"""All demands of one scan on their way through the interlock chain, and who was overruled by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgectl.core.correction import Calibrations, in_force, most
from edgectl.core.dose import ceiling
from edgectl.core.dosing import Dose, conclude, prepare
from edgectl.core.guard import Guarded
from edgectl.core.interlock import FREE, HIGH_LIMIT, LOW_LIMIT, NOT_A_NUMBER, RATE_LIMIT, demand_of, permit
from edgectl.core.lease import MINIMUM_OFF, MINIMUM_ON
from edgectl.core.loop import Move, demands
from edgectl.core.output import NOT_FOLLOWING, Following, Output, follow
from edgectl.core.text import figure
from edgectl.core.turn import Turn
from edgectl.model.command import Command, Demand
from edgectl.model.dosing import DosingState
from edgectl.model.measurement import Measurement
from edgectl.model.quality import Quality
from edgectl.model.state import ActuatorState, InterlockState

_PLAY = frozenset(
    {LOW_LIMIT, HIGH_LIMIT, RATE_LIMIT, MINIMUM_ON, MINIMUM_OFF, NOT_FOLLOWING}
)  # told elsewhere, or not at all

_SHORTFALL = 0.03  # of an actuator's range: a flow further off than this is not what was asked for


@dataclass(frozen=True, slots=True)
class Chain:
    """What the chain made of all demands: memory, commands, where actuators really stand, and who was overruled by whom.

    ``locked`` names the loops that an interlock or a dosing limit overruled, ``astray`` those with an actuator that does not follow.
    ``dosing`` is the memory of those that dose in pulses or have rivals.
    """

    actuators: dict[str, ActuatorState]
    commands: dict[str, Command]
    actual: dict[str, float]
    locked: set[str]
    astray: set[str]
    dosing: dict[str, DosingState]


def permit_all(
    this: Turn,
    chain: Chain,
    actuators: Mapping[str, ActuatorState],
    moves: Mapping[str, Move],
    interlocks: Mapping[str, InterlockState],
    guarded: Guarded,
    measured: Mapping[str, Measurement],
    period_s: float,
    fed: Mapping[str, Demand],
    weighed: Mapping[str, Demand],
    calibrations: Calibrations,
) -> None:
    """Pass every demand through the chain, and note in ``chain`` what came of it.

    ``fed`` is what feeds ask of actuators that nobody has in hand, ``weighed`` what calibrations ask of those they have. What a calibrated actuator can give at most is its high limit.
    """
    loops, achieved, orders = this.unit.loops, this.image.achieved, guarded.orders
    asked = {demand.actuator: demand for name in loops for demand in demands(loops[name], moves[name])}
    now_ns, dt_s, step_s = this.at.mono_ns, this.dt_s, this.step_s
    doses = {name: ceiling(dose, guarded.doses[name], period_s) for name, dose in this.unit.doses.items()}
    for name, output in this.unit.outputs.items():
        before = actuators[name]
        following = follow(output, before, achieved.get(name), now_ns, dt_s)
        wish = asked.get(name) or (fed.get(name) if before.manual is None else None)
        demand = demand_of(output, before, weighed.get(name) or wish)
        order, dose = orders.get(name), doses.get(name, FREE)
        if name in calibrations:
            dose = min(dose, (most(output.plan, in_force(calibrations, name)), HIGH_LIMIT))
        dosed = _prepared(this, chain, name, demand, guarded, period_s)
        given = demand if dosed is None or demand.value is None else demand._replace(value=dosed.value)
        after, command = permit(
            output, before, given, following, interlocks, now_ns, step_s, dt_s, order, dose
        )
        chain.actuators[name], chain.commands[name] = after, command
        chain.actual[name] = command.value
        if command.restricted_by or before.restricted_by:
            _restricted(this, chain, output, before, command, following)
        if dosed is not None:
            _dosed(chain, output, dosed, demand, command)
        elif output.plan.delivered:
            flow = measured[output.plan.delivered]
            if flow.quality is Quality.GOOD and flow.value is not None:
                _delivered(chain, output, before.value, flow.value)


def _prepared(
    this: Turn, chain: Chain, name: str, demand: Demand, guarded: Guarded, period_s: float
) -> Dose | None:
    """What becomes of the demand on an actuator that doses in pulses or has rivals; None for all others."""
    plan = this.unit.dosing.get(name)
    if plan is None:
        return None
    return prepare(plan, demand, chain.dosing, guarded.unit.batch, period_s)


def _dosed(chain: Chain, output: Output, dosed: Dose, demand: Demand, command: Command) -> None:
    """Note what a dosing actuator gives. One that does not follow stands where it is confirmed, which is noted already."""
    name = output.name
    state, chain.commands[name], mean = conclude(output.plan, dosed, demand, command)
    chain.dosing[name] = state
    if NOT_FOLLOWING not in command.restricted_by:
        chain.actual[name] = mean


def _delivered(chain: Chain, output: Output, before: float, flow: float) -> None:
    """Let loops learn what really flows where it is not what was asked for: an empty bottle looks like obedience to a controller's set point.

    A flow between the last command and this one is on its way.
    """
    low, high = sorted((before, chain.commands[output.name].value))
    slack = max(output.tolerance, _SHORTFALL * (output.plan.high - output.plan.low))
    if not low - slack <= flow <= high + slack:
        chain.actual[output.name] = flow


def _restricted(
    this: Turn, chain: Chain, output: Output, before: ActuatorState, command: Command, following: Following
) -> None:
    """Note who overruled a loop, and tell restrictions that come and go. Limits are the normal play of control: commands name them."""
    name, unit, names = output.name, output.plan.unit, command.restricted_by
    if following.reason and not following.unproven:
        chain.astray.add(output.loop)
        chain.actual[name] = output.plan.safe if following.confirmed is None else following.confirmed
    if bool(following.reason) != (NOT_FOLLOWING in before.restricted_by):
        words = ("following", NOT_FOLLOWING) if following.reason else (NOT_FOLLOWING, "following")
        this.tell("actuator", name, *words, "follow", following.reason or f"at {figure(command.value, unit)}")
    locks = overruled(names)
    if locks:
        chain.locked.add(output.loop)
    had = overruled(before.restricted_by)
    if had != locks:
        verb = "held" if locks else "free again"
        ordered = {*had, *locks} - {guard for guard, _ in output.guards} - {NOT_A_NUMBER}
        actor = "supervisor" if ordered else "interlock"
        reason = f"{verb} at {figure(command.value, unit)}"
        this.tell("restriction", name, ", ".join(had), ", ".join(locks), actor, reason)


def overruled(names: tuple[str, ...]) -> list[str]:
    """The restrictions among ``names`` that take an actuator out of the hands of whoever asks; limits are the normal play of control."""
    return [name for name in names if name not in _PLAY]
