"""How often each rule was looked at, how often and by what it was broken, and what is still owed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hil.host.catalogue import JUDGED, OUTSIDE, Level, level

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = 50  # texts per rule; all are counted


class Row(NamedTuple):
    """One line of the result; `note` says why a rule was not judged."""

    rule: str
    level: Level
    checked: int
    violations: int
    note: str
    texts: tuple[str, ...]


class _Due(NamedTuple):
    by_ms: int
    text: str
    rules: tuple[str, ...]


@dataclass(slots=True)
class Ledger:
    """Deviations are SHOULD rules broken on purpose, each with its reason; a MUST there is a ValueError."""

    deviations: Mapping[str, str] = field(default_factory=dict)
    checked: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    texts: dict[str, list[str]] = field(default_factory=dict)
    _due: dict[str, _Due] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule in self.deviations:
            if rule not in JUDGED or level(rule) is not Level.SHOULD:
                raise ValueError(f"{rule} is no SHOULD of the judged rules; nobody may deviate from it")

    def judge(self, ok: bool, text: str, *rules: str) -> None:
        """Count a look at rules that say the same; KeyError for an id that is not judged."""
        for rule in rules:
            if rule not in _KNOWN:
                raise KeyError(rule)
            self.checked[rule] += 1
            if not ok:
                self._break(rule, text)

    def unjudged(self, text: str, *rules: str) -> None:
        """Something was used whose rules nobody judges here: never a clean result."""
        for rule in rules:
            self._break(rule, f"used, and not judged here: {text}")

    def _break(self, rule: str, text: str) -> None:
        self.broken[rule] += 1
        kept = self.texts.setdefault(rule, [])
        if len(kept) < _KEPT:
            kept.append(text)

    def expect(self, key: str, by_ms: int, text: str, *rules: str) -> None:
        """Something must happen until then; an older debt of the same name stands."""
        self._due.setdefault(key, _Due(by_ms, text, rules))

    def owes(self, key: str) -> bool:
        """Whether a debt of that name stands."""
        return key in self._due

    def met(self, key: str) -> None:
        """It has happened (and nothing if nobody waited for it)."""
        due = self._due.pop(key, None)
        if due is not None:
            self.judge(True, "", *due.rules)

    def forget(self, prefix: str) -> None:
        """Debts that nobody can pay any more are neither kept nor broken."""
        self._due = {key: due for key, due in self._due.items() if not key.startswith(prefix)}

    def tick(self, now_ms: int) -> None:
        """What should have happened before now and has not."""
        for key in [key for key, due in self._due.items() if due.by_ms < now_ms]:
            due = self._due.pop(key)
            self.judge(False, due.text, *due.rules)

    def rows(self) -> list[Row]:
        """Every rule of the catalogue, judged or not."""
        return [self._row(rule) for rule in (*JUDGED, *OUTSIDE)]

    def _row(self, rule: str) -> Row:
        checked, broken = self.checked[rule], self.broken[rule]
        note = "" if broken else OUTSIDE.get(rule, "" if checked else "the situation did not come up")
        if rule in self.deviations:
            note, broken = f"deviation by option: {self.deviations[rule]}", 0
        return Row(rule, level(rule), checked, broken, note, tuple(self.texts.get(rule, ())))

    def red(self) -> dict[str, tuple[str, ...]]:
        """The broken rules, each with what broke it."""
        return {row.rule: row.texts for row in self.rows() if row.violations}


_KNOWN = frozenset(JUDGED)
