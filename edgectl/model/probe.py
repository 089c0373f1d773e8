"""What a driver tells ``edgectl scan``: where its instruments may stand, and which harmless question they answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant of instrument that the driver speaks to.

    ``options`` are any with which ``Driver.identify`` works, ``answer`` is what the reply to ``Probe.ask`` holds, ``model`` what the
    identity's model must match where ``identify`` alone proves little, ``told`` the options that the find itself decides.
    """

    options: Any
    answer: re.Pattern[bytes] = re.compile(b".", re.DOTALL)
    model: re.Pattern[str] = re.compile("")
    told: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """How instruments of a driver are found, from the manual.

    ``bauds`` begins with the factory setting. ``addresses`` are all there are, the first ``likely`` of them are asked first; ``("",)``: it has a line
    of its own. ``ask`` makes the first request to an address: documented, answered whatever state the instrument is in, and a write in no
    other protocol of ours; None for Modbus, where one read serves all. ``wait_s`` is the longest time to its first byte. Modbus
    drivers are tried by ``rank``: what proves itself by a name before what only has the right registers.
    """

    bauds: tuple[int, ...]
    framing: str
    addresses: tuple[str, ...]
    variants: tuple[Variant, ...]
    ask: Callable[[str], bytes] | None = None
    wait_s: float = 0.1
    likely: int = 32
    rank: int = 0


def numbers(first: int, last: int) -> tuple[str, ...]:
    """Addresses ``first`` to ``last``."""
    return tuple(map(str, range(first, last + 1)))


ALONE = ("",)
"""The address of what has a line of its own."""
