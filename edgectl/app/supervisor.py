"""Keeps the two processes of a unit alive, and stops both with outputs safe.

For a bench, a demo, or a machine without systemd; a service has a unit file for each process instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgectl.app.exit_code import ExitCode
from edgectl.app.heartbeat import Heartbeat

Say = Callable[[str], None]

_STOP_S = 10.0
_BACK_OFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_S = 5.0
_LOOK_S = 0.25
_WILL_S = 25.0


@dataclass(slots=True)
class Child:
    """One supervised process: how it is started, and how its last life went."""

    name: str
    arguments: tuple[str, ...]
    log: Path | None = None
    process: asyncio.subprocess.Process | None = None
    failures: int = 0
    restarts: int = -1

    async def start(self, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
        """Start it with a pipe as standard input: when this process dies, the pipe ends and so does the child.

        A session of its own keeps the terminal's Ctrl-C away from it: this process stops it in order.
        """
        with self.log.open("ab") if self.log else contextlib.nullcontext() as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "edgectl",
                *self.arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=os.environ | dict(environment),
                start_new_session=True,
            )
        self.restarts += 1
        return self.process

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class Supervisor:
    """Control and uplink of one unit, each restarted when it ends unasked, and control also when it stands still.

    A control process that was ready and ends is followed by the next at once, whose first bytes make the outputs safe: nothing is faster.
    One that stood still or never became ready is followed by the last-will writer first.
    """

    def __init__(
        self,
        plan_file: Path,
        folder: Path,
        *,
        speed: float = 1.0,
        uplink: bool = True,
        log: Path | None = None,
        say: Say = print,
    ) -> None:
        common = ("--plan", str(plan_file), "--state", str(folder), "--with-parent", "--speed", str(speed))
        self.control = Child("control", ("control", *common), log)
        self.uplink = Child("uplink", ("uplink", *common), log)
        self._children = (self.control, self.uplink) if uplink else (self.control,)
        self._safe = ("safe", "--plan", str(plan_file))
        self._say = say
        self._refused = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> ExitCode:
        """Keep both alive until ``stop``; returns once both have ended and outputs are safe."""
        heartbeat = Heartbeat()
        keepers = [asyncio.create_task(self._keep_control(heartbeat))]
        if self.uplink in self._children:
            keepers.append(asyncio.create_task(self._keep_uplink()))
        waiters = [asyncio.create_task(stop.wait()), asyncio.create_task(self._refused.wait()), *keepers]
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()
        outcome = await asyncio.gather(*waiters, return_exceptions=True)
        await self.uplink.stop()
        clean = await self._stop_control()
        heartbeat.close()
        if bug := next((o for o in outcome if isinstance(o, Exception)), None):
            raise bug
        if self._refused.is_set():
            return ExitCode.RUNNING
        return ExitCode.OK if clean else ExitCode.FAILED

    async def _stop_control(self) -> bool:
        """Whether outputs are known to be safe: control drove them on its way out, or the last-will writer did."""
        await self.control.stop()
        process = self.control.process
        if process is None or process.returncode in (ExitCode.OK, ExitCode.RUNNING):
            return True
        return await self._write_last_will() == 0

    async def _keep_control(self, heartbeat: Heartbeat) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            process = await self.control.start(heartbeat.environment)
            heartbeat.begin(process.pid)
            code, still = await _watch(process, heartbeat)
            if code == ExitCode.RUNNING:
                self._refused.set()
                return
            cause = "it stood still and was killed" if still else _cause(code)
            pause = self._count(self.control, loop.time() - begun, cause)
            if still or pause or not heartbeat.ready:
                await self._write_last_will()
            await asyncio.sleep(pause)

    async def _keep_uplink(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            process = await self.uplink.start({})
            code = await process.wait()
            await asyncio.sleep(self._count(self.uplink, loop.time() - begun, _cause(code)))

    def _count(self, child: Child, lived_s: float, cause: str) -> float:
        """How long to wait before the next life: longer with each short one, but never for good."""
        child.failures = 0 if lived_s > _HEALTHY_S else child.failures + 1
        pause = _BACK_OFF_S[min(child.failures - 1, len(_BACK_OFF_S) - 1)] if child.failures else 0.0
        self._say(
            f"{child.name} ended unasked ({cause}); starting it again" + (f" in {pause:g} s" if pause else "")
        )
        return pause

    async def _write_last_will(self) -> int:
        """Safe values, written and read back by a process of its own; its exit code, or 1 if it took too long."""
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "edgectl", *self._safe)
        try:
            return await asyncio.wait_for(process.wait(), _WILL_S)
        except TimeoutError:
            return 1
        finally:
            # Whatever ended the waiting: two at once would keep each other from the lines.
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _watch(process: asyncio.subprocess.Process, heartbeat: Heartbeat) -> tuple[int, bool]:
    """Wait for the end of a process, or put an end to it when it has been silent for too long; its code, and whether that was so."""
    ended = asyncio.ensure_future(process.wait())
    still = False
    try:
        while not ended.done():
            left_s = heartbeat.left_s()
            if left_s <= 0.0 and not still:
                still = True
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await asyncio.wait({ended}, timeout=None if still else min(max(left_s, 0.01), _LOOK_S))
    finally:
        ended.cancel()
    return ended.result(), still


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
