"""Ismatec Reglo ICC peristaltic pump with independent channels, ASCII protocol.

Typed from the operating manual 14-036-E Rev. D, chapters 14-16. An address is a channel in channel addressing, the
pump in legacy mode. Status replies are one character without terminator. The pump has no watchdog: it goes on
running when its controller dies. Flow answers read mmmmEse, 1.200e-2 mL/min being 1200E-2.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hil.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hil.framing import Request
    from hil.station import Chunk
    from hil.world import Sink, Source

    PumpCommand = Callable[[float, str], str]
    ChannelCommand = Callable[[float, "Channel", str], str]

DONE, FAILED, YES, NO = "*", "#", "+", "-"
RPM, FLOW, VOLUME_AT_RATE, VOLUME_OVER_TIME, VOLUME_PAUSE, TIME, TIME_PAUSE = "LMOGQNP"
MAX_RPM = 100.0
TURNAROUND_S = 0.020  # the manual gives none; a public driver waits 55 ms
_COMMAND = re.compile(r"(x[A-Za-z]|.)(.*)", re.DOTALL)


def mmmm_ese(value: float) -> str:
    """A number as the pump answers it: four digits, decimal point after the first, power of ten."""
    if value <= 0.0:
        return "0000E+0"
    exponent = math.floor(math.log10(value))
    mantissa = round(value / 10.0**exponent * 1000)
    if mantissa == 10000:
        mantissa, exponent = 1000, exponent + 1
    return f"{mantissa:04d}E{exponent:+d}"


def of_mmmmse(text: str) -> float:
    """A number as the pump is sent it: mmmmse, the same without the letter."""
    return int(text[:4]) / 1000.0 * 10.0 ** int(text[4:6])


@dataclass(slots=True)
class Channel:
    """One pump head. Volumes in mL, rates in mL/min, run and pause times in tenths of a second as on the wire."""

    sink: Sink | None
    max_ml_min: float
    mode: str = RPM
    rpm: float = 0.0
    flow_ml_min: float = 0.0
    volume_ml: float = 0.0
    run_time: float = 0.0
    pause: float = 0.0
    direction: str = "J"  # J clockwise, K counter-clockwise
    diameter_mm: float = 0.76
    running: bool = False
    ends_s: float = math.inf
    total_ml: float = 0.0
    settled_s: float = 0.0

    def rate_ml_min(self) -> float:
        """What it would deliver with its present mode and settings."""
        if self.mode in (FLOW, VOLUME_AT_RATE, VOLUME_PAUSE):
            return self.flow_ml_min
        if self.mode == VOLUME_OVER_TIME:
            return self.volume_ml / self.run_time * 600.0 if self.run_time else math.inf
        return self.rpm / MAX_RPM * self.max_ml_min

    def run_s(self) -> float:
        """How long a run lasts: for ever in rpm and flow mode."""
        if self.mode in (VOLUME_AT_RATE, VOLUME_PAUSE):
            return self.volume_ml / self.flow_ml_min * 60.0 if self.flow_ml_min else math.inf
        return self.run_time / 10.0 if self.mode in (VOLUME_OVER_TIME, TIME, TIME_PAUSE) else math.inf

    def drive(self, t_s: float) -> None:
        """Bring the plant and the totaliser up to date."""
        rate = min(self.rate_ml_min(), self.max_ml_min) if self.running else 0.0
        if self.sink is not None:
            self.total_ml += self.sink.value * (t_s - self.settled_s) / 60.0
            self.sink.write(t_s, rate)
        self.settled_s = t_s


class IsmatecRegloIcc:
    """One pump of up to four channels. `flow_reply` is "data" (2500E+0) or "status" (*): versions differ."""

    refusal = FAILED.encode()

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        *,
        channels: int,
        max_ml_min: float,
        serial: str,
        flow_reply: str = "data",
    ) -> None:
        self.sources: Mapping[str, Source] = {}
        self.sinks = sinks
        self.log = Log()
        self._serial = serial
        self._max_ml_min = max_ml_min
        self._flow_reply = flow_reply
        self._channel_addressing = True
        self._events = True
        self._said: list[Chunk] = []
        self._channels = {n: Channel(sinks.get(str(n)), max_ml_min) for n in range(1, channels + 1)}
        self._pump_commands = self._known_pump()
        self._channel_commands = self._known_channel()

    def _known_pump(self) -> Mapping[str, PumpCommand]:
        """Commands to the pump as a whole."""
        fixed = {"#": "REGLO ICC 0208 306", "(": "0208", ")": "0306", "xS": self._serial, "xB": "12"}
        fixed["xA"] = str(len(self._channels))
        commands: dict[str, PumpCommand] = {
            word: partial(self._fixed, f"{text}\r\n") for word, text in fixed.items()
        }
        return commands | {
            "~": self._addressing,
            "xE": self._event_messages,
            "A": lambda *_: DONE,
            "B": lambda *_: DONE,
            "*": self._store,
        }

    def _known_channel(self) -> Mapping[str, ChannelCommand]:
        """Commands to one channel."""
        commands: dict[str, ChannelCommand] = {
            "H": self._start,
            "I": self._stop,
            "xI": self._stop,
            "xe": self._why,
            "E": lambda _, channel, __: YES if channel.running else NO,
            "J": partial(self._turn, "J"),
            "K": partial(self._turn, "K"),
            "xD": lambda _, channel, __: channel.direction,
            "xM": lambda _, channel, __: channel.mode,
            "S": self._setting("rpm", 100, "{:.2f}\r\n"),
            "f": self._flow,
            "v": self._volume,
            "xT": self._setting("run_time", 1, "{:.0f}\r\n"),
            "xP": self._setting("pause", 1, "{:.0f}\r\n"),
            "?": lambda _, channel, __: f"{channel.max_ml_min:.3f} ml/min\r\n",
            "!": lambda _, channel, __: f"{channel.max_ml_min:.3f} ml/min\r\n",
            "+": self._setting("diameter_mm", 100, "{:.2f} mm\r\n"),
            "xG": lambda _, channel, __: f"{mmmm_ese(channel.total_ml)}\r\n",
            ":": lambda _, channel, __: f"{mmmm_ese(channel.total_ml)}\r\n",
            "W": self._clear_total,
            '"': lambda *_: "1\r\n",
            "-": lambda *_: DONE,
        }
        for mode in (RPM, FLOW, VOLUME_AT_RATE, VOLUME_OVER_TIME, VOLUME_PAUSE, TIME, TIME_PAUSE):
            commands[mode] = partial(self._select, mode)
        return commands

    def addressed(self, request: Request) -> bool:
        """`@`, an own channel, or the pump address 0 or 1."""
        head = request.body[:1]
        return head in (b"@", b"0") or (head.isdigit() and int(head) in self._channels)

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Obey; `#` for what is unknown or makes no sense."""
        self.tick(t_s)
        text = request.body.decode("latin-1")
        match = _COMMAND.fullmatch(text[1:])
        if text[0] == "@" or match is None:
            return [(t_s + TURNAROUND_S, (DONE if text[0] == "@" else FAILED).encode())]
        word, parameter = match.groups()
        try:
            reply = self._obey(t_s, int(text[0]), word, parameter)
        except (KeyError, ValueError, IndexError):
            reply = FAILED
        return [(t_s + TURNAROUND_S, reply.encode("latin-1"))]

    def _obey(self, t_s: float, address: int, word: str, parameter: str) -> str:
        if word in self._pump_commands:
            return self._pump_commands[word](t_s, parameter)
        channel = self._channels[address if self._channel_addressing else 1]
        reply = self._channel_commands[word](t_s, channel, parameter)
        channel.drive(t_s)
        return reply

    def tick(self, t_s: float) -> None:
        """Runs of a set volume or time end by themselves."""
        for number, channel in self._channels.items():
            if channel.running and channel.ends_s <= t_s:
                channel.running = False
                channel.drive(channel.ends_s)
                self._tell(t_s, number)
            else:
                channel.drive(t_s)

    def restart(self, t_s: float) -> None:
        """A power cut stops every channel and turns events back on."""
        self._events = True
        for channel in self._channels.values():
            channel.running = False
            channel.drive(t_s)

    def due_s(self) -> float | None:
        """When the next event message goes out."""
        return self._said[0][0] if self._said else None

    def emit(self, t_s: float) -> Sequence[Chunk]:  # noqa: ARG002
        """One event message."""
        return [self._said.pop(0)]

    def _tell(self, t_s: float, number: int) -> None:
        if self._events:
            self._said.append((t_s, f"^X{number}\r\n".encode()))

    @staticmethod
    def _fixed(text: str, t_s: float, parameter: str) -> str:  # noqa: ARG004
        return text

    def _addressing(self, t_s: float, parameter: str) -> str:
        if parameter:
            self._channel_addressing = parameter == "1"
            self.log.write(t_s, "~", parameter)
            return DONE
        return f"{self._channel_addressing:d}"

    def _event_messages(self, t_s: float, parameter: str) -> str:
        self._events = parameter != "0"
        self.log.write(t_s, "xE", parameter)
        return DONE

    def _store(self, t_s: float, parameter: str) -> str:  # noqa: ARG002
        self.log.write(t_s, "store", 1)
        return DONE

    def _select(self, mode: str, t_s: float, channel: Channel, parameter: str) -> str:  # noqa: ARG002
        channel.mode = mode
        channel.running = False
        self.log.write(t_s, "mode", mode)
        return DONE

    def _start(self, t_s: float, channel: Channel, parameter: str) -> str:  # noqa: ARG002
        if not channel.rate_ml_min() <= channel.max_ml_min:
            self.log.event(t_s, "start refused")
            return NO
        channel.running = True
        channel.ends_s = t_s + channel.run_s()
        if channel.sink is not None:
            channel.sink.tick_at(channel.ends_s)
        self.log.write(t_s, "H", channel.rate_ml_min())
        return DONE

    def _stop(self, t_s: float, channel: Channel, parameter: str) -> str:  # noqa: ARG002
        channel.running = False
        self.log.write(t_s, "I", 0)
        return DONE

    def _why(self, t_s: float, channel: Channel, parameter: str) -> str:  # noqa: ARG002
        return f"R{mmmm_ese(channel.max_ml_min)}\r\n"

    def _turn(self, direction: str, t_s: float, channel: Channel, parameter: str) -> str:  # noqa: ARG002
        channel.direction = direction
        self.log.write(t_s, "direction", direction)
        return DONE

    def _flow(self, t_s: float, channel: Channel, parameter: str) -> str:
        if parameter:
            channel.flow_ml_min = of_mmmmse(parameter)
            self.log.write(t_s, "f", channel.flow_ml_min)
            if self._flow_reply == "status":
                return DONE
        return f"{mmmm_ese(channel.flow_ml_min)}\r\n"

    def _volume(self, t_s: float, channel: Channel, parameter: str) -> str:
        if parameter:
            channel.volume_ml = of_mmmmse(parameter)
            self.log.write(t_s, "v", channel.volume_ml)
        return f"{mmmm_ese(channel.volume_ml)}\r\n"

    def _setting(self, attribute: str, per_unit: int, shown: str) -> ChannelCommand:
        """A number sent in whole steps of 1/per_unit: set it, or ask for it."""

        def put(t_s: float, channel: Channel, parameter: str) -> str:
            if not parameter:
                return shown.format(getattr(channel, attribute))
            setattr(channel, attribute, int(parameter) / per_unit)
            self.log.write(t_s, attribute, int(parameter) / per_unit)
            return DONE

        return put

    def _clear_total(self, t_s: float, channel: Channel, parameter: str) -> str:  # noqa: ARG002
        channel.total_ml = 0.0
        self.log.write(t_s, "W", 0)
        return DONE
