"""edgectl itself on the bench: its scan, in process, behind the bench's controller seam.

The seat is loaded by name when a run needs it; nothing of edgectl is imported, so that neither side can lean on the other.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from hil.bench_control.seam import SAMPLED_S, Nameplate, Outputs, Readings

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "bench"
LOOPS = {"temperature": "TIC-101", "ph": "AIC-101", "do": "AIC-102"}
ACTUATORS = {"air": "FV-101", "co2": "FV-102", "o2": "FV-103", "n2": "FV-104", "base": "P-101"}
BASE_CYCLE_S = 150.0
WATER_J_PER_L_K = 4180.0
COOLING_K = 27.0  # between a culture and the cold supply
NO_COOLER_W = 1.0  # the folder has a cooler in every vessel; this one does nothing, and the loop knows it
_PREFIX = "rig."


class NoSeat(Exception):
    """This installation has no seat for edgectl, or its configuration does not compile."""


class Refused(Exception):
    """edgectl did not take a set point of the script, so nothing it does can be compared."""


class Answer(Protocol):
    """A reply to a request."""

    @property
    def accepted(self) -> bool:
        """Whether it was done."""
        ...

    @property
    def reason(self) -> str:
        """Why not."""
        ...


class Seat(Protocol):
    """What `edgectl.app.seat.Seat` offers."""

    @property
    def replies(self) -> Sequence[Answer]:
        """The answers to the requests of the latest scan."""
        ...

    def step(self, t_s: float, readings: Mapping[str, float | None]) -> Mapping[str, float]:
        """One scan."""
        ...

    def request(self, ask: str, target: str, value: float | str) -> None:
        """A request, taken with the next step."""
        ...

    def restart(self, outage_s: float) -> None:
        """Power lost and back."""
        ...


class Seated:
    """edgectl as a bench controller."""

    __slots__ = ("_seat", "cycles")

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self.cycles: Mapping[str, float] = MappingProxyType({"base": BASE_CYCLE_S})

    def step(self, t_s: float, readings: Readings) -> Outputs:
        """One scan.

        Raises:
            Refused: a request was.
        """
        outputs = self.scan(t_s, readings)
        for reply in self._seat.replies:
            if not reply.accepted:
                raise Refused(reply.reason)
        return outputs

    def scan(self, t_s: float, readings: Readings) -> Outputs:
        """One scan of edgectl on what was read this second: a value is handed over once, so that its age is known."""
        fresh = {
            _PREFIX + word: value
            for word, value in readings.items()
            if value is None or t_s % SAMPLED_S.get(word, 1) == 0.0
        }
        outputs = self._seat.step(t_s + 1.0, fresh)
        return {channel.removeprefix(_PREFIX): value for channel, value in outputs.items()}

    def setpoint(self, quantity: str, value: float) -> None:
        """Ask as an operator would."""
        self._seat.request("setpoint", LOOPS[quantity], value)

    def restart(self, outage_s: float) -> None:
        """Power lost and back."""
        self._seat.restart(outage_s)


def build(plate: Nameplate, tuning: Sequence[str] = ()) -> Seated:
    """Edgectl on the one bench folder, told the vessel's nameplate, and what tuning found.

    Raises:
        NoSeat: there is none, or it cannot do what is asked.
    """
    if not FOLDER.exists():
        raise NoSeat(f"there is no {FOLDER.name} configuration")
    try:
        module = importlib.import_module("edgectl.app.seat")
    except ImportError as error:
        raise NoSeat(f"this installation has no seat ({error})") from None
    try:
        return Seated(cast("Seat", module.Seat(FOLDER, (*overrides(plate), *tuning))))
    except module.SeatError as error:
        raise NoSeat(str(error)) from None


def overrides(plate: Nameplate) -> Iterator[str]:
    """The nameplate and the spans of the actuators, as `path=value` for the bench folder: all it may know of a vessel."""
    span, lag = plate.span, plate.probe_lag_s
    yield f"vessel.kind={plate.kind}"
    yield f"vessel.volume={plate.volume_l:.6g} L"
    yield f"vessel.total={plate.total_l:.6g} L"
    yield f"vessel.heat_transfer={plate.heat_transfer_w_per_k:.6g} W/K"
    yield f"vessel.heat_loss={plate.room_w_per_k:.6g} W/K"
    yield f"vessel.heater={plate.heater_w:.6g} W"
    yield f"vessel.cooler={max(plate.cooler_w_per_k * COOLING_K, NO_COOLER_W):.6g} W"
    yield f"vessel.jacket={plate.jacket_j_per_k / WATER_J_PER_L_K:.6g} L"
    yield f"vessel.transfer={plate.kla_per_h:.4g} /h"
    yield f"vessel.agitation={plate.stirrer:.6g} rpm"
    yield f"vessel.gas_flow={plate.gas_ml_min:.6g} mL/min"
    yield f"loops.AIC-102.total={min(1.5 * plate.gas_ml_min, span['air'], span['o2'], span['n2']):.6g} mL/min"
    yield f"vessel.base={plate.base_molar:.6g} mol/L"
    yield f"vessel.mixing={plate.mixing_s:.6g} s"
    yield from (f"vessel.probes.{name}={lag[name]:.6g} s" for name in ("temperature", "ph", "do"))
    for word, actuator in ACTUATORS.items():
        yield f"actuators.{actuator}.range=0..{span[word]:.6g} mL/min"
    yield f"actuators.P-101.pulse.flow={0.5 * span['base']:.6g} mL/min"
    yield f"actuators.P-101.pulse.continuous={0.1 * span['base']:.6g} mL/min"
    yield f"actuators.SC-101.range=0..{span['stirrer']:.6g} rpm"
    yield f"actuators.SC-101.safe={0.5 * plate.stirrer:.6g} rpm"
    yield f"actuators.SC-101.normal={plate.stirrer:.6g} rpm"
