"""The servos of dissolved oxygen: what flows at each place of the sequence, and shares in which each per cent does the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from edgectl.config.nameplate import capacity
from edgectl.model.vessel_plan import VesselPlan

_LEAST = 10.0  # % of the output: a servo that does less has at least so much of it
_PIECES = 4  # of a servo's share, so that the capacity rises evenly although kLa is no straight line
_HALVINGS = 40

Curve = tuple[tuple[float, float], ...]
Width = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Servo:
    """One servo: ``low`` is where its actuator stands until it is entered."""

    kind: str
    actuator: str
    unit: str
    low: float
    high: float
    wait_s: float


class Mix(NamedTuple):
    """What flows and turns; agitation None: no servo, as on the nameplate."""

    agitation: float | None
    air: float | None
    oxygen: float
    nitrogen: float


@dataclass(frozen=True, slots=True)
class Sequence:
    """The servos in their order, for a set point of DO (%)."""

    servos: tuple[Servo, ...]
    setpoint: float

    def mix(self, place: int, value: float) -> Mix:
        """The state in which servo ``place`` stands at ``value``, those before it at their ends; below rest all others at their beginnings."""
        below = self.servos[place].kind == "nitrogen"
        at = {
            servo.kind: value
            if i == place
            else servo.high
            if i < place and not below and servo.kind != "nitrogen"
            else servo.low
            for i, servo in enumerate(self.servos)
        }
        oxygen, nitrogen = at.get("enrichment", 0.0), at.get("nitrogen", 0.0)
        air = at.get("air")
        if air is not None:
            air = max(0.0, air - oxygen - nitrogen)
        return Mix(at.get("agitation"), air, oxygen, nitrogen)

    def air_before(self, place: int) -> float:
        """The air that flows when servo ``place`` is entered."""
        return self.mix(place, self.servos[place].low).air or 0.0

    def brings(self, vessel: VesselPlan, place: int, value: float) -> float:
        """The capacity (% per hour) with servo ``place`` at ``value``."""
        mix = self.mix(place, value)
        agitation = vessel.agitation if mix.agitation is None else mix.agitation
        air = max(0.0, vessel.gas_ml_min - mix.oxygen - mix.nitrogen) if mix.air is None else mix.air
        return capacity(vessel, agitation, air, mix.oxygen, mix.nitrogen, self.setpoint)

    def effects(self, vessel: VesselPlan) -> tuple[float, ...]:
        """What each servo changes from its beginning to its end, in % per hour."""
        return tuple(
            self.brings(vessel, i, servo.high) - self.brings(vessel, i, servo.low)
            for i, servo in enumerate(self.servos)
        )

    def curves(self, widths: tuple[Width, ...], vessel: VesselPlan | None) -> dict[str, Curve]:
        """The points of each actuator over the loop's output."""
        found: dict[str, list[tuple[float, float]]] = {}
        air = next((servo for servo in self.servos if servo.kind == "air"), None)
        mixed: list[tuple[float, float]] = []
        for i, (servo, width) in enumerate(zip(self.servos, widths, strict=True)):
            curve = self._curve(i, width, vessel)
            found[servo.actuator] = curve
            if air is not None and servo.kind in ("air", "enrichment", "nitrogen"):
                mixed += [(output, self.mix(i, value).air or 0.0) for output, value in curve]
        if air is not None:
            found[air.actuator] = sorted(dict(mixed).items())
        return {name: tuple(points) for name, points in found.items()}

    def _curve(self, place: int, width: Width, vessel: VesselPlan | None) -> list[tuple[float, float]]:
        """One servo over its share: such that the capacity rises evenly, or straight where nothing is known of it."""
        servo = self.servos[place]
        first, last = (servo.high, servo.low) if servo.kind == "nitrogen" else (servo.low, servo.high)
        steps = [k / _PIECES for k in range(_PIECES + 1)] if vessel else [0.0, 1.0]
        values = [first + (last - first) * step for step in steps]
        if vessel is not None:
            values[1:-1] = self._even(vessel, place, first, last, steps[1:-1])
        return [(width[0] + (width[1] - width[0]) * s, v) for s, v in zip(steps, values, strict=True)]

    def _even(
        self, vessel: VesselPlan, place: int, first: float, last: float, steps: Iterable[float]
    ) -> list[float]:
        start, end = self.brings(vessel, place, first), self.brings(vessel, place, last)
        if end <= start:
            return [first + (last - first) * step for step in steps]
        found = []
        for step in steps:
            low, high = 0.0, 1.0
            for _ in range(_HALVINGS):
                middle = (low + high) / 2
                if self.brings(vessel, place, first + (last - first) * middle) < start + step * (end - start):
                    low = middle
                else:
                    high = middle
            found.append(first + (last - first) * (low + high) / 2)
        return found


def sequence_of(servos: Iterable[Servo], setpoint: float) -> Sequence:
    """The servos in the order written."""
    return Sequence(tuple(servos), setpoint)


def shared(sequence: Sequence, vessel: VesselPlan) -> tuple[Width, ...]:
    """The share of each servo: as wide as what it does, together 0..100 %; nitrogen has its own below 0, with the same effect per %."""
    effects = [max(0.0, abs(effect)) for effect in sequence.effects(vessel)]
    above = [i for i, servo in enumerate(sequence.servos) if servo.kind != "nitrogen"]
    total = sum(effects[i] for i in above)
    parts = {
        i: max(_LEAST, 100.0 * effects[i] / total if total else _LEAST)
        for i in above
        if effects[i] or sequence.servos[i].kind != "air"
    }
    parts = {i: parts.get(i, 0.0) for i in above}  # air that stands still has no share of its own
    scale = 100.0 / sum(parts.values()) if parts else 1.0
    widths: dict[int, Width] = {}
    end = 0.0
    for i in above:
        start, end = end, end + parts[i] * scale
        widths[i] = (start, end)
    per_cent = max(
        (effects[i] / (high - low) for i, (low, high) in widths.items() if high > low), default=0.0
    )
    for i, servo in enumerate(sequence.servos):
        if servo.kind == "nitrogen":
            width = min(max(effects[i] / per_cent, _LEAST), 100.0) if per_cent else 100.0
            widths[i] = (-width, 0.0)
    return tuple(widths[i] for i in range(len(sequence.servos)))
