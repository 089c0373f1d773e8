"""One control process per unit."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class AlreadyRunning(Exception):
    """Another control process holds this unit; nothing was opened and nothing sent."""


@contextlib.contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Hold the unit's lock file (flock(2): it ends with the process, however that ends). None holds nothing.

    Raises:
        AlreadyRunning: somebody else holds it; the text names the process.
    """
    if path is None:
        yield
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
            raise AlreadyRunning(
                f"{path}: process {holder} controls this unit already; stop it first, or look at it with `edgectl status`"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
