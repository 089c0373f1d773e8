"""Faults between an instrument and its controller: what happens to requests, replies and the line."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hil.fault.dice import Seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.framing import Request
    from hil.station import Chunk, Framing


class RequestFault(Protocol):
    """Stands between a request and the instrument."""

    count: int

    def meet(self, t_s: float, request: Request, station: Obeying) -> Sequence[Chunk]:
        """The reply bodies that leave the instrument."""


class Obeying(Protocol):
    """The instrument behind a fault."""

    def obey(self, t_s: float, request: Request) -> Sequence[Chunk]:
        """What it would answer."""

    def refuse(self, request: Request, code: int) -> bytes:
        """The body with which it says no."""


class ReplyFault(Protocol):
    """Changes a reply on its way back."""

    count: int

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:
        """The reply the controller gets."""


@dataclass(slots=True, eq=False)
class Mute(Seeded):
    """No answer. With `hears` the instrument still obeys: an acknowledgement that got lost.

    `every` mutes each n-th request, `to` only those that begin with this text, `times` only so many (0: all).
    """

    hears: bool = False
    rate: float = 1.0
    every: int = 0
    to: str = ""
    times: int = 0
    seen: int = dataclasses.field(default=0, init=False)

    def meet(self, t_s: float, request: Request, station: Obeying) -> Sequence[Chunk]:
        """Nothing, when it strikes."""
        struck = self._meant(request) and self.hit(self.rate)
        chunks = station.obey(t_s, request) if self.hears or not struck else ()
        return () if struck else chunks

    def _meant(self, request: Request) -> bool:
        self.seen += 1
        if self.times and self.count >= self.times:
            return False
        return request.body.startswith(self.to.encode()) and not (self.every and self.seen % self.every)


@dataclass(slots=True, eq=False)
class Refuse(Seeded):
    """A Modbus exception with this code, or the ASCII instrument's word for no, instead of obeying."""

    code: int = 4
    rate: float = 1.0

    def meet(self, t_s: float, request: Request, station: Obeying) -> Sequence[Chunk]:
        """The refusal, when it strikes."""
        return (
            [(t_s, station.refuse(request, self.code))] if self.hit(self.rate) else station.obey(t_s, request)
        )


@dataclass(slots=True, eq=False)
class Cache(Seeded):
    """A gateway repeats its first answer to each request; the instrument behind it is no longer asked."""

    kept: dict[bytes, list[Chunk]] = dataclasses.field(default_factory=dict, init=False, repr=False)

    def meet(self, t_s: float, request: Request, station: Obeying) -> Sequence[Chunk]:
        """The answer of the first time."""
        kept = self.kept.get(request.body)
        if kept is None:
            chunks = station.obey(t_s, request)
            self.kept[request.body] = [(at_s - t_s, body) for at_s, body in chunks]
            return chunks
        self.count += 1
        return [(t_s + after_s, body) for after_s, body in kept]


@dataclass(slots=True, eq=False)
class Slow(Seeded):
    """Every reply leaves `delay_s` later."""

    delay_s: float = 0.2
    rate: float = 1.0

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:  # noqa: ARG002
        """The reply, later."""
        if not self.hit(self.rate):
            return chunks
        return [(at_s + self.delay_s, data) for at_s, data in chunks]


@dataclass(slots=True, eq=False)
class Late(Slow):
    """Some replies come after the controller has given up and asked something else."""

    delay_s: float = 1.0
    rate: float = 0.1


@dataclass(slots=True, eq=False)
class Garble(Seeded):
    """1 to `most` random bytes before, inside or after a reply (`where`: before, inside, after or any)."""

    rate: float = 0.1
    where: str = "any"
    most: int = 20

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:  # noqa: ARG002
        """The reply with noise in one of its pieces."""
        if not chunks or not self.hit(self.rate):
            return chunks
        index = self.dice.randrange(len(chunks))
        at_s, data = chunks[index]
        where = self.where if self.where != "any" else self.dice.choice(("before", "inside", "after"))
        noise = self.dice.randbytes(self.dice.randint(1, self.most))
        cut = {"before": 0, "after": len(data)}.get(where, self.dice.randint(1, max(1, len(data) - 1)))
        return [*chunks[:index], (at_s, data[:cut] + noise + data[cut:]), *chunks[index + 1 :]]


@dataclass(slots=True, eq=False)
class Flip(Seeded):
    """One bit of a reply is inverted, any position alike."""

    rate: float = 0.05

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:  # noqa: ARG002
        """The reply with one wrong bit."""
        if not chunks or not self.hit(self.rate):
            return chunks
        index = self.dice.randrange(len(chunks))
        at_s, data = chunks[index]
        bit = self.dice.randrange(8 * len(data))
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        return [*chunks[:index], (at_s, bytes(wrong)), *chunks[index + 1 :]]


@dataclass(slots=True, eq=False)
class Cut(Seeded):
    """Only the first `keep` bytes of a reply arrive; without `keep`, a random part of it."""

    keep: int | None = None
    rate: float = 1.0

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:  # noqa: ARG002
        """The head of the reply."""
        if not chunks or not self.hit(self.rate):
            return chunks
        total = sum(len(data) for _, data in chunks)
        left = self.dice.randint(1, max(1, total - 1)) if self.keep is None else self.keep
        head = []
        for at_s, data in chunks:
            head.append((at_s, data[:left]))
            left -= min(left, len(data))
        return head


@dataclass(slots=True, eq=False)
class Trickle(Seeded):
    """A reply arrives byte by byte, `least_s` to `most_s` apart."""

    least_s: float = 0.005
    most_s: float = 0.016

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:  # noqa: ARG002
        """The same bytes, one at a time."""
        self.count += bool(chunks)
        single = []
        cursor_s = 0.0
        for at_s, data in chunks:
            cursor_s = max(cursor_s, at_s)
            for index in range(len(data)):
                single.append((cursor_s, data[index : index + 1]))
                cursor_s += self.dice.uniform(self.least_s, self.most_s)
        return single


@dataclass(slots=True, eq=False)
class Foreign(Seeded):
    """A well-formed reply, but from another address: `address`, or the next one up."""

    address: int | None = None
    rate: float = 1.0

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:
        """The reply under another unit number or letter."""
        if not chunks or not self.hit(self.rate):
            return chunks
        foreign = []
        for at_s, frame in chunks:
            unit, pdu = framing.open(frame)
            foreign.append(
                (at_s, framing.close(frame, unit + 1 if self.address is None else self.address, pdu))
            )
        return foreign


@dataclass(slots=True, eq=False)
class Collide(Seeded):
    """Two devices with one address answer together: what arrives is the bitwise AND of two shifted replies."""

    rate: float = 1.0

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:  # noqa: ARG002
        """The wreck of two replies."""
        if not chunks or not self.hit(self.rate):
            return chunks
        shift = self.dice.randint(1, 3)
        wrecks = []
        for at_s, data in chunks:
            other = b"\xff" * shift + data
            wrecks.append((at_s, bytes(a & b for a, b in zip(data + b"\xff" * shift, other, strict=True))))
        return wrecks


@dataclass(slots=True, eq=False)
class Sentinel(Seeded):
    """Every register of a Modbus read reply holds `word` (0xFFFF, 0x8000, 0x7FFF ...)."""

    word: int = 0xFFFF
    rate: float = 1.0

    def distort(self, chunks: list[Chunk], framing: Framing) -> list[Chunk]:
        """The read reply with all registers alike; other replies untouched."""
        if not chunks or not self.hit(self.rate):
            return chunks
        replaced = []
        for at_s, frame in chunks:
            unit, pdu = framing.open(frame)
            if pdu[:1] in (b"\x03", b"\x04"):
                words = self.word.to_bytes(2, "big") * (pdu[1] // 2)
                replaced.append((at_s, framing.close(frame, unit, pdu[:2] + words)))
            else:
                replaced.append((at_s, frame))
        return replaced


@dataclass(slots=True, eq=False)
class Echo(Seeded):
    """The adapter hands the controller its own bytes back."""

    def repeat(self, t_s: float, data: bytes) -> Sequence[Chunk]:
        """The transmitted bytes, at once."""
        self.count += 1
        return [(t_s, data)]


@dataclass(slots=True, eq=False)
class LineNoise(Seeded):
    """Bursts of 1 to `most` bytes from nowhere, `rate_hz` a second; `byte` fixes them (0 is a line break)."""

    rate_hz: float = 10.0
    most: int = 20
    byte: int | None = None
    next_s: float = dataclasses.field(default=0.0, init=False)

    def due_s(self) -> float | None:
        """When the next burst comes."""
        return self.next_s

    def emit(self, t_s: float) -> Sequence[Chunk]:
        """One burst."""
        self.count += 1
        self.next_s = t_s + self.dice.expovariate(self.rate_hz)
        size = self.dice.randint(1, self.most)
        return [(t_s, self.dice.randbytes(size) if self.byte is None else bytes((self.byte,)) * size)]
