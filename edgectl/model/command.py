"""From wish to wire: Demand, Command."""

from __future__ import annotations

from typing import NamedTuple


class Demand(NamedTuple):
    """What somebody wants of an actuator, in its unit; None asks for nothing, which is answered with the safe value.

    ``protective`` demands (fallback, waiting for the first value) may move towards the safe value without a rate limit.
    """

    actuator: str
    value: float | None
    source: str
    protective: bool = False


class Command(NamedTuple):
    """What the interlock chain allows: a lease on a value.

    ``expires_ns`` is on the monotonic clock; past it the value may not stand and the safe value goes out.
    ``restricted_by`` names every restriction that changed ``demanded``, in chain order; ``source`` says whose demand it was.
    """

    actuator: str
    value: float
    expires_ns: int
    demanded: float | None
    restricted_by: tuple[str, ...]
    source: str
