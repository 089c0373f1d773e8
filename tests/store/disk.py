"""A disk that can be full, slow, stuck or read-only: a seam at the database connection, real SQLite behind it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any


class Disk:
    """How the disk behaves from now on. ``pages`` bounds the database file (SQLITE_FULL); ``released`` unset holds every commit."""

    def __init__(self) -> None:
        self.pages = 0
        self.read_only = False
        self.commit_s: Callable[[], float] = lambda: 0.0
        self.released = threading.Event()
        self.released.set()
        self.stuck = threading.Event()
        self.commits = 0

    def connect(self, path: str) -> sqlite3.Connection:
        """For ``FileJournal(connect=...)``."""
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql.startswith("BEGIN"):
                    pages = disk.pages or 2**31 - 2
                    super().execute(f"PRAGMA max_page_count = {pages}").fetchone()
                    super().execute(f"PRAGMA query_only = {int(disk.read_only)}").fetchone()
                if sql == "COMMIT":
                    disk.commits += 1
                    time.sleep(disk.commit_s())
                    if not disk.released.is_set():
                        disk.stuck.set()
                        disk.released.wait(60)
                return super().execute(sql, *parameters)

        return sqlite3.connect(path, factory=Connection)
