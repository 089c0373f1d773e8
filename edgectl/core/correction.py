"""Between what instruments say and what is true: the calibrations in force, applied to samples, confirmations and commands.

Everything in the core and its records is true as far as is known; only samples, confirmations and what is sent are in the instrument's own terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from edgectl.model.calibration import Calibration, CalibrationState
from edgectl.model.command import Command
from edgectl.model.image import Image
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.plan import ActuatorPlan

Calibrations = Mapping[str, CalibrationState]


def in_force(calibrations: Calibrations, name: str) -> Calibration | None:
    """The calibration of a tag or actuator; None where the instrument's word counts as it is."""
    state = calibrations.get(name)
    return None if state is None else state.current


def true_of(calibration: Calibration | None, reading: float) -> float:
    """What is true when the instrument says ``reading``."""
    return reading if calibration is None else (reading - calibration.offset) / calibration.slope


def reading_of(calibration: Calibration | None, true: float) -> float:
    """What the instrument says, or has to be told, when ``true`` is."""
    return true if calibration is None else calibration.offset + calibration.slope * true


def corrected(calibration: Calibration, sample: Sample) -> Sample:
    """A sample with the true value; one without a finite value as it is."""
    value = sample.value
    if value is None or not math.isfinite(value):
        return sample
    return sample._replace(value=true_of(calibration, value))


def confirmed(image: Image, calibrations: Calibrations) -> Image:
    """The image with what actuators really give instead of what their instruments were told."""
    found = {
        name: _achieved(calibration, image.achieved[name])
        for name, state in calibrations.items()
        if (calibration := state.current) is not None and name in image.achieved
    }
    return Image(image.samples, {**image.achieved, **found}) if found else image


def _achieved(calibration: Calibration, achieved: Achieved) -> Achieved:
    value = None if achieved.value is None else true_of(calibration, achieved.value)
    return achieved._replace(commanded=true_of(calibration, achieved.commanded), value=value)


def most(plan: ActuatorPlan, calibration: Calibration | None) -> float:
    """The most that an actuator can really give when its instrument is told its greatest value."""
    return plan.high if calibration is None else min(plan.high, true_of(calibration, plan.high))


def settings(
    commands: Iterable[Command], calibrations: Calibrations, plans: Mapping[str, ActuatorPlan]
) -> tuple[Command, ...]:
    """The commands as instruments have to be told them; never beyond the actuator's range."""
    return tuple(
        command
        if (calibration := in_force(calibrations, command.actuator)) is None
        else command._replace(value=_told(plans[command.actuator], calibration, command.value))
        for command in commands
    )


def _told(plan: ActuatorPlan, calibration: Calibration, value: float) -> float:
    return min(max(reading_of(calibration, value), plan.low), plan.high)
