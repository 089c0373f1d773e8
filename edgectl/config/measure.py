"""Values of one tag, actuator or loop brought into its unit, with the checks every such value needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from edgectl.config.draft import Draft, Path
from edgectl.config.quantity import (
    Quantity,
    Span,
    Unreadable,
    difference_in,
    rate_in,
    show,
    span_in,
    value_in,
)

T = TypeVar("T")
Q = TypeVar("Q")


@dataclass(frozen=True, slots=True)
class Measure:
    """Reads what stands under keys of ``path`` in ``unit``. A value that cannot be read is an error and becomes 0 or the default."""

    draft: Draft
    path: Path
    unit: str

    def value(self, key: str, written: Quantity, fallback: float = 0.0) -> float:
        """A value in the unit."""
        return self._read(key, written, value_in, fallback)

    def value_inside(self, key: str, written: Quantity, low: float, high: float, of: str) -> float:
        """A value that must lie in ``low``..``high``; ``of`` names whose range that is."""
        value = self.value(key, written, low)
        if not low <= value <= high:
            span = f"{show(low, '')}..{show(high, self.unit)}"
            self.draft.error((*self.path, key), f"{written.text} lies outside {of}: {span}")
        return value

    def difference(self, key: str, written: Quantity | None, default: float = 0.0) -> float:
        """A difference, 0 or more."""
        if written is None:
            return default
        return self._positive(key, written, self._read(key, written, difference_in, default))

    def rate(self, key: str, written: Quantity | None) -> float:
        """A rate of change per second, 0 or more; 0 without one."""
        if written is None:
            return 0.0
        return self._positive(key, written, self._read(key, written, rate_in, 0.0))

    def range_inside(self, written: Span | None, low: float, high: float, of: str) -> tuple[float, float]:
        """The range under ``range``, rising and inside ``low``..``high``; that range itself when nothing is written."""
        if written is None:
            return low, high
        found = self.span("range", written)
        if found is None:
            return low, high
        if not (low <= found[0] and found[1] <= high):
            span = f"{show(low, '')}..{show(high, self.unit)}"
            self.draft.error((*self.path, "range"), f"{written.text} reaches outside {of}: {span}")
        return found

    def span(self, key: str, written: Span) -> tuple[float, float] | None:
        """A rising range, or None with an error."""
        try:
            low, high = span_in(written, self.unit)
        except Unreadable as error:
            self.draft.error((*self.path, key), str(error), error.hint)
            return None
        if low >= high:
            message = (
                f"the low end ({show(low, self.unit)}) is not below the high end ({show(high, self.unit)})"
            )
            self.draft.error((*self.path, key), message)
            return None
        return low, high

    def _positive(self, key: str, written: Quantity, value: float) -> float:
        if value < 0:
            self.draft.error((*self.path, key), f"{written.text} is negative; allowed: 0 or more")
        return value

    def _read(
        self, key: str, written: Quantity, reader: Callable[[Quantity, str], float], fallback: float
    ) -> float:
        try:
            return reader(written, self.unit)
        except Unreadable as error:
            self.draft.error((*self.path, key), str(error), error.hint)
            return fallback
