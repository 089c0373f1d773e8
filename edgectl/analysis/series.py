"""What an experiment recorded, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgectl.analysis.plant import Floats


class Unidentified(Exception):
    """The record does not tell what the plant is; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Series:
    """A record in even steps. ``output`` k stands from sample ``value`` k on. ``quiet`` is how many samples came before the first swing.

    ``period_s`` is that of the loop, ``noise`` the standard deviation of a sample.
    """

    step_s: float
    output: Floats
    value: Floats
    quiet: int = 0
    period_s: float = 1.0
    noise: float = 0.0

    @property
    def time_s(self) -> Floats:
        """Time of each sample from the first."""
        return self.step_s * np.arange(len(self.value), dtype=np.float64)
