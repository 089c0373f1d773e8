"""Replies that are one line of text, ended by CR LF: what many laboratory instruments say."""

from __future__ import annotations

import re

from edgectl.model.fault import BadReply

END = b"\r\n"
_FLOW_CONTROL = b"\x11\x13"
_NUMBER = re.compile(r"[+-]?\d{1,9}(?:\.\d{1,9})?", re.ASCII)


def ended(raw: bytes) -> bool:
    """Whether a line is there."""
    return raw.rstrip(_FLOW_CONTROL).endswith(END)


def one_line(raw: bytes) -> str:
    """The one line in ``raw``, without blanks at its ends. XON and XOFF, which some instruments send about their replies, are no part of it.

    Raises:
        BadReply: none, more than one, or a byte that is not printable ASCII.
    """
    line = raw.strip(_FLOW_CONTROL).removesuffix(END).decode("latin-1")
    if not line.strip() or not line.isascii() or not line.isprintable():
        raise BadReply(f"{raw!r} is no line of text")
    return line.strip()


def number(text: str) -> float:
    """A plain decimal number, never an exponent, ``nan`` or ``inf``; minus zero is zero.

    Raises:
        BadReply: not such a number.
    """
    if not _NUMBER.fullmatch(text):
        raise BadReply(f"{text!r} is no number")
    return float(text) + 0.0


def quoted(text: str) -> str:
    """What stands between quotation marks, or the bare text."""
    return text.strip().strip('"').strip()
