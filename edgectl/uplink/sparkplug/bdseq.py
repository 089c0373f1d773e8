"""The number of a connection: one up with each CONNECT, kept over restarts (specification, 6.4.20; 255 is followed by 0).

Kept, because the will of a process that died may come late: with a number of its own it cannot end the session of the next one.
"""

from __future__ import annotations

from pathlib import Path

from edgectl.store.snapshot import replace_whole

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
        """That CONNECT goes out: the number is never used for another."""
        self._used = self.next()
        replace_whole(self._path, f"{self._used}\n".encode())

    def _read(self) -> int:
        try:
            number = int(self._path.read_text())
        except (OSError, ValueError):
            return _WRAP - 1
        return number % _WRAP
