"""A driver on the line of an emulated instrument: the real line code, the emulator's own codec, virtual time."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from edgectl.app.rehearsal_link import RehearsalLink
from edgectl.clock import virtual_run
from edgectl.model.codec import from_plain
from edgectl.model.fault import InstrumentFault
from edgectl.model.instrument import Driver, Wire
from edgectl.model.measurement import Reading
from edgectl.model.plan import LinePlan, Medium, Protocol
from edgectl.wire.line import open_line
from hil.rig import Rig
from hil.still import StillPlant

Result = TypeVar("Result")


@dataclass
class Place:
    """An instrument of the rig, and how a plan would name it."""

    driver: str
    line: str
    address: str
    options: dict[str, Any]
    station: str


MODBUS = Protocol.MODBUS_RTU
PLACES = {
    "alicat_modbus": Place("alicat_modbus", "gas", "1", {"full_scale": 500.0, "gas": "Air"}, "gas/1"),
    "alicat_modbus_2": Place("alicat_modbus", "gas", "2", {"full_scale": 100.0}, "gas/2"),
    "bronkhorst_propar": Place(
        "bronkhorst_propar", "propar", "128", {"full_scale": 200.0, "fluid": "N2"}, "propar/128"
    ),
    "huber_pb": Place(
        "huber_pb",
        "thermostat",
        "",
        {"low_c": 5.0, "high_c": 45.0, "safe_c": 25.0, "process": True},
        "thermostat/1",
    ),
    "ika_stirrer": Place("ika_stirrer", "stirrer", "", {"high_rpm": 400.0, "safe_rpm": 60.0}, "stirrer/1"),
    "julabo": Place(
        "julabo", "bath", "", {"low_c": 5.0, "high_c": 45.0, "safe_c": 25.0, "external": True}, "bath/1"
    ),
    "mettler_sics": Place("mettler_sics", "scale", "", {"capacity": 6.0}, "scale/1"),
    "watson_marlow": Place("watson_marlow", "pump", "1", {"ml_per_rev": 0.5, "rpm_high": 100.0}, "pump/1"),
    "watson_marlow_323": Place(
        "watson_marlow",
        "small-pump",
        "1",
        {"ml_per_rev": 0.1, "rpm_high": 400.0, "rpm_low": 3.0, "series": "323"},
        "small-pump/1",
    ),
}


class Emulated:
    """A driver and the emulator it talks to."""

    def __init__(self, place: Place) -> None:
        self.plant = StillPlant()
        self.rig = Rig.load("laboratory", plant=self.plant)
        self.module: Any = importlib.import_module(f"edgectl.drivers.{place.driver}")
        self.instrument: Any = self.rig.instrument(place.station)
        self.place = place
        modbus = self.module.WIRE is Wire.MODBUS
        plan = LinePlan(place.line, Medium.SERIAL, MODBUS if modbus else Protocol.ASCII, port="rehearsal")
        self.line = open_line(plan, RehearsalLink(self.rig.line(place.line)))
        port = self.line.modbus(place.address) if modbus else self.line.ascii(place.address)
        self.options = from_plain(self.module.Options, place.options)
        self.driver: Driver = self.module.Driver(port, place.address, self.options)

    async def read(self) -> dict[str, Reading]:
        """All poll groups."""
        polls = [await self.driver.read(poll.name) for poll in self.module.polls(self.options)]
        return {reading.channel: reading for readings in polls for reading in readings}

    async def value(self, channel: str) -> float | None:
        """What one channel says."""
        return (await self.read())[channel].value

    async def attempt(self, doing: Awaitable[Result]) -> Result | InstrumentFault:
        """A fault is an outcome."""
        try:
            return await doing
        except InstrumentFault as fault:
            return fault


def with_driver(
    name: str, story: Callable[[Emulated], Awaitable[Result]], *, prepared: bool = True
) -> Result:
    """Run a story about one driver and its emulator on virtual time."""

    async def main() -> Result:
        emulated = Emulated(PLACES[name])
        await emulated.line.open()
        if prepared:
            await emulated.driver.identify()
            await emulated.driver.prepare()
        return await story(emulated)

    return cast("Result", virtual_run(main()))
