"""Dosing in pulses, and servos that never act together: what is written of them, and what is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class PulsePlan:
    """How an actuator gives less than it can give steadily: in pulses at ``flow``, of at least ``least`` (amount), of which the mean is what is asked.

    From ``continuous`` on it runs steadily. Pulses begin at least ``cycle_s`` apart; after one, nothing is given for ``mixing_s``. ``dead`` (amount) is the
    volume between bottle and vessel, filled once at the beginning of a batch. Flows are in the actuator's unit, amounts are that unit integrated
    over time (``rate_s``: seconds of the rate, 60 for mL/min).
    """

    flow: float
    least: float
    continuous: float
    rate_s: float
    cycle_s: float = 0.0
    mixing_s: float = 0.0
    dead: float = 0.0


class DosingState(NamedTuple):
    """Memory of one actuator that doses or has rivals.

    ``owed`` (amount) was asked and not given yet, below 0 given and not asked. ``asked`` is the mean flow that was accepted and ``given`` the one that went out
    since the scan before. ``idle_s`` is for how long nothing has gone, ``begun_s`` how long ago the latest pulse began (None: never). ``filling`` (amount) is
    what the line still takes, ``batch`` the batch for which it was filled. ``pulses`` counts.
    """

    owed: float = 0.0
    asked: float = 0.0
    given: float = 0.0
    idle_s: float | None = None
    begun_s: float | None = None
    filling: float = 0.0
    batch: str = ""
    pulses: int = 0
