"""Temperatures of bath, jacket and vessel."""

from __future__ import annotations

import math

from hil.plant.vessel import Electric, Heat

STEP_S = 1.0


class Thermal:
    """Three temperatures in degC, advanced one second at a time.

    The bath follows its set point with a lag and a rate limit, and only cools while its heater is off. The jacket is
    integrated exactly for a constant bath and vessel, the vessel exactly (to third order) for the mean jacket.
    """

    __slots__ = (
        "_bath_gain",
        "_coast",
        "_coolant_w_per_k",
        "_down_k",
        "_heat",
        "_jacket_decay",
        "_jacket_mean",
        "_jacket_w_per_k",
        "_up_k",
        "_vessel_w_per_k",
        "_wall_w_per_k",
        "bath_c",
        "environment_c",
        "jacket_c",
        "vessel_c",
    )

    def __init__(self, heat: Heat, start_c: float) -> None:
        self._heat = heat
        self.bath_c = self.jacket_c = self.vessel_c = start_c
        self._bath_gain = 1.0 - math.exp(-STEP_S / heat.bath_lag_s)
        self._coast = 1.0 - math.exp(-STEP_S / heat.bath_coast_s)
        self._up_k = heat.bath_up_k_per_min * STEP_S / 60.0
        self._down_k = heat.bath_down_k_per_min * STEP_S / 60.0
        self._coolant_w_per_k = heat.coolant_l_per_min / 60.0 * heat.coolant_j_per_kg_k
        self._jacket_w_per_k = self._coolant_w_per_k + heat.ua_w_per_k
        rate = self._jacket_w_per_k * STEP_S / (heat.jacket_l * heat.coolant_j_per_kg_k)
        self._jacket_decay = math.exp(-rate)
        self._jacket_mean = 1.0 / rate
        self.environment_c = heat.environment_c
        self.expose(0.0, 1.0)

    def expose(self, environment_k: float, draught: float) -> None:
        """The room is `environment_k` warmer than declared, and takes `draught` times the heat per kelvin."""
        self.environment_c = self._heat.environment_c + environment_k
        self._wall_w_per_k = self._heat.ua_environment_w_per_k * draught
        self._vessel_w_per_k = self._heat.ua_w_per_k + self._wall_w_per_k

    def drive(self, setpoint_c: float, heating: float, _heater: float, _cooler: float) -> None:
        """One second of what heats the jacket: here the bath."""
        self.step_bath(setpoint_c, heating)

    def step_bath(self, setpoint_c: float, heating: float) -> None:
        """One second of the bath; `heating` is the share of it with the heater on."""
        bath = self.bath_c
        move = (setpoint_c - bath) * self._bath_gain
        if move > 0.0:
            up = self._up_k * heating
            move = min(move, up)
        elif move < -self._down_k:
            move = -self._down_k
        if heating < 1.0:
            move -= (1.0 - heating) * (bath - self.environment_c) * self._coast
        self.bath_c = bath + move

    def step_vessel(self, mass_kg: float, released_w: float) -> None:
        """One second of jacket and vessel at the present bath; `released_w` is cells plus stirrer less evaporation."""
        heat = self._heat
        jacket, vessel = self.jacket_c, self.vessel_c
        settled = (self._coolant_w_per_k * self.bath_c + heat.ua_w_per_k * vessel) / self._jacket_w_per_k
        self.jacket_c = settled + (jacket - settled) * self._jacket_decay
        mean = settled + (jacket - self.jacket_c) * self._jacket_mean
        settled = (heat.ua_w_per_k * mean + self._wall_w_per_k * self.environment_c + released_w) / (
            self._vessel_w_per_k
        )
        part = self._vessel_w_per_k * STEP_S / (mass_kg * heat.medium_j_per_kg_k)
        self.vessel_c = vessel + (settled - vessel) * part / (1.0 + 0.5 * part)

    def add_liquid(self, mass_kg: float, added_kg: float, added_c: float) -> None:
        """Mix `added_kg` at `added_c` into what was `mass_kg`."""
        self.vessel_c += (added_c - self.vessel_c) * added_kg / (mass_kg + added_kg)


class ElectricThermal:
    """Jacket or blanket and vessel in degC, advanced one second at a time; there is no bath.

    Both together by the trapezoidal rule, so that the heat one gives is the heat the other gets, to rounding.
    """

    __slots__ = (
        "_conductance_w_per_k",
        "_electric",
        "_heat",
        "_outside_w_per_k",
        "_source_w",
        "_vessel_w_per_k",
        "_wall_w_per_k",
        "environment_c",
        "jacket_c",
        "vessel_c",
    )

    def __init__(self, heat: Heat, electric: Electric, start_c: float) -> None:
        self._heat, self._electric = heat, electric
        self.jacket_c = self.vessel_c = start_c
        self._source_w = 0.0
        self._conductance_w_per_k = 0.0
        self.environment_c = heat.environment_c
        self.expose(0.0, 1.0)

    @property
    def bath_c(self) -> float:
        """The heated side: the jacket itself."""
        return self.jacket_c

    def expose(self, environment_k: float, draught: float) -> None:
        """The room is `environment_k` warmer than declared, and takes `draught` times the heat per kelvin."""
        heat = self._heat
        self.environment_c = heat.environment_c + environment_k
        self._wall_w_per_k = heat.ua_environment_w_per_k * draught
        self._outside_w_per_k = self._electric.ua_jacket_environment_w_per_k * draught
        self._vessel_w_per_k = heat.ua_w_per_k + self._wall_w_per_k

    def drive(self, _setpoint_c: float, _heating: float, heater: float, cooler: float) -> None:
        """Heater and cooler for this second, percent."""
        electric, outside = self._electric, self._outside_w_per_k
        cooling = electric.cooler_w_per_k * cooler * 0.01
        self._conductance_w_per_k = self._heat.ua_w_per_k + outside + cooling
        self._source_w = (
            electric.heater_w * heater * 0.01
            + cooling * electric.cooler_supply_c
            + outside * self.environment_c
        )

    def step_vessel(self, mass_kg: float, released_w: float) -> None:
        """One second of jacket and vessel; `released_w` is cells plus stirrer less evaporation."""
        heat = self._heat
        jacket, vessel, half = self.jacket_c, self.vessel_c, 0.5 * heat.ua_w_per_k
        into_jacket = self._source_w - self._conductance_w_per_k * jacket + heat.ua_w_per_k * vessel
        into_vessel = (
            released_w
            + self._wall_w_per_k * self.environment_c
            + heat.ua_w_per_k * jacket
            - self._vessel_w_per_k * vessel
        )
        jacket_side = self._electric.jacket_j_per_k / STEP_S + 0.5 * self._conductance_w_per_k
        vessel_side = mass_kg * heat.medium_j_per_kg_k / STEP_S + 0.5 * self._vessel_w_per_k
        determinant = jacket_side * vessel_side - half * half
        self.jacket_c = jacket + (into_jacket * vessel_side + half * into_vessel) / determinant
        self.vessel_c = vessel + (into_vessel * jacket_side + half * into_jacket) / determinant

    def add_liquid(self, mass_kg: float, added_kg: float, added_c: float) -> None:
        """Mix `added_kg` at `added_c` into what was `mass_kg`."""
        self.vessel_c += (added_c - self.vessel_c) * added_kg / (mass_kg + added_kg)
