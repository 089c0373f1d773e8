"""Mettler Toledo scales and weighing terminals, MT-SICS level 0, on a line of their own. It is only read: nothing here can zero or tare a vessel that is full."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from edgectl.model.fault import BadReply, InstrumentFault, Misconfigured, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import ALONE, Probe, Variant
from edgectl.model.quality import DeviceStatus
from edgectl.wire.port import AsciiPort
from edgectl.wire.text_line import END, number, one_line, quoted

MANUAL = "Mettler Toledo, MT-SICS Reference Manual for Excellence Balances, 11780711"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None

PAUSE_S = 0.05
"""A public driver leaves so much between two commands; the manual asks for none."""
STRANGERS = 5
"""Lines of the print key, or of a repetition that somebody left on, that may stand before a reply."""

GRAMS = {"mg": 1e-3, "g": 1.0, "kg": 1e3, "t": 1e6}
WEIGHT = ("weight", "stable")
ERRORS = {"ES": "does not know this command", "EL": "cannot do this", "ET": "heard it broken"}
NO_WEIGHT = {
    "I": (DeviceStatus.FUNCTION_CHECK, "scale is busy: taring, zeroing or adjusting"),
    "+": (DeviceStatus.FAILURE, "overload"),
    "-": (DeviceStatus.FAILURE, "underload: pan missing or lifted"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """``capacity``: the greatest weight, in ``unit``, kg or g. The scale may show another unit of mass; what it says is converted."""

    capacity: float
    unit: str = "kg"

    def __post_init__(self) -> None:
        if not 0 < self.capacity < float("inf"):
            raise ValueError(f"capacity: {self.capacity:g} must be above 0 {self.unit}")
        if self.unit not in ("kg", "g"):
            raise ValueError(f"unit: {self.unit!r} must be kg or g")


def channels(options: Options) -> tuple[Channel, ...]:
    """The net weight, which is negative where less stands on the scale than it was tared with."""
    unit, most = options.unit, options.capacity
    return (
        Channel("weight", unit, -most, most, description="net weight"),
        Channel(
            "stable", "", 0.0, 1.0, discrete=True, description="1 while the scale calls the weight stable"
        ),
    )


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every scale
    """One line tells both."""
    return (Poll("weight", WEIGHT),)


def decode_weight(line: str, options: Options) -> tuple[Reading, ...]:
    """The reply to ``SI``: ``S S`` stable, ``S D`` moving, which a stirred vessel always is. Some firmware repeats ``SI`` instead of ``S``.

    Raises:
        BadReply: not such a reply.
    """
    match line.split():
        case [_, status] if status in NO_WEIGHT:
            rank, text = NO_WEIGHT[status]
            return tuple(Reading(channel, None, rank, text) for channel in WEIGHT)
        case [_, ("S" | "D") as status, value, unit]:
            return _weight(number(value), unit, options), Reading("stable", float(status == "S"))
    raise BadReply(f"{line!r} is no weight")


def _weight(value: float, unit: str, options: Options) -> Reading:
    if unit not in GRAMS:
        return Reading(
            "weight",
            None,
            DeviceStatus.FAILURE,
            f"scale shows {unit}, which is no unit of mass: select {options.unit}",
        )
    weight = value * (GRAMS[unit] / GRAMS[options.unit])
    if abs(weight) > options.capacity:
        text = f"{value:g} {unit} is more than the capacity of {options.capacity:g} {options.unit}"
        return Reading("weight", None, DeviceStatus.FAILURE, text)
    return Reading("weight", weight)


def _who(_: str) -> bytes:
    return b"I4\r\n"


PROBES = (
    Probe(
        (9600, 19200, 38400, 4800, 2400, 1200),
        "8N1",
        ALONE,
        (Variant(Options(capacity=1.0), re.compile(rb"I4 A |E[STL]\r\n")),),
        _who,
        wait_s=0.15,
    ),
)


class Driver:
    """One scale on its line."""

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:  # noqa: ARG002 - no bus
        self._port = port
        self._options = options

    async def identify(self) -> Identity:
        """Model with capacity, serial number and software."""
        try:
            model, serial, software = [await self._about(command) for command in ("I2", "I4", "I3")]
        except Refused as refusal:
            raise WrongInstrument(f"no MT-SICS scale: {refusal}") from refusal
        return Identity("Mettler Toledo", model, serial, software)

    async def _about(self, command: str) -> str:
        line = await self._ask(command, f"{command} ")
        await asyncio.sleep(PAUSE_S)
        if not line.startswith(f"{command} A "):
            raise Refused(f"scale answered {line}")
        return quoted(line.removeprefix(f"{command} A "))

    async def prepare(self) -> None:
        """A weight in a unit of mass must come. ``SI`` also ends a repetition (``SIR``); ``@``, which would clear the tare, is never sent."""
        weight, _ = await self.read("weight")
        if weight.status is DeviceStatus.FAILURE and "unit of mass" in weight.detail:
            raise Misconfigured(weight.detail)

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """The weight at once: a vessel with stirring and gas is never stable, and ``S`` would wait for it."""
        return decode_weight(await self._ask("SI", "S ", "SI "), self._options)

    async def write(self, channel: str, value: float) -> float:
        """Nothing can be set."""
        raise InstrumentFault(f"{channel}: a scale takes no value, {value!r} not sent")

    async def _ask(self, command: str, *heads: str) -> str:
        """The line that begins as the reply does. Others are passed over, but for refusals."""

        def replies(line: bytes) -> bool:
            text = line.decode("latin-1")
            return text.startswith(heads) or text.strip() in ERRORS

        def complete(raw: bytes) -> bool:
            *lines, rest = raw.split(END)
            return not rest and (len(lines) > STRANGERS or any(map(replies, lines)))

        raw = await self._port.exchange(f"{command}\r\n".encode("ascii"), complete)
        found = [line for line in raw.split(END) if replies(line)]
        if not found:
            raise BadReply(f"{raw!r} does not answer {command}")
        line = one_line(found[0] + END)
        if line == "ET":
            raise BadReply(f"scale did not understand {command} (ET): check baud rate, parity and wiring")
        if line in ERRORS:
            raise Refused(f"scale answered {line} to {command}: {ERRORS[line]}")
        return line
