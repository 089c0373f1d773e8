"""pH of a bicarbonate medium from its charge balance.

Strong ions, the carbonate system, water and two weak acids (a lumped buffer and HEPES) sum to zero charge. Constants
are for 37 degC at physiological ionic strength. Concentrations are mM, partial pressures mmHg or mbar.
"""

from __future__ import annotations

import math

LN10 = math.log(10.0)
K1 = 10.0**-6.10
K2 = 10.0**-10.2
KW = 10.0**-13.6
KA_BUFFER = 10.0**-6.9
KA_HEPES = 10.0**-7.3
K1_K2 = K1 * K2
CO2_MM_PER_MMHG = 0.0307
MBAR_PER_MMHG = 1.333223684
CO2_MM_PER_MBAR = CO2_MM_PER_MMHG / MBAR_PER_MMHG
PH_LOW, PH_HIGH = 1.0, 13.5
_SMALL_STEP = 1e-6


def carbonate_fractions(ph: float) -> tuple[float, float, float]:
    """Shares of dissolved CO2, bicarbonate and carbonate in total inorganic carbon; they sum to one."""
    h = math.exp(-LN10 * ph)
    k1_h = K1 * h
    total = h * h + k1_h + K1_K2
    return h * h / total, k1_h / total, K1_K2 / total


def dissolved_share(ph: float) -> float:
    """Share of total inorganic carbon that is dissolved CO2."""
    h = math.exp(-LN10 * ph)
    return h * h / (h * h + K1 * h + K1_K2)


def charge_mm(
    ph: float, strong_ion_mm: float, carbon_mm: float, buffer_mm: float, hepes_mm: float = 0.0
) -> float:
    """Net charge at a trial pH; positive below the true pH and negative above it."""
    h = math.exp(-LN10 * ph)
    _, bicarbonate, carbonate = carbonate_fractions(ph)
    weak = buffer_mm / (1.0 + h / KA_BUFFER) + hepes_mm / (1.0 + h / KA_HEPES)
    return strong_ion_mm + 1e3 * h - 1e3 * KW / h - carbon_mm * (bicarbonate + 2.0 * carbonate) - weak


def carbon_for_ph(ph: float, strong_ion_mm: float, buffer_mm: float, hepes_mm: float = 0.0) -> float:
    """Total inorganic carbon that gives this pH at this strong ion difference."""
    _, bicarbonate, carbonate = carbonate_fractions(ph)
    return charge_mm(ph, strong_ion_mm, 0.0, buffer_mm, hepes_mm) / (bicarbonate + 2.0 * carbonate)


def solve_ph(
    strong_ion_mm: float,
    carbon_mm: float,
    buffer_mm: float,
    hepes_mm: float = 0.0,
    guess: float = 7.2,
) -> float:
    """PH at which the charge is zero: Newton from `guess`, kept in a shrinking bracket.

    A last step below 1e-6 pH leaves a residual under 1e-9 mM: the error of a Newton step is quadratic.
    """
    low, high, ph = PH_LOW, PH_HIGH, guess
    for _ in range(100):
        h = math.exp(-LN10 * ph)
        total = h * h + K1 * h + K1_K2
        bicarbonate, carbonate = K1 * h / total, K1_K2 / total
        charge = bicarbonate + carbonate + carbonate
        buffer, hepes = 1.0 / (1.0 + h / KA_BUFFER), 1.0 / (1.0 + h / KA_HEPES)
        hydrogen, hydroxide = 1e3 * h, 1e3 * KW / h
        residual = (
            strong_ion_mm + hydrogen - hydroxide - carbon_mm * charge - buffer_mm * buffer - hepes_mm * hepes
        )
        slope = LN10 * (
            hydrogen
            + hydroxide
            + carbon_mm * (bicarbonate + 4.0 * carbonate - charge * charge)
            + buffer_mm * buffer * (1.0 - buffer)
            + hepes_mm * hepes * (1.0 - hepes)
        )
        low, high = (ph, high) if residual > 0.0 else (low, ph)
        step = residual / slope
        ph += step
        if -_SMALL_STEP < step < _SMALL_STEP:
            return ph
        if not low < ph < high:
            ph = 0.5 * (low + high)
    return ph
