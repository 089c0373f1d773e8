"""Redundant probes: how several tags of one kind become one, and what of that is remembered."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Rule(enum.Enum):
    """Which value counts where two members differ by more than the tolerance."""

    MEAN = "mean"
    LOWER = "lower"
    HIGHER = "higher"
    MEMBER = "member"  # that of ``FusionPlan.preferred``


@dataclass(frozen=True, slots=True)
class FusionPlan:
    """The tags that make one, all in its unit.

    Two that differ by up to ``tolerance`` agree. What a change of the members in use leaves of a step is faded out within ``blend_s``.
    """

    members: tuple[str, ...]
    tolerance: float
    rule: Rule = Rule.MEAN
    preferred: str = ""
    blend_s: float = 60.0


@dataclass(frozen=True, slots=True)
class FusionState:
    """Memory of one fused tag: how its value was made (empty: it had none), which members were not counted, and why (both empty: all agree).

    ``apart``: those that counted differ. ``offset`` is what is still added to the value of the members so that it has no step.
    """

    vote: str = ""
    out: tuple[str, ...] = ()
    reason: str = ""
    apart: bool = False
    offset: float = 0.0
