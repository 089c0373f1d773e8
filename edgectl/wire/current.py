"""The 4-20 mA current loop: scaling, and what NAMUR NE 43 says of currents outside it."""

from __future__ import annotations

from edgectl.model.quality import DeviceStatus

LEAST_MA = 3.6
LIVE_ZERO_MA = 4.0
FULL_SCALE_MA = 20.0
MOST_MA = 21.0


def judge(current_ma: float) -> tuple[DeviceStatus, str]:
    """NE 43: up to 3.6 and from 21.0 mA the loop has failed; beyond 3.8..20.5 mA it is out of specification."""
    if not LEAST_MA < current_ma < MOST_MA:  # written so that NaN fails
        return DeviceStatus.FAILURE, f"{current_ma:.3g} mA: loop open, shorted or signalling failure (NE 43)"
    if not 3.8 <= current_ma <= 20.5:
        return DeviceStatus.OUT_OF_SPECIFICATION, f"{current_ma:.4g} mA is outside 3.8..20.5 mA (NE 43)"
    return DeviceStatus.GOOD, ""


def value_of(current_ma: float, low: float, high: float, zero_ma: float = LIVE_ZERO_MA) -> float:
    """The value whose range ``low``..``high`` is ``zero_ma``..20 mA."""
    return low + (current_ma - zero_ma) / (FULL_SCALE_MA - zero_ma) * (high - low)


def span_of(low: float, high: float, *, measured: bool) -> tuple[float, float]:
    """The values to expect: NE 43 lets a current that is ``measured`` go a little beyond its range at both ends."""
    return (value_of(LEAST_MA, low, high), value_of(MOST_MA, low, high)) if measured else (low, high)


def current_of(value: float, low: float, high: float, zero_ma: float = LIVE_ZERO_MA) -> float:
    """The current in mA that stands for ``value``."""
    return zero_ma + (value - low) / (high - low) * (FULL_SCALE_MA - zero_ma)
