"""What is written of the health of a loop, compiled: over which times it is judged and what counts as ill."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthPlan:
    """How the health of ``loop`` is judged.

    Errors are averaged over ``slot_s`` before anything looks at them; shares and spread are those of the last ``window_s``. A start or a new set point
    is left alone for ``settle_s``. ``swing`` is the amplitude (tag unit) from which a regular oscillation is worth a look; at the loop's ``band`` it is
    ill. ``at_limit`` and ``idle`` are the shares of the window (0..1) that a loop may stand at its limit, or not regulate although it should.
    ``spread``: the mean |error| may be so many times its own history.
    """

    loop: str
    slot_s: float
    window_s: float
    settle_s: float
    swing: float
    band: float
    at_limit: float
    idle: float
    spread: float
