"""``edgectl top``: the screen, the keys and the unit brought together."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import shutil
import sys

import click

from edgectl.app.control_socket import Unreachable, find, user
from edgectl.app.exit_code import ExitCode
from edgectl.app.top.frame import frame, items_of
from edgectl.app.top.row import paint
from edgectl.app.top.terminal import Terminal
from edgectl.app.top.trend import BARS, PLAIN_BARS
from edgectl.app.top.view import View
from edgectl.app.top.watcher import Watcher
from edgectl.config.settings import Settings

_PATIENCE_S = 1.0


def main(unit: str | None, page: int, *, once: bool) -> ExitCode:
    """Show the unit until somebody quits; once, or where there is no terminal, one screen of it as text."""
    try:
        place = find(Settings().state_dir, unit)
    except Unreachable as error:
        click.echo(f"top: {error}", err=True)
        return ExitCode.UNREACHABLE
    if not place.folder.is_dir():
        click.echo(f"top: {place.folder}: no such unit has run here", err=True)
        return ExitCode.UNREACHABLE
    watcher, view = Watcher(place, user()), View(user(), page - 1)
    if once or not _is_screen():
        return _once(watcher, view)
    terminal = Terminal()
    try:
        with terminal.open():
            watcher.start()
            _watch(terminal, watcher, view)
    except KeyboardInterrupt:
        return ExitCode.OK
    except OSError as error:
        click.echo(f"top: the terminal is gone: {error.strerror}", err=True)
        return ExitCode.FAILED
    return ExitCode.OK


def _is_screen() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _letters() -> str:
    try:
        BARS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return PLAIN_BARS
    return BARS


def _once(watcher: Watcher, view: View) -> ExitCode:
    watcher.look()
    seen = watcher.seen
    width, height = shutil.get_terminal_size((80, 24))
    for row in frame(seen, view, width, height, _letters()):
        text = paint(row, width, colour=None).rstrip()
        click.echo(
            text.encode(sys.stdout.encoding or "ascii", "replace").decode(sys.stdout.encoding or "ascii")
        )
    return ExitCode.UNREACHABLE if seen.trouble else ExitCode.OK


def _watch(terminal: Terminal, watcher: Watcher, view: View) -> None:
    """Draw, and wait for a key, news of the unit, or another size of the window."""
    letters, colour = _letters(), not os.environ.get("NO_COLOR")
    while not view.quit:
        with contextlib.suppress(queue.Empty):
            view.message = watcher.told.get_nowait()
        width, height = size = terminal.size()
        seen = watcher.seen
        terminal.draw(
            [paint(row, width, colour=colour) for row in frame(seen, view, width, height, letters)], size
        )
        ready, _, _ = select.select([terminal.source, watcher.wake, terminal.resized], [], [], _PATIENCE_S)
        for pipe in (watcher.wake, terminal.resized):
            if pipe in ready:
                os.read(pipe, 64)
        if terminal.source in ready:
            keys = terminal.keys()
            if keys is None:
                return
            for key in keys:
                if asked := view.press(key, watcher.seen.picture, items_of(watcher.seen, view, letters)):
                    watcher.put(asked)
