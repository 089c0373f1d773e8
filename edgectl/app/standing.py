"""How a unit stands before somebody changes it: what runs, or what the next start takes, and whether a batch or a hold is on."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgectl.app.control_socket import Unreachable, ask
from edgectl.app.place import Place
from edgectl.config.compile import Compiled, compile_folder
from edgectl.config.plan_file import CURRENT
from edgectl.config.version import Version, in_force, merged, versions
from edgectl.model.codec import load_plan
from edgectl.model.plan import Plan
from edgectl.store.snapshot import unpack


class Unknown(Exception):
    """The unit cannot be told from here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Standing:
    """``plan`` runs (``runs``) or, with control down, is in force; ``next_plan`` is the digest that a start would take."""

    place: Place
    runs: bool
    plan: Plan
    next_plan: str
    held: bool
    batch: str

    @property
    def words(self) -> str:
        """``BR-1 runs plan 0123456789ab``."""
        verb = "runs" if self.runs else "is not running; in force is"
        return f"{self.plan.unit} {verb} plan {self.plan.digest[:12]}"


def standing(place: Place) -> Standing:
    """Ask control, or read what the last one left.

    Raises:
        Unknown: there is no plan to compare with.
    """
    try:
        picture = ask(place.socket, {"do": "status"})
        digest, current = str(picture["plan"]), _load(place.plans / CURRENT)
        plan = current if current and current.digest == digest else _load(place.plans / f"{digest}.json")
        unit = picture["unit_state"]
        found = (True, str(unit["held"] or ""), str(unit["batch"]))
    except Unreachable:
        plan = current = _load(place.plans / CURRENT)
        found = (False, *_left(place))
    if plan is None:
        raise Unknown(
            f"{place.folder.name}: no plan of it is kept in {place.plans}. Start it with: edgectl run FOLDER"
        )
    runs, held, batch = found
    return Standing(place, runs, plan, current.digest if current else "", bool(held), batch)


def proposed(state_dir: Path, folder: Path, overrides: Sequence[str]) -> tuple[Compiled, tuple[str, ...]]:
    """A folder as the unit would take it: with the values its start had from the command line, and ``overrides`` over them."""
    version = latest_of(state_dir, folder)
    values = merged(version.overrides if version else (), overrides)
    return compile_folder(folder, values), values


def latest_of(state_dir: Path, folder: Path) -> Version | None:
    """The version in force of the unit whose files are in ``folder``: it is found without reading them, so also when they are broken."""
    found = [version for place in _places(state_dir) if (version := in_force(place.versions))]
    ours = [version for version in found if version.folder == str(folder.resolve())]
    return max(ours, key=lambda version: version.at, default=None)


def place_of(state_dir: Path, target: str | None) -> Place:
    """The state folder of a unit by its name, by the folder of its files, or of the only unit there is.

    Raises:
        Unknown: none, or several.
    """
    places = _places(state_dir)
    if target is not None:
        folder = Path(target)
        if not folder.is_dir():
            named = [place for place in places if place.folder.name == target]
        else:
            named = [
                place
                for place in places
                if (last := in_force(place.versions)) and last.folder == str(folder.resolve())
            ]
        places = named
    if len(places) == 1:
        return places[0]
    if not places:
        raise Unknown(f"{target or state_dir}: no unit of that has approved versions under {state_dir}")
    raise Unknown(f"several units are kept here, name one of: {', '.join(p.folder.name for p in places)}")


def _places(state_dir: Path) -> list[Place]:
    found = sorted(state_dir.glob("*/versions")) if state_dir.is_dir() else []
    return [Place(path.parent) for path in found if versions(path)]


def _load(path: Path) -> Plan | None:
    with contextlib.suppress(OSError, ValueError):
        return load_plan(path.read_bytes())
    return None


def _left(place: Place) -> tuple[str, str]:
    """Hold and batch as the last control process saved them; nothing where it saved nothing that can be read."""
    saved: Any = None
    with contextlib.suppress(OSError, ValueError):
        saved = unpack(place.snapshot.read_bytes())
    return (saved.state.unit.held, saved.state.unit.batch) if saved else ("", "")
