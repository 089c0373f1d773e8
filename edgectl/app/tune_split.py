"""Split ranges: each side is a plant of its own, and one law has to serve them all, so the calmest settings win."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from edgectl.app.tune import Proposal
from edgectl.model.experiment import Experiment
from edgectl.model.loop_plan import LoopPlan


def examined(loop: LoopPlan, experiment: Experiment) -> tuple[str, ...]:
    """The actuators that an experiment moved."""
    middle = (experiment.low + experiment.high) / 2.0
    return tuple(s.actuator for s in loop.segments if s.out_low < middle < s.out_high)


def unexamined(loop: LoopPlan, sides: tuple[str, ...], before: Mapping[str, str]) -> tuple[str, ...]:
    """The actuators of a split range that neither this experiment nor what was accepted before knows of."""
    known = {*sides, *known_sides(before)}
    return tuple(s.actuator for s in loop.segments if s.actuator not in known)


def known_sides(before: Mapping[str, str]) -> tuple[str, ...]:
    """The actuators whose sides stand behind what was accepted before."""
    return tuple(str(before.get("side", "")).split(" and ")) if before.get("side") else ()


def joined(proposal: Proposal, sides: tuple[str, ...], before: Mapping[str, str]) -> Proposal:
    """The proposal made to serve the sides examined before as well: the smaller gain, the longer integral time."""
    others = set(known_sides(before)) - set(sides)
    if not others:
        return proposal
    values, was = proposal.values, _number(before["gain"])
    calmer = dict(values) if abs(proposal.settings.gain) <= abs(was) else _law(before)
    longest = max((values, before), key=lambda law: _number(law.get("integral", "0 s")))
    if "integral" in longest:
        calmer["integral"] = str(longest["integral"])
    settings = replace(
        proposal.settings,
        gain=_number(calmer["gain"]),
        integral_s=_number(calmer.get("integral", "0 s")),
        derivative_s=_number(calmer.get("derivative", "0 s")),
        filter_s=_number(calmer.get("filter", "0 s")),
    )
    return replace(proposal, settings=settings, values=calmer)


def _law(entry: Mapping[str, str]) -> dict[str, str]:
    return {key: str(entry[key]) for key in ("gain", "integral", "derivative", "filter") if key in entry}


def _number(text: str) -> float:
    """The number of a value that ``tune`` wrote; its unit is always the same."""
    return float(str(text).split(" ", 1)[0])
