"""How far a value may be believed: NAMUR NE 107 device status and the quality derived from it."""

from __future__ import annotations

import enum


class DeviceStatus(enum.Enum):
    """Status of an instrument or channel in the terms of NAMUR NE 107."""

    GOOD = "good"
    MAINTENANCE_REQUIRED = "maintenance required"
    OUT_OF_SPECIFICATION = "out of specification"
    FUNCTION_CHECK = "function check"
    FAILURE = "failure"


class Quality(enum.IntEnum):
    """Whether a value may regulate: GOOD regulates, UNCERTAIN holds for a bounded time, BAD does neither."""

    BAD = 0
    UNCERTAIN = 1
    GOOD = 2


_QUALITY = {
    DeviceStatus.GOOD: Quality.GOOD,
    DeviceStatus.MAINTENANCE_REQUIRED: Quality.GOOD,
    DeviceStatus.OUT_OF_SPECIFICATION: Quality.UNCERTAIN,
    DeviceStatus.FUNCTION_CHECK: Quality.BAD,
    DeviceStatus.FAILURE: Quality.BAD,
}


def quality_of(status: DeviceStatus) -> Quality:
    """The best quality a value of this NE 107 status can have; judging may only lower it."""
    return _QUALITY[status]
