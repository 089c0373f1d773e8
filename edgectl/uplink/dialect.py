"""A dialect of the uplink: one way to tell the unit's records and to hear commands, over connections of its own."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Protocol

from edgectl.store.cursor import Cursor
from edgectl.uplink.broker import Server


class Say(Protocol):
    """Who is told whether the broker is connected."""

    def __call__(self, *, connected: bool, detail: str = "") -> None:
        """How things are from now on."""
        ...


class Dialect(Protocol):
    """Made once; its sessions follow one another."""

    name: str
    cursor: Cursor

    async def session(self, server: Server, disk: Executor, say: Say) -> None:
        """One connection to ``server``, until it ends, is lost, or the process leaves. Returns when another server should be tried.

        Raises:
            BrokerFault: the connection could not be had, or was lost.
        """
        ...
