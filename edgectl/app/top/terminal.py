"""A terminal in its second screen, key by key, and left as it was found whatever happens. Standard library only."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from types import FrameType

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"  # second screen, no cursor, no wrapping
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_KEYS = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1bOA": "up", "\x1bOB": "down", "\x1b[5~": "pageup", "\x1b[6~": "pagedown",
    "\x1b[H": "home", "\x1b[F": "end", "\x1b[1~": "home", "\x1b[4~": "end", "\x1bOH": "home", "\x1bOF": "end",
    "\t": "tab", "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace",
}  # fmt: skip
_REST_S = 0.05  # the rest of a key's letters, over a slow connection


class Terminal:
    """Standard input and output as a screen of rows and a source of keys."""

    def __init__(self) -> None:
        self._in, self._out = sys.stdin.fileno(), sys.stdout.fileno()
        self._encoding = sys.stdout.encoding or "ascii"
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._drawn: list[str] = []
        self._size = (0, 0)
        self.resized, self._pipe = os.pipe()
        os.set_blocking(self._pipe, False)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Take the screen, and give it back after anything that Python survives, SIGTERM and a lost connection too."""
        before = termios.tcgetattr(self._in)
        handlers = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
        handlers[signal.SIGWINCH] = signal.signal(signal.SIGWINCH, self._note)
        try:
            tty.setcbreak(self._in)
            quiet = termios.tcgetattr(self._in)
            quiet[6][termios.VSUSP] = b"\0"  # Ctrl-Z would leave the shell in the second screen
            termios.tcsetattr(self._in, termios.TCSANOW, quiet)
            self._write(_ENTER)
            yield
        finally:
            with contextlib.suppress(OSError):
                self._write(_LEAVE)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self._in, termios.TCSAFLUSH, before)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def size(self) -> tuple[int, int]:
        """Columns and rows; 80x24 where the terminal does not say."""
        with contextlib.suppress(OSError):
            columns, rows = os.get_terminal_size(self._out)
            if columns > 0 and rows > 0:
                return columns, rows
        return 80, 24

    def draw(self, rows: Sequence[str], size: tuple[int, int]) -> None:
        """Show ``rows``; only those that have changed are sent."""
        if size != self._size:
            self._size, self._drawn = size, []
            self._write("\x1b[2J")
        old = [*self._drawn, *[None] * len(rows)]
        fresh = "".join(f"\x1b[{at + 1};1H\x1b[2K{text}" for at, text in enumerate(rows) if old[at] != text)
        self._drawn = list(rows)
        if fresh:
            self._write(fresh)

    def keys(self) -> list[str] | None:
        """The keys that wait to be read; None when nobody is there any more."""
        data = os.read(self._in, 1024)
        if not data:
            return None
        begun = data[-1:] == b"\x1b" or data[-2:] in (b"\x1b[", b"\x1bO")
        if begun and select.select([self._in], [], [], _REST_S)[0]:
            data += os.read(self._in, 1024)
        return list(split(self._decoder.decode(data)))

    @property
    def source(self) -> int:
        """The descriptor that keys come from."""
        return self._in

    def _note(self, *_: object) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._pipe, b".")

    def _write(self, text: str) -> None:
        data = text.encode(self._encoding, "replace")
        while data:
            data = data[os.write(self._out, data) :]


def split(text: str) -> Iterator[str]:
    """Letters as keys: names for what is no letter, and nothing for sequences that are not known."""
    at = 0
    while at < len(text):
        length = _length(text, at)
        word = text[at : at + length]
        at += length
        if word == "\x1b":
            yield "esc"
        elif word in _KEYS:
            yield _KEYS[word]
        elif len(word) == 1 and word.isprintable():
            yield word


def _length(text: str, at: int) -> int:
    """How many letters one key has (ECMA-48: a control sequence ends with a letter from @ to ~)."""
    if text[at] != "\x1b" or text[at + 1 : at + 2] not in ("[", "O"):
        return 1
    for end in range(at + 2, len(text)):
        if "@" <= text[end] <= "~":
            return end - at + 1
    return len(text) - at


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
