"""Changing single values of a YAML or rig file in its text, so that every comment stays."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from edgectl.config.yaml_node import MappingNode, Node, Scalar, parse

Path = tuple[str, ...]
_TABLE = re.compile(r"\[\[(line|line\.instrument)\]\]")
_KEY = re.compile(r"(name|address|serial)\s*=\s*(.*?)\s*(#.*)?")


def find(text: str, path: Path) -> Node | None:
    """What stands under a path; None if nothing does."""
    node: Node | None = parse(text, "template")[0]
    for key in path:
        entry = node.entries.get(key) if isinstance(node, MappingNode) else None
        node = entry.node if entry else None
    return node


def keys(text: str, path: Path) -> tuple[str, ...]:
    """The keys of a mapping, in the order of the file; none where there is no mapping."""
    node = find(text, path)
    return tuple(node.entries) if isinstance(node, MappingNode) else ()


def value(text: str, path: Path) -> str:
    """A single value as it was written; empty where there is none."""
    node = find(text, path)
    return node.text if isinstance(node, Scalar) else ""


def put(text: str, path: Path, new: str) -> str:
    """``text`` with another value under ``path``; a key that is missing is added below the first of its mapping.

    Raises:
        KeyError: there is no such mapping, or no single value stands there.
    """
    node = find(text, path)
    lines = text.split("\n")
    if isinstance(node, Scalar):
        row, at = node.place.line - 1, node.place.column - 1
        old = len(node.text) + 2 * (not node.plain)
        lines[row] = lines[row][:at] + new + lines[row][at + old :]
        return "\n".join(lines)
    parent = find(text, path[:-1])
    if node is not None or not isinstance(parent, MappingNode) or not parent.entries:
        raise KeyError(".".join(path))
    first = next(iter(parent.entries.values())).key_place
    lines.insert(first.line, f"{' ' * (first.column - 1)}{path[-1]}: {new}")
    return "\n".join(lines)


def drop(text: str, path: Path) -> str:
    """``text`` without the line of a single value; as it was where there is none."""
    node = find(text, path)
    if not isinstance(node, Scalar):
        return text
    lines = text.split("\n")
    del lines[node.place.line - 1]
    return "\n".join(lines)


def renamed(text: str, old: str, new: str) -> str:
    """``text`` with one name for another wherever it stands as a whole word; ``TT-201`` is no part of ``TT-2011``."""
    return re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w])", lambda _: new, text)


def in_area(text: str, digit: str) -> str:
    """``text`` with the hundreds of every tag number changed: ``TT-201`` is ``TT-401`` in area 4."""
    return re.sub(r"\b([A-Z]{1,5})-[1-9](\d\d)\b", rf"\g<1>-{digit}\g<2>", text)


def rig(text: str, changes: Mapping[tuple[str, str], tuple[str, str]]) -> str:
    """A rig file with instruments moved: (line, address) to new address and serial number, either empty for as it was."""
    blocks = re.split(r"(?=^\[\[)", text, flags=re.MULTILINE)
    line = ""
    done = []
    for block in blocks:
        table = _TABLE.match(block)
        if table and table[1] == "line":
            line = _held(block, "name")
        elif table:
            address, serial = changes.get((line, _held(block, "address")), ("", ""))
            block = _set(_set(block, "address", address), "serial", serial)  # noqa: PLW2901
        done.append(block)
    return "".join(done)


def _held(block: str, key: str) -> str:
    found = (_KEY.fullmatch(row) for row in block.split("\n"))
    return next((match[2].strip('"') for match in found if match and match[1] == key), "")


def _set(block: str, key: str, new: str) -> str:
    """A block with another value; the key is added behind the first line where it is missing."""
    if not new:
        return block
    shown = new if new.isdecimal() and key == "address" else f'"{new}"'
    rows: Sequence[str] = block.split("\n")
    kept = [row for row in rows if not ((match := _KEY.fullmatch(row)) and match[1] == key)]
    return "\n".join([kept[0], f"{key} = {shown}", *kept[1:]])
