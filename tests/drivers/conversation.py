"""Runs a driver through a transcript: the real line code over a scripted link, on virtual time."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import edgectl.drivers
from edgectl.clock import virtual_run
from edgectl.model.codec import from_plain
from edgectl.model.fault import InstrumentFault
from edgectl.model.instrument import Driver, Identity, Wire
from edgectl.model.measurement import Reading
from edgectl.model.plan import LinePlan, Medium, Parity, Protocol
from edgectl.wire.line import open_line
from tests.drivers.transcript import Exchange, ScriptedLink, Section, Transcript, load

FRAMES = Path(__file__).parent / "frames"
TIMEOUT_S = 0.5

Outcome = Identity | tuple[Reading, ...] | float | InstrumentFault | None


def driver_names() -> tuple[str, ...]:
    """Every file in the drivers package, wherever its path leads."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(edgectl.drivers.__path__)))


def transcripts(folder: Path = FRAMES) -> tuple[Transcript, ...]:
    """Every frames file."""
    return tuple(load(path) for path in sorted(folder.glob("*.txt")))


def module_of(transcript: Transcript) -> Any:
    """The driver a frames file is named after."""
    return importlib.import_module(f"edgectl.drivers.{transcript.name}")


def options_of(transcript: Transcript) -> Any:
    """Its options as control builds them."""
    return _options(transcript.name, transcript.head.get("options", "{}"))


@cache
def _options(driver: str, text: str) -> Any:
    return from_plain(importlib.import_module(f"edgectl.drivers.{driver}").Options, json.loads(text))


def line_plan(transcript: Transcript) -> LinePlan:
    """The line the frames file names."""
    words = transcript.head["wire"].split()
    baud, shape = (int(words[1]), words[2]) if len(words) > 1 else (9600, "8N1")
    return LinePlan(
        name="bench",
        medium=Medium.SERIAL,
        protocol=Protocol(words[0]),
        port="memory",
        baud=baud,
        data_bits=int(shape[0]),
        parity={"N": Parity.NONE, "E": Parity.EVEN, "O": Parity.ODD}[shape[1]],
        stop_bits=int(shape[2]),
        timeout_s=TIMEOUT_S,
    )


@dataclass
class Bench:
    """A driver at its end of a line."""

    driver: Driver
    link: ScriptedLink

    async def perform(self, section: Section) -> Outcome:
        """Do what the section says; a fault is an outcome."""
        try:
            match section.verb:
                case "identify":
                    return await self.driver.identify()
                case "prepare":
                    await self.driver.prepare()
                    return None
                case "read":
                    return await self.driver.read(section.arguments[0])
                case _:
                    return await self.driver.write(section.arguments[0], float(section.arguments[1]))
        except InstrumentFault as fault:
            return fault


async def open_bench(transcript: Transcript, *, lenient: bool = False) -> Bench:
    """A line with nothing said yet."""
    link = ScriptedLink([], lenient=lenient)
    line = open_line(line_plan(transcript), link)
    await line.open()
    module, address = module_of(transcript), transcript.head["address"]
    port = line.modbus(address) if module.WIRE is Wire.MODBUS else line.ascii(address)
    return Bench(module.Driver(port, address, options_of(transcript)), link)


async def prepared_bench(transcript: Transcript, *, lenient: bool = False) -> Bench:
    """A line on which the driver has prepared its instrument."""
    bench = await open_bench(transcript, lenient=lenient)
    bench.link.expected = list(transcript.preparation)
    await bench.driver.prepare()
    assert not bench.link.expected, "the driver prepared without all of its frames"
    bench.link.sent = b""
    return bench


def play(
    transcript: Transcript, section: Section, exchanges: Sequence[Exchange], *, lenient: bool = False
) -> tuple[Outcome, ScriptedLink]:
    """What comes out of a section when these are the exchanges on the wire."""

    async def main() -> tuple[Outcome, ScriptedLink]:
        make = prepared_bench if section.verb in ("read", "write") else open_bench
        bench = await make(transcript, lenient=lenient)
        bench.link.expected = list(exchanges)
        return await bench.perform(section), bench.link

    outcome: tuple[Outcome, ScriptedLink] = virtual_run(main())
    return outcome
