"""Approved versions of a unit's files: who approved what, when and why, with the files themselves and the plan they make.

``versions/0007/`` holds ``record.json``, ``plan.json`` and the files. A version appears whole, under its number, or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from edgectl.config.folder import FILES
from edgectl.config.plan_file import write_whole
from edgectl.model.codec import load_plan, to_plain
from edgectl.model.plan import Plan

KEPT = 50
ASKED = "asked"  # written down before control is asked; what stays so was never taken
_RECORD, _PLAN, _NEW = "record.json", "plan.json", ".new"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan, the files it was made of, the values from the command line that took the place of theirs, and the folder (empty: unknown)."""

    plan: Plan
    files: Mapping[str, bytes]
    overrides: tuple[str, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class Version:
    """The record of one version. ``files`` are SHA-256 by file name, ``at`` is UTC, ``taken`` says how it came in force."""

    number: int
    plan: str
    files: Mapping[str, str]
    overrides: tuple[str, ...]
    folder: str
    person: str
    at: str
    reason: str
    taken: str

    @property
    def counts(self) -> bool:
        """Whether it is, or was, in force."""
        return self.taken != ASKED


class Damaged(Exception):
    """A kept version cannot be believed; the text says why."""


def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of every file, by name."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}


def versions(folder: Path) -> tuple[Version, ...]:
    """All versions that can be read, the oldest first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name.isdecimal():
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                found.append(_load(path))
    return tuple(sorted(found, key=lambda version: version.number))


def in_force(folder: Path) -> Version | None:
    """The version that was put in force last."""
    return next((version for version in reversed(versions(folder)) if version.counts), None)


def agrees(version: Version | None, proposal: Proposal) -> bool:
    """Whether ``proposal`` is that version over again: nothing new to approve."""
    return version is not None and (version.plan, version.files, version.overrides, version.folder) == (
        proposal.plan.digest,
        hashes(proposal.files),
        proposal.overrides,
        proposal.folder,
    )


def keep(folder: Path, proposal: Proposal, *, person: str, at: str, reason: str, taken: str) -> Version:
    """Keep a version under the next number. A power cut at any moment leaves all of it or nothing.

    Raises:
        OSError: the disk refuses; there is no new version.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder) as descriptor:
        number = max((int(path.name) for path in folder.iterdir() if path.name.isdecimal()), default=0) + 1
        version = Version(
            number, proposal.plan.digest, hashes(proposal.files), proposal.overrides, proposal.folder, person, at, reason, taken,
        )  # fmt: skip
        fresh = folder / _NEW
        shutil.rmtree(fresh, ignore_errors=True)  # of one that was cut short
        fresh.mkdir()
        for name, data in proposal.files.items():
            write_whole(fresh / name, data)
        write_whole(fresh / _PLAN, json.dumps(to_plain(proposal.plan), ensure_ascii=False).encode())
        _write_record(fresh, version)
        fresh.rename(_path(folder, number))
        os.fsync(descriptor)
        _prune(folder)
    return version


def mark(folder: Path, version: Version, taken: str) -> Version:
    """Write down how a version came in force.

    Raises:
        OSError: the disk refuses; the version stays as it was.
    """
    marked = replace(version, taken=taken)
    _write_record(_path(folder, version.number), marked)
    return marked


def drop(folder: Path, version: Version) -> None:
    """Forget a version that was refused. Best effort: one that stays was never in force, and its record says so."""
    shutil.rmtree(_path(folder, version.number), ignore_errors=True)


def proposal_of(folder: Path, version: Version) -> Proposal:
    """The plan and files of a kept version, as they were approved.

    Raises:
        Damaged: they are gone or changed, or this program no longer understands the plan.
    """
    path = _path(folder, version.number)
    try:
        files = {name: (path / name).read_bytes() for name in FILES if name in version.files}
        plan = load_plan((path / _PLAN).read_bytes())
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise Damaged(f"{path / _PLAN}: {error}") from None
    if hashes(files) != dict(version.files):
        raise Damaged(f"{path}: its files are not those that were approved")
    if plan.digest != version.plan:
        raise Damaged(f"{path / _PLAN}: is not the plan that was approved")
    return Proposal(plan, files, version.overrides, version.folder)


def merged(before: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """Values from the command line as a unit has them, with ``more`` in place of those of the same path."""
    paths = {text.partition("=")[0].strip() for text in more}
    return (*(text for text in before if text.partition("=")[0].strip() not in paths), *more)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}"


def _load(path: Path) -> Version:
    data: dict[str, Any] = json.loads((path / _RECORD).read_bytes())
    version = Version(**{**data, "overrides": tuple(data["overrides"])})
    if version.number != int(path.name):
        raise ValueError(path)
    return version


def _write_record(path: Path, version: Version) -> None:
    write_whole(path / _RECORD, json.dumps(asdict(version), indent=1, ensure_ascii=False).encode())


def _prune(folder: Path) -> None:
    kept = versions(folder)
    last = in_force(folder)
    for old in kept[:-KEPT]:
        if last is None or old.number != last.number:
            drop(folder, old)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Two commands at once get two numbers."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
