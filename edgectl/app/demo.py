"""``edgectl demo``: emulated bioreactor, broker, control and uplink on one machine, over real lines and sockets.

Instruments and broker are processes of the bench. Its clock and control's run ``speed`` times as fast as the wall, so that an hour of culture passes in
two minutes; every byte still crosses a pseudo-terminal or a TCP connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from edgectl.app.check import tell
from edgectl.app.control_socket import Unreachable, ask
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.shipped import shipped
from edgectl.app.status import in_band, tables
from edgectl.app.supervisor import Supervisor
from edgectl.config.compile import compile_folder
from edgectl.config.plan_file import store_plan
from edgectl.store.snapshot import begin_anew

_LOOK_S = 0.5
_LINE_S = 5.0
_START_S = 15.0


class Bench:
    """The emulated side: processes of the bench that end with this one."""

    def __init__(self, folder: Path, speed: float) -> None:
        self._folder, self._speed = folder, speed
        self.received = 0
        self.port = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[list[str]]:
        """Start instruments, broker and an independent subscriber; yields the overrides that lead the unit to them."""
        lines = str(self._folder / "lines")
        async with (
            _process("serve", "demo", "--dir", lines, "--clock", str(self._speed), "--with-parent") as rig,
            _process("broker", "--with-parent") as broker,
        ):
            where = await _first_line(rig)
            self.port = (await _first_line(broker))["port"]
            async with _process("listen", "127.0.0.1", str(self.port), "#") as listener:
                counter = asyncio.create_task(self._count(listener))
                yield [
                    *(
                        f"lines.{name}.{key}={value}"
                        for name, line in where["lines"].items()
                        for key, value in line.items()
                    ),
                    "uplink.host=127.0.0.1",
                    f"uplink.port={self.port}",
                ]
                counter.cancel()

    async def _count(self, listener: asyncio.subprocess.Process) -> None:
        assert listener.stdout is not None
        while await listener.stdout.readline():
            self.received += 1


@contextlib.asynccontextmanager
async def _process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hil",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _first_line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), _START_S)
    if not line:
        raise click.ClickException("the emulated bench did not start; the lines above say why")
    answer: dict[str, Any] = json.loads(line)
    return answer


def demo(seconds: float | None, speed: float, keep: Path | None) -> ExitCode:
    """Run the demo for ``seconds`` (None: until Ctrl-C)."""
    folder = keep or Path(tempfile.mkdtemp(prefix="edgectl-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return asyncio.run(_demo(folder.absolute(), seconds, speed))
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _demo(folder: Path, seconds: float | None, speed: float) -> ExitCode:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    bench = Bench(folder, speed)
    async with bench.open() as overrides:
        compiled = compile_folder(shipped("demo"), overrides)
        tell(compiled)
        if compiled.plan is None:
            return ExitCode.USAGE
        place = Place(folder / compiled.plan.unit)
        plan_file = store_plan(place.plans, compiled.plan)
        begin_anew(place.snapshot)  # the emulated culture is a new one, whatever an earlier demo kept here
        console = Console(stderr=False)
        console.print(
            f"MQTT broker at 127.0.0.1:{bench.port}, journal and log in {folder}",
            highlight=False,
            soft_wrap=True,
        )
        supervisor = Supervisor(
            plan_file,
            place.folder,
            speed=speed,
            log=folder / "log.txt",
            say=lambda text: click.echo(text, err=True),
        )
        running = asyncio.create_task(supervisor.run(stop))
        view = asyncio.create_task(_show(console, place, bench, speed))
        if seconds is not None:
            loop.call_later(seconds, stop.set)
        try:
            await stop.wait()
            last = await asyncio.to_thread(_look, place.socket)
        finally:
            stop.set()
            view.cancel()
            await asyncio.gather(view, return_exceptions=True)
        ended = await running
    return _verdict(console, last, bench.received, seconds, ended)


def _look(socket: Path) -> dict[str, Any] | None:
    try:
        return ask(socket, {"do": "status"})
    except (Unreachable, ValueError):
        return None


async def _show(console: Console, place: Place, bench: Bench, speed: float) -> None:
    """Live tables on a terminal; a line every few seconds where there is none."""
    begun = asyncio.get_running_loop().time()
    told = -_LINE_S
    with (
        Live(console=console, auto_refresh=False, transient=False)
        if console.is_terminal
        else contextlib.nullcontext() as live
    ):
        while True:
            picture = await asyncio.to_thread(_look, place.socket)
            wall = asyncio.get_running_loop().time() - begun
            if picture and picture["loops"]:
                head = f"{wall:4.0f} s, culture {wall * speed / 60:5.1f} min, {bench.received} messages received by an independent MQTT client"
                if live is not None:
                    live.update(_screen(picture, head), refresh=True)
                elif wall - told >= _LINE_S:
                    told = wall
                    console.print(f"{head}; {_sentence(picture)}", highlight=False, soft_wrap=True)
            await asyncio.sleep(_LOOK_S)


def _screen(picture: dict[str, Any], head: str) -> Any:
    shown = tables(picture)
    shown.renderables.insert(0, Text(f"{head}; Ctrl-C stops"))
    return shown


def _sentence(picture: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {loop['value'] if loop['value'] is not None else float('nan'):.2f}/{loop['setpoint']:.2f} {loop['unit']} "
        f"{'in band' if in_band(loop) else loop['condition']}"
        for name, loop in picture["loops"].items()
    )


def _verdict(
    console: Console, last: dict[str, Any] | None, received: int, seconds: float | None, ended: ExitCode
) -> ExitCode:
    if last is None:
        console.print("control did not answer at the end: no verdict")
        return ExitCode.FAILED
    loops = last["loops"]
    good = [name for name, loop in loops.items() if in_band(loop)]
    console.print(
        f"{len(good)} of {len(loops)} loops in band, {received} MQTT messages received, outputs {'safe' if ended is ExitCode.OK else 'NOT SAFE'}"
    )
    if seconds is None:
        return ended
    return ended if len(good) == len(loops) and received else ExitCode.FAILED
