"""Every check in order. One that fails is a finding of its own: it could not be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from edgectl.app.doctor import (
    broker,
    bus,
    clock,
    configuration,
    disk,
    permission,
    power,
    realtime,
    serial,
    software,
    watchdog,
)
from edgectl.app.doctor.finding import Finding, unknown
from edgectl.app.doctor.look import Look

Check = Callable[[Look], Iterator[Finding]]

CHECKS: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("power", (power.supply, power.heat)),
    ("clock", (clock.synchronised, clock.battery_clock, clock.steps)),
    ("disk", (disk.room, disk.wear, disk.faults)),
    ("serial", (serial.ports, serial.latency, serial.sleep)),
    ("lines", (bus.lines,)),
    ("uplink", (broker.brokers, broker.certificates, broker.uplink)),
    ("watchdog", (watchdog.hardware, watchdog.system, watchdog.service)),
    ("real time", (realtime.grants, realtime.punctuality)),
    (
        "unit",
        (
            configuration.in_force,
            configuration.edited,
            configuration.alarms,
            configuration.calibrations,
            configuration.recording,
        ),
    ),
    ("software", (software.python, software.packages)),
    (
        "rights",
        (
            permission.service_user,
            permission.state_folder,
            permission.secrets,
            permission.missing_secrets,
            permission.rights,
        ),
    ),
)


class Line(NamedTuple):
    """A finding and the group it belongs to."""

    group: str
    finding: Finding


def examine(look: Look, checks: tuple[tuple[str, tuple[Check, ...]], ...] = CHECKS) -> Iterator[Line]:
    """All findings. What a check found before it failed stands."""
    for group, members in checks:
        for check in members:
            name = check.__name__.replace("_", " ")
            try:
                for finding in check(look):
                    yield Line(group, finding)
            except PermissionError as error:
                yield Line(
                    group,
                    unknown(name, f"{error.filename} may not be read by this user", "sudo edgectl doctor"),
                )
            except Exception as error:  # noqa: BLE001 - a machine is odd in more ways than can be listed, and the other checks count
                yield Line(
                    group,
                    unknown(
                        name,
                        f"this check failed: {type(error).__name__}: {error}",
                        "look by hand, and report this line",
                    ),
                )
