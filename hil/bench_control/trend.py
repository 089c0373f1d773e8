"""A thinned record of a run, for pictures."""

from __future__ import annotations

from collections.abc import Mapping

from hil.bench_control.seam import QUANTITIES, Controlled


class Trend:
    """Every `every_s` seconds: truth, set points and commands, by name."""

    __slots__ = ("_every_s", "time_s", "values")

    def __init__(self, every_s: int) -> None:
        self._every_s = every_s
        self.time_s: list[float] = []
        self.values: dict[str, list[float]] = {}

    def see(
        self, t_s: float, truth: Controlled, setpoints: Mapping[str, float], commands: Mapping[str, float]
    ) -> None:
        """One second."""
        if t_s % self._every_s:
            return
        self.time_s.append(t_s)
        for name, value in truth._asdict().items():
            self.values.setdefault(name, []).append(value)
        for name in QUANTITIES:
            self.values.setdefault(f"{name}.setpoint", []).append(setpoints[name])
        for name, value in commands.items():
            self.values.setdefault(f"{name}.command", []).append(value)
