"""The drivers that exist, found by the names of their files, and what each of them declares."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import edgectl.drivers
from edgectl.model.instrument import Channel, Poll, Watchdog, Wire
from edgectl.model.probe import Probe


@dataclass(frozen=True, slots=True)
class DriverKind:
    """What a driver module declares.

    ``channels``, ``polls`` and ``watchdog`` take an instance of ``options``, ``driver`` a port, an address and the options;
    ``probes`` say how ``edgectl scan`` finds its instruments.
    """

    name: str
    manual: str
    wire: Wire
    watchdog: Callable[[Any], Watchdog | None]
    options: type[Any]
    channels: Callable[[Any], tuple[Channel, ...]]
    polls: Callable[[Any], tuple[Poll, ...]]
    driver: Callable[[Any, str, Any], Any]
    probes: tuple[Probe, ...] = ()


def driver_names() -> tuple[str, ...]:
    """All drivers by their YAML names."""
    found = pkgutil.iter_modules(edgectl.drivers.__path__)
    return tuple(sorted(module.name for module in found if not module.name.startswith("_")))


def load_driver(name: str) -> DriverKind:
    """The driver of that name, which must be one of ``driver_names()``."""
    module = importlib.import_module(f"{edgectl.drivers.__name__}.{name}")
    return DriverKind(
        name=name,
        manual=module.MANUAL,
        wire=module.WIRE,
        # some instruments have a watchdog only if their options make one
        watchdog=getattr(module, "watchdog", lambda _: module.WATCHDOG),
        options=module.Options,
        channels=module.channels,
        polls=module.polls,
        driver=module.Driver,
        probes=getattr(module, "PROBES", ()),  # modbus_map knows no instrument of its own
    )
