"""A controller coupled to a plant: sampled probes, limited and lagging actuators, a script of mishaps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hil.bench_control.metric import Metrics
from hil.bench_control.seam import (
    GASES,
    OUTPUTS,
    SAMPLED_S,
    BenchPlant,
    Controller,
    Nameplate,
)

if TYPE_CHECKING:
    from hil.bench_control.scenario import Event, Scenario
    from hil.bench_control.trend import Trend

DEAD_AIR_ML_MIN = 50.0
MFC_LAG_S = 1.0
STIRRER_SLEW_PER_S = 10.0
RESTING = ("heater", "co2", "o2", "n2", "base", "feed", "harvest", "cooler")


class Station:
    """Runs a scenario second by second.

    Outputs are clipped to their spans and to what the script allows; gases follow with the lag of an MFC, the stirrer
    with its slew. While the controller is dead everything rests but 50 mL/min of air and the stirrer.
    """

    def __init__(
        self, plate: Nameplate, plant: BenchPlant, controller: Controller, scenario: Scenario
    ) -> None:
        self._span, self._plant, self._controller = plate.span, plant, controller
        self._scenario = scenario
        self._default = dict.fromkeys(OUTPUTS, 0.0) | {"air": plate.gas_ml_min, "stirrer": plate.stirrer}
        self._limit = {word: plate.span[word] for word in OUTPUTS}
        self.commands = dict(self._default)
        self.actual = dict(self._default)
        self._lag = -math.expm1(-1.0 / MFC_LAG_S)
        self._readings: dict[str, float | None] = {}
        self._absent: set[str] = set()
        self._spike: dict[str, float] = {}
        self._dead_since: float | None = None
        self.setpoints = dict(scenario.setpoints)
        self.metrics = Metrics(plate.span, controller.cycles)

    def run(self, trend: Trend | None = None, until: Callable[[], bool] = lambda: False) -> Metrics:
        """The whole scenario, or `until` says that it is enough; `trend` is shown each second."""
        for quantity, value in self.setpoints.items():
            self._controller.setpoint(quantity, value)
        events = sorted(self._scenario.events, key=lambda event: event.at_s)
        coming, due = 0, (events[0].at_s if events else math.inf)
        scored_from = self._scenario.scored_from_s
        for t in range(round(self._scenario.seconds)):
            while t >= due:
                self._happen(t, events[coming])
                coming += 1
                due = events[coming].at_s if coming < len(events) else math.inf
            if until():
                break
            self._second(t)
            truth = self._plant.controlled()
            if t >= scored_from:
                self.metrics.see(t + 1.0, truth, self.setpoints, self.commands)
            if trend is not None:
                trend.see(t + 1.0, truth, self.setpoints, self.commands)
        return self.metrics

    def _second(self, t: int) -> None:
        self._sample(t)
        if self._dead_since is None:
            self._take(self._controller.step(float(t), self._readings))
        self._actuate()
        self._plant.advance(t + 1.0, self.actual)

    def _sample(self, t: int) -> None:
        readings, plant = self._readings, self._plant
        for word, period in SAMPLED_S.items():
            if t % period == 0:
                value = plant.read(word)
                if word in self._spike:
                    value += self._spike.pop(word)
                readings[word] = None if word in self._absent else value
        for word in (*GASES, "base"):
            readings[word] = self.actual[word]

    def _take(self, outputs: Mapping[str, float]) -> None:
        default, limit, commands = self._default, self._limit, self.commands
        for word, resting in default.items():
            wanted, high = outputs.get(word, resting), limit[word]
            # not clamped by min and max: this runs nine times a second for a week
            commands[word] = 0.0 if wanted < 0.0 else wanted if wanted < high else high  # noqa: FURB136

    def _actuate(self) -> None:
        actual, commands, limit = self.actual, self.commands, self._limit
        for word in GASES:
            flow = actual[word]
            actual[word] = min(flow + (commands[word] - flow) * self._lag, limit[word])
        for word in ("heater", "cooler", "base", "feed", "harvest"):
            actual[word] = commands[word]
        away = commands["stirrer"] - actual["stirrer"]
        actual["stirrer"] += max(-STIRRER_SLEW_PER_S, min(STIRRER_SLEW_PER_S, away))

    def _happen(self, t: int, event: Event) -> None:
        for quantity in event.marks:
            self.metrics.loops[quantity].open("disturbance", t)
        what, target, value = event.action, event.target, event.value
        if what == "setpoint":
            away = value - self.setpoints[target]
            self.metrics.loops[target].open("setpoint", t, math.copysign(1.0, away))
            self.setpoints[target] = value
            self._controller.setpoint(target, value)
        elif what == "start":
            self.metrics.loops[target].open("setpoint", t, value)
        elif what == "disturb":
            self._plant.disturb(target, value)
        elif what == "limit":
            self._limit[target] = value * self._span[target]
            self.commands[target] = min(self.commands[target], self._limit[target])
        elif what == "absent":
            self._hide(target, gone=value > 0.0)
        elif what == "spike":
            self._spike[target] = value
        else:
            self._power(t, on=value > 0.0)

    def _hide(self, word: str, *, gone: bool) -> None:
        if gone:
            self._absent.add(word)
            self._readings[word] = None
        else:
            self._absent.discard(word)

    def _power(self, t: int, *, on: bool) -> None:
        if not on:
            self._dead_since = float(t)
            self.commands.update(dict.fromkeys(RESTING, 0.0))
            self.commands["air"] = min(DEAD_AIR_ML_MIN, self._limit["air"])
        elif self._dead_since is not None:
            self._controller.restart(t - self._dead_since)
            self._dead_since = None
