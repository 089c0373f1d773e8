"""The experiments a careful user makes once, on a vessel just as its nameplate says: step tests and relay tests.

They see the process through the probe's lag, but without its noise, which favours the baselines.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hil.bench_control.arms import ARM_WORDS, Arms, balanced_arms, whole_arms
from hil.bench_control.seam import OUTPUTS, BenchPlant, Filling, Nameplate, PlantMaker

STEP_S = {"temperature": 5400, "ph": 3600, "do": 5400}
RELAY_S = {"temperature": 6 * 3600, "ph": 3 * 3600, "do": 3 * 3600}
RELAY_BAND = {"temperature": 0.1, "ph": 0.01, "do": 1.0}
PERIOD_S = {"temperature": 2, "ph": 5, "do": 3}
_STEP = {"temperature": 25.0, "ph": 20.0, "do": 20.0}
_MIDDLE = Filling(temperature_c=37.0, ph=7.2, do_percent=40.0)
_SWINGS = 8


@dataclass(frozen=True, slots=True)
class Reaction:
    """A step response as first order with dead time: gain and steepest slope per 100 of the loop's number."""

    gain: float
    slope: float
    dead_s: float

    @property
    def lag_s(self) -> float:
        """Time constant that joins gain and slope."""
        return self.gain / self.slope


@dataclass(frozen=True, slots=True)
class Swing:
    """What a relay test says: the ultimate gain (number per unit) and period."""

    gain: float
    period_s: float


@dataclass(frozen=True, slots=True)
class Study:
    """Of one vessel: balanced arms, reaction and ultimate swing of each loop."""

    arms: Mapping[str, Arms]
    reaction: Mapping[str, Reaction]
    swing: Mapping[str, Swing]


def study(plate: Nameplate, make: PlantMaker) -> Study:
    """All experiments on the vessel as built to its nameplate (seed 0)."""
    arms: dict[str, Arms] = {}
    reactions: dict[str, Reaction] = {}
    swings: dict[str, Swing] = {}
    for quantity in ARM_WORDS:
        whole = whole_arms(plate, quantity)
        plus = _react(plate, make, quantity, whole, 1.0)
        minus = _react(plate, make, quantity, whole, -1.0) if whole.low < 0.0 else None
        arms[quantity] = balanced = balanced_arms(
            plate, quantity, plus.slope, minus.slope if minus is not None else 0.0
        )
        slow = plus if minus is None or plus.slope <= minus.slope else minus
        reactions[quantity] = slow
        swings[quantity] = _relay(plate, make, quantity, balanced)
    return Study(arms, reactions, swings)


class _Probe:
    """A lag of first order."""

    __slots__ = ("_share", "value")

    def __init__(self, lag_s: float, value: float) -> None:
        self._share = -math.expm1(-1.0 / lag_s)
        self.value = value

    def see(self, value: float) -> float:
        self.value += self._share * (value - self.value)
        return self.value


def _resting(plate: Nameplate) -> dict[str, float]:
    return dict.fromkeys(OUTPUTS, 0.0) | {"air": plate.gas_ml_min, "stirrer": plate.stirrer}


def _course(
    plate: Nameplate, plant: BenchPlant, quantity: str, outputs: Mapping[str, float], seconds: int
) -> list[float]:
    probe = _Probe(plate.probe_lag_s[quantity], getattr(plant.controlled(), quantity))
    course = []
    for t in range(seconds):
        plant.advance(t + 1.0, outputs)
        course.append(probe.see(getattr(plant.controlled(), quantity)))
    return course


def _react(plate: Nameplate, make: PlantMaker, quantity: str, arms: Arms, way: float) -> Reaction:
    """The difference a step makes, by its steepest tangent."""
    seconds, step = STEP_S[quantity], _STEP[quantity]
    outputs = _resting(plate)
    without = _course(plate, make(0, _MIDDLE), quantity, outputs, seconds)
    arms.split(step * way, outputs)
    with_step = _course(plate, make(0, _MIDDLE), quantity, outputs, seconds)
    scale = 100.0 / step * way
    rise = [(a - b) * scale for a, b in zip(with_step, without, strict=True)]
    span = 30
    slopes = [(rise[i + span] - rise[i]) / span for i in range(len(rise) - span)]
    steepest = max(range(len(slopes)), key=slopes.__getitem__)
    slope = max(slopes[steepest], 1e-9)
    at = steepest + 0.5 * span
    height = 0.5 * (rise[steepest] + rise[steepest + span])
    dead = max(at - height / slope, 1.0) + 0.5 * PERIOD_S[quantity]
    return Reaction(max(*rise, 1e-6), slope, dead)


def _relay(plate: Nameplate, make: PlantMaker, quantity: str, arms: Arms) -> Swing:
    """Bang-bang about the set point between the arms (temperature: between off and full), until it has swung a few times."""
    target: float = getattr(_MIDDLE, "do_percent" if quantity == "do" else _FILLED[quantity])
    plant, outputs = make(0, _MIDDLE), _resting(plate)
    probe = _Probe(plate.probe_lag_s[quantity], getattr(plant.controlled(), quantity))
    high, low = (100.0, 0.0) if quantity == "temperature" else (50.0, -50.0)
    number, peaks, flips = high, [target], [0]
    for t in range(RELAY_S[quantity]):
        arms.split(number, outputs)
        plant.advance(t + 1.0, outputs)
        value = probe.see(getattr(plant.controlled(), quantity))
        peaks[-1] = max(peaks[-1], value) if number == low else min(peaks[-1], value)
        off = (value - target) * (1.0 if number == high else -1.0)
        if t % PERIOD_S[quantity] == 0 and off > RELAY_BAND[quantity]:
            number = low if number == high else high
            peaks.append(value)
            flips.append(t)
            if len(flips) > 2 * _SWINGS:
                break
    swing = 0.5 * abs(peaks[-2] - peaks[-3]) if len(peaks) > 3 else RELAY_BAND[quantity]
    period = flips[-1] - flips[-3] if len(flips) > 3 else RELAY_S[quantity] / 2.0
    amplitude = max(swing, RELAY_BAND[quantity])
    return Swing(4.0 * 0.5 * (high - low) / (math.pi * amplitude), float(period))


_FILLED = {"temperature": "temperature_c", "ph": "ph"}
