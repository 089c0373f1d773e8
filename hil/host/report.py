"""The verdict as a table by rule id."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hil.host.ledger import Row

_TEXTS = 3  # per rule


def table(rows: Iterable[Row], *, every: bool = True) -> str:
    """A line for each rule (or for the broken ones only), what broke it below, and the sum."""
    rows = list(rows)
    lines = [f"{'rule':<88} {'level':<6} {'checked':>8} {'violations':>10}  note"]
    for row in rows:
        if every or row.violations:
            lines.append(
                f"{row.rule:<88} {row.level.value:<6} {row.checked:>8} {row.violations:>10}  {row.note}".rstrip()
            )
        if row.violations:
            lines += [f"    {_printable(text)}" for text in row.texts[:_TEXTS]]
    checked = sum(1 for row in rows if row.checked)
    broken = sum(1 for row in rows if row.violations)
    lines.append(
        f"{len(rows)} rules: {checked} checked, {broken} broken, {len(rows) - checked} not looked at"
    )
    return "\n".join(lines)


def _printable(text: str) -> str:
    """Topics may hold bytes that are no text."""
    return text.encode(errors="backslashreplace").decode()
