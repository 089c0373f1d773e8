"""TCP connections to gateways and instruments: one at a time, no delay, drops known at once."""

from __future__ import annotations

import asyncio
import errno
import socket

from edgectl.model.fault import LinkFault
from edgectl.model.plan import LinePlan
from edgectl.wire.stream import StreamLink

_CONNECT_S = 2.0

_Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


class TcpConnection:
    """The connection of a line. The last one is always closed before the next is tried, so a gateway never sees two.

    No keepalive: a peer that vanishes is found by the request that it does not answer.
    """

    def __init__(self, plan: LinePlan) -> None:
        self._plan = plan
        self._socket: socket.socket | None = None

    @property
    def name(self) -> str:
        """Host and port."""
        return f"{self._plan.host}:{self._plan.tcp_port}"

    async def acquire(self) -> int:
        """Connect within 2 s.

        Raises:
            LinkFault: refused, unreachable, unknown or silent.
        """
        self.release()
        try:
            async with asyncio.timeout(_CONNECT_S):
                return await self._connect()
        except TimeoutError as error:
            raise LinkFault(
                f"{self.name} does not answer within {_CONNECT_S:g} s; check its power, cable and address"
            ) from error
        except socket.gaierror as error:
            raise LinkFault(
                f"{self._plan.host} is not a known host ({error.strerror}); check the name"
            ) from error
        except OSError as error:
            raise LinkFault(self._explain(error)) from error

    async def _connect(self) -> int:
        refused = OSError(errno.EHOSTUNREACH, "no address")
        for family, address in await self._addresses():
            try:
                return await self._reach(family, address)
            except OSError as error:
                refused = error
        raise refused

    async def _reach(self, family: socket.AddressFamily, address: object) -> int:
        connection = self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(connection, address)  # type: ignore[arg-type]
        except BaseException:
            self.release()
            raise
        return connection.fileno()

    async def _addresses(self) -> list[_Address]:
        """Numbers are taken as they are; only a name needs the resolver and its thread."""
        host, port = self._plan.host, self._plan.tcp_port
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]

    def release(self) -> None:
        """Close; harmless when closed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _explain(self, error: OSError) -> str:
        match error.errno:
            case errno.ECONNREFUSED:
                return f"{self.name} refuses the connection; check the port, and that no other master holds its session"
            case errno.EHOSTUNREACH | errno.ENETUNREACH:
                return f"{self.name} cannot be reached; check cable, address and network"
        return f"{self.name} cannot be reached ({error.strerror})"


def tcp_link(plan: LinePlan) -> StreamLink:
    """The link of a TCP line."""
    return StreamLink(TcpConnection(plan))
