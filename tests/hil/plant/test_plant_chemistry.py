"""The charge balance gives the pH a medium of known composition has."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.plant.chemistry import CO2_MM_PER_MMHG, carbonate_fractions, charge_mm, solve_ph

BUFFER_MM = 4.0

# pH, pCO2, then SID, C_T, HCO3, then the pH after: 5 mM lactate at constant pCO2, the same closed, 10 mmHg more CO2,
# 1 mM NaOH at constant pCO2, the same closed.
TABLE = [
    (7.40, 35.65, 24.95, 22.97, 21.84, 7.293, 6.703, 7.297, 7.419, 7.706),
    (7.20, 60.0, 25.90, 25.05, 23.19, 7.100, 6.642, 7.136, 7.218, 7.392),
    (7.10, 50.0, 17.83, 16.90, 15.35, 6.944, 6.460, 7.026, 7.126, 7.312),
    (7.00, 40.0, 12.00, 10.99, 9.75, 6.740, 6.227, 6.912, 7.039, 7.238),
]


def carbon_at(ph: float, pco2_mmhg: float) -> float:
    return CO2_MM_PER_MMHG * pco2_mmhg / carbonate_fractions(ph)[0]


def ph_at_pco2(strong_ion_mm: float, pco2_mmhg: float) -> float:
    """Bisection, so that it shares no step with the solver under test."""
    low, high = 3.0, 11.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if charge_mm(middle, strong_ion_mm, carbon_at(middle, pco2_mmhg), BUFFER_MM) > 0.0:
            low = middle
        else:
            high = middle
    return low


@pytest.mark.parametrize("row", TABLE)
def test_medium_at_a_ph_and_pco2_has_the_tabulated_composition(row: tuple[float, ...]) -> None:
    ph, pco2, strong_ion, carbon, bicarbonate = row[:5]
    found = carbon_at(ph, pco2)
    assert found == pytest.approx(carbon, abs=0.006)
    assert found * carbonate_fractions(ph)[1] == pytest.approx(bicarbonate, abs=0.006)
    assert -charge_mm(ph, 0.0, found, BUFFER_MM) == pytest.approx(strong_ion, abs=0.006)


@pytest.mark.parametrize("row", TABLE)
def test_acid_base_and_carbon_dioxide_move_the_ph_by_the_tabulated_amounts(row: tuple[float, ...]) -> None:
    ph, pco2, _, _, _, lactate_open, lactate_closed, more_co2, base_open, base_closed = row
    carbon = carbon_at(ph, pco2)
    strong_ion = -charge_mm(ph, 0.0, carbon, BUFFER_MM)
    assert solve_ph(strong_ion, carbon, BUFFER_MM) == pytest.approx(ph, abs=1e-9)
    assert ph_at_pco2(strong_ion - 5.0, pco2) == pytest.approx(lactate_open, abs=6e-4)
    assert solve_ph(strong_ion - 5.0, carbon, BUFFER_MM) == pytest.approx(lactate_closed, abs=6e-4)
    assert ph_at_pco2(strong_ion, pco2 + 10.0) == pytest.approx(more_co2, abs=6e-4)
    assert ph_at_pco2(strong_ion + 1.0, pco2) == pytest.approx(base_open, abs=6e-4)
    assert solve_ph(strong_ion + 1.0, carbon, BUFFER_MM) == pytest.approx(base_closed, abs=6e-4)


@given(
    strong_ion=st.floats(-30.0, 150.0),
    carbon=st.floats(0.0, 120.0),
    buffer=st.floats(0.0, 30.0),
    hepes=st.floats(0.0, 30.0),
    guess=st.floats(3.0, 11.0),
)
def test_charge_is_balanced_from_any_guess(
    strong_ion: float, carbon: float, buffer: float, hepes: float, guess: float
) -> None:
    ph = solve_ph(strong_ion, carbon, buffer, hepes, guess)
    # Written out again from the dissociation constants.
    h = 10.0**-ph
    share = 1.0 + 10.0 ** (6.10 - ph) + 10.0 ** (ph - 10.2)
    ions = carbon / share * (1.0 + 2.0 * 10.0 ** (ph - 10.2))
    acids = buffer / (1.0 + 10.0 ** (6.9 - ph)) + hepes / (1.0 + 10.0 ** (7.3 - ph))
    assert abs(strong_ion + 1e3 * h - 10.0 ** (ph - 10.6) - ions - acids) < 1e-9


def test_carbonate_shares_sum_to_one_and_cross_at_the_pk() -> None:
    assert math.fsum(carbonate_fractions(7.2)) == pytest.approx(1.0, abs=1e-15)
    dissolved, bicarbonate, _ = carbonate_fractions(6.10)
    assert dissolved == pytest.approx(bicarbonate)
