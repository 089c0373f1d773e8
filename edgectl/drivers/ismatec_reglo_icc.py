"""Ismatec Reglo ICC peristaltic pump, one channel of it, in channel-addressing and flow-rate mode."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

from edgectl.model.fault import BadReply, Misconfigured, NoReply, Refused, Restarted, WrongInstrument
from edgectl.model.instrument import Channel, Identity, Poll, Watchdog, Wire
from edgectl.model.measurement import Reading
from edgectl.model.probe import Probe, Variant
from edgectl.wire.limit import sendable
from edgectl.wire.port import AsciiPort

MANUAL = "Ismatec, Reglo ICC operating manual, 14-036-E Rev. D, chapters 14-16"
WIRE = Wire.ASCII
WATCHDOG: Watchdog | None = None  # on loss of the controller the pump goes on

PUMP = "1"
"""Address of commands to the whole pump. The manual recommends 0, which pumps were found not to answer."""
FLOW_MODE = "M"
MODES = "LMOGQNP"
"""rpm, flow rate, volume at rate, volume over time, volume with pause, time, time with pause."""

SMALLEST_ML_MIN = 1e-9
"""Smallest flow the number format holds."""
REASONS = {"C": "cycle count is 0", "R": "flow limit", "V": "volume limit"}
"""Reply to ``xe``: why ``H`` answered ``-``."""


class Direction(enum.Enum):
    """Which way the channel turns, seen from its head."""

    CLOCKWISE = "clockwise"
    COUNTER_CLOCKWISE = "counter-clockwise"


TURN = {Direction.CLOCKWISE: "J", Direction.COUNTER_CLOCKWISE: "K"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the channel may do.

    ``flow_high``: greatest flow, mL/min. ``flow_low``: smallest flow the tubing delivers, mL/min; a demand below half of it stops the pump, one
    between is raised to it.
    """

    flow_high: float
    flow_low: float = 0.0
    direction: Direction = Direction.CLOCKWISE

    def __post_init__(self) -> None:
        if not 0 <= self.flow_low < self.flow_high < 1e9:
            raise ValueError(
                f"flow_low: {self.flow_low:g} must be below flow_high, {self.flow_high:g} mL/min"
            )


def channels(options: Options) -> tuple[Channel, ...]:
    """The flow, set and read back, and whether the channel turns."""
    return (
        Channel("flow", "mL/min", 0.0, options.flow_high, safe=0.0, description="flow; 0 while stopped"),
        Channel("running", "", 0.0, 1.0, discrete=True, description="1 while the channel turns"),
    )


def polls(options: Options) -> tuple[Poll, ...]:  # noqa: ARG001 - the same for every pump
    """Flow rate and running state belong together: the pump keeps its flow rate while it stands."""
    return (Poll("flow", ("flow", "running")),)


_FLOW = re.compile(r"(?P<mantissa>\d{4})E(?P<exponent>[+-]\d)", re.ASCII)


def decode_flow(text: str) -> float:
    """mL/min from ``mmmmEse``: four digits, the point after the first, and the exponent (manual, "Volume type").

    Raises:
        BadReply: not of that form.
    """
    found = _FLOW.fullmatch(text)
    if found is None:
        raise BadReply(f"{text!r} is no flow rate")
    return float(f"{found['mantissa'][0]}.{found['mantissa'][1:]}e{found['exponent']}")


def encode_flow(flow_ml_min: float) -> str:
    """``mmmmse``, as ``decode_flow`` but without the letter, for 1e-9 to 9.999e9; the nearest flow of four digits."""
    mantissa, exponent = f"{flow_ml_min:.3e}".split("e")
    return f"{mantissa.replace('.', '')}{int(exponent):+d}"


def decode_reason(text: str) -> str:
    """Why a channel does not start: a letter, and the limit where there is one."""
    limit = text[1:].strip(" |,")
    return f"{REASONS.get(text[:1], 'not told')}{': ' if limit else ''}{limit}"


def letter(raw: bytes) -> bool:
    """Whether a reply of one character is there; some pumps end it with CR LF, some do not."""
    return bool(raw.strip(b"\r\n"))


def line(raw: bytes) -> bool:
    """Whether a line or a refusal is there. The rest of an earlier CR LF may stand before it."""
    text = raw.lstrip(b"\r\n")
    return text.endswith(b"\r\n") or text == b"#"


def line_or_done(raw: bytes) -> bool:
    """Whether a line or a single state is there: a flow rate is acknowledged by either."""
    return line(raw) or raw.strip(b"\r\n") == b"*"


def _who(_: str) -> bytes:
    return f"{PUMP}#\r\n".encode("ascii")


PROBES = (
    Probe(
        (9600,),
        "8N1",
        ("1",),
        (Variant(Options(flow_high=1.0), re.compile(rb"ICC", re.IGNORECASE)),),
        _who,
        wait_s=0.15,
    ),
)


class Driver:
    """One pump channel on an ASCII line; ``address`` is the channel, ``1`` to ``4``."""

    def __init__(self, port: AsciiPort, address: str, options: Options) -> None:
        if not re.fullmatch("[1-8]", address):
            raise ValueError(f"address {address!r}: a pump channel is 1 to 4")
        self._port = port
        self._address = address
        self._options = options
        self._channels = channels(options)

    async def identify(self) -> Identity:
        """Model with head code, firmware and serial number."""
        model = await self._ask("#", line, PUMP)
        if "ICC" not in model.upper():
            raise WrongInstrument(f"pump says it is {model!r}, expected a Reglo ICC")
        firmware = await self._ask("(", line, PUMP)
        return Identity("Ismatec", model, await self._ask("xS", line, PUMP), firmware)

    async def prepare(self) -> None:
        """Events off, channel addressing, flow-rate mode, direction; all read back. Nothing is started or stopped."""
        await self._command("xE0", PUMP)
        if await self._ask("~", letter, PUMP) != "1":
            await self._command("~1", PUMP)
        await self._select("xM", FLOW_MODE)
        await self._select("xD", TURN[self._options.direction])

    async def _select(self, query: str, wanted: str) -> None:
        """Send ``wanted`` unless it stands already, and believe only the query."""
        if await self._ask(query, letter) == wanted:
            return
        await self._command(wanted)
        if (found := await self._ask(query, letter)) != wanted:
            raise Misconfigured(f"{query} reads {found!r} after {wanted!r} was set")

    async def read(self, poll: str) -> tuple[Reading, ...]:  # noqa: ARG002 - there is one
        """The flow that is delivered: the flow rate while running, else 0."""
        flow = decode_flow(await self._ask("f", line))
        running = await self._running()
        return Reading("flow", flow if running else 0.0), Reading("running", float(running))

    async def write(self, channel: str, value: float) -> float:
        """Start at a flow, or stop for 0; confirmed by the pump's own flow rate and running state.

        Raises:
            Refused: the pump cannot deliver this flow (``H`` answers ``-``); the text says why, and nothing runs.
            Restarted: the channel is in another mode, in which a start would not mean this flow.
        """
        flow = sendable(self._channels, channel, value)
        low = self._options.flow_low
        if flow < max(low / 2, SMALLEST_ML_MIN):
            return await self._stop()
        return await self._start(max(flow, low))

    async def _stop(self) -> float:
        await self._command("I")
        if await self._running():
            raise Refused("pump runs on after it confirmed to stop")
        return 0.0

    async def _start(self, flow_ml_min: float) -> float:
        mode = await self._ask("xM", letter)
        if len(mode) != 1 or mode not in MODES:
            raise BadReply(f"{mode!r} is no mode")
        if mode != FLOW_MODE:
            raise Restarted(f"channel is in mode {mode!r}, not in flow-rate mode {FLOW_MODE!r}")
        answer = await self._ask(f"f{encode_flow(flow_ml_min)}", line_or_done)
        confirmed = decode_flow(await self._ask("f", line) if answer == "*" else answer)
        if (started := await self._ask("H", letter)) != "*":
            raise Refused(f"pump does not start at {flow_ml_min:g} mL/min: {await self._reason(started)}")
        if not await self._running():
            raise Refused("pump stands still after it confirmed to start")
        return confirmed

    async def _reason(self, started: str) -> str:
        if started != "-":
            raise BadReply(f"{started!r} answers a start")
        try:
            return decode_reason(await self._ask("xe", line))
        except NoReply:
            return "xe was not answered"

    async def _running(self) -> bool:
        state = await self._ask("E", letter)
        if state not in ("+", "-"):
            raise BadReply(f"{state!r} is no running state")
        return state == "+"

    async def _command(self, command: str, address: str = "") -> None:
        """A command that is answered ``*`` when it was done."""
        if (state := await self._ask(command, letter, address)) != "*":
            raise BadReply(f"{state!r} answers {command}")

    async def _ask(self, command: str, complete: Callable[[bytes], bool], address: str = "") -> str:
        """One exchange; the channel's own address unless another is given."""
        raw = await self._port.exchange(f"{address or self._address}{command}\r\n".encode("ascii"), complete)
        text = raw.decode("latin-1").strip("\r\n")
        if text == "#":
            raise Refused(f"pump answered # to {command}")
        if text.startswith("^"):
            raise Restarted(f"pump sends events ({text!r}), which prepare turns off")
        if not text.isascii() or "\r" in text or "\n" in text:
            raise BadReply(f"{raw!r} answers {command}")
        return text
