"""Watching the files of a unit beside its control process, which never reads them: do they still say what was approved?"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from edgectl.app.control_socket import Unreachable, ask
from edgectl.app.place import Place
from edgectl.config.folder import read_folder
from edgectl.config.plan_file import CURRENT
from edgectl.config.version import Version, hashes, in_force

EVERY_S = 15.0
_RETRY_S = 1.0


async def watch(place: Place, every_s: float = EVERY_S) -> None:
    """Tell control how the files differ, at the start and after every look, until cancelled."""
    while True:
        told = await asyncio.to_thread(_look, place)
        await asyncio.sleep(every_s if told else min(_RETRY_S, every_s))


def _look(place: Place) -> bool:
    """Whether control was told."""
    with contextlib.suppress(Unreachable, OSError, ValueError, KeyError):
        text = difference(place)
        if text is not None:
            runs = str(ask(place.socket, {"do": "status"})["plan"])
            text = "; ".join(filter(None, (text, _pending(place, runs))))
            return bool(ask(place.socket, {"do": "files", "differ": text}).get("heard"))
    return False


def difference(place: Place) -> str | None:
    """How the files of the unit differ from the version in force, in words; None while somebody is saving them."""
    version = in_force(place.versions)
    if version is None or not version.folder:
        return ""
    folder = Path(version.folder)
    found = read_folder(folder)
    if not found.files and any("keeps changing" in problem.message for problem in found.problems):
        return None
    said = _edited(folder, found.files, version)
    if not said:
        return ""
    return f"{folder} is not what was approved as version {version.number}: {', '.join(said)} (edgectl diff {folder})"


def _edited(folder: Path, files: Mapping[str, bytes], version: Version) -> list[str]:
    now, words = hashes(files), []
    for name in sorted({*now, *version.files}):
        if name not in version.files:
            words.append(f"{name} is new")
        elif name not in now:
            there = (folder / name).exists() or (folder / name).is_symlink()
            words.append(f"{name} cannot be read" if there else f"{name} is missing")
        elif now[name] != version.files[name]:
            words.append(f"{name} was edited")
    return words


def _pending(place: Place, runs: str) -> str:
    """What the next start will take, where that is not what runs."""
    current = str(json.loads((place.plans / CURRENT).read_bytes()).get("digest", ""))
    version = in_force(place.versions)
    if not current or current == runs or version is None:
        return ""
    who = (
        f"version {version.number} by {version.person}: {version.reason}"
        if version.plan == current
        else "not by edgectl apply"
    )
    return f"plan {current[:12]} is in force from the next start ({who})"
