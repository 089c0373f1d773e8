"""What happens when the uplink stays away, and who may ask for what."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import Field

from edgectl.config.actuator import Actuators
from edgectl.config.draft import Draft, Path
from edgectl.config.field import Amount, Duration, Section, within
from edgectl.config.loop import Loops
from edgectl.config.measure import Measure
from edgectl.config.quantity import show_duration
from edgectl.config.shape import read
from edgectl.model.loop import Mode
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.safety import AuthorityPlan, LadderPlan, RestartPlan

T = TypeVar("T", bound=Section)


class FallbackSetpoint(Section):
    """Where one set point goes, and how fast. It comes back as fast."""

    to: Amount = Field(description="The fallback set point", examples=["34 degC"])
    over: Annotated[Duration, within(1.0, 86_400.0)] | None = Field(
        None,
        description="Time for the way from the set point of unit.yaml; write over or rate",
        examples=["1 h"],
    )
    rate: Amount | None = Field(
        None, description="Speed of the set point; write over or rate", examples=["2 K/h"]
    )


class UplinkLossSection(Section):
    """What happens when the uplink stays away: first remote authority ends, much later the unit moves to its fallback set."""

    alarm_after: Annotated[Duration, within(1.0, 3600.0)] = Field(
        60.0,
        description="The uplink counts as lost: remote authority and remote manual outputs end",
        examples=["60 s"],
    )
    local_hold: Annotated[Duration, within(2.0, 30 * 86_400.0)] = Field(
        4 * 3600.0, description="The unit goes on by itself for so long, then takes the fallback set"
    )
    return_after: Annotated[Duration, within(0.0, 3600.0)] = Field(
        10.0, description="It is back when connected for so long on end", examples=["10 s"]
    )
    setpoints: dict[str, FallbackSetpoint] = Field(
        {},
        description="Fallback set points of loops; the others stay",
        examples=["{TIC-101: {to: 34 degC, over: 1 h}}"],
    )
    stop: list[str] = Field(
        [], description="Actuators held at their safe values by the fallback set", examples=["[P-102]"]
    )


class AuthoritySection(Section):
    """How long what people do by hand stands."""

    manual_for: Annotated[Duration, within(0.0, 86_400.0)] = Field(
        1800.0,
        description="A manual output goes back by itself after so long, unless asked for again; 0 s: never",
        examples=["30 min"],
    )
    warn_before: Annotated[Duration, within(0.0, 3600.0)] = Field(
        60.0, description="It is told so long before", examples=["60 s"]
    )
    longest_shelve: Annotated[Duration, within(60.0, 7 * 86_400.0)] = Field(
        8 * 3600.0, description="An alarm can be shelved for at most so long", examples=["8 h"]
    )


class RestartSection(Section):
    """What a start makes of the run before."""

    resume_within: Annotated[Duration, within(0.0, 3600.0)] = Field(
        120.0,
        description="After an outage of at most so long loops go on by themselves; after a longer one the unit comes up HELD and asks",
        examples=["2 min"],
    )


def _written(draft: Draft, path: Path, kind: type[T]) -> T | None:
    """The section at ``path``; None where nothing is written or it has errors."""
    node = draft.node(path)
    section: T | None = read(draft, path, node, kind) if node else None
    return section


def compile_ladder(draft: Draft, loops: Loops, actuators: Actuators) -> LadderPlan:
    """The section ``uplink_loss``; without one remote authority still ends, and nothing else happens."""
    path: Path = ("uplink_loss",)
    section = _written(draft, path, UplinkLossSection)
    if section is None:
        return LadderPlan()
    _check_times(draft, path, section)
    for i, name in enumerate(section.stop):
        draft.refer((*path, "stop", i), name, "actuator", actuators)
    setpoints, ramps = {}, {}
    for name, wanted in section.setpoints.items():
        place = (*path, "setpoints", name)
        loop = draft.refer(place, name, "loop", loops, on_key=True)
        if loop is not None:
            setpoints[name], ramps[name] = _setpoint(draft, place, wanted, loop)
    return LadderPlan(
        alarm_s=section.alarm_after,
        local_hold_s=section.local_hold,
        return_s=section.return_after,
        setpoints=tuple(setpoints.items()),
        ramps=tuple(ramps.items()),
        stop=tuple(section.stop),
    )


def _check_times(draft: Draft, path: Path, section: UplinkLossSection) -> None:
    if section.local_hold <= section.alarm_after:
        draft.error(
            (*path, "local_hold"),
            f"local_hold ({show_duration(section.local_hold)}) is not longer than alarm_after ({show_duration(section.alarm_after)})",
        )
    if section.return_after >= section.alarm_after:
        draft.error(
            (*path, "return_after"),
            f"return_after ({show_duration(section.return_after)}) is not shorter than alarm_after ({show_duration(section.alarm_after)}), "
            "so an uplink that has just connected would be called lost",
        )


def _setpoint(draft: Draft, path: Path, wanted: FallbackSetpoint, loop: LoopPlan) -> tuple[float, float]:
    """The fallback set point of a loop, and its ramp per second."""
    measure = Measure(draft, path, loop.unit)
    own = f"setpoint_range of loop {loop.name}"
    value = measure.value_inside("to", wanted.to, loop.setpoint_low, loop.setpoint_high, own)
    if loop.mode is Mode.CAS:
        draft.error(path, f"{loop.name} is in CAS and takes its set point from {loop.master}", on_key=True)
    if (wanted.over is None) == (wanted.rate is None):
        draft.error(
            path, "a fallback set point has either 'over' or 'rate'", "write one of them", on_key=True
        )
        return value, 0.0
    if wanted.over is not None:
        if value == loop.setpoint:
            message = (
                f"{loop.name} is at {wanted.to.text} already, so 'over' gives no ramp for another set point"
            )
            draft.error((*path, "over"), message, "write 'rate'", on_key=True)
        return value, abs(value - loop.setpoint) / wanted.over
    ramp = measure.rate("rate", wanted.rate)
    if ramp == 0.0:
        draft.error((*path, "rate"), "a ramp of 0 never arrives; allowed: more than 0")
    return value, ramp


def compile_authority(draft: Draft) -> AuthorityPlan:
    """The section ``authority``; defaults without one."""
    path: Path = ("authority",)
    section = _written(draft, path, AuthoritySection)
    if section is None:
        return AuthorityPlan()
    if 0.0 < section.manual_for <= section.warn_before:
        draft.error(
            (*path, "warn_before"),
            f"warn_before ({show_duration(section.warn_before)}) is not shorter than manual_for ({show_duration(section.manual_for)})",
        )
    return AuthorityPlan(section.manual_for, section.warn_before, section.longest_shelve)


def compile_restart(draft: Draft) -> RestartPlan:
    """The section ``restart``; defaults without one."""
    path: Path = ("restart",)
    section = _written(draft, path, RestartSection)
    return RestartPlan(section.resume_within) if section else RestartPlan()
