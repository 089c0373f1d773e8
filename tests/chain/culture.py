"""A simulated culture whose probes feed the core's soft sensors, beside the truth of the plant; neither side knows the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgectl.config.compile import compile_folder
from edgectl.core.initial import initial_state
from edgectl.core.scan import scan
from edgectl.model.codec import seal
from edgectl.model.event import Event
from edgectl.model.image import Image
from edgectl.model.instant import Instant
from edgectl.model.journal import ScanEntry
from edgectl.model.measurement import Measurement, Sample
from edgectl.model.plan import Plan
from edgectl.model.quality import DeviceStatus
from edgectl.model.safety import LadderPlan
from edgectl.model.state import State
from hil.plant.catalog import VESSELS
from hil.plant.plant import Plant
from hil.plant.state import Truth
from hil.plant.vessel import Vessel

ROOT = Path(__file__).parents[2]
STEP_S = 10
NS = 1_000_000_000


def demo_plan(*overrides: str) -> Plan:
    """Tags and soft sensors of configs/demo, with nothing that acts."""
    plan = compile_folder(ROOT / "configs" / "demo", overrides).plan
    assert plan is not None
    plan = replace(
        plan, period_s=float(STEP_S), ladder=LadderPlan(), loops=(), interlocks=(), hazards=(), alarms=(), checks=(), doses=(), actuators=(), health=(),
    )  # fmt: skip
    return seal(plan)


def scattered(seed: int, *, spread: float = 0.15) -> Vessel:
    """The demo vessel as another one of its kind would be: kLa, medium, cells and noise by chance."""
    dice = random.Random(seed)
    vessel = VESSELS["demo_2l"]

    def about(value: float, share: float) -> float:
        return value * dice.uniform(1.0 - share, 1.0 + share)

    transfer, cells, probes = vessel.transfer, vessel.kinetics, vessel.probes
    return replace(
        vessel,
        transfer=replace(
            transfer,
            bubble_gain=about(transfer.bubble_gain, spread),
            surface_per_h=about(transfer.surface_per_h, spread),
            oxygen_medium_factor=about(transfer.oxygen_medium_factor, 0.02),
            line_dead_ml=about(transfer.line_dead_ml, 0.5),
        ),
        kinetics=replace(
            cells,
            growth_max_per_h=about(cells.growth_max_per_h, 0.3),
            oxygen_growing_fmol_cell_h=about(cells.oxygen_growing_fmol_cell_h, 0.3),
            glucose_per_cell_pmol=about(cells.glucose_per_cell_pmol, 0.3),
        ),
        probes=replace(
            probes,
            do=replace(probes.do, noise=about(probes.do.noise, 0.5), lag_s=about(probes.do.lag_s, 0.3)),
            density=replace(probes.density, noise_of_value=about(probes.density.noise_of_value, 0.5)),
        ),
        start=replace(vessel.start, temperature_c=37.0, viable_per_ml=about(1.5e6, 0.5), do_percent=50.0),
    )


_PROBES = {
    "TT-101": "temperature",
    "AT-101": "ph",
    "AT-102": "do",
    "WT-101": "weight",
    "AT-103": "density",
    "PT-101": "pressure",
    "ST-101": "stirrer",
}


@dataclass
class Culture:
    """Plant and core on one clock, ten seconds a step. A plain integral controller holds oxygen with O2 and pH with CO2 and base."""

    plan: Plan
    vessel: Vessel
    seed: int
    oxygen_percent: float = 40.0
    air: float = 100.0
    rpm: float = 150.0
    closed: bool = False  # the gas supply

    def __post_init__(self) -> None:
        self.plant = Plant(self.vessel, self.seed)
        self.plant.inputs.heater_enabled = True
        self.plant.inputs.jacket_setpoint_c = 37.3
        self.state: State = initial_state(self.plan)
        self.t_s = 0
        self.o2 = 10.0
        self.events: list[Event] = []
        self.channels = {tag.name: tag.channel for tag in self.plan.tags}
        self.spoil: Callable[[str, float], float | None] = lambda _, value: value
        self.measured: dict[str, Measurement] = {}
        self.keep: Callable[[ScanEntry], object] = lambda _: None
        self.now = Instant(0, 0)

    def run(self, hours: float) -> Iterator[tuple[Truth, dict[str, Measurement]]]:
        """Every minute: what is so, and what the core makes of it."""
        for step in range(round(hours * 3600 / STEP_S)):
            self._step()
            if step % 6 == 0:
                yield self.plant.truth(), self.measured

    def go(self, hours: float) -> None:
        for _ in self.run(hours):
            pass

    def _step(self) -> None:
        plant, inputs = self.plant, self.plant.inputs
        values = {tag: plant.sensor(name).read(plant.time_s) for tag, name in _PROBES.items()}
        flows = (inputs.air_ml_min, inputs.co2_ml_min, inputs.o2_ml_min, inputs.base_ml_min)
        values |= dict(zip(("FT-101", "FT-102", "FT-103", "FT-104"), flows, strict=True))
        now = Instant(self.t_s * NS, self.t_s * NS)
        seen = {tag: self.spoil(tag, value) for tag, value in values.items()}
        samples = {
            self.channels[tag]: Sample(self.channels[tag], value, DeviceStatus.GOOD, "", now)
            for tag, value in seen.items()
        }
        image = Image(samples, {})
        result = scan(self.plan, self.state, image, (), now, float(STEP_S))
        self.state, self.now = result.state, now
        self.keep(
            ScanEntry(
                result.state.scan, now, float(STEP_S), tuple(samples.values()), (), (), result.measurements,
                result.commands, result.events, result.replies, image, result.state,
            )
        )  # fmt: skip
        self.events += result.events
        self.measured = {m.tag: m for m in result.measurements}
        oxygen = seen["AT-102"]
        error = 0.0 if oxygen is None else self.oxygen_percent - oxygen
        self.o2 = min(max(self.o2 + 0.01 * error, -30.0), 200.0)
        inputs.air_ml_min, inputs.stir_rpm = self.air, self.rpm
        inputs.o2_ml_min = min(max(self.o2 + 2.0 * error, 0.0), 200.0)
        if self.closed:
            inputs.air_ml_min = inputs.o2_ml_min = 0.0
        acid = values["AT-101"] - 7.2
        inputs.co2_ml_min = min(max(400.0 * (acid - 0.02), 0.0), 40.0)
        inputs.co2_ml_min *= not self.closed
        inputs.base_ml_min = min(max(-20.0 * (acid + 0.02), 0.0), 2.0)
        self.t_s += STEP_S
        plant.advance(self.t_s)
