"""The part of systemd that matters here: it starts control, listens for its watchdog pings, kills and restarts it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from hil.campaign.child import Child
from hil.campaign.stage import PYTHON

if TYPE_CHECKING:
    from hil.campaign.stage import Stage

WATCHDOG_S = 5.0
_RESTART_S = 0.5


class Service:
    """Runs the approved plan of a stage as `edgectl-control@.service` would. Seconds are those of the wall. Use as a context."""

    def __init__(self, stage: Stage) -> None:
        self.kills: list[tuple[float, float]] = []  # when, and how long nothing had been heard
        self._stage = stage
        self._plan = stage.home / "plan" / "current"
        self._place = stage.folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._place))
        self._stopping = False
        self.control = self._start()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping = True
        self._thread.join(10.0)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.control.pid, signal.SIGCONT)
        self.control.end()
        self._socket.close()

    def _start(self) -> Child:
        self._heard_s = time.monotonic()
        self._ready = False
        words = (
            "--plan",
            str(self._plan),
            "--state",
            str(self._stage.home),
            "--speed",
            f"{self._stage.bed.clock}",
        )
        env = {"NOTIFY_SOCKET": str(self._place), "EDGECTL_STATE_DIR": str(self._stage.state)}
        return Child((*PYTHON, "edgectl", "control", *words), env=env, log=self._stage.folder / "service.log")

    def _watch(self) -> None:
        while not self._stopping:
            if select.select([self._socket], [], [], 0.05)[0]:
                said = self._socket.recv(4096)
                self._ready |= b"READY=1" in said
                if b"WATCHDOG=1" in said:
                    self._heard_s = time.monotonic()
            now = time.monotonic()
            silent = self._ready and now - self._heard_s > WATCHDOG_S
            if silent:
                self.kills.append((now, now - self._heard_s))
                os.kill(self.control.pid, signal.SIGKILL)
            if silent or self.control.process.poll() is not None:
                self._restart()

    def _restart(self) -> None:
        self.control.end()
        self._stage.edgectl("safe", "--plan", str(self._plan))  # ExecStopPost
        time.sleep(_RESTART_S)
        self.control = self._start()
