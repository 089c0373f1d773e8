"""``path=value`` from the command line, laid over the files before they are checked."""

from __future__ import annotations

from collections.abc import Sequence

from edgectl.config.draft import COMMAND_LINE, dotted
from edgectl.config.problem import Place, Problem
from edgectl.config.suggestion import did_you_mean, listed
from edgectl.config.yaml_node import Entry, MappingNode, Scalar


def apply_overrides(root: MappingNode, overrides: Sequence[str]) -> list[Problem]:
    """Set every value in the tree; what cannot be set is a problem. The parent of a key must exist, the key itself need not."""
    problems = (_apply(root, number, text) for number, text in enumerate(overrides, start=1))
    return [problem for problem in problems if problem]


def _apply(root: MappingNode, number: int, text: str) -> Problem | None:
    name, equals, value = text.partition("=")
    keys = name.split(".")
    here = Place(COMMAND_LINE, number, len(name) + 2)
    if not equals or not all(keys):
        message = f"'{text}' is not of the form path=value"
        return Problem(
            Place(COMMAND_LINE, number), "", message, "write for example uplink.port=1884", source=text
        )
    node = root
    for depth, key in enumerate(keys[:-1]):
        entry = node.entries.get(key)
        if entry is None or not isinstance(entry.node, MappingNode):
            known = [k for k, e in node.entries.items() if isinstance(e.node, MappingNode)]
            column = len(".".join(keys[:depth])) + (2 if depth else 1)
            message = f"no '{key}' to set anything in; known: {listed(known)}"
            place = Place(COMMAND_LINE, number, column)
            return Problem(place, dotted(tuple(keys)), message, did_you_mean(key, known), source=text)
        node = entry.node
    key_place = Place(COMMAND_LINE, number, len(name) - len(keys[-1]) + 1)
    node.entries[keys[-1]] = Entry(key_place, Scalar(value, here))
    return None
