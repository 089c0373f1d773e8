"""Conversations with instruments, as text files quote them from manuals, and a link that plays them.

A frames file has a head of ``key: value`` lines, then sections:

    == read ph: what this section shows        (also identify, prepare, write CHANNEL VALUE)
    > 01 03 08 29 00 0A 16 65                  request; bytes in hex or as "text\\r"; crc stands for a right checksum
    < 0.9s "7.156\\r*OK\\r"                      reply, with the time it takes if that matters; several are one after the other
    = ph 7.02 good                             what comes out; a text behind it must be part of the detail
    ! Restarted                                or the fault

``identify`` gives ``= maker | model | serial number | firmware``; ``write`` gives the confirmed value. Sections named ``prepare`` without
a title stand before every read and write, since a driver needs them.

The head names the ``wire`` with baud and framing, the ``address`` and the ``options``. On ASCII wires it also has the instrument's word of ``refusal``, or ``none`` where it
has no such word, and where replies begin with their sender a ``foreign`` pair of own and another address. ``replies: unmarked`` says that a reply does not tell what it
answers; then only its shape does. A request without a reply is one that the instrument obeys in silence.
"""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

TURNAROUND_S = 0.01
NOBODY = 248  # the line may ask this reserved address to learn whether its adapter echoes


def crc16(data: bytes) -> bytes:
    """Modbus RTU checksum, bit by bit from the specification (Modbus over serial line V1.02, appendix B)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


@dataclass(frozen=True)
class Exchange:
    """One request and the pieces of its reply, each with the seconds before it."""

    request: bytes
    reply: tuple[tuple[float, bytes], ...] = ()

    @property
    def answer(self) -> bytes:
        """The whole reply."""
        return b"".join(piece for _, piece in self.reply)

    def answered(self, data: bytes, delay_s: float = TURNAROUND_S) -> Exchange:
        """The same request with another reply; empty is silence."""
        return replace(self, reply=((delay_s, data),) if data else ())


@dataclass(frozen=True)
class Section:
    """One operation of a driver with what is exchanged and what comes out."""

    verb: str
    arguments: tuple[str, ...]
    title: str
    exchanges: tuple[Exchange, ...]
    results: tuple[str, ...]
    fault: str

    @property
    def name(self) -> str:
        """For people."""
        return " ".join((self.verb, *self.arguments)) + (f": {self.title}" if self.title else "")


@dataclass(frozen=True)
class Transcript:
    """A frames file."""

    name: str
    head: dict[str, str]
    sections: tuple[Section, ...] = field(repr=False)

    @property
    def modbus(self) -> bool:
        """Whether the frames have Modbus RTU checksums."""
        return self.head["wire"].startswith("modbus")

    def of(self, *verbs: str) -> tuple[Section, ...]:
        """All sections with one of these verbs."""
        return tuple(section for section in self.sections if section.verb in verbs)

    @property
    def preparation(self) -> tuple[Exchange, ...]:
        """What must be said before a read or write."""
        return next(section.exchanges for section in self.of("prepare") if not section.title)


def load(path: Path) -> Transcript:
    """The transcript in a frames file."""
    head_text, *parts = re.split(r"^== ", path.read_text(), flags=re.MULTILINE)
    pairs = (line.split(":", 1) for line in _lines(head_text))
    head = {key.strip(): value.strip() for key, value in pairs}
    return Transcript(path.stem, head, tuple(_section(part, path) for part in parts))


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def _section(text: str, path: Path) -> Section:
    first, *rest = _lines(text)
    what, _, title = first.partition(":")
    verb, *arguments = what.split()
    assert verb in ("identify", "prepare", "read", "write"), f"{path.name}: {first}"
    if verb == "read":
        arguments = [" ".join(arguments)]
    exchanges: list[Exchange] = []
    results, fault = [], ""
    for line in rest:
        mark, content = line[0], line[1:].strip()
        if mark == ">":
            exchanges.append(Exchange(_bytes(content)))
        elif mark == "<":
            delay = re.match(r"([\d.]+)s\s", content)
            piece = float(delay[1]) if delay else TURNAROUND_S, _bytes(content[delay.end() if delay else 0 :])
            exchanges[-1] = replace(exchanges[-1], reply=(*exchanges[-1].reply, piece))
        elif mark == "=":
            results.append(content)
        else:
            assert mark == "!", f"{path.name}: {line}"
            fault = content
    return Section(verb, tuple(arguments), title.strip(), tuple(exchanges), tuple(results), fault)


def _bytes(text: str) -> bytes:
    data = b""
    for token in re.findall(r'"[^"]*"|\S+', text):
        if token.startswith('"'):
            data += str(ast.literal_eval(token)).encode("latin-1")
        elif token == "crc":
            data += crc16(data)
        else:
            data += bytes.fromhex(token)
    return data


class ScriptedLink:
    """An ``edgectl.wire.link.Link`` that expects requests byte for byte and plays the replies, in the time of the running loop.

    A request that is not the next one is an AssertionError; with ``lenient`` it stays unanswered. ``sent`` keeps everything that was written.
    """

    def __init__(self, exchanges: Sequence[Exchange], *, lenient: bool = False) -> None:
        self.expected = list(exchanges)
        self.sent = b""
        self.opened = False
        self._lenient = lenient
        self._pending: list[tuple[float, bytes]] = []
        self._request = b""

    async def open(self) -> None:
        self.opened = True

    def close(self) -> None:
        self.opened = False

    async def write(self, data: bytes) -> None:
        if data[:1] == bytes([NOBODY]):
            return
        self.sent += data
        self._request += data
        if self.expected and self._request == self.expected[0].request:
            self._reply(self.expected.pop(0))
            self._request = b""
        elif self._lenient:
            self._request = b""
        else:
            wanted = self.expected[0].request if self.expected else b""
            assert wanted.startswith(self._request), (
                f"sent {self._request!r}, the frames file says {wanted!r}"
            )
            assert wanted, f"sent {self._request!r}, the frames file says nothing more"

    def _reply(self, exchange: Exchange) -> None:
        at = asyncio.get_running_loop().time()
        for delay_s, piece in exchange.reply:
            at += delay_s
            self._pending.append((at, piece))
        self._pending.sort(key=lambda item: item[0])

    async def read(self, timeout_s: float) -> bytes:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        if self._pending and self._pending[0][0] > loop.time():
            await asyncio.sleep(max(0.0, min(until, self._pending[0][0]) - loop.time()))
        elif not self._pending and timeout_s > 0:
            await asyncio.sleep(timeout_s)
        return self._take()

    def discard(self) -> int:
        return len(self._take())

    def _take(self) -> bytes:
        now, data = asyncio.get_running_loop().time(), b""
        while self._pending and self._pending[0][0] <= now + 1e-9:
            data += self._pending.pop(0)[1]
        return data
