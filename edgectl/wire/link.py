"""The narrowest seam: bytes out, bytes in."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Link(Protocol):
    """A byte stream to one line. Implementations: serial port, TCP connection, rehearsal.

    Time is the running asyncio loop's time, so the same code runs in real, faster and virtual time.
    """

    @property
    def opened(self) -> bool:
        """Whether the link is up as far as it knows."""
        ...

    async def open(self) -> None:
        """Open, or open again; harmless when open.

        Raises:
            LinkFault: not possible; the text names the port and what to do.
        """
        ...

    def close(self) -> None:
        """Close; harmless when closed."""
        ...

    async def write(self, data: bytes) -> None:
        """Send all of ``data``, waiting if the driver's buffer is full.

        Raises:
            LinkFault: the line is gone or does not take bytes.
        """
        ...

    async def read(self, timeout_s: float) -> bytes:
        """The bytes that have arrived, at least one, or empty when none came for ``timeout_s``.

        Raises:
            LinkFault: the line is gone.
        """
        ...

    def discard(self) -> int:
        """Throw away what has arrived unread; returns the number of bytes."""
        ...


@runtime_checkable
class TimedLink(Protocol):
    """A link that also knows when its latest bytes came, which is before a task that waits for them runs again."""

    @property
    def heard_s(self) -> float:
        """The loop's time at the latest bytes that were read."""
        ...
