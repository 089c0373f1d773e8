"""A unit folder while it is checked: where everything was written, and every problem found so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from edgectl.config.problem import Place, Problem, Severity, cut
from edgectl.config.suggestion import did_you_mean, listed
from edgectl.config.yaml_node import Entry, MappingNode, Node, Scalar, SequenceNode

T = TypeVar("T")
Path = tuple[str | int, ...]
COMMAND_LINE = "command line"


def dotted(path: Path) -> str:
    """``tags.AT-101.range``; list items as ``force[1]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{cut(part, 40)}"
    return text.removeprefix(".")


class Draft:
    """The merged tree of all files of a folder and its problems.

    ``misnamed``: sections that are there under a wrong name, so that nothing is known of what stands in them.
    """

    def __init__(self, root: MappingNode, sources: Mapping[str, Sequence[str]]) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.misnamed: set[str] = set()
        self._sources = sources
        self._failed: set[Path] = set()

    def error(self, path: Path, message: str, hint: str = "", *, on_key: bool = False) -> None:
        """Record what makes the folder unfit to run. The second error at one path is dropped: it follows from the first."""
        if path in self._failed:
            return
        self._failed.add(path)
        self._add(path, message, hint, Severity.ERROR, on_key=on_key)

    def warn(self, path: Path, message: str, hint: str = "", *, on_key: bool = False) -> None:
        """Record what a person should know, though the folder may run."""
        self._add(path, message, hint, Severity.WARNING, on_key=on_key)

    def missing(self, path: Path, hint: str) -> None:
        """Record that the last key of ``path`` is wanted, at the place of what should hold it."""
        self.error(path, f"'{path[-1]}' is missing", hint)

    def node(self, path: Path) -> Node | None:
        """What was written at ``path``."""
        found = self._entry(path)
        return found.node if found else None

    def line_of(self, path: Path) -> str:
        """``unit.yaml line 12`` for messages that name a second place."""
        place = self.place(path, on_key=True)
        name = place.file.rsplit("/", 1)[-1]
        return name if name == COMMAND_LINE else f"{name} line {place.line}"

    def place(self, path: Path, *, on_key: bool = False) -> Place:
        """Where ``path`` was written, or the key of the nearest thing around it."""
        for length in range(len(path), 0, -1):
            if entry := self._entry(path[:length]):
                return entry.key_place if on_key or length < len(path) else entry.node.place
        return self.root.place

    def refer(
        self, path: Path, name: str, kind: str, known: Mapping[str, T | None], *, on_key: bool = False
    ) -> T | None:
        """What ``name`` stands for; None with an error when there is no such name, without one when that part is broken or cannot be known."""
        if name not in known and not self.misnamed:
            message = f"unknown {kind} '{cut(name)}'; known: {listed(known)}"
            self.error(path, message, did_you_mean(name, known), on_key=on_key)
        return known.get(name)

    def _add(self, path: Path, message: str, hint: str, severity: Severity, *, on_key: bool) -> None:
        place = self.place(path, on_key=on_key)
        lines = self._sources.get(place.file, ())
        source = lines[place.line - 1] if place.line <= len(lines) else ""
        self.problems.append(Problem(place, dotted(path), message, hint, severity, source))

    def _entry(self, path: Path) -> Entry | None:
        found: Entry | None = Entry(self.root.place, self.root)
        for part in path:
            found = _child(found.node, part) if found else None
        return found


def _child(node: Node, part: str | int) -> Entry | None:
    if isinstance(node, MappingNode):
        return node.entries.get(str(part))
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
        return Entry(node.items[part].place, node.items[part])
    return None


def text_at(node: Node | None) -> str:
    """The text of a scalar, empty for anything else."""
    return node.text if isinstance(node, Scalar) else ""
