"""The process image: everything known at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgectl.model.measurement import Achieved, Sample

# Two channels that no instrument has: 1 while the uplink is connected and while the journal can write, else 0 and why.
UPLINK_CHANNEL = "edgectl.uplink"
JOURNAL_CHANNEL = "edgectl.journal"


@dataclass(frozen=True, slots=True)
class Image:
    """The latest sample of every channel (``instrument.channel``) and the latest confirmation of every actuator.

    A channel never read, or an actuator never written, is absent: unknown is never permission.
    """

    samples: Mapping[str, Sample] = field(default_factory=dict)
    achieved: Mapping[str, Achieved] = field(default_factory=dict)
