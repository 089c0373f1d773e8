"""Questions of the uplink to control, over its socket: one connection each, one JSON object a line."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

_PATIENCE_S = 3.0
_LONGEST_ANSWER = 4_000_000


class ControlAway(Exception):
    """Control does not answer. The text says where it was asked, and why not."""


class ControlLink:
    """``alive`` is kept by the announcer, who talks with control all the time."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self.alive = False

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """One question, one answer.

        Raises:
            ControlAway: nobody answers there within 3 s.
        """
        try:
            async with asyncio.timeout(_PATIENCE_S):
                reader, writer = await asyncio.open_unix_connection(str(self._socket), limit=_LONGEST_ANSWER)
                try:
                    writer.write(json.dumps(question, ensure_ascii=False).encode() + b"\n")
                    answer: dict[str, Any] = json.loads(await reader.readline() or b"null") or {}
                finally:
                    writer.close()
        except (OSError, ValueError) as error:
            raise ControlAway(f"{self._socket}: {error or type(error).__name__}") from None
        if not answer:
            raise ControlAway(f"{self._socket}: no answer")
        return answer
