"""Reading a unit folder as one snapshot: all files whole, settled, and of one moment.

An editor may be saving while we read. A file counts only when it was last touched ``settle_s`` ago and looks the same before and after all
files were read; otherwise everything is read again, for at most ``patience_s``.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgectl.config.character import MAX_BYTES
from edgectl.config.problem import Place, Problem
from edgectl.config.suggestion import did_you_mean

UNIT, SAFETY, UPLINK, TUNING = FILES = ("unit.yaml", "safety.yaml", "uplink.yaml", "tuning.yaml")
REQUIRED = (UNIT, SAFETY)
SETTLE_S = 0.25
PATIENCE_S = 5.0

_Stamp = tuple[int, int, int, int]


class Unsettled(Exception):
    """A file changed while it was read."""


class Unusable(Exception):
    """A file cannot be read at all; the text says why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The bytes of the files of a folder by file name, and what is wrong with the folder itself."""

    files: Mapping[str, bytes]
    problems: tuple[Problem, ...] = ()


def read_folder(folder: Path, *, settle_s: float = SETTLE_S, patience_s: float = PATIENCE_S) -> Snapshot:
    """One consistent snapshot of the folder. A folder that does not come to rest is a problem, never a mixture."""
    if not folder.is_dir():
        found = "is a file, not a folder" if folder.exists() else "does not exist"
        return Snapshot({}, (Problem(Place(str(folder)), "", f"the unit folder {found}"),))
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _read_once(folder, settle_s)
        except Unsettled as changed:
            if time.monotonic() > deadline:
                text = f"the file keeps changing for {patience_s:g} s; nothing was read"
                return Snapshot({}, (Problem(Place(str(changed)), "", text, "save it and try again"),))
            time.sleep(settle_s)


def _read_once(folder: Path, settle_s: float) -> Snapshot:
    names, problems = _names(folder)
    before = {name: _stamp(folder / name) for name in names}
    _check_settled(folder, before, settle_s)
    files: dict[str, bytes] = {}
    for name in names:
        try:
            files[name] = _read_file(folder / name)
        except Unusable as error:
            problems.append(Problem(Place(str(folder / name)), "", str(error)))
    for name, stamp in before.items():
        if _stamp(folder / name) != stamp:
            raise Unsettled(folder / name)
    if set(_names(folder)[0]) != set(names):
        raise Unsettled(folder)
    return Snapshot(files, tuple(problems))


def _names(folder: Path) -> tuple[list[str], list[Problem]]:
    present = sorted(path.name for path in folder.iterdir())
    names = [name for name in FILES if name in present]
    problems = [
        Problem(Place(str(folder / name)), "", f"{name} is missing", _renamed(name, present))
        for name in REQUIRED
        if name not in names
    ]
    for name in present:
        if name.endswith((".yaml", ".yml")) and name not in FILES and not name.startswith("."):
            free = [known for known in FILES if known not in present]
            text = f"not a file of a unit folder; allowed: {', '.join(FILES)}"
            problems.append(Problem(Place(str(folder / name)), "", text, did_you_mean(name, free)))
    return names, problems


def _renamed(name: str, present: list[str]) -> str:
    found = did_you_mean(name, [other for other in present if other not in FILES])
    return f"{found.removesuffix('?').replace('did you mean', 'rename')} to {name}" if found else ""


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            return (0, 0, 0, 0)
        raise Unsettled(path) from None
    except OSError:
        return (0, 0, 0, 0)  # reading it tells why
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _check_settled(folder: Path, stamps: Mapping[str, _Stamp], settle_s: float) -> None:
    """Wait until the youngest file is old enough. A time in the future is no age: it counts as settled if nothing changes now."""
    now_ns = time.time_ns()
    ages = [(now_ns - max(stamp[2:])) / 1e9 for stamp in stamps.values()]
    youngest = min((age for age in ages if age < settle_s), default=settle_s)
    if youngest < settle_s:
        time.sleep(settle_s - max(0.0, youngest))
        for name, stamp in stamps.items():
            if _stamp(folder / name) != stamp:
                raise Unsettled(folder / name)


def _read_file(path: Path) -> bytes:
    if path.is_symlink() and path.resolve().parent != path.parent.resolve():
        raise Unusable("a link that leads out of the unit folder; copy the file into the folder")
    if path.is_symlink() and not path.exists():
        raise Unusable("a link that leads nowhere; put the file in its place")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Unsettled(path) from None
    except OSError as error:
        raise Unusable(f"cannot be read: {error.strerror}; check owner and permissions") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unusable("is not a plain file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)
