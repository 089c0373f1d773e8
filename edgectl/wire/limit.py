"""The last check before a value becomes bytes."""

from __future__ import annotations

from collections.abc import Iterable

from edgectl.model.fault import InstrumentFault
from edgectl.model.instrument import Channel


def sendable(channels: Iterable[Channel], name: str, value: float) -> float:
    """``value`` if channel ``name`` may be set to it, so that nothing outside an instrument's range reaches a line.

    Raises:
        InstrumentFault: not a writable channel, not a number, outside its range, or neither 0 nor 1 for a discrete one.
    """
    channel = next((channel for channel in channels if channel.name == name and channel.writable), None)
    if channel is None:
        raise InstrumentFault(f"{name}: no channel that can be written")
    if not channel.low <= value <= channel.high:  # written so that NaN fails
        span = f"{channel.low:g}..{channel.high:g} {channel.unit}"
        raise InstrumentFault(f"{name}: {value!r} is outside {span}: not sent")
    if channel.discrete and value not in (0, 1):
        raise InstrumentFault(f"{name}: {value!r} is neither 0 nor 1: not sent")
    return float(value)
