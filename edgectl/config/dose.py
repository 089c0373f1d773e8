"""Dosing limits: the most that may pass an actuator in any hour and in one batch."""

from __future__ import annotations

from pydantic import Field

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Section
from edgectl.config.measure import Measure
from edgectl.config.quantity import Quantity, show
from edgectl.config.shape import read
from edgectl.config.unit import amount_of
from edgectl.config.yaml_node import MappingNode, Node
from edgectl.model.plan import ActuatorPlan
from edgectl.model.safety import DosePlan


class DoseSection(Section):
    """Under the name of an actuator: counted from what its instrument confirms, kept over restarts. Reached, the actuator stands still until a reset."""

    per_hour: Amount | None = Field(
        None, description="The most in any hour. Without it: no limit", examples=["20 mL"]
    )
    per_batch: Amount | None = Field(
        None, description="The most in one batch. Without it: no limit", examples=["500 mL"]
    )


def compile_doses(draft: Draft, actuators: Actuators) -> dict[str, DosePlan | None]:
    """All limits of ``doses``; None for one that has errors."""
    section = draft.node(("doses",))
    if not isinstance(section, MappingNode):
        return {}
    return {name: _dose(draft, name, entry.node, actuators) for name, entry in section.entries.items()}


def _dose(draft: Draft, name: str, node: Node, actuators: Actuators) -> DosePlan | None:
    path: Path = ("doses", name)
    section: DoseSection | None = read(draft, path, node, DoseSection)
    actuator = draft.refer(path, name, "actuator", actuators, on_key=True)
    if section is None or actuator is None:
        return None
    flow = amount_of(actuator.unit)
    if flow is None or actuator.low < 0.0 or actuator.safe != 0.0:
        _not_dosing(draft, path, actuator, countable=flow is not None)
        return None
    if section.per_hour is None and section.per_batch is None:
        hint = f"write per_hour or per_batch, such as per_hour: 20 {flow[0]}"
        draft.error(path, "a dosing limit without a limit", hint, on_key=True)
        return None
    measure = Measure(draft, path, flow[0])
    return DosePlan(
        actuator=name,
        rate_s=flow[1],
        per_hour=_limit(measure, "per_hour", section.per_hour),
        per_batch=_limit(measure, "per_batch", section.per_batch),
        unit=flow[0],
    )


def _limit(measure: Measure, key: str, written: Quantity | None) -> float:
    limit = measure.difference(key, written)
    if written is not None and limit == 0.0:
        message = f"{written.text} leaves nothing to dose"
        measure.draft.error((*measure.path, key), message, "to allow none, set the range of the actuator")
    return limit


def _not_dosing(draft: Draft, path: Path, actuator: ActuatorPlan, *, countable: bool) -> None:
    """Only what can be counted, and stands still at its safe value, can have its sum limited."""
    if not countable:
        message = f"{actuator.name} is in '{actuator.unit}', which does not add up to a volume or a mass"
    elif actuator.low < 0.0:
        message = f"{actuator.name} also goes backwards (down to {show(actuator.low, actuator.unit)})"
    else:
        message = f"the safe value of {actuator.name} is {show(actuator.safe, actuator.unit)}, so it would go on dosing when a limit is reached"
    draft.error(path, message, on_key=True)
