"""Whether the primary host is online, by its STATE messages (specification, 6.4.24 and 5.7)."""

from __future__ import annotations

import json
from typing import Any


class PrimaryHost:
    """What one server has told of the host ``name``. Each server is judged by itself: their clocks of the host may differ."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._newest: dict[str, int] = {}
        self.online = False
        self.trouble = f"primary host {name} has not said that it is online"

    @property
    def topic(self) -> str:
        """Where it tells."""
        return f"spBv1.0/STATE/{self._name}"

    def joined(self) -> None:
        """A new connection: what an earlier one heard no longer counts, only its newest timestamp."""
        self.online = False
        self.trouble = f"primary host {self._name} has not said that it is online"

    def hear(self, server: str, payload: bytes) -> None:
        """One STATE message from ``server``. What is older than the newest one seen there, or no STATE, changes nothing but ``trouble``."""
        try:
            online, at_ms = _state(payload)
        except ValueError as error:
            self.trouble = f"primary host {self._name}: {error}"
            return
        newest = self._newest.get(server)
        if newest is not None and at_ms < newest:
            if online and not self.online:
                behind_s = (newest - at_ms) / 1000
                self.trouble = (
                    f"primary host {self._name} says it is online, with a time {behind_s:.0f} s before an earlier word of it: "
                    f"its clock went back. Set it right, or restart this uplink to believe it"
                )
            return
        self._newest[server] = at_ms
        self.online = online
        self.trouble = "" if online else f"primary host {self._name} is offline"


def _state(payload: bytes) -> tuple[bool, int]:
    """Online or not, and since when (UTC, ms).

    Raises:
        ValueError: this is no STATE message.
    """
    try:
        data: Any = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError("its STATE is no JSON") from None
    online = data.get("online") if isinstance(data, dict) else None
    at_ms = data.get("timestamp") if isinstance(data, dict) else None
    if not isinstance(online, bool) or not isinstance(at_ms, int) or isinstance(at_ms, bool):
        raise ValueError('its STATE is not {"online": true or false, "timestamp": milliseconds}')
    return online, at_ms
