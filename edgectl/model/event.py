"""What happened, and why."""

from __future__ import annotations

from typing import NamedTuple

from edgectl.model.instant import Instant


class Event(NamedTuple):
    """A transition worth a record: ``subject`` went from ``before`` to ``after`` because of ``reason``.

    ``kind`` is one of quality, vote, mode, setpoint, interlock, hazard, restriction, actuator, loop, manual, alarm, request, unit, authority,
    uplink, check, dose, health, batch, restart, snapshot, instrument, line, scan, notice, files, plan, change, process.
    ``actor`` is a person, a process, or the part of the core that decided.
    """

    at: Instant
    kind: str
    subject: str
    before: str
    after: str
    actor: str
    reason: str
