"""Watson-Marlow cased peristaltic pumps 520, 620, 720 and 323, ASCII over RS-232 or RS-485.

Nothing is acknowledged: every command is judged by the status line that follows. Not known for certain, check on the pump: whether the rpm of the status line is what was set
or what turns (taken as set), whether a CR ends it (either way is understood), and the 10 982 pulses per revolution, which come from one manual.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from edgectl.model.fault import BadReply, Misconfigured, Refused, Restarted, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant, numbers
from edgectl.model.quality import DeviceStatus
from edgectl.wire.limit import sendable
from edgectl.wire.port import AsciiPort

MANUAL = "Watson-Marlow, 520DuN, 620Du/620DuN, 720DuN and 323Du user manuals, serial commands"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None  # without its controller the pump goes on

QUIET_S = 0.05
"""After a command that is obeyed in silence: its echo, where the pump has that on, and the 10 ms a pump needs."""
PULSES_PER_TURN = 10_982
LAST_TURN = 1e6
"""A counter of ten digits holds that many revolutions; beyond it is no count."""


class Series(enum.Enum):
    """Which status line the pump has: 520 stands for 520, 620 and 720."""

    CASED = "520"
    SMALL = "323"


class Direction(enum.Enum):
    """Which way the head turns."""

    CLOCKWISE = "clockwise"
    COUNTER_CLOCKWISE = "counter-clockwise"


TURN = {Direction.CLOCKWISE: ("CW", "RR"), Direction.COUNTER_CLOCKWISE: ("CCW", "RL")}
"""Its word in the status line, and the command."""


@dataclass(frozen=True, slots=True)
class Options:
    """The pump and its tube.

    ``ml_per_rev``: what one revolution delivers, mL, best by weighing. ``rpm_high``, ``rpm_low``: fastest and slowest speed; a demand below half the slowest stops the pump,
    one between is raised to it.
    """

    ml_per_rev: float
    rpm_high: float
    rpm_low: float = 0.1
    series: Series = Series.CASED
    direction: Direction = Direction.CLOCKWISE

    def __post_init__(self) -> None:
        if not 0 < self.ml_per_rev < float("inf"):
            raise ValueError(f"ml_per_rev: {self.ml_per_rev:g} must be above 0 mL")
        if not 0 < self.rpm_low < self.rpm_high <= 999.9:
            raise ValueError(
                f"rpm_low: {self.rpm_low:g} must be above 0 and below rpm_high, {self.rpm_high:g} rpm"
            )
        if self.series is Series.SMALL and not (self.rpm_low >= 3 and self.rpm_high <= 400):
            raise ValueError(
                f"rpm_low: a 323 turns at 3 to 400 rpm, not at {self.rpm_low:g} to {self.rpm_high:g}"
            )


def channels(options: Options) -> tuple[Channel, ...]:
    """The flow, set and read back, whether the head turns, and the revolutions counted since somebody cleared them."""
    high = options.rpm_high * options.ml_per_rev
    flow = Channel("flow", "mL/min", 0.0, high, safe=0.0, description="flow; 0 while stopped")
    running = Channel("running", "", 0.0, 1.0, discrete=True, description="1 while the head turns")
    if options.series is Series.SMALL:
        return flow, running
    return flow, running, Channel("revolutions", "", 0.0, LAST_TURN, description="counted by the pump")


def polls(options: Options) -> tuple[Poll, ...]:
    """The status line tells all."""
    return (Poll("status", tuple(channel.name for channel in channels(options))),)


@dataclass(frozen=True, slots=True)
class Status:
    """The status line. ``revolutions`` is None where the pump has no counter."""

    model: str
    rpm: float
    direction: Direction
    revolutions: float | None
    running: bool


_WAY = r"(?P<rpm>\d{1,3}(?:\.\d)?) (?P<way>CW|CCW)"
_LINES = {
    Series.CASED: re.compile(
        rf"(?P<model>[567]20\S* .+) {_WAY} P/N (?P<number>\d{{1,2}}) (?P<pulses>\d{{1,10}}) (?P<on>[01]) !",
        re.ASCII,
    ),
    Series.SMALL: re.compile(rf"(?P<model>323\S*) {_WAY} (?P<on>[01]) !", re.ASCII),
}
_WAYS = {word: direction for direction, (word, _) in TURN.items()}


def decode_status(raw: bytes, series: Series, number: int) -> Status:
    """The status line of pump ``number`` (manuals, "RS").

    Raises:
        BadReply: not such a line, or another pump's.
    """
    text = raw.decode("latin-1").strip("\r\n")
    found = _LINES[series].fullmatch(text) if text.isascii() else None
    if found is None:
        raise BadReply(f"{text!r} is no status of a {series.value}")
    fields = found.groupdict()
    if int(fields.get("number", number)) != number:
        raise BadReply(f"pump {fields['number']} answers for pump {number}")
    pulses = fields.get("pulses")
    turns = int(pulses) / PULSES_PER_TURN if pulses else None
    return Status(fields["model"], float(fields["rpm"]), _WAYS[fields["way"]], turns, fields["on"] == "1")


def ended(raw: bytes) -> bool:
    """Whether the line has ended with its mark. A CR or LF may follow it; one that comes later is dropped before the next request."""
    return raw.rstrip(b"\r\n").endswith(b"!")


def _who(address: str) -> bytes:
    return f"{address}RS\r".encode("ascii")


PROBES = (
    Probe(
        (9600,),
        "8N2",
        numbers(1, 32),
        (
            Variant(Options(1.0, 100.0), re.compile(rb"[567]20.*!", re.DOTALL)),
            Variant(
                Options(1.0, 100.0, 3.0, series=Series.SMALL),
                re.compile(rb"323.*!", re.DOTALL),
                told=(("series", '"323"'),),
            ),
        ),
        _who,
        wait_s=0.05,
        likely=8,
    ),
)


class Driver:
    """One pump; ``address`` is its number, 1 to 32.

    Somebody who stops a running pump at its panel has a reason: it is not started again before it has been seen running, as after a start at its panel.
    """

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:
        if not address.isdecimal() or not 1 <= int(address) <= 32:
            raise ValueError(f"address {address!r}: a pump number is 1 to 32")
        self._port = port
        self._number = int(address)
        self._options = options
        self._channels = channels(options)
        self._decimals = 0 if options.series is Series.SMALL else 1
        self._told_to_run = self._held = False

    async def identify(self) -> Identity:
        """Type, head and tube; a pump tells no serial number and no firmware.

        Raises:
            WrongInstrument: the status line is that of another series.
        """
        raw = await self._ask()
        other = next(series for series in Series if series is not self._options.series)
        if _LINES[other].fullmatch(raw.decode("latin-1").strip("\r\n")):
            raise WrongInstrument(f"pump says {raw!r}, the plan says series {self._options.series.value}")
        return Identity("Watson-Marlow", decode_status(raw, self._options.series, self._number).model)

    async def prepare(self) -> None:
        """Turn the way of the plan. Nothing is started or stopped, and a running pump is not reversed.

        Raises:
            Misconfigured: it runs the other way, or cannot be turned round.
        """
        wanted = self._options.direction
        status = await self._status()
        if status.direction is wanted:
            return
        if not status.running:
            await self._tell(TURN[wanted][1])
            if (await self._status()).direction is wanted:
                return
        raise Misconfigured(
            f"pump runs {status.direction.value}, the plan says {wanted.value}: stop it, or turn it round on its panel"
        )

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """The flow that is delivered: speed by volume while it turns, else 0."""
        status = await self._status()
        readings = (self._flow(status), Reading("running", float(status.running)))
        return (
            readings
            if status.revolutions is None
            else (*readings, Reading("revolutions", status.revolutions))
        )

    def _flow(self, status: Status) -> Reading:
        flow = status.rpm * self._options.ml_per_rev if status.running else 0.0
        if status.running and status.direction is not self._options.direction:
            return Reading(
                "flow", None, DeviceStatus.FAILURE, f"pump turns {status.direction.value}: it sucks back"
            )
        if flow > self._channels[0].high:
            return Reading("flow", None, DeviceStatus.FAILURE, f"{status.rpm:g} rpm is faster than rpm_high")
        return Reading("flow", flow)

    async def write(self, channel: str, value: float) -> float:
        """Run at a flow, or stop for 0; confirmed by the pump's own speed and running state.

        Raises:
            Refused: it does not do what it was told, or was stopped at its panel.
            Restarted: it turns the other way.
        """
        rpm = sendable(self._channels, channel, value) / self._options.ml_per_rev
        if rpm < self._options.rpm_low / 2:
            return await self._stop()
        return await self._run(min(max(rpm, self._options.rpm_low), self._options.rpm_high))

    async def _stop(self) -> float:
        self._told_to_run = False
        await self._tell("ST")
        if (await self._status()).running:
            raise Refused("pump runs on after it was told to stop")
        return 0.0

    async def _run(self, rpm: float) -> float:
        """A pump that stands is started only after its speed has been read back: commands have no checksum."""
        before = await self._status()
        if before.direction is not self._options.direction:
            raise Restarted(
                f"pump turns {before.direction.value}, the plan says {self._options.direction.value}"
            )
        if self._held:
            raise Refused(
                "pump was stopped at its panel or has restarted: start it there, it then follows again"
            )
        await self._tell(f"SP{rpm:.{self._decimals}f}")
        status = await self._status()
        if before.running and status.running:
            self._told_to_run = True
            return status.rpm * self._options.ml_per_rev
        if abs(status.rpm - rpm) > 0.51 * 10**-self._decimals:
            raise Refused(f"pump takes {status.rpm:g} rpm for {rpm:g} rpm, and is not started")
        await self._tell("GO")
        if not (status := await self._status()).running:
            raise Refused("pump stands still after it was told to start")
        self._told_to_run = True
        return status.rpm * self._options.ml_per_rev

    async def _status(self) -> Status:
        """What the pump does; one that stands although it was told to run was stopped by somebody."""
        status = decode_status(await self._ask(), self._options.series, self._number)
        self._held = not status.running and (self._held or self._told_to_run)
        return status

    async def _ask(self) -> bytes:
        return await self._port.exchange(f"{self._number}RS\r".encode("ascii"), ended)

    async def _tell(self, command: str) -> None:
        await self._port.settle(f"{self._number}{command}\r".encode("ascii"), QUIET_S)
