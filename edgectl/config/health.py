"""The health of a loop: over which times it is judged, and what counts as ill."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Section, within
from edgectl.config.measure import Measure
from edgectl.config.shape import read
from edgectl.model.health_plan import HealthPlan
from edgectl.model.loop_plan import LoopPlan

_HOUR_S = 3600.0
_USUAL_S = 300.0  # integral time of a loop that has none
_SLOTS = (
    40.0  # a slot is this part of the integral time: half a swing of a badly tuned loop is dozens of slots
)
_LONGEST_SLOT_S = 30.0
_SETTLES = 15.0  # integral times, between half an hour and two hours
_BAND = 0.02  # of the range of set points: the band of a loop that has none
_SWING = 0.5  # of the band
_OVER_DEAD = 1.25  # of the dead band: within it nothing is regulated


class HealthSection(Section):
    """How the health of a loop is judged; what is not written follows from its integral time and band."""

    window: Annotated[Duration, within(600.0, 6 * _HOUR_S)] = Field(
        _HOUR_S,
        description="Shares of time and the mean error are those of the last so long",
        examples=["1 h"],
    )
    settle: Annotated[Duration, within(60.0, 24 * _HOUR_S)] | None = Field(
        None,
        description="A start or a new set point is left alone for so long. Without it: 15 integral times, from 30 min to 2 h",
        examples=["1 h"],
    )
    swing: Amount | None = Field(
        None,
        description="Amplitude from which a regular oscillation is worth a look. Without it: half of band, and above dead_band",
        examples=["0.1 K"],
    )
    at_limit: Amount | None = Field(
        None, description="Share of the window at an output limit. Without it: 50 %", examples=["50 %"]
    )
    not_regulating: Amount | None = Field(
        None,
        description="Share of the window not regulating although in AUTO or CAS. Without it: 20 %",
        examples=["20 %"],
    )
    spread: float = Field(
        3.0,
        ge=1.5,
        le=20.0,
        description="The mean error may be so many times what it used to be in this batch",
        examples=["3"],
    )


def _form(value: object) -> str:
    return "(off)" if isinstance(value, str) else "(judged)"


Health = Annotated[
    Annotated[Literal["off"], Tag("(off)")] | Annotated[HealthSection, Tag("(judged)")], Discriminator(_form)
]


def compile_health(draft: Draft, loop: LoopPlan | None, period_s: float) -> HealthPlan | None:
    """How the health of ``loop`` is judged; None if it is not, or there are errors."""
    if loop is None:
        return None
    path: Path = ("loops", loop.name, "health")
    node = draft.node(path)
    written = HealthSection.model_validate({}) if node is None else read(draft, path, node, Health)
    if not isinstance(written, HealthSection):
        return None
    measure, share = Measure(draft, path, loop.unit), Measure(draft, path, "%")
    integral_s = loop.integral_s or _USUAL_S
    band = loop.band or _BAND * (loop.setpoint_high - loop.setpoint_low)
    swing = measure.difference("swing", written.swing, max(_SWING * band, _OVER_DEAD * loop.dead_band))
    if written.swing is not None and swing <= loop.dead_band:
        draft.error((*path, "swing"), f"{written.swing.text} is not above the dead band of the loop")

    def part(key: str, amount: Amount | None, usual: float) -> float:
        return (
            usual
            if amount is None
            else share.value_inside(key, amount, 1.0, 100.0, "what is allowed") / 100.0
        )

    return HealthPlan(
        loop=loop.name,
        slot_s=max(period_s, min(_LONGEST_SLOT_S, integral_s / _SLOTS)),
        window_s=written.window,
        settle_s=written.settle or min(2 * _HOUR_S, max(0.5 * _HOUR_S, _SETTLES * integral_s)),
        swing=swing,
        band=band,
        at_limit=part("at_limit", written.at_limit, 0.5),
        idle=part("not_regulating", written.not_regulating, 0.2),
        spread=written.spread,
    )
