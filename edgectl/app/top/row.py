"""Rows of a screen: pieces of text with a style, never wider than they may be."""

from __future__ import annotations

import enum
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size


class Style(enum.Enum):
    """How a piece looks: its codes (ECMA-48 SGR) with colours, and without."""

    PLAIN = ("", "")
    DIM = ("2", "")
    BOLD = ("1", "1")
    GOOD = ("32", "")
    WATCH = ("1;33", "1")
    BAD = ("1;31", "1;7")
    ALARM = ("1;37;41", "1;7")
    NOTICE = ("30;43", "7")
    BAR = ("7", "7")


class Piece(NamedTuple):
    """Some text in one style."""

    text: str
    style: Style = Style.PLAIN


Row = tuple[Piece, ...]


def clean(text: str) -> str:
    """Text from YAML or a person without what would move the cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly ``width`` columns; what is too long is cut and ends in ``~``."""
    text, most = clean(text), max(width, 0)
    if cell_len(text) > most:
        return set_cell_size(set_cell_size(text, max(most - 1, 0)) + "~", most)
    blanks = " " * (most - cell_len(text))
    return blanks + text if right else text + blanks


def row(*pieces: Piece | str) -> Row:
    """Pieces side by side."""
    return tuple(Piece(piece) if isinstance(piece, str) else piece for piece in pieces)


def full(text: str, width: int, style: Style) -> Row:
    """One style from edge to edge."""
    return (Piece(fit(text, width), style),)


def paint(parts: Row, width: int, *, colour: bool | None) -> str:
    """The row for a terminal, at most ``width`` columns wide. ``colour`` None: without any codes; False: bold and reversed only."""
    done, left = "", width
    for text, style in parts:
        shown = text if cell_len(text) <= left else set_cell_size(text, left)
        left -= cell_len(shown)
        codes = "" if colour is None else style.value[0 if colour else 1]
        done += f"\x1b[{codes}m{shown}\x1b[0m" if codes and shown else shown
    return done
