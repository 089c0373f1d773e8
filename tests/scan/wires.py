"""Lines of emulated instruments for ``edgectl scan``: any baud, framing and address, on virtual time and at the pace of the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edgectl.app.rehearsal_link import RehearsalLink
from edgectl.app.scan_find import Place
from edgectl.app.scan_line import LineScan
from edgectl.app.scan_step import steps
from edgectl.clock import virtual_run
from edgectl.model.plan import LinePlan, Parity
from hil.rig import Rig
from hil.still import StillPlant
from hil.uart import Uart, Wiring
from hil.world import World

_LETTER = {Parity.NONE: "N", Parity.EVEN: "E", Parity.ODD: "O"}

SCALE = {"sources": {"weight": "weight"}, "capacity_kg": 6.0}
TABLE: dict[str, dict[str, Any]] = {
    "hamilton-ph-arc": {"sources": {"ph": "ph", "temperature": "ph_temperature"}},
    "hamilton-do-arc": {"sources": {"do": "do", "temperature": "do_temperature"}},
    "atlas-ezo-ph": {"sources": {"ph": "ph", "temperature": "ph_temperature"}},
    "atlas-ezo-do": {"sources": {"do": "do"}},
    "atlas-ezo-rtd": {"sources": {"temperature": "temperature"}},
    "alicat-mfc": {"gas": "Air", "full_scale": 500, "sinks": {"flow": "air_ml_min"}},
    "alicat-modbus": {"gas": "CO2", "full_scale": 100, "sinks": {"flow": "co2_ml_min"}},
    "ismatec-reglo-icc": {"max_ml_min": 5.0, "sinks": {"1": "base_ml_min", "2": "feed_ml_min"}},
    "eurotherm-3200": {"sp1": 34.0, "sources": {"pv": "jacket"}, "sinks": {"setpoint": "jacket_setpoint_c"}},
    "waveshare-relay8": {"sinks": {"1": "heater_enabled"}},
    "waveshare-analog-output8": {"sinks": {"1": "stir_rpm"}, "spans": {"1": [0, 400]}},
    "modbus-map": {
        "sources": {"speed": "stirrer"},
        "points": [{"channel": "speed", "table": "input", "address": 2, "scale": 0.1}],
    },
    "mettler-sics": SCALE,
    "watson-marlow": {"ml_per_rev": 0.5, "sinks": {"flow": "feed_ml_min"}},
    "bronkhorst": {"full_scale": 200, "fluid": "N2", "sinks": {"flow": "n2_ml_min"}},
    "huber": {"sources": {"bath": "jacket"}, "sinks": {"setpoint": "jacket_setpoint_c"}},
    "julabo": {"sources": {"bath": "jacket"}, "sinks": {"setpoint": "jacket_setpoint_c"}},
    "ika-stirrer": {"sinks": {"speed": "stir_rpm"}},
}
"""Each kind of emulator, with what it measures and drives."""
DRIVER = {
    "hamilton-ph-arc": "hamilton_ph_arc",
    "hamilton-do-arc": "hamilton_visiferm_do",
    "atlas-ezo-ph": "atlas_ezo_ph",
    "atlas-ezo-do": "atlas_ezo_do",
    "atlas-ezo-rtd": "atlas_ezo_rtd",
    "alicat-mfc": "alicat_mfc",
    "alicat-modbus": "alicat_modbus",
    "ismatec-reglo-icc": "ismatec_reglo_icc",
    "eurotherm-3200": "eurotherm_3200",
    "waveshare-relay8": "waveshare_relay",
    "waveshare-analog-output8": "waveshare_analog_output",
    "modbus-map": "modbus_map",
    "mettler-sics": "mettler_sics",
    "watson-marlow": "watson_marlow",
    "bronkhorst": "bronkhorst_propar",
    "huber": "huber_pb",
    "julabo": "julabo",
    "ika-stirrer": "ika_stirrer",
}
MODBUS = ("hamilton-ph-arc", "hamilton-do-arc", "alicat-modbus", "eurotherm-3200", "waveshare-relay8",
          "waveshare-analog-output8", "modbus-map")  # fmt: skip


@dataclass
class Wires:
    """One pair of wires: instruments as (kind, address), all at one setting, and more buses at others with ``add``."""

    rig: Rig
    buses: list[tuple[Uart, Any]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    keep: bool = False

    @classmethod
    def of(cls, baud: int, framing: str, *instruments: tuple[str, str], **more: Any) -> Wires:
        specs = [
            {"kind": kind, "address": int(address) if address.isdigit() else address, **TABLE[kind], **more}
            for kind, address in instruments
        ]
        modbus = instruments[0][0] in MODBUS
        table = {"line": [{"name": "bus", "framing": "rtu" if modbus else "ascii", "instrument": specs}]}
        rig = Rig(table, "wires", 1, World(StillPlant()))
        uart = Uart.of(baud, framing)
        rig.line("bus").take_pace(baud, uart.bits, strict=True)
        return cls(rig, [(uart, rig.line("bus"))])

    def reach(self, plan: LinePlan) -> RehearsalLink:
        mine = Uart(plan.baud, plan.data_bits, _LETTER[plan.parity], plan.stop_bits)
        return RehearsalLink(Wiring(self.buses, mine, self.sent, keep=self.keep))

    def scan(self, *, thorough: bool = False) -> Place:
        place: Place = virtual_run(LineScan("/dev/emulated", self.reach).run(steps(), thorough=thorough))
        return place

    def writes(self) -> list[Any]:
        """All that any emulator has accepted as a write, by its own log."""
        return [w for name in self.rig.instruments for w in self.rig.instrument(name).log.writes]
