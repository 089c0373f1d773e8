"""Asks the control process again and again, from a thread, so that the screen never waits for it."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from edgectl.app.control_socket import Unreachable, ask
from edgectl.app.place import Place
from edgectl.app.top.backlog import stored
from edgectl.app.top.frame import Seen
from edgectl.app.top.view import Acknowledge

LOOK_S = 1.0
_BUSY_S = 5.0  # of the unit's clock; a load over less would jump


class Watcher:
    """``seen`` is the latest; a byte in the pipe ``wake`` says that there is something new. ``told`` are answers to what was asked, oldest first."""

    def __init__(self, place: Place, actor: str) -> None:
        self._place, self._actor = place, actor
        self._asked: queue.SimpleQueue[Acknowledge] = queue.SimpleQueue()
        self.told: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.seen = Seen(place.folder.name)
        self.wake, self._pipe = os.pipe()
        os.set_blocking(self._pipe, False)  # a screen that draws slowly needs no more than one byte
        self._thread = threading.Thread(target=self._run, daemon=True, name="watcher")
        self._answered_s = time.monotonic()
        self._load = _Load()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def put(self, asked: Acknowledge) -> None:
        """Have the unit asked for something."""
        self._asked.put(asked)

    def _run(self) -> None:
        next_s = time.monotonic()
        while True:
            with contextlib.suppress(queue.Empty):
                asked = self._asked.get(timeout=max(0.0, next_s - time.monotonic()))
                self.told.put(self._acknowledge(asked))
            self.look()
            next_s = time.monotonic() + LOOK_S
            with contextlib.suppress(BlockingIOError):
                os.write(self._pipe, b".")

    def look(self) -> None:
        """One look at the unit."""
        old, now_s = self.seen, time.monotonic()
        try:
            picture = ask(self._place.socket, {"do": "status"})
        except (Unreachable, ValueError) as error:
            why = str(error).removeprefix(f"{self._place.socket}: ").partition(". ")[0]
            self.seen = Seen(old.unit, old.picture, why, now_s - self._answered_s, old.stored, old.trends)
            return
        self._answered_s = now_s
        old.trends.take(picture)
        unit = picture["unit_state"]
        offline = unit["uplink"] not in ("none", "connected") or unit["uplink_lost_s"] > 0.0
        waiting = stored(self._place) if offline else None
        self.seen = Seen(old.unit, self._load.of(picture), "", 0.0, waiting, old.trends)

    def _acknowledge(self, asked: Acknowledge) -> str:
        question = {
            "do": "request", "id": secrets.token_hex(8), "ask": "acknowledge", "target": asked.target, "value": 0.0,
            "actor": self._actor, "reason": asked.reason,
        }  # fmt: skip
        try:
            answer = ask(self._place.socket, question)
        except (Unreachable, ValueError) as error:
            return f"NOT acknowledged, no answer: {error}"
        if answer.get("accepted"):
            return f"accepted: {answer.get('reason') or f'acknowledge {asked.target}'}"
        return f"refused: {answer.get('reason') or answer.get('error')}"


class _Load:
    """How busy each line was, over some seconds of the unit's own clock."""

    def __init__(self) -> None:
        self._from: Mapping[str, Any] | None = None
        self._loads: dict[str, float] = {}

    def of(self, picture: Mapping[str, Any]) -> dict[str, Any]:
        """The picture with ``load`` at each line, where it is known."""
        since = self._from
        if since is None or picture["utc_ns"] < since["utc_ns"]:
            self._from, self._loads = picture, {}
        elif (span_s := (picture["utc_ns"] - since["utc_ns"]) / 1e9) >= _BUSY_S:
            self._loads = {
                name: min(max((_busy_s(picture, name) - _busy_s(since, name)) / span_s, 0.0), 1.0)
                for name in picture["lines"]
                if name in since["lines"]
            }
            self._from = picture
        lines = {name: {**line, "load": self._loads.get(name)} for name, line in picture["lines"].items()}
        return {**picture, "lines": lines}


def _busy_s(picture: Mapping[str, Any], line: str) -> float:
    return float(picture["lines"][line]["statistics"]["busy_s"])
