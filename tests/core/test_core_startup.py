"""Start-up of a slow vessel: no overshoot, and no stop short of the set point."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.cascade_rig import MASTER, Vessel, cascade


@pytest.mark.parametrize("tau_s", [600.0, 1200.0, 2400.0])
@pytest.mark.parametrize("loss", [0.0, 0.05, 0.1])
def test_a_cold_vessel_is_warmed_without_overshoot(tau_s: float, loss: float) -> None:
    """From 22 to 37 degC below a jacket of at most 42 degC: less than 0.1 K too far, and within 0.1 K to stay."""
    unit = Vessel(cascade(), tau_s=tau_s, loss=loss)
    course = list(unit.after(6 * 3600))
    assert unit.peak < 37.1
    assert unit.warmest < 42.5
    assert course[-1] == pytest.approx(37.0, abs=0.05)


def test_without_a_start_up_zone_it_overshoots_more() -> None:
    """With a short integral time the difference is plain: a seventh of a kelvin."""
    quick = replace(MASTER, integral_s=300.0)
    unit, other = Vessel(cascade(quick)), Vessel(cascade(replace(quick, startup_zone=0.0)))
    list(unit.after(2 * 3600))
    list(other.after(2 * 3600))
    assert unit.peak < 37.13
    assert other.peak > unit.peak + 0.1
