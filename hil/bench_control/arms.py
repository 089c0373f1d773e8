"""How a loop's one number becomes outputs: plus drives one actuator, minus the other.

The sensible user's choice for every baseline, since none of the originals knows a bioreactor: constant air at the reference flow;
temperature by heater and, where there is one, cooler; pH by base (plus) and CO2 (minus); DO by O2 (plus) and N2 (minus). A
number of 100 is the weaker arm's whole span; the stronger arm moves the process as fast at the same number, by what a
step test of each said, and so reaches further than 100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hil.bench_control.seam import GASES, Nameplate, Readings

ARM_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"temperature": ("heater", "cooler"), "ph": ("base", "co2"), "do": ("o2", "n2")}
)
METER_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Arms:
    """The two actuators of a loop, their spans, and the numbers at which each is fully open; `low` 0: no minus arm."""

    plus: str
    plus_span: float
    high: float
    minus: str
    minus_span: float
    low: float

    def clamp(self, number: float) -> float:
        """The nearest number that can be delivered."""
        return max(self.low, min(self.high, number))

    def split(self, number: float, outputs: dict[str, float]) -> None:
        """Put the outputs of this number in."""
        outputs[self.plus] = self.plus_span * number / self.high if number > 0.0 else 0.0
        outputs[self.minus] = self.minus_span * number / self.low if number < 0.0 and self.low else 0.0

    def achieved(self, number: float, readings: Readings) -> float:
        """The number that was delivered when this one was asked for, where the arm in use has a flow meter."""
        word, span, end = (
            (self.plus, self.plus_span, self.high)
            if number >= 0.0
            else (self.minus, self.minus_span, self.low)
        )
        flow = readings.get(word) if word in GASES else None
        if flow is None or end == 0.0:
            return number
        delivered = end * flow / span
        return delivered if abs(delivered - number) > METER_TOLERANCE * abs(end) else number


def whole_arms(plate: Nameplate, quantity: str) -> Arms:
    """Both arms at their full span for 100."""
    plus, minus = ARM_WORDS[quantity]
    absent = quantity == "temperature" and plate.cooler_w_per_k == 0.0
    return Arms(plus, plate.span[plus], 100.0, minus, plate.span[minus], 0.0 if absent else -100.0)


def balanced_arms(plate: Nameplate, quantity: str, plus_rate: float, minus_rate: float) -> Arms:
    """Arms of the same rate at the same number; the rates are per second at full span, without sign, 0 for an absent arm."""
    arms = whole_arms(plate, quantity)
    if arms.low == 0.0 or plus_rate <= 0.0 or minus_rate <= 0.0:
        return arms
    rate = min(plus_rate, minus_rate)
    high, low = 100.0 * plus_rate / rate, -100.0 * minus_rate / rate
    return Arms(arms.plus, arms.plus_span, high, arms.minus, arms.minus_span, low)
