"""Logs that tell transitions once each way."""

from __future__ import annotations

from collections.abc import Callable

import structlog


class Told:
    """Says each transition once: what changed since the last line is said, what goes on is not."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger, subject: str) -> None:
        self._log = log
        self._subject = subject
        self._state = ""

    def well(self, text: str) -> None:
        """All is well again, or for the first time."""
        self._say(self._log.info, text)

    def ill(self, text: str) -> None:
        """Something is wrong, or wrong in another way than before."""
        self._say(self._log.warning, text)

    def _say(self, say: Callable[..., object], text: str) -> None:
        if text != self._state:
            self._state = text
            say(self._subject, state=text)
