"""The other side of the uplink: a real mosquitto, its own subscriber program, and a gate in the network between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


def need(*programs: str) -> None:
    """Skip without the programs of Debian's mosquitto packages; in CI their absence is a failure."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    text = f"{', '.join(missing)} missing: apt-get install mosquitto mosquitto-clients openssl"
    if os.environ.get("EDGECTL_REQUIRE_PEERS"):
        pytest.fail(text)
    pytest.skip(text)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Mosquitto:
    """A broker process on a port of its own. ``settings`` are lines of its configuration file."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        need("mosquitto", "mosquitto_sub")
        self.port = free_port()
        self._configuration = folder / f"mosquitto-{self.port}.conf"
        self._configuration.write_text(f"listener {self.port} 127.0.0.1\n{settings}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, or start again without any memory of the life before."""
        command = ["mosquitto", "-c", str(self._configuration)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise AssertionError("mosquitto did not start")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running broker."""
        assert self._process is not None
        return self._process

    def signal(self, number: signal.Signals) -> None:
        """SIGKILL, SIGSTOP, SIGCONT."""
        assert self._process is not None
        self._process.send_signal(number)
        if number is signal.SIGKILL:
            self._process.wait()

    def stop(self) -> None:
        """End it in any state."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@dataclass(frozen=True)
class Received:
    """One message as mosquitto_sub printed it."""

    topic: str
    retained: bool
    qos: int
    body: dict[str, Any]


class Subscriber:
    """mosquitto_sub, writing what it receives to a file."""

    def __init__(self, port: int, topic: str, *more: str) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the program
        self._read = 0
        self._received: list[Received] = []
        command = [
            "mosquitto_sub",
            "-h",
            "127.0.0.1",
            "-p",
            str(port),
            "-q",
            "1",
            "-t",
            topic,
            "-F",
            "%t %r %q %p",
            *more,
        ]
        self._process = subprocess.Popen(command, stdout=self._file, stderr=subprocess.DEVNULL)
        time.sleep(0.3)  # it says nothing when it is subscribed

    def received(self) -> list[Received]:
        """Everything so far, in order of arrival."""
        new = os.pread(self._file.fileno(), os.fstat(self._file.fileno()).st_size - self._read, self._read)
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            topic, retained, qos, payload = line.split(" ", 3)
            self._received.append(Received(topic, retained == "1", int(qos), json.loads(payload)))
        return self._received

    def stop(self) -> list[Received]:
        """End it and return everything."""
        self._process.kill()
        self._process.wait()
        found = self.received()
        self._file.close()
        return found


class Gate:
    """A network path to the broker that can be shut. Counts the connections that were tried."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = free_port()
        self.tried: list[float] = []

    async def open(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def shut(self) -> None:
        """Refuse connections and cut those that stand."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tried.append(asyncio.get_running_loop().time())
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            ways = {asyncio.create_task(_pipe(reader, back)), asyncio.create_task(_pipe(there, writer))}
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                back.close()
        writer.close()


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
