"""A slip of the finger in any key is answered with the right word (C02)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgectl.config.compile import compile_folder
from edgectl.config.yaml_node import Entry, MappingNode, Node, SequenceNode, parse

CONFIGS = Path(__file__).parents[2] / "configs"
NAMED = {"lines", "instruments", "tags", "actuators", "loops", "limits", "interlocks", "drives"}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
ROUNDS = 8


def swapped(word: str, at: int, dice: random.Random) -> str:
    return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :] if at else word[1] + word[0] + word[2:]


def left_out(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + word[at + 1 :]


def doubled(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + word[at] + word[at:]


def added(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + dice.choice(LETTERS) + word[at:]


def wrong(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + dice.choice(LETTERS) + word[at + 1 :]


def in_another_case(word: str, at: int, dice: random.Random) -> str:
    return dice.choice((word.upper(), word.capitalize(), word.replace("_", "-")))


SLIPS: tuple[Callable[[str, int, random.Random], str], ...] = (
    swapped,
    left_out,
    doubled,
    added,
    wrong,
    in_another_case,
)


def records(node: Node, *, names: bool = False) -> Iterator[MappingNode]:
    """Every mapping whose keys are words of ours, not names a technician gave."""
    if isinstance(node, SequenceNode):
        for item in node.items:
            yield from records(item)
    if isinstance(node, MappingNode):
        if not names and node.entries:
            yield node
        for key, entry in node.entries.items():
            yield from records(entry.node, names=key in NAMED)


def misspelt(
    text: str, name: str, dice: random.Random, *, top: bool
) -> tuple[str, dict[tuple[int, int], str]]:
    """``text`` with one slip in each section (or one at the top), and the right word by line and column."""
    root, problems = parse(text, name)
    assert root is not None
    assert not problems
    found = [root] if top else [record for record in records(root) if record is not root]
    chosen: list[tuple[str, Entry]] = [dice.choice([*r.entries.items()]) for r in found]
    lines = text.split("\n")
    expected: dict[tuple[int, int], str] = {}
    taken: set[int] = set()
    for key, entry in chosen:
        place = entry.key_place
        slip = dice.choice(SLIPS)(key, dice.randrange(len(key)), dice)
        if slip == key or not slip or place.line in taken:
            continue
        taken.add(place.line)
        line = lines[place.line - 1]
        lines[place.line - 1] = line[: place.column - 1] + slip + line[place.column - 1 + len(key) :]
        expected[place.line, place.column] = key
    return "\n".join(lines), expected


def hints(folder: Path, target: Path, name: str, dice: random.Random, *, top: bool) -> tuple[int, int]:
    """How many hints were right, of how many slips. A slip inside what another slip hides cannot be seen."""
    target.mkdir(exist_ok=True)
    for path in folder.glob("*.yaml"):
        (target / path.name).write_text(path.read_text())
    text, expected = misspelt((folder / name).read_text(), name, dice, top=top)
    (target / name).write_text(text)
    found = compile_folder(target, settle_s=0.0).problems
    said = {(p.place.line, p.place.column): p.hint for p in found if p.place.file.endswith(name)}
    seen = {place: key for place, key in expected.items() if place in said}
    return sum(said[place] == f"did you mean '{key}'?" for place, key in seen.items()), len(seen)


@pytest.mark.parametrize("name", ["demo", "example-2l", "perfusion-2l", "rocking-2l"])
def test_nineteen_of_twenty_slips_get_the_right_hint(name: str, tmp_path: Path) -> None:
    dice = random.Random(name)
    right = total = 0
    for round_ in range(ROUNDS):
        for file in ("unit.yaml", "safety.yaml", "uplink.yaml"):
            counts = hints(CONFIGS / name, tmp_path / "u", file, dice, top=round_ < 3)
            right, total = right + counts[0], total + counts[1]
    assert total > 150
    assert right / total >= 0.95, f"{right} of {total}"
