"""Ending with whoever started us."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable


async def when_parent_ends(stop: Callable[[], object]) -> None:
    """Call ``stop`` when standard input ends: the supervisor holds its other end, and the kernel closes it however that dies."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while await reader.read(64):
            pass
        stop()
    finally:
        transport.close()
