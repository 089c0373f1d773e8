"""What is written of liquids, compiled: feeds by a profile, and perfusion.

Flows of a feed are in its actuator's unit, its amounts in ``unit`` (that unit integrated over time, ``rate_s`` seconds of it make one).
Flows of a perfusion are in mL/min and its amounts in mL; where a pump speaks of mass, 1 g counts as 1 mL.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Profile(enum.Enum):
    """How the flow of a feed goes with its batch time."""

    NONE = "none"  # boluses alone
    CONSTANT = "constant"
    EXPONENTIAL = "exponential"  # flow * exp(growth * (time - begin)), at most ``most``
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class RatePlan:
    """A specific growth rate: ``planned`` per second, or while it is GOOD that of ``tag`` (``scale``: per second of one of its unit), 0 to ``most``."""

    planned: float = 0.0
    tag: str = ""
    scale: float = 1.0
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class BolusPlan:
    """``amount`` at ``flow``, beginning at batch time ``at_s``."""

    at_s: float
    amount: float
    flow: float


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """One feed. Its batch time is 0 at the start, and stands still while the feed is paused or something holds its actuator.

    The profile begins at ``begin_s``. ``table`` holds (time, flow), ``linear`` joins its points, otherwise each flow stands until the next. ``boluses``
    come on top. It is over after ``total`` (0: never) or ``stop_s`` (0: never). What falls short of the plan is made up with at most ``make_up``
    more flow and ``make_up_most`` in all; a difference of more than ``tell`` is told.
    """

    name: str
    actuator: str
    unit: str
    rate_s: float
    profile: Profile
    most: float
    flow: float = 0.0
    growth: RatePlan = RatePlan()
    table: tuple[tuple[float, float], ...] = ()
    linear: bool = False
    begin_s: float = 0.0
    stop_s: float = 0.0
    boluses: tuple[BolusPlan, ...] = ()
    total: float = 0.0
    make_up: float = 0.0
    make_up_most: float = 0.0
    tell: float = 0.0
    description: str = ""


@dataclass(frozen=True, slots=True)
class PumpPlan:
    """An actuator that moves liquid: ``scale`` mL/min are one of its unit, ``most`` is its greatest flow in mL/min."""

    actuator: str
    scale: float
    most: float


@dataclass(frozen=True, slots=True)
class ExchangePlan:
    """How much medium a perfusion feeds, in vessel volumes per day.

    ``specific`` (pL per cell and day; 0: none) times the density, within ``low``..``high``; while the density is not GOOD the rate stays as it is.
    Without it ``table`` holds (time, rate) over the time since the start, ``linear`` or in steps. ``ramp_per_s`` (0: none) limits every change.
    """

    table: tuple[tuple[float, float], ...]
    linear: bool = False
    specific: float = 0.0
    low: float = 0.0
    high: float = 0.0
    ramp_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BleedPlan:
    """Bleeding by viable cell density: ``target`` (cells/mL) is held by the share of the vessel that leaves with its cells.

    PI in time ``response_s`` around the growth rate. An UNCERTAIN density leaves the bleed as it is for ``hold_max_s``; then, and on BAD, nothing is bled.
    """

    pump: PumpPlan
    target: float
    response_s: float
    growth: RatePlan = RatePlan()
    hold_max_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PressurePlan:
    """Permeate is reduced where the transmembrane pressure ``tag`` passes ``low``, to nothing at ``high``; a pressure that is not known gives nothing."""

    tag: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BalancePlan:
    """What leaves follows what enters, and the weight trims it.

    ``weight`` (kg) is held on ``tag`` (``scale``: kg of one of its unit) with at most ``authority`` (share of the feed) more or less permeate, in time
    ``response_s``. ``above`` and ``below`` name the interlocks that stop feed and permeate. Over ``window_s`` the ledger is compared with the weight; a difference of
    more than ``tell`` (share of what entered) is told.
    """

    tag: str
    weight: float
    scale: float
    authority: float
    response_s: float
    above: str
    below: str
    window_s: float
    tell: float


@dataclass(frozen=True, slots=True)
class PerfusionPlan:
    """Perfusion: fresh medium in by ``feed``, spent medium out through the filter by ``permeate``, cells out by ``bleed``.

    ``volume_ml`` is the vessel volume that rates are about. ``others`` are what else enters. ``density`` is the tag of the viable cell density (empty: none),
    ``density_scale`` the cells/mL of one of its unit.
    """

    name: str
    feed: PumpPlan
    permeate: PumpPlan
    volume_ml: float
    exchange: ExchangePlan
    balance: BalancePlan
    others: tuple[PumpPlan, ...] = ()
    density: str = ""
    density_scale: float = 1.0
    bleed: BleedPlan | None = None
    pressure: PressurePlan | None = None
    description: str = ""

    @property
    def pumps(self) -> tuple[PumpPlan, ...]:
        """Every pump that counts in the balance, those that bring something in first."""
        out = (self.permeate, self.bleed.pump) if self.bleed else (self.permeate,)
        return (self.feed, *self.others, *out)
