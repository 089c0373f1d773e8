"""From the bytes of a file to text without traps: UTF-8, no tabs, nothing invisible, not cut off."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from edgectl.config.problem import Place, Problem, cut

MAX_BYTES = 128 * 1024
_REPORTED = 20
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_TABBED = re.compile(r"\t")
_COMMENT = re.compile(r"(?:^|\s)#")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zs", "Zl", "Zp"})


def named(character: str) -> str:
    """A character as people can find it in a table: ``U+00A0 NO-BREAK SPACE``."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'CONTROL CHARACTER')}"


def visible(text: str) -> str:
    """``text`` in quotes, with the name of every character beyond ASCII behind it."""
    text = cut(text)
    strange = dict.fromkeys(c for c in text if not c.isascii() or not c.isprintable())
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return f"'{shown}'" + (f" ({', '.join(named(c) for c in strange)})" if strange else "")


def decode(raw: bytes, file: str) -> tuple[str, list[Problem]]:
    """The text of a file with plain line ends, and what is wrong with its characters.

    A byte order mark and CRLF line ends are accepted and removed.
    """
    whole = Place(file)
    if len(raw) > MAX_BYTES:
        return "", [
            Problem(whole, "", f"the file is larger than {MAX_BYTES // 1024} KiB; is it the right file?")
        ]
    if raw.startswith(_UTF16):
        return "", [Problem(whole, "", "the file is UTF-16; save it as UTF-8")]
    try:
        text = raw.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        return "", [_not_utf8(error, file)]
    text = text.replace("\r\n", "\n")
    if not text.strip():
        return "", [Problem(whole, "", "the file is empty")]
    problems = list(_strange(text, file))
    if not text.endswith("\n"):
        problems.append(_cut(text, file))
    return text, problems


def _not_utf8(error: UnicodeDecodeError, file: str) -> Problem:
    before = error.object[: error.start]
    line = before.count(b"\n") + 1
    start = before.rfind(b"\n") + 1
    column = len(before[start:].decode("utf-8", "replace")) + 1
    byte = error.object[error.start]
    source = error.object[start:].split(b"\n", 1)[0].decode("latin-1").rstrip("\r")
    return Problem(
        Place(file, line, column),
        "",
        f"byte 0x{byte:02X} is not UTF-8 (in Latin-1 it would be {visible(chr(byte))})",
        "save the file as UTF-8",
        source=source,
    )


def _cut(text: str, file: str) -> Problem:
    last = text.rsplit("\n", 1)[-1]
    return Problem(
        Place(file, text.count("\n") + 1, len(last) + 1),
        "",
        "the file does not end with a line end, so it may have been cut off",
        "save it again with an empty last line",
        source=last,
    )


def _strange(text: str, file: str) -> Iterator[Problem]:
    if text.isascii() and "\t" not in text and not _ASCII_CONTROL.search(text):
        return
    found = 0
    for number, line in enumerate(text.split("\n"), start=1):
        for column, message, hint in _strange_in(line):
            yield Problem(Place(file, number, column), "", message, hint, source=line.replace("\t", " "))
            found += 1
            if found == _REPORTED:
                return


def _strange_in(line: str) -> Iterator[tuple[int, str, str]]:
    """Column, message and hint of what may not stand in a line. One tab a line is enough; a tab in a comment does no harm."""
    comment = _COMMENT.search(line)
    tab = _TABBED.search(line, 0, comment.start() if comment else len(line))
    if tab:
        where = "in the indentation" if not line[: tab.start()].strip() else "between words"
        yield tab.start() + 1, f"a tab {where}", "use spaces"
    for column, character in enumerate(line, start=1):
        if character in "\t " or "!" <= character <= "~":
            continue
        if unicodedata.category(character) in _HIDDEN:
            yield column, f"an invisible character: {named(character)}", "delete it or type a plain space"
