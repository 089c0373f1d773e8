"""A full RTU bus: ten instruments of two blocks of ten registers, each register with a value of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgectl.model.codec import seal
from edgectl.model.plan import InstrumentPlan, LinePlan, Medium, Plan, Protocol, TagPlan
from hil.rig import Rig
from hil.still import StillPlant

UNITS = range(1, 11)
BLOCKS = (0, 100)  # one function and one length, so that an answer taken for another's is a wrong value
LENGTH = 10
BITS = 11
_REQUEST_CHARS, _REPLY_CHARS = 8, 5 + 2 * LENGTH
_REGISTERS = tuple(block + offset for block in BLOCKS for offset in range(LENGTH))


def wire_s(baud: int) -> float:
    """What one request with its answer and both silences takes on the wire (Modbus over serial line V1.02, section 2.5.1.1)."""
    char_s = BITS / baud
    silence_s = 1.75e-3 if baud > 19200 else 3.5 * char_s
    return (_REQUEST_CHARS + _REPLY_CHARS) * char_s + 2 * silence_s


def efficiency(served: int, baud: int, elapsed_s: float) -> float:
    """The share of the elapsed time in which the wire was used as it must be: 1 is the wire's own limit."""
    return served * wire_s(baud) / elapsed_s


def truth() -> dict[str, float]:
    """The value of every register, by channel: no two alike."""
    return {f"i{unit}.r{register}": 1000.0 * unit + register for unit in UNITS for register in _REGISTERS}


def write_rig(path: Path, baud: int) -> Path:
    """The rig file; its instruments answer at once, so that all time is the wire's."""
    parts = [f'vessel = "demo_2l"\n[[line]]\nname = "bus"\nframing = "rtu"\nbaud = {baud}\nbits = {BITS}\n']
    points = ", ".join(
        f'{{ channel = "r{r}", table = "holding", address = {r}, type = "uint16" }}' for r in _REGISTERS
    )
    for unit in UNITS:
        parts.append(
            f'[[line.instrument]]\naddress = {unit}\nkind = "modbus-map"\nturnaround_s = 0.0\npoints = [{points}]\n'
        )
    path.write_text("".join(parts))
    return path


def still_rig(path: Path, baud: int, *, seed: int = 1) -> tuple[Rig, StillPlant]:
    """The same bus in memory, at the wire's pace, its registers fed by a plant in which nothing moves."""
    plant = StillPlant(readings={channel.replace(".", ""): value for channel, value in truth().items()})
    text = write_rig(path, baud).read_text()
    for unit in UNITS:
        sources = ", ".join(f'r{register} = "i{unit}r{register}"' for register in _REGISTERS)
        own = f"address = {unit}\nkind"
        text = text.replace(own, f"sources = {{ {sources} }}\n{own}", 1)
    path.write_text(text)
    return Rig.load(path, seed, paced=True, plant=plant), plant


def plan(baud: int, *, port: str = "", poll_s: float = 0.05, timeout_s: float = 0.3) -> Plan:
    """A unit that reads every block of the bus: one tag a block makes control ask for it, one a register makes it judge all."""
    points = [
        {"name": f"r{register}", "table": "holding", "address": register, "low": 0.0, "high": 65535.0}
        for register in _REGISTERS
    ]
    line = LinePlan(
        "bus",
        Medium.SERIAL,
        Protocol.MODBUS_RTU,
        port=port,
        baud=baud,
        stop_bits=2,
        timeout_s=timeout_s,
    )
    return seal(
        Plan(
            unit="BUS",
            description="",
            period_s=0.1,
            lines=(line,),
            instruments=tuple(
                InstrumentPlan(f"i{unit}", "modbus_map", "bus", str(unit), poll_s, {"points": points})
                for unit in UNITS
            ),
            tags=tuple(
                TagPlan(channel.replace(".", "_"), channel, "", 0.0, 65535.0, 5.0, 10.0)
                for channel in _tagged()
            ),
            actuators=(),
            interlocks=(),
            loops=(),
        )
    )


def _tagged() -> list[str]:
    return [f"i{unit}.r{block}" for unit in UNITS for block in BLOCKS]


def polls_of(seen: Mapping[str, int], unit: int) -> int:
    """How often a unit was read, from counts by channel."""
    return sum(seen.get(f"i{unit}.r{block}", 0) for block in BLOCKS)
