"""The supervisor: a pure decision over causes and time. The highest action wins, the first cause is remembered, trips latch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from edgectl.core.cause import Facts
from edgectl.model.instant import Instant
from edgectl.model.safety import Action, HazardPlan
from edgectl.model.state import HazardState


class Order(NamedTuple):
    """What the supervisor wants of one actuator, and the hazards that want it."""

    action: Action
    names: tuple[str, ...]


def supervise(
    plans: tuple[HazardPlan, ...],
    states: Mapping[str, HazardState],
    facts: Facts,
    now: Instant,
    dt_s: float,
) -> dict[str, HazardState]:
    """Every hazard after ``dt_s`` more."""
    del plans, facts, now, dt_s
    return dict(states)


def orders(
    plans: tuple[HazardPlan, ...], states: Mapping[str, HazardState], actuators: tuple[str, ...], held: str
) -> dict[str, Order]:
    """The highest action on each actuator; those without any are left out. ``held`` (the unit is held) makes every one safe."""
    del plans, states, actuators, held
    return {}
