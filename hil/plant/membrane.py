"""The filter of a perfusion: what pressure it takes to draw permeate through it, and how that grows."""

from __future__ import annotations

from hil.plant.vessel import Filter


class Membrane:
    """A filter in use. `fouled` is by how much its resistance has grown, as a share of the clean one."""

    __slots__ = ("_filter", "fouled", "pressure_mbar")

    def __init__(self, plan: Filter) -> None:
        self._filter = plan
        self.fouled = 0.0
        self.pressure_mbar = 0.0

    def pass_through(self, flow_ml_min: float, seconds: float, cells_m_per_ml: float) -> None:
        """Permeate at this flow for so long, from a broth of so many 1e6 cells/mL."""
        if flow_ml_min > 0.0:
            litres = flow_ml_min * seconds / 60e3
            self.fouled += self._filter.fouling * litres * cells_m_per_ml
        self.pressure_mbar = flow_ml_min * self._filter.clean_mbar_per_ml_min * (1.0 + self.fouled)
