"""The Hamilton Arc sensors that are emulated: what differs between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KELVIN, CELSIUS, PERCENT_SAT, MG_L, MBAR, PH, MV = 0x2, 0x4, 0x20, 0x80, 0x800000, 0x1000, 0x200000
SPECIAL = 0x80000000


@dataclass(frozen=True, slots=True)
class Model:
    """What differs between the sensors of the family. `units` maps a unit bit to its value from the channel's own."""

    channel: str
    description: str
    firmware: str
    part: str
    units: Mapping[int, Callable[[float], float]]
    default_unit: int
    low: float
    high: float
    calibration_default: tuple[float, float]


PH_ARC = Model(
    channel="ph",
    description="pH",
    firmware="EPHUM011",
    part="242091",
    units={PH: lambda ph: ph, MV: lambda ph: (7.0 - ph) * 61.5},
    default_unit=PH,
    low=0.0,
    high=14.0,
    calibration_default=(4.01, 7.00),
)
DO_ARC = Model(
    channel="do",
    description="DO",
    firmware="ODOUM102",
    part="243102",
    units={
        PERCENT_SAT: lambda percent: percent,
        MG_L: lambda percent: percent * 0.066,
        MBAR: lambda percent: percent * 1.99,
    },
    default_unit=PERCENT_SAT,
    low=0.0,
    high=300.0,
    calibration_default=(100.0, 0.0),
)

INCYTE_ARC = Model(  # of the Incyte no manual was at hand: what the family has in common, with cells/mL as its special unit
    channel="density",
    description="VCD",
    firmware="INCUM001",
    part="243800",
    units={SPECIAL: lambda millions: millions * 1e6},
    default_unit=SPECIAL,
    low=5e5,
    high=8e9,
    calibration_default=(0.0, 0.0),
)
