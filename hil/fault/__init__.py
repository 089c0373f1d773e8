"""Faults as verbs: which word makes which fault, and what it takes.

Each fault is a small seeded object that counts how often it struck; times are seconds of line time.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hil.fault.device import Baud, Behind, Ignore, Lock
from hil.fault.value import Block, Damp, Drift, Freeze, Offset, SensorNoise, Stick, Value, Weld
from hil.fault.wire import (
    Cache,
    Collide,
    Cut,
    Flip,
    Foreign,
    Garble,
    Late,
    Mute,
    Refuse,
    Sentinel,
    Slow,
    Trickle,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST: Mapping[str, type[Mute | Refuse | Cache | Ignore | Lock | Behind]] = {
    "mute": Mute,
    "exception": Refuse,
    "cache": Cache,
    "ignore": Ignore,
    "lock": Lock,
    "behind": Behind,
}
REPLY: Mapping[str, type[Slow | Garble | Flip | Cut | Trickle | Foreign | Collide | Sentinel | Baud]] = {
    "slow": Slow,
    "late": Late,
    "garble": Garble,
    "flip": Flip,
    "cut": Cut,
    "trickle": Trickle,
    "foreign": Foreign,
    "collide": Collide,
    "sentinel": Sentinel,
    "baud": Baud,
}
VALUE: Mapping[str, type[Freeze | Drift | SensorNoise | Value | Offset | Damp]] = {
    "freeze": Freeze,
    "damp": Damp,
    "drift": Drift,
    "offset": Offset,
    "noise": SensorNoise,
    "value": Value,
    "nan": Value,
}
OUTPUT: Mapping[str, type[Stick | Block | Weld]] = {"stick": Stick, "block": Block, "weld": Weld}


def arguments(kind: type[Any]) -> list[str]:
    """The names a verb takes."""
    return [field.name for field in dataclasses.fields(kind) if field.init and field.name != "dice"]
