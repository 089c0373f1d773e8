"""A running unit at the other end of its control socket, and the person at this terminal."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from edgectl.app.calibrate import NotGranted
from edgectl.app.control_socket import Unreachable, ask, user
from edgectl.app.place import Place
from edgectl.model.calibration import CalibrationSession, CalibrationState
from edgectl.model.codec import from_plain

_RENEW_S = 15.0


class SocketUnit:
    """The unit far away, for a calibration."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def ask(self, target: str, value: str, reason: str) -> str:
        """One calibration request.

        Raises:
            NotGranted: it is refused.
            Unreachable: no control process answers.
        """
        question = {"do": "request", "id": secrets.token_hex(8), "ask": "calibrate", "target": target, "value": value, "actor": user(), "reason": reason}  # fmt: skip
        answer = ask(self._place.socket, question)
        if not answer.get("accepted"):
            raise NotGranted(str(answer.get("reason") or answer.get("error")))
        return str(answer["reason"])

    def status(self) -> dict[str, Any]:
        """The whole unit as it stands."""
        return ask(self._place.socket, {"do": "status"})

    def session(self, target: str) -> CalibrationSession | None:
        """The session on ``target``."""
        found = self.status()["sessions"].get(target)
        return None if found is None else from_plain(CalibrationSession, found)

    def calibrations(self) -> dict[str, CalibrationState]:
        """What is in force, and what was before."""
        found = self.status()["calibrations"]
        return {name: from_plain(CalibrationState, state) for name, state in found.items()}

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        time.sleep(seconds)


class Terminal:
    """The person at this terminal. ``answers`` are the numbers of a script, which waits for nobody (``hurry``).

    While the person is away the session is renewed from a thread: it ends with this process and not before.
    """

    def __init__(self, unit: SocketUnit, target: str, answers: Sequence[float], *, hurry: bool) -> None:
        self._unit, self._target, self._hurry = unit, target, hurry
        self._answers = list(answers)

    def ready(self, words: str) -> None:
        """Ask to do something, and come back when it is done."""
        if self._hurry:
            self.say(words)
            return
        with self._kept():
            click.prompt(f"{words}; then press Enter", default="", show_default=False, err=True)

    def number(self, words: str) -> float:
        """Ask for a number.

        Raises:
            NotGranted: a script has none left.
        """
        if self._answers:
            return self._answers.pop(0)
        if self._hurry:
            raise NotGranted(f"no answer to: {words}")
        with self._kept():
            return float(click.prompt(words, type=float, err=True))

    def say(self, words: str) -> None:
        """Tell."""
        click.echo(words, err=True)

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        over = threading.Event()

        def renew() -> None:
            while not over.wait(_RENEW_S):
                with contextlib.suppress(NotGranted, Unreachable):
                    self._unit.ask(self._target, "renew", "the person is at the probe")

        keeper = threading.Thread(target=renew, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()
