"""From an instrument's table in a rig file to its emulator."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from hil.instrument import atlas_ezo, hamilton_model
from hil.instrument.alicat_mfc import AlicatMfc
from hil.instrument.alicat_modbus import AlicatModbus
from hil.instrument.atlas_ezo import AtlasEzo
from hil.instrument.bronkhorst import Bronkhorst
from hil.instrument.eurotherm_3200 import Eurotherm3200
from hil.instrument.hamilton_arc import HamiltonArc
from hil.instrument.huber import Huber
from hil.instrument.ika_stirrer import IkaStirrer
from hil.instrument.ismatec_reglo_icc import IsmatecRegloIcc
from hil.instrument.julabo import Julabo
from hil.instrument.mettler_sics import MettlerSics
from hil.instrument.modbus_map import ModbusMap, Point
from hil.instrument.watson_marlow import WatsonMarlow
from hil.instrument.waveshare import WaveshareAnalogOutput8, WaveshareRelay8

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from hil.station import Instrument
    from hil.world import World

HAMILTON = {
    "hamilton-ph-arc": hamilton_model.PH_ARC,
    "hamilton-do-arc": hamilton_model.DO_ARC,
    "hamilton-incyte-arc": hamilton_model.INCYTE_ARC,
}
ATLAS = {"atlas-ezo-ph": atlas_ezo.PH, "atlas-ezo-do": atlas_ezo.DO, "atlas-ezo-rtd": atlas_ezo.RTD}


class Spec:
    """One instrument's table, read key by key so that a leftover key can be named."""

    def __init__(self, name: str, table: dict[str, Any], world: World, dice: Random) -> None:
        self.name = name
        self.dice = dice
        self._table = table
        self.address = table.pop("address")
        self.serial = str(table.pop("serial", f"{hash_of(name):06d}"))
        self.sources = {channel: world.source(sensor) for channel, sensor in table.pop("sources", {}).items()}
        self.sinks = {channel: world.sink(sink) for channel, sink in table.pop("sinks", {}).items()}

    def take(self, key: str, default: Any = None) -> Any:
        """A key of the table; without a default it must be there."""
        if default is None and key not in self._table:
            raise ValueError(f"{self.name}: {key} is missing")
        return self._table.pop(key, default)

    def finish(self) -> None:
        """Refuse keys nobody asked for."""
        if self._table:
            raise ValueError(f"{self.name}: unknown keys {', '.join(self._table)}")


def hash_of(name: str) -> int:
    """A stable small number for a name, to make serial numbers that differ."""
    return zlib.crc32(name.encode()) % 1_000_000


def build_instrument(name: str, table: dict[str, Any], world: World, dice: Random) -> Instrument:
    """The emulator a table describes; ValueError names an unknown kind or key."""
    kind = table.pop("kind")
    if kind not in BUILDERS:
        raise ValueError(f"{name}: no instrument kind {kind!r}; there are {', '.join(sorted(BUILDERS))}")
    spec = Spec(name, table, world, dice)
    instrument = BUILDERS[kind](spec)
    spec.finish()
    return instrument


def _hamilton(model: hamilton_model.Model) -> Callable[[Spec], Instrument]:
    return lambda spec: HamiltonArc(model, spec.address, spec.sources, spec.serial)


def _atlas(model: atlas_ezo.Model) -> Callable[[Spec], Instrument]:
    return lambda spec: AtlasEzo(model, spec.sources, old_prefixes=spec.take("old_prefixes", default=False))


def _alicat(spec: Spec) -> Instrument:
    return AlicatMfc(
        spec.address,
        spec.sinks,
        full_scale=float(spec.take("full_scale")),
        gas=spec.take("gas"),
        dice=spec.dice,
        serial=spec.serial,
        firmware=spec.take("firmware", "10v20.0-R24"),
    )


def _alicat_modbus(spec: Spec) -> Instrument:
    return AlicatModbus(
        spec.address,
        spec.sinks,
        full_scale=float(spec.take("full_scale")),
        gas=spec.take("gas"),
        newer=spec.take("newer", default=False),
    )


def _bronkhorst(spec: Spec) -> Instrument:
    return Bronkhorst(
        spec.address,
        spec.sinks,
        full_scale=float(spec.take("full_scale")),
        serial=spec.serial,
        fluid=spec.take("fluid", "AIR"),
        unit=spec.take("unit", "mln/min"),
    )


def _ismatec(spec: Spec) -> Instrument:
    return IsmatecRegloIcc(
        spec.sinks,
        channels=spec.take("channels", 2),
        max_ml_min=float(spec.take("max_ml_min")),
        serial=spec.serial,
        flow_reply=spec.take("flow_reply", "data"),
    )


def _mettler(spec: Spec) -> Instrument:
    return MettlerSics(
        spec.sources,
        serial=spec.serial,
        capacity_kg=float(spec.take("capacity_kg")),
        unit=spec.take("unit", "g"),
        division=float(spec.take("division", 0.1)),
    )


def _watson(spec: Spec) -> Instrument:
    return WatsonMarlow(
        spec.address,
        spec.sinks,
        model=spec.take("model", "520Du"),
        ml_per_rev=float(spec.take("ml_per_rev")),
        echo=spec.take("echo", default=True),
    )


def _eurotherm(spec: Spec) -> Instrument:
    return Eurotherm3200(
        spec.address, spec.sources, spec.sinks, sp1=float(spec.take("sp1")), decimals=spec.take("decimals", 1)
    )


def _analog_output(spec: Spec) -> Instrument:
    spans = {channel: (float(low), float(high)) for channel, (low, high) in spec.take("spans").items()}
    return WaveshareAnalogOutput8(spec.address, spec.sinks, spans)


def _modbus_map(spec: Spec) -> Instrument:
    points = [Point(**point) for point in spec.take("points")]
    turnaround_s = float(spec.take("turnaround_s", 0.002))
    return ModbusMap(spec.address, points, spec.sources, spec.sinks, turnaround_s)


BUILDERS: Mapping[str, Callable[[Spec], Instrument]] = {
    **{kind: _hamilton(model) for kind, model in HAMILTON.items()},
    **{kind: _atlas(model) for kind, model in ATLAS.items()},
    "alicat-mfc": _alicat,
    "ismatec-reglo-icc": _ismatec,
    "eurotherm-3200": _eurotherm,
    "waveshare-relay8": lambda spec: WaveshareRelay8(spec.address, spec.sinks),
    "waveshare-analog-output8": _analog_output,
    "modbus-map": _modbus_map,
    "mettler-sics": _mettler,
    "watson-marlow": _watson,
    "alicat-modbus": _alicat_modbus,
    "bronkhorst": _bronkhorst,
    "huber": lambda spec: Huber(spec.sources, spec.sinks, serial=spec.serial),
    "julabo": lambda spec: Julabo(spec.sources, spec.sinks),
    "ika-stirrer": lambda spec: IkaStirrer(spec.sinks, name=spec.take("name", "Microstar C")),
}
