"""A TCP relay between client and broker that can be thin, slow, silent or cut."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from hil import mqtt
from hil.host.seen import Connect
from hil.host.tap import Packets, from_node

_TURN_S = 0.01
_USER_FLAG = 0x80


@dataclass(eq=False)
class _Way:
    """One direction of one connection: bytes wait until their time. `other` is the way back, `unconfirmed` what went this way and was not confirmed."""

    source: socket.socket
    sink: socket.socket
    packets: Packets = field(default_factory=Packets)
    other: _Way | None = None
    unconfirmed: int = 0
    waiting: list[tuple[float, bytes]] = field(default_factory=list)
    free_s: float = 0.0


class Proxy:
    """Relays 127.0.0.1:`port` to `target`. The attributes may be changed at any time; use as a context."""

    def __init__(self, target: int) -> None:
        self.refuse = False
        self.swallow = False
        self.delay_s = 0.0
        self.bytes_a_second = 0.0  # 0 is unbounded
        self.connects = 0
        self.anonymous = 0
        self.greetings: Counter[str] = Counter()  # CONNECT packets by the name of the client
        self.withhold = False  # confirmations of what the client publishes are dropped
        self.withheld = 0
        self.unconfirmed = (
            0  # the most messages of QoS 1 that ever waited for their confirmation on one connection
        )
        self._relayed: list[float] = []
        self._target = target
        self._ways: list[_Way] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_TURN_S)
        self.port: int = self._listener.getsockname()[1]
        self._stopping = False
        self._cutting = False
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopping = True
        self._thread.join(5.0)
        self._drop()
        self._listener.close()

    def cut(self) -> None:
        """Reset every connection."""
        self._cutting = True

    def relayed_since(self, at_s: float) -> int:
        """How many connections reached the broker since then."""
        return sum(at >= at_s for at in self._relayed)

    def _work(self) -> None:
        while not self._stopping:
            if self._cutting:
                self._drop()
                self._cutting = False
            self._accept()
            self._take()
            self._hand_over()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except TimeoutError:
            return
        self.connects += 1
        if self.refuse:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self._target), timeout=1.0)
        except OSError:
            client.close()
            return
        self._relayed.append(time.monotonic())
        for end in (client, server):
            end.setblocking(False)
        up, down = _Way(client, server), _Way(server, client)
        up.other, down.other = down, up
        self._ways += [up, down]

    def _take(self) -> None:
        with selectors.DefaultSelector() as ready:
            for way in self._ways:
                ready.register(way.source, selectors.EVENT_READ, way)
            for key, _ in ready.select(_TURN_S) if self._ways else ():
                self._take_from(key.data)

    def _take_from(self, way: _Way) -> None:
        try:
            data = way.source.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._close(way)
            return
        self._look(data)
        if self.swallow:
            return
        data = self._confirmed(way, data)
        now = time.monotonic()
        way.free_s = max(way.free_s, now)
        if self.bytes_a_second:
            way.free_s += len(data) / self.bytes_a_second
        way.waiting.append((way.free_s + self.delay_s, data))

    def _look(self, data: bytes) -> None:
        """Count a CONNECT (MQTT 3.1.1, section 3.1) whose flags name no user."""
        if data[:1] == b"\x10" and b"MQTT" in data[:10]:
            flags = data[data.index(b"MQTT") + 5]
            self.anonymous += not flags & _USER_FLAG

    def _confirmed(self, way: _Way, data: bytes) -> bytes:
        """Count who says hello and what waits for its confirmation, and take the confirmations out if they are withheld. Only whole packets go on."""
        passed = bytearray()
        for packet in way.packets.feed(data):
            if packet.kind == mqtt.CONNECT and isinstance(hello := from_node(packet), Connect):
                self.greetings[hello.client_id] += 1
            if packet.kind == mqtt.PUBLISH and packet.flags & 0x06:
                way.unconfirmed += 1
                self.unconfirmed = max(self.unconfirmed, way.unconfirmed)
            if packet.kind == mqtt.PUBACK and way.other is not None:
                if self.withhold:
                    self.withheld += 1
                    continue
                way.other.unconfirmed -= 1
            passed += mqtt.frame(*packet[::2], packet.flags)
        return bytes(passed)

    def _hand_over(self) -> None:
        now = time.monotonic()
        for way in list(self._ways):
            while way.waiting and way.waiting[0][0] <= now:
                _, data = way.waiting.pop(0)
                with contextlib.suppress(OSError):
                    way.sink.setblocking(True)
                    way.sink.sendall(data)
                    way.sink.setblocking(False)

    def _close(self, way: _Way) -> None:
        ends = {way.source, way.sink}
        self._ways = [other for other in self._ways if other.source not in ends]
        for end in ends:
            end.close()

    def _drop(self) -> None:
        for way in list(self._ways):
            if way in self._ways:
                self._close(way)
