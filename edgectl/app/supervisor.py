"""Keeps the two processes of a unit alive, and stops both with outputs safe.

For a bench, a demo, or a machine without systemd; a service has a unit file for each process instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgectl.app.exit_code import ExitCode

Say = Callable[[str], None]

_STOP_S = 10.0
_BACK_OFF_S = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_S = 30.0


@dataclass(slots=True)
class Child:
    """One supervised process: how it is started, and how its last life went."""

    name: str
    arguments: tuple[str, ...]
    log: Path | None = None
    process: asyncio.subprocess.Process | None = None
    failures: int = 0
    restarts: int = -1

    async def start(self) -> asyncio.subprocess.Process:
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
    """Control and uplink of one unit, each restarted when it ends unasked."""

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
        keepers = [asyncio.create_task(self._keep(child)) for child in self._children]
        waiters = [asyncio.create_task(stop.wait()), asyncio.create_task(self._refused.wait()), *keepers]
        await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()
        outcome = await asyncio.gather(*waiters, return_exceptions=True)
        await self.uplink.stop()
        clean = await self._stop_control()
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

    async def _keep(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            process = await child.start()
            code = await process.wait()
            if child is self.control and code == ExitCode.RUNNING:
                self._refused.set()
                return
            child.failures = 0 if loop.time() - begun > _HEALTHY_S else child.failures + 1
            pause = _BACK_OFF_S[min(child.failures - 1, len(_BACK_OFF_S) - 1)] if child.failures else 0.0
            self._say(
                f"{child.name} ended unasked ({_cause(code)}); starting it again"
                + (f" in {pause:g} s" if pause else "")
            )
            if child is self.control and child.failures > 1:
                # A control process that cannot stay up cannot keep its outputs either.
                await self._write_last_will()
            await asyncio.sleep(pause)

    async def _write_last_will(self) -> int:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "edgectl", *self._safe)
        return await process.wait()


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
