"""The number of a connection: one up with each CONNECT, kept over restarts (specification, 6.4.20; 255 is followed by 0).

Kept, because the will of a process that died may come late: with a number of its own it cannot end the session of the next one.
"""

from __future__ import annotations

import os
from pathlib import Path

_WRAP = 256


class BirthDeathSequence:
    """The number in the file at ``path``; a file that is missing or no number counts as none used yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._used = self._read()

    def next(self) -> int:
        """The number that the next CONNECT carries."""
        return (self._used + 1) % _WRAP

    def use(self) -> None:
        """That CONNECT goes out: the number is never used for another. Not durable over a power cut, which loses at most the last."""
        self._used = self.next()
        fresh = self._path.with_suffix(".new")
        fresh.write_text(f"{self._used}\n")
        os.replace(fresh, self._path)  # noqa: PTH105 - Path.replace says the same in more words

    def _read(self) -> int:
        try:
            number = int(self._path.read_text())
        except (OSError, ValueError):
            return _WRAP - 1
        return number % _WRAP
