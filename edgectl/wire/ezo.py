"""Atlas Scientific EZO circuits over UART: lines, response codes, and one circuit on a serial port.

A reply is a sequence of lines ended by CR: a data line and ``*OK``, ``*OK`` alone, or ``*ER``. Lines nobody asked for may stand between any
two. One circuit a port: there is no address. (EZO data sheets, "UART mode": response codes, start-up, reading time.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgectl.model.fault import BadReply, NoReply, Refused, Restarted, WrongInstrument
from edgectl.model.instrument import Identity
from edgectl.model.measurement import Reading
from edgectl.model.quality import DeviceStatus
from edgectl.wire.port import AsciiPort
from edgectl.wire.status import Finding, worst

REPLY_S = 1.6
"""Longest wait for a reply: the slowest command takes 1.3 s (calibration), a reading 0.6 to 1.0 s."""
SETTLE_S = 0.5
IDENTIFY_S = 1.0

BAUDS = (9600, 38400, 115_200, 57600, 19200, 2400, 1200, 300)
"""Of the UART, the factory setting first."""
WHO_S = 0.4
"""Longest time to the first byte of an answer to ``i``."""
WHO_ANSWER = re.compile(rb"\?i,|\*(OK|ER|WA|RS|RE)", re.IGNORECASE)
"""A circuit that wakes or restarts answers with a code, and has lost the question."""

_ENDS = ("*OK", "*ER", "*RS", "*RE")
_RESTARTS = ("*RS", "*RE")
_NOTES = ("*WA", "*SL", "*DONE")
_SUPPLY = {
    "*OV": (DeviceStatus.OUT_OF_SPECIFICATION, "supply over-voltage"),
    "*UV": (DeviceStatus.OUT_OF_SPECIFICATION, "supply under-voltage"),
}
_NO_VALUE = {
    "no output": "every output is switched off",
    "check probe": "the circuit asks to check the probe",
}
_NUMBER = re.compile(r"-?\d{1,4}\.\d{1,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """The data lines of a reply, and what the circuit said of its supply meanwhile."""

    data: tuple[str, ...]
    supply: tuple[Finding, ...] = ()


def lines(raw: bytes) -> tuple[str, ...]:
    """The finished lines. The rest after the last CR is not a line.

    Raises:
        BadReply: a byte that is not printable ASCII.
    """
    text = raw[: raw.rfind(b"\r") + 1].decode("latin-1")
    found = tuple(line.strip("\n") for line in text.split("\r"))
    if not all(line.isascii() and line.isprintable() for line in found):
        raise BadReply(f"not ASCII: {raw!r}")
    return tuple(line for line in found if line)


def complete(raw: bytes) -> bool:
    """Whether a reply has ended: accepted, refused, or cut off by a restart."""
    finished = raw[: raw.rfind(b"\r") + 1].decode("latin-1").upper().split("\r")
    return any(line.strip("\n") in _ENDS for line in finished)


def decode_reply(raw: bytes) -> Reply:
    """The reply in ``raw``.

    Raises:
        Restarted: a restart was announced.
        Refused: ``*ER``.
        BadReply: anything else that is not a reply.
    """
    found = lines(raw)
    codes = [line.upper() for line in found if line.startswith("*")]
    if any(code in _RESTARTS for code in codes):
        raise Restarted("the circuit restarted (*RS, *RE)")
    if "*ER" in codes:
        raise Refused("the circuit answered *ER")
    if strange := [code for code in codes if code not in (*_ENDS, *_NOTES, *_SUPPLY)]:
        raise BadReply(f"unknown response code {strange[0]!r}")
    supply = tuple(_SUPPLY[code] for code in codes if code in _SUPPLY)
    return Reply(tuple(line for line in found if not line.startswith("*")), supply)


def decode_fields(data: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """The fields after ``?prefix``. Its case and a comma after the question mark differ between firmware versions.

    Raises:
        BadReply: no line answers this query.
    """
    for line in data:
        head, *fields = line.replace("?,", "?", 1).split(",")
        if head.upper() == f"?{prefix.upper()}":
            return tuple(field for field in fields if field)
    raise BadReply(f"no answer to {prefix},? in {data!r}")


def decode_number(channel: str, reply: Reply, low: float, high: float, beyond: str) -> Reading:
    """A reading of one number in ``low``..``high``; ``beyond`` says what a number outside means.

    Raises:
        Restarted: more than one line or number: continuous mode or other outputs are on, so the circuit lost its settings.
        BadReply: no number.
    """
    if len(reply.data) > 1 or (reply.data and "," in reply.data[0]):
        raise Restarted(f"{reply.data!r} for one reading: continuous mode or another output is on")
    text = reply.data[0].strip() if reply.data else ""
    if text.lower() in _NO_VALUE:
        return Reading(channel, None, DeviceStatus.FAILURE, f"{text}: {_NO_VALUE[text.lower()]}")
    if not _NUMBER.fullmatch(text):
        raise BadReply(f"{text!r} is no reading")
    value = float(text)
    if not low <= value <= high:
        return Reading(channel, None, DeviceStatus.FAILURE, f"{text}: {beyond}")
    return Reading(channel, value + 0.0, *worst(reply.supply))


def who(_: str) -> bytes:
    """Ask which circuit it is; its address is its line."""
    return b"i\r"


def reading_command(temperature_c: float | None) -> str:
    """One reading; with a sample temperature it is set and used in the same command, so it cannot be lost in between."""
    return "R" if temperature_c is None else f"RT,{temperature_c:.1f}"


class Circuit:
    """One EZO circuit on its serial port."""

    def __init__(self, port: AsciiPort) -> None:
        self._port = port

    async def identify(self, kinds: tuple[str, ...]) -> Identity:
        """Which circuit answers; it must be one of ``kinds``. A circuit tells no serial number."""
        await self._port.settle(b"\r", SETTLE_S)  # wakes it, and clears half a command
        raw = await self._port.settle(b"i\r", IDENTIFY_S)
        if not raw:
            raise NoReply("no reply to i: not connected, other baud rate, or the circuit is in I2C mode")
        data = tuple(line for line in lines(raw) if not line.startswith("*"))
        fields = decode_fields(data, "i")
        if len(fields) != 2 or fields[0].upper() not in kinds:
            raise WrongInstrument(f"circuit is {','.join(fields)}, expected {' or '.join(kinds)}")
        return Identity("Atlas Scientific", f"EZO-{kinds[0]}", "", fields[1])

    async def prepare(self) -> None:
        """From any prior state to: awake, continuous mode off, response codes on; read back."""
        await self._port.settle(b"\r", SETTLE_S)
        await self._port.settle(b"C,0\r", SETTLE_S)
        if not await self._acknowledges():
            await self.ask("*OK,1")
        if await self.query("C") != ("0",):
            raise Restarted("continuous mode stays on")

    async def _acknowledges(self) -> bool:
        """Whether response codes are on. Only this query is not followed by ``*OK`` when they are off."""

        def answered(raw: bytes) -> bool:
            return b"?*OK,0\r" in raw.upper() or complete(raw)

        raw = await self._port.exchange(b"*OK,?\r", answered, REPLY_S)
        return decode_fields(decode_reply(raw).data, "*OK") == ("1",)

    async def ask(self, command: str) -> Reply:
        """One command and its whole reply."""
        return decode_reply(await self._port.exchange(f"{command}\r".encode("ascii"), complete, REPLY_S))

    async def query(self, setting: str) -> tuple[str, ...]:
        """What a setting stands at."""
        return decode_fields((await self.ask(f"{setting},?")).data, setting)
