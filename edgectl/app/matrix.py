"""The hazard matrix of a plan as rows a safety review can read: what, when, and the value every output takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgectl.config.quantity import show, show_duration
from edgectl.model.plan import ActuatorPlan, Plan
from edgectl.model.safety import Action, Cause, HazardPlan, InterlockPlan, Relation, Watch

_UNKNOWN = "or not known"
_WORDS = {
    Watch.CHECK: "plausibility check {} fails",
    Watch.STUCK: "{} does not follow its commands",
    Watch.DOSE: "a dosing limit of {} is reached",
    Watch.HEALTH: "loop {} does badly",
    Watch.FEED: "{} gives other than it should",
    Watch.LOOP: "loop {} has fallen back",
    Watch.MANUAL: "the manual output of {} is about to end",
    Watch.INTERLOCK: "interlock {} acts",
    Watch.HAZARD: "hazard {} acts",
    Watch.UPLINK: "the uplink is lost",
    Watch.JOURNAL: "the journal cannot write",
    Watch.VOTE: "not all probes of {} count and agree",
    Watch.CONFLICT: "two hosts want authority",
    Watch.BAD: "{} has no believable value",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One interlock or hazard. ``outputs`` are the actuators it acts on and the value each takes."""

    kind: str
    name: str
    cause: str
    delay: str
    action: str
    outputs: tuple[tuple[str, str], ...]
    clear: str
    latched: bool
    description: str


def rows(plan: Plan) -> Iterator[Row]:
    """Interlocks, then hazards, in the order of the files."""
    units = {tag.name: tag.unit for tag in plan.tags}
    actuators = {actuator.name: actuator for actuator in plan.actuators}
    for lock in plan.interlocks:
        yield _interlock(lock, units[lock.tag], actuators)
    for hazard in plan.hazards:
        yield _hazard(hazard, units, actuators)


def _interlock(plan: InterlockPlan, unit: str, actuators: dict[str, ActuatorPlan]) -> Row:
    outputs = tuple(
        (name, _value(actuators[name], actuators[name].safe if plan.value is None else plan.value))
        for name in plan.actuators
    )
    return Row(
        "interlock",
        plan.name,
        _beyond(plan.tag, plan.relation, plan.limit, unit),
        show_duration(plan.delay_s) if plan.delay_s else "none",
        "force",
        outputs,
        _back(plan.tag, plan.relation, plan.limit, plan.hysteresis, unit),
        False,
        plan.description,
    )


def _hazard(plan: HazardPlan, units: dict[str, str], actuators: dict[str, ActuatorPlan]) -> Row:
    unit = units.get(plan.cause.subject, "")
    whole = plan.action is Action.TRIP or not plan.actuators
    names = () if plan.action <= Action.WARN else tuple(actuators) if whole else plan.actuators
    return Row(
        "hazard",
        plan.name,
        _cause(plan.cause, unit),
        show_duration(plan.delay_s) if plan.delay_s else "none",
        plan.action.name.lower(),
        tuple((name, _taken(actuators[name], plan.action)) for name in names),
        _clear(plan, unit),
        plan.latched,
        plan.description,
    )


def _cause(cause: Cause, unit: str) -> str:
    if cause.watch is Watch.TAG:
        return _beyond(cause.subject, cause.relation, cause.limit, unit)
    return _WORDS[cause.watch].format(cause.subject)


def _beyond(tag: str, relation: Relation, limit: float, unit: str) -> str:
    return f"{tag} {relation.value} {show(limit, unit)} {_UNKNOWN}"


def _back(tag: str, relation: Relation, limit: float, hysteresis: float, unit: str) -> str:
    above = relation is Relation.ABOVE
    place = show(limit - hysteresis if above else limit + hysteresis, unit)
    return f"{tag} GOOD and {'at most' if above else 'at least'} {place}"


def _clear(plan: HazardPlan, unit: str) -> str:
    cause = plan.cause
    gone = "the cause is gone"
    if cause.watch is Watch.TAG:
        gone = _back(cause.subject, cause.relation, cause.limit, cause.hysteresis, unit)
    span = f" for {show_duration(plan.clear_s)}" if plan.clear_s else ""
    return f"{gone}{span}" + (", then a reset" if plan.latched else "")


def _taken(plan: ActuatorPlan, action: Action) -> str:
    if action >= Action.SAFE:
        return _value(plan, plan.safe)
    fallback = _value(plan, plan.safe if plan.fallback is None else plan.fallback)
    if action is Action.HOLD and plan.hold_max_s:
        return f"last for {show_duration(plan.hold_max_s)}, then {fallback}"
    return fallback


def _value(plan: ActuatorPlan, value: float) -> str:
    if plan.discrete:
        return "on" if value else "off"
    return show(value, plan.unit)
