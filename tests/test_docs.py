"""Documents keep their word: every message they quote is in the source, every link leads somewhere, every command exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from edgectl.app.command_line import edgectl

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GAP = "…"


@cache
def templates() -> tuple[str, ...]:
    """Every text of the source as people see it, with a gap for each value."""
    return tuple(
        text for path in (ROOT / "edgectl").rglob("*.py") for text in _texts(ast.parse(path.read_text()))
    )


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def quoted() -> list[str]:
    """The first cell of every table in the error reference."""
    return re.findall(r"^\| `(.+?)` \|", (DOCS / "errors.md").read_text(), re.MULTILINE)


def stands(message: str, sources: tuple[str, ...]) -> bool:
    """Whether a text of the source contains it, gaps where the source has values; it may begin and end with values of another text."""
    core = message.strip(GAP)
    return len(core.replace(GAP, "")) >= 8 and any(core in text for text in sources)


@pytest.mark.parametrize("message", quoted())
def test_every_message_of_the_error_reference_is_in_the_source(message: str) -> None:
    assert stands(message, templates()), f"docs/errors.md quotes {message!r}, which nobody says"


def test_a_message_that_nobody_says_is_found() -> None:
    assert len(quoted()) > 60
    for wrong in ("there is no loop or valve named …", "… is outside of … to …", "…"):
        assert not stands(wrong, templates())


@pytest.mark.parametrize("path", [*sorted(DOCS.glob("*.md")), ROOT / "README.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_readme_names_every_document() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [path.name for path in DOCS.glob("*.md") if f"docs/{path.name}" not in readme] == []


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_commands_and_their_options_exist(path: Path) -> None:
    """Those in code, with the words that follow them."""
    text = path.read_text()
    calls = re.findall(
        r"(?:^    |`)(?:sudo |sudo -u edgectl )?edgectl ([a-z-]+)([^`\n#]*)", text, re.MULTILINE
    )
    assert calls or path.name == "wiring.md"
    for name, rest in calls:
        command = edgectl.commands.get(name)
        assert command is not None, f"{path.name}: edgectl {name}"
        options = {
            option for found in _family(command) for parameter in found.params for option in parameter.opts
        }
        for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
            assert option in options, f"{path.name}: edgectl {name} {option}"


def _family(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for member in command.commands.values():
            yield from _family(member)
