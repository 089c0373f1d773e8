"""Several findings about one value, as one NE 107 status."""

from __future__ import annotations

from collections.abc import Iterable

from edgectl.model.quality import DeviceStatus

Finding = tuple[DeviceStatus, str]
"""What an instrument says of a value, and in which words."""

_RANK = (
    DeviceStatus.GOOD,
    DeviceStatus.MAINTENANCE_REQUIRED,
    DeviceStatus.OUT_OF_SPECIFICATION,
    DeviceStatus.FUNCTION_CHECK,
    DeviceStatus.FAILURE,
)
"""NE 107 has no order; this is ours: how much less the value may be believed."""


def worst(findings: Iterable[Finding]) -> Finding:
    """The worst status with the texts of all findings; GOOD without text when there are none."""
    found = tuple(findings)
    if not found:
        return DeviceStatus.GOOD, ""
    return max((rank for rank, _ in found), key=_RANK.index), "; ".join(text for _, text in found if text)
