"""Rows to a compressed block of columns and back, exactly.

A block is zlib (level 1) over: the table of strings as JSON with its length, then per table the number of rows and
the columns one after another. Numbers are little-endian, and the bytes of a column are laid out by significance (all first bytes, all
second bytes, ...), because neighbours share their high bytes. ``words`` primes the compressor with the names that are to be expected.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Any

Row = tuple[Any, ...]
Tables = Sequence[Sequence[Row]]

_COUNT = struct.Struct("<I")
_BASE = struct.Struct("<q")


def pack(layouts: Sequence[str], tables: Tables, words: bytes = b"") -> bytes:
    """One block of tables; ``layouts`` has a letter per column.

    ``s`` text, ``f`` float or None with every bit, ``i`` integer of 64 bits, ``b`` integer 0..255, ``h`` 8 raw bytes.
    """
    strings: dict[str, int] = {}
    body: list[bytes] = []
    for layout, rows in zip(layouts, tables, strict=True):
        body.append(_COUNT.pack(len(rows)))
        body.extend(
            _PACK[letter](column, strings)
            for letter, column in zip(layout, zip(*rows, strict=True), strict=False)
        )
    names = json.dumps(list(strings), ensure_ascii=False, separators=(",", ":")).encode()
    return deflate(b"".join((_COUNT.pack(len(names)), names, *body)), words)


def unpack(layouts: Sequence[str], block: bytes, words: bytes = b"") -> list[list[Row]]:
    """The tables of a block.

    Raises:
        ValueError: the block is damaged, or of other layouts.
    """
    try:
        source = _Source(inflate(block, words))
        strings = json.loads(source.take(source.count()))
        tables = [_table(layout, source, strings) for layout in layouts]
    except (struct.error, IndexError, TypeError) as error:
        raise ValueError(f"damaged block: {error}") from None
    if source.left:
        raise ValueError(f"damaged block: {source.left} bytes too many")
    return tables


def _table(layout: str, source: _Source, strings: list[str]) -> list[Row]:
    rows = source.count()
    if not rows:
        return []
    columns = [_UNPACK[letter](rows, source, strings) for letter in layout]
    return list(zip(*columns, strict=True))


class _Source:
    """Bytes that are read from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise ValueError("damaged block: too short")
        self._at += size
        return self._data[self._at - size : self._at]

    def count(self) -> int:
        return int(_COUNT.unpack(self.take(4))[0])


def deflate(data: bytes, words: bytes = b"") -> bytes:
    """Compressed, fast rather than small."""
    squeeze = zlib.compressobj(1, zdict=words) if words else zlib.compressobj(1)
    return squeeze.compress(data) + squeeze.flush()


def inflate(data: bytes, words: bytes = b"") -> bytes:
    """The inverse of ``deflate``.

    Raises:
        ValueError: damaged.
    """
    expand = zlib.decompressobj(zdict=words) if words else zlib.decompressobj()
    try:
        plain = expand.decompress(data)
    except zlib.error as error:
        raise ValueError(f"damaged block: {error}") from None
    if not expand.eof or expand.unused_data:
        raise ValueError("damaged block: does not end where it should")
    return plain


def _by_significance(raw: bytes, width: int) -> bytes:
    return b"".join(raw[place::width] for place in range(width))


def _by_value(raw: bytes, width: int) -> bytes:
    rows = len(raw) // width
    if rows == 1:
        return raw
    whole = bytearray(len(raw))
    for place in range(width):
        whole[place::width] = raw[place * rows : (place + 1) * rows]
    return bytes(whole)


def _pack_text(column: Sequence[str], strings: dict[str, int]) -> bytes:
    places = [strings.setdefault(text, len(strings)) for text in column]
    return _by_significance(struct.pack(f"<{len(places)}H", *places), 2)


def _unpack_text(rows: int, source: _Source, strings: list[str]) -> Sequence[str]:
    places = struct.unpack(f"<{rows}H", _by_value(source.take(2 * rows), 2))
    return [strings[place] for place in places]


def _pack_float(column: Sequence[float | None], _: dict[str, int]) -> bytes:
    known = bytes([value is not None for value in column])
    values = [0.0 if value is None else value for value in column]
    return known + _by_significance(struct.pack(f"<{len(values)}d", *values), 8)


def _unpack_float(rows: int, source: _Source, _: list[str]) -> Sequence[float | None]:
    known = source.take(rows)
    values = struct.unpack(f"<{rows}d", _by_value(source.take(8 * rows), 8))
    return [value if there else None for value, there in zip(values, known, strict=True)]


def _pack_integer(column: Sequence[int], _: dict[str, int]) -> bytes:
    base = min(column)
    raw = struct.pack(f"<{len(column)}Q", *[value - base for value in column])
    return _BASE.pack(base) + _by_significance(raw, 8)


def _unpack_integer(rows: int, source: _Source, _: list[str]) -> Sequence[int]:
    base: int = _BASE.unpack(source.take(8))[0]
    offsets = struct.unpack(f"<{rows}Q", _by_value(source.take(8 * rows), 8))
    return [base + offset for offset in offsets]


def _pack_byte(column: Sequence[int], _: dict[str, int]) -> bytes:
    return bytes(column)


def _unpack_byte(rows: int, source: _Source, _: list[str]) -> Sequence[int]:
    return source.take(rows)


def _pack_raw(column: Sequence[bytes], _: dict[str, int]) -> bytes:
    return b"".join(column)


def _unpack_raw(rows: int, source: _Source, _: list[str]) -> Sequence[bytes]:
    whole = source.take(8 * rows)
    return [whole[8 * row : 8 * row + 8] for row in range(rows)]


_PACK: dict[str, Callable[[Any, dict[str, int]], bytes]] = {
    "s": _pack_text,
    "f": _pack_float,
    "i": _pack_integer,
    "b": _pack_byte,
    "h": _pack_raw,
}
_UNPACK: dict[str, Callable[[int, _Source, list[str]], Sequence[Any]]] = {
    "s": _unpack_text,
    "f": _unpack_float,
    "i": _unpack_integer,
    "b": _unpack_byte,
    "h": _unpack_raw,
}
