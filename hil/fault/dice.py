"""What all faults have in common: seeded dice and a count of how often they struck."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(slots=True, eq=False)
class Seeded:
    """Dice and count. Rates are probabilities per request, reply or value."""

    dice: Random = dataclasses.field(repr=False)
    count: int = dataclasses.field(default=0, init=False)

    def hit(self, rate: float) -> bool:
        """Roll once; count a hit."""
        struck = rate >= 1.0 or self.dice.random() < rate
        self.count += struck
        return struck
