"""The uplink's word to control: whether it is connected, and what people beside the unit should know. Control counts it lost when the word is not renewed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import structlog

from edgectl.uplink.control_link import ControlLink
from edgectl.uplink.told import Told

EVERY_S = 5.0
_ANSWER_S = 3.0
_RETRY_S = 1.0


class Announcer:
    """Says every ``every_s``, and at once when it changes, whether the broker is connected.

    Control may be away, come and go: that is told in the log once each way, and no concern of the broker's connection.
    """

    def __init__(self, socket: Path, every_s: float = EVERY_S) -> None:
        self._socket, self._every_s = socket, every_s
        self.control = ControlLink(socket)
        self._connected, self._detail, self._notice = False, "not connected yet", ""
        self._changed = asyncio.Event()
        self._told = Told(structlog.get_logger("uplink"), "control")

    def say(self, *, connected: bool, detail: str = "") -> None:
        """How things are from now on."""
        if connected is not self._connected:
            self._changed.set()
        self._connected, self._detail = connected, detail

    def note(self, notice: str) -> None:
        """What somebody should know of, for as long as it stands; empty when there is nothing."""
        if notice != self._notice:
            self._changed.set()
        self._notice = notice

    async def run(self) -> None:
        """Keep saying it until cancelled."""
        while True:
            try:
                await self._converse()
            except (OSError, ValueError) as error:
                self.control.alive = False
                self._told.ill(f"{self._socket}: {error or type(error).__name__}")
            await asyncio.sleep(min(_RETRY_S, self._every_s))

    async def _converse(self) -> None:
        """One connection to control, for as long as it answers."""
        reader, writer = await asyncio.open_unix_connection(str(self._socket))
        try:
            while True:
                self._changed.clear()
                word = {
                    "do": "uplink",
                    "connected": self._connected,
                    "detail": self._detail,
                    "notice": self._notice,
                }
                writer.write(json.dumps(word).encode() + b"\n")
                async with asyncio.timeout(_ANSWER_S):
                    answer = await reader.readline()
                if not json.loads(answer or b"{}").get("heard"):
                    raise ValueError(f"control does not listen: {answer.decode(errors='replace')[:80]!r}")
                self.control.alive = True
                self._told.well("control hears the uplink")
                await self._until_due(reader)
        finally:
            writer.close()

    async def _until_due(self, reader: asyncio.StreamReader) -> None:
        """Until there is something to say again. Control says nothing by itself: what comes meanwhile is its end, and noticed at once."""
        changed = asyncio.create_task(self._changed.wait())
        ended = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({changed, ended}, timeout=self._every_s, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise ValueError("control has gone")
        finally:
            changed.cancel()
            ended.cancel()
            await asyncio.gather(changed, ended, return_exceptions=True)
