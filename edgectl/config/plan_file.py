"""Approved plans on disk: written whole or not at all, the last good ones kept.

``DIGEST.json`` holds a plan, the link ``current`` names the one in force.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from edgectl.model.codec import load_plan, to_plain
from edgectl.model.plan import Plan

CURRENT = "current"
KEPT = 10


def store_plan(folder: Path, plan: Plan) -> Path:
    """Put ``plan`` in force and return its file. A power cut at any moment leaves the old one or the new one in force.

    Raises:
        OSError: the disk refuses; the old plan stays in force.
    """
    path = keep_plan(folder, plan)
    link = folder / f".{CURRENT}.new"
    link.unlink(missing_ok=True)
    link.symlink_to(path.name)
    link.replace(folder / CURRENT)
    _sync(folder)
    for old in [other for other in _youngest_first(folder) if other != path][KEPT - 1 :]:
        old.unlink(missing_ok=True)
    return path


def keep_plan(folder: Path, plan: Plan) -> Path:
    """Keep ``plan`` among the approved ones, without putting it in force.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plan.digest}.json"
    write_whole(path, json.dumps(to_plain(plan), indent=1, ensure_ascii=False).encode())
    return path


def load_last_good(folder: Path) -> tuple[Path, Plan] | None:
    """The plan in force and its file or, if that cannot be believed, the youngest other one that can; None if none can."""
    for path in (folder / CURRENT, *_youngest_first(folder)):
        try:
            return path.resolve(), load_plan(path.read_bytes())
        except (OSError, ValueError):
            continue
    return None


def write_whole(path: Path, data: bytes) -> None:
    """Write-new, sync, rename, sync the folder: the old file or the new one, never a part.

    Raises:
        OSError: the disk refuses; what was there before is still whole.
    """
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _youngest_first(folder: Path) -> list[Path]:
    plans = [path for path in folder.glob("*.json") if not path.name.startswith(".")]
    return sorted(plans, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
