"""The service watchdog, fed by evidence: every task has checked in since the last time (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable

_PING_S = 1.0
_STALL_S = 5.0
_GRAIN_S = 0.1  # a scan that comes a little early does not add its whole period to the 5 s


class Stalled(Exception):
    """A task of control has stopped without ending. The process ends, with its outputs safe."""


class Watchdog:
    """Knows who has checked in since the last ping. A ping needs everybody who is not at rest; who is missing for 5 s ends the process.

    The journal is not a member: a disk that hangs is an alarm and no reason to stop regulating.
    """

    def __init__(self, members: Iterable[str], notify: Callable[[str], None]) -> None:
        self._members = frozenset(members)
        self._missing = set(self._members)
        self._rests_until_s = dict.fromkeys(self._members, 0.0)
        self._notify = notify
        self._ping_at = 0.0
        self._whole_at: float | None = None

    def check_in(self, member: str, rests_until_s: float = 0.0) -> None:
        """``member`` has done some of its work, and has none before ``rests_until_s``: until then it is not missed."""
        self._missing.discard(member)
        self._rests_until_s[member] = rests_until_s

    def beat(self, now_s: float, status: Callable[[], str]) -> None:
        """Ping if it is time and everybody has checked in; called by the executive, so its own progress is proven by the call.

        Raises:
            Stalled: somebody has not checked in for 5 s.
        """
        if now_s < self._ping_at:
            return
        if self._whole_at is None:
            self._whole_at = now_s
        if not self._missing:
            self._notify(f"WATCHDOG=1\nSTATUS={status()}")
            self._missing = {member for member, until_s in self._rests_until_s.items() if until_s <= now_s}
            self._whole_at, self._ping_at = now_s, now_s + _PING_S
        elif now_s - self._whole_at > _STALL_S - _GRAIN_S:
            raise Stalled(f"{', '.join(sorted(self._missing))} made no progress for {_STALL_S:g} s")


def systemd() -> Callable[[str], None]:
    """How to tell systemd, if it asked to be told (``NOTIFY_SOCKET``); otherwise a function that does nothing. Never waits."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return lambda _: None
    target = "\0" + address[1:] if address.startswith("@") else address

    def notify(text: str) -> None:
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        # A full or missing socket is systemd's to notice.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as channel:
            channel.sendto(text.encode(), target)

    return notify
