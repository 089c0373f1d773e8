"""What the person at the screen has chosen, and what a key does to it. No terminal here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from edgectl.app.alarm import listed
from edgectl.app.top.page import WAITING, Item

PAGES = ("Loops", "Alarms", "Outputs", "Values", "Feeds", "Lines")
_ALARMS = 1
_LONGEST = 200


class Acknowledge(NamedTuple):
    """What is to be asked of the unit."""

    target: str
    reason: str


@dataclass(slots=True)
class Prompt:
    """An acknowledgement on its way: first why, then whether it is meant."""

    target: str
    reason: str = ""
    asks: bool = False


@dataclass(slots=True)
class View:
    """``chosen`` is the name of the chosen item, so that it stays chosen when rows move. ``top`` is the first row of the page that is seen."""

    actor: str
    page: int = 0
    chosen: str = ""
    top: int = 0
    prompt: Prompt | None = None
    message: str = ""
    quit: bool = field(default=False)

    def press(self, key: str, picture: Mapping[str, Any] | None, items: Sequence[Item]) -> Acknowledge | None:
        """Do what ``key`` means; gives what is to be asked of the unit, if anything."""
        if self.prompt is not None:
            return self._answer(self.prompt, key)
        self.message = ""
        if key == "q":
            self.quit = True
        elif key.isdecimal() and 1 <= int(key) <= len(PAGES):
            self._turn(int(key) - 1)
        elif key == "tab":
            self._turn((self.page + 1) % len(PAGES))
        elif key in ("up", "down", "pageup", "pagedown", "home", "end"):
            self._move(key, items)
        elif key in ("a", "A"):
            self._acknowledge(picture, every=key == "A")
        else:
            self.message = "keys: 1-6 or Tab page, arrows choose, a acknowledge, A all, q quit"
        return None

    def _turn(self, page: int) -> None:
        self.page, self.chosen, self.top = page, "", 0

    def _move(self, key: str, items: Sequence[Item]) -> None:
        names = [item.name for item in items if item.name]
        if not names:
            return
        at = names.index(self.chosen) if self.chosen in names else -1
        step = {"up": -1, "down": 1, "pageup": -10, "pagedown": 10, "home": -len(names), "end": len(names)}[
            key
        ]
        self.chosen = names[min(max(at + step, 0), len(names) - 1)]

    def _acknowledge(self, picture: Mapping[str, Any] | None, *, every: bool) -> None:
        waiting = (
            []
            if picture is None
            else [row["name"] for row in listed(dict(picture)) if row["state"] in WAITING]
        )
        if not waiting:
            self.message = "no alarm waits to be acknowledged"
        elif every:
            self.prompt = Prompt("all")
        elif self.page != _ALARMS:
            self.prompt = Prompt(waiting[0])
        elif self.chosen in waiting or not self.chosen:
            self.prompt = Prompt(self.chosen or waiting[0])
        else:
            self.message = f"{self.chosen} does not wait to be acknowledged"

    def _answer(self, prompt: Prompt, key: str) -> Acknowledge | None:
        if key == "esc" or (prompt.asks and key in ("n", "N")):
            self.prompt, self.message = None, "nothing was acknowledged"
        elif prompt.asks:
            if key in ("y", "Y"):
                self.prompt, self.message = None, f"asking: acknowledge {prompt.target}"
                return Acknowledge(prompt.target, prompt.reason.strip())
        elif key == "enter":
            prompt.asks = bool(prompt.reason.strip())
        elif key == "backspace":
            prompt.reason = prompt.reason[:-1]
        elif len(key) == 1 and key.isprintable() and len(prompt.reason) < _LONGEST:
            prompt.reason += key
        return None
