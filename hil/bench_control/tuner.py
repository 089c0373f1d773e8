"""`edgectl tune` on the bench: experiments on every loop of a scattered vessel, before it is judged.

The vessel stands at its set points, as a technician would choose. Each loop is tuned in turn, inner ones first, and takes its new settings at
once. A loop that refuses, and why, is kept: it stays at what its nameplate says.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hil.bench_control.edgectl_seat import FOLDER, NoSeat, Seated, overrides
from hil.bench_control.scenario import HOUR, TARGETS, Scenario
from hil.bench_control.seam import BenchPlant, Filling, Nameplate, Outputs, Readings
from hil.bench_control.station import Station

FILLING = Filling(temperature_c=36.8, ph=7.2, do_percent=42.0)
ORDER = ("TIC-102", "TIC-101", "AIC-102", "AIC-101")
PLACE = {
    "TIC-102": "loops.TIC-101.inner"
}  # where the settings of a loop stand in the bench folder, if not under its name
SLAVES = ("TIC-102",)  # stand in AUTO, at the set point they had, while they are examined
SETTLING_S = 1.5 * HOUR
PAUSE_S = 0.5 * HOUR
TRIES = 3


@dataclass(slots=True)
class Tuning:
    """What came of it: overrides of the folder, and the reason of each loop that refused."""

    overrides: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class Tuner:
    """edgectl at the controls, with a technician who tunes one loop after the other."""

    def __init__(self, seat: Any, plate: Nameplate, robustness: float) -> None:
        self._seat, self._seated = seat, Seated(seat)
        self._plate, self._robustness = plate, robustness
        self._waiting = list(ORDER)
        self._loop = ""
        self._apart = False
        self._tries = 0
        self._next_s = SETTLING_S
        self._tools = importlib.import_module("edgectl.app.tune")
        self._compile = importlib.import_module("edgectl.app.seat").compiled
        self.found = Tuning()
        self.cycles: Mapping[str, float] = self._seated.cycles

    @property
    def done(self) -> bool:
        """Whether every loop has had its turn."""
        return not self._waiting and not self._loop

    def step(self, t_s: float, readings: Readings) -> Outputs:
        """One scan, and what the technician does after it."""
        outputs = self._scan(t_s, readings)
        if self._loop:
            self._watch(t_s)
        elif self._waiting and t_s >= self._next_s:
            self._begin(t_s)
        return outputs

    def setpoint(self, quantity: str, value: float) -> None:
        """As of any controller."""
        self._seated.setpoint(quantity, value)

    def restart(self, outage_s: float) -> None:
        """As of any controller."""
        self._seated.restart(outage_s)

    def _scan(self, t_s: float, readings: Readings) -> Outputs:
        outputs = self._seated.scan(t_s, readings)
        refused = [reply.reason for reply in self._seat.replies if not reply.accepted]
        if refused and self._loop:
            self._leave(t_s, refused[0])
        return outputs

    def _begin(self, t_s: float) -> None:
        name = self._waiting[0]
        if name in SLAVES and not self._apart:
            self._seat.request("mode", name, "AUTO")
            self._apart, self._next_s = True, t_s + PAUSE_S / 3.0
            return
        self._loop = name
        self._tries += 1
        self._seat.request("tune", name, "relay")

    def _watch(self, t_s: float) -> None:
        experiment = self._seat.state.experiments.get(self._loop)
        if experiment is None or experiment.stage.value != "over":
            return
        plan = next(loop for loop in self._seat.plan.loops if loop.name == self._loop)
        try:
            proposal = self._tools.propose(self._tools.series_of(experiment), plan, self._robustness)
        except self._tools.Unidentified as reason:
            self._leave(t_s, str(reason))
            return
        place = PLACE.get(self._loop, f"loops.{self._loop}")
        self.found.overrides += [f"{place}.{key}={value}" for key, value in proposal.values.items()]
        self._seat.retune(self._compile(FOLDER, (*overrides(self._plate), *self.found.overrides)))
        self._turn(t_s)

    def _leave(self, t_s: float, reason: str) -> None:
        """Try again later, or leave the loop as it is."""
        if self._tries < TRIES:
            self._loop, self._next_s = "", t_s + PAUSE_S
            return
        self.found.refused[self._loop] = reason
        self._turn(t_s)

    def _turn(self, t_s: float) -> None:
        self._waiting.remove(self._loop)
        if self._apart:
            self._seat.request("mode", self._loop, "CAS")
            self._apart = False
        self._loop, self._tries, self._next_s = "", 0, t_s + PAUSE_S


def tune(plate: Nameplate, plant: BenchPlant, robustness: float = 1.6, hours: float = 24.0) -> Tuning:
    """Tune edgectl's loops on this plant.

    Raises:
        NoSeat: this installation has no edgectl, or its configuration does not compile.
    """
    try:
        module = importlib.import_module("edgectl.app.seat")
        tuner = Tuner(module.Seat(FOLDER, tuple(overrides(plate))), plate, robustness)
    except ImportError as error:
        raise NoSeat(f"this installation has no seat ({error})") from None
    calm = Scenario("tuning", hours * HOUR, (), FILLING, setpoints=TARGETS)
    Station(plate, plant, tuner, calm).run(until=lambda: tuner.done)
    return tuner.found
