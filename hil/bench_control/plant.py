"""A bench vessel behind the bench's plant seam."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hil.bench_control.seam import Controlled, Filling, Nameplate, Outputs, PlantMaker
from hil.bench_control.vessels import VESSELS, BenchVessel, nameplate, scattered
from hil.plant import Plant, Surroundings

OPEN_DOOR_K = -8.0
OPEN_DOOR_DRAUGHT = 2.5


class VesselPlant:
    """A vessel of `hil.plant`, driven by words."""

    __slots__ = ("_gain", "_plant", "_sensors", "_surroundings", "_t_s", "_volume_l")

    def __init__(self, bench: BenchVessel, seed: int, filling: Filling) -> None:
        vessel = bench.vessel
        start = replace(
            vessel.start,
            temperature_c=filling.temperature_c,
            ph=filling.ph,
            do_percent=filling.do_percent,
            viable_per_ml=vessel.start.viable_per_ml * filling.cells,
        )
        self._plant = plant = Plant(replace(vessel, start=start), seed)
        words = ("temperature", "jacket", "ph", "do", "weight", "density", "stirrer")
        self._sensors = {word: plant.sensor(word) for word in words}
        self._surroundings = Surroundings()
        self._gain = bench.pump_gain
        self._volume_l = vessel.start.volume_l
        self._t_s = 0.0

    def advance(self, t_s: float, outputs: Outputs) -> None:
        """Move to `t_s` with these outputs held."""
        inputs = self._plant.inputs
        inputs.heater = outputs["heater"]
        inputs.cooler = outputs["cooler"]
        inputs.air_ml_min = outputs["air"]
        inputs.co2_ml_min = outputs["co2"]
        inputs.o2_ml_min = outputs["o2"]
        inputs.n2_ml_min = outputs["n2"]
        inputs.base_ml_min = outputs["base"] * self._gain
        inputs.feed_ml_min = outputs["feed"]
        inputs.harvest_ml_min = outputs["harvest"]
        inputs.stir_rpm = outputs["stirrer"]
        self._plant.advance(t_s)
        self._t_s = t_s

    def read(self, word: str) -> float:
        """The probe of that word now."""
        return self._sensors[word].read(self._t_s)

    def controlled(self) -> Controlled:
        """The truth now."""
        return Controlled(*self._plant.controlled())

    def disturb(self, what: str, value: float) -> None:
        """One of `seam.DISTURBANCES`; ValueError for another."""
        if what == "feed":
            self._plant.pour(feed_ml=1e3 * value * self._volume_l)
        elif what == "lactate":
            self._plant.pour(lactate_mmol=value * self._volume_l)
        elif what == "transfer":
            self._surroundings.transfer_share = value
            self._plant.surround(self._surroundings)
        elif what == "door":
            self._surroundings.environment_k = OPEN_DOOR_K * value
            self._surroundings.draught = 1.0 + (OPEN_DOOR_DRAUGHT - 1.0) * value
            self._plant.surround(self._surroundings)
        else:
            raise ValueError(f"no disturbance {what!r}")


def plants() -> Mapping[str, tuple[Nameplate, PlantMaker]]:
    """The bench's own vessels: a seed scatters the vessel and its noise, seed 0 leaves it as its nameplate says."""
    return {name: (nameplate(bench), _maker(bench)) for name, bench in VESSELS.items()}


def _maker(bench: BenchVessel) -> PlantMaker:
    def make(seed: int, filling: Filling) -> VesselPlant:
        return VesselPlant(scattered(bench, seed) if seed else bench, seed, filling)

    return make
