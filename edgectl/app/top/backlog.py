"""How many records wait for the broker, seen from outside: nothing is written."""

from __future__ import annotations

import contextlib
import sqlite3

from edgectl.app.place import Place
from edgectl.store.database import read_only
from edgectl.store.reader import JournalFault, Reader


def stored(place: Place) -> int | None:
    """Records of the journal that the slowest dialect has not sent yet; None where it cannot be seen."""
    try:
        with Reader(place.journal) as reader:
            head, gone, identity = reader.head(), max(0, reader.oldest() - 1), reader.identity
        waiting = []
        for path in (place.cursor, place.folder / "sparkplug.db"):
            if path.exists():
                with contextlib.closing(read_only(path)) as db:
                    (sent,) = db.execute(
                        "SELECT coalesce(sum(max(0, upto - max(after, ?))), 0) FROM sent WHERE journal = ?",
                        (gone, identity),
                    ).fetchone()
                waiting.append(max(0, head - gone - int(sent)))
    except (JournalFault, sqlite3.Error, OSError):
        return None
    return max(waiting, default=head - gone)
