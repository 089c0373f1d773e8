"""The last minutes of a value as a row of small bars."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

BARS = "▁▂▃▄▅▆▇█"
PLAIN_BARS = "_.,-~=^#"  # for terminals without Unicode
KEPT = 600  # looks


class Trends:
    """What each loop's value was at the last looks, one a scan; None where it had no value."""

    def __init__(self) -> None:
        self._values: dict[str, deque[float | None]] = {}
        self._scan: int | None = None

    def take(self, picture: Mapping[str, Any]) -> None:
        """Remember a status; one that was seen before adds nothing."""
        if picture["scan"] == self._scan:
            return
        self._scan = picture["scan"]
        for name, loop in picture["loops"].items():
            self._values.setdefault(name, deque(maxlen=KEPT)).append(loop["value"])

    def of(self, name: str) -> Sequence[float | None]:
        """The values of a loop, oldest first."""
        return tuple(self._values.get(name, ()))


def bars(values: Sequence[float | None], width: int, target: float, band: float, letters: str = BARS) -> str:
    """``width`` bars, the newest at the right. The scale always holds the band around the target, so that noise within it stays small."""
    means = _thinned(values, width)
    known = [value for value in means if value is not None]
    if not known:
        return " " * width
    ends = [target - band, target + band] if math.isfinite(target) else []
    low, high = min(*known, *known, *ends), max(*known, *known, *ends)
    span = high - low
    top = len(letters) - 1
    shown = "".join(
        " " if value is None else letters[round((value - low) / span * top) if span > 0.0 else top // 2]
        for value in means
    )
    return shown.rjust(width)


def _thinned(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most ``width`` means of equal shares."""
    finite = [value if value is not None and math.isfinite(value) else None for value in values]
    if len(finite) <= width:
        return finite
    means: list[float | None] = []
    for share in range(width):
        part = finite[share * len(finite) // width : (share + 1) * len(finite) // width]
        known = [value for value in part if value is not None]
        means.append(sum(known) / len(known) if known else None)
    return means
