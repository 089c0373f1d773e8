"""A link over a file descriptor: serial port or socket, read on demand."""

from __future__ import annotations

import asyncio
import os
from typing import Protocol

from edgectl.model.fault import LinkFault

_CHUNK = 4096
_DISCARD_AT_MOST = 16 * _CHUNK
_WRITE_S = 1.0


class Endpoint(Protocol):
    """Something that can be opened to a non-blocking descriptor, where reading nothing means that the other side is gone."""

    @property
    def name(self) -> str:
        """The port or address, for people."""
        ...

    async def acquire(self) -> int:
        """Open and return the descriptor.

        Raises:
            LinkFault: not possible; the text says what to do.
        """
        ...

    def release(self) -> None:
        """Close the descriptor; harmless when closed."""
        ...


class StreamLink:
    """``edgectl.wire.link.Link``, and ``TimedLink``, over an endpoint.

    Bytes stay in the kernel until somebody reads: a line that babbles while nobody listens costs one wake-up, and no memory. Any
    failure closes the link; ``open`` acquires the endpoint anew.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.heard_s = 0.0
        self._fd = -1
        self._why = f"{endpoint.name} is not open"
        self._loop: asyncio.AbstractEventLoop
        self._watched = False
        self._waiter: asyncio.Future[bytes] | None = None

    @property
    def opened(self) -> bool:
        """Whether the descriptor is open and has not failed."""
        return self._fd >= 0

    async def open(self) -> None:
        """Acquire the endpoint; harmless when open.

        Raises:
            LinkFault: not possible; the text says what to do.
        """
        if self._fd < 0:
            self._loop = asyncio.get_running_loop()
            self._fd = await self.endpoint.acquire()

    def close(self) -> None:
        """Close; whoever waits for bytes gets a LinkFault. Harmless when closed."""
        self._lose(f"{self.endpoint.name} is not open")

    async def read(self, timeout_s: float) -> bytes:
        """What has arrived, or arrives within ``timeout_s``; empty if nothing does. One reader at a time.

        Raises:
            LinkFault: the other side is gone, or the link is not open.
        """
        # While it is watched the loop says at once what is there; asking first would nearly always be in vain.
        if timeout_s <= 0 or not self._watched:
            data = self._take()
            if data or timeout_s <= 0:
                return data
        waiter: asyncio.Future[bytes] = self._loop.create_future()
        self._waiter = waiter
        if not self._watched:
            self._loop.add_reader(self._fd, self._readable)
            self._watched = True
        timer = self._loop.call_later(timeout_s, _resolve, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def write(self, data: bytes) -> None:
        """Hand ``data`` to the kernel, waiting up to 1 s while it takes none.

        Raises:
            LinkFault: the other side is gone or takes no bytes, or the link is not open.
        """
        sent = self._put(data)
        while sent < len(data):
            if not await self._writable():
                raise self._lose(
                    f"{self.endpoint.name} has taken no bytes for {_WRITE_S:g} s; check flow control and the adapter"
                )
            sent += self._put(data[sent:])

    def discard(self) -> int:
        """Throw away what has arrived, up to 64 KiB; a link found to be gone fails at its next use."""
        count = 0
        try:
            while count < _DISCARD_AT_MOST and (data := self._take()):
                count += len(data)
        except LinkFault:
            return count
        return count

    def _take(self) -> bytes:
        if self._fd < 0:
            raise LinkFault(self._why)
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lose(self._gone(error)) from error
        if not data:
            raise self._lose(f"{self.endpoint.name} was closed by the other side or has been unplugged")
        self.heard_s = self._loop.time()
        return data

    def _put(self, data: bytes) -> int:
        if self._fd < 0:
            raise LinkFault(self._why)
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._lose(self._gone(error)) from error

    def _readable(self) -> None:
        """Bytes are waiting, or the other side went away. Unless somebody waits for them they stay where they are."""
        waiter = self._waiter
        if waiter is None or waiter.done():
            self._unwatch()
            return
        try:
            data = self._take()
        except LinkFault:
            return  # the waiter has been told
        if data:
            waiter.set_result(data)

    async def _writable(self) -> bool:
        waiter = self._loop.create_future()
        self._loop.add_writer(self._fd, _resolve, waiter, b"writable")
        timer = self._loop.call_later(_WRITE_S, _resolve, waiter)
        try:
            return bool(await waiter)
        finally:
            timer.cancel()
            if self._fd >= 0:
                self._loop.remove_writer(self._fd)

    def _unwatch(self) -> None:
        if self._watched:
            self._loop.remove_reader(self._fd)
            self._watched = False

    def _lose(self, why: str) -> LinkFault:
        """Close for this reason, and tell who waits."""
        if self._fd >= 0:
            self._unwatch()
            self._loop.remove_writer(self._fd)
            self._fd = -1
            self.endpoint.release()
            self._why = why
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(LinkFault(why))
        return LinkFault(why)

    def _gone(self, error: OSError) -> str:
        return f"{self.endpoint.name} is gone ({error.strerror}); check cable and power, it is opened again by itself"


def _resolve(waiter: asyncio.Future[bytes], result: bytes = b"") -> None:
    if not waiter.done():
        waiter.set_result(result)
