"""The supervisor kills what stands still, within its time, and never gives up on what fails."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgectl.app import heartbeat as module
from edgectl.app import supervisor as supervision
from edgectl.app.exit_code import ExitCode
from edgectl.app.heartbeat import Heartbeat
from edgectl.app.supervisor import Child, Supervisor

pytestmark = pytest.mark.slow


def ping(beat: Heartbeat, text: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(text.encode(), "\0" + beat.environment["NOTIFY_SOCKET"][1:])


async def test_a_ping_buys_five_seconds_and_before_ready_there_are_twenty() -> None:
    beat = Heartbeat()
    beat.begin(os.getpid())
    assert 19.0 < beat.left_s() <= 20.0
    ping(beat, "WATCHDOG=1\nSTATUS=fine")
    assert 19.0 < beat.left_s() <= 20.0
    assert not beat.ready
    ping(beat, "READY=1\nSTATUS=fine")
    assert 4.5 < beat.left_s() <= 5.0
    assert beat.ready
    await asyncio.sleep(0.6)
    assert beat.left_s() < 4.5
    ping(beat, "WATCHDOG=1\nSTATUS=fine")
    assert beat.left_s() > 4.5
    ping(beat, "STOPPING=1")
    assert 9.0 < beat.left_s() <= 10.0
    beat.close()


async def test_only_the_child_itself_is_heard() -> None:
    beat = Heartbeat()
    beat.begin(1)
    ping(beat, "READY=1")
    assert not beat.ready
    beat.close()


async def test_a_next_life_is_not_ready_because_the_last_was() -> None:
    beat = Heartbeat()
    beat.begin(os.getpid())
    ping(beat, "READY=1")
    assert beat.left_s() < 6.0
    beat.begin(os.getpid())
    assert not beat.ready
    assert beat.left_s() > 19.0
    beat.close()


async def test_no_ping_is_lost_in_a_queue_that_is_full() -> None:
    """A unit at thirty times its speed pings thirty times a second; the word that it stops must still arrive."""
    beat = Heartbeat()
    beat.begin(os.getpid())
    ping(beat, "READY=1")
    for _ in range(500):
        ping(beat, "WATCHDOG=1")
        await asyncio.sleep(0)
    ping(beat, "STOPPING=1")
    assert beat.left_s() > 9.0
    beat.close()


PYTHON = sys.executable

# A supervisor over small stand-ins for control and for the last will.

TOLD = (
    "import os, socket, sys, time\n"
    "line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
    "say = lambda text: line.sendto(text, '\\0' + os.environ['NOTIFY_SOCKET'][1:])\n"
)


class Stage:
    """Children written for the occasion; every start and every last will leaves a line with its time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, control: str) -> None:
        self.log = folder / "log"
        note = f"open({str(self.log)!r}, 'a').write(f'{{sys.argv[1]}} {{time.monotonic()}}\\n')\n"
        self.program = folder / "child.py"
        self.program.write_text(
            f"import sys, time\n{note}if sys.argv[1] == 'safe':\n    time.sleep(0.05)\n    sys.exit(0)\n{TOLD}{control}"
        )
        monkeypatch.setattr(sys, "executable", str(self._python(folder)))
        self.said: list[str] = []
        self.supervisor = Supervisor(folder / "plan", folder, uplink=False, say=self.said.append)

    def _python(self, folder: Path) -> Path:
        """In place of ``python -m edgectl WORDS``."""
        path = folder / "python"
        path.write_text(f'#!/bin/sh\nshift 2\nexec {PYTHON} {self.program} "$@"\n')
        path.chmod(0o755)
        return path

    def lines(self) -> list[tuple[str, float]]:
        text = self.log.read_text() if self.log.exists() else ""
        return [(line.split()[0], float(line.split()[1])) for line in text.splitlines()]

    async def run(self, true: Callable[[], bool], seconds: float = 20.0) -> ExitCode:
        """Supervise until something has become true, then stop."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.supervisor.run(stop))
        deadline = time.monotonic() + seconds
        while not true() and not running.done() and time.monotonic() < deadline:  # noqa: ASYNC110 - it is in a file
            await asyncio.sleep(0.02)
        in_time = true() or running.done()
        stop.set()
        code = await running
        assert in_time, (self.said, self.lines())
        return code


def starts(stage: Stage) -> list[float]:
    return [at for word, at in stage.lines() if word == "control"]


def words(stage: Stage) -> list[str]:
    return [word for word, _ in stage.lines()]


async def test_silence_is_ended_after_its_time_and_the_last_will_comes_before_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P06, P13: 5 s by default, here one."""
    monkeypatch.setattr(module, "_SILENCE_S", 1.0)
    stage = Stage(tmp_path, monkeypatch, "say(b'READY=1')\ntime.sleep(100)\n")
    await stage.run(lambda: len(starts(stage)) >= 2)
    assert words(stage)[:3] == ["control", "safe", "control"]
    assert 1.0 < stage.lines()[1][1] - stage.lines()[0][1] < 4.0, (
        "one second, and the start of two interpreters"
    )
    assert stage.said[0].startswith("control ended unasked (it stood still and was killed)")


async def test_a_stopped_process_is_killed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SILENCE_S", 1.0)
    control = f"say(b'READY=1')\nos.kill(os.getpid(), {signal.SIGSTOP:d})\n"
    stage = Stage(tmp_path, monkeypatch, control)
    await stage.run(lambda: len(starts(stage)) >= 2)
    assert "stood still" in stage.said[0]


async def test_a_start_that_never_becomes_ready_is_ended_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_START_S", 0.6)
    stage = Stage(tmp_path, monkeypatch, "time.sleep(100)\n")
    await stage.run(lambda: len(starts(stage)) >= 2)
    assert words(stage)[:3] == ["control", "safe", "control"]


async def test_a_healthy_process_that_dies_is_followed_at_once_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first bytes make the outputs safe: a last will before it would only be in its way."""
    monkeypatch.setattr(supervision, "_HEALTHY_S", 0.2)
    stage = Stage(tmp_path, monkeypatch, "say(b'READY=1')\ntime.sleep(0.4)\nos.abort()\n")
    await stage.run(lambda: len(starts(stage)) >= 3)
    assert "safe" not in words(stage)[:3]


async def test_ten_failed_starts_are_no_reason_to_give_up_and_outputs_are_made_safe_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P09."""
    monkeypatch.setattr(supervision, "_BACK_OFF_S", (0.0, 0.02, 0.05, 0.1, 0.2, 0.5))
    stage = Stage(tmp_path, monkeypatch, "sys.exit(2)\n")
    await stage.run(lambda: len(starts(stage)) >= 11, 60.0)
    assert words(stage)[:20] == ["control", "safe"] * 10
    gaps = [b - a for a, b in zip(starts(stage)[6:], starts(stage)[7:], strict=False)]
    assert min(gaps) >= 0.5, "the longest pause, and no longer one"
    assert stage.said[0].endswith("starting it again")
    assert stage.said[9].endswith("starting it again in 0.5 s")


async def test_a_last_will_that_hangs_is_ended_and_control_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "_WILL_S", 0.5)
    stage = Stage(tmp_path, monkeypatch, "sys.exit(70)\n")
    stage.program.write_text(stage.program.read_text().replace("time.sleep(0.05)", "time.sleep(100)"))
    assert await stage.run(lambda: len(starts(stage)) >= 2) == ExitCode.FAILED


async def test_who_holds_the_unit_already_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, monkeypatch, f"sys.exit({ExitCode.RUNNING:d})\n")
    assert await stage.run(lambda: False) == ExitCode.RUNNING
    assert words(stage) == ["control"]


async def test_a_child_has_the_words_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, monkeypatch, "sys.exit(0 if os.environ.get('A') == 'b' else 1)\n")
    child: Any = Child("control", ("control",))
    process = await child.start({"A": "b", "NOTIFY_SOCKET": "@none"})
    assert await process.wait() == 0
    assert child.restarts == 0
    await child.stop()
    del stage
