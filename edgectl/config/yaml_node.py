"""A strict reading of YAML 1.2: mappings, sequences and scalars that know where they stand, and nothing else.

Scalars stay text. What ``on``, ``010`` or ``1:30`` means is decided where it is known what is wanted, never here. Anchors, aliases, tags,
directives, several documents, repeated keys and values over several lines are errors. PyYAML's event parser does the lexing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from edgectl.config.problem import Place, Problem, cut

MAX_DEPTH = 20
MAX_NODES = 10_000


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as it was written. ``plain``: without quotes."""

    text: str
    place: Place
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under one key, and where the key is."""

    key_place: Place
    node: Node


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Keys and values in the order of the file."""

    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    place: Place
    items: list[Node] = field(default_factory=list)


class _Mark(Protocol):
    """A position counted from 0, as PyYAML gives it."""

    line: int
    column: int


Node = Scalar | MappingNode | SequenceNode


def is_empty(node: Node) -> bool:
    """Whether nothing was written: an empty value, ``~`` or ``null``."""
    return isinstance(node, Scalar) and node.plain and node.text in ("", "~", "null", "Null", "NULL")


def describe(node: Node) -> str:
    """What stands there, for messages."""
    if isinstance(node, Scalar):
        return f"'{cut(node.text)}'"
    return "keys and values" if isinstance(node, MappingNode) else "a list"


def parse(text: str, file: str) -> tuple[MappingNode | None, list[Problem]]:
    """The root mapping of a file, or None, and all that is wrong with its form."""
    builder = _Builder(text, file)
    try:
        root = builder.document()
    except yaml.MarkedYAMLError as error:
        root = None
        problem = _plain_words(error, builder)
        builder.problems += [problem] if problem else []
    except _Stop:
        root = None
    return root, builder.problems


@dataclass(frozen=True, slots=True)
class _Wide:
    """The last value that went over several lines."""

    last_line: int
    quoted: bool
    problem: Problem


class _Stop(Exception):
    """The rest of the file is not worth reading."""


class _Builder:
    """Turns parser events into nodes; collects problems."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = text.split("\n")
        self.problems: list[Problem] = []
        self.wide: _Wide | None = None
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._count = 0

    def document(self) -> MappingNode | None:
        next(self._events)  # stream start
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            self.problem(Place(self.file), "the file holds nothing but comments")
            return None
        if isinstance(start, yaml.DocumentStartEvent) and (start.version or start.tags):
            self.problem(self.place(start.start_mark), "a % directive; YAML directives are not used here")
        root = self.node(next(self._events), 1)
        next(self._events)  # document end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self.problem(
                self.place(after.start_mark), "something follows the end of the document", "delete it"
            )
        if isinstance(root, MappingNode):
            return root
        self.problem(root.place, f"expected 'key: value' lines, found {describe(root)}")
        return None

    def place(self, mark: _Mark | None) -> Place:
        assert mark is not None  # only events made by hand have none
        return Place(self.file, mark.line + 1, mark.column + 1)

    def problem(self, place: Place, message: str, hint: str = "") -> None:
        source = self.lines[place.line - 1] if place.line <= len(self.lines) else ""
        self.problems.append(Problem(place, "", message, hint, source=source))

    def node(self, event: yaml.Event, depth: int) -> Node:
        place = self.place(event.start_mark)
        self._count += 1
        if self._count > MAX_NODES:
            self.problem(place, f"more than {MAX_NODES} values; a unit is never so large")
            raise _Stop
        if depth > MAX_DEPTH:
            self.problem(place, f"nested deeper than {MAX_DEPTH} levels; a unit is never so deep")
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            self.problem(
                place, f"'*{event.anchor}' is a YAML alias; aliases are not used here", "write it out"
            )
            return Scalar("", place, plain=False)
        self._check_marks(event, place)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(place, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place, depth)
        assert isinstance(event, yaml.ScalarEvent)
        return self._scalar(event, place)

    def _check_marks(self, event: yaml.Event, place: Place) -> None:
        if anchor := getattr(event, "anchor", None):
            self.problem(place, f"'&{anchor}' is a YAML anchor; anchors are not used here", "write it out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.problem(
                place, f"'{tag}' is a YAML tag; tags are not used here", "delete it; put text in quotes"
            )

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Scalar:
        last = self.place(event.end_mark).line
        if event.style in (None, "'", '"') and last != place.line:
            said = "the quote opened here closes only" if event.style else "this value goes on; it ends only"
            self.problem(
                place,
                f"{said} on line {last}; a value stands on one line",
                "check the quotes and the indentation; long text goes under '>'",
            )
            self.wide = _Wide(last, event.style is not None, self.problems[-1])
        return Scalar(event.value, place, plain=event.style is None)

    def _sequence(self, place: Place, depth: int) -> SequenceNode:
        found = SequenceNode(place)
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.items.append(self.node(event, depth + 1))
        return found

    def _mapping(self, place: Place, depth: int) -> MappingNode:
        found = MappingNode(place)
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            value = self.node(next(self._events), depth + 1)
            if not isinstance(key, Scalar) or is_empty(key):
                self.problem(key.place, f"a key must be a word, found {describe(key)}")
            elif (first := found.entries.get(key.text)) is not None:
                self.problem(
                    key.place,
                    f"key '{cut(key.text)}' is here twice: line {first.key_place.line} and line {key.place.line}",
                    "keep one of them",
                )
            else:
                found.entries[key.text] = Entry(key.place, value)
        return found


@dataclass(frozen=True, slots=True)
class _Words:
    """Plain words for something PyYAML says. ``at_start``: shown where the thing begins, not where it could not go on."""

    said: str
    message: str
    hint: str
    at_start: bool = False


_WORDS = (
    _Words(
        "mapping values are not allowed",
        "a ':' that cannot be a key here",
        "check the indentation; put text with ': ' in quotes",
    ),
    _Words(
        "expected <block end>",
        "this line is indented differently from the lines it belongs to",
        "line it up with them",
    ),
    _Words(
        "could not find expected ':'", "a key without ':'", "write 'key: value', or delete it", at_start=True
    ),
    _Words(
        "found unexpected end of stream",
        "the quote that begins here is never closed",
        "close it",
        at_start=True,
    ),
    _Words(
        "that cannot start any token", "a value cannot start with this character", "put the value in quotes"
    ),
    _Words("unknown escape character", "an unknown escape in double quotes", "use single quotes"),
    _Words(
        "expected ',' or", "a '[' or '{' is not closed, or a ',' is missing in it", "close it", at_start=True
    ),
    _Words("did not find expected", "the line does not fit what is above it", "check indentation and quotes"),
)
_DEEPER = "this line is indented below the line above, which has a value already"


def _plain_words(error: yaml.MarkedYAMLError, builder: _Builder) -> Problem | None:
    """The problem that stopped the parser, or None when it follows from one that is on record."""
    words = next(
        (words for words in _WORDS if words.said in str(error.problem)), _Words("", str(error.problem), "")
    )
    mark = error.context_mark if words.at_start and error.context_mark else error.problem_mark
    place = builder.place(mark or error.context_mark)
    message, hint = words.message, words.hint
    stop = builder.place(error.problem_mark or error.context_mark)
    if builder.wide is not None and builder.wide.last_line == stop.line:
        if builder.wide.quoted:
            return None
        builder.problems.remove(builder.wide.problem)
        if not words.at_start:
            message, hint = _DEEPER, "line it up with the line above; put text with ': ' in quotes"
    source = builder.lines[place.line - 1] if place.line <= len(builder.lines) else ""
    return Problem(place, "", message, hint, source=source)
