"""Memory of soft sensors between two scans."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from edgectl.model.instant import Instant


class Bin(NamedTuple):
    """Samples of one slot of a window: how many, and the sums of their times (s on the window's clock), values and second values."""

    samples: int = 0
    time: float = 0.0
    value: float = 0.0
    other: float = 0.0


class Fit(NamedTuple):
    """What has been learned of the nameplate's kLa: the factor on it, the oxygen uptake (mM/h) beside it, and their covariance.

    ``drive`` is the transfer at a factor of one (mM/h) as a probe with its lag would show it; None before the first sample. ``usual`` is what it has been of late, ``head`` the
    oxygen (mM) a liquid would hold in balance with the gas that leaves the bubbles.
    """

    factor: float = 1.0
    uptake: float = 0.0
    factor_var: float = 0.0
    cross: float = 0.0
    uptake_var: float = 0.0
    drive: float | None = None
    usual: float = 0.0
    head: float = 0.0


class Account(NamedTuple):
    """Acid and base of the liquid, mM: total inorganic carbon and how wrong it may be (None: not begun), base added since the start."""

    carbon: float | None = None
    carbon_error: float = 0.0
    base: float = 0.0


@dataclass(frozen=True, slots=True)
class SoftState:
    """Memory of one soft sensor.

    ``at`` is when the newest sample it took in was taken. ``slots`` are the whole slots of its window, oldest first, ``slot`` the running one, begun at
    ``begun_s`` of the window's clock, which stands at ``clock_s``. ``value``, ``error`` (standard error) and ``ratio`` are the estimate (None: none
    yet), ``doubt`` says why it is not GOOD and ``impossible`` why it cannot be (empty: it is, it can). ``said`` is the activity told last.
    """

    at: Instant | None = None
    clock_s: float = 0.0
    begun_s: float = 0.0
    slots: tuple[Bin, ...] = ()
    slot: Bin = field(default_factory=Bin)
    value: float | None = None
    error: float | None = None
    ratio: float | None = None
    doubt: str = "no estimate yet"
    impossible: str = ""
    fit: Fit = field(default_factory=Fit)
    account: Account = field(default_factory=Account)
    said: str = ""
