"""The two seams of the bench: a controller to be judged, and a plant to judge it on.

Both speak words. Readings: temperature and jacket (degC), ph, do (% air saturation), weight (kg), density (1e6 cells/mL),
stirrer (rpm, rocks/min), air, co2, o2, n2, base (mL/min, as delivered). Outputs: heater and cooler (percent), air, co2,
o2, n2, base, feed, harvest (mL/min), stirrer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

QUANTITIES = ("temperature", "ph", "do")
BAND = MappingProxyType({"temperature": 0.1, "ph": 0.05, "do": 2.0})
UNIT = MappingProxyType({"temperature": "K", "ph": "pH", "do": "%"})
GASES = ("air", "co2", "o2", "n2")
OUTPUTS = ("heater", "cooler", *GASES, "base", "stirrer", "feed", "harvest")
DRIVEN = MappingProxyType(
    {"temperature": ("heater", "cooler"), "ph": ("co2", "base"), "do": ("air", "o2", "n2", "stirrer")}
)
SAMPLED_S = MappingProxyType(
    {"temperature": 2, "jacket": 2, "ph": 5, "do": 3, "weight": 5, "density": 30, "stirrer": 1}
)
SAFE_BLANKET_C = 42.0

Readings = Mapping[str, float | None]
Outputs = Mapping[str, float]


class Controlled(NamedTuple):
    """The truth a controller is judged by: degC, degC, pH, % air saturation."""

    temperature: float
    jacket: float
    ph: float
    do: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Nameplate:
    """What a technician can know of a vessel without an experiment. Flows in mL/min, agitation in rpm or rocks/min.

    `cooler_w_per_k` 0 means there is none. `gas_ml_min` and `stirrer` are the reference at which
    `kla_per_h` was measured, and where the vessel is run unless a controller wishes otherwise.
    """

    name: str
    kind: str
    volume_l: float
    total_l: float
    heater_w: float
    heat_transfer_w_per_k: float
    jacket_j_per_k: float
    cooler_w_per_k: float
    room_w_per_k: float
    base_molar: float
    mixing_s: float
    kla_per_h: float
    gas_ml_min: float
    stirrer: float
    span: Mapping[str, float]
    probe_lag_s: Mapping[str, float]


class BenchPlant(Protocol):
    """A vessel on its own clock. Bring your own with `--plants module:function`.

    The function returns a mapping from the name of a vessel to a pair: its `Nameplate`, and a function of a seed and a
    `Filling` that returns a filled `BenchPlant`. `advance` is called once for each second.
    """

    def advance(self, t_s: float, outputs: Outputs) -> None:
        """Move to `t_s` with these outputs held, every word of `OUTPUTS` present and inside its span."""
        ...

    def read(self, word: str) -> float:
        """The probe of that word now, with its lag, noise and resolution."""
        ...

    def controlled(self) -> Controlled:
        """The truth now."""
        ...

    def disturb(self, what: str, value: float) -> None:
        """One of `DISTURBANCES`, from now on."""
        ...


DISTURBANCES = MappingProxyType(
    {
        "feed": "a bolus of medium at room temperature, share of the working volume",
        "lactate": "a bolus of lactic acid, mM",
        "transfer": "kLa from now on, share of what it was (antifoam); 1 restores it",
        "door": "the door is open by this share: colder room and a draught; 0 closes it",
    }
)


@dataclass(frozen=True, slots=True)
class Filling:
    """What the vessel holds at the start; `cells` is the share of the density its maker fills it with."""

    temperature_c: float
    ph: float
    do_percent: float
    cells: float = 1.0


PlantMaker = Callable[[int, Filling], BenchPlant]


class Controller(Protocol):
    """A controller of all three loops, called once a second.

    `cycles` names the outputs it proportions in time and the length of the cycle, s: their reversals are counted on the
    mean of a cycle, since switching is how such an output is made.
    """

    @property
    def cycles(self) -> Mapping[str, float]:
        """Cycle length of each output proportioned in time, s."""
        ...

    def step(self, t_s: float, readings: Readings) -> Outputs:
        """Outputs for the coming second; a word left out keeps the vessel's reference (gas, stirrer) or 0."""
        ...

    def setpoint(self, quantity: str, value: float) -> None:
        """A new set point from the next step on."""
        ...

    def restart(self, outage_s: float) -> None:
        """Power came back after `outage_s` without any step."""
        ...


ControllerMaker = Callable[[Nameplate, int], Controller]
