"""What systemd does for a service with a watchdog, for a child of ours: hear its signs of life, and know when they stay away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import struct
import time

_START_S = 20.0
_SILENCE_S = 5.0
_STOP_S = 10.0
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid (unix(7))


class Heartbeat:
    """The receiving end of sd_notify(3) for one process after another.

    Control pings when every one of its tasks has made progress, so silence means that something stands still: 5 s of it are too much, 20 s
    before it is ready, 10 s while it stops.
    """

    def __init__(self) -> None:
        self.ready = False
        self._pid = 0
        self._deadline_s = 0.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        name = f"edgectl-{os.getpid()}-{secrets.token_hex(4)}"
        self._socket.bind(f"\0{name}")
        self.environment = {"NOTIFY_SOCKET": f"@{name}"}
        # Read at once: a queue that is full loses what is sent to it.
        asyncio.get_running_loop().add_reader(self._socket, self._hear)

    def begin(self, pid: int) -> None:
        """Process ``pid`` has just been started; nobody else is listened to."""
        self._pid, self.ready = pid, False
        self._deadline_s = time.monotonic() + _START_S

    def left_s(self) -> float:
        """How long the process may stay silent yet."""
        self._hear()
        return self._deadline_s - time.monotonic()

    def close(self) -> None:
        """Hear no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                text, notes, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
                if _sender(notes) == self._pid:
                    self._take(text.decode(errors="replace").split("\n"))

    def _take(self, lines: list[str]) -> None:
        now_s = time.monotonic()
        if "READY=1" in lines:
            self.ready = True
        if "STOPPING=1" in lines:
            self._deadline_s = now_s + _STOP_S
        elif self.ready:
            self._deadline_s = now_s + _SILENCE_S


def _sender(notes: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in notes:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            pid: int = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0]
            return pid
    return 0
