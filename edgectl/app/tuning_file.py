"""``tuning.yaml``: what a person accepted, laid over unit.yaml by the compiler. Written whole or not at all; edited by hand it is checked like any file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from edgectl.config.folder import TUNING
from edgectl.store.snapshot import replace_whole

_HEAD = """\
# yaml-language-server: $schema=../schema/tuning.schema.json
#
# Settings of loops that `edgectl tune` found and a person accepted. They take the place of those in unit.yaml; delete an entry to have those again.
tuning:
"""


class Unwritable(Exception):
    """The file that is there cannot be read, so that nothing is written over it."""


def read_tuned(folder: Path) -> dict[str, dict[str, Any]]:
    """What was accepted so far, by loop.

    Raises:
        Unwritable: the file is there and cannot be understood.
    """
    path = folder / TUNING
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Unwritable(f"{path}: {error}") from None
    loops = found.get("tuning") if isinstance(found, dict) else None
    if not isinstance(loops, dict) or not all(isinstance(entry, dict) for entry in loops.values()):
        raise Unwritable(f"{path}: not a file that edgectl tune wrote; mend it or delete it")
    return loops


def write_tuned(folder: Path, loop: str, entry: dict[str, str]) -> Path:
    """Accept settings of one loop; the others stay as they are.

    Raises:
        Unwritable: the file that is there cannot be understood.
        OSError: the disk refuses; the file stays as it was.
    """
    loops = {**read_tuned(folder), loop: entry}
    text = _HEAD
    for name, settings in sorted(loops.items()):
        text += f"  {name}:\n"
        for key, value in settings.items():
            text += f"    {key}: {json.dumps(str(value), ensure_ascii=False)}\n"
    path = folder / TUNING
    replace_whole(path, text.encode())
    return path
