"""Processes and what Linux says about them from outside."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hil.campaign.bed import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STOP_S = 20.0


class Child:
    """A program of the campaign. With `log` what it says goes to that file; otherwise its output can be read."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        stdin: bool = False,
    ) -> None:
        with log.open("ab") if log else contextlib.nullcontext() as sink:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=None if env is None else {**os.environ, **env},
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=sink or subprocess.PIPE,
                stderr=subprocess.STDOUT if log else subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    def line(self) -> str:
        """The next line it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it, wait for its end, and kill it if it does not come; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            if number != signal.SIGSTOP:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(_STOP_S)
            if self.process.poll() is None:
                self.process.kill()
        code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code


def children(pid: int) -> dict[str, int]:
    """The `edgectl` commands that a process runs, and their numbers."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                words = (status.parent / "cmdline").read_text().split("\0")
                found[words[3]] = int(status.parent.name)
    return found


def lives(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process holds: kB of memory and of address space, descriptors, threads, and seconds of processor it has used."""

    pid: int
    rss_kb: int
    size_kb: int
    descriptors: int
    threads: int
    cpu_s: float


def resources(pid: int) -> Resources:
    """What Linux says of a process now; OSError if it has gone."""
    proc = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    times = (proc / "stat").read_text().rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    return Resources(
        pid,
        int(status["VmRSS"].split()[0]),
        int(status["VmSize"].split()[0]),
        len(list((proc / "fd").iterdir())),
        int(status["Threads"]),
        (int(times[11]) + int(times[12])) / ticks,
    )


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_listening(port: int, seconds: float = 10.0) -> None:
    """Until somebody listens there; TimeoutError otherwise."""
    deadline = time.monotonic() + seconds
    while not listens(port):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens on port {port}")
        time.sleep(0.02)
