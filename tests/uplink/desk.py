"""A control process as the uplink sees it: a socket that answers, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any, Self

STATUS: dict[str, Any] = {
    "utc_ns": 1_750_000_000_000_000_000,
    "held": "",
    "loops": {"temperature": {"target": 37.0, "mode": "AUTO", "output": 12.5}},
    "actuators": {"FV-101": {"value": 3.0}},
    "alarms": {},
    "feeds": {"F-1": {"stage": "paused"}},
    "perfusions": {"KIC-1": {"stage": "running"}},
    "unit_state": {"authority": "remote", "owner": "", "held": "", "batch": "B-1", "uplink": "connected"},
}


class Desk:
    """Use as ``async with Desk(path)``. ``asked`` are all questions but status, in order; each is accepted, or refused with ``refusal``.

    ``slow_s`` is how long the next answer about the status takes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.Server | None = None
        self.asked: list[dict[str, Any]] = []
        self.refusal = ""
        self.slow_s = 0.0
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._clients.values():
            writer.close()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def of(self, verb: str) -> list[dict[str, Any]]:
        """The questions of one kind."""
        return [question for question in self.asked if question["do"] == verb]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            with contextlib.suppress(ConnectionError):  # an uplink may be gone at any moment
                while line := await reader.readline():
                    if b'"status"' in line:
                        slow_s, self.slow_s = self.slow_s, 0.0
                        await asyncio.sleep(slow_s)
                    writer.write(json.dumps(self._answer(json.loads(line))).encode() + b"\n")
        finally:
            writer.close()

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if question["do"] == "status":
            return STATUS
        self.asked.append(question)
        if question["do"] == "request":
            return {"accepted": not self.refusal, "reason": self.refusal or "done"}
        return {"heard": True}
