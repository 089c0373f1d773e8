"""What technicians get wrong, as a table: ``python -m tests.config.mistakes``.

Section C01 to C10 of the fault catalogue as the tests of form, value and relation have them, mistakes in the sections that came later, and misspellings.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgectl.config.compile import compile_folder
from edgectl.config.problem import Problem
from tests.config.mistake_list import BASES, MISSPELT, OWN, Slip
from tests.config.test_config_form import FORM
from tests.config.test_config_relation import RELATION
from tests.config.test_config_value import VALUE
from tests.config.unit_folder import FILES, HERE, Bad


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    group: str
    name: str
    expected: str
    found: str
    said: str
    suggested: bool | None = None

    @property
    def right(self) -> bool:
        """Whether the mistake is reported at its line, and in the words that help."""
        return self.expected == self.found


def tried(slip: Slip, folder: Path) -> tuple[tuple[int, int], list[Problem]]:
    """Where the mark stands, and everything that is said about the file."""
    name = f"{slip.file}.yaml"
    text = BASES[slip.base][name]
    assert text.count(slip.old) == 1, f"{slip.old!r} stands {text.count(slip.old)} times"
    before, mark, after = text.replace(slip.old, slip.new).partition(HERE)
    assert mark, f"no mark in {slip.new!r}"
    folder.mkdir(exist_ok=True)
    for other, right in BASES[slip.base].items():
        (folder / other).write_text(before + after if other == name else right)
    found = compile_folder(folder, settle_s=0.0).problems
    place = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
    return place, [problem for problem in found if Path(problem.place.file).name == name]


def own(group: str, name: str, slip: Slip, folder: Path) -> Row:
    """One mistake, tried."""
    place, said = tried(slip, folder)
    here = [p for p in said if p.place.line == place[0] and slip.says in p.render()]
    first = next(iter(here or said), None)
    suggested = None
    if slip.meant:
        suggested = any(p.hint == f"did you mean '{slip.meant}'?" for p in here)
    where = f"{first.place.line}" if first else "nothing"
    if first and slip.says not in first.render():
        where += f" (not: {slip.says})"
    text = "; ".join(filter(None, (first.message, first.hint))) if first else ""
    return Row(group, name, f"{place[0]}", where, text, suggested)


def catalogue(group: str, name: str, bad: Bad, folder: Path) -> Row:
    """A mistake that the tests have already: right when they are content."""
    text = FILES[f"{bad.file}.yaml"].replace(bad.old, bad.new)
    line = str(text[: text.index(HERE)].count("\n") + 1)
    try:
        problem = bad.problem(folder)
    except AssertionError as error:
        return Row(group, name, line, "elsewhere", str(error).split("\n", maxsplit=1)[0])
    said = "; ".join(filter(None, (problem.message, problem.hint)))
    return Row(group, name, line, str(problem.place.line), said)


def rows(folder: Path) -> Iterator[Row]:
    """Every mistake, tried."""
    for name, bad in {**FORM, **VALUE, **RELATION}.items():
        if name[:3] in {f"C{n:02d}" for n in range(1, 11)}:
            yield catalogue(name[:3], name[4:], bad, folder)
    for name, slip in OWN.items():
        yield own("own", name, slip, folder / slip.base)
    for slip in MISSPELT:
        wrong = slip.new.partition(HERE)[2]
        name = f"{slip.meant} as {wrong[: len(wrong) - len(slip.old.partition(slip.meant)[2])]}"
        yield own("C02 more", name, slip, folder / slip.base)


def table(found: list[Row]) -> str:
    """The table, and what it comes to."""
    lines = ["| group | mistake | line | reported | suggestion | said |", "|---|---|---|---|---|---|"]
    for row in found:
        hint = "" if row.suggested is None else "right" if row.suggested else "**wrong**"
        said = row.said.replace("|", "/")
        where = row.found if row.right else f"**{row.found}**"
        lines.append(f"| {row.group} | {row.name} | {row.expected} | {where} | {hint} | {said[:110]} |")
    groups = Counter(row.group for row in found)
    at_line = sum(row.right for row in found)
    words = [row.suggested for row in found if row.suggested is not None]
    lines += [
        "",
        ", ".join(f"{group} {count}" for group, count in groups.items()),
        f"{at_line} of {len(found)} reported at the right line; {sum(words)} of {len(words)} suggestions right",
    ]
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 if a mistake was not reported where it stands."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(rows(Path(folder)))
    print(table(found))
    return int(not all(row.right for row in found))


if __name__ == "__main__":
    sys.exit(main())
