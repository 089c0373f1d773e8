"""From the wire to a judged value: Reading, Sample, Measurement. Tuples, because thousands are made a minute."""

from __future__ import annotations

from typing import NamedTuple

from edgectl.model.instant import Instant
from edgectl.model.quality import DeviceStatus, Quality


class Reading(NamedTuple):
    """What an instrument said of one channel, in the channel's unit.

    ``value`` is None when the instrument gave none. ``channel`` is the driver's channel name (``ph``).
    """

    channel: str
    value: float | None
    status: DeviceStatus = DeviceStatus.GOOD
    detail: str = ""


class Sample(NamedTuple):
    """A reading in the process image, under its full name ``instrument.channel``, and when it was taken.

    A failed poll enters as a sample too: value None, status FAILURE, the fault in ``detail``.
    """

    channel: str
    value: float | None
    status: DeviceStatus
    detail: str
    at: Instant


class Achieved(NamedTuple):
    """What the instrument confirmed of the last write to one actuator.

    ``commanded`` is the value that was sent, ``value`` what the instrument reports to have set (None: the write failed,
    the fault is in ``detail``), ``at`` when.
    """

    actuator: str
    commanded: float
    value: float | None
    detail: str
    at: Instant


class Measurement(NamedTuple):
    """A judged value of one tag (ISA-5.1 name) in the tag's unit.

    ``at`` is when the value was taken, never when it was judged. ``reason`` is empty for GOOD.
    """

    tag: str
    value: float | None
    quality: Quality
    reason: str
    at: Instant
