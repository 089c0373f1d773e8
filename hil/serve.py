"""Serves a rig to real programs: serial lines on pseudo-terminals, TCP lines on the loopback, orders on a Unix socket.

Line time is wall time since the start, times `clock`; plant time runs `speed` times as fast as line time.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

from hil.framing import Request
from hil.port import SerialPort, TcpPort
from hil.still import StillPlant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hil.rig import Rig

_IDLE_S = 0.05  # the plant moves at least this often although nobody talks
_WAKE_S = 200e-6  # a sleep ends this much late; the rest is spent turning
_LONGEST_ORDER = 65536


class Server:
    """A rig, its ports in `directory`, and the socket `directory`/rig.sock that takes orders."""

    def __init__(self, rig: Rig, directory: Path, clock: float = 1.0) -> None:
        self._rig = rig
        self._clock = clock
        self._selector = (
            selectors.SelectSelector()
        )  # its timeouts have microseconds; epoll's have milliseconds
        self._stopping = False
        self._started_s = time.monotonic()
        directory.mkdir(parents=True, exist_ok=True)
        self._ports: dict[str, SerialPort | TcpPort] = {}
        for name, line in rig.lines.items():
            if rig.media[name].kind == "tcp":
                self._ports[name] = TcpPort(line, self._selector)
            else:
                self._ports[name] = SerialPort(line, directory / name, self._selector)
        self._control_path = directory / "rig.sock"
        self._control = self._listen()
        self._orders: dict[socket.socket, bytes] = {}

    def _listen(self) -> socket.socket:
        self._control_path.unlink(missing_ok=True)
        control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            control.bind(str(self._control_path))
        except OSError as error:
            raise OSError(f"{self._control_path}: {error}; give a shorter --dir") from error
        control.listen(8)
        control.setblocking(False)
        self._selector.register(control, selectors.EVENT_READ, self._accept)
        return control

    def where(self) -> Mapping[str, Any]:
        """Where the lines and the control socket are, in JSON types."""
        lines = {name: port.where() for name, port in self._ports.items()}
        return {"lines": lines, "control": str(self._control_path)}

    def stop(self) -> None:
        """End `run` at its next turn."""
        self._stopping = True

    def follow_stdin(self) -> None:
        """Stop when standard input closes: the parent has gone."""
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._hear_parent)

    def _hear_parent(self, t_s: float) -> None:  # noqa: ARG002
        if not os.read(sys.stdin.fileno(), 4096):
            self.stop()

    def _now_s(self) -> float:
        return (time.monotonic() - self._started_s) * self._clock

    def run(self) -> None:
        """Serve until `stop`, then take links, listeners and the socket away."""
        try:
            while not self._stopping:
                self._turn()
        finally:
            self._close()

    def _turn(self) -> None:
        due = [at_s for port in self._ports.values() if (at_s := port.next_at()) is not None]
        now_s = self._now_s()
        wait_s = min((min(due, default=math.inf) - now_s) / self._clock, _IDLE_S)
        ready = self._selector.select(max(wait_s - _WAKE_S, 0.0))
        now_s = self._now_s()
        self._rig.advance(now_s)
        for key, _ in ready:
            take: Callable[[float], None] = key.data
            take(now_s)
        now_s = self._now_s()
        for port in self._ports.values():
            port.deliver(now_s)

    def _close(self) -> None:
        for port in self._ports.values():
            if port.plugged:
                port.unplug()
        for connection in list(self._orders):
            self._hang_up(connection)
        self._selector.close()
        self._control.close()
        self._control_path.unlink(missing_ok=True)

    def _accept(self, t_s: float) -> None:  # noqa: ARG002
        connection, _ = self._control.accept()
        connection.settimeout(1.0)
        self._orders[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ, lambda t_s: self._hear(t_s, connection))

    def _hang_up(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._orders[connection]
        connection.close()

    def _hear(self, t_s: float, connection: socket.socket) -> None:
        try:
            data = connection.recv(4096)
            *lines, rest = (self._orders[connection] + data).split(b"\n")
            for line in lines:
                connection.sendall(json.dumps(self._obey(t_s, line)).encode() + b"\n")
        except OSError:
            data, rest = b"", b""
        self._orders[connection] = rest
        if not data or len(rest) > _LONGEST_ORDER:
            self._hang_up(connection)

    def _obey(self, t_s: float, line: bytes) -> Mapping[str, Any]:
        """The answer to one order; a wrong one is explained."""
        try:
            order = json.loads(line)
            if not isinstance(order, dict):
                return {"ok": False, "error": 'an order is a JSON object such as {"do": "truth"}'}
            verb = order.pop("do")
            if verb not in self._known():
                return {"ok": False, "error": f"no order {verb!r}; there are {', '.join(self._known())}"}
            return {"ok": True, **self._known()[verb](t_s, order)}
        except (ValueError, TypeError, KeyError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def _known(self) -> Mapping[str, Callable[[float, dict[str, Any]], Mapping[str, Any]]]:
        rig = self._rig
        return {
            "truth": lambda t_s, _: {"t_s": t_s, "truth": rig.truth(t_s)},
            "outputs": lambda t_s, _: {"t_s": t_s, "outputs": rig.outputs()},
            "fault": self._fault,
            "clear": self._clear,
            "faults": lambda _, __: {"faults": rig.faults()},
            "log": self._log,
            "counts": lambda _, __: {"counts": {name: dict(line.counts) for name, line in rig.lines.items()}},
            "where": lambda _, __: self.where(),
            "hold": self._hold,
            "swap": self._swap,
            "second": self._second,
            "still": self._still,
            "sessions": lambda _, __: {"sessions": self._sessions()},
        }

    def _fault(self, t_s: float, order: dict[str, Any]) -> Mapping[str, Any]:
        self._rig.advance(t_s)
        self._rig.fault(order.pop("target"), order.pop("verb"), **order)
        self._follow_plugs()
        return {}

    def _clear(self, t_s: float, order: dict[str, Any]) -> Mapping[str, Any]:
        self._rig.advance(t_s)
        self._rig.clear(order.get("target"), order.get("verb"))
        self._follow_plugs()
        return {}

    def _hold(self, t_s: float, order: dict[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Stop taking what the client of a line sends, or go on."""
        self._port(order["target"]).hold(held=bool(order.get("held", True)))
        return {}

    def _swap(self, t_s: float, order: dict[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Two adapters exchange their places: each link leads to the other's bus from now on."""
        one, other = self._port(order["target"]), self._port(order["other"])
        if not (isinstance(one, SerialPort) and isinstance(other, SerialPort)):
            raise TypeError("swap takes two serial lines")
        for port in (one, other):
            port.unplug()
        one.path, other.path = other.path, one.path
        for port in (one, other):
            port.plug()
        return {}

    def _second(self, t_s: float, order: dict[str, Any]) -> Mapping[str, Any]:
        """A second master, or a person at the panel, gives an instrument an order: `pdu` in hexadecimal, or `text`."""
        self._rig.advance(t_s)
        address = order["target"].rpartition("/")[2]
        if "pdu" in order:
            request = Request(int(address), bytes.fromhex(order["pdu"]))
        else:
            request = Request(0, order["text"].encode())
        self._rig.instrument(order["target"]).answer(t_s, request)
        return {}

    def _still(self, t_s: float, order: dict[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """Move the sensors of a plant that stands still: `readings` by name."""
        plant = self._rig.plant
        if not isinstance(plant, StillPlant):
            raise TypeError("this plant lives; serve it with --still")
        plant.readings |= {name: float(value) for name, value in order["readings"].items()}
        return {}

    def _sessions(self) -> Mapping[str, Mapping[str, int]]:
        """The sessions of each TCP line now, and the most at once since this was asked last."""
        ports = {name: port for name, port in self._ports.items() if isinstance(port, TcpPort)}
        found = {name: {"now": port.sessions, "most": port.most_sessions} for name, port in ports.items()}
        for port in ports.values():
            port.most_sessions = port.sessions
        return found

    def _port(self, name: str) -> SerialPort | TcpPort:
        self._rig.line(name)  # a wrong name is explained there
        return self._ports[name]

    def _log(self, t_s: float, order: dict[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        target = order.get("target")
        log = self._rig.log if target is None else self._rig.instrument(target).log
        return {"log": log.as_dict()}

    def _follow_plugs(self) -> None:
        """Make each port as plugged as its line."""
        for port in self._ports.values():
            wanted = port.line.bus.plugged
            if wanted and not port.plugged:
                port.plug()
            elif port.plugged and not wanted:
                port.unplug()


def serve(rig: Rig, directory: Path, *, with_parent: bool, clock: float = 1.0) -> None:
    """Serve until SIGTERM, SIGINT or, with a parent, the end of standard input; one JSON line says where."""
    server = Server(rig, directory, clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    if with_parent:
        server.follow_stdin()
    print(json.dumps(server.where()), flush=True)
    server.run()


def ask(control: str, order: Mapping[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Give a served rig one order and return its answer; OSError if it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(control)
        connection.sendall(json.dumps(order).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError(f"{control}: the rig hung up")
            answer += piece
    reply: dict[str, Any] = json.loads(answer)
    return reply
