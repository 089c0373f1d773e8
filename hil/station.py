"""An instrument's place on a bus, and the seams that instruments, framings and faults fit into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hil.fault.wire import Mute
from hil.modbus import exception_pdu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hil.fault.wire import Obeying, ReplyFault, RequestFault
    from hil.framing import Request
    from hil.log import Log
    from hil.world import Sink, Source

Chunk = tuple[float, bytes]  # when its first byte leaves the instrument, and the bytes


class Framing(Protocol):
    """How requests are cut from a stream and replies are wrapped."""

    bad_frames: int

    @property
    def silence_chars(self) -> float:
        """Characters of silence that must separate two frames."""

    @property
    def idle(self) -> bool:
        """No unfinished request is waiting."""

    def reset(self) -> None:
        """Forget an unfinished request."""

    def feed(self, data: bytes) -> list[Request]:
        """The requests complete with `data`."""

    def seal(self, request: Request, body: bytes) -> bytes:
        """A reply ready for the wire."""

    def open(self, frame: bytes) -> tuple[int, bytes]:
        """Unit and body of a reply frame."""

    def close(self, frame: bytes, unit: int, pdu: bytes) -> bytes:
        """That frame with another unit or body, well formed."""


class Instrument(Protocol):
    """One emulated instrument."""

    @property
    def log(self) -> Log:
        """Requests and writes that reached it."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """What it measures, by channel."""

    @property
    def sinks(self) -> Mapping[str, Sink]:
        """What it drives, by channel."""

    def addressed(self, request: Request) -> bool:
        """Whether this request is for this instrument."""

    def answer(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Obey a request; the reply bodies with the times they leave."""

    def restart(self, t_s: float) -> None:
        """Lose what a power cut loses."""


@runtime_checkable
class Refusing(Protocol):
    """An ASCII instrument's own word for a command it does not obey."""

    refusal: bytes


@runtime_checkable
class Talker(Protocol):
    """Something that sends without being asked."""

    def due_s(self) -> float | None:
        """When it will next send, None for never."""

    def emit(self, t_s: float) -> Sequence[Chunk]:
        """What it sends at that time."""


@dataclass(slots=True)
class Plain:
    """An instrument with no fault before it."""

    instrument: Instrument

    def obey(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """Its own answer."""
        return self.instrument.answer(t_s, request)

    def refuse(self, request: Request, code: int) -> bytes:
        """A Modbus exception, or the ASCII instrument's own word."""
        if isinstance(self.instrument, Refusing):
            return self.instrument.refusal
        return exception_pdu(request.body[0], code)


@dataclass(slots=True)
class Behind:
    """An instrument behind a fault."""

    fault: RequestFault
    station: Obeying

    def obey(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """What the fault lets through."""
        return self.fault.meet(t_s, request, self.station)

    def refuse(self, request: Request, code: int) -> bytes:
        """The refusal of the instrument at the end."""
        return self.station.refuse(request, code)


@dataclass(slots=True, eq=False)
class Station:
    """An instrument's place on a bus, with the faults between it and the controller."""

    name: str
    instrument: Instrument
    request_faults: list[RequestFault] = field(default_factory=list)
    reply_faults: list[ReplyFault] = field(default_factory=list)
    silent_until_s: float = 0.0

    def answer(self, t_s: float, request: Request, framing: Framing) -> Sequence[Chunk]:
        """What the bus carries back for a request; nothing if it was for another."""
        if not self.instrument.addressed(request):
            return ()
        self.instrument.log.request(t_s, request.body)
        if t_s < self.silent_until_s:
            return ()
        bodies = self._meet(t_s, request) if self.request_faults else self.instrument.answer(t_s, request)
        chunks = [(at_s, framing.seal(request, body)) for at_s, body in bodies if body]
        for distortion in self.reply_faults:
            chunks = distortion.distort(chunks, framing)
        return chunks

    def _meet(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """The newest request fault stands nearest to the controller; those behind it are its instrument."""
        behind: Obeying = Plain(self.instrument)
        for fault in self.request_faults:
            behind = Behind(fault, behind)
        return behind.obey(t_s, request)

    def restart(self, t_s: float, boot_s: float) -> None:
        """The instrument reboots and hears nothing for `boot_s`."""
        self.silent_until_s = t_s + boot_s
        self.instrument.log.event(t_s, "restart")
        self.instrument.restart(t_s)


@dataclass(slots=True, eq=False)
class Voice:
    """What a station says unasked; a mute one says nothing."""

    station: Station
    talker: Talker

    def due_s(self) -> float | None:
        """When its instrument will next speak."""
        return self.talker.due_s()

    def emit(self, t_s: float) -> Sequence[Chunk]:
        """What it says then."""
        chunks = self.talker.emit(t_s)
        return () if any(isinstance(fault, Mute) for fault in self.station.request_faults) else chunks
