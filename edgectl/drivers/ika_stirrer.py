"""IKA overhead stirrers, NAMUR command set, on a line of their own (7E1).

Known from the command set, not tried on every model: the watchdog. Mode 1 stops the motor, mode 2 goes on at the safety speed; the command that sets it also renews it, and
is answered with its time in seconds. A stirrer that answers it otherwise is not used before ``watchdog_s: 0`` says that it has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgectl.model.fault import BadReply, Misconfigured, Refused, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import ALONE, Probe, Variant
from edgectl.model.quality import DeviceStatus
from edgectl.wire.limit import sendable
from edgectl.wire.port import AsciiPort
from edgectl.wire.text_line import ended, number, one_line

MANUAL = "IKA, operating instructions of overhead stirrers, NAMUR commands"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None  # ``watchdog`` for the one the options make

QUIET_S = 0.05
"""After a command that is obeyed in silence."""
SPEED, TORQUE, SAFE_SPEED = 4, 5, 8
"""Channel numbers of the command set, which come back behind each value."""
TURNS_RPM = 1.0
TORQUE_NCM = 1000.0


@dataclass(frozen=True, slots=True)
class Options:
    """The stirrer and its limits.

    ``high_rpm``, ``low_rpm``: fastest and slowest speed; a demand below half the slowest stops the motor, one between is raised to it. ``safe_rpm``: speed it goes on with when
    nobody speaks to it, 0 stops. ``watchdog_s``: after how long, 20 to 1500 s, or 0 for a stirrer without. ``model``: part of the name it must tell.
    """

    high_rpm: float
    safe_rpm: float
    low_rpm: float = 30.0
    watchdog_s: int = 20
    model: str = ""

    def __post_init__(self) -> None:
        if not 0 < self.low_rpm < self.high_rpm <= 10_000:
            raise ValueError(
                f"low_rpm: {self.low_rpm:g} must be above 0 and below high_rpm, {self.high_rpm:g} rpm"
            )
        if self.safe_rpm != 0 and not self.low_rpm <= self.safe_rpm <= self.high_rpm:
            raise ValueError(
                f"safe_rpm: {self.safe_rpm:g} must be 0 or in {self.low_rpm:g}..{self.high_rpm:g} rpm"
            )
        if self.watchdog_s != 0 and not 20 <= self.watchdog_s <= 1500:
            raise ValueError(f"watchdog_s: {self.watchdog_s} must be 0 or 20 to 1500 s")


def channels(options: Options) -> tuple[Channel, ...]:
    """Actual speed, torque, and the speed that is set."""
    high = options.high_rpm
    return (
        Channel("speed", "rpm", 0.0, 1.1 * high, description="actual speed"),
        Channel(
            "torque", "Ncm", -TORQUE_NCM, TORQUE_NCM, description="torque; none at speed is a loose shaft"
        ),
        Channel(
            "setpoint", "rpm", 0.0, high, safe=options.safe_rpm, description="speed that is set; 0 stops"
        ),
    )


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every stirrer
    """Three questions."""
    return (Poll("drive", ("speed", "torque", "setpoint")),)


def watchdog(options: Options) -> Watchdog | None:
    """The stirrer's own, as the options set it."""
    action = f"goes on at {options.safe_rpm:g} rpm" if options.safe_rpm else "stops"
    return Watchdog(float(options.watchdog_s), action) if options.watchdog_s else None


def decode_value(line: str, channel: int) -> float:
    """A value and its channel number: ``120.0 4``.

    Raises:
        BadReply: not such a reply, or that of another channel.
    """
    words = line.split()
    if len(words) != 2 or words[1] != str(channel):
        raise BadReply(f"{line!r} is no value of channel {channel}")
    return number(words[0])


def decode_watchdog(line: str) -> int:
    """Time of the watchdog in the reply to its command, which may stand before it.

    Raises:
        BadReply: no time.
    """
    found = re.fullmatch(r"(?:(?:OUT_)?WD[12]@)?(\d{1,4})", line, re.ASCII)
    if found is None:
        raise BadReply(f"{line!r} confirms no watchdog")
    return int(found[1])


def _who(_: str) -> bytes:
    return b"IN_NAME \r\n"


PROBES = (
    Probe(
        (9600,),
        "7E1",
        ALONE,
        (Variant(Options(high_rpm=100.0, safe_rpm=50.0), re.compile(rb"[A-Za-z]{3}.* \r\n")),),
        _who,
        wait_s=0.2,
    ),
)


class Driver:
    """One stirrer.

    ``START`` resets the set point of some models, so it goes before it, and only where the motor is not known to run. Somebody who stops a stirrer at its panel
    has a reason: it is started again only after a demand of 0.
    """

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:  # noqa: ARG002 - no bus
        self._port = port
        self._options = options
        self._channels = {channel.name: channel for channel in channels(options)}
        self._mode = "WD2" if options.safe_rpm else "WD1"
        self._started = False

    async def identify(self) -> Identity:
        """Its name; the command set tells neither serial number nor firmware."""
        name = await self._ask("IN_NAME")
        if self._options.model not in name or re.fullmatch(r"[\d.\s+-]*", name):
            raise WrongInstrument(f"the name is {name!r}, expected a stirrer {self._options.model}".rstrip())
        return Identity("IKA", name)

    async def prepare(self) -> None:
        """See whether it turns; safety speed and watchdog, which this also frees after it has struck. The motor is neither started nor stopped."""
        self._started = await self._value("PV", SPEED) > TURNS_RPM
        if not self._options.watchdog_s:
            return
        if self._options.safe_rpm:
            await self._tell(f"OUT_SP_{SAFE_SPEED} {self._options.safe_rpm:.0f}")
            found = await self._value("SP", SAFE_SPEED)
            if abs(found - self._options.safe_rpm) > 1:
                raise Misconfigured(
                    f"safety speed reads {found:g} rpm after {self._options.safe_rpm:g} rpm was set"
                )
        await self._watch(0)
        await self._watch(self._options.watchdog_s)

    async def _watch(self, time_s: int) -> None:
        if (found := decode_watchdog(await self._ask(f"OUT_{self._mode}@{time_s}"))) != time_s:
            raise Misconfigured(f"watchdog reads {found} s after {time_s} s was set")

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """Speed, torque and set point."""
        speed = await self._value("PV", SPEED)
        torque = await self._value("PV", TORQUE)
        setpoint = await self._value("SP", SPEED)
        return (
            self._reading("speed", max(speed, 0.0)),
            self._reading("torque", torque),
            self._reading("setpoint", setpoint),
        )

    def _reading(self, name: str, value: float) -> Reading:
        channel = self._channels[name]
        if channel.low <= value <= channel.high:
            return Reading(name, value)
        span = f"{channel.low:g}..{channel.high:g} {channel.unit}"
        return Reading(name, None, DeviceStatus.FAILURE, f"{value:g} is outside {span}")

    async def write(self, channel: str, value: float) -> float:
        """Turn at a speed, or stop for 0; confirmed by the set point read back. Renews the watchdog.

        Raises:
            Refused: another set point stands.
        """
        rpm = sendable(self._channels.values(), channel, value)
        if rpm < self._options.low_rpm / 2:
            rpm = 0.0
            self._started = False
            await self._tell(f"STOP_{SPEED}")
        else:
            rpm = round(max(rpm, self._options.low_rpm))
            await self._start()
        await self._tell(f"OUT_SP_{SPEED} {rpm:.0f}")
        confirmed = await self._value("SP", SPEED)
        if abs(confirmed - rpm) > 1:
            raise Refused(f"set point reads {confirmed:g} rpm after {rpm:g} rpm was set")
        if self._options.watchdog_s:
            await self._watch(self._options.watchdog_s)
        return confirmed

    async def _start(self) -> None:
        """Start the motor, unless it turned at first or has been started since."""
        if not self._started:
            await self._tell(f"START_{SPEED}")
            self._started = True

    async def _value(self, kind: str, channel: int) -> float:
        return decode_value(await self._ask(f"IN_{kind}_{channel}"), channel)

    async def _ask(self, command: str) -> str:
        return one_line(await self._port.exchange(f"{command} \r\n".encode("ascii"), ended))

    async def _tell(self, command: str) -> None:
        await self._port.settle(f"{command} \r\n".encode("ascii"), QUIET_S)
