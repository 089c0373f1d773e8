"""Probes: what an instrument would see of the truth."""

from __future__ import annotations

import math
import random
from dataclasses import fields

from hil.plant.heat import STEP_S
from hil.plant.vessel import Probe, Probes

DAY_S = 86400.0


class Sensor:
    """One probe: lagged by the plant's own clock, drifting with age, noisy and quantised at each reading.

    The lag advances with the physics, so neither the rate nor the order of readings changes any value but the
    noise, and the noise comes from a generator of this probe alone.
    """

    __slots__ = (
        "_age_s",
        "_drift",
        "_per_quantum",
        "_probe",
        "_random",
        "_read_at_s",
        "_value",
        "gain",
        "lagged",
    )

    def __init__(self, probe: Probe, start: float, seed: str) -> None:
        self._probe = probe
        self.gain = -math.expm1(-STEP_S / probe.lag_s)
        self._random = random.Random(seed)
        self._age_s = probe.drift_decay_days * DAY_S
        self._drift = probe.drift_per_day * probe.drift_decay_days
        self._per_quantum = 1.0 / probe.quantum
        self._read_at_s = -math.inf
        self._value = start
        self.lagged = start

    def read(self, t_s: float) -> float:
        """The probe's reading at plant time `t_s`; a second reading at the same time repeats the first."""
        if t_s == self._read_at_s:
            return self._value
        self._read_at_s = t_s
        value = self.lagged
        probe = self._probe
        if self._drift:
            value -= self._drift * math.expm1(-t_s / self._age_s)
        value += self._random.gauss(0.0, probe.noise + probe.noise_of_value * value)
        self._value = round(value * self._per_quantum) / self._per_quantum
        return self._value


class ProbeSet:
    """All probes of a vessel, following what they see once a grid second."""

    __slots__ = ("_by_name", "_ordered")

    def __init__(self, probes: Probes, seen: tuple[float, ...], seed: int) -> None:
        names = [f.name for f in fields(Probes)]
        self._by_name = {
            name: Sensor(getattr(probes, name), value, f"{seed}/{name}")
            for name, value in zip(names, seen, strict=True)
        }
        self._ordered = tuple(self._by_name.values())

    def named(self, name: str) -> Sensor:
        """The probe of that name; ValueError lists the names."""
        try:
            return self._by_name[name]
        except KeyError:
            raise ValueError(
                f"no probe {name!r} in this vessel; there are {', '.join(self._by_name)}"
            ) from None

    def follow(self, seen: tuple[float, ...]) -> None:
        """One second of lag for every probe."""
        for sensor, value in zip(self._ordered, seen, strict=True):
            sensor.lagged += sensor.gain * (value - sensor.lagged)
