"""What standards are worth: pH buffers at their temperature, and oxygen in gases at their pressure, temperature and humidity."""

from __future__ import annotations

import math
from typing import Final

ATMOSPHERE_HPA: Final = 1013.25
_AIR = 20.95  # % oxygen in dry air (ISO 2533)

# pH by temperature (degC). Technical buffers as makers print them on the bottle (4.01 phthalate, 7.00 phosphate, 9.21 borax, 10.01 carbonate);
# NIST: reference buffers of DIN 19266 (phthalate, equimolal phosphate, borax).
_AT = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0)
BUFFERS: Final = {
    "4.01": (4.01, 4.00, 4.00, 4.00, 4.01, 4.01, 4.02, 4.03, 4.04, 4.06),
    "7.00": (7.09, 7.06, 7.04, 7.02, 7.00, 6.99, 6.98, 6.97, 6.97, 6.97),
    "9.21": (9.45, 9.38, 9.32, 9.26, 9.21, 9.16, 9.11, 9.06, 9.03, 8.99),
    "10.01": (10.25, 10.18, 10.12, 10.06, 10.01, 9.97, 9.93, 9.89, 9.86, 9.83),
    "nist-4.01": (3.999, 3.998, 3.999, 4.002, 4.008, 4.015, 4.024, 4.035, 4.047, 4.060),
    "nist-6.86": (6.951, 6.923, 6.900, 6.881, 6.865, 6.853, 6.844, 6.838, 6.834, 6.833),
    "nist-9.18": (9.395, 9.332, 9.276, 9.225, 9.180, 9.139, 9.102, 9.068, 9.038, 9.011),
}


def buffer_ph(name: str, temperature_c: float) -> float:
    """The pH of a buffer.

    Raises:
        ValueError: no such buffer, or nobody says what it is worth at that temperature.
    """
    if name not in BUFFERS:
        raise ValueError(f"there is no buffer {name!r}; known are {', '.join(BUFFERS)}")
    if not _AT[0] <= temperature_c <= _AT[-1]:
        raise ValueError(
            f"buffers are known from {_AT[0]:g} to {_AT[-1]:g} degC, not at {temperature_c:g} degC"
        )
    right = next(index for index, warm in enumerate(_AT[1:], 1) if temperature_c <= warm)
    share = (temperature_c - _AT[right - 1]) / (_AT[right] - _AT[right - 1])
    values = BUFFERS[name]
    return values[right - 1] + share * (values[right] - values[right - 1])


def vapour_hpa(temperature_c: float) -> float:
    """Pressure of saturated water vapour (WMO No. 8, annex 4.B)."""
    return 6.112 * math.exp(17.62 * temperature_c / (243.12 + temperature_c))


def saturation(oxygen_pct: float, pressure_hpa: float, temperature_c: float, humidity_pct: float) -> float:
    """What an oxygen probe shall say in a gas, in % of saturation.

    100 % is water saturated with air at 1013.25 hPa and the same temperature. ``oxygen_pct`` is of the dry gas; in water, or in gas that bubbled through it, the
    humidity is 100 %.

    Raises:
        ValueError: no gas anywhere near a vessel is like that.
    """
    if not (
        0.0 <= oxygen_pct <= 100.0
        and 500.0 <= pressure_hpa <= 3000.0
        and 0.0 <= temperature_c <= 60.0
        and 0.0 <= humidity_pct <= 100.0
    ):
        raise ValueError(
            "expected 0..100 % oxygen, 500..3000 hPa, 0..60 degC and 0..100 % humidity; "
            f"found {oxygen_pct:g} %, {pressure_hpa:g} hPa, {temperature_c:g} degC, {humidity_pct:g} %"
        )
    vapour = vapour_hpa(temperature_c)
    dry = pressure_hpa - vapour * humidity_pct / 100.0
    return 100.0 * oxygen_pct / _AIR * dry / (ATMOSPHERE_HPA - vapour)
