"""The ends of lines that real programs open: pseudo-terminals and TCP listeners."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import termios
import tty
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hil.line import Line

    Ready = Callable[[float], None]

_CHUNK = 4096
HOST = "127.0.0.1"


class SerialPort:
    """A line on a pseudo-terminal, reached by the symbolic link `path`, which stays the same over a replug.

    The server holds the terminal's far end open, so clients may come and go, and what nobody has read waits for the
    next one, up to 4 kB; more is lost, as in a UART.
    """

    def __init__(self, line: Line, path: Path, selector: selectors.BaseSelector) -> None:
        self.line = line
        self.path = path
        self.lost_bytes = 0
        self._selector = selector
        self._master = self._slave = -1
        self.plug()

    def where(self) -> Mapping[str, Any]:
        """How a client reaches the line."""
        return {"port": str(self.path)}

    @property
    def plugged(self) -> bool:
        """Whether the terminal is there."""
        return self._master >= 0

    def plug(self) -> None:
        """Make a new terminal and point the link at it."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        self._selector.register(self._master, selectors.EVENT_READ, self._take)

    def unplug(self) -> None:
        """Take link and terminal away; a client that has it open gets an error."""
        self.path.unlink(missing_ok=True)
        self._selector.unregister(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        self.line.drop()

    def hold(self, *, held: bool) -> None:
        """Assert flow control towards the client, so that what it sends blocks; or let it go on."""
        if self._slave >= 0:
            termios.tcflow(self._slave, termios.TCOOFF if held else termios.TCOON)

    def _take(self, t_s: float) -> None:
        if self._master >= 0:  # unplugged in the same turn otherwise
            with contextlib.suppress(BlockingIOError):
                self.line.write(t_s, os.read(self._master, _CHUNK))

    def next_at(self) -> float | None:
        """When the line will next have bytes."""
        return self.line.next_at()

    def deliver(self, t_s: float) -> None:
        """Hand over what has arrived."""
        data = self.line.read(t_s)
        if data and self._master >= 0:
            try:
                taken = os.write(self._master, data)
            except BlockingIOError:
                taken = 0
            self.lost_bytes += len(data) - taken


class TcpPort:
    """A Modbus TCP line: a listener on the loopback, and a session for each client."""

    def __init__(self, line: Line, selector: selectors.BaseSelector) -> None:
        self.line = line
        self._selector = selector
        self._number = 0
        self._listener: socket.socket | None = None
        self._held = False
        self.most_sessions = 0
        self._sessions: dict[socket.socket, Line] = {}
        self.plug()

    def where(self) -> Mapping[str, Any]:
        """How a client reaches the line."""
        return {"host": HOST, "port": self._number}

    @property
    def plugged(self) -> bool:
        """Whether the listener is there."""
        return self._listener is not None

    def plug(self) -> None:
        """Listen, on the same port number as before."""
        self._listener = socket.create_server((HOST, self._number), backlog=16)
        self._listener.setblocking(False)
        self._number = self._listener.getsockname()[1]
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def unplug(self) -> None:
        """Reset every connection and stop listening."""
        self.hold(held=False)
        for connection in list(self._sessions):
            self._close(connection)
        if self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def hold(self, *, held: bool) -> None:
        """Vanish without a word: neither accept, read nor answer, and close nothing; or be back."""
        if held == self._held or self._listener is None:
            return
        self._held = held
        if held:
            for connection in (self._listener, *self._sessions):
                self._selector.unregister(connection)
            return
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        for connection in self._sessions:
            self._listen_to(connection)

    @property
    def sessions(self) -> int:
        """Connections that are open now."""
        return len(self._sessions)

    def _accept(self, t_s: float) -> None:  # noqa: ARG002
        assert self._listener is not None
        try:
            connection, _ = self._listener.accept()
        except OSError:  # the client went away between its connect and this accept
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sessions[connection] = self.line.session()
        self.most_sessions = max(self.most_sessions, len(self._sessions))
        self._listen_to(connection)

    def _listen_to(self, connection: socket.socket) -> None:
        self._selector.register(connection, selectors.EVENT_READ, lambda t_s: self._take(t_s, connection))

    def _close(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._sessions[connection]
        connection.close()

    def _take(self, t_s: float, connection: socket.socket) -> None:
        if connection not in self._sessions:
            return
        try:
            data = connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._sessions[connection].write(t_s, data)
        else:
            self._close(connection)

    def next_at(self) -> float | None:
        """When any session will next have bytes."""
        times = [at_s for line in self._sessions.values() if (at_s := line.next_at()) is not None]
        return min(times, default=None)

    def deliver(self, t_s: float) -> None:
        """Hand over what has arrived; a client that stopped reading is dropped."""
        if self._held:
            return
        for connection, line in list(self._sessions.items()):
            data = line.read(t_s)
            if not data:
                continue
            try:
                connection.sendall(data)
            except OSError:
                self._close(connection)
