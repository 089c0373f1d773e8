"""Who watches while something happens: one thread hears the broker, another looks at the control socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hil.subscriber import Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable

_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Heard:
    """An MQTT message and the monotonic second in which it came."""

    at_s: float
    topic: str
    body: dict[str, Any]
    retain: bool


class Ear:
    """Hears every JSON object at a broker, through its comings and goings."""

    def __init__(self, port: int) -> None:
        self.heard: list[Heard] = []
        self.sessions = 0  # how often it began to listen
        self._port = port
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._thread.start()

    async def _listen(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._attend()
            await asyncio.sleep(_AGAIN_S)

    async def _attend(self) -> None:
        name = f"hil-ear-{time.monotonic_ns()}"
        async with Subscriber("127.0.0.1", self._port, ["#"], client_id=name) as listener:
            self.sessions += 1
            while not self._stopping.is_set():
                try:
                    async with asyncio.timeout(_AGAIN_S):
                        message = await anext(listener)
                except TimeoutError:
                    continue
                except StopAsyncIteration:
                    return
                with contextlib.suppress(ValueError, RecursionError):
                    body = json.loads(message.payload)
                    if isinstance(body, dict):
                        self.heard.append(Heard(time.monotonic(), message.topic, body, message.retain))

    def of(self, topic: str, since_s: float = 0.0) -> list[Heard]:
        """What came after `since_s` under topics that contain `topic`."""
        return [heard for heard in self.heard if heard.at_s >= since_s and topic in heard.topic]

    def stop(self) -> None:
        """Listen no longer."""
        self._stopping.set()
        self._thread.join(5.0)


@dataclass(frozen=True, slots=True)
class Look:
    """The unit's status at a monotonic second; None when nobody answered. `took_s`: how long the answer took."""

    at_s: float
    took_s: float
    status: dict[str, Any] | None


class Eye:
    """Looks at the status again and again, from a thread of its own."""

    def __init__(self, look: Callable[[], dict[str, Any] | None], every_s: float = 0.1) -> None:
        self.looks: list[Look] = []
        self._look = look
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopping.wait(self._every_s):
            begun = time.monotonic()
            status = self._look()
            self.looks.append(Look(begun, time.monotonic() - begun, status))

    def stop(self) -> list[Look]:
        """Look no longer; what was seen."""
        self._stopping.set()
        self._thread.join(5.0)
        return self.looks
