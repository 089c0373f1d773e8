"""What comes back after an RTU request: its echo, foreign frames, noise, and the answer."""

from __future__ import annotations

from edgectl.wire.frame import Expected, find, intact, whole


class Reply:
    """The bytes since a request went out.

    ``echo`` is whether the line repeats what is sent, as far as known (None: not); it is learnt on the way. Where the answer may equal the
    request it is believed, not learnt: then the first copy is the answer on a line without echo, and the second on a line with one.
    ``foreign`` is the latest frame that answers something nobody asked.
    """

    __slots__ = ("buffer", "echo", "expected", "foreign", "request", "stripped")

    def __init__(self, request: bytes, expected: Expected, *, echo: bool | None) -> None:
        self.request = request
        self.expected = expected
        self.echo = echo
        self.stripped = False
        self.buffer = bytearray()
        self.foreign = b""

    def take(self, *, final: bool = False) -> bytes:
        """Remove and return the frame of the answer, with the noise before it; empty while it is not there.

        ``final`` says that nothing more will come.
        """
        buffer, expected = self.buffer, self.expected
        if self.echo is False and len(buffer) == expected.size and buffer.startswith(expected.good):
            frame = bytes(buffer)
            if intact(frame):  # nearly always: the answer, and nothing else
                buffer.clear()
                return frame
        if not self._strip_echo():
            return b""
        found = find(self.buffer, self.expected, final=final)
        if found is None:
            return b""
        at, size = found
        frame = bytes(self.buffer[at : at + size])
        del self.buffer[: at + size]
        if at == 0 and not self.stripped:
            self.echo = False
        return frame

    def drop_foreign(self) -> bytes:
        """Remove and return an intact frame that answers something else; empty if none is there."""
        size = whole(self.buffer) if self._strip_echo() else 0
        frame = bytes(self.buffer[:size])
        del self.buffer[:size]
        return frame

    @property
    def begun(self) -> bool:
        """Whether the buffer begins as an answer does."""
        head, expected = bytes(self.buffer), self.expected
        return bool(head) and any(
            good.startswith(head[: len(good)]) for good in (expected.good, expected.refused)
        )

    def _strip_echo(self) -> bool:
        """Remove the echo; false while nothing but the echo could be there."""
        if self.stripped:
            return True
        buffer, request = self.buffer, self.request
        if buffer.startswith(request) and (self.echo or not self._ambiguous()):
            return self._strip(len(request))
        if self.echo and self._ambiguous():
            at = buffer.find(request)
            return at >= 0 and self._strip(at + len(request))
        return True

    def _strip(self, end: int) -> bool:
        del self.buffer[:end]
        self.stripped = self.echo = True
        return True

    def _ambiguous(self) -> bool:
        """Whether the request itself could be taken for its answer: functions 05 and 06, and some bit reads by their address."""
        return find(self.request, self.expected) is not None
